//! The progress of a build as lines: what `docker build --progress=plain` prints, from the events of BuildKit's
//! `Control.Status`. Pure: time comes with the events, by the engine's clock.

use crate::engine::Said;
use acre_model::log::Stream;
use bollard_buildkit_proto::{
    google::protobuf::Timestamp,
    moby::buildkit::v1::{StatusResponse, Vertex, VertexLog, VertexStatus},
};
use bytes::Bytes;
use std::collections::{HashMap, HashSet};

/// A line that has not ended is shown when it is longer than this.
const LONGEST_LINE: usize = 16 * 1024;

/// What is known of the steps of a build.
#[derive(Debug, Default)]
pub(super) struct Progress {
    steps: HashMap<String, Step>,
    /// The step the last line was about, by number.
    shown: Option<usize>,
    /// Transfers and exports that have been told, by step and name.
    told: HashSet<(String, String)>,
    /// The line in which an emulator told that it crashed.
    crash: Option<String>,
}

/// What QEMU's user mode prints when it crashes, rather than the program it runs.
const EMULATOR_CRASHED: &[u8] = b"qemu: uncaught target signal";

/// What is told of names that are acre's own affair.
const NAMING: &str = "naming to acre.local/";

/// Steps that may fail without the build's failing: a cache that is not there yet.
const OPTIONAL: &str = "importing cache manifest from ";

/// One step ("vertex") of a build.
#[derive(Debug)]
struct Step {
    /// In the order of their beginning, from 1.
    number: usize,
    name: String,
    started: Option<Timestamp>,
    phase: Phase,
    error: String,
    /// Output that has not been ended by a newline, by stream, and when the last of it came.
    partial: HashMap<i64, (f64, Vec<u8>)>,
}

/// BuildKit starts and completes some steps several times. Only the first end is told, and errors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Running,
    Over,
    /// Started after its end had been told.
    RunningAgain,
}

impl Progress {
    /// Takes in events; what there is to say about them.
    pub(super) fn take(&mut self, response: StatusResponse) -> Vec<Said> {
        let mut lines = Vec::new();
        for vertex in &response.vertexes {
            self.begin(vertex, &mut lines);
        }
        for status in &response.statuses {
            self.detail(status, &mut lines);
        }
        let mut latest = None;
        for log in response.logs {
            latest = log.timestamp.map(|at| (log.vertex.clone(), at)).or(latest);
            self.log(log, &mut lines);
        }
        for vertex in &response.vertexes {
            self.end(vertex, &mut lines);
        }
        let status = self.status(&response.vertexes, latest);
        let output = (!lines.is_empty()).then(|| Said::Output(Stream::Stdout, Bytes::from(lines)));
        output.into_iter().chain(status).collect()
    }

    /// What is left of unended lines, when no more comes.
    pub(super) fn rest(&mut self) -> Option<Said> {
        let mut lines = Vec::new();
        let mut digests: Vec<(usize, String)> =
            self.steps.iter().map(|(digest, step)| (step.number, digest.clone())).collect();
        digests.sort();
        for (_, digest) in digests {
            self.flush(&digest, &mut lines);
        }
        (!lines.is_empty()).then(|| Said::Output(Stream::Stdout, Bytes::from(lines)))
    }

    /// Whether anything has begun.
    pub(super) fn has_begun(&self) -> bool {
        !self.steps.is_empty()
    }

    /// The step that failed, and why.
    pub(super) fn failed(&self) -> Option<(&str, &str)> {
        // What is canceled because another step failed has an error of its own.
        let failed = self.steps.values().filter(|step| !step.error.is_empty() && !step.name.starts_with(OPTIONAL));
        let failed = failed.min_by_key(|step| (step.error.contains("context canceled"), step.number));
        failed.map(|step| (step.name.as_str(), step.error.as_str()))
    }

    /// What an emulator printed when it crashed.
    pub(super) fn emulator_crash(&self) -> Option<&str> {
        self.crash.as_deref()
    }

    /// The names of all steps, in the order of their beginning.
    pub(super) fn names(&self) -> Vec<&str> {
        let mut steps: Vec<&Step> = self.steps.values().collect();
        steps.sort_by_key(|step| step.number);
        steps.into_iter().map(|step| step.name.as_str()).collect()
    }

