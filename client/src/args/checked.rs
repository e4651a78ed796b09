//! What the words of a command line mean together. All that is wrong with them is said at once.

mod secrets;
mod task;
#[cfg(test)]
mod tests;

pub(crate) use task::azure;

use super::{BuildArgs, RunArgs, Shared, Task};
use crate::{
    error::Error,
    secret::{self, Origin},
    source::{self, Choice},
    system,
};
use acre_model::{
    ids::ProjectName,
    reference::Reference,
    secret::{Confidential, SecretValue},
    submission::{NamedText, Source, Submission, TaskSource},
    text::clip,
};
use acre_task::synth::{self, BuildRequest};
use secrets::{Read, ids, read_build, secret_sets, ssh_secret};
use std::path::{Path, PathBuf};

/// A run that can be handed in once its source is on the farm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Where its files come from.
    pub source: Choice,
    /// The Dockerfile of `acre build`, relative to the source; `None`: the task names its own.
    pub dockerfile: Option<String>,
    /// All but project, source and key.
    pub submission: Submission,
    /// The secrets of the command line.
    pub confidential: Confidential,
}

/// A build, and what becomes of its image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BuildWish {
    /// The run.
    pub request: Request,
    /// Names of the image that no registry is known for; the image stays on its engine.
    pub kept: Vec<String>,
    /// Where the metadata go.
    pub metadata_file: Option<PathBuf>,
    /// Whether it must be on the engine of this machine in the end.
    pub load: bool,
}

/// What is wrong with a command line.
#[derive(Debug, Default)]
struct Faults(Vec<String>);

impl Faults {
    fn note<T>(&mut self, result: Result<T, Error>) -> Option<T> {
        result.map_err(|fault| self.0.push(fault.to_string())).ok()
    }

    fn say(&mut self, fault: impl Into<String>) {
        self.0.push(fault.into());
    }

    fn end(self) -> Result<(), Error> {
        if self.0.is_empty() { Ok(()) } else { Err(Error::Usage(self.0.join("; "))) }
    }
}

impl Request {
    /// With the project, the source as it is on the farm, and the key that makes handing it in twice harmless.
    pub fn submission(self, project: ProjectName, source: Source, key: String) -> Submission {
        Submission { project, source, idempotency_key: Some(key), ..self.submission }
    }

    fn new(source: Choice, task: TaskSource, dockerfile: Option<String>, shared: Shared) -> Self {
        let Shared { registry, platform, timeout, pool, emulation, allow_partial } = shared;
        let submission = Submission {
            source_shown: source.shown(),
            task,
            platforms: platform,
            registry,
            timeout_ms: timeout,
            pool,
            emulation,
            allow_partial,
            ..Submission::default()
        };
        Self { source, dockerfile, submission, confidential: Confidential::default() }
    }
}

impl RunArgs {
    /// What the command line asks for. Reads task and values files, and secrets.
    pub fn check(self) -> Result<Request, Error> {
        requested(&self.source, self.task, self.shared, Origin::read)
    }
}

/// The same request, for `check`: no secret is read, and each has an empty value.
pub fn request(source: &str, task: Task, shared: Shared) -> Result<Request, Error> {
    requested(source, task, shared, |_| Ok(SecretValue::default()))
}

fn requested(source: &str, task: Task, shared: Shared, read: Read) -> Result<Request, Error> {
    let mut faults = Faults::default();
    let Task { file, cmd, values, set, set_secret } = task;
    let file = file.map(system::with_slashes);
    let secrets = secret_sets(&set_secret, read, &mut faults);
    check_registry(shared.registry.as_deref(), &mut faults);
    let sets = pairs("--set", set, &mut faults);
    let values: Vec<NamedText> = values.iter().filter_map(|path| faults.note(values_file(path))).collect();
    let source = faults.note(Choice::parse(source));
    let task = source.as_ref().and_then(|source| faults.note(task_source(source, file, cmd)));
    faults.end()?;
    // Without a fault both are there.
    let mut request = Request::new(source.unwrap_or(Choice::None), task.unwrap_or_default(), None, shared);
    request.submission.values = values;
    request.submission.sets = sets;
    request.submission.secret_sets = secrets.iter().map(|(name, ..)| name.clone()).collect();
    request.confidential.secrets = secrets.into_iter().map(|(_, id, value)| (id, value)).collect();
    Ok(request)
}

impl BuildArgs {
    /// What the command line asks for; `local` says whether it is for the farm of this machine.
    pub fn check(mut self, local: bool) -> Result<BuildWish, Error> {
        let mut faults = Faults::default();
        self.file = self.file.map(system::with_slashes);
        self.refuse_unsupported(local, &mut faults);
        check_registry(self.shared.registry.as_deref(), &mut faults);
        let kept = self.names_without_registry(&mut faults);
        let secrets = read_build("--secret", &self.secret, secret::of_build, &mut faults);
        let keys = read_build("--ssh", &self.ssh, secret::of_ssh, &mut faults);
        let push = !self.no_push && !self.images.is_empty() && (self.push || kept.is_empty());
        let source = faults.note(Choice::parse(&self.source));
        if let (Some(Choice::Folder(folder)), Some(file)) = (&source, &self.file) {
            faults.note(source::read_in(folder, file));
        }
        let request = BuildRequest {
            images: self.images,
            registry: self.shared.registry.clone(),
            dockerfile: self.file.clone(),
            build_args: checked_pairs("--build-arg", self.build_arg, &mut faults),
            labels: checked_pairs("--label", self.label, &mut faults),
            secrets: ids(&secrets),
            ssh: ids(&keys),
            target: self.target,
            no_cache: self.no_cache,
            pull: self.pull,
            push,
            ..BuildRequest::default()
        };
        faults.end()?;
        let task = NamedText { name: synth::BUILD.to_owned(), text: synth::build_task(&request) };
        // Without a fault it is there.
        let source = source.unwrap_or(Choice::None);
        let dockerfile = self.file.unwrap_or_else(|| "Dockerfile".to_owned());
        let mut request = Request::new(source, TaskSource::Text(task), Some(dockerfile), self.shared);
        request.submission.leave_images = self.load;
        request.confidential.secrets = secrets.into_iter().chain(keys.into_iter().filter_map(ssh_secret)).collect();
        Ok(BuildWish { request, kept, metadata_file: self.metadata_file, load: self.load })
    }

