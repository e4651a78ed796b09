//! Task texts for runs without a task file: what `acre build` and `acre run --cmd` submit.

use std::fmt::Write;

/// The name of the text of [`cmd_task`], for messages.
pub const CMD: &str = "--cmd";
/// The name of the text of [`build_task`], for messages.
pub const BUILD: &str = "acre build";
/// With which these texts begin.
pub(crate) const HEAD: &str = "version: v1.0.0\n";
/// With which the text of a single command begins.
pub(crate) const CMD_HEAD: &str = "version: v1.0.0\nsteps:\n  - cmd: ";

/// What `acre build` was asked for (task language §13), as far as the task's text says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BuildRequest {
    /// `-t`: names of the image; templates such as `img:{{.Run.ID}}` are left to the rendering.
    pub images: Vec<String>,
    /// Put in front of names without a registry: `host[:port][/path]`.
    pub registry: Option<String>,
    /// `-f`, relative to the root of the source.
    pub dockerfile: Option<String>,
    /// `--build-arg K=V`, in order.
    pub build_args: Vec<String>,
    /// `--label K=V`, in order.
    pub labels: Vec<String>,
    /// `--secret`: ids, each declared as a secret of the task, whose value comes with the submission.
    pub secrets: Vec<String>,
    /// `--ssh`: ids of keys, each declared as the secret [`ssh_secret`] gives.
    pub ssh: Vec<String>,
    /// `--target`.
    pub target: Option<String>,
    /// `--no-cache`.
    pub no_cache: bool,
    /// `--pull`.
    pub pull: bool,
    /// Whether a push step follows.
    pub push: bool,
    /// Limit of the build, in seconds.
    pub build_timeout: u64,
    /// Limit of the push, in seconds.
    pub push_timeout: u64,
}

impl Default for BuildRequest {
    fn default() -> Self {
        Self {
            images: Vec::new(),
            registry: None,
            dockerfile: None,
            build_args: Vec::new(),
            labels: Vec::new(),
            secrets: Vec::new(),
            ssh: Vec::new(),
            target: None,
            no_cache: false,
            pull: false,
            push: false,
            // Task language §13.
            build_timeout: 28_800,
            push_timeout: 3_600,
        }
    }
}

/// The task of a build: one `build` step, and a `push` step if asked for and there is a name.
pub fn build_task(request: &BuildRequest) -> String {
    let images: Vec<String> = request.images.iter().map(|image| named(image, request.registry.as_deref())).collect();
    let mut words: Vec<String> = Vec::new();
    let mut flag = |flag: &str, value: &str| words.extend([flag.to_owned(), quoted(value)]);
    images.iter().for_each(|image| flag("-t", image));
    request.dockerfile.iter().for_each(|file| flag("-f", file));
    request.build_args.iter().for_each(|argument| flag("--build-arg", argument));
    request.labels.iter().for_each(|label| flag("--label", label));
    request.secrets.iter().for_each(|id| flag("--secret", &format!("id={id}")));
    request.ssh.iter().for_each(|id| flag("--ssh", &format!("{id}={}", ssh_secret(id))));
    request.target.iter().for_each(|target| flag("--target", target));
    words.extend(request.no_cache.then(|| "--no-cache".to_owned()));
    words.extend(request.pull.then(|| "--pull".to_owned()));
    words.push(".".to_owned());
    let mut text = String::from(HEAD);
    let secrets: Vec<String> =
        request.secrets.iter().cloned().chain(request.ssh.iter().map(|id| ssh_secret(id))).collect();
    // Writing to a string does not fail.
    if !secrets.is_empty() {
        text.push_str("secrets:\n");
    }
    for id in &secrets {
        let _ = writeln!(text, "  - id: {}", scalar(id, 4));
    }
    text.push_str("steps:\n");
    let _ = write!(
        text,
        "  - id: build\n    build: {}\n    timeout: {}\n",
        scalar(&words.join(" "), 4),
        request.build_timeout
    );
    if request.push && !images.is_empty() {
        text.push_str("  - id: push\n    push:\n");
        for image in &images {
            let _ = writeln!(text, "      - {}", scalar(image, 6));
        }
        let _ = writeln!(text, "    timeout: {}", request.push_timeout);
    }
    text
}

