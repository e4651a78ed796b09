//! Graphs and waves as tables.

use super::*;
use acre_model::{
    ids::RunId,
    report::{Image, ImageName, Report},
    run::RunStatus,
    stored_task::Triggers,
    submission::{Narrowing, Source},
    time::Timestamp,
};

pub(super) fn digest(letter: char) -> Digest {
    format!("sha256:{}", letter.to_string().repeat(64)).parse().unwrap()
}

fn task(name: &str, trigger: BaseImageTrigger) -> StoredTask {
    let triggers = Triggers { base_image: trigger, ..Default::default() };
    StoredTask { triggers, ..StoredTask::new(name.parse().unwrap()) }
}

/// Tasks from lines `NAME OUTPUT <- INPUT...`; an input that begins with `+` is a build-time one, a task whose name ends
/// in `!` is started by all of them, one in `-` by none.
pub(super) fn graph(lines: &[&str]) -> Graph {
    let (mut tasks, mut lineages) = (Vec::new(), Vec::new());
    for line in lines {
        let (left, right) = line.split_once(" <- ").unwrap();
        let (name, output) = left.split_once(' ').unwrap();
        let trigger = match name.chars().last().unwrap() {
            '!' => BaseImageTrigger::All,
            '-' => BaseImageTrigger::Disabled,
            _ => BaseImageTrigger::Runtime,
        };
        let name = name.trim_end_matches(['!', '-']);
        let input = |word: &str| Input {
            image: word.trim_start_matches('+').to_owned(),
            role: if word.starts_with('+') { Role::BuildTime } else { Role::Runtime },
            platform: None,
            pinned: false,
            digest: Some(digest('a')),
        };
        tasks.push(task(name, trigger));
        lineages.push(Lineage {
            task: name.parse().unwrap(),
            run: RunId::new(1, 0, 0),
            submitted_at: Timestamp::from_millis(0),
            commit: None,
            outputs: BTreeMap::from([(output.to_owned(), None)]),
            inputs: right.split_whitespace().map(input).collect(),
            children: Vec::new(),
        });
    }
    Graph::new(&tasks, lineages)
}

/// The tasks of a wave, each with those it comes after.
fn shown(wave: Option<Wave>) -> String {
    let steps = wave.map(|wave| wave.steps).unwrap_or_default();
    let after = |step: &Step| step.after.iter().map(TaskName::as_str).collect::<Vec<_>>().join(",");
    steps.iter().map(|(name, step)| format!("{name}({})", after(step))).collect::<Vec<_>>().join(" ")
}

#[test]
fn a_wave_reaches_what_builds_on_the_image_in_order() {
    let table: [(&[&str], &str, &str); 9] = [
        (&["a A <- base", "b B <- base", "c C <- other"], "base", "a() b()"),
        (&["a A <- base", "top T <- A"], "base", "a() top(a)"),
        (&["a A <- base", "b B <- base", "top! T <- A +B"], "base", "a() b() top(a,b)"),
        // It builds on the image itself, too, and still waits for what is built on it.
        (&["a A <- base", "top! T <- A +base"], "base", "a() top(a)"),
        // What is only needed to build starts nothing but where all images do.
        (&["a A <- x +base"], "base", ""),
        (&["a! A <- x +base"], "base", "a()"),
        (&["a- A <- base", "top T <- A"], "base", ""),
        // In a circle nobody waits for another.
        (&["a A <- B base", "b B <- A"], "base", "a() b()"),
        (&["a A <- base"], "elsewhere", ""),
    ];
    for (lines, image, expected) in table {
        assert_eq!(shown(graph(lines).wave(image, digest('b'), &Differences::default())), expected, "{lines:?}");
    }
}

#[test]
fn what_is_built_on_the_digest_already_is_left_alone() {
    assert_eq!(shown(graph(&["a A <- base"]).wave("base", digest('a'), &Differences::default())), "");
}

#[test]
fn a_wave_starts_each_task_once_and_a_failure_stops_its_subtree() {
    let lines = ["a A <- base", "b B <- base", "top! T <- A +B", "side S <- B", "last L <- T"];
    let mut wave = graph(&lines).wave("base", digest('b'), &Differences::default()).unwrap();
    let name = |text: &str| text.parse::<TaskName>().unwrap();
    let names = |wave: &Wave| wave.ready().iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
    assert_eq!(names(&wave), "a b");
    wave.start(&name("a"), RunId::new(1, 0, 1));
    wave.start(&name("b"), RunId::new(1, 0, 2));
    assert_eq!((names(&wave), wave.running().count()), (String::new(), 2));
    wave.end(&name("b"), true);
    assert_eq!(names(&wave), "side");
    wave.end(&name("a"), false);
    assert_eq!(names(&wave), "side");
    assert_eq!(wave.steps[&name("last")].state, StepState::Skipped);
    assert!(!wave.is_over());
    wave.end(&name("side"), true);
    assert!(wave.is_over());
}

