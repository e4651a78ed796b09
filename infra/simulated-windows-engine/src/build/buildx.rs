//! A build by docker-buildx on the real engine's BuildKit: contexts in, an OCI layout out.

use super::{Build, tell};
use crate::{Engine, answer::Saying, store::Image};
use acre_model::reference::Reference;
use std::{path::PathBuf, process::Stdio};
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::Command,
};

/// Runs it; the file with the layout, a tar.
pub(super) async fn run(
    engine: &Engine,
    build: &Build,
    bases: &[(Reference, Image)],
    say: &Saying,
) -> Result<PathBuf, String> {
    let layout = build.folder.path().join("image.tar");
    let mut child = command(engine, build, bases, &layout)
        .spawn()
        .map_err(|why| format!("{}: {why}", engine.arguments.buildx.display()))?;
    let mut told = Told::default();
    if let Some(stderr) = child.stderr.take() {
        let mut lines = BufReader::new(stderr).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            if let Some(text) = told.take(&line) {
                tell(say, text).await;
            }
        }
    }
    let ended = child.wait().await.map_err(|why| why.to_string())?;
    if ended.success() { Ok(layout) } else { Err(told.error) }
}

fn command(engine: &Engine, build: &Build, bases: &[(Reference, Image)], layout: &std::path::Path) -> Command {
    let (arguments, folder) = (&engine.arguments, build.folder.path());
    let mut command = Command::new(&arguments.buildx);
    command.env_clear().env("DOCKER_HOST", &arguments.builder).env("HOME", folder).env("DOCKER_CONFIG", folder);
    command.args(["build", "--builder", "default", "--platform", "windows/amd64", "--provenance=false"]);
    command.args(["--progress=plain", "--output", &format!("type=oci,dest={}", layout.display())]);
    command.arg("--file").arg(build.context().join(build.word("dockerfile")));
    for (reference, image) in bases {
        let place = format!("{reference}=oci-layout://{}@{}", engine.store.folder().display(), image.manifest);
        command.args(["--build-context", &place]);
    }
    for (flag, key) in [("--build-arg", "buildargs"), ("--label", "labels")] {
        for (name, value) in build.pairs(key) {
            command.args([flag, &format!("{name}={value}")]);
        }
    }
    if !build.word("target").is_empty() {
        command.args(["--target", build.word("target")]);
    }
    if !["", "0", "false"].contains(&build.word("nocache")) {
        command.arg("--no-cache");
    }
    command.arg(build.context());
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true);
    command
}

/// What buildx has said (`--progress=plain`).
#[derive(Debug, Default)]
struct Told {
    last: String,
    error: String,
}

impl Told {
    /// What a line means in the words of the builder of old: `#6 [stage 2/3] COPY a /` is its step 2 of 3.
    fn take(&mut self, line: &str) -> Option<String> {
        if let Some(error) = line.strip_prefix("ERROR: ") {
            self.error = error.strip_prefix("failed to solve: ").unwrap_or(error).to_owned();
            return None;
        }
        let rest = line.strip_prefix('#')?.split_once(' ')?.1.strip_prefix('[')?;
        let (place, step) = rest.split_once("] ")?;
        let place = place.rsplit(' ').next().filter(|place| place.contains('/'))?;
        let text = format!("Step {place} : {step}\n");
        (std::mem::replace(&mut self.last, text.clone()) != text).then_some(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_told_as_steps() {
        let table = [
            ("#6 [2/3] WORKDIR /app", Some("Step 2/3 : WORKDIR /app\n")),
            ("#6 [2/3] WORKDIR /app", None),
            ("#7 [build 1/1] COPY a b", Some("Step 1/1 : COPY a b\n")),
            ("#1 [internal] load build definition from Dockerfile", None),
            ("#6 DONE 0.3s", None),
            ("", None),
        ];
        let mut told = Told::default();
        for (line, expected) in table {
            assert_eq!(told.take(line).as_deref(), expected, "{line}");
        }
        assert_eq!(told.take("ERROR: failed to solve: no such file"), None);
        assert_eq!(told.error, "no such file");
    }
}
