//! The view of a run on a terminal: a line per unit at work, redrawn in place, and above it what has ended. What a line
//! says is made by pure functions; [`Live`] draws them.

use super::{escape::Filter, run::state};
use acre_model::{
    duration,
    ids::UnitId,
    outcome::Outcome,
    run::{RunView, UnitPhase, UnitView},
    time::Timestamp,
};
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    io,
};

/// Units that have a line at one time; a farm may work at more.
const SHOWN: usize = 12;
/// Lines of its log that are shown of a unit that failed.
const TAIL: usize = 40;
/// Characters of a log line that are kept.
const WIDEST: usize = 500;

/// The last lines of a unit's log, as a terminal may see them.
#[derive(Debug, Default)]
pub struct Tail {
    filter: Filter,
    lines: VecDeque<String>,
    partial: String,
}

impl Tail {
    /// Takes the next bytes of the log.
    pub fn push(&mut self, data: &[u8]) {
        let mut text = String::new();
        self.filter.push(data, &mut text);
        for character in text.chars() {
            if character == '\n' {
                self.end_line();
            } else if self.partial.len() < WIDEST {
                self.partial.push(character);
            }
        }
    }

    /// The last line that says anything, without colours.
    pub fn last(&self) -> String {
        let lines = std::iter::once(&self.partial).chain(self.lines.iter().rev());
        let mut plain = lines.map(|line| console::strip_ansi_codes(line).trim().to_owned());
        plain.find(|line| !line.is_empty()).unwrap_or_default()
    }

    /// The last lines, oldest first, colours off at each end.
    pub fn lines(&mut self) -> Vec<String> {
        if !self.partial.is_empty() {
            self.end_line();
        }
        let ended = |line: &String| if line.contains('\u{1b}') { format!("{line}\u{1b}[0m") } else { line.clone() };
        self.lines.iter().map(ended).collect()
    }

    fn end_line(&mut self) {
        if self.lines.len() == TAIL {
            self.lines.pop_front();
        }
        self.lines.push_back(std::mem::take(&mut self.partial));
    }
}

/// The line of a unit at work: name, state, elapsed time, and the last thing it said.
pub fn unit_line(unit: &UnitView, said: &str, now: Timestamp) -> String {
    let elapsed = unit.started_at.map(|at| duration::show(now.millis_since(at))).unwrap_or_default();
    format!("  {:<28} {:<10} {elapsed:>7}  {said}", unit.name, state(&unit.phase))
}

/// The line of a unit that has ended; `None`: not worth one.
pub fn ended_line(unit: &UnitView, outcome: &Outcome) -> Option<String> {
    let elapsed = unit.started_at.zip(unit.ended_at).map(|(start, end)| duration::show(end.millis_since(start)));
    let elapsed = elapsed.unwrap_or_default();
    match outcome {
        Outcome::Skipped(_) => None,
        Outcome::Succeeded => Some(format!("✔ {:<28} {elapsed:>7}", unit.name)),
        outcome => Some(format!("✘ {:<28} {elapsed:>7}  {}", unit.name, super::escape::plain(&outcome.to_string()))),
    }
}

/// The line of the whole run.
pub fn run_line(run: &RunView, hidden: usize, now: Timestamp) -> String {
    let ended = run.units.iter().filter(|unit| matches!(unit.phase, UnitPhase::Ended(_))).count();
    let elapsed = duration::show(now.millis_since(run.submitted_at));
    let more = if hidden > 0 { format!(", {hidden} more at work") } else { String::new() };
    format!("Run {}: {}, {ended} of {} units done, {elapsed}{more}", run.id, run.status, run.units.len())
}

/// Whether a unit has a line of its own.
const fn is_at_work(phase: &UnitPhase) -> bool {
    matches!(phase, UnitPhase::Queued(_) | UnitPhase::Assigned | UnitPhase::Running)
}

/// Draws a run on standard error.
#[derive(Debug)]
pub struct Live {
    multi: MultiProgress,
    header: ProgressBar,
    bars: BTreeMap<UnitId, ProgressBar>,
    tails: BTreeMap<UnitId, Tail>,
    statuses: BTreeMap<UnitId, String>,
    told: BTreeSet<UnitId>,
    run: Option<RunView>,
}

impl Live {
    /// Draws on `target`.
    pub fn new(target: ProgressDrawTarget) -> Self {
        let multi = MultiProgress::with_draw_target(target);
        let header = multi.add(bar());
        Self {
            multi,
            header,
            bars: BTreeMap::new(),
            tails: BTreeMap::new(),
            statuses: BTreeMap::new(),
            told: BTreeSet::new(),
            run: None,
        }
    }

