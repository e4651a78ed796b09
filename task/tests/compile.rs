//! The whole way from text to plan, on files: the corpus of `tests/conformance`, ACR's own introductions in
//! `tests/examples`, and arbitrary text.
//!
//! A case is a folder `NNN-name` with the task file `acb.yaml`, what is expected of it in `expect.txt`, and where
//! needed `input.yaml` (values), `set.txt` (`k=v` lines), `options.txt` (`platforms`, `registry`, `no-tree`,
//! `source`, `branch`, `secret-sets`, `narrow`, `kept`; `actions` and `rendered` show more of the outcome) and a folder
//! `tree` with the source. `UPDATE=1` writes what was found over what is expected, for reading.

#![allow(clippy::unwrap_used, reason = "a test says what is wrong by panicking")]

#[path = "texts/given.rs"]
mod given;

use acre_model::{
    digest::Digest,
    ids::RunId,
    plan::Plan,
    platform::Platform,
    report::{Image, ImageName},
    secret::{self, Nonce},
    submission::{NamedText, Narrowing},
    time::Timestamp,
};
use acre_task::{
    Files, Input, RunFacts, compile, plan,
    synth::{self, BuildRequest},
};
use std::{
    fs,
    path::{Path, PathBuf},
};

/// 2026-11-20T18:03:01Z.
const NOW: u64 = 1_795_197_781;

fn facts() -> RunFacts {
    RunFacts {
        id: RunId::new(NOW, 7, 0),
        now: Timestamp::from_millis(NOW * 1000),
        commit: Some("5f1c".repeat(10)),
        branch: Some("main".to_owned()),
        repository: None,
        git_tag: None,
        triggered_by: "manual".to_owned(),
        task_name: None,
        nonce: Nonce::new(7),
    }
}

/// The source of a case.
struct Tree(PathBuf);

impl Files for Tree {
    fn read(&self, path: &str) -> Option<Vec<u8>> {
        fs::read(self.0.join(path)).ok()
    }

    fn list(&self, folder: &str) -> Option<Vec<String>> {
        // A folder that is not there has nothing in it.
        let Ok(entries) = fs::read_dir(self.0.join(folder)) else { return Some(Vec::new()) };
        let mut names: Vec<String> =
            entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        Some(names)
    }
}

/// A line of `options.txt`: a name, and what stands after it.
fn option<'a>(options: &'a str, name: &str) -> Option<&'a str> {
    let lines = options.lines().map(|line| line.split_once(' ').unwrap_or((line, "")));
    lines.filter(|(own, _)| *own == name).map(|(_, value)| value.trim()).next()
}

/// The plan of a case as text, with its warnings above it; or its faults.
fn outcome(case: &Path) -> String {
    let file = |name: &str| fs::read_to_string(case.join(name)).unwrap_or_default();
    let (text, values, sets, options) = (file("acb.yaml"), file("input.yaml"), file("set.txt"), file("options.txt"));
    let platforms: Vec<Platform> = option(&options, "platforms")
        .map(|list| list.split(',').map(|platform| platform.parse().unwrap()).collect())
        .unwrap_or_default();
    let sets: Vec<(String, String)> =
        sets.lines().filter_map(|line| line.split_once('=')).map(|(k, v)| (k.to_owned(), v.to_owned())).collect();
    let values = NamedText { name: "input.yaml".to_owned(), text: values };
    let secret_sets: Vec<String> =
        option(&options, "secret-sets").map(|list| list.split(',').map(str::to_owned).collect()).unwrap_or_default();
    let source = option(&options, "source").map(|address| acre_task::address::parse(address).unwrap());
    let (mut facts, tree) = (facts(), Tree(case.join("tree")));
    facts.branch = option(&options, "branch").map(str::to_owned).or(facts.branch);
    let input = Input {
        file: "acb.yaml",
        text: &text,
        values: std::slice::from_ref(&values),
        sets: &sets,
        secret_sets: &secret_sets,
        platforms: &platforms,
        registry: option(&options, "registry"),
        facts: &facts,
        presets: &acre_task::Presets::default(),
        files: &tree,
        has_tree: option(&options, "no-tree").is_none(),
        source: source.as_ref(),
    };
    let mut found = match compile(&input) {
        Ok(compiled) => {
            let plan = narrowed(&options, &compiled.plan);
            compiled.plan.warnings.iter().map(|warning| format!("{warning}\n\n")).collect::<String>()
                + &plan.map_or("not to be narrowed\n".to_owned(), |plan| plan::dump(&plan))
        }
        Err(diagnostics) => format!("{diagnostics}\n"),
    };
    if option(&options, "actions").is_some() {
        found += &compile(&input).map(|compiled| actions(&compiled.plan)).unwrap_or_default();
    }
    if option(&options, "rendered").is_some() {
        found += &format!("---\n{}", compile(&input).map(|compiled| compiled.rendered).unwrap_or_default());
    }
    found.lines().map(|line| line.trim_end().to_owned() + "\n").collect()
}

