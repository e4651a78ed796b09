//! The output and the end of a container: attach, start, wait; and attaching again by its log.

use super::{Docker, failure};
use crate::engine::{Asked, EngineError, Running, Seen};
use acre_model::log::Stream;
use bollard::{
    container::LogOutput,
    errors::Error,
    models::EventMessage,
    query_parameters::{
        AttachContainerOptions, EventsOptions, LogsOptions, StartContainerOptions, WaitContainerOptions,
    },
};
use bytes::Bytes;
use futures::{
    FutureExt as _, StreamExt as _,
    future::{self, BoxFuture, Shared},
    stream::{self, BoxStream},
};
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio_util::task::AbortOnDropHandle;

/// How long output may be silent after the container has ended before it is taken for complete. Ordinarily the engine
/// ends it at once; something that holds the pipe open from outside the container must not keep a step from ending.
const LINGER: Duration = Duration::from_secs(5);

type Output = BoxStream<'static, Result<(Stream, Bytes), EngineError>>;
type Exit = Shared<BoxFuture<'static, Result<i64, EngineError>>>;

impl Docker {
    /// Attaches, then starts.
    pub(super) fn attach_and_start<'a>(&'a self, id: &'a str) -> Asked<'a, Running> {
        async move {
            let options = AttachContainerOptions {
                stream: true,
                stdout: true,
                stderr: true,
                ..AttachContainerOptions::default()
            };
            let attached = self.client.attach_container(id, Some(options)).await.map_err(|e| self.failed(e))?;
            let started = self.client.start_container(id, None::<StartContainerOptions>).await;
            started.map_err(|error| failure::of_start(&self.host, error))?;
            Ok(self.running(id, attached.output))
        }
        .boxed()
    }

    /// Reads the log from its beginning, leaving out what was seen, and goes on as it grows. What 20.10 does not bring any
    /// more when it ends a log that it follows, the last words of a container, is read once the container has ended.
    pub(super) fn attach_again(&self, id: &str, seen: Seen) -> Running {
        let running = self.running(id, self.log(id, true));
        let (exit, passed) = (running.exit.shared(), Arc::<Mutex<Seen>>::default());
        let counted = passed.clone();
        let followed = mended(running.output).inspect(move |item| counted_in(&counted, item));
        let (engine, ended, name) = (self.clone(), exit.clone(), id.to_owned());
        let last_words = async move {
            drop(ended.await);
            let passed = *passed.lock().unwrap_or_else(PoisonError::into_inner);
            let log = mended(engine.pieces(engine.log(&name, false)));
            // A container that is gone by now has said all it will.
            unseen(log, passed).take_while(|item| future::ready(item.is_ok()))
        };
        let output = followed.chain(last_words.into_stream().flatten()).boxed();
        Running { output: unseen(output, seen), exit: exit.boxed(), ..running }
    }