    /// A line that stays.
    pub fn line(&self, line: &str) -> io::Result<()> {
        self.multi.println(line)
    }

    /// What `acre` is at before there is a run.
    pub fn at(&self, what: &str) {
        self.header.set_message(what.to_owned());
    }

    /// The run has changed.
    pub fn run(&mut self, run: RunView, now: Timestamp) -> io::Result<()> {
        for unit in &run.units {
            if let UnitPhase::Ended(outcome) = &unit.phase
                && self.told.insert(unit.id)
            {
                if let Some(bar) = self.bars.remove(&unit.id) {
                    bar.finish_and_clear();
                    self.multi.remove(&bar);
                }
                ended_line(unit, outcome).map_or(Ok(()), |line| self.multi.println(line))?;
            }
        }
        for unit in run.units.iter().filter(|unit| is_at_work(&unit.phase)) {
            if self.bars.len() < SHOWN && !self.bars.contains_key(&unit.id) {
                self.bars.insert(unit.id, self.multi.add(bar()));
            }
        }
        self.run = Some(run);
        self.draw(now);
        Ok(())
    }

    /// The next bytes of a unit's log.
    pub fn log(&mut self, unit: UnitId, data: &[u8]) {
        self.statuses.remove(&unit);
        self.tails.entry(unit).or_default().push(data);
    }

    /// What a unit is at.
    pub fn status(&mut self, unit: UnitId, text: &str) {
        self.statuses.insert(unit, super::escape::plain(text));
    }

    /// Draws what has changed with time.
    pub fn draw(&self, now: Timestamp) {
        let Some(run) = &self.run else { return };
        let mut hidden = 0;
        for unit in run.units.iter().filter(|unit| is_at_work(&unit.phase)) {
            match self.bars.get(&unit.id) {
                Some(bar) => {
                    bar.set_message(unit_line(unit, &self.said(unit.id), now));
                }
                None => hidden += 1,
            }
        }
        self.at(&run_line(run, hidden, now));
    }

    /// Clears what was drawn in place; what a failed unit said last stays.
    pub fn finish(&mut self) -> io::Result<()> {
        self.bars.values().for_each(ProgressBar::finish_and_clear);
        self.header.finish_and_clear();
        let units = self.run.take().map(|run| run.units).unwrap_or_default();
        for unit in units.iter().filter(|unit| has_failed(&unit.phase)) {
            let Some(tail) = self.tails.get_mut(&unit.id) else { continue };
            self.multi.println(format!("── the last lines of {}", unit.name))?;
            tail.lines().iter().try_for_each(|line| self.multi.println(line))?;
            self.multi.println("──")?;
        }
        Ok(())
    }

    fn said(&self, unit: UnitId) -> String {
        let status = self.statuses.get(&unit).cloned();
        status.or_else(|| self.tails.get(&unit).map(Tail::last)).unwrap_or_default()
    }
}

const fn has_failed(phase: &UnitPhase) -> bool {
    matches!(phase, UnitPhase::Ended(outcome) if !matches!(outcome, Outcome::Succeeded | Outcome::Skipped(_) | Outcome::Canceled))
}

/// A line that is cut at the terminal's width, whatever that is when it is drawn.
fn bar() -> ProgressBar {
    let style = ProgressStyle::with_template("{wide_msg}").unwrap_or_else(|_| ProgressStyle::default_spinner());
    ProgressBar::new_spinner().with_style(style)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tail_keeps_the_last_lines_and_no_more_of_each_than_fits() {
        let mut tail = Tail::default();
        (0..100).for_each(|number| tail.push(format!("line {number}\n").as_bytes()));
        tail.push(b"\x1b[31mhalf\x1b[2J");
        assert_eq!(tail.last(), "half");
        tail.push("x".repeat(10_000).as_bytes());
        let lines = tail.lines();
        assert_eq!((lines.len(), lines[0].as_str()), (TAIL, "line 61"));
        assert!(lines[TAIL - 1].len() < WIDEST + 20 && lines[TAIL - 1].ends_with("\u{1b}[0m"));
    }

    #[test]
    fn the_last_line_that_says_anything_is_shown() {
        for (data, expected) in [("", ""), ("a\n", "a"), ("a\n\n  \n", "a"), ("a\nb", "b"), ("a\n\x1b[1m", "a")] {
            let mut tail = Tail::default();
            tail.push(data.as_bytes());
            assert_eq!(tail.last(), expected, "{data:?}");
        }
    }
}
