//! Requests to read the configuration again.

#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

#[cfg(unix)]
pub use unix::Reloads;
#[cfg(windows)]
pub use windows::Reloads;

use crate::{LogArguments, Options, environment::Changed};
use clap::FromArgMatches;

impl Reloads {
    /// Reads the configuration again each time that somebody asks for it, has levels of the log as it says, and gives it
    /// to `take`. Options that are not among `taken` take effect when the program is started again, and that is said. A
    /// configuration that is wrong changes nothing.
    pub async fn serve<A: FromArgMatches>(
        mut self,
        mut options: Options,
        taken: &[&str],
        logs: impl Fn(&A) -> &LogArguments,
        take: impl Fn(&A) -> Result<(), String>,
    ) {
        loop {
            self.next().await;
            match options.again::<A>() {
                Ok((arguments, changed)) => {
                    logs(&arguments).change();
                    match take(&arguments) {
                        Ok(()) => tell(&changed, taken),
                        Err(why) => tracing::error!(why, "the configuration was not taken; what was so before goes on"),
                    }
                }
                Err(why) => tracing::error!(why, "the configuration is wrong; what was so before goes on"),
            }
        }
    }
}

fn tell(changed: &Changed, taken: &[&str]) {
    let is_taken = |option: &str| taken.contains(&option) || option == "--log";
    let list = |options: &[String], wanted: &dyn Fn(&str) -> bool| {
        options.iter().map(String::as_str).filter(|option| wanted(option)).collect::<Vec<_>>().join(" ")
    };
    tracing::info!(changed = list(&changed.now, &is_taken), "configuration and certificates read again");
    let later = list(&changed.since_start, &|option| !is_taken(option));
    if !later.is_empty() {
        tracing::warn!(options = later, "these take effect when the program is started again");
    }
}
