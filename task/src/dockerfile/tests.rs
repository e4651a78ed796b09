//! Dockerfiles, and what they build on.

use super::*;

fn read(text: &str, target: Option<&str>, arguments: &[(&str, &str)]) -> Result<Vec<String>, String> {
    let arguments: Vec<_> = arguments.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let platform = "linux/arm64".parse().unwrap();
    let given = Given { target, arguments: &arguments, platform: &platform };
    let shown = |Dependency { role, reference, pinned }: Dependency| {
        let role = match role {
            Role::Runtime => "runtime",
            Role::BuildTime => "build",
        };
        format!("{role} {reference}{}", if pinned { " pinned" } else { "" })
    };
    dependencies(text.as_bytes(), &given)
        .map(|found| found.into_iter().map(shown).collect())
        .map_err(|why| why.to_string())
}

#[test]
fn dependencies_are_those_of_the_stages_that_are_built() {
    let multi = "FROM --platform=$BUILDPLATFORM golang:1 AS Build\nRUN x\nFROM debian AS other\nFROM alpine:3\nCOPY --from=build /a /a\nCOPY --from=busybox:1 /b /b\n";
    type Row<'a> = (&'a str, Option<&'a str>, &'a [(&'a str, &'a str)], &'a [&'a str]);
    let table: [Row<'_>; 15] = [
        ("FROM alpine", None, &[], &["runtime alpine"]),
        ("FROM scratch\nCOPY a a", None, &[], &[]),
        (multi, None, &[], &["runtime alpine:3", "build busybox:1", "build golang:1 pinned"]),
        (multi, Some("build"), &[], &["runtime golang:1 pinned"]),
        (multi, Some("OTHER"), &[], &["runtime debian"]),
        ("FROM a AS x\nFROM x AS y\nFROM y", None, &[], &["runtime a"]),
        ("ARG V\nFROM a:${V:-1}", None, &[], &["runtime a:1"]),
        ("ARG V=1 R=reg.example/b\nFROM $R:$V", None, &[("V", "2")], &["runtime reg.example/b:2"]),
        ("FROM a:${V:-1}", None, &[("V", "2")], &["runtime a:1"]),
        ("FROM a-$TARGETARCH", None, &[], &["runtime a-arm64"]),
        ("FROM a\nRUN --mount=type=bind,from=tools:1,target=/t x", None, &[], &["runtime a", "build tools:1"]),
        ("FROM --platform=$TARGETPLATFORM a\nCOPY --from=b /b /b", None, &[], &["runtime a", "build b"]),
        (
            "FROM --platform=linux/amd64 a AS x\nFROM x\nCOPY --from=b /b /b",
            None,
            &[],
            &["runtime a pinned", "build b pinned"],
        ),
        (
            "FROM --platform=$BUILDPLATFORM a AS x\nFROM a\nCOPY --from=x /b /b",
            None,
            &[],
            &["runtime a", "build a pinned"],
        ),
        ("# escape=`\nFROM a\nRUN <<E\nFROM b\nE\n", None, &[], &["runtime a"]),
    ];
    for (text, target, arguments, expected) in table {
        let expected: Vec<String> = expected.iter().map(|line| (*line).to_owned()).collect();
        assert_eq!(read(text, target, arguments), Ok(expected), "{text}");
    }
}

#[test]
fn what_cannot_be_read_says_why() {
    let stages = "FROM a\n".repeat(5000);
    let table = [
        ("", "expected"),
        ("FROM a\nFROM b\nCOPY --from=$X /a /a", "is not an image reference"),
        ("ARG V=1.2.3\nFROM alpine:${V%%.*}", "`alpine:${V%%.*}` is not an image reference"),
        ("FROM A", "is not an image reference"),
        (stages.as_str(), "5000 stages; limit 1000"),
    ];
    for (text, expected) in table {
        let found = read(text, None, &[]).unwrap_err();
        assert!(found.contains(expected), "{}: {found}", acre_model::text::clip(text));
    }
    assert_eq!(read("FROM a", Some("no"), &[]), Err("it has no stage `no`".to_owned()));
}

#[test]
fn hostile_files_end_in_time() {
    let started = std::time::Instant::now();
    let heredocs: String = (0..20_000).map(|n| format!("<<E{n} ")).collect();
    let names: String = (0..999).map(|n| format!("FROM s{n} AS s{}\nCOPY --from=s{n} a a\n", n + 1)).collect();
    let chain: String = (0..900).map(|n| format!("FROM s{n} AS s{}\n", n + 1)).collect();
    for text in [
        format!("FROM a\n{}RUN x", "ONBUILD ".repeat(60_000)),
        format!("FROM a\nRUN {heredocs}\n"),
        format!("FROM a\nRUN {}", "\\\n".repeat(200_000)),
        format!("FROM {}", "${A:-".repeat(80_000)),
        format!("ARG {}\nFROM a", "A=$A$A ".repeat(50_000)),
        format!("ARG A=xxxxxxxxxx\n{}FROM $A", "ARG A=$A$A\n".repeat(40_000)),
        format!("FROM a\nCMD {}", "[".repeat(400_000)),
        format!("FROM a\nRUN {}", "--mount=from=b ".repeat(30_000)),
        names,
        format!("FROM a AS s0\n{chain}FROM s899\n{}", "COPY --from=s899 a a\n".repeat(24_000)),
        "\n".repeat(500_000),
        "# ".repeat(250_000),
    ] {
        let _ = read(&text, None, &[]);
        // Seconds in a build without optimisation on a busy machine; what has no bound takes hours.
        assert!(started.elapsed().as_secs() < 60, "{}", acre_model::text::clip(&text));
    }
}

mod arbitrary {
    use super::read;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn files_never_panic(lines in prop::collection::vec("(FROM|ARG|COPY|RUN|ONBUILD|ADD|#|CMD|ENV|HEALTHCHECK|SHELL)? ?(--[a-z]{0,8}=?)?[ -~\\t\u{e4}]{0,25}\\\\?", 0..10)) {
            let _ = read(&format!("FROM a\n{}", lines.join("\n")), None, &[("A", "1")]);
        }

        #[test]
        fn text_never_panics(text in "\\PC{0,100}") {
            let _ = read(&text, None, &[]);
        }
    }
}
