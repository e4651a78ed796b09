//! Trying which platforms an engine serves: a program of each is run there, and what counts is how that ends.

use crate::{
    engine::{
        Bare, EngineError, Labels, Runtime,
        program::{self, Ran},
    },
    parts::Tasks,
};
use acre_model::{
    capability::{Mode, Served},
    platform::Platform,
};
use data_encoding::HEXLOWER;
use futures::{Stream, StreamExt as _, stream};
use sha2::{Digest as _, Sha256};
use std::{sync::Arc, time::Duration};
use tokio::sync::oneshot;

/// Trials at one time: they are short, and the engine has other work.
const AT_ONCE: usize = 3;
/// How long a trial may take. On an idle machine it takes a fifth of a second.
const PATIENCE: Duration = Duration::from_secs(20);

/// What a trial shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The platform is served.
    Serves(Mode),
    /// It is not.
    Fails(String),
    /// The engine could not do it now; what was known before still holds.
    Untried(String),
}

/// Trials on one engine.
#[derive(Clone, Copy)]
pub(super) struct Trials<'a> {
    /// The engine.
    pub runtime: &'a Arc<dyn Runtime>,
    /// Where each goes on to its end, whoever waits for it: an engine that is left alone in the middle of one goes on
    /// making what nobody removes.
    pub tasks: &'a Tasks,
    /// What it runs without an emulator.
    pub native: &'a Platform,
    /// On everything made for trials; no other agent's things carry the same.
    pub labels: &'a Labels,
}

impl<'a> Trials<'a> {
    /// Tries all platforms, and tells about each as soon as it is known. A Windows engine emulates nothing.
    pub(super) async fn verdicts(self) -> impl Stream<Item = (Platform, Verdict)> + use<'a> {
        let platforms = Platform::tried().into_iter().filter(move |platform| platform.os() == self.native.os());
        let programs = platforms.clone().filter_map(|platform| Some((platform.dashed(), program::trial(&platform)?)));
        let name = format!("acre-trial-{}", self.owner());
        let bare = Arc::new(Bare { name, labels: self.labels.clone(), programs: programs.collect() });
        let (runtime, made) = (self.runtime.clone(), bare.clone());
        let made = self.to_its_end(async move { runtime.make_programs(&made).await }).await;
        let trials = platforms.map(move |platform| {
            let (bare, made) = (bare.clone(), made.clone());
            async move {
                let ended = match made {
                    Ok(()) => self.run(bare, platform.dashed()).await,
                    Err(why) => Err(why),
                };
                let verdict = judge(self.native, &platform, ended);
                (platform, verdict)
            }
        });
        stream::iter(trials).buffer_unordered(AT_ONCE)
    }

    async fn run(self, bare: Arc<Bare>, program: String) -> Result<i64, EngineError> {
        let runtime = self.runtime.clone();
        self.to_its_end(async move { runtime.try_program(&bare, &program).await }).await
    }

    /// Asks the engine for something that goes on to its end.
    async fn to_its_end<T: Send + 'static>(
        self,
        asked: impl Future<Output = Result<T, EngineError>> + Send + 'static,
    ) -> Result<T, EngineError> {
        let (tell, told) = oneshot::channel();
        self.tasks.spawn("trial", async move {
            drop(tell.send(tokio::time::timeout(PATIENCE, asked).await));
        });
        let late = || EngineError::BrokenOff(format!("it has not run a program within {} s", PATIENCE.as_secs()));
        match told.await {
            Ok(Ok(ended)) => ended,
            Ok(Err(_)) | Err(_) => Err(late()),
        }
    }

    /// Tells apart the names of agents, of this farm or another, that share the engine.
    fn owner(&self) -> String {
        let mut digest = Sha256::new();
        for (key, value) in self.labels {
            digest.update(format!("{key}={value}\n"));
        }
        HEXLOWER.encode(&digest.finalize()[..6])
    }

    /// Removes what trials left.
    pub(super) async fn forget(&self) {
        if let Err(why) = self.runtime.forget_programs(self.labels).await {
            tracing::warn!(%why, "what earlier trials left cannot be removed yet");
        }
    }
}

/// What the end of a platform's program means on an engine with this native platform.
fn judge(native: &Platform, platform: &Platform, ended: Result<i64, EngineError>) -> Verdict {
    let code = match ended {
        Ok(code) => code,
        Err(why @ (EngineError::Unreachable { .. } | EngineError::BrokenOff(_) | EngineError::DiskFull(_))) => {
            return Verdict::Untried(why.to_string());
        }
        Err(why) => return Verdict::Fails(why.to_string()),
    };
    match program::who_ran(platform, code) {
        // Whatever a kernel may lack: an engine does not emulate what it is.
        Some(_) if platform == native => Verdict::Serves(Mode::Native),
        Some(Ran::ByKernel) if native.may_run(platform) => Verdict::Serves(Mode::Native),
        Some(_) => Verdict::Serves(Mode::Emulated),
        None => Verdict::Fails(format!("its program ended with code {code}")),
    }
}