#[test]
fn edges_tell_who_builds_on_what() {
    let edges = graph(&["a A <- base", "top T <- A"]).edges();
    let shown = |edge: &Edge| {
        let from = edge.from.as_ref().map_or("-", TaskName::as_str);
        format!("{from} {} {}", edge.image, edge.to)
    };
    assert_eq!(edges.iter().map(shown).collect::<Vec<_>>(), ["- base a", "a A top"]);
}

#[test]
fn what_a_wave_builds_anyway_is_not_built_twice() {
    let graph = graph(&["a A <- base", "top T <- A"]);
    let mut wave = graph.wave("base", digest('b'), &Differences::default()).unwrap();
    let name = |text: &str| text.parse::<TaskName>().unwrap();
    let covered = |wave: &Wave, image: &str| graph.is_covered(wave, image, (&name("top"), &Extent::All));
    assert!(covered(&wave, "A"));
    wave.end(&name("a"), true);
    wave.start(&name("top"), RunId::new(1, 0, 2));
    // It was started after what makes A; another base is another matter.
    assert_eq!((covered(&wave, "A"), covered(&wave, "base")), (true, false));
    wave.end(&name("top"), true);
    assert!(!covered(&wave, "A"));

    let mut wave = graph.wave("base", digest('c'), &Differences::default()).unwrap();
    wave.leave_out(|task, _| task.as_str() == "a");
    assert_eq!(wave.ready(), [name("top")]);
}

/// Tasks from lines `NAME OUTPUT PLATFORM,PLATFORM <- INPUT...`, each of whose platforms is built on each input; one with `+`
/// is a build-time one, one with `=`, too, and pinned.
fn of_platforms(lines: &[&str]) -> Graph {
    let (mut tasks, mut lineages) = (Vec::new(), Vec::new());
    for line in lines {
        let (left, right) = line.split_once(" <- ").unwrap();
        let [name, output, platforms] = left.split(' ').collect::<Vec<_>>()[..] else { panic!("{line}") };
        let platforms: Vec<Platform> =
            platforms.split(',').map(|arch| format!("linux/{arch}").parse().unwrap()).collect();
        let image = |platform: &Platform, of: &str| {
            let reference = of.trim_start_matches(['+', '=']).parse().unwrap();
            let name = ImageName::new(&reference, Some(digest('a')), Some(platform.clone()));
            ImageName { pinned: of.starts_with('='), ..name }
        };
        let built = |platform: &Platform| {
            let (later, runtime): (Vec<&str>, Vec<&str>) =
                right.split(' ').partition(|word| word.starts_with(['+', '=']));
            Image {
                image: image(platform, output),
                runtime_dependency: runtime.first().map(|word| image(platform, word)),
                buildtime_dependency: later.iter().map(|word| image(platform, word)).collect(),
                git: None,
                agent: None,
                way: None,
                children: Vec::new(),
            }
        };
        let children: Vec<_> = platforms.iter().map(built).collect();
        let name: TaskName = name.parse().unwrap();
        let report = Report {
            run: RunId::new(1, 0, 0),
            project: Default::default(),
            status: RunStatus::Succeeded,
            error: None,
            submitted_at: Timestamp::from_millis(0),
            ended_at: Timestamp::from_millis(0),
            git: None,
            images: match children.len() {
                1 => children,
                _ => vec![Image {
                    image: ImageName::new(&output.parse().unwrap(), Some(digest('a')), None),
                    runtime_dependency: None,
                    buildtime_dependency: Vec::new(),
                    git: None,
                    agent: None,
                    way: None,
                    children,
                }],
            },
            units: Vec::new(),
            tests: None,
            coverage: None,
            artifacts: Vec::new(),
        };
        tasks.push(task(name.as_str(), BaseImageTrigger::All));
        lineages.push(Lineage::of(name, &report).unwrap());
    }
    Graph::new(&tasks, lineages)
}

/// What an index names, from `ARCH=LETTER,...`.
fn index(text: &str) -> Content {
    let child = |word: &str| {
        let (arch, letter) = word.split_once('=').unwrap();
        (format!("linux/{arch}").parse().unwrap(), digest(letter.chars().next().unwrap()))
    };
    Content::Index(text.split(',').map(child).collect())
}

/// The tasks of a wave, each with the platforms that are built anew.
fn extents(wave: Option<Wave>) -> String {
    let shown = |extent: &Extent| match extent {
        Extent::All => "all".to_owned(),
        Extent::Platforms(platforms) => platforms.iter().map(Platform::arch).collect::<Vec<_>>().join("+"),
    };
    let steps = wave.map(|wave| wave.steps).unwrap_or_default();
    steps.iter().map(|(name, step)| format!("{name}:{}", shown(&step.extent))).collect::<Vec<_>>().join(" ")
}

