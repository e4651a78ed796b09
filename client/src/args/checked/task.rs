//! What the flags of `acre task` make of a task.

use super::{Faults, check_registry, pairs, secrets::secret_sets, values_file};
use crate::{
    args::{CreateArgs, TaskFlags, TaskRunArgs},
    error::Error,
    farm::TaskSecrets,
    secret::{self, Origin},
    source::{self, Choice},
    system,
};
use acre_model::{
    ids::TimerName,
    secret::{Confidential, SecretValue},
    stored_task::{BaseImageTrigger, Definition, ImageBuild, Overrides, StoredTask, Timer, Triggers, replaced},
    submission::{NamedText, Source},
    text::clip,
};
use acre_task::address;

impl CreateArgs {
    /// The task that is wanted, and what it keeps secret. Reads files and secrets.
    pub fn check(self) -> Result<(StoredTask, TaskSecrets), Error> {
        let mut faults = Faults::default();
        if self.flags.context.is_none() && self.flags.cmd.is_none() {
            faults.say("--context is missing: give an address, or /dev/null for none");
        }
        let timers = self.schedule.iter().enumerate();
        let timers = timers.filter_map(|(index, text)| faults.note(timer(index, text))).collect();
        let blank = StoredTask { triggers: Triggers { timers, ..Triggers::default() }, ..StoredTask::new(self.name) };
        let changed = self.flags.change(blank, true, &mut faults);
        faults.end()?;
        Ok(changed)
    }
}

/// `NAME:CRON`, or `CRON` alone, which gets a name by its place as in ACR: `t1`, `t2`.
fn timer(index: usize, text: &str) -> Result<Timer, Error> {
    let (name, schedule) = match text.split_once(':') {
        Some((name, schedule)) => (name.parse::<TimerName>(), schedule),
        None => (format!("t{}", index + 1).parse(), text),
    };
    let name = name.map_err(|why| Error::Usage(format!("--schedule `{}`: {why}", clip(text))))?;
    Ok(Timer::new(name, schedule.trim().to_owned()))
}

impl TaskFlags {
    /// The task as it was with what the flags change, and what comes with it. Reads files and secrets.
    pub fn changed(self, task: StoredTask) -> Result<(StoredTask, TaskSecrets), Error> {
        let mut faults = Faults::default();
        let changed = self.change(task, false, &mut faults);
        faults.end()?;
        Ok(changed)
    }

    fn change(mut self, mut task: StoredTask, is_new: bool, faults: &mut Faults) -> (StoredTask, TaskSecrets) {
        let registry = self.registry.take().map(|registry| azure(&registry));
        check_registry(registry.as_deref(), faults);
        task.registry = registry.or(task.registry);
        self.change_source(&mut task, is_new, faults);
        let mut secrets = self.secrets(&mut task, faults);
        self.change_definition(&mut task, faults);
        self.change_triggers(&mut task, is_new);
        secrets.git_token = self.git_access_token.as_deref().and_then(|word| faults.note(token(word)));
        if !self.platform.is_empty() {
            task.platforms = self.platform;
        }
        if !self.values.is_empty() {
            task.values = self.values.iter().filter_map(|path| faults.note(values_file(path))).collect();
        }
        task.sets = replaced(&task.sets, pairs("--set", self.set, faults));
        task.timeout_ms = self.timeout.unwrap_or(task.timeout_ms);
        task.status = self.status.map_or(task.status, Into::into);
        task.pool = self.agent_pool.unwrap_or(task.pool);
        task.emulation = self.emulation.unwrap_or(task.emulation);
        (task, secrets)
    }

    fn change_source(&mut self, task: &mut StoredTask, is_new: bool, faults: &mut Faults) {
        let context = self.context.take().or_else(|| (is_new && self.cmd.is_some()).then(|| "/dev/null".to_owned()));
        if let Some(context) = context {
            task.source = faults.note(address_of(&context)).unwrap_or_default();
        }
        if let (Some(branch), Source::Address(address)) = (&self.branch, &mut task.source) {
            let (repository, folder) = match address.split_once('#') {
                Some((repository, fragment)) => (repository, fragment.split_once(':').map(|(_, folder)| folder)),
                None => (address.as_str(), None),
            };
            let folder = folder.map(|folder| format!(":{folder}")).unwrap_or_default();
            *address = format!("{repository}#{branch}{folder}");
        }
    }

    /// Reads secrets; the task gets their names.
    fn secrets(&self, task: &mut StoredTask, faults: &mut Faults) -> TaskSecrets {
        let sets = secret_sets(&self.set_secret, Origin::read, faults);
        let arguments = secret_sets(&self.secret_arg, Origin::read, faults);
        add_names(&mut task.secret_sets, sets.iter().map(|(name, ..)| name));
        let secrets = sets.into_iter().chain(arguments).map(|(_, id, value)| (id, value)).collect();
        TaskSecrets { confidential: Confidential { secrets, logins: Vec::new() }, git_token: None }
    }

    fn change_definition(&mut self, task: &mut StoredTask, faults: &mut Faults) {
        let is_yaml = |file: &str| [".yaml", ".yml"].iter().any(|ending| file.ends_with(ending));
        let (file, cmd) = (self.file.take().map(system::with_slashes), self.cmd.take());
        if let Some(cmd) = cmd {
            task.definition = Definition::Cmd(cmd);
        } else if file.as_deref() == Some("-") {
            let text = faults.note(source::read_stdin()).unwrap_or_default();
            task.definition = Definition::Text(NamedText { name: format!("{}.yaml", task.name), text });
        } else if let Some(file) = file.as_ref().filter(|file| is_yaml(file)) {
            task.definition = Definition::File(Some(file.clone()));
        } else if file.is_some() || self.is_of_build(&task.definition) {
            self.change_build(task, file, faults);
        }
    }

