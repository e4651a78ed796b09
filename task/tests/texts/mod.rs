//! Texts that cost much to compile, for the tests that bound what they cost and for the bench that times it.

mod given;

pub(crate) use given::compile;

/// Bytes of a task file that is as large as it may be.
pub(crate) const MIB: usize = acre_task::TASK_SIZE;

/// A task of 40 steps on 10,000 lines, each step with some 240 variables, every second of them from the values.
pub(crate) fn long_task() -> String {
    let variable = |step: usize, n: usize| match n % 2 {
        0 => format!("      - STEP_{step}_VARIABLE_{n}={{{{ .Values.version }}}}-{n}\n"),
        _ => format!("      - STEP_{step}_VARIABLE_{n}=a value of some length, as they are\n"),
    };
    let step = |step: usize| {
        let variables: String = (0..246).map(|n| variable(step, n)).collect();
        format!("  - id: step-{step}\n    cmd: base:1 echo {step}\n    when: [\"-\"]\n    env:\n{variables}")
    };
    format!("version: v1.1.0\nsteps:\n{}", (0..40).map(step).collect::<String>())
}

/// Texts up to the largest that is read, each of which is expensive for one of the stages.
pub(crate) fn hostile() -> Vec<(&'static str, String)> {
    // As often as a task file may hold it.
    let full = |before: &str, part: &str| format!("{before}{}", part.repeat((MIB - before.len()) / part.len()));
    let numbered = |count: usize, line: &dyn Fn(usize) -> String| (0..count).map(line).collect::<String>();
    let builds = numbered(255, &|n| format!("  - build: {} .\n", format!("-t a{n} ").repeat(300)));
    let pushes = numbered(200, &|n| format!("a{n},"));
    let aliases = format!("version: v1.1.0\nalias:\n  values: {{a: {}}}\nsteps: []\nx: ", "y".repeat(MIB / 2));
    let variables = numbered(28, &|n| format!("V{n}={},", "x".repeat(32_000)));
    vec![
        ("brackets", full("", "[")),
        ("dashes", full("", "- ")),
        ("quotes", full("", "\"")),
        ("bytes that mean nothing", full("", "\u{7f}\u{1}é")),
        ("lines", full("", "\n")),
        ("comments", full("", "# a\n")),
        ("keys", numbered(90_000, &|n| format!("k{n}x: 1\n"))),
        ("keys of a step", format!("steps:\n  - {}", numbered(70_000, &|n| format!("k{n}: 1\n    ")))),
        (
            "keys that are merged",
            format!(
                "a: {{{} <<: {{{}}}}}\n",
                numbered(12_000, &|n| format!("k{n}: 1, ")),
                numbered(12_000, &|n| format!("m{n}: 1, "))
            ),
        ),
        ("nodes", full("steps: ", "- x\n").replacen("- x\n", "\n", 1)),
        ("one long text", full("steps:\n  - cmd: i ", "a")),
        ("quoted words", full("steps:\n  - cmd: i ", "\"'")),
        ("words", full("steps:\n  - cmd: i ", "a ")),
        ("steps", full("steps:\n", "  - cmd: i\n")),
        (
            "waits",
            format!(
                "steps:\n{}",
                numbered(256, &|n| format!("  - {{cmd: i, when: [{}]}}\n", format!("w{n},").repeat(30)))
            ),
        ),
        (
            "wide",
            format!(
                "platforms: [linux/amd64, linux/arm64, linux/386, linux/s390x]\nsteps:\n{builds}  - push: [{pushes}]\n"
            ),
        ),
        ("anchors", numbered(50_000, &|n| format!("a{n}: &a{n} x\n"))),
        (
            "anchors of anchors",
            format!("a0: &a0 x\n{}", numbered(20_000, &|n| format!("a{}: &a{} [*a{n}, *a{n}]\n", n + 1, n + 1))),
        ),
        ("actions", full("", "{{ . }}")),
        ("as many actions as may be", "{{.}}".repeat(20_000)),
        ("as many long actions as may be", "{{ $x := .a.b.c.d.e.f }}".repeat(20_000)),
        ("as many calls as may be", format!("{{{{ print {}}}}}", "1 ".repeat(60)).repeat(4_000)),
        ("as many pipelines as may be", format!("{{{{ 1 {}}}}}", "|not".repeat(60)).repeat(2_000)),
        ("as many texts as may be", format!("{{{{ {}}}}}", "\"\"".repeat(60)).repeat(4_000)),
        ("unknown functions", full("", "{{ nope }}")),
        ("missing values", full("steps: [] #", "{{ .Values.no }}")),
        ("parentheses of an action", full("steps: [] {{ ", "(")),
        ("pairs of parentheses", format!("steps: [] {{{{ {}1{} }}}}", "(".repeat(90), ")".repeat(90))),
        ("a long pipeline", full("steps: [] {{ 1 ", "| print ")),
        ("arguments", full("steps: [] {{ print ", "1 ")),
        ("lists in lists", full("steps: [] {{ print ", "(list 1 2) ")),
        ("a long field", full("steps: [] {{ .", "a.")),
        ("conditions in conditions", format!("{}{}", "{{ if true }}".repeat(99), "{{ end }}".repeat(99))),
        ("loops in loops", format!("{}{}", "{{ range list 1 2 }}".repeat(60), "{{ end }}".repeat(60))),
        ("branches", full("", "{{ if true }}{{ else if true }}")),
        ("templates", numbered(10_000, &|n| format!("{{{{ define \"{n}\" }}}}x{{{{ end }}}}\n"))),
        ("variables", numbered(20_000, &|n| format!("{{{{ $v{n} := .Run }}}}\n"))),
        (
            "a chain of variables",
            format!("{{{{ $v0 := .Run }}}}{}", numbered(19_000, &|n| format!("{{{{ $v{} := $v{n} }}}}\n", n + 1))),
        ),
        (
            "a chain of variables, backwards",
            format!("{}{{{{ $v0 := .Run }}}}", numbered(19_000, &|n| format!("{{{{ $v{} = $v{n} }}}}\n", n + 1))),
        ),
        ("a long separator", "{{ join (repeat 500000 \"x\") (until 100000) | len }}".to_owned()),
        ("a long break", "{{ wrapWith 1 (repeat 500000 \"x\") (repeat 250000 \"a \") | len }}".to_owned()),
        (
            "a large set",
            "{{ range until 60 }}{{ trimAll (print (repeat 500000 \"b\") \"a\") (repeat 500000 \"a\") | len }}{{ end }}".to_owned(),
        ),
        ("doubles", "{{ $l := until 1000 }}{{ range until 3000 }}{{ $x := uniq $l }}{{ end }}".to_owned()),
        (
            "deep JSON",
            "{{ $l := until 200000 }}{{ range until 120 }}{{ $l = list $l }}{{ end }}{{ toPrettyJson $l | len }}".to_owned(),
        ),
        ("variables of many steps", format!("env: [{variables}]\nsteps:\n{}", "  - cmd: x\n".repeat(256))),
        (
            "variables on many platforms",
            format!(
                "env: [A={}]\nsteps:\n{}",
                "x".repeat(30_000),
                "  - {cmd: x, platforms: [linux/amd64, linux/arm64, linux/386, linux/s390x]}\n".repeat(256)
            ),
        ),
        (
            "one platform many times",
            format!("steps:\n  - cmd: --platform {} x {}\n", "linux/386,linux/i386,".repeat(1_500) + "linux/386", "y".repeat(20_000)),
        ),
        (
            "aliases that count",
            format!(
                "version: v1.1.0\nalias:\n  values:\n{}steps:\n  - cmd: a1 x\n  - cmd: a2 x\n",
                numbered(12_000, &|n| format!("    a{n}: '{{{{range until 1000}}}}{{{{range until 900}}}}{{{{end}}}}{{{{end}}}}'\n"))
            ),
        ),
        (
            "mounts",
            format!(
                "steps:\n{}",
                numbered(4, &|_| format!("  - cmd: {} x\n", numbered(5_000, &|n| format!("-v d:/{n} "))))
            ),
        ),
        (
            "files of a volume",
            format!("volumes:\n  - name: v\n    secret: {{{}}}\nsteps: []\n", numbered(24_000, &|n| format!("f{n}: YQ==, "))),
        ),
        ("facts", full("version: v1.1.0\nsteps:\n  - cmd: i ", "$ID")),
        ("aliases", full(&aliases, "$a")),
    ]
}
