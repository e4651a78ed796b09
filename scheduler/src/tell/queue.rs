//! Whose turn it is: messages of a lane go one after the other, nobody is asked twice at a time, and who fails rests.

use super::{Lane, Message, Place};
use crate::farm::Mono;
use acre_model::{ids::ProjectName, time::Timestamp};
use std::collections::{BTreeMap, BTreeSet};

/// Most messages of one project that wait.
const WAITING: usize = 1000;
/// Most messages that are under way at once, of all and of one project.
const UNDER_WAY: usize = 32;
const UNDER_WAY_OF_ONE: usize = 4;
/// The first rest of who fails, and the longest, in milliseconds.
const REST: u64 = 1_000;
const LONGEST_REST: u64 = 600_000;
/// How old a message becomes, in milliseconds.
const LIFE: u64 = 86_400_000;

/// What came of sending a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It was taken.
    Taken,
    /// It will never be.
    Refused(String),
    /// It may be taken later.
    Later {
        /// Why not now.
        why: String,
        /// How long it asks to be left alone, in milliseconds.
        after_ms: Option<u64>,
    },
}

/// What becomes of a message after it was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Settled {
    /// It is gone, having been taken.
    Taken,
    /// It is gone, and was not taken.
    GivenUp(String),
    /// It is tried again.
    Waits {
        /// After this long, in milliseconds.
        rest_ms: u64,
        /// Why.
        why: String,
    },
}

/// Messages on their way.
#[derive(Debug, Default)]
pub struct Queue {
    lanes: BTreeMap<Lane, Line>,
    /// Who is being asked.
    busy: BTreeSet<(ProjectName, String)>,
    /// Who asked to be left alone, until when.
    closed: BTreeMap<(ProjectName, String), Mono>,
}

#[derive(Debug, Default)]
struct Line {
    waiting: BTreeMap<Place, Message>,
    under_way: Option<Place>,
    failures: u32,
    rests_until: Option<Mono>,
}

impl Lane {
    /// Whose messages are in it.
    pub const fn project(&self) -> &ProjectName {
        match self {
            Self::Status(project, ..) | Self::Notice(project, _) => project,
        }
    }
}

impl Queue {
    /// Takes a message in; one that is there already is the same. Returns those that have to go for it: the oldest of the
    /// project.
    pub fn push(&mut self, message: Message) -> Vec<Message> {
        let project = message.about.project.clone();
        self.lanes.entry(message.lane()).or_default().waiting.insert(message.place(), message);
        let mut dropped = Vec::new();
        while self.waiting_of(&project) > WAITING {
            let Some((lane, place)) = self.oldest(&project) else { break };
            dropped.extend(self.take_out(&lane, &place));
        }
        dropped
    }

    fn of<'a>(&'a self, project: &'a ProjectName) -> impl Iterator<Item = (&'a Lane, &'a Line)> {
        self.lanes.iter().filter(move |(lane, _)| lane.project() == project)
    }

    fn waiting_of(&self, project: &ProjectName) -> usize {
        self.of(project).map(|(_, line)| line.waiting.len()).sum()
    }

    /// The oldest message of a project that is not being sent.
    fn oldest(&self, project: &ProjectName) -> Option<(Lane, Place)> {
        let first = |(lane, line): (&Lane, &Line)| {
            let mut free = line.waiting.iter().filter(|(place, _)| Some(*place) != line.under_way.as_ref());
            free.next().map(|(place, message)| (message.since, lane.clone(), place.clone()))
        };
        self.of(project).filter_map(first).min().map(|(_, lane, place)| (lane, place))
    }

    fn take_out(&mut self, lane: &Lane, place: &Place) -> Option<Message> {
        let line = self.lanes.get_mut(lane)?;
        let message = line.waiting.remove(place);
        if line.waiting.is_empty() {
            self.lanes.remove(lane);
        }
        message
    }

    /// The messages whose turn it is. Each is under way until it is settled.
    pub fn due(&mut self, now: Mono) -> Vec<Message> {
        self.closed.retain(|_, until| *until > now);
        let mut due = Vec::new();
        for (lane, line) in &mut self.lanes {
            let of_one = self.busy.iter().filter(|(project, _)| project == lane.project()).count();
            let is_free = self.busy.len() < UNDER_WAY && of_one < UNDER_WAY_OF_ONE && line.under_way.is_none();
            let rests = line.rests_until.is_some_and(|until| until > now);
            let Some((place, message)) = line.waiting.first_key_value().filter(|_| is_free && !rests) else { continue };
            let door = (lane.project().clone(), message.door());
            if self.closed.contains_key(&door) || !self.busy.insert(door) {
                continue;
            }
            line.under_way = Some(place.clone());
            due.push(message.clone());
        }
        due
    }

    /// When the next message may be sent that rests now; `None`: none rests.
    pub fn next(&self, now: Mono) -> Option<Mono> {
        let rests = self.lanes.values().filter(|line| line.under_way.is_none()).filter_map(|line| line.rests_until);
        rests.chain(self.closed.values().copied()).filter(|until| *until > now).min()
    }

    /// What becomes of a message that was under way. `jitter` is random.
    pub fn settle(
        &mut self,
        message: &Message,
        verdict: Verdict,
        (wall, now): (Timestamp, Mono),
        jitter: u64,
    ) -> Settled {
        let (lane, place) = (message.lane(), message.place());
        let door = (lane.project().clone(), message.door());
        self.busy.remove(&door);
        let Some(line) = self.lanes.get_mut(&lane) else {
            return Settled::GivenUp("it had to go for newer ones".to_owned());
        };
        line.under_way = None;
        let (why, after_ms) = match verdict {
            Verdict::Later { why, after_ms } => (why, after_ms),
            Verdict::Taken | Verdict::Refused(_) => {
                (line.failures, line.rests_until) = (0, None);
                self.take_out(&lane, &place);
                return match verdict {
                    Verdict::Refused(why) => Settled::GivenUp(why),
                    _ => Settled::Taken,
                };
            }
        };
        let rest_ms = after_ms.unwrap_or_default().max(rest(line.failures, jitter));
        if wall.millis_since(message.since).saturating_add(rest_ms) > LIFE {
            self.take_out(&lane, &place);
            return Settled::GivenUp(format!("{why}; it is tried for a day"));
        }
        line.failures = line.failures.saturating_add(1);
        line.rests_until = Some(now.plus_millis(rest_ms));
        if after_ms.is_some() {
            self.closed.insert(door, now.plus_millis(rest_ms));
        }
        Settled::Waits { rest_ms, why }
    }

    /// How many wait, or are under way.
    pub fn len(&self) -> usize {
        self.lanes.values().map(|line| line.waiting.len()).sum()
    }

    /// Whether none does.
    pub fn is_empty(&self) -> bool {
        self.lanes.is_empty()
    }
}

/// How long somebody rests after so many failures before: doubled each time, the second half of it by chance.
fn rest(failures: u32, jitter: u64) -> u64 {
    let whole = REST.saturating_mul(1 << failures.min(20)).min(LONGEST_REST);
    whole / 2 + jitter % (whole / 2 + 1)
}

#[cfg(test)]
mod tests;