/// The id of the secret that holds an ssh key: in front, so that `--ssh x` and `--secret id=x` are two.
pub fn ssh_secret(id: &str) -> String {
    format!("ssh.{id}")
}

/// The task of a single command.
pub fn cmd_task(cmd: &str) -> String {
    format!("{CMD_HEAD}{}\n", scalar(cmd, 4))
}

/// The name with the registry in front, if it has none. What is a registry follows [`acre_model::reference`]; a
/// template before the first `/` may be one, and is left alone.
fn named(image: &str, registry: Option<&str>) -> String {
    let first = image.split_once('/').map(|(first, _)| first);
    let has_registry = first.is_some_and(|first| {
        first.contains(['.', ':', '{']) || first == "localhost" || first.bytes().any(|b| b.is_ascii_uppercase())
    });
    match registry {
        Some(registry) if !has_registry => format!("{registry}/{image}"),
        _ => image.to_owned(),
    }
}

/// A word in single quotes, unless it needs none; `{{`, `}}` and what is between stay as they are.
fn quoted(word: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"_-./:=@,+%{}".contains(&b);
    if !word.is_empty() && word.bytes().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

/// A text as a literal block below a key or item that is indented by `indent` (YAML 1.2, 8.1.2): nothing in it needs
/// an escape, neither here nor in what its templates render to. Characters that a block cannot hold, a carriage return
/// among them, are escaped in quotes (YAML 1.2, 5.7); there no template could be.
fn scalar(text: &str, indent: usize) -> String {
    if text.contains(|c: char| c.is_control() && c != '\n' && c != '\t') && !text.contains("{{") {
        return escaped(text);
    }
    let margin = " ".repeat(indent + 2);
    let lines: Vec<String> = text.lines().map(|line| format!("{margin}{line}")).collect();
    format!("|2-\n{}", lines.join("\n"))
}

fn escaped(text: &str) -> String {
    let mut out = String::from('"');
    for character in text.chars() {
        match character {
            '"' | '\\' => out.extend(['\\', character]),
            other if other.is_control() => out.push_str(&format!("\\u{:04x}", u32::from(other))),
            other => out.push(other),
        }
    }
    out + "\""
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_build_becomes_a_build_and_a_push() {
        let request = BuildRequest {
            images: vec!["img:{{.Run.ID}}".to_owned(), "other.example/x:1".to_owned()],
            registry: Some("r.example/team".to_owned()),
            build_args: vec!["A=it's \"x\"".to_owned()],
            push: true,
            ..BuildRequest::default()
        };
        let expected = concat!(
            "version: v1.0.0\nsteps:\n  - id: build\n    build: |2-\n",
            "      -t r.example/team/img:{{.Run.ID}} -t other.example/x:1 --build-arg 'A=it'\\''s \"x\"' .\n",
            "    timeout: 28800\n  - id: push\n    push:\n",
            "      - |2-\n        r.example/team/img:{{.Run.ID}}\n      - |2-\n        other.example/x:1\n    timeout: 3600\n",
        );
        assert_eq!(build_task(&request), expected);
    }

    #[test]
    fn control_characters_are_escaped() {
        let table = [
            ("i \"a\r\nb\"", "version: v1.0.0\nsteps:\n  - cmd: \"i \\\"a\\u000d\\u000ab\\\"\"\n"),
            ("i a\nb", "version: v1.0.0\nsteps:\n  - cmd: |2-\n      i a\n      b\n"),
        ];
        for (text, expected) in table {
            assert_eq!(cmd_task(text), expected);
        }
    }

    #[test]
    fn secrets_of_a_build_are_declared() {
        let request = BuildRequest {
            secrets: vec!["npm".to_owned()],
            ssh: vec!["default".to_owned()],
            ..BuildRequest::default()
        };
        let expected = concat!(
            "version: v1.0.0\nsecrets:\n  - id: |2-\n      npm\n  - id: |2-\n      ssh.default\n",
            "steps:\n  - id: build\n    build: |2-\n      --secret id=npm --ssh default=ssh.default .\n    timeout: 28800\n",
        );
        assert_eq!(build_task(&request), expected);
    }
}
