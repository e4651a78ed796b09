//! The text of a `cmd` step: flags of `docker run` that have a meaning for a step, the image, and its arguments.

use super::{BadFlag, Spec, read, refused, refused_value, switch, value, values};
use crate::{
    names::{self, Names},
    paths, tokens,
};
use acre_model::{plan::Cmd, platform::Platform, secret, text::clip};

#[derive(Clone, Copy)]
enum Kind {
    Env,
    Volume,
    WorkingDirectory,
    User,
    Publish,
    Name,
    EntryPoint,
    Network,
    Platform,
    Cpus,
    Memory,
    ShmSize,
    Tmpfs,
    ReadOnly,
    Init,
    AddHost,
    Hostname,
    Label,
    Ulimit,
    CapDrop,
    Detach,
    Isolation,
    /// `--rm`, `-i`, `-t`: a step's container is always removed, and has no terminal.
    Nothing,
}

const FLAGS: &[Spec<Kind>] = &[
    value("env", Some('e'), Kind::Env),
    value("volume", Some('v'), Kind::Volume),
    value("workdir", Some('w'), Kind::WorkingDirectory),
    value("user", Some('u'), Kind::User),
    value("publish", Some('p'), Kind::Publish),
    value("name", None, Kind::Name),
    value("entrypoint", None, Kind::EntryPoint),
    value("network", None, Kind::Network),
    value("net", None, Kind::Network),
    value("platform", None, Kind::Platform),
    value("cpus", None, Kind::Cpus),
    value("memory", Some('m'), Kind::Memory),
    value("shm-size", None, Kind::ShmSize),
    value("tmpfs", None, Kind::Tmpfs),
    switch("read-only", None, Kind::ReadOnly),
    switch("init", None, Kind::Init),
    value("add-host", None, Kind::AddHost),
    value("hostname", Some('h'), Kind::Hostname),
    value("label", Some('l'), Kind::Label),
    value("ulimit", None, Kind::Ulimit),
    value("cap-drop", None, Kind::CapDrop),
    switch("rm", None, Kind::Nothing),
    switch("detach", Some('d'), Kind::Detach),
    value("isolation", None, Kind::Isolation),
    switch("interactive", Some('i'), Kind::Nothing),
    switch("tty", Some('t'), Kind::Nothing),
    refused("privileged", "write `privileged: true` in the step, where the agent's policy allows it", Kind::Nothing),
    refused_value("expose", "write `expose` in the step", Kind::Nothing),
    refused("pull", "write `pull: true` in the step", Kind::Nothing),
    refused_value("env-file", "write the variables in `env`", Kind::Nothing),
    refused_value("cap-add", "a step gets no capabilities beyond the engine's default", Kind::Nothing),
    refused_value("device", "a step gets no devices", Kind::Nothing),
    refused_value("mount", "write `-v name:path` for a named volume", Kind::Nothing),
    refused_value("security-opt", "a step keeps the engine's security options", Kind::Nothing),
];

/// What a `cmd` step's text says.
#[derive(Debug, Default)]
pub(crate) struct CmdText {
    /// The command; variables hold only those of the text.
    pub(crate) cmd: Cmd,
    /// Platforms of `--platform`.
    pub(crate) platforms: Vec<Platform>,
    /// Whether the text says which network, be it the run's own.
    pub(crate) names_network: bool,
}

/// Reads the words of a `cmd` step of a task that declares `names`.
pub(crate) fn parse(words: &[String], names: &Names) -> Result<CmdText, Vec<BadFlag>> {
    let read = read("cmd", FLAGS, words, true);
    let mut faults = read.faults;
    let mut text = CmdText { cmd: Cmd::default(), platforms: Vec::new(), names_network: false };
    for given in read.given {
        if let Err(fault) = take(&mut text, given.kind, &given.flag, given.value, names) {
            faults.push(fault);
        }
    }
    let mut others = read.others.into_iter();
    match others.next() {
        Some(image) if secret::may_hold_tokens(&image) => {
            faults.push(BadFlag::Words("a secret cannot stand in the image of `cmd`".to_owned()));
        }
        Some(image) => {
            faults.extend(check_image(&image).err());
            text.cmd.image = image;
        }
        // A wrong flag may have swallowed it.
        None if !faults.is_empty() => {}
        None => faults.push(BadFlag::Words("no image: `cmd` is `[flags] IMAGE [ARGUMENT...]`".to_owned())),
    }
    text.cmd.arguments = others.collect();
    if faults.is_empty() { Ok(text) } else { Err(faults) }
}

