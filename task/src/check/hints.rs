//! What a published task file does with Docker's own command, and what a task writes instead: no shell of the host
//! reads a step's text, and the engine's socket is given only where the agent's policy says so.

/// Subcommands of `docker`, and what to write instead.
const INSTEAD: [(&str, &str); 19] = [
    ("push", "write a step `push: [IMAGE]`; it needs neither Docker's command nor a login"),
    (
        "login",
        "run `acre login REGISTRY` once: steps push and pull with it, and `registryAuth: true` gives it to a step",
    ),
    (
        "manifest",
        "list the platforms (`build: --platform linux/amd64,linux/arm64 …`) and push: the image index is made of them",
    ),
    ("buildx", "write a step `build:`; it takes the flags of `docker buildx build`, `--platform` among them"),
    ("build", "write a step `build:` with the same arguments"),
    ("tag", "name the image once more with `-t` in its `build` step, and list it in `push`"),
    ("pull", "leave it out: a step's image is pulled when it is needed, or with `pull: true`"),
    ("run", "write a step `cmd:` with the arguments of `docker run`"),
    ("compose", "write the services as steps `cmd:` with `detach: true`; they find each other by step id"),
    ("inspect", NO_ENGINE),
    ("ps", NO_ENGINE),
    ("images", NO_ENGINE),
    ("logs", NO_ENGINE),
    ("exec", NO_ENGINE),
    ("cp", NO_ENGINE),
    ("rm", NO_ENGINE),
    ("stop", NO_ENGINE),
    ("save", NO_ENGINE),
    ("load", NO_ENGINE),
];

/// What to do about the rest of Docker's command.
pub(super) const NO_ENGINE: &str = "a step sees no engine: what images and containers became stands in the run's log, \
     report and artifacts";

/// Words after which a command begins.
const BEFORE: [&str; 9] = ["sudo", "exec", "time", "then", "do", "else", "!", "env", "xargs"];

/// A use of Docker's command in a text: the subcommand, and what to write instead.
pub(super) fn docker(text: &str) -> Option<(&'static str, &'static str)> {
    let mut parts = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '|' | ';' | '&' | '(' | ')' | '\'' | '"' | '`' | '\n' => parts.push_str(" ; "),
            other => parts.push(other),
        }
    }
    let mut words = parts.split_whitespace();
    let mut begins = true;
    while let Some(word) = words.next() {
        if begins && (word == "docker" || word.ends_with("/docker")) {
            // Flags before the subcommand belong to `docker` itself.
            let subcommand = words.by_ref().find(|word| !word.starts_with('-') && *word != ";")?;
            let known = INSTEAD.iter().find(|(name, _)| *name == subcommand);
            if let Some((name, instead)) = known {
                return Some((name, instead));
            }
        }
        begins = word == ";" || begins && word.contains('=') || BEFORE.contains(&word);
    }
    None
}

/// Whether an image is Docker's own command.
pub(super) fn is_docker(image: &str) -> bool {
    let repository = image.split(['@', ':']).next().unwrap_or_default();
    matches!(repository, "docker" | "library/docker" | "docker.io/docker" | "docker.io/library/docker")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uses_of_docker_are_found_in_any_text() {
        let table = [
            ("bash -c 'docker push r/x'", Some("push")),
            ("echo $P | docker login -u a --password-stdin r", Some("login")),
            ("/usr/bin/docker --debug manifest create x", Some("manifest")),
            ("bash -c \"docker version && docker buildx build .\"", Some("buildx")),
            ("docker-compose up", None),
            ("echo docker", None),
            ("docker version", None),
            ("sh -c 'cd x && A=1 docker ps -a'", Some("ps")),
            ("bash -c \"echo do not run docker build here\"", None),
        ];
        for (text, expected) in table {
            assert_eq!(docker(text).map(|(name, _)| name), expected, "{text}");
        }
        for image in ["docker", "docker:26-cli", "docker.io/library/docker@sha256:0"] {
            assert!(is_docker(image), "{image}");
        }
        assert!(!is_docker("r.example/docker:1"));
    }
}
