//! From the tree of YAML nodes to a checked [`Task`]: all faults at once.

mod action;
pub(crate) mod fields;
mod hints;
mod order;
mod resources;
mod step;

use crate::{
    diagnostic::{At, Class, Diagnostic, Faults, Listing},
    inert::Inert,
    names::Names,
    task::Task,
    text::Version,
    yaml::{self, Node, Value},
};
use acre_model::{ids::SecretId, plan::Reports, platform::Platform, secret::Nonce, text::clip};
use fields::{Fields, Keys, Placed};

/// Most steps of a task.
pub(crate) const STEPS: usize = 256;
/// Longest time that anything may be given, in seconds: a week.
const LONGEST: i64 = 7 * 86_400;
/// Time of a step where nothing is said, in seconds (task language §2).
const STEP_TIMEOUT: i64 = 600;

const TASK: Keys = Keys {
    known: &[
        "version",
        "steps",
        "stepTimeout",
        "workingDirectory",
        "env",
        "platform",
        "platforms",
        "reports",
        "artifacts",
        "alias",
        "secrets",
        "networks",
        "volumes",
    ],
    meant: &[
        ("timeout", "stepTimeout"),
        ("environment", "env"),
        ("tasks", "steps"),
        ("jobs", "steps"),
        ("secret", "secrets"),
        ("network", "networks"),
        ("volume", "volumes"),
    ],
};

const REPORTS: Keys = Keys {
    known: &["junit", "coverage"],
    meant: &[("xunit", "junit"), ("tests", "junit"), ("cobertura", "coverage"), ("lcov", "coverage")],
};

/// What a step inherits from its task.
struct Inherited {
    step_timeout_ms: u64,
    /// Absolute.
    working_directory: String,
    env: Vec<(String, String)>,
    /// Aliases and their words; one as the first word of a `cmd` is expanded.
    images: Vec<(String, Vec<String>)>,
    /// What the marks in texts of `cmd` and `build` stand for.
    inert: Inert,
    /// What the task declares.
    names: Names,
}

/// What a task is checked with, besides its document.
pub(crate) struct Given<'a> {
    /// The version of the language.
    pub(crate) version: Version,
    /// The aliases that may stand as the first word of a `cmd`, with their words.
    pub(crate) images: Vec<(String, Vec<String>)>,
    /// What the marks in texts of `cmd` and `build` stand for.
    pub(crate) inert: &'a Inert,
    /// Names of `--set-secret`.
    pub(crate) secret_sets: &'a [String],
    /// Under which tokens of secrets stand in the texts.
    pub(crate) nonce: &'a Nonce,
}

/// Checks the document of a task, whose marks are open but for those of `cmd` and `build`.
/// `None` if there is an error, which is among the faults.
pub(crate) fn check<'a>(document: &'a Node, given: Given<'_>, faults: &mut Faults<'a>) -> Option<Task> {
    let version = given.version;
    let mut fields = Fields::new(document, "a task file", faults)?;
    fields.check_keys(&TASK);
    version_and_alias(&mut fields, version);
    let secrets = resources::secrets(&mut fields);
    let (networks, default_network) = resources::networks(&mut fields);
    let volumes = resources::volumes(&mut fields, given.nonce);
    let set = given.secret_sets.iter().filter_map(|name| SecretId::of_set(name).ok());
    let known = secrets.iter().map(|secret| secret.id.clone()).chain(set).collect();
    let names = Names { nonce: given.nonce.clone(), secrets: known, networks, default_network, volumes };
    resources::tokens_in(document, &names, given.inert, fields.faults);
    let mut inherited = inherited(&mut fields, given, names);
    let platforms = platforms(&mut fields);
    let reports = reports(&mut fields);
    let artifacts = globs(&mut fields, "artifacts");
    let steps = steps(&mut fields, document.at);
    check_copies(&mut fields, &mut inherited.env, steps.len());
    let steps = steps.iter().enumerate().map(|(index, node)| step::check(node, index, &inherited, faults)).collect();
    let steps = order::check(steps, faults)?;
    let Names { networks, volumes, .. } = inherited.names;
    let task = Task { version, platforms, reports, artifacts, steps, secrets, networks, volumes };
    Some(task).filter(|_| !faults.any_error())
}

