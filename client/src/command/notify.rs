//! `acre project notify`: who is notified of the ends of the project's tasks' runs.

use super::{print, print_as};
use crate::{
    args::{NotifyAddArgs, NotifyCommand},
    error::Error,
    exit_code::ExitCode,
    farm::{self, Wish},
    now, render, secret,
};
use acre_model::{
    notification::{Notification, Receiver},
    secret::SecretValue,
};
use std::path::Path;

/// Adds, lists, removes or tests.
pub(super) async fn notify(wish: &Wish, command: NotifyCommand) -> Result<ExitCode, Error> {
    match command {
        NotifyCommand::Add(args) => add(wish, args).await,
        NotifyCommand::List { format } => {
            let known = farm::connect_running(wish).await?.notifications().await?;
            print_as(format, &known, || render::notify::list(&known, now()))?;
            Ok(ExitCode::Success)
        }
        NotifyCommand::Remove(named) => {
            farm::connect(wish).await?.remove_notification(&named.name).await?;
            print(&format!("{} is notified no more by project {}\n", named.name, wish.project))?;
            Ok(ExitCode::Success)
        }
        NotifyCommand::Test(named) => {
            let (taken, answer) = farm::connect(wish).await?.test_notification(&named.name).await?;
            print(&render::notify::tested(named.name.as_str(), taken, &answer))?;
            Ok(if taken { ExitCode::Success } else { ExitCode::Failed })
        }
    }
}

async fn add(wish: &Wish, args: NotifyAddArgs) -> Result<ExitCode, Error> {
    let name = args.name.clone();
    let notification = args.check()?;
    let drawn = farm::connect(wish).await?.add_notification(notification).await?;
    print(&format!("{name} is notified by project {}\n", wish.project))?;
    // It is shown once, for whoever checks the signatures.
    if let Some(secret) = drawn {
        print(&format!("Secret    {}\n", String::from_utf8_lossy(secret.expose())))?;
    }
    Ok(ExitCode::Success)
}

impl NotifyAddArgs {
    /// Who is to be notified. Reads files; what is in them stands in no error.
    fn check(self) -> Result<Notification, Error> {
        let Self { name, slack_file, webhook, secret_file, email, on, task } = self;
        let to = match (slack_file, webhook, email) {
            (Some(path), ..) => Receiver::Slack { url: line_of(&path)? },
            (None, Some(url), _) => {
                let secret = secret_file.as_deref().map(line_of).transpose()?;
                let secret = secret.unwrap_or_else(|| SecretValue::new(Vec::new()));
                Receiver::Webhook { url: SecretValue::new(url.into_bytes()), secret }
            }
            (None, None, Some(address)) => Receiver::Email { address },
            (None, None, None) => {
                let missing = "who is notified? give one of --slack-file, --webhook and --email";
                return Err(Error::Usage(missing.to_owned()));
            }
        };
        Ok(Notification { name, to, on: on.into_iter().collect(), tasks: task.into_iter().collect() })
    }
}

/// What is in a file, or on standard input, but for blanks at its ends.
fn line_of(path: &Path) -> Result<SecretValue, Error> {
    let value = if path == Path::new("-") { secret::read_stdin() } else { secret::read_file(path) }?;
    Ok(SecretValue::new(value.expose().trim_ascii().to_vec()))
}