    fn begin(&mut self, vertex: &Vertex, lines: &mut Vec<u8>) {
        if vertex.started.is_none() && !vertex.cached && vertex.error.is_empty() {
            return;
        }
        let number = self.steps.len() + 1;
        let step = self.steps.entry(vertex.digest.clone()).or_insert_with(|| Step {
            number,
            name: one_line(&vertex.name),
            started: None,
            phase: Phase::Running,
            error: String::new(),
            partial: HashMap::new(),
        });
        if step.phase == Phase::Over && seconds(step.started, vertex.started) > 0.0 {
            step.phase = Phase::RunningAgain;
        }
        step.started = vertex.started.or(step.started);
        // What is over already is shown with its end.
        if step.number == number && vertex.completed.is_none() {
            self.head(&vertex.digest, lines);
        }
    }

    fn end(&mut self, vertex: &Vertex, lines: &mut Vec<u8>) {
        let Some(step) = self.steps.get_mut(&vertex.digest) else { return };
        let first_error = step.error.is_empty() && !vertex.error.is_empty();
        if vertex.completed.is_none() && !first_error {
            return;
        }
        let before = std::mem::replace(&mut step.phase, Phase::Over);
        if before != Phase::Over || first_error {
            step.error.clone_from(&vertex.error);
        }
        let started = step.started;
        self.flush(&vertex.digest, lines);
        if before != Phase::Running && !first_error {
            return;
        }
        let end = match (vertex.error.as_str(), vertex.cached) {
            ("", true) => "CACHED".to_owned(),
            ("", false) => format!("DONE {:.1}s", seconds(started, vertex.completed)),
            (error, _) => format!("ERROR: {}", one_line(error)),
        };
        self.line(&vertex.digest, &end, lines);
    }

    /// Transfers and exports, told once when they are complete, unless the end of their step has been told before.
    fn detail(&mut self, status: &VertexStatus, lines: &mut Vec<u8>) {
        let runs = self.steps.get(&status.vertex).is_some_and(|step| step.phase != Phase::Over);
        if status.completed.is_none() || !runs || status.id.starts_with(NAMING) {
            return;
        }
        if !self.told.insert((status.vertex.clone(), status.id.clone())) {
            return;
        }
        let size = if status.current > 0 { format!(" {}", size(status.current)) } else { String::new() };
        let took = seconds(status.started, status.completed);
        let text = format!("{}{size} {took:.1}s done", one_line(&status.id));
        self.line(&status.vertex.clone(), &text, lines);
    }

    fn log(&mut self, log: VertexLog, lines: &mut Vec<u8>) {
        let Some(step) = self.steps.get_mut(&log.vertex) else { return };
        let at = seconds(step.started, log.timestamp);
        let (_, mut text) = step.partial.remove(&log.stream).unwrap_or_default();
        text.extend_from_slice(&log.msg);
        let ended = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let ended = if text.len() - ended > LONGEST_LINE { text.len() } else { ended };
        let rest = text.split_off(ended);
        if !rest.is_empty() {
            step.partial.insert(log.stream, (at, rest));
        }
        self.text(&log.vertex, at, &text, lines);
    }

    fn flush(&mut self, digest: &str, lines: &mut Vec<u8>) {
        let Some(step) = self.steps.get_mut(digest) else { return };
        let mut partial: Vec<(i64, (f64, Vec<u8>))> = step.partial.drain().collect();
        partial.sort_unstable_by_key(|(stream, _)| *stream);
        for (_, (at, text)) in partial {
            self.text(digest, at, &text, lines);
        }
    }

    /// Output of a step, each line with the seconds of the step before it.
    fn text(&mut self, digest: &str, at: f64, text: &[u8], lines: &mut Vec<u8>) {
        if text.is_empty() {
            return;
        }
        self.head(digest, lines);
        let Some(step) = self.steps.get(digest) else { return };
        for line in text.strip_suffix(b"\n").unwrap_or(text).split(|byte| *byte == b'\n') {
            if line.starts_with(EMULATOR_CRASHED) {
                self.crash = Some(acre_model::text::clip(&String::from_utf8_lossy(line)));
            }
            lines.extend_from_slice(format!("#{} {at:.3} ", step.number).as_bytes());
            lines.extend_from_slice(line);
            lines.push(b'\n');
        }
    }

    fn line(&mut self, digest: &str, text: &str, lines: &mut Vec<u8>) {
        self.head(digest, lines);
        if let Some(step) = self.steps.get(digest) {
            lines.extend_from_slice(format!("#{} {text}\n", step.number).as_bytes());
        }
    }

    /// The name of a step, where the lines before were about another one.
    fn head(&mut self, digest: &str, lines: &mut Vec<u8>) {
        let Some(step) = self.steps.get(digest) else { return };
        if self.shown != Some(step.number) {
            self.shown = Some(step.number);
            lines.extend_from_slice(format!("#{} {}\n", step.number, step.name).as_bytes());
        }
    }

