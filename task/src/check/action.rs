//! What a step does: the text of its kind, and the keys that say the same as a flag.

use super::{
    Inherited, directory, env,
    fields::{Fields, Placed},
    hints, resources,
};
use crate::{
    diagnostic::{At, Class, Listing},
    flags::{self, BadFlag},
    paths,
    task::StepAction,
    words::{self, BadWords},
};
use acre_model::{
    plan::{Build, Cmd},
    platform::Platform,
    reference::Reference,
    text::clip,
};
use std::collections::BTreeSet;

/// Most further tries of a pull.
const MOST_PULLS: i64 = 100;
/// Longest text of a step, in bytes.
const LONGEST_TEXT: usize = 64 << 10;

/// What the step does, and the platforms that its text lists.
pub(super) fn check(
    fields: &mut Fields<'_, '_>,
    kind: &str,
    inherited: &Inherited,
) -> Option<(StepAction, Vec<Platform>)> {
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
fn text_words(fields: &mut Fields<'_, '_>, key: &str, inherited: &Inherited) -> Option<(At, Vec<String>)> {
    let Placed { at, value } = fields.text(key)?;
    if value.len() > LONGEST_TEXT {
        let message = format!("`{key}` has {} KiB; limit {} KiB", value.len().div_ceil(1024), LONGEST_TEXT >> 10);
        fields.faults.error(at, message).class = Class::TooLarge;
        return None;
    }
    match words::split_with_secrets(&value, &inherited.names.nonce) {
        Ok(words) => Some((at, words.iter().map(|word| inherited.inert.open(word)).collect())),
        Err(why) => {
            let error_at = offset(at, fields.faults.listing(), &value, why.offset());
            let error = fields.faults.error(error_at, format!("`{key}`: {why}"));
            let instead = hints::docker(&value);
            error.help = match why {
                BadWords::Operator(..) if instead.is_some() => {
                    instead.map(|(name, help)| format!("instead of `docker {name}`: {help}"))
                }
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

/// The place of a byte of a text that stands in the file as it is, in one line or in a block; else the text's own place.
fn offset(at: At, listing: &Listing, text: &str, byte: usize) -> At {
    let before = text.get(..byte).unwrap_or_default();
    let begin = before.rfind('\n').map_or(0, |newline| newline + 1);
    let own = text[begin..].lines().next().unwrap_or_default();
    let line = at.line as usize + before.matches('\n').count();
    let shown = listing.line(u32::try_from(line).unwrap_or(u32::MAX));
    // What stands before it: the margin of a block, or a key and perhaps a quote.
    let lead = match begin {
        0 => shown.chars().take((at.column.max(1) - 1) as usize).map(char::len_utf8).sum(),
        _ => shown.len() - shown.trim_start().len() - (own.len() - own.trim_start().len()).min(shown.len()),
    };
    let rest = shown.get(lead..).unwrap_or_default();
    let quotes = rest.len() - rest.trim_start_matches(['"', '\'']).len();
    let found = [lead, lead + quotes]
        .into_iter()
        .find(|lead| shown.get(*lead..).is_some_and(|rest| rest.starts_with(own.trim_end())));
    match found {
        Some(lead) if !own.is_empty() => {
            At::new(line, shown[..lead].chars().count() + before[begin..].chars().count() + 1)
        }
        _ => at,
    }
}

fn report(fields: &mut Fields<'_, '_>, at: At, key: &str, bad: Vec<BadFlag>) {
    for fault in bad {
        let class = fault.class();
        fields.faults.error(at, format!("`{key}`: {fault}")).class = class;
    }
}

fn build(fields: &mut Fields<'_, '_>, inherited: &Inherited) -> Option<(StepAction, Vec<Platform>)> {
    let env = merged(&inherited.env, env(fields, &inherited.names.nonce));
    let folder = build_folder(fields, inherited);
    let mounts = resources::mounts(fields, &inherited.names);
    let (secrets, ssh) = (named_secrets(fields, "secretFiles", inherited), named_secrets(fields, "ssh", inherited));
    let no_cache = match fields.text("cache") {
        None => false,
        Some(cache) if cache.value == "enabled" => false,
        Some(cache) if cache.value == "disabled" => true,
        Some(cache) => {
            fields.faults.error(cache.at, format!("`cache` must be enabled or disabled, not `{}`", clip(&cache.value)));
            false
        }
    };
    let (at, words) = text_words(fields, "build", inherited)?;
    let around = flags::build::Around { folder: &folder?, env: &env, mounts: &mounts, names: &inherited.names };
    match flags::build::parse(&words, &around) {
        Ok(mut text) => {
            for (warning, help) in std::mem::take(&mut text.warnings) {
                fields.faults.warning(at, warning).help = Some(help.to_owned());
            }
            text.build.no_cache |= no_cache;
            keys_of_build(fields, at, &mut text.build, secrets, ssh);
            Some((StepAction::Build(Box::new(text.build), text.fetch), text.platforms))
        }
        Err(bad) => {
            report(fields, at, "build", bad);
            None
        }
    }
}

type Pairs = Vec<(String, String)>;

/// `secretFiles` or `ssh`: ids of secrets, each with the name it has in the Dockerfile: `ID`, or `NAME=ID`.
fn named_secrets(fields: &mut Fields<'_, '_>, key: &str, inherited: &Inherited) -> Pairs {
    let mut secrets = Pairs::new();
    for Placed { at, value } in fields.texts(key) {
        let (name, id) = value.split_once('=').unwrap_or((&value, &value));
        match inherited.names.secret(id) {
            Ok(_) if name.is_empty() => fields.faults.refuse(at, format!("`{key}`: write ID or NAME=ID")),
            Ok(token) => secrets.push((name.to_owned(), token)),
            Err(why) => fields.faults.refuse(at, format!("`{key}`: {why}")),
        }
    }
    secrets
}

/// Adds what the keys say to what the flags say; one name cannot be given twice.
fn keys_of_build(fields: &mut Fields<'_, '_>, at: At, build: &mut Build, secrets: Pairs, ssh: Pairs) {
    for (what, own, more) in [("secret", &mut build.secrets, secrets), ("ssh key", &mut build.ssh, ssh)] {
        own.extend(more);
        for (index, (name, _)) in own.iter().enumerate() {
            if own[..index].iter().any(|(other, _)| other == name) {
                fields.faults.refuse(at, format!("the build is given two {what}s called `{}`", clip(name)));
            }
        }
    }
}

/// The working directory of a build as a folder of the tree.
fn build_folder(fields: &mut Fields<'_, '_>, inherited: &Inherited) -> Option<String> {
    let at = fields.text("workingDirectory").map_or(At::FILE, |own| own.at);
    let directory = directory(fields).unwrap_or_else(|| inherited.working_directory.clone());
    let folder = paths::below_workspace("", &directory);
    folder.map_err(|why| fields.faults.error(at, format!("`workingDirectory` of a build: {why}"))).ok()
}

fn cmd(fields: &mut Fields<'_, '_>, inherited: &Inherited) -> Option<(StepAction, Vec<Platform>)> {
    let mounts = resources::mounts(fields, &inherited.names);
    let (at, mut words) = text_words(fields, "cmd", inherited)?;
    expand_image(&mut words, &inherited.images);
    // Where the text is wrong, the keys are read all the same, so that each fault is told.
    let parsed = flags::cmd::parse(&words, &inherited.names).map_err(|bad| report(fields, at, "cmd", bad));
    let failed = parsed.is_err();
    let text = parsed.unwrap_or_default();
    let mut cmd = text.cmd;
    warn_of_docker(fields, at, &cmd);
    mount(fields, at, &mut cmd, mounts);
    // The variables of the text win over those of the keys, as flags win everywhere.
    cmd.env = merged(&merged(&inherited.env, env(fields, &inherited.names.nonce)), std::mem::take(&mut cmd.env));
    keys_of_cmd(fields, &mut cmd, inherited, text.names_network);
    working_directory(fields, &mut cmd, inherited);
    (!failed).then(|| (StepAction::Cmd(Box::new(cmd)), text.platforms))
}

/// Says what to write instead of Docker's own command, which finds no engine in a step.
fn warn_of_docker(fields: &mut Fields<'_, '_>, at: At, cmd: &Cmd) {
    let is_docker = hints::is_docker(&cmd.image);
    let words = is_docker.then_some("docker").into_iter().chain(cmd.arguments.iter().map(String::as_str));
    let joined = words.collect::<Vec<_>>().join(" ");
    let used = cmd.arguments.iter().chain([&joined]).find_map(|text| hints::docker(text));
    let policy = "only where the agent's configuration says `engine-socket = \"allow\"`";
    let (message, help) = match (used, cmd.engine_socket) {
        (Some((name, instead)), false) => {
            (format!("`docker {name}` needs the engine's socket, which this step is not given"), Some(instead))
        }
        (Some((name, instead)), true) => {
            (format!("`docker {name}` needs the engine's socket, which a step gets {policy}"), Some(instead))
        }
        (None, true) => (format!("the step wants the engine's socket, which it gets {policy}"), None),
        (None, false) if is_docker => {
            ("`docker` needs the engine's socket, which this step is not given".to_owned(), Some(hints::NO_ENGINE))
        }
        (None, false) => return,
    };
    fields.faults.warning(at, message).help = help.map(str::to_owned);
}

/// Adds the volumes of the keys to those of the flags.
fn mount(fields: &mut Fields<'_, '_>, at: At, cmd: &mut Cmd, mounts: Vec<(String, String)>) {
    cmd.volumes.extend(mounts);
    let mut taken = BTreeSet::new();
    for (_, path) in &cmd.volumes {
        let path = path.strip_suffix(":ro").unwrap_or(path);
        if !taken.insert(path) {
            fields.faults.refuse(at, format!("two volumes are mounted at `{}`", clip(path)));
        }
    }
}

/// Puts what an alias stands for in place of the first word.
fn expand_image(words: &mut Vec<String>, images: &[(String, Vec<String>)]) {
    let known = words.first().and_then(|first| images.iter().find(|(name, _)| name == first));
    if let Some((_, image)) = known {
        words.splice(..1, image.iter().cloned());
    }
}

/// The keys of a `cmd` that say the same as a flag of its text; the flag wins.
fn keys_of_cmd(fields: &mut Fields<'_, '_>, cmd: &mut Cmd, inherited: &Inherited, network_named: bool) {
    cmd.detach |= fields.switch("detach");
    cmd.privileged = fields.switch("privileged");
    cmd.pull = fields.switch("pull");
    cmd.keep = fields.switch("keep");
    cmd.registry_auth = fields.switch("registryAuth");
    let retries = fields.number("cmdDownloadRetries", 0..=MOST_PULLS).unwrap_or(0);
    cmd.pull_retries = u32::try_from(retries).unwrap_or(0);
    cmd.pull_retry_delay_ms = super::millis(fields.number("cmdDownloadRetryDelay", 0..=super::LONGEST).unwrap_or(0));
    if let Some(Placed { at, value }) = fields.text("isolation").filter(|_| cmd.isolation.is_none()) {
        match flags::cmd::isolation(&value) {
            Ok(isolation) => cmd.isolation = isolation,
            Err(why) => fields.faults.refuse(at, format!("`isolation`: {why}")),
        }
    }
    if cmd.user.is_none() {
        let user = fields.text("user");
        if let Some(Placed { at, value }) = user.as_ref().filter(|user| user.value.chars().any(char::is_control)) {
            fields.faults.refuse(*at, format!("`user`: `{}` holds a control character", clip(value)));
        }
        cmd.user = user.map(|user| user.value);
    }
    if cmd.entry_point.is_none() {
        cmd.entry_point = fields.text("entryPoint").map(|program| flags::cmd::entry_point(&program.value));
    }
    match fields.text("network") {
        _ if network_named => {}
        None => cmd.network = inherited.names.network_of_silence(),
        Some(network) => match inherited.names.network(&network.value) {
            Ok(name) => cmd.network = name,
            Err(why) => fields.faults.refuse(network.at, why),
        },
    }
    if let Some(cpus) = fields.text("cpus").filter(|_| cmd.nano_cpus.is_none()) {
        match flags::nano_cpus(&cpus.value) {
            Ok(nano_cpus) => cmd.nano_cpus = Some(nano_cpus),
            Err(why) => fields.faults.refuse(cpus.at, format!("`cpus`: {why}")),
        }
    }
    for key in ["ports", "expose"] {
        for Placed { at, value } in fields.texts(key) {
            let taken = match key {
                "ports" => flags::cmd::published(key, &value).map(|port| cmd.ports.push(port)),
                _ => flags::cmd::exposed(key, &value).map(|port| cmd.expose.push(port)),
            };
            taken.unwrap_or_else(|why| fields.faults.refuse(at, why.to_string()));
        }
    }
}

fn working_directory(fields: &mut Fields<'_, '_>, cmd: &mut Cmd, inherited: &Inherited) {
    let own = directory(fields);
    let images_own = fields.switch("disableWorkingDirectoryOverride");
    if cmd.working_directory.is_none() && !images_own {
        cmd.working_directory = Some(own.unwrap_or_else(|| inherited.working_directory.clone()));
    }
}

/// `base` with `own` put over it, by name; in the order of first mention.
pub(super) fn merged(base: &[(String, String)], own: Vec<(String, String)>) -> Vec<(String, String)> {
    let mut merged: Vec<(String, String)> = base.to_vec();
    for (name, value) in own {
        match merged.iter_mut().find(|(known, _)| *known == name) {
            Some((_, known)) => *known = value,
            None => merged.push((name, value)),
        }
    }
    merged
}