/// The plan narrowed to what `narrow` lists, where `kept` (`REPOSITORY@PLATFORM,...`) lists what there is of the others.
fn narrowed(options: &str, plan: &Plan) -> Option<Plan> {
    let Some(platforms) = option(options, "narrow") else { return Some(plan.clone()) };
    let kept = option(options, "kept").into_iter().flat_map(|list| list.split(',')).map(|word| {
        let (repository, platform) = word.split_once('@').unwrap();
        let digest = Some(Digest::from_bytes([7; 32]));
        let image = ImageName::new(&repository.parse().unwrap(), digest, Some(platform.parse().unwrap()));
        Image {
            image,
            runtime_dependency: None,
            buildtime_dependency: Vec::new(),
            git: None,
            agent: None,
            way: None,
            children: Vec::new(),
        }
    });
    let platforms = platforms.split(',').map(|platform| platform.parse().unwrap()).collect();
    plan::narrow(plan, &Narrowing { platforms, kept: kept.collect() })
}

/// Every unit's action, rules and reports as JSON, without what says nothing.
fn actions(plan: &acre_model::plan::Plan) -> String {
    let shown = |unit: &acre_model::plan::Unit| {
        let mut parts = serde_json::json!({
            "action": unit.action,
            "rules": unit.rules,
            "reports": unit.reports,
            "artifacts": unit.artifacts,
            "condition": unit.condition,
        });
        prune(&mut parts);
        secret::shown(&format!("{}: {parts}\n", unit.name), &plan.nonce)
    };
    let mut declared = serde_json::json!({
        "networks": plan.networks,
        "volumes": plan.volumes,
        "secrets": plan.secrets,
    });
    prune(&mut declared);
    let units: String = plan.units.iter().map(shown).collect();
    match declared.as_object().is_some_and(serde_json::Map::is_empty) {
        true => units,
        false => secret::shown(&format!("{units}declared: {declared}\n"), &plan.nonce),
    }
}

fn prune(value: &mut serde_json::Value) {
    use serde_json::Value;
    if let Value::Object(entries) = value {
        entries.values_mut().for_each(prune);
        let says_nothing = |value: &Value| match value {
            Value::Null | Value::Bool(false) => true,
            Value::Number(number) => number.as_u64() == Some(0),
            Value::Array(items) => items.is_empty(),
            Value::Object(entries) => entries.is_empty(),
            _ => false,
        };
        entries.retain(|_, value| !says_nothing(value));
    }
}

fn cases(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(folder);
    let mut cases: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    cases.sort();
    cases
}

