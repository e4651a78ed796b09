//! Templates, and what they render to.

use super::*;
use crate::RunFacts;
use acre_model::{ids::RunId, platform::Platform, secret::Nonce, submission::NamedText};

fn rendered(text: &str) -> Result<Rendered, String> {
    let facts = RunFacts {
        id: RunId::new(1_795_197_781, 7, 0),
        now: Timestamp::from_millis(1_795_197_781_000),
        commit: None,
        branch: Some("x\"; rm -rf /".to_owned()),
        repository: None,
        git_tag: Some("v1.0".to_owned()),
        triggered_by: "a b".to_owned(),
        task_name: None,
        nonce: Nonce::new(7),
    };
    let values = "m: {a: 1, b: [x, y]}\ns: text\nn: 7\nt: true\nempty: \"\"\nnil: ~\n";
    let values = NamedText { name: "v".to_owned(), text: values.to_owned() };
    let sets = [("set.deep".to_owned(), "1".to_owned())];
    let values = Values::read(&[values], &sets, &["pw".to_owned()], &facts.nonce).unwrap();
    let data = Data::new(&facts, None, &Platform::linux_amd64(), values);
    let errors =
        |found: Vec<Diagnostic>| found.iter().map(|found| found.message.clone()).collect::<Vec<_>>().join("; ");
    render(text, &Listing::new("f", text), &data, facts.now).map_err(errors)
}

