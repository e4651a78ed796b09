//! The text of a `build` step: the arguments of `docker build` (Docker CLI reference, `docker buildx build`).

use super::{BadFlag, Spec, not_yet, read, refused, switch, value, values};
use crate::{address, paths};
use acre_model::{
    plan::{Build, Context},
    platform::Platform,
    text::clip,
};

#[derive(Clone, Copy)]
enum Kind {
    Tag,
    File,
    Argument,
    Target,
    Platform,
    NoCache,
    Pull,
    Label,
    AddHost,
    Network,
    ShmSize,
    Isolation,
    /// Says how a terminal or a local engine should behave; acre has neither.
    Nothing,
}

const FLAGS: &[Spec<Kind>] = &[
    value("tag", Some('t'), Kind::Tag),
    value("file", Some('f'), Kind::File),
    value("build-arg", None, Kind::Argument),
    value("target", None, Kind::Target),
    value("platform", None, Kind::Platform),
    switch("no-cache", None, Kind::NoCache),
    switch("pull", None, Kind::Pull),
    value("label", None, Kind::Label),
    value("add-host", None, Kind::AddHost),
    value("network", None, Kind::Network),
    value("shm-size", None, Kind::ShmSize),
    value("isolation", None, Kind::Isolation),
    value("progress", None, Kind::Nothing),
    switch("rm", None, Kind::Nothing),
    switch("force-rm", None, Kind::Nothing),
    switch("quiet", Some('q'), Kind::Nothing),
    not_yet("secret", Kind::Nothing),
    not_yet("ssh", Kind::Nothing),
    not_yet("cache-from", Kind::Nothing),
    not_yet("cache-to", Kind::Nothing),
    not_yet("iidfile", Kind::Nothing),
    refused("squash", "squashing is an experiment of the old builder; use stages", Kind::Nothing),
    refused("push", "write a `push` step after this one", Kind::Nothing),
    refused("load", "the image stays on the engine for the steps that need it", Kind::Nothing),
];

/// What a `build` step's text says.
#[derive(Debug)]
pub(crate) struct BuildText {
    /// The build; its context is a folder of the tree, its dependencies are not known yet.
    pub(crate) build: Build,
    /// Platforms of `--platform`.
    pub(crate) platforms: Vec<Platform>,
    /// Things to tell the author.
    pub(crate) warnings: Vec<String>,
}

/// Reads the words of a `build` step. `folder` is the step's working directory below the root of the tree, and `env`
/// the step's variables, of which a `--build-arg NAME` without a value takes its value, as in `docker build`.
pub(crate) fn parse(words: &[String], folder: &str, env: &[(String, String)]) -> Result<BuildText, Vec<BadFlag>> {
    let read = read("build", FLAGS, words, false);
    let mut faults = read.faults;
    let mut text = BuildText { build: empty(), platforms: Vec::new(), warnings: Vec::new() };
    let mut file = None;
    for given in read.given {
        if let Kind::File = given.kind {
            file = Some(given.value);
        } else if let Err(fault) = take(&mut text, given.kind, &given.flag, given.value, env) {
            faults.push(fault);
        }
    }
    match place(&read.others, folder, file.as_deref()) {
        Ok((context, dockerfile)) => {
            text.build.context = Context::Tree(context);
            text.build.dockerfile = dockerfile;
        }
        Err(fault) => faults.push(fault),
    }
    if faults.is_empty() { Ok(text) } else { Err(faults) }
}

fn empty() -> Build {
    Build {
        context: Context::Tree(String::new()),
        dockerfile: String::new(),
        tags: Vec::new(),
        arguments: Vec::new(),
        labels: Vec::new(),
        target: None,
        no_cache: false,
        pull: false,
        add_hosts: Vec::new(),
        network: None,
        shm_size: None,
        secrets: Vec::new(),
        ssh: Vec::new(),
        cache_from: Vec::new(),
        cache_to: Vec::new(),
        dependencies: None,
    }
}

fn take(text: &mut BuildText, kind: Kind, flag: &str, given: String, env: &[(String, String)]) -> Result<(), BadFlag> {
    let build = &mut text.build;
    match kind {
        Kind::File | Kind::Nothing => {}
        Kind::Tag => build.tags.push(values::parsed(flag, &given)?),
        Kind::Argument => {
            let (name, value) = values::flag_pair(flag, &given)?;
            check_argument(flag, &name, &mut text.warnings)?;
            let known = || env.iter().find(|(known, _)| *known == name).map(|(_, value)| value.clone());
            if let Some(value) = value.or_else(known) {
                build.arguments.push((name, value));
            }
        }
        Kind::Target => build.target = Some(given),
        Kind::Platform => text.platforms.extend(values::platforms(flag, &given)?),
        Kind::NoCache => build.no_cache = values::switch(flag, &given)?,
        Kind::Pull => build.pull = values::switch(flag, &given)?,
        Kind::Label => {
            let (name, value) = values::flag_pair(flag, &given)?;
            build.labels.push((name, value.unwrap_or_default()));
        }
        Kind::AddHost => build.add_hosts.push(values::host(flag, &given)?),
        Kind::Network => match given.as_str() {
            "none" | "default" => build.network = Some(given),
            other => return Err(values::bad(flag)(format!("`{}` is not taken; write none or default", clip(other)))),
        },
        Kind::ShmSize => build.shm_size = Some(values::bytes(flag, &given)?),
        Kind::Isolation if given == "default" => {}
        Kind::Isolation => return Err(BadFlag::NotYet(format!("{flag} {}", clip(&given)))),
    }
    Ok(())
}

