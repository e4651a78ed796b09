//! Which tasks are not built on what the tags of their images stand for now.

use super::{Graph, Input, Lineage, StepState, Wave};
use acre_model::{
    digest::Digest,
    ids::{RunId, TaskName},
    run::RunView,
    time::Timestamp,
};
use std::collections::BTreeMap;

/// What the newest successful run of a task has put where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Made {
    /// The task.
    pub task: TaskName,
    /// The run.
    pub run: RunId,
    /// When it ended; by then it had put all of it.
    pub ended: Timestamp,
    /// Of each tag, `registry/repository:tag`, the digest.
    pub outputs: BTreeMap<String, Digest>,
}

/// A task that is not built on what its images are now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stale {
    /// The task.
    pub task: TaskName,
    /// The images; never empty.
    pub why: Vec<Why>,
}

/// An image that is not any more what a task was built on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Why {
    /// The image, `registry/repository:tag`.
    pub image: String,
    /// What its tag stands for now.
    pub digest: Digest,
    /// How that is known.
    pub kind: WhyKind,
}

/// How it is known that an image is not any more what a task was built on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WhyKind {
    /// This run of another task of the project has put it there.
    Made(RunId),
    /// It is on its way through the tasks that build on it, and this one is not built anew yet, or failed.
    OnItsWay(StepState),
    /// It was told of.
    Told,
}

impl Made {
    /// Of a run of this task that has succeeded; `None`: it has not ended.
    pub fn of(task: TaskName, run: &RunView) -> Option<Self> {
        let place = |image: &acre_model::report::ImageName| Some((super::tagged(image)?, image.digest?));
        let outputs = run.output_images.iter().filter_map(place).collect();
        Some(Self { task, run: run.id.clone(), ended: run.ended_at?, outputs })
    }
}

impl Graph {
    /// The tasks whose images others of the project build on: of them it matters what they have put where.
    pub fn makers_in_use(&self) -> impl Iterator<Item = &Lineage> {
        let is_used = |lineage: &&Lineage| {
            let mut others = self.tasks.values().filter(|node| node.lineage.task != lineage.task);
            others.any(|node| node.lineage.inputs.iter().any(|input| lineage.outputs.contains_key(&input.image)))
        };
        self.tasks.values().map(|node| &node.lineage).filter(is_used)
    }

    /// Tasks that are not built on what their images are now, by name: as far as runs of the project have put them
    /// there, waves bring them, or they were told of (`told`, by image). Of what a task was built on unknowingly
    /// nothing is claimed.
    pub fn stale(&self, made: &[Made], waves: &[Wave], told: &BTreeMap<String, Digest>) -> Vec<Stale> {
        let of = |(task, lineage): (&TaskName, &Lineage)| {
            let mut why: Vec<Why> = waves.iter().filter_map(|wave| on_its_way(task, wave)).collect();
            for input in &lineage.inputs {
                let newer = by_others(lineage, input, made).or_else(|| as_told(input, told));
                why.extend(newer.filter(|newer| why.iter().all(|known| known.image != newer.image)));
            }
            (!why.is_empty()).then(|| Stale { task: task.clone(), why })
        };
        self.tasks.iter().map(|(task, node)| (task, &node.lineage)).filter_map(of).collect()
    }
}

/// A wave has reached the task's images, and has not gone through it.
fn on_its_way(task: &TaskName, wave: &Wave) -> Option<Why> {
    let state = &wave.steps.get(task)?.state;
    let kind = (*state != StepState::Succeeded).then(|| WhyKind::OnItsWay(state.clone()))?;
    Some(Why { image: wave.image.clone(), digest: wave.digest, kind })
}

/// Another task has put another digest there after this one was begun, and so may have been built on the one before.
fn by_others(lineage: &Lineage, input: &Input, made: &[Made]) -> Option<Why> {
    let (begun, was) = (Timestamp::from_millis(lineage.run.second() * 1000), input.digest?);
    let newest = made
        .iter()
        .filter(|made| made.task != lineage.task && made.ended > begun)
        .filter_map(|made| Some((made, *made.outputs.get(&input.image)?)))
        .max_by_key(|(made, _)| made.ended);
    let (made, digest) = newest.filter(|(_, digest)| *digest != was)?;
    Some(Why { image: input.image.clone(), digest, kind: WhyKind::Made(made.run.clone()) })
}