    fn refuse_unsupported(&self, local: bool, faults: &mut Faults) {
        if self.output.is_some() {
            faults
                .say("--output is not supported yet; push the image, or build for one platform on this machine's farm");
        }
        if self.load && !local {
            faults.say("--load is supported on the farm of this machine only; push the image and pull it here");
        }
        if self.load && self.shared.platform.len() > 1 {
            faults.say("--load takes one platform: an engine keeps one image under a name");
        }
    }

    /// The names that have no registry; also says what is wrong with names.
    fn names_without_registry(&self, faults: &mut Faults) -> Vec<String> {
        let mut kept = Vec::new();
        for image in &self.images {
            match reference(image) {
                Ok(reference) if reference.registry().is_none() && self.shared.registry.is_none() => {
                    kept.push(image.clone());
                }
                Ok(_) => {}
                Err(why) => faults.say(why),
            }
        }
        if self.push && self.images.is_empty() {
            faults.say("--push needs a name of the image; give one with --image");
        }
        if self.push && !kept.is_empty() {
            let names = kept.iter().map(|name| format!("`{}`", clip(name))).collect::<Vec<_>>().join(", ");
            faults.say(format!("--push: {names} has no registry; name one with --registry"));
        }
        kept
    }
}

/// The name of an image, in which templates stand for letters.
fn reference(image: &str) -> Result<Reference, String> {
    let mut name = String::new();
    let mut rest = image;
    while let Some((before, template)) = rest.split_once("{{") {
        let Some((_, after)) = template.split_once("}}") else { break };
        name.push_str(before);
        name.push('x');
        rest = after;
    }
    name.push_str(rest);
    name.parse().map_err(|why: acre_model::reference::BadReference| why.to_string())
}

fn check_registry(registry: Option<&str>, faults: &mut Faults) {
    let Some(registry) = registry else { return };
    let named = format!("{registry}/x").parse::<Reference>();
    if !named.is_ok_and(|name| name.registry().is_some()) {
        let shown = clip(registry);
        faults.say(format!(
            "--registry `{shown}` is not a registry; write HOST[:PORT][/PATH], for example r.example/team"
        ));
    }
}

/// The task of a run: the text that is at hand, else the name of a file that the farm finds in the fetched source.
fn task_source(source: &Choice, file: Option<String>, cmd: Option<String>) -> Result<TaskSource, Error> {
    let text = |name: &str, text| Ok(TaskSource::Text(NamedText { name: name.to_owned(), text }));
    match (source, file.as_deref(), cmd) {
        (_, _, Some(cmd)) => text(synth::CMD, synth::cmd_task(&cmd)),
        (Choice::Archive, Some("-"), None) => {
            let why = "standard input cannot be the task file and the source at once; name the file in the archive";
            Err(Error::Usage(why.to_owned()))
        }
        (_, Some("-"), None) => text("standard input", source::read_stdin()?),
        (Choice::Folder(folder), Some(file), None) => text(file, source::read_in(folder, file)?),
        (Choice::Folder(folder), None, None) => {
            let (name, found) = source::read_default(folder)?;
            text(&name, found)
        }
        (Choice::Address(_) | Choice::Archive, file, None) => Ok(TaskSource::File(file.map(str::to_owned))),
        (Choice::None, Some(file), None) => {
            let shown = clip(file);
            let why =
                format!("`{shown}` is looked up in the source, and /dev/null has no files; write `-f - < {shown}`");
            Err(Error::Usage(why))
        }
        (Choice::None, None, None) => {
            Err(Error::Usage("/dev/null has no task file; give a command with --cmd, or a task with `-f -`".to_owned()))
        }
    }
}

fn values_file(path: &Path) -> Result<NamedText, Error> {
    Ok(NamedText { name: path.display().to_string(), text: source::read_text(path)? })
}

/// `KEY=VALUE` words, taken apart.
fn pairs(flag: &str, words: Vec<String>, faults: &mut Faults) -> Vec<(String, String)> {
    let mut pairs = Vec::new();
    for word in words {
        match word.split_once('=') {
            Some((key, value)) if !key.is_empty() && !key.contains(char::is_whitespace) => {
                pairs.push((key.to_owned(), value.to_owned()));
            }
            _ => faults.say(format!("{flag} `{}` is not KEY=VALUE", clip(&word))),
        }
    }
    pairs
}

/// `KEY=VALUE` words, checked and left whole.
fn checked_pairs(flag: &str, words: Vec<String>, faults: &mut Faults) -> Vec<String> {
    pairs(flag, words.clone(), faults);
    words
}
