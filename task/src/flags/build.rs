//! The text of a `build` step: the arguments of `docker build` (Docker CLI reference, `docker buildx build`).

use super::{BadFlag, Spec, Takes, read, refused, refused_value, switch, value, values};
use crate::{address, names::Names, paths};
use acre_model::{
    plan::{Build, Context, Fetch},
    platform::Platform,
    reference::Reference,
    secret,
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
    Secret,
    Ssh,
    CacheFrom,
    CacheTo,
    /// Something that ACR's files carry and acre has no place for: a warning.
    Useless,
    /// Says how a terminal or a local engine should behave; acre has neither.
    Nothing,
}

const OUTPUT: &str = "the image stays on the engine; keep files of a step with `artifacts`";

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
    value("secret", None, Kind::Secret),
    value("ssh", None, Kind::Ssh),
    value("cache-from", None, Kind::CacheFrom),
    value("cache-to", None, Kind::CacheTo),
    value("iidfile", None, Kind::Useless),
    switch("squash", None, Kind::Useless),
    refused("push", "write a `push` step after this one", Kind::Nothing),
    Spec { long: "output", short: Some('o'), takes: Takes::RefusedValue(OUTPUT), kind: Kind::Nothing },
    refused_value("build-context", "name the image in the Dockerfile: `COPY --from=IMAGE`", Kind::Nothing),
    refused_value("memory", "a build has the memory of its engine; leave it out", Kind::Nothing),
    refused_value("ulimit", "a build has the limits of its engine; leave it out", Kind::Nothing),
    refused("load", "the image stays on the engine for the steps that need it", Kind::Nothing),
];

/// What a `build` step's text says.
#[derive(Debug)]
pub(crate) struct BuildText {
    /// The build; its context is a folder of the tree or nothing, its dependencies are not known yet.
    pub(crate) build: Build,
    /// Where its context comes from, if that is an address.
    pub(crate) fetch: Option<Fetch>,
    /// Platforms of `--platform`.
    pub(crate) platforms: Vec<Platform>,
    /// Things to tell the author, and what to do about them.
    pub(crate) warnings: Vec<(String, &'static str)>,
}

/// What a step's text is read in.
pub(crate) struct Around<'a> {
    /// The step's working directory below the root of the tree.
    pub(crate) folder: &'a str,
    /// The step's variables: a `--build-arg NAME` without a value takes its value of them, as in `docker build`.
    pub(crate) env: &'a [(String, String)],
    /// Volumes of the step and where they are mounted: `--secret id=x,src=PATH` takes its file of them.
    pub(crate) mounts: &'a [(String, String)],
    /// What the task declares.
    pub(crate) names: &'a Names,
}

/// Reads the words of a `build` step.
pub(crate) fn parse(words: &[String], around: &Around<'_>) -> Result<BuildText, Vec<BadFlag>> {
    let read = read("build", FLAGS, words, false);
    let mut faults = read.faults;
    let mut text = BuildText { build: Build::default(), fetch: None, platforms: Vec::new(), warnings: Vec::new() };
    let flags_are_wrong = !faults.is_empty();
    let mut file = None;
    for given in read.given {
        if let Kind::File = given.kind {
            faults.extend(values::without_secret(&given.flag, &given.value).err());
            file = Some(given.value);
        } else if let Err(fault) = take(&mut text, given.kind, &given.flag, given.value, around) {
            faults.push(fault);
        }
    }
    match place(&read.others, around.folder, file.as_deref()) {
        Ok(Place { context, dockerfile, fetch }) => {
            (text.build.context, text.build.dockerfile, text.fetch) = (context, dockerfile, fetch);
        }
        // What follows a wrong flag may be its value, and not a context.
        Err(_) if flags_are_wrong => {}
        Err(fault) => faults.push(fault),
    }
    if faults.is_empty() { Ok(text) } else { Err(faults) }
}

fn take(text: &mut BuildText, kind: Kind, flag: &str, given: String, around: &Around<'_>) -> Result<(), BadFlag> {
    let build = &mut text.build;
    if !matches!(kind, Kind::Argument) {
        values::without_secret(flag, &given)?;
    }
    match kind {
        Kind::File | Kind::Nothing => {}
        Kind::Useless => text.warnings.push((format!("`{flag}` has no effect"), "leave it out")),
        Kind::Secret => build.secrets.push(secret(flag, &given, around)?),
        Kind::Ssh => build.ssh.push(ssh(flag, &given, around.names)?),
        Kind::CacheFrom => build.cache_from.push(cache(flag, &given, &["registry"])?),
        Kind::CacheTo => build.cache_to.push(cache(flag, &given, &["inline", "registry"])?),
        Kind::Tag => build.tags.push(values::parsed(flag, &given)?),
        Kind::Argument => {
            let (name, value) = values::flag_pair(flag, &given)?;
            let held = value.as_deref().is_some_and(secret::may_hold_tokens);
            check_argument(flag, &name, held, &mut text.warnings)?;
            let known = || around.env.iter().find(|(known, _)| *known == name).map(|(_, value)| value.clone());
            if let Some(value) = value.or_else(known) {
                build.arguments.push((name, value));
            }
        }
        Kind::Target => build.target = Some(given),
        Kind::Platform => values::platforms(flag, &given, &mut text.platforms)?,
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
        Kind::Isolation => match given.as_str() {
            "default" => {}
            "process" | "hyperv" => {
                let why = format!("a build runs under the engine's own isolation, not under `{given}`; write default");
                return Err(values::bad(flag)(why));
            }
            other => return Err(values::bad(flag)(format!("`{}` is not taken; write default", clip(other)))),
        },
    }
    Ok(())
}