    /// One line on what is at work: the step that has just begun, or the one that has just spoken.
    fn status(&self, vertices: &[Vertex], latest: Option<(String, Timestamp)>) -> Option<Said> {
        let begun = vertices.iter().rev().find(|vertex| vertex.started.is_some() && vertex.completed.is_none());
        let begun = begun.and_then(|vertex| Some((vertex.digest.clone(), vertex.started?)));
        let (digest, at) = latest.or(begun)?;
        let step = self.steps.get(&digest).filter(|step| step.phase != Phase::Over)?;
        Some(Said::Status(format!("{}  {:.1}s", step.name, seconds(step.started, Some(at)))))
    }
}

/// Seconds between two times, none where one is not known.
fn seconds(from: Option<Timestamp>, to: Option<Timestamp>) -> f64 {
    let at = |time: Timestamp| time.seconds as f64 + f64::from(time.nanos) / 1e9;
    match (from, to) {
        (Some(from), Some(to)) => (at(to) - at(from)).max(0.0),
        _ => 0.0,
    }
}

/// Bytes as Docker shows them: powers of 1000.
fn size(bytes: i64) -> String {
    let bytes = bytes as f64;
    match bytes {
        _ if bytes < 1e3 => format!("{bytes}B"),
        _ if bytes < 1e6 => format!("{:.2}kB", bytes / 1e3),
        _ if bytes < 1e9 => format!("{:.2}MB", bytes / 1e6),
        _ => format!("{:.2}GB", bytes / 1e9),
    }
}

