//! A container's specification in the words of the Engine API (`POST /containers/create`). Pure.

use super::ports;
use crate::engine::{ContainerSpec, EngineError, Labels, SandboxSpec};
use acre_model::text::clip;
use bollard::{
    models::{
        ContainerCreateBody, EndpointSettings, HostConfig, HostConfigIsolationEnum, HostConfigLogConfig, Mount,
        MountType, MountVolumeOptions, MountVolumeOptionsDriverConfig, NetworkingConfig, ResourcesUlimits,
    },
    query_parameters::CreateContainerOptions,
};
use std::collections::HashMap;

/// Where an engine on Windows listens, and where its clients look for it, on its machine and in containers.
pub(super) const PIPE: &str = r"\\.\pipe\docker_engine";

/// Where the sandbox's volumes stand in a container, by operating system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Layout {
    /// The workspace.
    pub(super) workspace: &'static str,
    /// The home directory shared by the run's steps.
    pub(super) home: &'static str,
}

impl Layout {
    /// The layout on an engine for this operating system (`linux` or `windows`).
    pub(super) fn of(os: &str) -> Self {
        match os {
            "windows" => Self { workspace: "c:\\workspace", home: "c:\\acb\\home" },
            _ => Self { workspace: "/workspace", home: "/acb/home" },
        }
    }

    fn is_windows(self) -> bool {
        self == Self::of("windows")
    }

    /// A path of a step in a container. One of Linux is taken for the same on the system drive, so that a step can be for
    /// both: `/workspace/a` is `c:\workspace\a`.
    fn path(self, path: &str) -> String {
        match path.strip_prefix('/') {
            Some(rest) if self.is_windows() => format!("c:\\{}", rest.replace('/', "\\")),
            _ => path.to_owned(),
        }
    }
}

/// Which network a container is on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Network {
    /// None at all.
    None,
    /// The engine's own default.
    Default,
    /// One of the sandbox, by its name on the engine.
    Sandbox(String),
}

impl Network {
    /// The network of a `cmd`: what its flag says, else the sandbox's. The host's network and that of another
    /// container are refused, whatever they are called.
    pub(super) fn of(spec: &ContainerSpec) -> Result<Self, EngineError> {
        match spec.cmd.network.as_deref() {
            None => Ok(spec.sandbox.network.clone().map_or(Self::Default, Self::Sandbox)),
            Some("none") => Ok(Self::None),
            Some("default" | "bridge" | "nat") => Ok(Self::Default),
            Some(name) if name == "host" || name.contains(':') => Err(refused(format!(
                "network `{}` is not given to steps; leave it out, or declare one under `networks`",
                clip(name)
            ))),
            Some(name) => {
                let network = spec.sandbox.declared(name);
                let is_anothers = network.skip_creation && network.name.starts_with("acre-");
                if is_anothers {
                    return Err(refused(format!("network `{}` belongs to another run", clip(name))));
                }
                Ok(Self::Sandbox(network.name))
            }
        }
    }

    fn mode(&self) -> String {
        match self {
            Self::None => "none".to_owned(),
            Self::Default => "default".to_owned(),
            Self::Sandbox(name) => name.clone(),
        }
    }
}

/// The query and the body of the call that creates this container.
pub(super) fn request(
    spec: &ContainerSpec,
    layout: Layout,
    socket: &str,
) -> Result<(CreateContainerOptions, ContainerCreateBody), EngineError> {
    let cmd = &spec.cmd;
    let network = Network::of(spec)?;
    let published = ports::published(&cmd.ports, &cmd.expose)?;
    let body = ContainerCreateBody {
        image: Some(spec.image.clone()),
        cmd: (!cmd.arguments.is_empty()).then(|| cmd.arguments.clone()),
        entrypoint: cmd.entry_point.clone(),
        env: Some(environment(&cmd.env, layout)),
        working_dir: cmd.working_directory.as_deref().map(|path| layout.path(path)),
        user: cmd.user.clone(),
        hostname: cmd.hostname.clone(),
        exposed_ports: (!published.exposed.is_empty()).then(|| published.exposed.clone()),
        labels: Some(labels(&cmd.labels, &spec.labels)),
        attach_stdout: Some(true),
        attach_stderr: Some(true),
        networking_config: endpoints(spec, &network),
        host_config: Some(HostConfig {
            network_mode: Some(network.mode()),
            port_bindings: (!published.bindings.is_empty()).then_some(published.bindings),
            ..host(spec, layout, socket)?
        }),
        ..ContainerCreateBody::default()
    };
    let platform = spec.platform.as_ref().map(ToString::to_string).unwrap_or_default();
    Ok((CreateContainerOptions { name: Some(spec.name.clone()), platform }, body))
}