#[test]
fn task_files_mean_what_the_corpus_says() {
    let cases = cases("conformance");
    assert!(cases.len() >= 150, "{} cases: is the corpus there?", cases.len());
    let mut wrong = Vec::new();
    for case in cases {
        let (found, expected) = (outcome(&case), fs::read_to_string(case.join("expect.txt")).unwrap_or_default());
        if found != expected {
            if std::env::var_os("UPDATE").is_some() {
                fs::write(case.join("expect.txt"), &found).unwrap();
            }
            let name = case.file_name().unwrap_or_default().to_string_lossy().into_owned();
            wrong.push(format!("=== {name}\n--- expected\n{expected}\n--- found\n{found}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// An introduction of ACR with a registry, its source not at hand.
fn introduction(name: &str) -> Result<String, String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/examples").join(name);
    let (text, facts) = (fs::read_to_string(path).unwrap(), facts());
    let input = Input {
        file: name,
        text: &text,
        values: &[],
        sets: &[],
        secret_sets: &[],
        platforms: &[],
        registry: Some("myregistry.example"),
        facts: &facts,
        presets: &acre_task::Presets::default(),
        files: &acre_task::NoFiles,
        has_tree: true,
        source: None,
    };
    compile(&input).map(|compiled| plan::dump(&compiled.plan)).map_err(|diagnostics| diagnostics.to_string())
}

#[test]
fn introductions_plan_or_are_refused_with_line_and_remedy() {
    for name in ["000-0.yaml", "001-0.yaml", "002-0.yaml"] {
        let plan = introduction(name).unwrap_or_else(|faults| panic!("{name}: {faults}"));
        let lines: Vec<&str> = plan.lines().collect();
        assert_eq!(lines.len(), 2, "{plan}");
        let image = format!("myregistry.example/hello-world:{}", RunId::new(NOW, 7, 0));
        assert!(lines[0].starts_with("acb_step_0@linux/amd64") && lines[0].contains(&image), "{plan}");
        assert!(
            lines[1].starts_with("acb_step_1@linux/amd64") && lines[1].contains("<- acb_step_0@linux/amd64"),
            "{plan}"
        );
        assert!(lines.iter().all(|line| line.ends_with("#0")), "{plan}");
    }
    let unknown = introduction("001-1.yaml").unwrap_err();
    for part in [
        "step `push` waits for `build`, which is not a step; did you mean `build-web`?",
        "001-1.yaml:11:12",
        "when: [\"build\"",
    ] {
        assert!(unknown.contains(part), "{part}: {unknown}");
    }
    let no_colon = introduction("002-1.yaml").unwrap_err();
    for part in [
        "`build` needs a colon after it",
        "002-1.yaml:7:5",
        "write `build: -t myregistry.example/hello-world-tests ./funcTests`",
    ] {
        assert!(no_colon.contains(part), "{part}: {no_colon}");
    }
}

/// Compiles with everything given, for the sake of not panicking; whether it is a task.
fn compiles(text: &str) -> bool {
    !shown(text).starts_with("error")
}

/// All that people are shown of a task that is compiled with everything given.
fn shown(text: &str) -> String {
    match given::compile(text) {
        Ok(compiled) => {
            let warnings = compiled.plan.warnings.join("\n");
            let plan = plan::dump(&compiled.plan) + &plan::graph(&compiled.plan);
            format!("{plan}\n{warnings}\n{}", compiled.rendered)
        }
        Err(diagnostics) => format!("error\n{diagnostics}"),
    }
}

#[test]
fn a_text_that_is_too_large_or_no_text_is_told_before_it_is_read() {
    let large = vec![b' '; 2 << 20];
    let table: [(&[u8], &str); 2] = [
        (&large, "the task file is 2.0 MiB; limit 1 MiB"),
        (b"steps:\xff", "the task file is not UTF-8 from byte 6 on"),
    ];
    for (bytes, expected) in table {
        let found = acre_task::read("acb.yaml", bytes).unwrap_err();
        assert!(found.to_string().contains(expected), "{found}");
    }
    assert_eq!(acre_task::read("acb.yaml", &large).unwrap_err().class(), acre_task::Class::TooLarge);
}

#[test]
fn what_is_fetched_first_is_a_plan_of_its_own() {
    let fetch = acre_task::address::parse("https://t@h.example/r.git#v1:sub").unwrap();
    let dumped = |aliases: &[String]| plan::dump(&plan::first_plan(Some(&fetch), aliases));
    assert_eq!(dumped(&[]), "source  source https://***@h.example/r.git  at once  #0\n");
    let aliases = ["https://h.example/a?sig=x".to_owned(), "https://h.example/b".to_owned()];
    assert_eq!(
        dumped(&aliases),
        "source   source https://***@h.example/r.git                  at once  #0\n\
         aliases  source https://h.example/a?*** https://h.example/b  at once  #1\n"
    );
}

mod arbitrary {
    use super::{compiles, shown};
    use acre_model::plan::Fetch;
    use proptest::prelude::*;

    /// Lines that look like a task's, so that more than the first check is reached.
    fn line() -> impl Strategy<Value = String> {
        prop_oneof![
            Just("version: v1.1.0".to_owned()),
            Just("steps:".to_owned()),
            "(alias|env|platforms|stepTimeout|reports): [ -~]{0,20}",
            "  - (build|push|cmd): [ -~]{0,40}",
            "    (id|when|env|timeout|retries|detach|platforms): [ -~]{0,20}",
            "  - cmd: [a-z$:{}.|\" ]{0,40}",
            "\\{\\{ ?(if|range|with|end|else|define \"a\"|template \"a\"|printf|list|\\$x :=)? ?[.$a-zA-Z0-9| \"]{0,15} ?\\}\\}",
            ".{0,40}",
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn text_never_panics(text in "\\PC{0,200}") {
            compiles(&text);
        }

        #[test]
        fn bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            if let Ok(text) = acre_task::read("acb.yaml", &bytes) {
                compiles(text);
            }
        }

        #[test]
        fn nobody_is_shown_a_token(before in "[ -~]{0,40}", after in "[ -~]{0,120}", key in "(id|when|cmd|build|push|env|user|timeout|reports)") {
            let text = format!("secrets: [{{id: pw}}]\nsteps:\n  - cmd: i {before}{{{{.Secrets.pw}}}}{after}\n    {key}: {before}{{{{.Secrets.pw | b64enc}}}}{after}\n");
            let shown = shown(&text);
            prop_assert!(!shown.contains('\u{f0002}') && !shown.contains("00000000000000000000000000000007"), "{}", shown);
        }

        #[test]
        fn what_looks_like_a_task_never_panics(lines in prop::collection::vec(line(), 0..12)) {
            compiles(&lines.join("\n"));
        }

        #[test]
        fn words_never_panic_and_come_back(text in "\\PC{0,80}") {
            if let Ok(words) = acre_task::words::split(&text) {
                let joined = words.iter().map(|word| format!("'{}'", word.replace('\'', "'\\''"))).collect::<Vec<_>>().join(" ");
                prop_assert_eq!(acre_task::words::split(&joined), Ok(words));
            }
        }

        #[test]
        fn addresses_never_panic(text in "(https://|ssh://|git@|ext::|)?[ -~]{0,60}") {
            let _ = acre_task::address::is_address(&text);
            let _ = acre_task::address::shown(&text);
            match acre_task::address::parse(&text) {
                Ok(Fetch::Git(git)) => {
                    prop_assert!(!git.repository.starts_with('-'), "{}", text);
                    prop_assert!(!git.subdirectory.unwrap_or_default().contains(".."), "{}", text);
                }
                Ok(Fetch::Tar(tar)) => prop_assert!(tar.url.starts_with("http"), "{}", text),
                Ok(Fetch::Oci(_) | Fetch::Aliases(_)) | Err(_) => {}
            }
        }

        #[test]
        fn a_built_task_compiles(name in "[a-z]{1,8}", argument in "[ -z]{0,20}", label in "[ -z~¡-ÿ\n\t]{0,20}") {
            let request = acre_task::synth::BuildRequest {
                images: vec![format!("{name}:{{{{.Run.ID}}}}")],
                build_args: vec![format!("A={argument}")],
                labels: vec![format!("l={label}")],
                push: true,
                ..Default::default()
            };
            let text = acre_task::synth::build_task(&request);
            prop_assert!(compiles(&text), "{}", text);
        }
    }
}

#[test]
fn a_fault_of_flags_is_told_in_its_flag() {
    let image = BuildRequest { images: vec!["r.example/a:{{nope}}".to_owned()], ..BuildRequest::default() };
    let argument = BuildRequest { build_args: vec!["A={{nope}} x".to_owned()], ..BuildRequest::default() };
    let nameless = BuildRequest { build_args: vec!["=x".to_owned()], ..BuildRequest::default() };
    let table = [
        (synth::CMD, synth::cmd_task("img a\n  b | c"), "\n --> --cmd:2:5\n  |\n2 |   b | c\n  |     ^"),
        (synth::CMD, synth::cmd_task("--foo img"), "\n --> --cmd:1:1\n"),
        (synth::BUILD, synth::build_task(&image), "\n --> -t:1:15\n  |\n1 | r.example/a:{{nope}}\n"),
        (synth::BUILD, synth::build_task(&argument), "\n --> --build-arg:1:6\n  |\n1 | 'A={{nope}} x'\n"),
        (synth::BUILD, synth::build_task(&nameless), "\n  --> acre build"),
    ];
    for (name, text, expected) in table {
        let found = given::compile_as(name, &text).unwrap_err().to_string();
        assert!(found.contains(expected), "{text}: {found}");
    }
}
