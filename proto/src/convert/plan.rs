//! Units as they travel to agents (`agents.proto`, `UnitSpec`).

use super::{Invalid, parsed, parsed_or_none, shown};
use crate::v1::{self, build, fetch, unit_spec};
use acre_model::{
    ids::UnitId,
    plan::{Action, Build, Cmd, Context, Dependency, Fetch, GitAddress, Index, Push, Reports, Role, Rules, TarAddress},
    session::{Child, UnitSpec},
};

/// Names and values for the wire.
pub(super) fn settings(pairs: Vec<(String, String)>) -> Vec<v1::Setting> {
    pairs.into_iter().map(|(name, value)| v1::Setting { name, value }).collect()
}

/// Names and values off the wire.
pub(super) fn pairs(settings: Vec<v1::Setting>) -> Vec<(String, String)> {
    settings.into_iter().map(|setting| (setting.name, setting.value)).collect()
}

impl From<UnitSpec> for v1::UnitSpec {
    fn from(unit: UnitSpec) -> Self {
        let UnitSpec {
            name,
            step,
            platform,
            action,
            rules,
            reports: Reports { junit, coverage },
            artifacts,
            children,
            hands_over,
        } = unit;
        let children = children.into_iter().map(|Child { platform, digest }| v1::Child {
            platform: platform.to_string(),
            digest: shown(digest.as_ref()),
        });
        let action = match action {
            Action::Source(fetch) => unit_spec::Action::Source(fetch.into()),
            Action::Build(build) => unit_spec::Action::Build(build.into()),
            Action::Push(push) => unit_spec::Action::Push(push.into()),
            Action::Index(index) => unit_spec::Action::Index(index.into()),
            Action::Cmd(cmd) => unit_spec::Action::Cmd(cmd.into()),
        };
        let (step, platform) = (step.to_string(), platform.to_string());
        Self {
            name,
            step,
            platform,
            rules: Some(rules.into()),
            junit,
            action: Some(action),
            coverage,
            artifacts,
            children: children.collect(),
            hands_over,
        }
    }
}

impl TryFrom<v1::UnitSpec> for UnitSpec {
    type Error = Invalid;

    fn try_from(wire: v1::UnitSpec) -> Result<Self, Invalid> {
        let v1::UnitSpec { name, step, platform, rules, junit, action, coverage, artifacts, children, hands_over } =
            wire;
        let children = children.iter().map(|v1::Child { platform, digest }| {
            let platform = parsed("unit.children.platform", platform)?;
            Ok(Child { platform, digest: parsed_or_none("unit.children.digest", digest)? })
        });
        let action = match action.ok_or_else(|| Invalid::missing("unit.action"))? {
            unit_spec::Action::Source(fetch) => Action::Source(fetch.try_into()?),
            unit_spec::Action::Build(build) => Action::Build(build.try_into()?),
            unit_spec::Action::Push(push) => Action::Push(push.try_into()?),
            unit_spec::Action::Index(index) => Action::Index(index.try_into()?),
            unit_spec::Action::Cmd(cmd) => Action::Cmd(cmd.into()),
        };
        Ok(Self {
            name,
            step: parsed("unit.step", &step)?,
            platform: parsed("unit.platform", &platform)?,
            action,
            rules: rules.ok_or_else(|| Invalid::missing("unit.rules"))?.into(),
            reports: Reports { junit, coverage },
            artifacts,
            children: children.collect::<Result<_, Invalid>>()?,
            hands_over,
        })
    }
}

impl From<Rules> for v1::Rules {
    fn from(rules: Rules) -> Self {
        let Rules {
            timeout_ms,
            start_delay_ms,
            retries,
            retry_delay_ms,
            retry_on_errors,
            repeat,
            ignore_errors,
            always,
            may_run_again,
        } = rules;
        Self {
            timeout_ms,
            start_delay_ms,
            retries,
            retry_delay_ms,
            retry_on_errors,
            repeat,
            ignore_errors,
            always,
            may_run_again,
        }
    }
}

impl From<v1::Rules> for Rules {
    fn from(wire: v1::Rules) -> Self {
        let v1::Rules {
            timeout_ms,
            start_delay_ms,
            retries,
            retry_delay_ms,
            retry_on_errors,
            repeat,
            ignore_errors,
            always,
            may_run_again,
        } = wire;
        Self {
            timeout_ms,
            start_delay_ms,
            retries,
            retry_delay_ms,
            retry_on_errors,
            repeat,
            ignore_errors,
            always,
            may_run_again,
        }
    }
}