fn one_line(text: &str) -> String {
    text.split(['\n', '\r']).map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64) -> Option<Timestamp> {
        Some(Timestamp { seconds: millis / 1000, nanos: i32::try_from(millis % 1000).unwrap() * 1_000_000 })
    }

    fn vertex(digest: &str, name: &str, started: Option<i64>, completed: Option<i64>) -> Vertex {
        Vertex {
            digest: digest.to_owned(),
            name: name.to_owned(),
            started: started.and_then(at),
            completed: completed.and_then(at),
            ..Vertex::default()
        }
    }

    fn log(vertex: &str, millis: i64, text: &str) -> StatusResponse {
        let log =
            VertexLog { vertex: vertex.to_owned(), timestamp: at(millis), stream: 1, msg: text.as_bytes().to_vec() };
        StatusResponse { logs: vec![log], ..StatusResponse::default() }
    }

    fn vertices(vertexes: Vec<Vertex>) -> StatusResponse {
        StatusResponse { vertexes, ..StatusResponse::default() }
    }

    fn shown(events: Vec<StatusResponse>) -> (String, Vec<String>) {
        let mut progress = Progress::default();
        let mut said: Vec<Said> = events.into_iter().flat_map(|event| progress.take(event)).collect();
        said.extend(progress.rest());
        let mut output = String::new();
        let mut status = Vec::new();
        for one in said {
            match one {
                Said::Output(_, bytes) => output.push_str(std::str::from_utf8(&bytes).unwrap()),
                Said::Status(text) => status.push(text),
            }
        }
        (output, status)
    }

    #[test]
    fn steps_are_shown_with_their_output_and_end() {
        let (output, status) = shown(vec![
            vertices(vec![vertex("a", "[1/2] FROM x", None, None), vertex("b", "[2/2] RUN y", None, None)]),
            vertices(vec![Vertex { cached: true, ..vertex("a", "[1/2] FROM x", Some(1000), Some(1000)) }]),
            vertices(vec![vertex("b", "[2/2] RUN y", Some(1000), None)]),
            log("b", 1250, "one\ntw"),
            log("b", 2500, "o\nend"),
            vertices(vec![vertex("b", "[2/2] RUN y", Some(1000), Some(3000))]),
        ]);
        assert_eq!(
            output,
            "#1 [1/2] FROM x\n#1 CACHED\n#2 [2/2] RUN y\n#2 0.250 one\n#2 1.500 two\n#2 1.500 end\n#2 DONE 2.0s\n"
        );
        assert_eq!(status, ["[2/2] RUN y  0.0s", "[2/2] RUN y  0.2s", "[2/2] RUN y  1.5s"]);
    }

    #[test]
    fn steps_at_once_are_told_apart() {
        let (output, _) = shown(vec![
            vertices(vec![vertex("a", "A", Some(0), None), vertex("b", "B", Some(0), None)]),
            log("a", 0, "x\n"),
            log("b", 0, "y\n"),
        ]);
        assert_eq!(output, "#1 A\n#2 B\n#1 A\n#1 0.000 x\n#2 B\n#2 0.000 y\n");
    }

    #[test]
    fn a_step_that_starts_and_ends_several_times_is_headed_and_ended_once() {
        let detail = |id: &str| {
            let of_a = VertexStatus { vertex: "a".to_owned(), id: id.to_owned(), ..VertexStatus::default() };
            let status = VertexStatus { started: at(0), completed: at(100), ..of_a };
            StatusResponse { statuses: vec![status], ..StatusResponse::default() }
        };
        let first = || vertices(vec![vertex("a", "A", Some(0), Some(100))]);
        let (output, _) = shown(vec![
            vertices(vec![vertex("a", "A", Some(0), None)]),
            detail("one"),
            first(),
            detail("late"),
            first(),
            vertices(vec![vertex("a", "A", Some(200), None)]),
            detail("two"),
            vertices(vec![Vertex { cached: true, ..vertex("a", "A", Some(200), Some(300)) }]),
            vertices(vec![vertex("b", "B", Some(300), Some(400))]),
            vertices(vec![vertex("a", "A", Some(400), Some(500))]),
            vertices(vec![Vertex { error: "gone".to_owned(), ..vertex("a", "A", Some(600), Some(700)) }]),
        ]);
        let expected =
            "#1 A\n#1 one 0.1s done\n#1 DONE 0.1s\n#1 two 0.1s done\n#2 B\n#2 DONE 0.1s\n#1 A\n#1 ERROR: gone\n";
        assert_eq!(output, expected);
    }

    #[test]
    fn the_step_that_failed_is_known() {
        let mut progress = Progress::default();
        let error = |error: &str, vertex| Vertex { error: error.to_owned(), ..vertex };
        progress.take(vertices(vec![
            error("context canceled", vertex("a", "A", Some(0), Some(1))),
            error("exit code: 7", vertex("b", "B", Some(0), Some(1))),
        ]));
        assert_eq!(progress.failed(), Some(("B", "exit code: 7")));
        assert_eq!(progress.names(), ["A", "B"]);
        progress.take(vertices(vec![error(
            "not found",
            vertex("c", "importing cache manifest from h/a", Some(0), Some(1)),
        )]));
        assert_eq!(progress.failed(), Some(("B", "exit code: 7")));
        // Said again, it has not succeeded; started again, it may.
        progress.take(vertices(vec![vertex("b", "B", Some(0), Some(1))]));
        assert_eq!(progress.failed(), Some(("B", "exit code: 7")));
        progress.take(vertices(vec![vertex("b", "B", Some(2), Some(3))]));
        assert_eq!(progress.failed(), Some(("A", "context canceled")));
    }

    #[test]
    fn a_crash_of_the_emulator_is_seen() {
        let mut progress = Progress::default();
        progress.take(vertices(vec![vertex("a", "A", Some(0), None)]));
        progress.take(log("a", 0, "about qemu: uncaught target signal\n"));
        assert_eq!(progress.emulator_crash(), None);
        progress.take(log("a", 0, "x\nqemu: uncaught target signal 11 (Segmentation fault)\n"));
        assert_eq!(progress.emulator_crash(), Some("qemu: uncaught target signal 11 (Segmentation fault)"));
    }

    #[test]
    fn a_line_that_does_not_end_is_shown_in_pieces() {
        let mut progress = Progress::default();
        progress.take(vertices(vec![vertex("a", "A", Some(0), None)]));
        let long = "x".repeat(LONGEST_LINE + 1);
        assert!(matches!(&progress.take(log("a", 0, &long))[..], [Said::Output(..), Said::Status(_)]));
        assert_eq!(progress.rest(), None);
    }

    #[test]
    fn transfers_are_told_once() {
        let status = VertexStatus {
            id: "transferring context:".to_owned(),
            vertex: "a".to_owned(),
            current: 10_270_000,
            started: at(0),
            completed: at(300),
            ..VertexStatus::default()
        };
        let own = VertexStatus { id: "naming to acre.local/built:r-1-1".to_owned(), ..status.clone() };
        let event = StatusResponse { statuses: vec![status.clone(), own, status], ..StatusResponse::default() };
        let (output, _) = shown(vec![vertices(vec![vertex("a", "A", Some(0), None)]), event]);
        assert_eq!(output, "#1 A\n#1 transferring context: 10.27MB 0.3s done\n");
    }
}
