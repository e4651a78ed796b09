//! One step: its kind, its text, and every key that has a meaning for that kind.

use super::{
    Inherited, LONGEST, action,
    fields::{Fields, Keys, Placed},
    globs, millis, platforms, reports,
};
use crate::{
    diagnostic::{At, Faults},
    task::{Step, StepAction},
    yaml::{Node, Value},
};
use acre_model::{
    ids::StepId,
    plan::{Condition, Reports, Rules},
    platform::Platform,
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
const ONLY: [(&str, &[&str]); 27] = [
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
    ("artifacts", &["cmd"]),
    ("isolation", &["cmd"]),
    ("exitedWith", &["cmd"]),
    ("exitedWithout", &["cmd"]),
    ("cmdDownloadRetries", &["cmd"]),
    ("cmdDownloadRetryDelay", &["cmd"]),
    ("registryAuth", &["cmd"]),
    ("cache", &["build"]),
    ("ssh", &["build"]),
    ("secretFiles", &["build"]),
];

/// Most further tries or executions.
const MOST_TRIES: i64 = 1000;
/// Wait between tries where nothing is said, in seconds (task language §3).
const RETRY_DELAY: i64 = 5;
/// The largest exit code: Windows has 32 bits of them.
const EXIT_CODE: i64 = u32::MAX as i64;

/// A step whose `when` is not resolved yet.
pub(super) struct Unordered {
    /// Its id; `None` where that is wrong.
    pub(super) id: Option<StepId>,
    /// Where its id stands.
    pub(super) id_at: At,
    /// `None`: the step above.
    pub(super) when: Option<Vec<Placed<String>>>,
    /// Where it speaks of exit codes, if it does.
    pub(super) condition_at: Option<At>,
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
        && let Some(kind) =
            kinds().find(|kind| text.strip_prefix(kind).is_some_and(|rest| rest.starts_with([' ', ':'])))
    {
        let value = text[kind.len()..].trim_start_matches(':').trim();
        let what = if text[kind.len()..].starts_with(':') { "a blank after its colon" } else { "a colon after it" };
        let help = format!("write `{kind}: {}`", clip(value));
        faults.error(node.at, format!("`{kind}` needs {what}")).help = Some(help);
        return None;
    }
    let line = faults.listing().origin(node.at.line);
    let mut fields = Fields::new(node, "a step", faults)?;
    fields.check_keys(&STEP);
    let id = id(&mut fields, index);
    let id_at = fields.get("id").map_or(node.at, |entry| entry.value.at);
    // An empty list is no `when`, as in ACR.
    let when = fields.get("when").is_some().then(|| fields.texts("when")).filter(|when| !when.is_empty());
    let condition_at = ["exitedWith", "exitedWithout"].into_iter().find_map(|key| fields.at(key));
    let step = body(&mut fields, node.at, inherited).zip(id.clone()).map(|(body, id)| Step {
        id,
        at: node.at,
        line,
        after: Vec::new(),
        rules: body.rules,
        platforms: body.platforms,
        reports: body.reports,
        artifacts: body.artifacts,
        condition: body.condition,
        action: body.action,
    });
    Some(Unordered { id, id_at, when, condition_at, step })
}

/// A step without its name and its place in the order.
struct Body {
    rules: Rules,
    platforms: Vec<Platform>,
    reports: Reports,
    artifacts: Vec<String>,
    condition: Condition,
    action: StepAction,
}

fn body(fields: &mut Fields<'_, '_>, at: At, inherited: &Inherited) -> Option<Body> {
    let kind = kind(fields, at)?;
    check_kind(fields, kind);
    // All keys are read before a fault in one of them ends it, so that each is told.
    let by_key = platforms(fields);
    let (rules, reports) = (rules(fields, inherited, kind), reports(fields));
    let (artifacts, condition) = (globs(fields, "artifacts"), condition(fields));
    let (action, own) = action::check(fields, kind, inherited)?;
    let platforms = if own.is_empty() { by_key } else { own };
    let is_cmd = kind == "cmd";
    Some(Body {
        rules,
        platforms,
        reports: if is_cmd { reports } else { Reports::default() },
        artifacts: if is_cmd { artifacts } else { Vec::new() },
        condition: if is_cmd { condition } else { Condition::default() },
        action,
    })
}

fn condition(fields: &mut Fields<'_, '_>) -> Condition {
    let mut codes = |key| {
        let mut codes = fields.numbers(key, 0..=EXIT_CODE);
        codes.sort_unstable();
        codes.dedup();
        codes
    };
    Condition { exited_with: codes("exitedWith"), exited_without: codes("exitedWithout") }
}

fn id(fields: &mut Fields<'_, '_>, index: usize) -> Option<StepId> {
    let Placed { at, value } = if fields.names().any(|name| name == "id") {
        let nothing = Placed { at: fields.key_at("id"), value: String::new() };
        fields.text("id").unwrap_or(nothing)
    } else {
        Placed { at: At::FILE, value: format!("acb_step_{index}") }
    };
    if value == ROOT {
        fields.faults.refuse(at, format!("the id `{ROOT}` is reserved for the run itself"));
        return None;
    }
    value.parse().map_err(|why: acre_model::ids::BadName| fields.faults.error(at, why.to_string())).ok()
}

/// The id that no step may have (task language §3).
const ROOT: &str = "acb_root";

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
    if kind == "push" {
        for key in ["volumeMounts", "volumeMount"] {
            fields.at(key).into_iter().for_each(|at| {
                fields.faults.refuse(at, format!("a `push` has no container that `{key}` could be mounted in"));
            });
        }
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