impl From<Fetch> for v1::Fetch {
    fn from(fetch: Fetch) -> Self {
        let kind = match fetch {
            Fetch::Git(GitAddress { repository, reference, subdirectory }) => {
                fetch::Kind::Git(fetch::Git { repository, reference, subdirectory })
            }
            Fetch::Tar(TarAddress { url, subdirectory }) => fetch::Kind::Tar(fetch::Tar { url, subdirectory }),
            Fetch::Oci(reference) => fetch::Kind::Oci(reference.to_string()),
            Fetch::Aliases(addresses) => fetch::Kind::Aliases(fetch::Aliases { addresses }),
        };
        Self { kind: Some(kind) }
    }
}

impl TryFrom<v1::Fetch> for Fetch {
    type Error = Invalid;

    fn try_from(wire: v1::Fetch) -> Result<Self, Invalid> {
        Ok(match wire.kind.ok_or_else(|| Invalid::missing("source.kind"))? {
            fetch::Kind::Git(fetch::Git { repository, reference, subdirectory }) => {
                Self::Git(GitAddress { repository, reference, subdirectory })
            }
            fetch::Kind::Tar(fetch::Tar { url, subdirectory }) => Self::Tar(TarAddress { url, subdirectory }),
            fetch::Kind::Oci(reference) => Self::Oci(parsed("source.oci", &reference)?),
            fetch::Kind::Aliases(fetch::Aliases { addresses }) => Self::Aliases(addresses),
        })
    }
}

impl From<Build> for v1::Build {
    fn from(build: Build) -> Self {
        let Build {
            context,
            dockerfile,
            tags,
            arguments,
            labels,
            target,
            no_cache,
            pull,
            add_hosts,
            network,
            shm_size,
            secrets,
            ssh,
            cache_from,
            cache_to,
            dependencies,
            one_of_several,
            only_pushed,
        } = build;
        let context = match context {
            Context::Tree(folder) => build::Context::Tree(folder),
            Context::Workspace(folder) => build::Context::Workspace(folder),
            Context::Fetched { source, folder } => build::Context::Fetched(build::Fetched { source: source.0, folder }),
            Context::Empty => build::Context::Empty(build::Empty {}),
        };
        let dependencies = dependencies.map(|images| v1::Dependencies {
            images: images
                .into_iter()
                .map(|Dependency { role, reference, pinned: _ }| v1::Dependency {
                    reference: reference.to_string(),
                    runtime: role == Role::Runtime,
                })
                .collect(),
        });
        Self {
            context: Some(context),
            dockerfile,
            tags: tags.iter().map(ToString::to_string).collect(),
            arguments: settings(arguments),
            labels: settings(labels),
            target,
            no_cache,
            pull,
            add_hosts,
            network,
            shm_size,
            dependencies,
            secrets: settings(secrets),
            ssh: settings(ssh),
            cache_from,
            cache_to,
            one_of_several,
            only_pushed,
        }
    }
}

impl TryFrom<v1::Build> for Build {
    type Error = Invalid;

    fn try_from(wire: v1::Build) -> Result<Self, Invalid> {
        let v1::Build {
            context,
            dockerfile,
            tags,
            arguments,
            labels,
            target,
            no_cache,
            pull,
            add_hosts,
            network,
            shm_size,
            dependencies,
            secrets,
            ssh,
            cache_from,
            cache_to,
            one_of_several,
            only_pushed,
        } = wire;
        let context = match context.ok_or_else(|| Invalid::missing("build.context"))? {
            build::Context::Tree(folder) => Context::Tree(folder),
            build::Context::Workspace(folder) => Context::Workspace(folder),
            build::Context::Fetched(build::Fetched { source, folder }) => {
                Context::Fetched { source: UnitId(source), folder }
            }
            build::Context::Empty(_) => Context::Empty,
        };
        let dependency = |wire: v1::Dependency| {
            let role = if wire.runtime { Role::Runtime } else { Role::BuildTime };
            // Agents need not know.
            Ok(Dependency { role, reference: parsed("build.dependencies", &wire.reference)?, pinned: false })
        };
        let dependencies = dependencies.map(|wire| wire.images.into_iter().map(dependency).collect());
        Ok(Self {
            context,
            dockerfile,
            tags: tags.iter().map(|tag| parsed("build.tags", tag)).collect::<Result<_, _>>()?,
            arguments: pairs(arguments),
            labels: pairs(labels),
            target,
            no_cache,
            pull,
            add_hosts,
            network,
            shm_size,
            secrets: pairs(secrets),
            ssh: pairs(ssh),
            cache_from,
            cache_to,
            dependencies: dependencies.transpose()?,
            one_of_several,
            only_pushed,
        })
    }
}

