//! One step: its kind, its text, and every key that has a meaning for that kind.

use super::{
    Inherited, LONGEST, env,
    fields::{Fields, Keys, Placed},
    millis, platforms, reports,
};
use crate::{
    diagnostic::{At, Class, Faults},
    flags::{self, BadFlag},
    inert::Inert,
    paths,
    task::{Step, StepAction},
    words::{self, BadWords},
    yaml::{Node, Value},
};
use acre_model::{
    ids::StepId,
    plan::{Cmd, Reports, Rules},
    platform::Platform,
    reference::Reference,
    text::clip,
};

const STEP: Keys = Keys {
    known: &[
        "id",
        "build",
        "push",
        "cmd",
        "when",
        "env",
        "entryPoint",
        "workingDirectory",
        "disableWorkingDirectoryOverride",
        "detach",
        "keep",
        "privileged",
        "user",
        "network",
        "cpus",
        "isolation",
        "ports",
        "expose",
        "pull",
        "timeout",
        "startDelay",
        "retries",
        "retryDelay",
        "retryOnErrors",
        "repeat",
        "ignoreErrors",
        "cache",
        "secret",
        "platform",
        "platforms",
        "artifacts",
        "reports",
        "always",
        "idempotent",
    ],
    not_yet: &[
        "volumeMounts",
        "volumeMount",
        "exitedWith",
        "exitedWithout",
        "cmdDownloadRetries",
        "cmdDownloadRetryDelay",
        "registryAuth",
        "ssh",
        "secretFiles",
    ],
    meant: &[
        ("comand", "cmd"),
        ("command", "cmd"),
        ("commands", "cmd"),
        ("run", "cmd"),
        ("script", "cmd"),
        ("image", "cmd"),
        ("exec", "cmd"),
        ("name", "id"),
        ("needs", "when"),
        ("dependson", "when"),
        ("depends_on", "when"),
        ("after", "when"),
        ("environment", "env"),
        ("workdir", "workingDirectory"),
        ("retry", "retries"),
        ("volumes", "volumeMounts"),
    ],
};

/// The keys that say what a step does.
pub(super) fn kinds() -> impl Iterator<Item = &'static str> {
    ["build", "push", "cmd"].into_iter()
}

/// Keys that only some kinds of steps have.
const ONLY: [(&str, &[&str]); 17] = [
    ("env", &["build", "cmd"]),
    ("workingDirectory", &["build", "cmd"]),
    ("retryOnErrors", &["build", "cmd"]),
    ("repeat", &["build", "cmd"]),
    ("entryPoint", &["cmd"]),
    ("disableWorkingDirectoryOverride", &["cmd"]),
    ("detach", &["cmd"]),
    ("keep", &["cmd"]),
    ("privileged", &["cmd"]),
    ("user", &["cmd"]),
    ("network", &["cmd"]),
    ("cpus", &["cmd"]),
    ("ports", &["cmd"]),
    ("expose", &["cmd"]),
    ("pull", &["cmd"]),
    ("idempotent", &["cmd"]),
    ("reports", &["cmd"]),
];

/// Most further tries or executions.
const MOST_TRIES: i64 = 1000;
/// Wait between tries where nothing is said, in seconds (task language §3).
const RETRY_DELAY: i64 = 5;
/// Longest text of a step, in bytes.
const LONGEST_TEXT: usize = 64 << 10;

/// A step whose `when` is not resolved yet.
pub(super) struct Unordered {
    /// Its id; `None` where that is wrong.
    pub(super) id: Option<StepId>,
    /// Where its id stands.
    pub(super) id_at: At,
    /// `None`: the step above.
    pub(super) when: Option<Vec<Placed<String>>>,
    /// The step; `None` where it has a fault, which does not keep others from waiting for it.
    pub(super) step: Option<Step>,
}

/// Checks the `index`-th step; `None` if it is none at all.
pub(super) fn check<'a>(
    node: &'a Node,
    index: usize,
    inherited: &Inherited,
    faults: &mut Faults<'a>,
) -> Option<Unordered> {
    if let Value::Scalar { text, .. } = &node.value
        && let Some(kind) = kinds().find(|kind| text.strip_prefix(kind).is_some_and(|rest| rest.starts_with(' ')))
    {
        let help = format!("write `{kind}: {}`", clip(text[kind.len()..].trim()));
        faults.error(node.at, format!("`{kind}` needs a colon after it")).help = Some(help);
        return None;
    }
    let line = faults.listing().origin(node.at.line);
    let mut fields = Fields::new(node, "a step", faults)?;
    fields.check_keys(&STEP);
    let id = id(&mut fields, index);
    let id_at = fields.get("id").map_or(node.at, |entry| entry.value.at);
    let when = fields.get("when").is_some().then(|| fields.texts("when"));
    let step = body(&mut fields, node.at, inherited).zip(id.clone()).map(|(body, id)| Step {
        id,
        at: node.at,
        line,
        after: Vec::new(),
        rules: body.rules,
        platforms: body.platforms,
        reports: body.reports,
        action: body.action,
    });
    Some(Unordered { id, id_at, when, step })
}

