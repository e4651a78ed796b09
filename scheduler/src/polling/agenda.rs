//! When registries are asked what images stand for, and hosts of repositories what their branches and tags do. Pure.
//!
//! Each is asked for once in an interval, a host for one at a time and not sooner than a moment after the one before. A
//! host that fails is left alone, for longer each time, or for as long as it says.

use crate::{farm::Mono, registries};
use acre_model::{
    digest::Digest,
    ids::{ProjectName, TaskName},
};
use std::collections::{BTreeMap, BTreeSet};

/// Between two requests to one registry, in milliseconds.
const MOMENT: u64 = 100;
/// How long a registry is left alone that has failed once, in milliseconds; doubled by each further time.
const REST: u64 = 30_000;
/// How long it is left alone at most, whatever it says, in milliseconds.
const LONGEST_REST: u64 = 6 * 3_600_000;
/// An image is looked at so soon after it is first heard of, in milliseconds; or in an interval, if that is less.
const FIRST: u64 = 60_000;

/// What is looked at.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Watched {
    /// An image that tasks of a project build on, with their logins.
    Image {
        /// The project.
        project: ProjectName,
        /// `registry/repository:tag`.
        image: String,
    },
    /// The repository of a task.
    Source {
        /// The project.
        project: ProjectName,
        /// The task.
        task: TaskName,
        /// Its address, as the task has it.
        address: String,
    },
}

impl Watched {
    /// Who is asked.
    fn host(&self) -> &str {
        match self {
            Self::Image { image, .. } => registries::host(image),
            Self::Source { address, .. } => {
                let rest = address.split_once("://").map_or(address.as_str(), |(_, rest)| rest);
                rest.split('/').next().unwrap_or_default()
            }
        }
    }
}

/// What was found out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Found {
    /// What its tag stood for.
    pub(super) digest: Option<Digest>,
    /// What its host called that.
    pub(super) etag: Option<String>,
}

/// What became of a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// It was answered.
    Found(Found),
    /// It was answered as before.
    AsBefore,
    /// Not of this one.
    Failed,
    /// The host does not answer, or wants to be left alone for so many seconds.
    Away(Option<u64>),
}

/// When which is asked for.
#[derive(Debug)]
pub(super) struct Agenda {
    /// Between two looks at an image, in milliseconds.
    interval: u64,
    watched: BTreeMap<Watched, Entry>,
    hosts: BTreeMap<String, Host>,
}

#[derive(Debug)]
struct Entry {
    at: Mono,
    found: Found,
}

#[derive(Debug, Default)]
struct Host {
    not_before: Mono,
    failed: u32,
    is_asked: bool,
}

impl Agenda {
    /// An empty one.
    pub(super) const fn new(interval: u64) -> Self {
        Self { interval, watched: BTreeMap::new(), hosts: BTreeMap::new() }
    }

    /// Watches these and no others. `random` is any number, and another one for each that is new.
    pub(super) fn watch(&mut self, wanted: BTreeSet<Watched>, now: Mono, mut random: impl FnMut() -> u64) {
        self.watched.retain(|watched, _| wanted.contains(watched));
        let first = FIRST.min(self.interval);
        for watched in wanted {
            self.watched
                .entry(watched)
                .or_insert_with(|| Entry { at: now.plus_millis(random() % first.max(1)), found: Found::default() });
        }
        let hosts: BTreeSet<&str> = self.watched.keys().map(|watched| watched.host()).collect();
        self.hosts.retain(|name, registry| registry.is_asked || hosts.contains(name.as_str()));
    }

    /// The images whose turn it is, each of another registry, with what was found of them last. They count as asked for
    /// until [`Agenda::answered`].
    pub(super) fn due(&mut self, now: Mono) -> Vec<(Watched, Found)> {
        let mut due = Vec::new();
        let mut images: Vec<_> = self.watched.iter().filter(|(_, image)| image.at <= now).collect();
        images.sort_by_key(|(_, image)| image.at);
        for (watched, image) in images {
            let registry = self.hosts.entry(watched.host().to_owned()).or_default();
            if !registry.is_asked && registry.not_before <= now {
                registry.is_asked = true;
                due.push((watched.clone(), image.found.clone()));
            }
        }
        due
    }

    /// When the next turn is, if nothing changes meanwhile.
    pub(super) fn next(&self) -> Option<Mono> {
        let turn = |(watched, image): (&Watched, &Entry)| match self.hosts.get(watched.host()) {
            Some(registry) if registry.is_asked => None,
            Some(registry) => Some(image.at.max(registry.not_before)),
            None => Some(image.at),
        };
        self.watched.iter().filter_map(turn).min()
    }