impl From<Push> for v1::Push {
    fn from(push: Push) -> Self {
        Self { reference: push.reference.to_string(), as_child: push.as_child }
    }
}

impl TryFrom<v1::Push> for Push {
    type Error = Invalid;

    fn try_from(wire: v1::Push) -> Result<Self, Invalid> {
        Ok(Self { reference: parsed("push.reference", &wire.reference)?, as_child: wire.as_child })
    }
}

/// Without what is kept: an agent finds that among the children of its attempt.
impl From<Index> for v1::Index {
    fn from(index: Index) -> Self {
        let children = index.children.iter().map(|unit| unit.0).collect();
        Self { reference: index.reference.to_string(), children, allow_partial: index.allow_partial }
    }
}

impl TryFrom<v1::Index> for Index {
    type Error = Invalid;

    fn try_from(wire: v1::Index) -> Result<Self, Invalid> {
        let children = wire.children.into_iter().map(UnitId).collect();
        let reference = parsed("index.reference", &wire.reference)?;
        Ok(Self { reference, children, kept: Vec::new(), allow_partial: wire.allow_partial })
    }
}

impl From<Cmd> for v1::Cmd {
    fn from(cmd: Cmd) -> Self {
        let Cmd {
            image,
            arguments,
            entry_point,
            env,
            working_directory,
            detach,
            name,
            user,
            ports,
            expose,
            network,
            nano_cpus,
            memory,
            shm_size,
            tmpfs,
            volumes,
            read_only,
            init,
            add_hosts,
            hostname,
            labels,
            ulimits,
            cap_drop,
            pull,
            pull_retries,
            pull_retry_delay_ms,
            privileged,
            engine_socket,
            keep,
            registry_auth,
            isolation,
        } = cmd;
        let entry_point = entry_point.map(|words| v1::cmd::EntryPoint { words });
        Self {
            image,
            arguments,
            entry_point,
            env: settings(env),
            working_directory,
            detach,
            name,
            user,
            ports,
            expose,
            network,
            nano_cpus,
            memory,
            shm_size,
            tmpfs,
            volumes: settings(volumes),
            read_only,
            init,
            add_hosts,
            hostname,
            labels: settings(labels),
            ulimits,
            cap_drop,
            pull,
            pull_retries,
            pull_retry_delay_ms,
            privileged,
            engine_socket,
            keep,
            registry_auth,
            isolation,
        }
    }
}

impl From<v1::Cmd> for Cmd {
    fn from(wire: v1::Cmd) -> Self {
        let v1::Cmd {
            image,
            arguments,
            entry_point,
            env,
            working_directory,
            detach,
            name,
            user,
            ports,
            expose,
            network,
            nano_cpus,
            memory,
            shm_size,
            tmpfs,
            volumes,
            read_only,
            init,
            add_hosts,
            hostname,
            labels,
            ulimits,
            cap_drop,
            pull,
            pull_retries,
            pull_retry_delay_ms,
            privileged,
            engine_socket,
            keep,
            registry_auth,
            isolation,
        } = wire;
        let entry_point = entry_point.map(|entry_point| entry_point.words);
        Self {
            image,
            arguments,
            entry_point,
            env: pairs(env),
            working_directory,
            detach,
            name,
            user,
            ports,
            expose,
            network,
            nano_cpus,
            memory,
            shm_size,
            tmpfs,
            volumes: pairs(volumes),
            read_only,
            init,
            add_hosts,
            hostname,
            labels: pairs(labels),
            ulimits,
            cap_drop,
            pull,
            pull_retries,
            pull_retry_delay_ms,
            privileged,
            engine_socket,
            keep,
            registry_auth,
            isolation,
        }
    }
}
