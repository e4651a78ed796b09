//! `acre task apply`: tasks become what files say.

use super::print_as;
use crate::{
    args::ApplyArgs,
    error::Error,
    exit_code::ExitCode,
    farm::{self, Expected, FarmClient, TaskSecrets, Wish},
    render::applied::{self as render, Applied, Outcome},
    secret::Origin,
    source,
};
use acre_model::{
    ids::{SecretId, TaskName},
    secret::{Confidential, Login, SecretValue},
    stored_task::StoredTask,
    submission::NamedText,
    text::clip,
};
use acre_task::document::{self, Document, LoginFrom, ValueFrom};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

/// A task that is wanted, what it keeps secret, and where that stands.
struct Wanted {
    task: StoredTask,
    secrets: TaskSecrets,
    place: String,
}

/// Reads every file before anything is stored; then each task by itself, so that one that is refused keeps no other back.
pub(super) async fn apply(wish: &Wish, args: ApplyArgs) -> Result<ExitCode, Error> {
    let wanted = read_all(&args.file)?;
    let farm = farm::connect(wish).await?;
    let (mut all, mut refused): (Vec<Applied>, Vec<String>) = (Vec::new(), Vec::new());
    let mut failed = None;
    for one in wanted {
        let at = format!("{}: task {}", one.place, one.task.name);
        match apply_one(&farm, one, args.dry_run).await {
            Ok(applied) => all.push(applied),
            Err(Error::Refused(why)) => refused.push(format!("error: {at}: {}", why.replace('\n', "\n  "))),
            Err(why) => {
                failed = Some(why);
                break;
            }
        }
    }
    print_as(args.format, &all, || render::text(&all, args.dry_run))?;
    match failed {
        None if refused.is_empty() => Ok(ExitCode::Success),
        None => Err(Error::Task(refused.join("\n"))),
        Some(why) => {
            refused.iter().for_each(|text| crate::tell(text));
            Err(why)
        }
    }
}

async fn apply_one(farm: &FarmClient, wanted: Wanted, dry_run: bool) -> Result<Applied, Error> {
    let Wanted { task, secrets, .. } = wanted;
    let before = farm.find_task(&task.name).await?;
    let expected = before.as_ref().map_or(Expected::Absent, |before| Expected::Version(before.updated_at));
    let after = match dry_run {
        true => farm.would_put_task(task, expected, secrets).await?,
        false => farm.put_task(task, expected, secrets).await?,
    };
    Ok(match before {
        None => Applied { task: after.name.clone(), outcome: Outcome::Created, changes: render::changes(None, &after) },
        Some(before) if before.updated_at == after.updated_at => {
            Applied { task: after.name, outcome: Outcome::Unchanged, changes: Vec::new() }
        }
        Some(before) => {
            let changes = render::changes(Some(&before), &after);
            Applied { task: after.name, outcome: Outcome::Changed, changes }
        }
    })
}

fn read_all(files: &[PathBuf]) -> Result<Vec<Wanted>, Error> {
    let (mut all, mut faults): (Vec<Wanted>, Vec<String>) = (Vec::new(), Vec::new());
    let mut known: BTreeMap<TaskName, String> = BTreeMap::new();
    for file in files {
        let shown =
            if file.as_os_str() == "-" { "standard input".to_owned() } else { clip(&file.display().to_string()) };
        let text = if file.as_os_str() == "-" { source::read_stdin() } else { source::read_text(file) }?;
        let documents = match document::read(&shown, &text) {
            Ok(documents) => documents,
            Err(diagnostics) => {
                faults.push(diagnostics.to_string());
                continue;
            }
        };
        for document in documents {
            let place = format!("{shown}:{}", document.line);
            if let Some(first) = known.insert(document.task.name.clone(), place.clone()) {
                faults.push(format!(
                    "error: {place}: the task `{}` is there twice, first in {first}",
                    document.task.name
                ));
            }
            match with_values(document, folder(file)) {
                Ok((task, secrets)) => all.push(Wanted { task, secrets, place }),
                Err(why) => faults.push(format!("error: {place}: {why}")),
            }
        }
    }
    if faults.is_empty() { Ok(all) } else { Err(Error::Task(faults.join("\n\n"))) }
}

/// The folder that paths of a file are relative to; of standard input, the current one.
fn folder(file: &Path) -> &Path {
    file.parent().unwrap_or_else(|| Path::new(""))
}

/// Reads what a document says comes from elsewhere.
fn with_values(document: Document, folder: &Path) -> Result<(StoredTask, TaskSecrets), Error> {
    let Document { mut task, line: _, values, secrets, logins, git_token } = document;
    task.registry = task.registry.map(|registry| crate::args::checked::azure(&registry));
    for (place, file) in values {
        let text = source::read_text(&folder.join(&file))?;
        task.values.insert(place.min(task.values.len()), NamedText { name: file, text });
    }
    let mut confidential = Confidential::default();
    for (id, from) in secrets {
        let value = value(from, folder).map_err(|why| Error::Usage(format!("secret `{}`: {why}", name(&id))))?;
        confidential.secrets.insert(id, value);
    }
    for LoginFrom { registry, username, password } in logins {
        let why = |why| Error::Usage(format!("password for `{}`: {why}", clip(&registry)));
        let password = line(&value(password, folder).map_err(why)?);
        confidential.logins.push(Login { registry, username, password });
    }
    let token = git_token.map(|from| value(from, folder).map(|token| line(&token))).transpose();
    let git_token = token.map_err(|why| Error::Usage(format!("gitAccessToken: {why}")))?;
    Ok((task, TaskSecrets { confidential, git_token }))
}

/// The name of a secret as a file has it.
fn name(id: &SecretId) -> &str {
    id.as_str().strip_prefix("set.").unwrap_or(id.as_str())
}

fn value(from: ValueFrom, folder: &Path) -> Result<SecretValue, String> {
    match from {
        ValueFrom::Env(name) => Origin::Env(name),
        ValueFrom::File(path) => Origin::File(folder.join(path)),
    }
    .read()
}

/// A password or token, without the line break that editors put behind it.
fn line(value: &SecretValue) -> SecretValue {
    SecretValue::new(value.expose().trim_ascii_end().to_vec())
}