/// The parts of a container that have to do with its machine.
fn host(spec: &ContainerSpec, layout: Layout, socket: &str) -> Result<HostConfig, EngineError> {
    let cmd = &spec.cmd;
    if layout.is_windows() {
        only_linux(spec)?;
    }
    if cmd.privileged && !spec.allows.privileged {
        return Err(refused(
            "this agent gives no privileges to steps; leave out `privileged`, or start the agent with --allow-privileged"
                .to_owned(),
        ));
    }
    let mut mounts = mounts(spec, layout)?;
    if cmd.engine_socket {
        mounts.push(socket_mount(spec, layout, socket)?);
    }
    Ok(HostConfig {
        mounts: Some(mounts),
        privileged: cmd.privileged.then_some(true),
        isolation: isolation(cmd.isolation.as_deref(), layout)?,
        nano_cpus: cmd.nano_cpus,
        memory: cmd.memory.map(signed),
        shm_size: cmd.shm_size.map(signed),
        tmpfs: (!cmd.tmpfs.is_empty()).then(|| cmd.tmpfs.iter().map(|text| tmpfs(text)).collect()),
        readonly_rootfs: cmd.read_only.then_some(true),
        init: cmd.init.then_some(true),
        extra_hosts: (!cmd.add_hosts.is_empty()).then(|| cmd.add_hosts.clone()),
        ulimits: Some(cmd.ulimits.iter().map(|text| ulimit(text)).collect::<Result<_, _>>()?),
        cap_drop: (!cmd.cap_drop.is_empty()).then(|| cmd.cap_drop.clone()),
        log_config: Some(log_config()),
        ..HostConfig::default()
    })
}

/// What Windows does not have is refused, rather than left out without a word: an engine there refuses some of it, and the
/// rest has no meaning (moby `daemon/daemon_windows.go`, `runconfig/hostconfig_windows.go`).
fn only_linux(spec: &ContainerSpec) -> Result<(), EngineError> {
    let cmd = &spec.cmd;
    let is_in_memory = |(name, _): &(String, String)| spec.sandbox.memory.contains(name);
    let wanted = [
        ("privileged containers", cmd.privileged),
        ("`--shm-size`", cmd.shm_size.is_some()),
        ("`--tmpfs`", !cmd.tmpfs.is_empty()),
        ("`--read-only`", cmd.read_only),
        ("`--init`", cmd.init),
        ("`--ulimit`", !cmd.ulimits.is_empty()),
        ("`--cap-drop`", !cmd.cap_drop.is_empty()),
        ("volumes in memory, which `registryAuth` needs", spec.docker_config.is_some()),
        ("volumes in memory, which those with secrets are", cmd.volumes.iter().any(is_in_memory)),
    ];
    let wanted: Vec<&str> = wanted.iter().filter(|(_, is_wanted)| *is_wanted).map(|(what, _)| *what).collect();
    if wanted.is_empty() {
        return Ok(());
    }
    Err(refused(format!("Windows has no {}; leave it out, or run the step on Linux", wanted.join(", no "))))
}

/// The engine's socket, where its clients look for it.
fn socket_mount(spec: &ContainerSpec, layout: Layout, socket: &str) -> Result<Mount, EngineError> {
    if !spec.allows.engine_socket {
        return Err(refused(
            "this agent gives its engine's socket to no step; do without it, or start the agent with --engine-socket=allow"
                .to_owned(),
        ));
    }
    let (kind, target) =
        if layout.is_windows() { (MountType::NPIPE, PIPE) } else { (MountType::BIND, "/var/run/docker.sock") };
    Ok(Mount { typ: Some(kind), source: Some(socket.to_owned()), target: Some(target.to_owned()), ..Mount::default() })
}