    /// The log of a container from its beginning; followed, it ends with the container.
    fn log(&self, id: &str, follow: bool) -> BoxStream<'static, Result<LogOutput, Error>> {
        let options = LogsOptions { follow, stdout: true, stderr: true, ..LogsOptions::default() };
        self.client.logs(id, Some(options)).boxed()
    }

    fn pieces(&self, output: impl futures::Stream<Item = Result<LogOutput, Error>> + Send + 'static) -> Output {
        let host = self.host.clone();
        output.map(move |item| item.map(piece).map_err(|error| failure::of_call(&host, error))).boxed()
    }

    fn running(
        &self,
        id: &str,
        output: impl futures::Stream<Item = Result<LogOutput, Error>> + Send + 'static,
    ) -> Running {
        let output = self.pieces(output);
        let end = in_background(self.end(id));
        let released = end.clone().map(drop).boxed();
        let exit = in_background(self.exit(id, end));
        Running { output: ending_with(output, exit.clone()), exit: exit.boxed(), released, ailing: self.ailing(id) }
    }

    /// The exit code once the container's process has ended: as the event of its death tells it, or its `end`,
    /// whichever comes first. The event does not wait for the engine to take the container off its network and volumes
    /// (moby `daemon/monitor.go`), which is a sixth of the life of a short one; the end comes also if the event is missed.
    fn exit(&self, id: &str, end: Exit) -> BoxFuture<'static, Result<i64, EngineError>> {
        let died = self.death(id);
        async move {
            tokio::select! {
                Some(code) = died => Ok(code),
                ended = end => ended,
            }
        }
        .boxed()
    }

    /// The exit code that the event of the container's death tells; `None` if the engine's events end before.
    fn death(&self, id: &str) -> BoxFuture<'static, Option<i64>> {
        let mut events = self.events_of(id, "die");
        async move {
            let death = events.next().await?.ok()?;
            death.actor?.attributes?.get("exitCode")?.parse().ok()
        }
        .boxed()
    }

    /// Resolves with the event that says the container is unhealthy.
    fn ailing(&self, id: &str) -> BoxFuture<'static, ()> {
        let mut events = self.events_of(id, "health_status");
        async move {
            while let Some(Ok(event)) = events.next().await {
                if event.action.is_some_and(|action| action.ends_with("unhealthy")) {
                    return;
                }
            }
            std::future::pending().await
        }
        .boxed()
    }

    /// The container's events of one kind, from the beginning of what the engine remembers: they may have been already.
    fn events_of(&self, id: &str, kind: &str) -> BoxStream<'static, Result<EventMessage, Error>> {
        let filters = [("type", "container"), ("event", kind), ("container", id)];
        let filters = filters.map(|(key, value)| (key.to_owned(), vec![value.to_owned()])).into();
        let options = EventsOptions { since: Some("1".to_owned()), until: None, filters: Some(filters) };
        self.patient.events(Some(options)).boxed()
    }

    /// The exit code once the engine is done with the container. Asked after the start, so that the answer cannot be
    /// missed: a container that has ended answers at once.
    fn end(&self, id: &str) -> BoxFuture<'static, Result<i64, EngineError>> {
        let options = WaitContainerOptions { condition: "not-running".to_owned() };
        let mut answers = self.client.wait_container(id, Some(options)).boxed();
        let host = self.host.clone();
        async move {
            match answers.next().await {
                Some(Ok(answer)) => Ok(answer.status_code),
                // bollard makes an error of every exit code but 0.
                Some(Err(Error::DockerContainerWaitError { code, .. })) => Ok(code),
                Some(Err(error)) if failure::is_absent(&error) => {
                    Err(EngineError::BrokenOff("the container has been removed".to_owned()))
                }
                Some(Err(error)) => Err(failure::of_call(&host, error)),
                None => Err(EngineError::BrokenOff("it hung up before the container ended".to_owned())),
            }
        }
        .boxed()
    }
}

/// Asks at once, and in the background, so that the answer is not missed when the container is removed before anybody
/// looks.
fn in_background(asked: BoxFuture<'static, Result<i64, EngineError>>) -> Exit {
    let stopped = |_| Err(EngineError::BrokenOff("waiting for the container was given up".to_owned()));
    AbortOnDropHandle::new(tokio::spawn(asked)).map(move |joined| joined.unwrap_or_else(stopped)).boxed().shared()
}

fn piece(output: LogOutput) -> (Stream, Bytes) {
    match output {
        LogOutput::StdErr { message } => (Stream::Stderr, message),
        LogOutput::StdOut { message } | LogOutput::StdIn { message } | LogOutput::Console { message } => {
            (Stream::Stdout, message)
        }
    }
}

/// `output` until it ends, or until it has been silent for [`LINGER`] after `exit`.
fn ending_with(output: Output, exit: Exit) -> Output {
    stream::unfold((output, exit), |(mut output, exit)| async move {
        let ended = exit.clone().then(|_| tokio::time::sleep(LINGER));
        let item = tokio::select! {
            biased;
            item = output.next() => item?,
            () = ended => return None,
        };
        Some((item, (output, exit)))
    })
    .boxed()
}

/// The engine keeps a line in records of this many bytes (moby `daemon/logger/copier.go`).
const RECORD: usize = 16 * 1024;

/// The output of a log, one record each, with the newlines that the log of 20.10 leaves out: it does not keep the one at
/// the end of a line of more than one record. A shorter record that does not end its line is the last of such a line,
/// unless it is the last of all.
fn mended(output: Output) -> Output {
    let mut unended = [false; 2];
    let mend = move |item: Result<(Stream, Bytes), EngineError>| {
        let (stream, bytes) = item?;
        let unended = &mut unended[usize::from(stream == Stream::Stderr)];
        let missing = std::mem::replace(unended, bytes.len() < RECORD && !bytes.ends_with(b"\n"));
        let bytes = if missing { [b"\n", &bytes[..]].concat().into() } else { bytes };
        Ok((stream, bytes))
    };
    output.map(mend).boxed()
}