/// `id=ID` of a declared secret, or `id=NAME,src=PATH` of a file in a mounted volume: the name in the Dockerfile, and a
/// text with its token.
fn secret(flag: &str, given: &str, around: &Around<'_>) -> Result<(String, String), BadFlag> {
    let bad = values::bad(flag);
    let (mut id, mut path) = (None, None);
    for part in given.split(',') {
        match part.split_once('=') {
            Some(("id", value)) if !value.is_empty() => id = Some(value),
            Some(("src" | "source", value)) => path = Some(value),
            Some(("type", "file")) => {}
            Some(("env", _) | ("type", "env")) => {
                let why = "a step sees no variable of another machine; declare the secret under `secrets` with `from: env:NAME`, and write `--secret id=ID`";
                return Err(bad(why.to_owned()));
            }
            _ => return Err(bad(format!("`{}` is not `id=ID`", clip(given)))),
        }
    }
    let id = id.ok_or_else(|| bad("it has no `id=ID`".to_owned()))?;
    let content = match path {
        Some(path) => around.names.mounted_file(around.mounts, path),
        None => around.names.secret(id),
    };
    Ok((id.to_owned(), content.map_err(bad)?))
}

/// `ID` or `NAME=ID`: the name in the Dockerfile, and the token of a private key.
fn ssh(flag: &str, given: &str, names: &Names) -> Result<(String, String), BadFlag> {
    let (name, id) = given.split_once('=').unwrap_or((given, given));
    if name.is_empty() || id.contains(['/', ',', '$']) {
        let why = "a step has no agent or key of another machine; declare the key under `secrets`, and write `--ssh ID` or `--ssh default=ID`";
        return Err(values::bad(flag)(why.to_owned()));
    }
    Ok((name.to_owned(), names.secret(id).map_err(values::bad(flag))?))
}

/// `type=registry,ref=…`, or a reference alone, which means the same.
fn cache(flag: &str, given: &str, kinds: &[&str]) -> Result<String, BadFlag> {
    let bad = values::bad(flag);
    let wanted = || {
        let others = if kinds.contains(&"inline") { "type=inline, " } else { "" };
        format!("write {others}type=registry,ref=IMAGE, or IMAGE")
    };
    if !given.contains('=') {
        return values::parsed::<Reference>(flag, given).map(|reference| match kinds {
            ["registry"] => reference.to_string(),
            _ => format!("type=registry,ref={reference}"),
        });
    }
    let (mut kind, mut reference) = ("", None);
    for part in given.split(',') {
        match part.split_once('=') {
            Some(("type", value)) if kinds.contains(&value) => kind = value,
            Some(("type", value)) => {
                return Err(bad(format!("caches of type `{}` are not kept; {}", clip(value), wanted())));
            }
            Some(("ref", value)) => reference = Some(values::parsed::<Reference>(flag, value)?),
            Some(("mode", "min" | "max")) => {}
            _ => return Err(bad(format!("`{}` is not taken; {}", clip(part), wanted()))),
        }
    }
    match (kind, reference) {
        ("inline", None) | ("registry", Some(_)) => Ok(given.to_owned()),
        _ => Err(bad(format!("`{}` is not complete; {}", clip(given), wanted()))),
    }
}

/// What names of build arguments hold that speak of a secret, without `_`.
const SECRET_WORDS: [&str; 8] =
    ["PASSWORD", "PASSWD", "SECRET", "TOKEN", "APIKEY", "PRIVATEKEY", "ACCESSKEY", "CREDENTIAL"];

/// Whether the name of a build argument, in upper case, speaks of a secret.
fn sounds_secret(upper: &str) -> bool {
    let joined = upper.replace(['_', '-'], "");
    SECRET_WORDS.iter().any(|word| joined.contains(word)) || upper.split(['_', '-']).any(|part| part == "AUTH")
}