/// An image is a reference, or the id of one on the engine.
fn check_image(image: &str) -> Result<(), BadFlag> {
    let id =
        image.strip_prefix("sha256:").is_some_and(|id| id.len() == 64 && id.bytes().all(|b| b.is_ascii_hexdigit()));
    match image.parse::<acre_model::reference::Reference>() {
        Err(why) if !id => Err(BadFlag::Words(format!("the image of `cmd`: {why}"))),
        _ => Ok(()),
    }
}

fn take(text: &mut CmdText, kind: Kind, flag: &str, given: String, names: &Names) -> Result<(), BadFlag> {
    let cmd = &mut text.cmd;
    if !matches!(kind, Kind::Env) {
        values::without_secret(flag, &given)?;
    }
    match kind {
        Kind::Nothing => {}
        Kind::Env => match values::flag_pair(flag, &given)? {
            (name, _) if secret::may_hold_tokens(&name) => values::without_secret(flag, &name)?,
            (name, Some(value)) => {
                // The quotes of the text are gone already; those of a filter would be taken off by the words as well.
                cmd.env.push((name, tokens::unquoted(&value, &names.nonce).unwrap_or(value)));
            }
            (name, None) => {
                return Err(values::bad(flag)(format!(
                    "`{name}` has no value, and a step sees no other machine's variables; write {name}=VALUE"
                )));
            }
        },
        Kind::Volume if is_engine_socket(&given) => cmd.engine_socket = true,
        Kind::Volume => cmd.volumes.push(volume(flag, &given)?),
        Kind::WorkingDirectory => {
            let directory = paths::working_directory(&given).map_err(|why| values::bad(flag)(why.to_string()))?;
            cmd.working_directory = Some(directory);
        }
        Kind::User => cmd.user = Some(values::plain(flag, given)?),
        Kind::Publish => cmd.ports.push(published(flag, &given)?),
        Kind::Name => cmd.name = Some(name(flag, given)?),
        Kind::EntryPoint => cmd.entry_point = Some(entry_point(&given)),
        Kind::Network => {
            cmd.network = names.network(&given).map_err(values::bad(flag))?;
            text.names_network = true;
        }
        Kind::Isolation => cmd.isolation = isolation(&given).map_err(values::bad(flag))?,
        Kind::Platform => values::platforms(flag, &given, &mut text.platforms)?,
        Kind::Cpus => cmd.nano_cpus = Some(values::nano_cpus(&given).map_err(values::bad(flag))?),
        Kind::Memory => cmd.memory = Some(values::bytes(flag, &given)?),
        Kind::ShmSize => cmd.shm_size = Some(values::bytes(flag, &given)?),
        Kind::Tmpfs => cmd.tmpfs.push(values::tmpfs(flag, given)?),
        Kind::ReadOnly => cmd.read_only = values::switch(flag, &given)?,
        Kind::Init => cmd.init = values::switch(flag, &given)?,
        Kind::AddHost => cmd.add_hosts.push(values::host(flag, &given)?),
        Kind::Hostname => cmd.hostname = Some(name(flag, given)?),
        Kind::Label => {
            let (name, value) = values::flag_pair(flag, &given)?;
            cmd.labels.push((name, value.unwrap_or_default()));
        }
        Kind::Ulimit => cmd.ulimits.push(values::ulimit(flag, given)?),
        Kind::CapDrop => cmd.cap_drop.push(values::capability(flag, given)?),
        Kind::Detach => cmd.detach = values::switch(flag, &given)?,
    }
    Ok(())
}

/// The value without the one pair of quotes around it, as ACR's shell removed it.
pub(crate) fn unquoted(value: &str) -> &str {
    let within = |quote: char| value.strip_prefix(quote)?.strip_suffix(quote);
    within('"').or_else(|| within('\'')).unwrap_or(value)
}

