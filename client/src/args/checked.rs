//! What the words of a command line mean together. All that is wrong with them is said at once.

use super::{BuildArgs, RunArgs, Shared, Task};
use crate::{
    error::Error,
    secret::{self, Origin},
    source::{self, Choice},
};
use acre_model::{
    ids::{ProjectName, SecretId},
    reference::Reference,
    secret::{Confidential, SecretValue},
    submission::{NamedText, Source, Submission, TaskSource},
    text::clip,
};
use acre_task::synth::{self, BuildRequest};
use std::path::{Path, PathBuf};

/// A run that can be handed in once its source is on the farm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Where its files come from.
    pub source: Choice,
    /// The Dockerfile whose `.dockerignore` counts, relative to the source.
    pub dockerfile: String,
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
        let Shared { registry, platform, timeout, pool, emulation } = shared;
        let submission = Submission {
            source_shown: source.shown(),
            task,
            platforms: platform,
            registry,
            timeout_ms: timeout,
            pool,
            emulation,
            ..Submission::default()
        };
        let dockerfile = dockerfile.unwrap_or_else(|| "Dockerfile".to_owned());
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

/// How the value of a secret is had.
type Read = fn(Origin) -> Result<SecretValue, String>;

fn requested(source: &str, task: Task, shared: Shared, read: Read) -> Result<Request, Error> {
    let mut faults = Faults::default();
    let Task { file, cmd, values, set, set_secret } = task;
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

/// The names of `--set-secret` words with their ids and values; of one that is there twice, the last.
fn secret_sets(words: &[String], read: Read, faults: &mut Faults) -> Vec<(String, SecretId, SecretValue)> {
    let mut sets: Vec<(String, SecretId, SecretValue)> = Vec::new();
    for word in words {
        let Some((name, origin)) = faults.note(secret::set(word)) else { continue };
        let value = read(origin).map_err(|why| faults.say(format!("--set-secret `{}`: {why}", clip(&name))));
        if let (Ok(value), Ok(id)) = (value, SecretId::of_set(&name)) {
            sets.retain(|(known, ..)| *known != name);
            sets.push((name, id, value));
        }
    }
    sets
}

impl BuildArgs {
    /// What the command line asks for; `local` says whether it is for the farm of this machine.
    pub fn check(self, local: bool) -> Result<BuildWish, Error> {
        let mut faults = Faults::default();
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
            platforms: Vec::new(),
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
        let task = NamedText { name: "acre build".to_owned(), text: synth::build_task(&request) };
        // Without a fault it is there.
        let source = source.unwrap_or(Choice::None);
        let mut request = Request::new(source, TaskSource::Text(task), self.file, self.shared);
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

/// The secrets or keys of a build, read; none may be there twice.
fn read_build(
    flag: &str,
    words: &[String],
    parse: fn(&str) -> Result<(SecretId, Origin), Error>,
    faults: &mut Faults,
) -> Vec<(SecretId, SecretValue)> {
    let mut read: Vec<(SecretId, SecretValue)> = Vec::new();
    for word in words {
        let Some((id, origin)) = faults.note(parse(word)) else { continue };
        if read.iter().any(|(known, _)| *known == id) {
            faults.say(format!("{flag} `{id}` is there twice"));
        }
        match origin.read() {
            Ok(value) => read.push((id, value)),
            Err(why) => faults.say(format!("{flag} `{id}`: {why}")),
        }
    }
    read
}

fn ids(secrets: &[(SecretId, SecretValue)]) -> Vec<String> {
    secrets.iter().map(|(id, _)| id.to_string()).collect()
}

/// A key under the id of the secret that holds it.
fn ssh_secret((id, key): (SecretId, SecretValue)) -> Option<(SecretId, SecretValue)> {
    // Too long an id is refused by whoever compiles the task, where it is declared.
    synth::ssh_secret(id.as_str()).parse().ok().map(|id| (id, key))
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
        (_, _, Some(cmd)) => text("--cmd", synth::cmd_task(&cmd)),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::{Cli, Command};
    use clap::Parser;

    fn build(words: &str) -> Result<BuildWish, Error> {
        let words = ["acre", "build"].into_iter().chain(words.split_whitespace());
        match Cli::try_parse_from(words).unwrap().command {
            Command::Build(args) => args.check(true),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn an_image_is_pushed_where_its_registry_is_known() {
        let table = [
            ("-t a:1 /dev/null", false, vec!["a:1"]),
            ("-t a:1 -r r.example /dev/null", true, vec![]),
            ("-t r.example/a:1 /dev/null", true, vec![]),
            ("-t r.example/a:{{.Run.ID}} /dev/null", true, vec![]),
            ("-t r.example/a:1 -t b:1 /dev/null", false, vec!["b:1"]),
            ("-t a:1 -r r.example --no-push /dev/null", false, vec![]),
            ("/dev/null", false, vec![]),
        ];
        for (words, pushes, kept) in table {
            let wish = build(words).unwrap();
            let TaskSource::Text(task) = wish.request.submission.task else { panic!("a build brings its task") };
            assert_eq!(task.text.contains("id: push"), pushes, "{words}: {}", task.text);
            assert_eq!(wish.kept, kept, "{words}");
        }
    }

    #[test]
    fn everything_that_is_wrong_is_said_at_once() {
        let table: [(&str, &[&str]); 4] = [
            ("-t UPPER --build-arg =x ./nowhere", &["UPPER", "--build-arg", "does not exist"]),
            ("-t a:1 --push /dev/null", &["--push: `a:1` has no registry"]),
            ("--push /dev/null", &["--push needs a name"]),
            (
                "--load --platform linux/amd64,linux/arm64 --output x --secret x --ssh y -r http://r /dev/null",
                &["--load takes one platform", "--output", "--secret `x`", "--ssh `y`", "--registry"],
            ),
        ];
        for (words, expected) in table {
            let found = build(words).unwrap_err().to_string();
            assert!(expected.iter().all(|part| found.contains(part)), "{words}: {found}");
        }
    }

    #[test]
    fn secrets_leave_the_command_line_for_a_place_of_their_own() {
        let words = "run --set-secret a=1 --set-secret b=2 --set-secret a=3 --cmd bash /dev/null";
        let words = ["acre"].into_iter().chain(words.split_whitespace());
        let Command::Run(args) = Cli::try_parse_from(words).unwrap().command else { panic!("it is a run") };
        let Request { submission, confidential, .. } = args.check().unwrap();
        assert_eq!(submission.secret_sets, ["b", "a"]);
        let values: Vec<_> = confidential.secrets.iter().map(|(id, value)| (id.as_str(), value.expose())).collect();
        assert_eq!(values, [("set.a", &b"3"[..]), ("set.b", b"2")]);

        let folder = tempfile::tempdir().unwrap();
        let key = folder.path().join("key");
        std::fs::write(&key, "private").unwrap();
        let shown = key.display();
        let wish = build(&format!("--secret id=npm,src={shown} --ssh default={shown} /dev/null")).unwrap();
        let TaskSource::Text(task) = wish.request.submission.task else { panic!("a build brings its task") };
        assert!(task.text.contains("--secret id=npm --ssh default=ssh.default"), "{}", task.text);
        let ids: Vec<_> = wish.request.confidential.secrets.keys().map(SecretId::as_str).collect();
        assert_eq!(ids, ["npm", "ssh.default"]);
    }

    #[test]
    fn a_task_comes_from_where_it_is_said_to() {
        let run = |words: &str| {
            let words = ["acre", "run"].into_iter().chain(words.split_whitespace());
            match Cli::try_parse_from(words).unwrap().command {
                Command::Run(args) => args.check().map(|request| request.submission.task),
                other => panic!("{other:?}"),
            }
        };
        let git = "https://h.example/r.git";
        assert_eq!(run(git).unwrap(), TaskSource::File(None));
        assert_eq!(run(&format!("-f x.yaml {git}")).unwrap(), TaskSource::File(Some("x.yaml".to_owned())));
        assert!(matches!(run("--cmd bash /dev/null").unwrap(), TaskSource::Text(_)));
        for (words, expected) in [
            ("/dev/null", "--cmd"),
            ("-f x.yaml /dev/null", "looked up in the source"),
            ("--set x --set-secret y --cmd bash /dev/null", "--set-secret `y`: there is no variable `y`"),
            ("--set x --set-secret y --cmd bash /dev/null", "--set `x` is not KEY=VALUE"),
            ("-f - -", "standard input cannot be the task file and the source at once"),
        ] {
            let found = run(words).unwrap_err().to_string();
            assert!(found.contains(expected), "{words}: {found}");
        }
    }
}