#[test]
fn functions_give_what_sprig_gives() {
    let table = [
        ("{{ .Run.RegistryName | default \"none\" }}", "none"),
        (
            "{{ \" a \" | trim }}{{ trimSuffix \".git\" \"a.git\" }}{{ trimPrefix \"v\" \"v1\" }}{{ trimAll \"$\" \"$5$\" }}",
            "aa15",
        ),
        ("{{ upper \"a\" }}{{ lower \"B\" }}{{ title \"foo bar\" }}{{ nospace \"a b\" }}", "AbFoo Barab"),
        (
            "{{ replace \"/\" \"-\" \"a/b/c\" }} {{ trunc 3 \"abcdef\" }} {{ trunc -2 \"abcdef\" }} {{ substr 1 3 \"abcd\" }}",
            "a-b-c abc ef bc",
        ),
        ("{{ quote \"a\\\"b\" 1 }} {{ squote \"x\" }}", "\"a\\\"b\" \"1\" 'x'"),
        ("{{ indent 2 \"a\\nb\" }}|{{ nindent 1 \"a\" }}", "  a\n  b|\n a"),
        ("{{ b64enc \"hello\" }} {{ b64dec \"aGVsbG8=\" }} {{ b64enc .Values.nil }}|", "aGVsbG8= hello |"),
        ("{{ toJson .Values.m }} {{ (fromJson \"{\\\"k\\\":[1]}\").k }}", "{\"a\":1,\"b\":[\"x\",\"y\"]} [1]"),
        ("{{ toJson \"<a>&\" }} {{ toRawJson \"<a>&\" }}", r#""\u003ca\u003e\u0026" "<a>&""#),
        (
            "{{ typeOf list }} {{ typeOf 1 }} {{ typeIs \"int\" 1 }} {{ kindIs \"int64\" 1 }}",
            "[]interface {} int true true",
        ),
        (
            "{{ mustSlice (list 1 2 3) 1 2 }} {{ hello }} {{ trimall \"ab\" \"abxba\" }} {{ uniq (list 1 \"1\" 1.5 1 \"1\") | len }}",
            "[2] Hello! x 3",
        ),
        (
            "{{ index .Values.m.b 1 }}{{ index .Values \"m\" \"b\" 0 }}{{ must_date_modify \"1h\" now | date \"15\" }}",
            "yx19",
        ),
        ("{{ contains \"b\" \"abc\" }} {{ hasPrefix \"a\" \"abc\" }} {{ hasSuffix \"a\" \"abc\" }}", "true true false"),
        ("{{ join \",\" (splitList \"/\" \"a/b\") }} {{ (split \"/\" \"a/b\")._1 }}", "a,b b"),
        (
            "{{ ternary \"y\" \"n\" .Values.t }} {{ coalesce .Values.empty .Values.s }} {{ empty .Values.empty }}",
            "y text true",
        ),
        ("{{ first .Values.m.b }}{{ last .Values.m.b }}{{ len (list 1 2 3) }}{{ has \"x\" .Values.m.b }}", "xy3true"),
        (
            "{{ get (dict \"k\" \"v\") \"k\" }} {{ hasKey .Values \"s\" }} {{ keys .Values.m | join \",\" }}",
            "v true a,b",
        ),
        (
            "{{ add 1 2 3 }} {{ sub 5 2 }} {{ mul 2 .Values.n }} {{ div 7 2 }} {{ mod 7 2 }} {{ max 1 3 2 }}",
            "6 3 14 3 1 3",
        ),
        ("{{ range $i, $v := .Values.m.b }}{{ $i }}{{ $v }}{{ end }}{{ with .Values.s }}{{ . }}{{ end }}", "0x1ytext"),
        ("{{ if and .Values.t (eq .Values.s \"text\") }}y{{ else if .x }}z{{ else }}n{{ end }}", "y"),
        ("a {{- /* c */ -}} b{{ define \"d\" }}<{{ . }}>{{ end }}{{ template \"d\" 1 }}", "ab<1>"),
        (
            "{{ .Values.set.deep }} {{ .Run.Architecture }} {{ .Build.ID }} {{ now }}",
            "1 amd64 2px2pn0700 2026-11-20 18:03:01 +0000 UTC",
        ),
        ("{{ printf \"%s-%05d\" .Values.s .Values.n }} {{ \"{{\" }}", "text-00007 {{"),
        ("{{ .ValuesJSON | fromJson | len }} {{ (fromJson .RunJSON).OS }}", "7 linux"),
    ];
    for (text, expected) in table {
        assert_eq!(rendered(text).map(|rendered| rendered.text).as_deref(), Ok(expected), "{text}");
    }
}

#[test]
fn what_is_not_there_prints_as_nothing_and_is_told_once_where_it_is_printed() {
    let table = [
        ("{{ .Values.no }}", 1),
        ("{{ .Values.no.deeper }}", 1),
        ("{{ $x := .Values.no }}{{ $x }}", 1),
        ("{{ printf \"%s\" .Values.no }}", 1),
        ("{{ range until 5 }}{{ $.Values.no }}{{ end }}", 1),
        ("{{ index .Values \"no\" }}", 1),
        ("{{ .Values.no | default \"\" }}{{ if .Values.no }}{{ end }}{{ if eq .Values.no \"x\" }}{{ end }}", 0),
        ("{{ with .Values.no }}{{ . }}{{ end }}{{ .Values.empty }}", 0),
    ];
    for (text, warnings) in table {
        let rendered = rendered(text).unwrap();
        assert_eq!((rendered.text.trim(), rendered.warnings.len()), ("", warnings), "{text}: {:?}", rendered.warnings);
    }
}

#[test]
fn what_comes_from_outside_is_marked_wherever_it_goes() {
    let hostile = [
        "{{ .Run.Branch }}",
        "{{ .Run.Branch | upper | lower }}",
        "{{ printf \"%s\" .Run.Branch }}",
        "{{ $b := .Run.Branch }}{{ $b }}",
        "{{ with .Run }}{{ .Branch }}{{ end }}",
        "{{ with .Run.Branch }}{{ . }}{{ end }}",
        "{{ range list .Run.Branch }}{{ . }}{{ end }}",
        "{{ range $v := list .Run.Branch }}{{ $v }}{{ end }}",
        "{{ define \"d\" }}{{ . }}{{ end }}{{ template \"d\" .Run.Branch }}",
        "{{ define \"d\" }}{{ template \"e\" . }}{{ end }}{{ define \"e\" }}{{ . }}{{ end }}{{ template \"d\" .Run.Branch }}",
        "{{ index .Run \"Branch\" }}",
        "{{ get .Run \"Branch\" }}",
        "{{ (index .Run \"Branch\") }}",
        "{{ $r := .Run }}{{ $r.Branch }}",
        "{{ index . \"Run\" \"Branch\" }}",
        "{{ index $ \"Run\" \"Branch\" }}",
        "{{ (index . \"Run\").Branch }}",
        "{{ get (get . \"Run\") \"Branch\" }}",
        "{{ range $k, $v := . }}{{ if eq $k \"Run\" }}{{ $v.Branch }}{{ end }}{{ end }}",
        "{{ $r := . }}{{ index $r \"Run\" \"Branch\" }}",
        "{{ define \"d\" }}{{ index . \"Run\" \"Branch\" }}{{ end }}{{ template \"d\" . }}",
        "{{ define \"d\" }}{{ $.Branch }}{{ end }}{{ template \"d\" .Run }}",
        "{{ with . }}{{ .Run.Branch }}{{ end }}",
        "{{ $a := \"\" }}{{ range until 2 }}{{ $a }}{{ $a = $.Run.Branch }}{{ end }}",
    ];
    for text in hostile {
        let rendered = rendered(text).unwrap();
        assert!(!rendered.text.contains("rm"), "{text}: {}", rendered.text);
        assert_eq!(rendered.inert.open(&rendered.text), "x\"; rm -rf /", "{text}");
    }
    let harmless = [
        "{{ .Run.GitTag }} {{ .Run.ID }} {{ .Values.s }} {{ \"a b\" }}",
        "{{ define \"d\" }}{{ printf \"%s b\" .Values.s }}{{ end }}{{ template \"d\" . }}",
        "{{ $root := . }}{{ range .Values.m.b }}{{ printf \"%s b %s\" . $root.Values.s }}{{ end }}",
        "{{ with .Values }}{{ printf \"%s b %s\" .s $.Values.s }}{{ end }}",
    ];
    for text in harmless {
        let plain = rendered(text).unwrap();
        assert!(plain.inert.is_empty(), "{plain:?}");
    }
}

#[test]
fn limits_hold() {
    let nested = format!("{}x{}", "{{ if true }}".repeat(300), "{{ end }}".repeat(300));
    let branches = format!("{{{{ if false }}}}{}{{{{ end }}}}", "{{- else\tif false }}".repeat(10_000));
    let many = format!("{{{{ print {} }}}}", "1 ".repeat(100));
    let table = [
        ("{{ $s := \"x\" }}{{ range until 30 }}{{ $s = print $s $s }}{{ end }}", "more than 1 MiB"),
        ("{{ $l := list 1 }}{{ range until 30 }}{{ $l = list $l $l }}{{ end }}", "more than 1 MiB"),
        ("{{ $l := list 1 }}{{ range until 300 }}{{ $l = list $l }}{{ end }}", "nested deeper than 128"),
        ("{{ range until 2000000 }}{{ end }}", "more than 1 MiB"),
        ("{{ range 2000000 }}{{ end }}", "more than 1000000 operations"),
        ("{{ range until 100000 }}xxxxxxxxxxxxxxxx{{ end }}", "renders to more than 1 MiB"),
        ("{{ repeat 2000000 \"x\" }}", "more than 1 MiB"),
        ("{{ repeat 1000 (repeat 10000 \"x\") }}", "more than 1 MiB"),
        ("{{ replace \"\" (repeat 10000 \"x\") (repeat 10000 \"x\") }}", "more than 1 MiB"),
        ("{{ indent 1000000 \"\\n\\n\" }}", "more than 1 MiB"),
        ("{{ define \"a\" }}{{ template \"a\" }}{{ end }}{{ template \"a\" }}", "calls itself without end"),
        (&nested, "nesting"),
        (&many, "more than 64 arguments"),
        (&branches, "more than 64 `else if`"),
        ("{{ add 9223372036854775807 1 }}", "no result within 64 bits"),
        ("{{ div 1 0 }}", "no result within 64 bits"),
        ("{{ fail \"why\" }}", "why"),
        ("{{ upper }}", "takes 1 arguments, not 0"),
        ("{{ .Run.Registry }}", "no registry is known"),
        ("{{ printf \"%s\" $.Run.Registry }}", "no registry is known"),
        ("{{ $r := .Run.Registry }}{{ $r }}/x", "no registry is known"),
        ("{{ with .Run }}{{ .RegistryName }}{{ end }}", "no registry is known"),
        ("{{ index .Run \"Registry\" }}", "no registry is known"),
        ("{{ get .Run \"Registry\" }}", "no registry is known"),
        ("{{ toDate \"2006-01-02\" \"2026-02-31\" }}", "is not a date"),
        ("{{ semverCompare \"x.y\" \"1\" }}", "is not a version"),
        ("{{ join (repeat 500000 \"x\") (until 100000) | len }}", "more than 1 MiB"),
        ("{{ wrapWith 1 (repeat 500000 \"x\") (repeat 250000 \"a \") | len }}", "more than 1 MiB"),
        (
            "{{ $l := until 100000 }}{{ range until 100 }}{{ $l = list $l }}{{ end }}{{ toPrettyJson $l | len }}",
            "more than 1 MiB",
        ),
        ("{{ template \"no\" }}", "undefined template"),
        ("{{ end }}", "ends what was not begun"),
        ("a{{ end }}b", "ends what was not begun"),
        ("a{{ else }}b", "not a valid template"),
        ("{{ if true }}a", "not a valid template: this `if` is not ended"),
        ("{{ range list 1 }}{{ if true }}{{ end }}", "this `range` is not ended"),
    ];
    for (text, expected) in table {
        let found = rendered(text).map_or_else(|why| why, |rendered| rendered.text);
        assert!(found.contains(expected), "{}: {found}", acre_model::text::clip(text));
    }
}

/// Every way to nest that the engine counts, or [`syntax::check`] does, to its limit and in one another: the stack of
/// a test's thread, 2 MiB, must bear it.
#[test]
fn the_deepest_nesting_does_not_exhaust_the_stack() {
    let nested =
        |depth: usize, inner: &str| format!("{}{inner}{}", "{{ if true }}".repeat(depth), "{{ end }}".repeat(depth));
    let branches = |inner: &str| {
        format!("{{{{ if false }}}}{}{{{{ else }}}}{inner}{{{{ end }}}}", "{{ else if false }}".repeat(64))
    };
    let parens = |depth: usize| format!("{{{{ {}print 1{} }}}}", "(".repeat(depth), ")".repeat(depth));
    for depth in [95, 60, 30] {
        let inner = nested(depth, &branches(&parens(98 - depth)));
        let _ = rendered(&inner);
        let _ = rendered(&format!(
            "{{{{ define \"a\" }}}}{}{{{{ end }}}}{{{{ template \"a\" }}}}",
            nested(depth, &format!("{}{{{{ template \"a\" }}}}", parens(98 - depth)))
        ));
    }
    let found = rendered(&nested(60, &branches(&parens(30)))).map(|rendered| rendered.text);
    assert_eq!(found.as_deref(), Ok("1"));
}

#[test]
fn lines_know_where_they_come_from() {
    let text = "a\n{{- /* x\n y */ -}}\n\nb\n{{ range until 2 }}\nc {{ \"d\\ne\" }}\n{{ end }}f";
    let rendered = rendered(text).unwrap();
    let lines: Vec<(&str, u32)> = rendered.text.lines().zip(rendered.origins).collect();
    let expected = [("ab", 1), ("", 6), ("c d", 7), ("e", 7), ("", 6), ("c d", 7), ("e", 7), ("f", 8)];
    assert_eq!(lines, expected);
}

#[test]
fn the_rest_of_sprig_gives_what_sprig_gives() {
    let table = [
        (
            "{{ camelcase \"http_server\" }} {{ kebabcase \"FirstName\" }} {{ snakecase \"FirstName\" }}",
            "HttpServer first-name first_name",
        ),
        (
            "{{ initials \"First Try\" }} {{ abbrev 5 \"hello world\" }} {{ swapcase \"aB\" }} {{ untitle \"Ab\" }}",
            "FT he... Ab ab",
        ),
        (
            "{{ plural \"one\" \"many\" 2 }} {{ wrapWith 5 \"|\" \"aaaa bb\" }} {{ b32enc \"a\" | b32dec }}",
            "many aaaa|bb a",
        ),
        (
            "{{ regexMatch \"^v[0-9]+$\" \"v12\" }} {{ regexReplaceAll \"a(x*)b\" \"-ab-axxb-\" \"${1}W\" }}",
            "true -W-xxW-",
        ),
        (
            "{{ regexFind \"[a-z]+\" \"1ab2\" }} {{ regexFindAll \"[0-9]\" \"1a2b3\" 2 | join \",\" }} {{ mustRegexMatch \"a\" \"b\" }}",
            "ab 1,2 false",
        ),
        (
            "{{ regexSplit \"z+\" \"pizza\" -1 | join \",\" }} {{ regexQuoteMeta \"1.2\" }} {{ regexReplaceAllLiteral \"a\" \"aa\" \"$1\" }}",
            "pi,a 1\\.2 $1$1",
        ),
        (
            "{{ semverCompare \">=1.2, <2\" \"v1.9.0\" }} {{ (semver \"v1.2.3-rc.1\").Minor }} {{ (semver \"1\").Patch }}",
            "true 2 0",
        ),
        (
            "{{ base \"a/b.tar.gz\" }} {{ dir \"a/b/c\" }} {{ ext \"a.x/b\" }}|{{ clean \"a/../../b//c\" }} {{ isAbs \"/a\" }}",
            "b.tar.gz a/b |../b/c true",
        ),
        (
            "{{ sha256sum \"a\" | trunc 8 }} {{ sha1sum \"a\" | trunc 8 }} {{ sha512sum \"a\" | trunc 8 }} {{ adler32sum \"a\" }}",
            "ca978112 86f7e437 1f40fc92 6422626",
        ),
        (
            "{{ addf 1.5 2 }} {{ divf 1 4 }} {{ round 123.5555 2 }} {{ ceil 1.1 }} {{ floor -1.1 }} {{ atoi \"7\" }}",
            "3.5 0.25 123.56 2 -2 7",
        ),
        (
            "{{ untilStep 3 9 3 | join \",\" }} {{ seq 3 }} {{ seq 0 2 4 }} {{ chunk 2 (list 1 2 3) | len }}",
            "3,6 1 2 3 0 2 4 2",
        ),
        (
            "{{ without (list 1 2 1) 1 }} {{ compact (list 1 \"\" 2) | join \",\" }} {{ dig \"a\" \"b\" \"no\" .Values.m }}",
            "[2] 1,2 no",
        ),
        (
            "{{ (pick .Values.m \"a\").a }} {{ omit .Values.m \"b\" | keys | join \",\" }} {{ pluck \"a\" .Values.m | first }}",
            "1 a 1",
        ),
        (
            "{{ (mergeOverwrite (dict \"a\" 1) (dict \"a\" 2)).a }} {{ kindIs \"slice\" .Values.m.b }} {{ deepEqual (list 1) (list 1) }}",
            "2 true true",
        ),
        (
            "{{ date \"2006-01-02\" (dateModify \"-24h\" now) }} {{ htmlDate now }} {{ duration 95 }} {{ durationRound \"2h10m\" }}",
            "2026-11-19 2026-11-20 1m35s 2h",
        ),
        (
            "{{ toDate \"2006-01-02\" \"2020-02-29\" | unixEpoch }} {{ ago (dateModify \"-90s\" now) }} {{ dateInZone \"15:04\" now \"UTC\" }}",
            "1582934400 1m30s 18:03",
        ),
        (
            "{{ (urlParse \"https://u@h:1/p?q#f\").hostname }} {{ urlJoin (dict \"scheme\" \"https\" \"host\" \"h\" \"path\" \"/p\") }}",
            "h https://h/p",
        ),
        ("{{ randAlphaNum 12 | len }} {{ randInt 3 4 }} {{ uuidv4 | len }} {{ shuffle \"aaa\" }}", "12 3 36 aaa"),
    ];
    for (text, expected) in table {
        assert_eq!(rendered(text).map(|rendered| rendered.text).as_deref(), Ok(expected), "{text}");
    }
    let chance = "{{ randAlphaNum 20 }}{{ uuidv4 }}";
    assert_eq!(rendered(chance).unwrap().text, rendered(chance).unwrap().text, "the same run, the same text");
}

#[test]
fn secrets_stand_as_tokens_with_their_filters() {
    let table = [
        ("{{ .Secrets.x }}", "{{.Secrets.x}}"),
        ("a{{ $.Secrets.x }}b {{ .Values.pw }}", "a{{.Secrets.x}}b {{.Secrets.set.pw}}"),
        ("{{ .Secrets.x | trim | b64enc | nindent 4 }}", "{{.Secrets.x | trim | b64enc | nindent4}}"),
        (
            "{{ quote .Secrets.x }}{{ squote .Secrets.x }}{{ toJson .Secrets.x }}",
            "{{.Secrets.x | quote}}{{.Secrets.x | squote}}{{.Secrets.x | toJson}}",
        ),
        ("{{ index .Secrets \"db-password\" }}{{ get $.Secrets \"x.y\" }}", "{{.Secrets.db-password}}{{.Secrets.x.y}}"),
        ("{{ .Values.no | default .Secrets.x }}{{ required \"m\" .Secrets.x }}", "{{.Secrets.x}}{{.Secrets.x}}"),
        ("{{ if .Values.pw }}set{{ end }}{{ with .Secrets.x }}{{ . }}{{ end }}", "set{{.Secrets.x}}"),
        ("{{ $s := .Secrets.x }}{{ range list $s }}{{ . | b64dec }}{{ end }}", "{{.Secrets.x | b64dec}}"),
        ("{{ define \"t\" }}<{{ . }}>{{ end }}{{ template \"t\" .Secrets.x }}", "<{{.Secrets.x}}>"),
        ("{{ .ValuesJSON | contains \"pw\" }}", "false"),
    ];
    let nonce = Nonce::new(7);
    for (text, expected) in table {
        let found =
            rendered(text).map(|rendered| acre_model::secret::shown(&rendered.inert.open(&rendered.text), &nonce));
        assert_eq!(found.as_deref(), Ok(expected), "{text}");
    }
    let refused = [
        ("{{ upper .Secrets.x }}", "`upper` cannot be put on the secret `x`"),
        ("{{ .Secrets.x | printf \"a%s\" }}", "`printf` cannot be put on the secret `x`"),
        ("{{ print \"a\" .Values.pw }}", "`print` cannot be put on the secret `set.pw`"),
        ("{{ eq .Secrets.x \"a\" }}", "`eq` cannot be put on the secret `x`"),
        ("{{ len .Secrets.x }}", "`len` cannot be put on the secret `x`"),
        ("{{ list .Secrets.x | join \",\" }}", "`join` cannot be put on the secret `x`"),
        ("{{ toJson (dict \"a\" .Secrets.x) }}", "`toJson` takes the secret `x` alone"),
        ("{{ .Secrets.x | sha256sum }}", "`sha256sum` cannot be put on the secret `x`"),
        ("{{ quote .Secrets.x \"a\" }}", "takes the secret `x` alone"),
        ("{{ .Secrets.x | nindent 300 }}", "needs a number from 0 to 255"),
        ("{{ .Secrets }}", "is used by the name of one secret"),
        ("{{ range .Secrets }}{{ end }}", "is used by the name of one secret"),
        ("{{ .Secrets.a.b }}", "is used by the name of one secret"),
        ("{{ index .Secrets \"a b\" }}", "is not a secret id"),
        ("{{ index .Secrets.x 0 }}", "`index` cannot be put on the secret `x`"),
        ("{{ index (list .Values.pw) 0 5 }}", "`index` cannot be put on the secret `set.pw`"),
        ("{{ bcrypt \"x\" }}", "a task makes no keys"),
        ("{{ set .Values \"a\" 1 }}", "a value does not change"),
    ];
    for (text, expected) in refused {
        let found = rendered(text).map_or_else(|why| why, |rendered| rendered.text);
        assert!(found.contains(expected), "{text}: {found}");
    }
}