impl Verdict {
    /// Brings a list of served platforms up to date; whether that changed it.
    pub(super) fn apply(&self, served: &mut Vec<Served>, platform: &Platform) -> bool {
        let place = served.iter().position(|known| known.platform == *platform);
        match (self, place) {
            (Self::Untried(_), _) | (Self::Fails(_), None) => return false,
            (Self::Serves(mode), Some(place)) if served[place].mode == *mode => return false,
            (Self::Serves(mode), Some(place)) => served[place].mode = *mode,
            (Self::Serves(mode), None) => {
                served.push(Served { platform: platform.clone(), mode: *mode });
                served.sort_by_key(order);
            }
            (Self::Fails(why), Some(place)) => {
                tracing::warn!(%platform, why, "the platform is served no more");
                served.remove(place);
            }
        }
        true
    }
}

/// Native ones first, each kind in the order in which they are tried, so that lists look alike on all agents.
fn order(served: &Served) -> (Mode, usize) {
    let tried = Platform::tried();
    (served.mode, tried.iter().position(|platform| *platform == served.platform).unwrap_or(tried.len()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test says what is wrong by panicking")]

    use super::*;

    fn platform(text: &str) -> Platform {
        text.parse().unwrap()
    }

    #[test]
    fn the_way_a_program_ends_says_whether_its_platform_is_served() {
        let (native, emulated) = (Some(Mode::Native), Some(Mode::Emulated));
        let table = [
            ("linux/amd64", "linux/amd64", 42, native),
            ("linux/amd64", "linux/386", 42, native),
            // A kernel without the compatibility layer, and qemu-i386.
            ("linux/amd64", "linux/386", 58, emulated),
            ("linux/amd64", "linux/arm64", 58, emulated),
            // An emulator that hands the call on to its kernel is one all the same.
            ("linux/arm64", "linux/amd64", 42, emulated),
            ("linux/arm64", "linux/arm/v7", 42, native),
            ("linux/arm64", "linux/arm/v7", 58, emulated),
            // A kernel without futexes: the engine's own platform is native whatever its program says.
            ("linux/riscv64", "linux/riscv64", 58, native),
            // No emulator; `/bin/false` and `/bin/true` as emulators; an instruction that is not there.
            ("linux/amd64", "linux/s390x", 255, None),
            ("linux/amd64", "linux/arm64", 1, None),
            ("linux/amd64", "linux/arm64", 0, None),
            ("linux/arm/v6", "linux/arm/v7", 132, None),
        ];
        for (engine, tried, code, expected) in table {
            let verdict = judge(&platform(engine), &platform(tried), Ok(code));
            let mode = if let Verdict::Serves(mode) = verdict { Some(mode) } else { None };
            assert_eq!(mode, expected, "{tried} on {engine} ended with {code}: {verdict:?}");
        }
    }

    #[test]
    fn an_engine_that_does_not_answer_says_nothing_of_a_platform() {
        let of = |error| judge(&platform("linux/amd64"), &platform("linux/arm64"), Err(error));
        assert!(matches!(of(EngineError::BrokenOff("x".to_owned())), Verdict::Untried(_)));
        assert!(matches!(of(EngineError::DiskFull("x".to_owned())), Verdict::Untried(_)));
        assert!(matches!(of(EngineError::Refused("exec format error".to_owned())), Verdict::Fails(_)));
    }

    #[test]
    fn what_is_served_follows_the_verdicts() {
        let native = [Served { platform: platform("linux/amd64"), mode: Mode::Native }];
        let steps = [
            ("linux/arm64", Verdict::Serves(Mode::Emulated), "linux/amd64 linux/arm64*", true),
            ("linux/386", Verdict::Serves(Mode::Native), "linux/amd64 linux/386 linux/arm64*", true),
            ("linux/arm64", Verdict::Serves(Mode::Emulated), "linux/amd64 linux/386 linux/arm64*", false),
            ("linux/arm64", Verdict::Untried(String::new()), "linux/amd64 linux/386 linux/arm64*", false),
            ("linux/s390x", Verdict::Fails(String::new()), "linux/amd64 linux/386 linux/arm64*", false),
            ("linux/arm64", Verdict::Fails(String::new()), "linux/amd64 linux/386", true),
        ];
        let mut served = native.to_vec();
        for (tried, verdict, expected, changed) in steps {
            assert_eq!(verdict.apply(&mut served, &platform(tried)), changed, "{tried}: {verdict:?}");
            let shown: Vec<String> = served.iter().map(super::super::shown).collect();
            assert_eq!(shown.join(" "), expected, "{tried}: {verdict:?}");
        }
    }
}
