//! Logins against a true registry with passwords (Debian's `docker-registry`, `auth: htpasswd`).

use crate::{
    bed::{Bed, deaf, failed, unique},
    builder::{built, make, request},
    folder::Folder,
    runtime::logins,
};
use acre_agent::engine::{
    Builder, EngineError, Logins,
    docker::{buildkit::BuildKit, classic::Classic},
};
use acre_model::reference::Reference;
use std::{
    env,
    io::{BufRead as _, BufReader},
    path::PathBuf,
    process::{Child, Command, Stdio},
};
use tempfile::TempDir;

/// The password of `someone`, and the line that lets them in (bcrypt).
const PASSWORD: &str = "s3cret/+pass";
const HTPASSWD: &str = "someone:$2b$05$abcdefghijklmnopqrstuu03CgwjAwRmMYSDVyzfwxjHDTLwx8UeK\n";

/// A registry that knows `someone` and nobody else.
pub(crate) struct Private {
    pub(crate) address: String,
    program: Child,
    _folder: TempDir,
}

impl Drop for Private {
    fn drop(&mut self) {
        self.program.kill().ok();
        self.program.wait().ok();
    }
}

impl Private {
    /// The password of `someone`.
    pub(crate) const PASSWORD: &str = PASSWORD;

    pub(crate) fn start() -> Self {
        let folder = TempDir::new().unwrap();
        let at = |name: &str| folder.path().join(name).display().to_string();
        std::fs::write(at("htpasswd"), HTPASSWD).unwrap();
        let configuration = format!(
            "version: 0.1\nlog: {{level: info}}\nstorage: {{filesystem: {{rootdirectory: {}}}}}\n\
             http: {{addr: '127.0.0.1:0'}}\nauth: {{htpasswd: {{realm: test, path: {}}}}}\n",
            at("data"),
            at("htpasswd")
        );
        std::fs::write(at("config"), configuration).unwrap();
        let mut command = Command::new(program());
        command.args(["serve", &at("config")]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut program = command.spawn().expect("docker-registry starts");
        let mut said = BufReader::new(program.stderr.take().unwrap()).lines().map_while(Result::ok);
        let address =
            said.find_map(|line| Some(line.split_once("listening on ")?.1.split(['"', ' ']).next()?.to_owned()));
        // What it says later is read, so that it does not wait for a reader.
        std::thread::spawn(move || said.for_each(drop));
        Self { address: address.expect("it says where it listens"), program, _folder: folder }
    }
}

/// `ACRE_TEST_REGISTRY_PROGRAM`, else what `infra/lib/registry.sh` would take.
fn program() -> PathBuf {
    let variable = |name: &str| env::var_os(name).map(PathBuf::from);
    if let Some(program) = variable("ACRE_TEST_REGISTRY_PROGRAM") {
        return program;
    }
    let state = || {
        Some(variable("XDG_STATE_HOME").or_else(|| Some(variable("HOME")?.join(".local/state")))?.join("acre-infra"))
    };
    let unpacked = variable("ACRE_INFRA_STATE").or_else(state).map(|state| state.join("registry-package"));
    let packages = unpacked.and_then(|folder| std::fs::read_dir(folder).ok()).into_iter().flatten().flatten();
    let mut programs = packages.map(|package| package.path().join("usr/bin/docker-registry"));
    programs.find(|program| program.is_file()).unwrap_or_else(|| "docker-registry".into())
}

/// Everything but the right login is refused for good, by name and without the password.
fn is_refused(error: &EngineError, reference: &Reference) {
    assert!(matches!(error, EngineError::RegistryRefused { .. } | EngineError::NotPullable { .. }), "{error:?}");
    let text = error.to_string();
    for part in [reference.registry().unwrap(), &reference.full_repository(), "401", "acre login"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(!text.contains(PASSWORD) && !error.may_pass(), "{text}");
}

pub(crate) async fn a_registry_with_passwords_takes_and_gives_to_who_has_one(bed: &Bed) {
    let registry = Private::start();
    let reference: Reference = format!("{}/acre-test/{}:1", registry.address, unique("private")).parse().unwrap();
    make(bed, &reference).await;
    let right = logins(&registry.address, PASSWORD);
    let wrong = [Logins::default(), logins(&registry.address, "wrong")];

    for wrong in &wrong {
        is_refused(&failed(bed.runtime().push(&reference, wrong, &deaf()).await), &reference);
    }
    bed.runtime().push(&reference, &right, &deaf()).await.unwrap();

    for wrong in &wrong {
        is_refused(&failed(bed.runtime().pull(&reference, None, wrong, &deaf()).await), &reference);
    }
    bed.runtime().pull(&reference, None, &right, &deaf()).await.unwrap();
    let missing: Reference = format!("{}:missing", reference.name()).parse().unwrap();
    let error = failed(bed.runtime().pull(&missing, None, &right, &deaf()).await).to_string();
    assert!(error.contains(&missing.to_string()) && !error.contains("acre login"), "{error}");

    let builders: [Box<dyn Builder>; 2] =
        [Box::new(BuildKit::new(bed.docker.clone())), Box::new(Classic::new(bed.docker.clone()))];
    for builder in &builders {
        let mut request = request(bed, &format!("FROM {reference}\nRUN true\n"), Folder::default());
        request.build.pull = true;
        for wrong in &wrong {
            request.logins = wrong.clone();
            is_refused(&failed(builder.build(&request, &deaf()).await), &reference);
        }
        request.logins = right.clone();
        built(bed, &**builder, &request).await;
    }
}
