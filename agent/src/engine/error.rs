//! What can go wrong with an engine, told apart by whose fault it is.

use acre_model::outcome::{Cause, Outcome};

/// Why an engine did not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EngineError {
    /// It does not answer at its socket.
    #[error("the engine at {address} does not answer: {why}; is it running, and may this user open its socket?")]
    Unreachable {
        /// The socket.
        address: String,
        /// What the system said.
        why: String,
    },
    /// It went away in the middle of something.
    #[error("the engine broke off: {0}")]
    BrokenOff(String),
    /// No room left for its data.
    #[error("no space left on the engine's disk: {0}; free some, for example with `docker system prune`")]
    DiskFull(String),
    /// An image is not on the engine.
    #[error("image {0} is not on the engine")]
    NoImage(String),
    /// A registry does not have an image, or does not show it to this user.
    #[error("image {reference} cannot be pulled: {why}")]
    NotPullable {
        /// The reference.
        reference: String,
        /// What engine and registry said.
        why: String,
    },
    /// A registry said no for good (401, 403, 404) or the reference cannot be pushed.
    #[error("registry {registry} refuses {repository}: {why}")]
    RegistryRefused {
        /// `host[:port]`.
        registry: String,
        /// The repository.
        repository: String,
        /// What engine and registry said, without any token.
        why: String,
    },
    /// A registry failed in a way that may pass (429, 5xx, reset, not reachable).
    #[error("registry {registry} failed for {repository}: {why}")]
    RegistryFailed {
        /// `host[:port]`.
        registry: String,
        /// The repository.
        repository: String,
        /// What engine and registry said.
        why: String,
    },
    /// A build failed by its own fault.
    #[error("{message}")]
    BuildFailed {
        /// What the builder said.
        message: String,
        /// The exit code of the `RUN` that failed, where it was one.
        exit_code: Option<i64>,
    },
    /// An image was built, and did not get where it should go.
    #[error("the image that was built could not be exported: {0}")]
    NotExported(String),
    /// The emulator of a foreign platform crashed.
    #[error("the emulator crashed: {0}")]
    Emulator(String),
    /// Files that a build or workspace needs could not be had from the farm.
    #[error("files could not be fetched from the farm: {0}")]
    Transfer(String),
    /// The step asks for what the engine will not do (a bad flag value, an entry point that does not exist…).
    #[error("{0}")]
    Refused(String),
}

impl EngineError {
    /// Whether doing the same again may help.
    pub const fn may_pass(&self) -> bool {
        matches!(self, Self::RegistryFailed { .. })
    }

    /// Which of them it is, in a word.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Unreachable { .. } => "unreachable",
            Self::BrokenOff(_) => "broken-off",
            Self::DiskFull(_) => "disk-full",
            Self::NoImage(_) => "no-image",
            Self::NotPullable { .. } => "not-pullable",
            Self::RegistryRefused { .. } => "registry-refused",
            Self::RegistryFailed { .. } => "registry-failed",
            Self::BuildFailed { .. } => "build-failed",
            Self::NotExported(_) => "not-exported",
            Self::Emulator(_) => "emulator",
            Self::Transfer(_) => "transfer",
            Self::Refused(_) => "refused",
        }
    }

    /// The outcome of an attempt that ended so.
    pub fn into_outcome(self) -> Outcome {
        let message = self.to_string();
        let cause = match self {
            Self::Unreachable { .. } | Self::BrokenOff(_) | Self::NotExported(_) => Cause::Engine,
            Self::DiskFull(_) => Cause::DiskFull,
            Self::RegistryFailed { .. } => Cause::Registry,
            Self::Emulator(_) => Cause::Emulator,
            Self::Transfer(_) => Cause::Transfer,
            Self::BuildFailed { exit_code, .. } => return Outcome::Failed { exit_code, message },
            Self::NoImage(_) | Self::NotPullable { .. } | Self::RegistryRefused { .. } | Self::Refused(_) => {
                return Outcome::Failed { exit_code: None, message };
            }
        };
        Outcome::Infrastructure { cause, message }
    }
}