    /// Whether a build is meant; what only says how to build does not make one of another task.
    fn is_of_build(&self, definition: &Definition) -> bool {
        let says_how = self.no_push.is_some() || self.no_cache.is_some();
        says_how && matches!(definition, Definition::Build(_))
            || !self.image.is_empty()
            || self.target.is_some()
            || !self.arg.is_empty()
            || !self.secret_arg.is_empty()
    }

    fn change_build(&mut self, task: &mut StoredTask, file: Option<String>, faults: &mut Faults) {
        let mut build = match &task.definition {
            Definition::Build(build) => build.clone(),
            // What is built is pushed, unless said otherwise.
            _ => ImageBuild { push: true, ..ImageBuild::default() },
        };
        if !self.image.is_empty() {
            build.images = std::mem::take(&mut self.image);
        }
        build.dockerfile = file.or(build.dockerfile);
        build.target = self.target.take().or(build.target);
        build.arguments = replaced(&build.arguments, pairs("--arg", std::mem::take(&mut self.arg), faults));
        let names = self.secret_arg.iter().map(|word| word.split('=').next().unwrap_or_default().to_owned());
        add_names(&mut build.secret_arguments, names.collect::<Vec<_>>().iter());
        build.no_cache = self.no_cache.unwrap_or(build.no_cache);
        build.push = self.no_push.map_or(build.push, |no_push| !no_push);
        task.definition = Definition::Build(build);
    }

    fn change_triggers(&self, task: &mut StoredTask, is_new: bool) {
        let is_git = address::is_git(&task.source);
        let source = &mut task.triggers.source;
        source.commits = self.commit_trigger_enabled.unwrap_or(if is_new { is_git } else { source.commits });
        source.pull_requests = self.pull_request_trigger_enabled.unwrap_or(source.pull_requests);
        source.commit_status = self.commit_status.unwrap_or(source.commit_status);
        source.cancel_superseded = self.cancel_superseded.unwrap_or(source.cancel_superseded);
        source.poll = self.poll_source.unwrap_or(source.poll);
        if !self.path.is_empty() {
            source.paths.clone_from(&self.path);
        }
        if !self.tag_trigger.is_empty() {
            source.tags.clone_from(&self.tag_trigger);
        }
        let before = task.triggers.base_image;
        let wanted = self.base_image_trigger_type.map_or(before, Into::into);
        task.triggers.base_image = match self.base_image_trigger_enabled {
            Some(false) => BaseImageTrigger::Disabled,
            Some(true) if wanted == BaseImageTrigger::Disabled => BaseImageTrigger::Runtime,
            Some(true) | None => wanted,
        };
    }
}

impl TaskRunArgs {
    /// What is different in this run, but for its source, and that. Reads secrets.
    pub fn check(&self) -> Result<(Overrides, Option<Choice>, Confidential), Error> {
        let mut faults = Faults::default();
        let source = self.context.as_deref().and_then(|context| faults.note(Choice::parse(context)));
        let sets = secret_sets(&self.set_secret, Origin::read, &mut faults);
        let arguments = secret_sets(&self.secret_arg, Origin::read, &mut faults);
        let names = |sets: &[(String, acre_model::ids::SecretId, SecretValue)]| {
            sets.iter().map(|(name, ..)| name.clone()).collect::<Vec<_>>()
        };
        let overrides = Overrides {
            source: None,
            file: self.file.clone(),
            target: self.target.clone(),
            arguments: pairs("--arg", self.arg.clone(), &mut faults),
            sets: pairs("--set", self.set.clone(), &mut faults),
            secret_sets: names(&sets),
            secret_arguments: names(&arguments),
            platforms: self.platform.clone(),
            narrowing: None,
        };
        faults.end()?;
        let secrets = sets.into_iter().chain(arguments).map(|(_, id, value)| (id, value)).collect();
        Ok((overrides, source, Confidential { secrets, logins: Vec::new() }))
    }
}

/// A source that is there whenever the task runs.
fn address_of(context: &str) -> Result<Source, Error> {
    match context {
        "/dev/null" => Ok(Source::None),
        text if address::is_address(text) => match address::parse(text) {
            Ok(_) => Ok(Source::Address(text.to_owned())),
            Err(why) => Err(Error::Usage(format!("--context: {why}"))),
        },
        text => Err(Error::Usage(format!(
            "--context `{}`: a folder of this machine is not there when the task runs; give an address, or /dev/null",
            clip(text)
        ))),
    }
}

/// A bare name is that of a registry of Azure, as its own command line has it.
pub(crate) fn azure(registry: &str) -> String {
    let is_name = !registry.is_empty() && registry.bytes().all(|b| b.is_ascii_alphanumeric());
    if is_name && registry != "localhost" {
        format!("{}.azurecr.io", registry.to_ascii_lowercase())
    } else {
        registry.to_owned()
    }
}

fn token(word: &str) -> Result<SecretValue, Error> {
    match word.strip_prefix('@') {
        Some(path) => {
            let value = secret::read_file(std::path::Path::new(path))?;
            Ok(SecretValue::new(value.expose().trim_ascii_end().to_vec()))
        }
        None => Ok(SecretValue::new(word.as_bytes().to_vec())),
    }
}

fn add_names<'a>(names: &mut Vec<String>, further: impl Iterator<Item = &'a String>) {
    for name in further {
        if !names.contains(name) {
            names.push(name.clone());
        }
    }
}