fn as_told(input: &Input, told: &BTreeMap<String, Digest>) -> Option<Why> {
    let digest = *told.get(&input.image)?;
    (input.digest? != digest).then(|| Why { image: input.image.clone(), digest, kind: WhyKind::Told })
}

#[cfg(test)]
mod tests {
    use super::{
        super::{
            Step,
            tests::{digest, graph},
        },
        *,
    };

    /// Runs that have made something, waves, what was told, and what is expected.
    type Line<'a> = (&'a [&'a str], Vec<Wave>, &'a [(&'a str, char)], &'a str);

    /// A line `TASK SECOND IMAGE=LETTER`: a run of the task that ended in that second, and what it has put there.
    fn made(line: &str) -> Made {
        let words: Vec<&str> = line.split_whitespace().collect();
        let (image, letter) = words[2].split_once('=').unwrap();
        // Of the time of ids, which begins later than that of clocks.
        let second = RunId::new(0, 0, 0).second() + words[1].parse::<u64>().unwrap();
        Made {
            task: words[0].parse().unwrap(),
            run: RunId::new(second, 0, 0),
            ended: Timestamp::from_millis(second * 1000),
            outputs: [(image.to_owned(), digest(letter.chars().next().unwrap()))].into(),
        }
    }

    fn wave(task: &str, state: StepState) -> Wave {
        let step = Step { after: Default::default(), extent: Default::default(), narrowed: None, state };
        Wave { image: "base".to_owned(), digest: digest('c'), steps: [(task.parse().unwrap(), step)].into() }
    }

    /// `TASK: IMAGE LETTER KIND`.
    fn shown(stale: &[Stale]) -> String {
        let why = |why: &Why| {
            let kind = match &why.kind {
                WhyKind::Made(run) => format!("made in {}", run.second() - RunId::new(0, 0, 0).second()),
                WhyKind::OnItsWay(state) => format!("{state:?}"),
                WhyKind::Told => "told".to_owned(),
            };
            format!("{} {} {kind}", why.image, &why.digest.hex()[..1])
        };
        let line =
            |stale: &Stale| format!("{}: {}", stale.task, stale.why.iter().map(why).collect::<Vec<_>>().join(", "));
        stale.iter().map(line).collect::<Vec<_>>().join("; ")
    }

    /// Everything was begun in second 0, on digests of the letter `a`.
    #[test]
    fn a_task_is_stale_where_its_images_are_known_to_be_others_now() {
        let lines = ["base B <- other", "app A <- B", "top T <- A base"];
        let table: [Line<'_>; 11] = [
            (&[], vec![], &[], ""),
            (&["base 5 B=a"], vec![], &[], ""),
            (&["base 5 B=b"], vec![], &[], "app: B b made in 5"),
            // It ended before the other was begun: whatever the tag stood for then was somebody else's.
            (&["base 0 B=b"], vec![], &[], ""),
            // The newest counts.
            (&["base 5 B=b", "other 6 B=a"], vec![], &[], ""),
            (&["base 5 X=b"], vec![], &[], ""),
            (&["base 5 B=b", "app 6 A=c"], vec![], &[], "app: B b made in 5; top: A c made in 6"),
            (&[], vec![wave("top", StepState::Failed)], &[], "top: base c Failed"),
            (&[], vec![wave("top", StepState::Succeeded)], &[], ""),
            (&[], vec![wave("top", StepState::Waiting)], &[("base", 'c')], "top: base c Waiting"),
            (&[], vec![], &[("base", 'a'), ("other", 'b')], "base: other b told"),
        ];
        for (runs, waves, told, expected) in table {
            let made: Vec<Made> = runs.iter().copied().map(made).collect();
            let told = told.iter().map(|(image, letter)| ((*image).to_owned(), digest(*letter))).collect();
            let found = shown(&graph(&lines).stale(&made, &waves, &told));
            assert_eq!(found, expected, "{runs:?} {waves:?} {told:?}");
        }
        let graph = graph(&lines);
        let makers: Vec<_> = graph.makers_in_use().map(|lineage| lineage.task.as_str()).collect();
        assert_eq!(makers, ["app", "base"]);
    }
}