fn check_argument(
    flag: &str,
    name: &str,
    holds_secret: bool,
    warnings: &mut Vec<(String, &'static str)>,
) -> Result<(), BadFlag> {
    values::without_secret(flag, name)?;
    let upper = name.to_ascii_uppercase();
    if upper == "BUILDKIT_SYNTAX" {
        return Err(values::bad(flag)(
            "BUILDKIT_SYNTAX would choose the program that builds, and is not allowed".to_owned(),
        ));
    }
    let name = clip(name);
    let help = "mount it as a secret: `--secret id=ID`, and `RUN --mount=type=secret,id=ID` in the Dockerfile";
    if holds_secret {
        let message = format!("the build argument `{name}` holds a secret, and an image's history keeps arguments");
        warnings.push((message, help));
    } else if sounds_secret(&upper) {
        let message =
            format!("the build argument `{name}` looks like a secret, and an image's history keeps arguments");
        warnings.push((message, help));
    }
    Ok(())
}

/// Where a build's files are.
struct Place {
    context: Context,
    /// Relative to the root of the tree.
    dockerfile: String,
    fetch: Option<Fetch>,
}

fn place(others: &[String], folder: &str, file: Option<&str>) -> Result<Place, BadFlag> {
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
    values::without_secret("the context", context)?;
    if context == "-" {
        return Err(BadFlag::Words(
            "the context `-` is standard input, which a step does not have; write a folder".to_owned(),
        ));
    }
    let below =
        |folder: &str, path: &str| paths::below_workspace(folder, path).map_err(|why| BadFlag::Words(why.to_string()));
    if address::is_address(context) {
        let fetch = address::parse(context).map_err(|why| BadFlag::Words(format!("the context {why}")))?;
        // As Docker has it: the Dockerfile is looked up in what is fetched.
        let dockerfile = file.map_or_else(|| Ok("Dockerfile".to_owned()), |file| below("", file))?;
        return Ok(Place { context: Context::Empty, dockerfile, fetch: Some(fetch) });
    }
    let folder_of = |path: &str| below(folder, path);
    if context == "/dev/null" {
        let dockerfile = folder_of(file.unwrap_or("Dockerfile"))?;
        return Ok(Place { context: Context::Empty, dockerfile, fetch: None });
    }
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
    Ok(Place { context: Context::Tree(context), dockerfile, fetch: None })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words;

    fn built(text: &str) -> Result<BuildText, String> {
        let env = [("FROM_ENV".to_owned(), "e".to_owned())];
        let join = |faults: Vec<BadFlag>| faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
        let names = Names { secrets: ["s".parse().unwrap()].into(), ..Names::default() };
        parse(&words::split(text).unwrap(), &Around { folder: "", env: &env, mounts: &[], names: &names }).map_err(join)
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
    fn names_that_sound_secret_are_warned_of() {
        for name in ["API_KEY", "DB_CREDENTIALS", "NPM_AUTH", "ACCESS_KEY", "AWS_SECRET_ACCESS_KEY", "private-key"] {
            assert_eq!(built(&format!("--build-arg {name}=x .")).unwrap().warnings.len(), 1, "{name}");
        }
        for name in ["AUTHOR", "KEY", "ACCESS", "VERSION"] {
            assert_eq!(built(&format!("--build-arg {name}=x .")).unwrap().warnings, [], "{name}");
        }
        assert_eq!(built("--platform linux/arm64,linux/aarch64 .").unwrap().platforms.len(), 1);
    }

    #[test]
    fn a_wrong_flag_is_all_that_is_told() {
        let table = [
            ("--ulimit n=1 .", "`--ulimit` is not taken here: a build has the limits of its engine; leave it out"),
            ("--gpus all .", "`--gpus` is not a flag that build takes"),
            (
                "-o type=local,dest=x .",
                "`-o` is not taken here: the image stays on the engine; keep files of a step with `artifacts`",
            ),
        ];
        for (text, expected) in table {
            assert_eq!(built(text).unwrap_err(), expected, "{text}");
        }
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
            ("--secret id=x .", "`x` is not a secret of this task"),
            ("--secret id=s,src=/etc/passwd .", "not in a mounted volume"),
            ("--secret id=s,env=HOME .", "from: env:NAME"),
            ("--secret src=/x .", "it has no `id=ID`"),
            ("--ssh default=/home/u/.ssh/id .", "declare the key under `secrets`"),
            ("--ssh default .", "`default` is not a secret"),
            ("--cache-from type=gha .", "are not kept"),
            ("--cache-to type=registry .", "is not complete"),
            ("--cache-to type=inline,ref=a .", "is not complete"),
            ("--cache-from A .", "a repository is made of"),
            ("--isolation hyperv .", "the engine's own isolation"),
            ("--push .", "write a `push` step"),
            ("--build-arg =x .", "has no name before `=`"),
            ("--build-arg BUILDKIT_SYNTAX=x .", "not allowed"),
            ("--platform linux .", "is not a platform"),
            ("--network host .", "write none or default"),
            ("https://h/page", "neither a git repository"),
            ("--file ../x https://h/r.git", "leaves the source tree"),
            ("ext::sh", "sources are fetched from"),
            ("-", "standard input"),
        ];
        for (text, expected) in table {
            let found = built(text).unwrap_err();
            assert!(found.contains(expected), "{text}: {found}");
        }
    }
}