/// A step without its name and its place in the order.
struct Body {
    rules: Rules,
    platforms: Vec<Platform>,
    reports: Reports,
    action: StepAction,
}

fn body(fields: &mut Fields<'_, '_>, at: At, inherited: &Inherited) -> Option<Body> {
    let kind = kind(fields, at)?;
    check_kind(fields, kind);
    // All keys are read before a fault in one of them ends it, so that each is told.
    let by_key = platforms(fields);
    let (rules, reports) = (rules(fields, inherited, kind), reports(fields));
    let (action, own) = action(fields, kind, inherited)?;
    let platforms = if own.is_empty() { by_key } else { own };
    Some(Body { rules, platforms, reports, action })
}

fn id(fields: &mut Fields<'_, '_>, index: usize) -> Option<StepId> {
    let given = match fields.names().any(|name| name == "id") {
        true => {
            fields.text("id").or_else(|| Some(Placed { at: fields.at("id").unwrap_or_default(), value: String::new() }))
        }
        false => None,
    };
    let Placed { at, value } = given.unwrap_or_else(|| Placed { at: At::FILE, value: format!("acb_step_{index}") });
    value.parse().map_err(|why: acre_model::ids::BadName| fields.faults.error(at, why.to_string())).ok()
}

/// The one kind that the step has.
fn kind(fields: &mut Fields<'_, '_>, at: At) -> Option<&'static str> {
    let given: Vec<&'static str> = kinds().filter(|kind| fields.get(kind).is_some()).collect();
    match given[..] {
        [kind] => Some(kind),
        [first, second, ..] => {
            fields.faults.error(at, format!("the step has both `{first}` and `{second}`")).help =
                Some("make two steps of it".to_owned());
            None
        }
        [] => {
            let meant = fields.names().filter(|name| !STEP.known.contains(name));
            let meant = meant.filter_map(|name| STEP.nearest(name).map(|near| (name, near)));
            let meant = meant
                .filter(|(_, near)| kinds().any(|kind| kind == *near))
                .map(|(name, near)| format!("`{}` is not a key; did you mean `{near}`?", clip(name)));
            let help = meant.last().unwrap_or_else(|| "write one of `build: …`, `push: [...]`, `cmd: …`".to_owned());
            fields.faults.error(at, "the step does nothing: it has no `build`, `push` or `cmd`").help = Some(help);
            None
        }
    }
}

/// Warns of keys that have no meaning for this kind of step.
fn check_kind(fields: &mut Fields<'_, '_>, kind: &str) {
    for (key, kinds) in ONLY {
        if let Some(at) = fields.at(key).filter(|_| !kinds.contains(&kind)) {
            fields.faults.warning(at, format!("`{key}` has no effect on a `{kind}`"));
        }
    }
    if let Some(at) = fields.at("secret") {
        fields.faults.warning(at, "`secret` has no effect");
    }
    if let Some(at) = fields.at("artifacts") {
        fields.faults.warning(at, "`artifacts` is accepted, but nothing is kept with the run yet");
    }
    if let Some(isolation) = fields.text("isolation").filter(|isolation| isolation.value != "default") {
        fields.faults.error(isolation.at, format!("isolation `{}` is not supported yet", clip(&isolation.value)));
    }
}

fn rules(fields: &mut Fields<'_, '_>, inherited: &Inherited, kind: &str) -> Rules {
    let timeout = fields.seconds("timeout", LONGEST);
    let mut seconds = |key, default| millis(fields.number(key, 0..=LONGEST).unwrap_or(default));
    let (start_delay_ms, retry_delay_ms) = (seconds("startDelay", 0), seconds("retryDelay", RETRY_DELAY));
    let mut number =
        |key| fields.number(key, 0..=MOST_TRIES).and_then(|number| u32::try_from(number).ok()).unwrap_or(0);
    let (retries, repeat) = (number("retries"), number("repeat"));
    let idempotent = fields.switch("idempotent");
    Rules {
        timeout_ms: timeout.map_or(inherited.step_timeout_ms, millis),
        start_delay_ms,
        retries,
        retry_delay_ms,
        retry_on_errors: fields
            .texts("retryOnErrors")
            .into_iter()
            .map(|text| text.value)
            .filter(|text| !text.is_empty())
            .collect(),
        repeat,
        ignore_errors: fields.switch("ignoreErrors"),
        always: fields.switch("always"),
        may_run_again: kind != "cmd" || idempotent || retries > 0,
    }
}