/// Words in the name of a build argument that speak of a secret.
const SECRET_WORDS: [&str; 6] = ["PASSWORD", "PASSWD", "SECRET", "TOKEN", "APIKEY", "PRIVATE_KEY"];

fn check_argument(flag: &str, name: &str, warnings: &mut Vec<String>) -> Result<(), BadFlag> {
    let upper = name.to_ascii_uppercase();
    if upper == "BUILDKIT_SYNTAX" {
        return Err(values::bad(flag)(
            "BUILDKIT_SYNTAX would choose the program that builds, and is not allowed".to_owned(),
        ));
    }
    if SECRET_WORDS.iter().any(|word| upper.contains(word)) {
        let name = clip(name);
        warnings
            .push(format!("the build argument `{name}` looks like a secret, and an image's history keeps arguments"));
    }
    Ok(())
}

/// The context's folder and the Dockerfile, both relative to the root of the tree.
fn place(others: &[String], folder: &str, file: Option<&str>) -> Result<(String, String), BadFlag> {
    let context = match others {
        [] => ".",
        [context] => context,
        [_, second, ..] => {
            let second = clip(second);
            return Err(BadFlag::Words(format!(
                "`build` takes one context, and `{second}` is a second; put quotes around what belongs together"
            )));
        }
    };
    if context == "-" {
        return Err(BadFlag::Words(
            "the context `-` is standard input, which a step does not have; write a folder".to_owned(),
        ));
    }
    if address::is_git_address(context) || context.contains("://") {
        return Err(BadFlag::Words(format!(
            "the context `{}` is an address, which is not supported yet; give the address to the run",
            clip(&address::shown(context))
        )));
    }
    let folder_of = |path: &str| paths::below_workspace(folder, path).map_err(|why| BadFlag::Words(why.to_string()));
    let context = folder_of(context)?;
    let dockerfile = match file {
        None => paths::join(&context, "Dockerfile"),
        Some("-") => {
            return Err(BadFlag::Words(
                "`-f -` is standard input, which a step does not have; write a file".to_owned(),
            ));
        }
        Some(file) => folder_of(file)?,
    };
    Ok((context, dockerfile))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words;

    fn built(text: &str) -> Result<BuildText, String> {
        let env = [("FROM_ENV".to_owned(), "e".to_owned())];
        let join = |faults: Vec<BadFlag>| faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
        parse(&words::split(text).unwrap(), "", &env).map_err(join)
    }

    #[test]
    fn contexts_and_dockerfiles_find_each_other() {
        let table = [
            ("", "", "Dockerfile"),
            ("-t a .", "", "Dockerfile"),
            ("./funcTests -t a", "funcTests", "funcTests/Dockerfile"),
            ("-f docker/a.Dockerfile ./x/", "x", "docker/a.Dockerfile"),
            ("--file=./D x/../y", "y", "D"),
            ("-fD /workspace/z", "z", "D"),
        ];
        for (text, context, dockerfile) in table {
            let build = built(text).unwrap().build;
            assert_eq!(
                (build.context, build.dockerfile.as_str()),
                (Context::Tree(context.to_owned()), dockerfile),
                "{text}"
            );
        }
    }

    #[test]
    fn flags_are_taken_in_either_form() {
        let text = "-t a:1 --tag=b --build-arg K=V --build-arg FROM_ENV --build-arg NOT_SET --label=l=1 --target x \
                    --platform linux/amd64,linux/arm64 --no-cache --pull=false --add-host h:1.2.3.4 --shm-size 64m --network none .";
        let text = built(text).unwrap();
        let build = text.build;
        assert_eq!(build.tags.iter().map(ToString::to_string).collect::<Vec<_>>(), ["a:1", "b"]);
        assert_eq!(build.arguments, [("K".to_owned(), "V".to_owned()), ("FROM_ENV".to_owned(), "e".to_owned())]);
        assert_eq!((build.no_cache, build.pull, build.shm_size), (true, false, Some(64 << 20)));
        assert_eq!(text.platforms.len(), 2);
    }

    #[test]
    fn what_a_build_does_not_take_is_named() {
        let table = [
            ("--tagg a .", "`--tagg` is not a flag that build takes, did you mean `tag`?"),
            (". x", "`x` is a second"),
            ("-t", "`-t` needs a value"),
            ("-t Hello .", "a repository is made of"),
            ("-f ../../../etc/passwd .", "leaves the source tree"),
            ("../x", "leaves the source tree"),
            ("/etc", "not below /workspace"),
            ("--secret id=x .", "`--secret` is not supported yet"),
            ("--push .", "write a `push` step"),
            ("--build-arg =x .", "has no name before `=`"),
            ("--build-arg BUILDKIT_SYNTAX=x .", "not allowed"),
            ("--platform linux .", "is not a platform"),
            ("--network host .", "write none or default"),
            ("https://h/r.git#main", "not supported yet"),
            ("-", "standard input"),
        ];
        for (text, expected) in table {
            let found = built(text).unwrap_err();
            assert!(found.contains(expected), "{text}: {found}");
        }
    }
}