/// Both are looked for in the text before it is YAML (task language §1): what YAML sees besides must say the same.
fn version_and_alias(fields: &mut Fields<'_, '_>, version: Version) {
    const PLACE: &str = "must stand at the beginning of a line, without quotes, its value behind it";
    if let Some(Placed { at, value }) = fields.text("version") {
        match Version::named(&value) {
            None => {
                let known = crate::text::known();
                let message = format!("`{}` is not a version of the task language; known are {known}", clip(&value));
                fields.faults.refuse(at, message);
            }
            Some(written) if written != version => {
                fields.faults.error(at, format!("`version` {PLACE}")).help = Some(format!("write `version: {value}`"));
            }
            Some(_) => {}
        }
    }
    match fields.get("alias") {
        Some(entry) if version < Version::V1_1 => {
            fields.faults.error(entry.at, "`alias` needs version v1.1.0").help =
                Some("write `version: v1.1.0`".to_owned());
        }
        // What is read as aliases is no longer there.
        Some(entry) => fields.faults.refuse(entry.at, format!("`alias:` {PLACE} or below it")),
        None => {}
    }
}

fn inherited(fields: &mut Fields<'_, '_>, given: Given<'_>, names: Names) -> Inherited {
    let seconds = fields.seconds("stepTimeout", LONGEST);
    let directory = directory(fields).unwrap_or_else(|| crate::paths::WORKSPACE.to_owned());
    Inherited {
        step_timeout_ms: millis(seconds.unwrap_or(STEP_TIMEOUT)),
        working_directory: directory,
        // A name that is given twice has its last value, as an engine has it.
        env: action::merged(&[], env(fields, &names.nonce)),
        images: given.images,
        inert: given.inert.clone(),
        names,
    }
}

/// The working directory that is written here, if there is one.
fn directory(fields: &mut Fields<'_, '_>) -> Option<String> {
    let Placed { at, value } = fields.text("workingDirectory")?;
    let directory = crate::paths::working_directory(&value);
    directory.map_err(|why| fields.faults.refuse(at, format!("`workingDirectory`: {why}"))).ok()
}

/// The nodes of the steps; `steps` must be there, and may be empty.
fn steps<'a>(fields: &mut Fields<'a, '_>, document: At) -> &'a [Node] {
    let written = fields.names().any(|name| name == "steps");
    let Some(entry) = fields.get("steps") else {
        if !written {
            fields.faults.error(document, "a task file must have `steps`").help =
                Some("an empty list, `steps: []`, is allowed".to_owned());
        }
        return &[];
    };
    let Value::List(steps) = &entry.value.value else {
        fields.faults.error(entry.value.at, format!("`steps` must be a list, not {}", entry.value.kind())).help =
            Some("begin each step with `- `".to_owned());
        return &[];
    };
    if steps.len() > STEPS {
        fields.faults.error(entry.at, format!("the task has {} steps; limit {STEPS}", steps.len())).class =
            Class::TooLarge;
        return &[];
    }
    steps
}

/// Most bytes of the task's variables in all its steps.
const COPIES: usize = 16 << 20;
/// What a variable takes besides its text.
const VARIABLE: usize = 64;

/// Every step gets the task's variables: so much that they would not fit is refused before it is done.
fn check_copies(fields: &mut Fields<'_, '_>, env: &mut Vec<(String, String)>, steps: usize) {
    let bytes: usize = env.iter().map(|(name, value)| name.len() + value.len() + VARIABLE).sum();
    if bytes.saturating_mul(steps) > COPIES {
        let message = format!("`env` is given to {steps} steps, and would take more than {} MiB", COPIES >> 20);
        let at = fields.key_at("env");
        fields.faults.error(at, message).class = Class::TooLarge;
        env.clear();
    }
}

const fn millis(seconds: i64) -> u64 {
    seconds.unsigned_abs() * 1000
}