/// How a container is kept apart: Windows knows two ways, Linux has but one.
fn isolation(asked: Option<&str>, layout: Layout) -> Result<Option<HostConfigIsolationEnum>, EngineError> {
    match asked {
        None | Some("default") => Ok(None),
        Some("process") if layout.is_windows() => Ok(Some(HostConfigIsolationEnum::PROCESS)),
        Some("hyperv") if layout.is_windows() => Ok(Some(HostConfigIsolationEnum::HYPERV)),
        Some(mode @ ("process" | "hyperv")) => {
            Err(refused(format!("isolation `{mode}` is for Windows; leave it out, or write `default`")))
        }
        Some(mode) => Err(refused(format!("isolation `{}`: write default, process or hyperv", clip(mode)))),
    }
}

/// The `local` driver, whatever the engine's default is: `json-file` replaces what is not UTF-8, so that offsets
/// would shift on attaching again, and others cannot be read back at all. It keeps at most 2 GiB of a container.
fn log_config() -> HostConfigLogConfig {
    let options = [("max-size", "1g"), ("max-file", "2"), ("compress", "false")];
    let config = options.map(|(key, value)| (key.to_owned(), value.to_owned())).into_iter().collect();
    HostConfigLogConfig { typ: Some("local".to_owned()), config: Some(config) }
}

/// `HOME` first, so that a step's own wins.
fn environment(env: &[(String, String)], layout: Layout) -> Vec<String> {
    let home = (!env.iter().any(|(key, _)| key == "HOME")).then(|| format!("HOME={}", layout.home));
    home.into_iter().chain(env.iter().map(|(key, value)| format!("{key}={value}"))).collect()
}

/// acre's labels win over the step's, or a step could hide from the reaper.
fn labels(of_step: &[(String, String)], of_acre: &Labels) -> HashMap<String, String> {
    let acre = of_acre.iter().map(|(key, value)| (key.clone(), value.clone()));
    of_step.iter().cloned().chain(acre).collect()
}

fn endpoints(spec: &ContainerSpec, network: &Network) -> Option<NetworkingConfig> {
    let Network::Sandbox(name) = network else { return None };
    let mut aliases = spec.aliases.clone();
    aliases.extend(spec.cmd.name.clone().filter(|name| !spec.aliases.contains(name)));
    let settings = EndpointSettings { aliases: Some(aliases), ..EndpointSettings::default() };
    Some(NetworkingConfig { endpoints_config: Some(HashMap::from([(name.clone(), settings)])) })
}

/// The workspace, the home and the step's named volumes. They come into being with the first container that mounts
/// them, labeled, which spares a call for each.
fn mounts(spec: &ContainerSpec, layout: Layout) -> Result<Vec<Mount>, EngineError> {
    let mut mounts = sandbox_mounts(&spec.sandbox, layout);
    for (name, target) in &spec.cmd.volumes {
        mounts.push(named_mount(&spec.sandbox, name, &layout.path(target))?);
    }
    if let Some(volume) = &spec.docker_config {
        let home = spec.cmd.env.iter().rev().find(|(key, _)| key == "HOME").map(|(_, home)| home.as_str());
        let target = format!("{}/.docker", home.unwrap_or(layout.home).trim_end_matches('/'));
        mounts.push(memory_mount(&spec.sandbox, volume.clone(), target, false));
    }
    Ok(mounts)
}

/// The workspace and the home of a sandbox. An image's own files at these places are not copied into them.
pub(super) fn sandbox_mounts(sandbox: &SandboxSpec, layout: Layout) -> Vec<Mount> {
    let mount = |volume: String, target: &str| volume_mount(sandbox, volume, target.to_owned(), false, true);
    vec![mount(sandbox.workspace(), layout.workspace), mount(sandbox.home(), layout.home)]
}

fn named_mount(sandbox: &SandboxSpec, name: &str, target: &str) -> Result<Mount, EngineError> {
    let is_name = |name: &str| name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b));
    if name.is_empty() || !is_name(name) {
        return Err(refused(format!(
            "`{}` is not the name of a volume; paths of the host are not mounted",
            clip(name)
        )));
    }
    // A drive's colon is no separator of options.
    let (path, read_only) = match target.rsplit_once(':') {
        Some((path, "ro")) => (path, true),
        Some((path, "rw")) => (path, false),
        _ => (target, false),
    };
    Ok(match name {
        "workspace" => volume_mount(sandbox, sandbox.workspace(), path.to_owned(), read_only, true),
        _ if sandbox.memory.contains(name) => memory_mount(sandbox, sandbox.volume(name), path.to_owned(), read_only),
        _ => volume_mount(sandbox, sandbox.volume(name), path.to_owned(), read_only, false),
    })
}

