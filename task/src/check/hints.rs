//! What a published task file does with Docker's own command, and what a task writes instead: no shell of the host
//! reads a step's text, and the engine's socket is given only where the agent's policy says so.

/// Subcommands of `docker`, and what to write instead.
const INSTEAD: [(&str, &str); 9] = [
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
];

/// A use of Docker's command in a text: the subcommand, and what to write instead.
pub(super) fn docker(text: &str) -> Option<(&'static str, &'static str)> {
    let mut words = text.split(|c: char| c.is_whitespace() || "|;&()'\"`".contains(c)).filter(|word| !word.is_empty());
    while let Some(word) = words.next() {
        if word == "docker" || word.ends_with("/docker") {
            // Flags before the subcommand belong to `docker` itself.
            let subcommand = words.by_ref().find(|word| !word.starts_with('-'))?;
            let known = INSTEAD.iter().find(|(name, _)| *name == subcommand);
            if let Some((name, instead)) = known {
                return Some((name, instead));
            }
        }
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