/// `env` as names and values, one pair of quotes around a value removed.
fn env(fields: &mut Fields<'_, '_>, nonce: &Nonce) -> Vec<(String, String)> {
    let mut env = Vec::new();
    for Placed { at, value } in fields.texts("env") {
        match crate::flags::pair(&value) {
            Ok((name, _)) if acre_model::secret::may_hold_tokens(&name) => {
                fields.faults.refuse(at, "a secret cannot stand in the name of a variable");
            }
            Ok((name, Some(value))) => {
                let value = crate::tokens::unquoted(&value, nonce).unwrap_or(value);
                env.push((name, crate::flags::cmd::unquoted(&value).to_owned()));
            }
            Ok((name, None)) => {
                fields.faults.error(at, format!("`{name}` has no value")).help = Some(format!("write {name}=VALUE"));
            }
            Err(why) => {
                let long = matches!(why, crate::flags::BadPair::Long { .. });
                fields.faults.error(at, format!("`env`: {why}")).class =
                    if long { Class::TooLarge } else { Class::Invalid };
            }
        }
    }
    env
}

/// `platform` and `platforms`, each a text with commas or a list; without doubles.
fn platforms(fields: &mut Fields<'_, '_>) -> Vec<Platform> {
    let mut platforms = Vec::new();
    for key in ["platform", "platforms"] {
        for Placed { at, value } in fields.texts(key) {
            for part in value.split(',') {
                match part.trim().parse::<Platform>() {
                    Ok(platform) if platforms.contains(&platform) => {}
                    Ok(platform) => platforms.push(platform),
                    Err(why) => fields.faults.refuse(at, why.to_string()),
                }
            }
        }
    }
    platforms
}

/// `reports: {junit: [glob], coverage: [glob]}`.
fn reports(fields: &mut Fields<'_, '_>) -> Reports {
    let Some(entry) = fields.get("reports") else { return Reports::default() };
    let Some(mut inner) = Fields::new(&entry.value, "`reports`", fields.faults) else { return Reports::default() };
    inner.check_keys(&REPORTS);
    Reports { junit: globs(&mut inner, "junit"), coverage: globs(&mut inner, "coverage") }
}

/// Globs below the workspace.
fn globs(fields: &mut Fields<'_, '_>, key: &str) -> Vec<String> {
    let globs = fields.texts(key);
    let mut paths = Vec::new();
    for Placed { at, value } in globs {
        match crate::paths::below_workspace("", &value) {
            Ok(path) if !path.is_empty() => paths.push(path),
            Ok(_) => fields.faults.refuse(at, format!("`{key}` names the whole workspace; write a glob of files")),
            Err(why) => fields.faults.refuse(at, format!("`{key}`: {why}")),
        }
    }
    paths
}

/// Why a text is not YAML, with a guess at the key that lacks its colon.
pub(crate) fn syntax(listing: &Listing, fault: yaml::Fault) -> Diagnostic {
    // The parser notices at the next colon: the line itself, or one of those just above.
    let last = fault.at.line;
    let keys = || step::kinds().chain(["id", "when", "env", "steps", "version"]);
    for number in (last.saturating_sub(3).max(1)..=last).rev() {
        let line = listing.line(number);
        let text = line.trim_start_matches([' ', '-']);
        let lacks = |key: &&str| {
            text.strip_prefix(*key).is_some_and(|rest| rest.starts_with(' ') && !rest.trim_start().starts_with(':'))
        };
        if let Some(key) = keys().find(lacks) {
            let at = At::new(number as usize, line.chars().count() - text.chars().count() + 1);
            let value = text[key.len()..].trim();
            let error = listing.error(at, format!("`{key}` needs a colon after it")).class(fault.class);
            return error.help(format!("write `{key}: {}`", clip(value)));
        }
    }
    // A tab is noticed at the end of the line above, where that could go on.
    let tab = [last, last + 1].into_iter().find(|line| listing.line(*line).trim_start_matches(' ').starts_with('\t'));
    let at = match tab {
        Some(line) if line != last => {
            let before = listing.line(line).chars().take_while(|c| *c == ' ').count();
            At::new(line as usize, before + 1)
        }
        _ => fault.at,
    };
    let error = listing.error(at, fault.message).class(fault.class);
    if tab.is_some() { error.help("YAML is indented with blanks, not with tabs") } else { error }
}