/// An entry point of one text: the program alone; empty: none, as in `docker run`.
pub(crate) fn entry_point(text: &str) -> Vec<String> {
    if text.is_empty() { Vec::new() } else { vec![text.to_owned()] }
}

/// Windows' ways to isolate a container; `None` is the engine's own choice.
pub(crate) fn isolation(text: &str) -> Result<Option<String>, String> {
    match text {
        "default" => Ok(None),
        "process" | "hyperv" => Ok(Some(text.to_owned())),
        other => Err(format!("`{}` is not taken; write default, process or hyperv", clip(other))),
    }
}

/// Whether a mount is that of the engine's socket to where clients look for it; the agent's policy decides.
fn is_engine_socket(text: &str) -> bool {
    let text = text.strip_suffix(":ro").or_else(|| text.strip_suffix(":rw")).unwrap_or(text);
    let parts = text.split_once(':').map(|(from, to)| (from.trim_start_matches('/'), to));
    parts.is_some_and(|(from, to)| {
        matches!(from, "var/run/docker.sock" | "run/docker.sock") && to == "/var/run/docker.sock"
    }) && text.starts_with('/')
}

fn name(flag: &str, text: String) -> Result<String, BadFlag> {
    if names::is_name(&text) {
        Ok(text)
    } else {
        Err(values::bad(flag)(format!("`{}` is not a name of letters, digits, _ . and -", clip(&text))))
    }
}

/// A named volume and its place; the host's folders are not given to steps.
fn volume(flag: &str, text: &str) -> Result<(String, String), BadFlag> {
    let fault = |why: &str| values::bad(flag)(format!("`{}`: {why}", clip(text)));
    let (volume, path) = text.split_once(':').ok_or_else(|| fault("write name:/path"))?;
    if !names::is_volume(volume) {
        return Err(fault("only named volumes are mounted, not folders of the host; the source tree is at /workspace"));
    }
    let (path, mode) = match path.strip_suffix(":ro") {
        Some(path) => (path, ":ro"),
        None => (path.strip_suffix(":rw").unwrap_or(path), ""),
    };
    let path = paths::mount(path).map_err(|why| fault(&why))?;
    Ok((volume.to_owned(), path + mode))
}

/// `[[address:]host:]container[-range][/protocol]`, as `docker run -p` takes it.
pub(crate) fn published(flag: &str, text: &str) -> Result<String, BadFlag> {
    let fault = || values::bad(flag)(format!("`{}` is not a port; write 8080:80, 80 or 53/udp", clip(text)));
    let ports = without_protocol(text).ok_or_else(fault)?;
    let mut parts = ports.rsplitn(3, ':');
    let container = parts.next().and_then(range).ok_or_else(fault)?;
    let host = parts.next().filter(|host| !host.is_empty()).map(|host| range(host).ok_or_else(fault)).transpose()?;
    let address_is_valid = parts.next().is_none_or(|address| {
        let bare = address.strip_prefix('[').and_then(|address| address.strip_suffix(']')).unwrap_or(address);
        bare.parse::<core::net::IpAddr>().is_ok()
    });
    // A range of the host is for one port, or for as many.
    let as_many = host.is_none_or(|host| container == 0 || host == container);
    if address_is_valid && as_many { Ok(text.to_owned()) } else { Err(fault()) }
}

/// `container[-range][/protocol]` of `expose`.
pub(crate) fn exposed(flag: &str, text: &str) -> Result<String, BadFlag> {
    let is_port = without_protocol(text).and_then(range).is_some();
    let fault = || values::bad(flag)(format!("`{}` is not a port of the container; write 80 or 53/udp", clip(text)));
    if is_port { Ok(text.to_owned()) } else { Err(fault()) }
}