fn counted_in(passed: &Mutex<Seen>, item: &Result<(Stream, Bytes), EngineError>) {
    let Ok((stream, bytes)) = item else { return };
    let mut passed = passed.lock().unwrap_or_else(PoisonError::into_inner);
    let count = if *stream == Stream::Stderr { &mut passed.stderr } else { &mut passed.stdout };
    *count += bytes.len() as u64;
}

/// `output` without what was seen of each stream.
fn unseen(output: Output, seen: Seen) -> Output {
    let state = (output, seen.stdout, seen.stderr);
    stream::unfold(state, |(mut output, mut stdout, mut stderr)| async move {
        loop {
            let item = match output.next().await? {
                Ok((stream, bytes)) => {
                    let skip = if stream == Stream::Stderr { &mut stderr } else { &mut stdout };
                    let rest = without_first(bytes, skip);
                    if rest.is_empty() {
                        continue;
                    }
                    Ok((stream, rest))
                }
                Err(error) => Err(error),
            };
            return Some((item, (output, stdout, stderr)));
        }
    })
    .boxed()
}

/// `bytes` without its first `skip` bytes, which are counted down.
fn without_first(bytes: Bytes, skip: &mut u64) -> Bytes {
    let skipped = usize::try_from(*skip).unwrap_or(usize::MAX).min(bytes.len());
    *skip -= skipped as u64;
    bytes.slice(skipped..)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn out(pieces: &[(Stream, &'static str)]) -> Output {
        let items: Vec<_> =
            pieces.iter().map(|(stream, text)| Ok((*stream, Bytes::from_static(text.as_bytes())))).collect();
        stream::iter(items).boxed()
    }

    #[tokio::test]
    async fn what_was_seen_of_each_stream_is_left_out() {
        let pieces = [(Stream::Stdout, "abc"), (Stream::Stderr, "xyz"), (Stream::Stdout, "def"), (Stream::Stderr, "w")];
        let table =
            [(0, 0, "abcdef", "xyzw"), (3, 0, "def", "xyzw"), (4, 3, "ef", "w"), (6, 4, "", ""), (99, 99, "", "")];
        for (stdout, stderr, expected_out, expected_err) in table {
            let rest: Vec<_> = unseen(out(&pieces), Seen { stdout, stderr }).collect().await;
            let of = |wanted: Stream| -> String {
                let pieces = rest.iter().map(|item| item.as_ref().unwrap()).filter(|(stream, _)| *stream == wanted);
                pieces.map(|(_, bytes)| std::str::from_utf8(bytes).unwrap()).collect()
            };
            assert_eq!((of(Stream::Stdout).as_str(), of(Stream::Stderr).as_str()), (expected_out, expected_err));
        }
    }

    #[tokio::test]
    async fn newlines_that_the_log_left_out_are_put_back() {
        let long = "y".repeat(RECORD).leak();
        let records = [
            (Stream::Stdout, "a\n"),
            (Stream::Stdout, long),
            (Stream::Stderr, "e"),
            (Stream::Stdout, "tail"),
            (Stream::Stdout, "b\n"),
            (Stream::Stdout, "end"),
        ];
        let mended: Vec<_> = mended(out(&records)).map(|item| item.unwrap()).collect().await;
        let stdout = mended.iter().filter(|(stream, _)| *stream == Stream::Stdout);
        let stdout: String = stdout.map(|(_, bytes)| std::str::from_utf8(bytes).unwrap()).collect();
        assert!(stdout == format!("a\n{long}tail\nb\nend"), "{}", stdout.replace(&*long, "…"));
    }

    #[tokio::test(start_paused = true)]
    async fn output_that_never_ends_ends_after_the_container() {
        let held = out(&[(Stream::Stdout, "a")]).chain(stream::pending()).boxed();
        let exit = async { Ok(0) }.boxed().shared();
        assert_eq!(ending_with(held, exit).count().await, 1);
    }
}
