//! Graphs and waves as tables.

use super::*;
use acre_model::ids::RunId;

pub(super) fn digest(letter: char) -> Digest {
    format!("sha256:{}", letter.to_string().repeat(64)).parse().unwrap()
}

fn task(name: &str, trigger: BaseImageTrigger) -> StoredTask {
    let triggers = acre_model::stored_task::Triggers { base_image: trigger, ..Default::default() };
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
            digest: Some(digest('a')),
        };
        tasks.push(task(name, trigger));
        lineages.push(Lineage {
            task: name.parse().unwrap(),
            run: RunId::new(1, 0, 0),
            outputs: BTreeSet::from([output.to_owned()]),
            inputs: right.split_whitespace().map(input).collect(),
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
        assert_eq!(shown(graph(lines).wave(image, digest('b'))), expected, "{lines:?}");
    }
}

#[test]
fn what_is_built_on_the_digest_already_is_left_alone() {
    assert_eq!(shown(graph(&["a A <- base"]).wave("base", digest('a'))), "");
}

#[test]
fn a_wave_starts_each_task_once_and_a_failure_stops_its_subtree() {
    let lines = ["a A <- base", "b B <- base", "top! T <- A +B", "side S <- B", "last L <- T"];
    let mut wave = graph(&lines).wave("base", digest('b')).unwrap();
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
    let mut wave = graph.wave("base", digest('b')).unwrap();
    let name = |text: &str| text.parse::<TaskName>().unwrap();
    let covered = |wave: &Wave, image: &str| graph.is_covered(wave, image, &name("top"));
    assert!(covered(&wave, "A"));
    wave.end(&name("a"), true);
    wave.start(&name("top"), RunId::new(1, 0, 2));
    // It was started after what makes A; another base is another matter.
    assert_eq!((covered(&wave, "A"), covered(&wave, "base")), (true, false));
    wave.end(&name("top"), true);
    assert!(!covered(&wave, "A"));

    let mut wave = graph.wave("base", digest('c')).unwrap();
    wave.leave_out(|task| task.as_str() == "a");
    assert_eq!(wave.ready(), [name("top")]);
}