/// A volume that the engine's local driver keeps in memory (docker volume create, "Driver-specific options"). Everybody
/// may read what is in it, whoever the step's user is; it is not shown to other runs.
pub(super) fn memory_mount(sandbox: &SandboxSpec, volume: String, target: String, read_only: bool) -> Mount {
    let options = [("type", "tmpfs"), ("device", "tmpfs"), ("o", "size=16m,mode=0755,nosuid,nodev")];
    let mut mount = volume_mount(sandbox, volume, target, read_only, true);
    if let Some(volume) = &mut mount.volume_options {
        volume.driver_config = Some(MountVolumeOptionsDriverConfig {
            name: Some("local".to_owned()),
            options: Some(options.map(|(key, value)| (key.to_owned(), value.to_owned())).into()),
        });
    }
    mount
}

fn volume_mount(sandbox: &SandboxSpec, volume: String, target: String, read_only: bool, no_copy: bool) -> Mount {
    let labels = sandbox.labels.iter().map(|(key, value)| (key.clone(), value.clone())).collect();
    Mount {
        typ: Some(MountType::VOLUME),
        source: Some(volume),
        target: Some(target),
        read_only: Some(read_only),
        volume_options: Some(MountVolumeOptions {
            no_copy: Some(no_copy),
            labels: Some(labels),
            ..MountVolumeOptions::default()
        }),
        ..Mount::default()
    }
}

/// `path[:options]`.
fn tmpfs(text: &str) -> (String, String) {
    let (path, options) = text.split_once(':').unwrap_or((text, ""));
    (path.to_owned(), options.to_owned())
}

/// `name=soft[:hard]`, `-1` meaning no limit.
fn ulimit(text: &str) -> Result<ResourcesUlimits, EngineError> {
    let bad = || refused(format!("ulimit `{}`: write name=soft[:hard], for example nofile=1024:2048", clip(text)));
    let (name, values) = text.split_once('=').ok_or_else(bad)?;
    let (soft, hard) = values.split_once(':').unwrap_or((values, values));
    let number = |text: &str| text.parse::<i64>().ok().filter(|number| *number >= -1).ok_or_else(bad);
    Ok(ResourcesUlimits { name: Some(name.to_owned()), soft: Some(number(soft)?), hard: Some(number(hard)?) })
}