#[test]
fn only_platforms_whose_image_has_changed_are_built_anew() {
    let two = [
        "a r.example/a:1 amd64,arm64 <- r.example/base:1",
        "top r.example/top:1 amd64,arm64 <- r.example/a:1",
        "one r.example/one:1 amd64 <- r.example/a:1",
    ];
    let tools = ["a r.example/a:1 amd64,arm64 <- r.example/other:1 +r.example/base:1"];
    let pinned = ["a r.example/a:1 amd64,arm64 <- r.example/other:1 =r.example/base:1"];
    let arm = ["a r.example/a:1 amd64,arm/v7 <- r.example/base:1"];
    let table: [(&[&str], &str, &str, &str); 11] = [
        (&two, "amd64=1,arm64=2", "amd64=1,arm64=3", "a:arm64 top:arm64"),
        (&two, "amd64=1,arm64=2", "amd64=3,arm64=2", "a:amd64 one:all top:amd64"),
        (&two, "amd64=1,arm64=2", "amd64=3,arm64=4", "a:all one:all top:all"),
        // Another platform came, or one went that nobody builds on.
        (&two, "amd64=1,arm64=2,386=5", "amd64=1,arm64=2,s390x=6", ""),
        // Of one that is gone nothing is known but that it is.
        (&two, "amd64=1,arm64=2", "amd64=1", "a:arm64 top:arm64"),
        (&tools, "amd64=1,arm64=2", "amd64=3,arm64=2", "a:amd64"),
        // A stage with a platform of its own may be used for any.
        (&pinned, "amd64=1,arm64=2", "amd64=3,arm64=2", "a:all"),
        (&pinned, "amd64=1,arm64=2", "amd64=1,arm64=2", ""),
        (&["a r.example/a:1 amd64 <- r.example/base:1"], "amd64=1,arm64=2", "amd64=1,arm64=3", ""),
        // A builder takes the nearest that runs there.
        (&arm, "amd64=1,arm/v6=2", "amd64=1,arm/v6=3", "a:arm"),
        (&arm, "amd64=1,arm/v6=2,arm/v7=4", "amd64=1,arm/v6=3,arm/v7=4", ""),
    ];
    for (lines, then, now, expected) in table {
        let difference = Difference::between(Some(index(then)), Some(index(now)));
        let differences = Differences([(digest('a'), difference)].into());
        let wave = of_platforms(lines).wave("r.example/base:1", digest('b'), &differences);
        assert_eq!(extents(wave), expected, "{lines:?}: {then} to {now}");
    }
    for (then, now) in [(None, Some(index("amd64=1"))), (Some(Content::Image), Some(index("amd64=1"))), (None, None)] {
        let differences = Differences([(digest('a'), Difference::between(then, now))].into());
        assert_eq!(
            extents(of_platforms(&two).wave("r.example/base:1", digest('b'), &differences)),
            "a:all one:all top:all"
        );
    }
}

#[test]
fn what_is_left_as_it_is_counts_as_built_on_the_new_digest() {
    let graph = of_platforms(&["a r.example/a:1 amd64,arm64 <- r.example/base:1"]);
    let difference = Difference::between(Some(index("amd64=1,arm64=2")), Some(index("amd64=1,arm64=3")));
    let settled = graph.settled("r.example/base:1", digest('b'), |input| difference.reaches(input));
    let [lineage] = &settled[..] else { panic!("{settled:?}") };
    let inputs: Vec<_> =
        lineage.inputs.iter().map(|input| (input.platform.as_ref().unwrap().arch(), input.digest)).collect();
    assert_eq!(inputs, [("amd64", Some(digest('b'))), ("arm64", Some(digest('a')))]);
    let runtime = |child: &Image| child.runtime_dependency.as_ref().unwrap().digest;
    assert_eq!(lineage.children.iter().map(runtime).collect::<Vec<_>>(), [Some(digest('b')), Some(digest('a'))]);
    assert!(graph.settled("r.example/other:1", digest('b'), |_| false).is_empty());
}

#[test]
fn where_a_part_cannot_be_built_alone_nothing_after_it_is() {
    let lines = ["a r.example/a:1 amd64,arm64 <- r.example/base:1", "top r.example/top:1 amd64,arm64 <- r.example/a:1"];
    let difference = Difference::between(Some(index("amd64=1,arm64=2")), Some(index("amd64=1,arm64=3")));
    let differences = Differences([(digest('a'), difference)].into());
    let wave = of_platforms(&lines).wave("r.example/base:1", digest('b'), &differences).unwrap();
    let narrowing = Narrowing { platforms: Default::default(), kept: Vec::new() };
    let narrowed = Narrowed { source: Source::None, narrowing };
    for (narrowed, expected) in [(None, "a:all top:all"), (Some(narrowed), "a:arm64 top:arm64")] {
        let mut wave = wave.clone();
        wave.settle(&"a".parse().unwrap(), narrowed);
        assert_eq!(extents(Some(wave)), expected);
    }
}