fn without_protocol(text: &str) -> Option<&str> {
    let (ports, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
    ["tcp", "udp", "sctp"].contains(&protocol).then_some(ports)
}

/// How far the last of `80` or `80-90` is from the first.
fn range(text: &str) -> Option<u16> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let port = |text: &str| {
        let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        text.parse::<u16>().ok().filter(|port| digits && *port > 0)
    };
    port(last)?.checked_sub(port(first)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words;

    fn ran(text: &str) -> Result<CmdText, String> {
        let join = |faults: Vec<BadFlag>| faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
        parse(&words::split(text).unwrap(), &Names::default()).map_err(join)
    }

    #[test]
    fn flags_end_at_the_image() {
        let text =
            ran("-it -e A='1 2' -eB=\"'3'\" -w sub -p8080:80 --name=web --cpus 1.5 -v data:/data r/i:1 -e x -- y")
                .unwrap();
        let cmd = text.cmd;
        assert_eq!((cmd.image.as_str(), cmd.arguments.join(" ").as_str()), ("r/i:1", "-e x -- y"));
        assert_eq!(cmd.env, [("A".to_owned(), "1 2".to_owned()), ("B".to_owned(), "'3'".to_owned())]);
        assert_eq!(cmd.working_directory.as_deref(), Some("/workspace/sub"));
        assert_eq!((cmd.nano_cpus, cmd.name.as_deref()), (Some(1_500_000_000), Some("web")));
    }

    #[test]
    fn the_engines_socket_is_no_volume() {
        for source in ["/var/run/docker.sock", "//var/run/docker.sock", "/run/docker.sock"] {
            let cmd = ran(&format!("-v {source}:/var/run/docker.sock docker ps")).unwrap().cmd;
            assert!(cmd.engine_socket && cmd.volumes.is_empty(), "{source}");
        }
    }

    #[test]
    fn values_are_taken_as_docker_takes_them() {
        let text = "--detach=TRUE -p 127.0.0.1:8000-8010:80 -p [::1]:53:53/udp -p 127.0.0.1::80 --ulimit nofile=1:-1 \
                    --add-host a:[::1] --add-host b=host-gateway --tmpfs /t:size=1m --cap-drop ALL -v q:/a:rw -v w:/b/:ro \
                    --platform linux/amd64,linux/x86_64 --platform linux/amd64 i";
        let text = ran(text).unwrap();
        assert!(text.cmd.detach);
        assert_eq!(text.platforms.len(), 1);
        let volumes: Vec<&str> = text.cmd.volumes.iter().map(|(_, path)| path.as_str()).collect();
        assert_eq!(volumes, ["/a", "/b:ro"]);
        assert!(exposed("expose", "8080:80").is_err() && exposed("expose", "80-90/tcp").is_ok());
    }

    #[test]
    fn what_a_cmd_does_not_take_is_named() {
        let table = [
            ("", "no image"),
            ("-e A=1", "no image"),
            ("-v /var/run/docker.sock:/x docker", "only named volumes"),
            ("--isolation x i", "write default, process or hyperv"),
            ("--network web i", "is declared nowhere"),
            ("--network container:a i", "another container's network"),
            ("-v .:/src i", "only named volumes"),
            ("--privileged i", "privileged: true"),
            ("--gpus all i", "`--gpus` is not a flag"),
            ("-z i", "`-z` is not a flag"),
            ("--network host i", "host's network"),
            ("-p x i", "is not a port"),
            ("-p +80:80 i", "is not a port"),
            ("-p 'garbage!!:80:80' i", "is not a port"),
            ("-p 90-80 i", "is not a port"),
            ("-p 0 i", "is not a port"),
            ("-p 1-2-3 i", "is not a port"),
            ("-p 80-90:80-81 i", "is not a port"),
            ("-v x:/workspace i", "acre's own is at"),
            ("-v y:/ i", "acre's own is at"),
            ("-v z:/../etc i", "without `..`"),
            ("-v u:/a:/b:zzz i", "must be an absolute path"),
            ("-v u:/a:z i", "must be an absolute path"),
            ("-w \"a\nb\" i", "is not a path"),
            ("-u \u{1} i", "a control character"),
            ("--ulimit junk i", "is not a limit"),
            ("--cap-drop 'a b' i", "is not a capability"),
            ("--tmpfs rel i", "is not an absolute path"),
            ("--add-host a:notip i", "is not name:address"),
            ("--add-host 'a b:1.1.1.1' i", "is not name:address"),
            ("-e A i", "write A=VALUE"),
            ("UPPER i", "the image of `cmd`"),
            ("--memory 1x i", "is not a size"),
            ("--cpus NaN i", "is not a number of cores"),
        ];
        for (text, expected) in table {
            let found = ran(text).unwrap_err();
            assert!(found.contains(expected), "{text}: {found}");
        }
    }
}