/// What the step does, and the platforms that its text lists.
fn action(fields: &mut Fields<'_, '_>, kind: &str, inherited: &Inherited) -> Option<(StepAction, Vec<Platform>)> {
    match kind {
        "push" => push(fields).map(|references| (StepAction::Push(references), Vec::new())),
        "build" => build(fields, inherited),
        _ => cmd(fields, inherited),
    }
}

fn push(fields: &mut Fields<'_, '_>) -> Option<Vec<Reference>> {
    let mut references: Vec<Reference> = Vec::new();
    let texts = fields.texts("push");
    if texts.is_empty() {
        let at = fields.at("push").unwrap_or_default();
        fields.faults.error(at, "`push` names no image");
    }
    for Placed { at, value } in texts {
        match value.parse::<Reference>().map(Reference::with_default_tag) {
            Ok(reference) if references.contains(&reference) => {}
            Ok(reference) if reference.tag().is_none() => {
                fields.faults.error(at, format!("`{reference}` is pushed under a digest; write a tag"));
            }
            Ok(reference) => references.push(reference),
            Err(why) => fields.faults.refuse(at, why.to_string()),
        }
    }
    Some(references)
}

/// The words of the step's text, and where the text stands.
fn text_words(fields: &mut Fields<'_, '_>, key: &str, inert: &Inert) -> Option<(At, Vec<String>)> {
    let Placed { at, value } = fields.text(key)?;
    if value.len() > LONGEST_TEXT {
        let message = format!("`{key}` has {} KiB; limit {} KiB", value.len().div_ceil(1024), LONGEST_TEXT >> 10);
        fields.faults.error(at, message).class = Class::TooLarge;
        return None;
    }
    match words::split(&value) {
        Ok(words) => Some((at, words.iter().map(|word| inert.open(word)).collect())),
        Err(why) => {
            let shown = fields.faults.listing().line(at.line);
            let error_at = offset(at, shown, &value, why.offset());
            let error = fields.faults.error(error_at, format!("`{key}`: {why}"));
            error.help = match why {
                BadWords::Operator(..) if key == "cmd" => Some(
                    "call the image's own shell: `cmd: IMAGE bash -c '...'`; a text that is meant so needs quotes"
                        .to_owned(),
                ),
                BadWords::Operator(..) => Some("put quotes around what is meant so".to_owned()),
                _ => None,
            };
            None
        }
    }
}

/// The place of a byte of a text that stands in one line as it is; else the text's own place.
fn offset(at: At, line: &str, text: &str, byte: usize) -> At {
    let before = text.get(..byte).unwrap_or_default();
    let begin: String = line.chars().skip(at.column as usize - at.column.min(1) as usize).collect();
    let lead = begin.len() - begin.trim_start_matches(['"', '\'']).len();
    if begin[lead..].starts_with(text.trim_end()) && !before.contains('\n') {
        At::new(at.line as usize, at.column as usize + lead + before.chars().count())
    } else {
        at
    }
}

fn report(fields: &mut Fields<'_, '_>, at: At, key: &str, bad: Vec<BadFlag>) {
    for fault in bad {
        let class = fault.class();
        fields.faults.error(at, format!("`{key}`: {fault}")).class = class;
    }
}

fn build(fields: &mut Fields<'_, '_>, inherited: &Inherited) -> Option<(StepAction, Vec<Platform>)> {
    let env = merged(&inherited.env, env(fields));
    let folder = build_folder(fields, inherited)?;
    let (at, words) = text_words(fields, "build", &inherited.inert)?;
    let no_cache = match fields.text("cache") {
        None => false,
        Some(cache) if cache.value == "enabled" => false,
        Some(cache) if cache.value == "disabled" => true,
        Some(cache) => {
            fields.faults.error(cache.at, format!("`cache` must be enabled or disabled, not `{}`", clip(&cache.value)));
            false
        }
    };
    match flags::build::parse(&words, &folder, &env) {
        Ok(mut text) => {
            for warning in text.warnings {
                fields.faults.warning(at, warning).help = Some("mount it as a secret: `--secret`".to_owned());
            }
            text.build.no_cache |= no_cache;
            Some((StepAction::Build(text.build), text.platforms))
        }
        Err(bad) => {
            report(fields, at, "build", bad);
            None
        }
    }
}