fn signed(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

fn refused(why: String) -> EngineError {
    EngineError::Refused(why)
}

#[cfg(test)]
mod tests {
    use super::*;
    use acre_model::{
        capability::Privileges,
        plan::{self, Cmd},
    };

    const SOCKET: &str = "/run/engine.sock";

    fn spec(cmd: Cmd, network: bool) -> ContainerSpec {
        let labels = Labels::from([("acre.run".to_owned(), "r1".to_owned())]);
        ContainerSpec {
            name: "box-a".to_owned(),
            labels: labels.clone(),
            cmd,
            image: "img:1".to_owned(),
            platform: None,
            aliases: vec!["a".to_owned()],
            sandbox: SandboxSpec {
                name: "box".to_owned(),
                labels,
                network: network.then(|| "box".to_owned()),
                networks: vec![plan::Network {
                    name: "given".to_owned(),
                    driver: "bridge".to_owned(),
                    ipv6: false,
                    skip_creation: true,
                }],
                memory: ["keys".to_owned()].into(),
            },
            allows: Privileges::default(),
            docker_config: None,
        }
    }

    fn made(cmd: Cmd, network: bool) -> (ContainerCreateBody, HostConfig) {
        let (_, mut body) = request(&spec(cmd, network), Layout::of("linux"), SOCKET).unwrap();
        let host = body.host_config.take().unwrap();
        (body, host)
    }

    fn pair(key: &str, value: &str) -> (String, String) {
        (key.to_owned(), value.to_owned())
    }

    #[test]
    fn the_home_comes_first_unless_the_step_has_its_own() {
        let env = |env: Vec<(String, String)>| made(Cmd { env, ..Cmd::default() }, false).0.env.unwrap();
        assert_eq!(env(vec![pair("A", "1")]), ["HOME=/acb/home", "A=1"]);
        assert_eq!(env(vec![pair("HOME", "/root")]), ["HOME=/root"]);
    }

    #[test]
    fn a_step_is_on_the_sandbox_network_under_its_names() {
        let (body, host) = made(Cmd { name: Some("db".to_owned()), ..Cmd::default() }, true);
        assert_eq!(host.network_mode.as_deref(), Some("box"));
        let endpoints = body.networking_config.unwrap().endpoints_config.unwrap();
        assert_eq!(endpoints["box"].aliases, Some(vec!["a".to_owned(), "db".to_owned()]));
    }

    #[test]
    fn a_step_may_leave_the_sandbox_network_but_not_for_the_hosts() {
        let table = [
            (None, false, Ok(Network::Default)),
            (None, true, Ok(Network::Sandbox("box".to_owned()))),
            (Some("none"), true, Ok(Network::None)),
            (Some("bridge"), true, Ok(Network::Default)),
            (Some("net"), false, Ok(Network::Sandbox("box-net".to_owned()))),
            (Some("given"), false, Ok(Network::Sandbox("given".to_owned()))),
            (Some("host"), true, Err(())),
            (Some("container:x"), true, Err(())),
        ];
        for (flag, network, expected) in table {
            let cmd = Cmd { network: flag.map(str::to_owned), ..Cmd::default() };
            assert_eq!(Network::of(&spec(cmd, network)).map_err(|_| ()), expected, "{flag:?}");
        }
    }

    #[test]
    fn volumes_belong_to_the_sandbox_and_are_labeled() {
        let volumes = vec![pair("cache", "/c:ro"), pair("workspace", "/w")];
        let (_, host) = made(Cmd { volumes, ..Cmd::default() }, false);
        let mounts = host.mounts.unwrap();
        let seen: Vec<_> = mounts
            .iter()
            .map(|mount| (mount.source.as_deref().unwrap(), mount.target.as_deref().unwrap(), mount.read_only.unwrap()))
            .collect();
        assert_eq!(
            seen,
            [
                ("box-workspace", "/workspace", false),
                ("box-home", "/acb/home", false),
                ("box-volume-cache", "/c", true),
                ("box-workspace", "/w", false)
            ]
        );
        assert!(
            mounts.iter().all(|mount| {
                mount.volume_options.as_ref().unwrap().labels.as_ref().unwrap().contains_key("acre.run")
            })
        );
    }

    #[test]
    fn what_reaches_for_the_host_is_refused() {
        let table = [
            Cmd { privileged: true, ..Cmd::default() },
            Cmd { engine_socket: true, ..Cmd::default() },
            Cmd { isolation: Some("hyperv".to_owned()), ..Cmd::default() },
            Cmd { volumes: vec![pair("/etc", "/e")], ..Cmd::default() },
            Cmd { volumes: vec![pair("../x", "/e")], ..Cmd::default() },
            Cmd { network: Some("host".to_owned()), ..Cmd::default() },
            Cmd { ulimits: vec!["nofile".to_owned()], ..Cmd::default() },
        ];
        for cmd in table {
            let refused = request(&spec(cmd.clone(), false), Layout::of("linux"), SOCKET);
            assert!(matches!(refused, Err(EngineError::Refused(_))), "{cmd:?}");
        }
    }

    #[test]
    fn privileges_are_given_where_the_agent_allows_them() {
        let cmd = Cmd { privileged: true, engine_socket: true, ..Cmd::default() };
        let allows = Privileges { privileged: true, engine_socket: true };
        let spec = ContainerSpec { allows, ..spec(cmd, false) };
        let (_, body) = request(&spec, Layout::of("linux"), SOCKET).unwrap();
        let host = body.host_config.unwrap();
        assert_eq!(host.privileged, Some(true));
        let socket = host.mounts.unwrap().pop().unwrap();
        assert_eq!((socket.source.as_deref(), socket.target.as_deref()), (Some(SOCKET), Some("/var/run/docker.sock")));
    }

    #[test]
    fn what_is_secret_is_in_memory() {
        let cmd = Cmd { volumes: vec![pair("keys", "/k:ro")], env: vec![pair("HOME", "/home/me/")], ..Cmd::default() };
        let spec = ContainerSpec { docker_config: Some("box-auth".to_owned()), ..spec(cmd, false) };
        let (_, body) = request(&spec, Layout::of("linux"), SOCKET).unwrap();
        let mounts = body.host_config.unwrap().mounts.unwrap();
        let in_memory = |mount: &&Mount| mount.volume_options.as_ref().unwrap().driver_config.is_some();
        let seen: Vec<_> = mounts.iter().filter(in_memory).collect();
        let seen: Vec<_> = seen.iter().map(|mount| (mount.source.as_deref(), mount.target.as_deref())).collect();
        assert_eq!(seen, [(Some("box-volume-keys"), Some("/k")), (Some("box-auth"), Some("/home/me/.docker"))]);
    }

    #[test]
    fn a_container_on_windows_is_like_one_of_windows() {
        let windows = |cmd: Cmd| request(&spec(cmd, false), Layout::of("windows"), PIPE);
        let cmd = Cmd {
            working_directory: Some("/workspace/a/b".to_owned()),
            volumes: vec![pair("cache", "/cache:ro"), pair("data", "d:\\data")],
            isolation: Some("hyperv".to_owned()),
            memory: Some(1 << 20),
            ..Cmd::default()
        };
        let (_, body) = windows(cmd).unwrap();
        assert_eq!(body.working_dir.as_deref(), Some("c:\\workspace\\a\\b"));
        assert_eq!(body.env.unwrap(), ["HOME=c:\\acb\\home"]);
        let host = body.host_config.unwrap();
        assert_eq!((host.isolation, host.memory), (Some(HostConfigIsolationEnum::HYPERV), Some(1 << 20)));
        let mounts = host.mounts.unwrap();
        let targets: Vec<_> = mounts.iter().map(|mount| (mount.target.as_deref().unwrap(), mount.read_only)).collect();
        let expected = [("c:\\workspace", false), ("c:\\acb\\home", false), ("c:\\cache", true), ("d:\\data", false)];
        assert_eq!(targets, expected.map(|(target, read_only)| (target, Some(read_only))));
        let table = [
            (
                Cmd { tmpfs: vec!["/t".to_owned()], init: true, ..Cmd::default() },
                "no `--tmpfs`, no `--init`; leave it out",
            ),
            (Cmd { volumes: vec![pair("keys", "/k")], ..Cmd::default() }, "no volumes in memory"),
            (Cmd { privileged: true, ..Cmd::default() }, "no privileged containers"),
        ];
        for (cmd, part) in table {
            let why = windows(cmd).unwrap_err().to_string();
            assert!(why.starts_with("Windows has ") && why.contains(part), "{why}");
        }
        let allows = Privileges { engine_socket: true, ..Privileges::default() };
        let socket = ContainerSpec { allows, ..spec(Cmd { engine_socket: true, ..Cmd::default() }, false) };
        let (_, body) = request(&socket, Layout::of("windows"), PIPE).unwrap();
        let mount = body.host_config.unwrap().mounts.unwrap().pop().unwrap();
        assert_eq!(
            (mount.typ, mount.source.as_deref(), mount.target.as_deref()),
            (Some(MountType::NPIPE), Some(PIPE), Some(PIPE))
        );
    }

    #[test]
    fn acres_labels_win_over_the_steps() {
        let labels = vec![pair("acre.run", "other"), pair("mine", "1")];
        let (body, _) = made(Cmd { labels, ..Cmd::default() }, false);
        let labels = body.labels.unwrap();
        assert_eq!((labels["acre.run"].as_str(), labels["mine"].as_str()), ("r1", "1"));
    }

    #[test]
    fn limits_are_taken_over() {
        let cmd = Cmd {
            memory: Some(1 << 20),
            tmpfs: vec!["/t:size=1m".to_owned()],
            ulimits: vec!["nofile=1:2".to_owned(), "core=-1".to_owned()],
            ..Cmd::default()
        };
        let (_, host) = made(cmd, false);
        assert_eq!(host.memory, Some(1 << 20));
        assert_eq!(host.tmpfs.unwrap()["/t"], "size=1m");
        let limits: Vec<_> = host.ulimits.unwrap().into_iter().map(|limit| (limit.soft, limit.hard)).collect();
        assert_eq!(limits, [(Some(1), Some(2)), (Some(-1), Some(-1))]);
    }
}