    /// What became of the question for an image. `random` is any number.
    pub(super) fn answered(&mut self, watched: &Watched, answer: Answer, now: Mono, random: u64) {
        let registry = self.hosts.entry(watched.host().to_owned()).or_default();
        registry.is_asked = false;
        match answer {
            Answer::Away(asked) => {
                let own = (REST << registry.failed.min(10)).min(LONGEST_REST);
                let rest = asked.map_or(0, |seconds| seconds.saturating_mul(1000)).max(own).min(LONGEST_REST);
                registry.failed = registry.failed.saturating_add(1);
                registry.not_before = now.plus_millis(rest + random % (rest / 10 + 1));
                return;
            }
            Answer::Found(_) | Answer::AsBefore | Answer::Failed => {
                registry.failed = 0;
                registry.not_before = now.plus_millis(MOMENT);
            }
        }
        if let Some(image) = self.watched.get_mut(watched) {
            // A little sooner than in an interval, each time another little: not all at once.
            image.at = now.plus_millis(self.interval - random % (self.interval / 10 + 1));
            if let Answer::Found(found) = answer {
                image.found = found;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INTERVAL: u64 = 600_000;

    fn watched(image: &str) -> Watched {
        Watched::Image { project: ProjectName::default(), image: image.to_owned() }
    }

    fn agenda(images: &[&str]) -> Agenda {
        let mut agenda = Agenda::new(INTERVAL);
        agenda.watch(images.iter().map(|image| watched(image)).collect(), Mono(0), || 0);
        agenda
    }

    fn due(agenda: &mut Agenda, at: u64) -> Vec<String> {
        let image = |watched| match watched {
            Watched::Image { image, .. } => image,
            Watched::Source { address, .. } => address,
        };
        agenda.due(Mono(at)).into_iter().map(|(watched, _)| image(watched)).collect()
    }

    #[test]
    fn an_image_is_asked_for_once_in_an_interval_and_a_registry_for_one_at_a_time() {
        let mut agenda = agenda(&["a/x:1", "a/y:1", "b/z:1"]);
        assert_eq!(due(&mut agenda, 0), ["a/x:1", "b/z:1"]);
        assert_eq!((due(&mut agenda, 0), agenda.next()), (vec![], None));
        agenda.answered(&watched("a/x:1"), Answer::AsBefore, Mono(50), 0);
        assert_eq!((due(&mut agenda, 50), agenda.next()), (vec![], Some(Mono(150))));
        assert_eq!(due(&mut agenda, 150), ["a/y:1"]);
        agenda.answered(&watched("a/y:1"), Answer::Failed, Mono(200), 7);
        agenda.answered(&watched("b/z:1"), Answer::AsBefore, Mono(200), 0);
        assert_eq!(agenda.next(), Some(Mono(50 + INTERVAL)));
        assert_eq!(due(&mut agenda, 50 + INTERVAL), ["a/x:1"]);
        assert_eq!(due(&mut agenda, 200 + INTERVAL), ["b/z:1"]);
    }

    #[test]
    fn a_registry_that_fails_is_left_alone_for_longer_each_time() {
        let table = [
            (&[None][..], 0, 30_000),
            (&[None], 5, 30_005),
            (&[None, None], 0, 60_000),
            (&[None, None, None], 0, 120_000),
            (&[Some(3_600)], 0, 3_600_000),
            (&[Some(1)], 0, 30_000),
            (&[Some(u64::MAX)], 0, 6 * 3_600_000),
        ];
        for (answers, random, expected) in table {
            let mut agenda = agenda(&["a/x:1", "a/y:1", "b/z:1"]);
            let mut now = 0;
            for (number, answer) in answers.iter().enumerate() {
                now = agenda.next().unwrap().0.max(now);
                assert_eq!(due(&mut agenda, now)[0], "a/x:1");
                let random = if number + 1 == answers.len() { random } else { 0 };
                agenda.answered(&watched("a/x:1"), Answer::Away(*answer), Mono(now), random);
            }
            agenda.answered(&watched("b/z:1"), Answer::AsBefore, Mono(now), 0);
            assert!(due(&mut agenda, now + expected - 1).iter().all(|image| !image.starts_with("a/")), "{answers:?}");
            assert!(due(&mut agenda, now + expected).contains(&"a/x:1".to_owned()), "{answers:?}");
        }
    }

    #[test]
    fn what_was_found_is_known_the_next_time_and_forgotten_with_its_image() {
        let mut agenda = agenda(&["a/x:1"]);
        agenda.due(Mono(0));
        let found = Found { digest: None, etag: Some("e".to_owned()) };
        agenda.answered(&watched("a/x:1"), Answer::Found(found.clone()), Mono(0), 60_000);
        // The jitter makes it sooner, never later.
        assert_eq!(agenda.next(), Some(Mono(INTERVAL - 60_000)));
        assert_eq!(agenda.due(Mono(INTERVAL)), [(watched("a/x:1"), found)]);
        agenda.watch(BTreeSet::new(), Mono(INTERVAL), || 0);
        agenda.answered(&watched("a/x:1"), Answer::AsBefore, Mono(INTERVAL), 0);
        assert_eq!(agenda.next(), None);
        agenda.watch([watched("a/x:1")].into(), Mono(INTERVAL), || 30_000);
        assert_eq!(agenda.next(), Some(Mono(INTERVAL + 30_000)));
        assert_eq!(agenda.due(Mono(2 * INTERVAL)), [(watched("a/x:1"), Found::default())]);
    }
}