/// The working directory of a build as a folder of the tree.
fn build_folder(fields: &mut Fields<'_, '_>, inherited: &Inherited) -> Option<String> {
    let own = fields.text("workingDirectory");
    let at = own.as_ref().map_or(At::FILE, |own| own.at);
    let directory = own.map_or_else(|| inherited.working_directory.clone(), |own| paths::working_directory(&own.value));
    let folder = paths::below_workspace("", &directory);
    folder.map_err(|why| fields.faults.error(at, format!("`workingDirectory` of a build: {why}"))).ok()
}

fn cmd(fields: &mut Fields<'_, '_>, inherited: &Inherited) -> Option<(StepAction, Vec<Platform>)> {
    let (at, mut words) = text_words(fields, "cmd", &inherited.inert)?;
    expand_image(&mut words, &inherited.images);
    let text = match flags::cmd::parse(&words) {
        Ok(text) => text,
        Err(bad) => {
            report(fields, at, "cmd", bad);
            return None;
        }
    };
    let mut cmd = text.cmd;
    // The variables of the text win over those of the keys, as flags win everywhere.
    cmd.env = merged(&merged(&inherited.env, env(fields)), std::mem::take(&mut cmd.env));
    keys_of_cmd(fields, &mut cmd);
    working_directory(fields, &mut cmd, inherited);
    Some((StepAction::Cmd(cmd), text.platforms))
}

/// Puts what an alias stands for in place of the first word.
fn expand_image(words: &mut Vec<String>, images: &[(String, Vec<String>)]) {
    let known = words.first().and_then(|first| images.iter().find(|(name, _)| name == first));
    if let Some((_, image)) = known {
        words.splice(..1, image.iter().cloned());
    }
}

/// The keys of a `cmd` that say the same as a flag of its text; the flag wins.
fn keys_of_cmd(fields: &mut Fields<'_, '_>, cmd: &mut Cmd) {
    cmd.detach |= fields.switch("detach");
    cmd.privileged = fields.switch("privileged");
    cmd.pull = fields.switch("pull");
    // A container lives until the run ends at the latest; nothing is kept beyond, so the key changes nothing.
    fields.switch("keep");
    if cmd.user.is_none() {
        cmd.user = fields.text("user").map(|user| user.value);
    }
    if cmd.entry_point.is_none() {
        cmd.entry_point = fields.text("entryPoint").map(|program| flags::cmd::entry_point(&program.value));
    }
    if let Some(network) = fields.text("network").filter(|_| cmd.network.is_none()) {
        match flags::cmd::network(&network.value) {
            Ok(name) => cmd.network = name,
            Err(why) => fields.faults.refuse(network.at, why),
        }
    }
    if let Some(cpus) = fields.text("cpus").filter(|_| cmd.nano_cpus.is_none()) {
        match flags::nano_cpus(&cpus.value) {
            Ok(nano_cpus) => cmd.nano_cpus = Some(nano_cpus),
            Err(why) => fields.faults.refuse(cpus.at, format!("`cpus`: {why}")),
        }
    }
    for key in ["ports", "expose"] {
        for Placed { at, value } in fields.texts(key) {
            match flags::cmd::port(key, &value) {
                Ok(port) if key == "ports" => cmd.ports.push(port),
                Ok(port) => cmd.expose.push(port),
                Err(why) => fields.faults.refuse(at, why.to_string()),
            }
        }
    }
}

fn working_directory(fields: &mut Fields<'_, '_>, cmd: &mut Cmd, inherited: &Inherited) {
    let own = fields.text("workingDirectory").map(|own| paths::working_directory(&own.value));
    let images_own = fields.switch("disableWorkingDirectoryOverride");
    if cmd.working_directory.is_none() && !images_own {
        cmd.working_directory = Some(own.unwrap_or_else(|| inherited.working_directory.clone()));
    }
}

/// `base` with `own` put over it, by name; in the order of first mention.
fn merged(base: &[(String, String)], own: Vec<(String, String)>) -> Vec<(String, String)> {
    let mut merged: Vec<(String, String)> = base.to_vec();
    for (name, value) in own {
        match merged.iter_mut().find(|(known, _)| *known == name) {
            Some((_, known)) => *known = value,
            None => merged.push((name, value)),
        }
    }
    merged
}
