//! Which Windows images a Windows machine can run, and how: versions of Windows, compared as Microsoft says that they are.

use crate::{capability::Windows, text::clip};
use serde::{Deserialize, Serialize};
use std::{cmp::Ordering, fmt, str::FromStr};

/// A version of Windows as images name it (OCI image index, `os.version`): `10.0.20348.2227`, of which the last number, the
/// revision, may be missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct OsVersion {
    major: u32,
    minor: u32,
    build: u32,
    revision: Option<u32>,
}

/// Why a text is not a version of Windows.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a version of Windows; write major.minor.build or major.minor.build.revision, for example 10.0.20348.2227"
)]
pub struct BadOsVersion(String);

/// How a Windows container is kept apart from its machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Isolation {
    /// It shares the machine's kernel.
    Process,
    /// It has a kernel of its own.
    Hyperv,
}

/// Why a machine cannot run an image.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// Not as it was asked for, and in another way it could.
    #[error(
        "isolation `process` needs an image for the machine's own Windows: the image is for {image}, the machine has {host}; \
         write `isolation: hyperv`, or leave it out"
    )]
    AsAsked {
        /// What the image is for.
        image: OsVersion,
        /// What the machine has.
        host: OsVersion,
    },
    /// Only with a kernel of its own, which the machine does not give.
    #[error(
        "the image is for Windows {image}, and the machine has {host}: they do not share a kernel, and the machine has no \
         Hyper-V isolation; use a base image for {host}, or an agent on Windows {image} or with Hyper-V"
    )]
    NoHyperv {
        /// What the image is for.
        image: OsVersion,
        /// What the machine has.
        host: OsVersion,
    },
    /// In no way.
    #[error(
        "the image is for Windows {image}, and the machine has {host}: a machine runs no image that is newer than itself; use \
         a base image for {host}, or an agent on Windows {image} or newer"
    )]
    Newer {
        /// What the image is for.
        image: OsVersion,
        /// What the machine has.
        host: OsVersion,
    },
    /// The machine does not give what was asked for.
    #[error("the machine gives no isolation `{0}`; leave it out, or use an agent that does")]
    NotGiven(Isolation),
}

/// Windows Server 2022, the first with a stable interface between kernel and containers.
const LTSC2022: u32 = 20348;
/// Releases whose containers run on the next such release, too, oldest first: Windows Server 2022 and 2025.
const STABLE: [u32; 2] = [LTSC2022, 26100];

impl OsVersion {
    /// Whether containers of `image` share the kernel of a machine with this version.
    ///
    /// From Microsoft's "Windows container version compatibility": the build must be the machine's own, whatever the
    /// revision (since Windows Server 2019); from Windows Server 2022 on a machine takes containers of its own release and
    /// of the release with long-term servicing before it
    /// (<https://learn.microsoft.com/virtualization/windowscontainers/deploy-containers/version-compatibility>). The builds
    /// in between are as in containerd's `platforms/windows_compat.go`, `checkWindowsHostAndContainerCompat`.
    pub fn shares_its_kernel_with(self, image: Self) -> bool {
        if (self.major, self.minor) != (image.major, image.minor) {
            return false;
        }
        if self.build < LTSC2022 {
            return self.build == image.build;
        }
        let own = STABLE.iter().rposition(|release| *release <= self.build).unwrap_or(0);
        (STABLE[own.saturating_sub(1)]..=self.build).contains(&image.build)
    }

    /// Whether the release, leaving revisions aside, is newer than another.
    fn is_newer_than(self, other: Self) -> bool {
        let release = |version: Self| (version.major, version.minor, version.build);
        release(self).cmp(&release(other)) == Ordering::Greater
    }
}

/// How a machine runs an image: as it was asked for, else by its own kernel where the two go together, else under Hyper-V
/// where the machine has it, which runs images of its own release and of those before it. The best of several images, of
/// which an index may have one for each release, is [`choose`]n by the same rule.
pub fn isolation(
    host: OsVersion,
    machine: &Windows,
    image: OsVersion,
    asked: Option<Isolation>,
) -> Result<Isolation, Unfit> {
    let given = |mode| match mode {
        Isolation::Process => machine.process,
        Isolation::Hyperv => machine.hyperv,
    };
    if let Some(mode) = asked.filter(|mode| !given(*mode)) {
        return Err(Unfit::NotGiven(mode));
    }
    if image.is_newer_than(host) {
        return Err(Unfit::Newer { image, host });
    }
    let shares = host.shares_its_kernel_with(image);
    match asked {
        Some(Isolation::Hyperv) => Ok(Isolation::Hyperv),
        _ if shares && machine.process => Ok(Isolation::Process),
        Some(Isolation::Process) if machine.hyperv => Err(Unfit::AsAsked { image, host }),
        None if machine.hyperv => Ok(Isolation::Hyperv),
        _ => Err(Unfit::NoHyperv { image, host }),
    }
}

/// Of an index's images for Windows the one that a machine runs best: without Hyper-V before with it, the newest of those.
/// `Err`: what is wrong with the newest, if there is one at all.
pub fn choose(
    host: OsVersion,
    machine: &Windows,
    images: &[OsVersion],
    asked: Option<Isolation>,
) -> Result<(OsVersion, Isolation), Option<Unfit>> {
    let number = |image: &OsVersion| (image.major, image.minor, image.build, image.revision.unwrap_or(0));
    let fit = images.iter().filter_map(|image| Some((*image, isolation(host, machine, *image, asked).ok()?)));
    let best = fit.max_by_key(|(image, mode)| (*mode == Isolation::Process, number(image)));
    best.ok_or_else(|| {
        let newest = images.iter().max_by_key(|image| number(image))?;
        isolation(host, machine, *newest, asked).err()
    })
}

impl FromStr for OsVersion {
    type Err = BadOsVersion;

    fn from_str(text: &str) -> Result<Self, BadOsVersion> {
        let bad = || BadOsVersion(clip(text));
        let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        let numbers: Result<Vec<u32>, BadOsVersion> = text
            .split('.')
            .map(|part| if is_number(part) { part.parse().map_err(|_| bad()) } else { Err(bad()) })
            .collect();
        match numbers?[..] {
            [major, minor, build] => Ok(Self { major, minor, build, revision: None }),
            [major, minor, build, revision] => Ok(Self { major, minor, build, revision: Some(revision) }),
            _ => Err(bad()),
        }
    }
}

impl TryFrom<String> for OsVersion {
    type Error = BadOsVersion;

    fn try_from(text: String) -> Result<Self, BadOsVersion> {
        text.parse()
    }
}

impl From<OsVersion> for String {
    fn from(version: OsVersion) -> String {
        version.to_string()
    }
}

impl fmt::Display for OsVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.build)?;
        self.revision.iter().try_for_each(|revision| write!(f, ".{revision}"))
    }
}

impl FromStr for Isolation {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "process" => Ok(Self::Process),
            "hyperv" => Ok(Self::Hyperv),
            _ => Err(format!("`{}`: write process or hyperv", clip(text))),
        }
    }
}

impl fmt::Display for Isolation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Process => "process",
            Self::Hyperv => "hyperv",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Isolation::{Hyperv, Process};

    fn version(text: &str) -> OsVersion {
        text.parse().unwrap()
    }

    fn machine(modes: &[Isolation]) -> Windows {
        Windows { build: String::new(), process: modes.contains(&Process), hyperv: modes.contains(&Hyperv) }
    }

    #[test]
    fn versions_are_read_as_images_name_them() {
        for text in ["10.0.20348.2227", "10.0.17763", "6.3.9600.0"] {
            assert_eq!(version(text).to_string(), text);
        }
        for text in ["", "10", "10.0", "10.0.x", "10.0.1.2.3", "10..1", "10.0.+1", "10.0.99999999999"] {
            assert!(text.parse::<OsVersion>().is_err(), "{text}");
        }
    }

    /// Rows of Microsoft's tables "Windows Server host OS compatibility" and "Windows client host OS compatibility", and of
    /// containerd's test of its own (`platforms/windows_compat_test.go`).
    #[test]
    fn an_image_runs_where_microsoft_says() {
        let (both, only) = (&[Process, Hyperv][..], &[Process][..]);
        let table = [
            // host, image, with Hyper-V, without
            ("10.0.14393.1", "10.0.14393.1", Some(Process), true),
            ("10.0.17763.5329", "10.0.17763.107", Some(Process), true),
            ("10.0.17763.1", "10.0.14393.1", Some(Hyperv), false),
            ("10.0.17763.1", "10.0.20348.1", None, false),
            ("10.0.19042.1", "10.0.19041.1", Some(Hyperv), false),
            ("10.0.20348.2227", "10.0.20348.1", Some(Process), true),
            ("10.0.20348.1", "10.0.20348.2227", Some(Process), true),
            ("10.0.20348.2227", "10.0.17763.5329", Some(Hyperv), false),
            ("10.0.20348.2227", "10.0.26100.1", None, false),
            ("10.0.22621.1", "10.0.20348.1", Some(Process), true),
            ("10.0.22621.1", "10.0.17763.1", Some(Hyperv), false),
            ("10.0.25398.1", "10.0.20348.1", Some(Process), true),
            ("10.0.26100.1", "10.0.20348.1", Some(Process), true),
            ("10.0.26100.1", "10.0.25398.1", Some(Process), true),
            ("10.0.26100.1", "10.0.17763.1", Some(Hyperv), false),
            ("10.0.26200.1", "10.0.20348.1", Some(Process), true),
            ("10.0.20348.1", "6.3.9600.1", Some(Hyperv), false),
        ];
        for (host, image, expected, without) in table {
            let of = |modes| isolation(version(host), &machine(modes), version(image), None);
            assert_eq!(of(both).ok(), expected, "{image} on {host}");
            assert_eq!(of(only).is_ok(), without, "{image} on {host} without Hyper-V");
        }
    }

    #[test]
    fn what_is_asked_for_is_given_or_refused() {
        let table = [
            (&[Process, Hyperv][..], "10.0.20348.1", Some(Hyperv), Ok(Hyperv)),
            (&[Process, Hyperv], "10.0.20348.1", Some(Process), Ok(Process)),
            (&[Process, Hyperv], "10.0.17763.1", Some(Process), Err("write `isolation: hyperv`")),
            (&[Process], "10.0.17763.1", Some(Process), Err("no Hyper-V isolation")),
            (&[Process], "10.0.20348.1", Some(Hyperv), Err("gives no isolation `hyperv`")),
            (&[Hyperv], "10.0.20348.1", None, Ok(Hyperv)),
            (&[Hyperv], "10.0.26100.1", Some(Hyperv), Err("newer than itself")),
        ];
        for (modes, image, asked, expected) in table {
            let found = isolation(version("10.0.20348.2227"), &machine(modes), version(image), asked);
            match (&found, expected) {
                (Ok(found), Ok(expected)) => assert_eq!(*found, expected),
                (Err(why), Err(part)) => assert!(why.to_string().contains(part), "{why}"),
                _ => panic!("{modes:?} {image} {asked:?}: {found:?}"),
            }
        }
    }

    #[test]
    fn a_refusal_names_both_versions() {
        for image in ["10.0.17763.5329", "10.0.26100.32"] {
            let why = isolation(version("10.0.20348.2227"), &machine(&[Process]), version(image), None).unwrap_err();
            let why = why.to_string();
            assert!(
                why.contains(image) && why.contains("10.0.20348.2227") && why.contains("use a base image for"),
                "{why}"
            );
        }
    }

    #[test]
    fn of_several_images_the_best_is_chosen() {
        let of = |modes: &[Isolation], images: &[&str]| {
            let images: Vec<_> = images.iter().map(|text| version(text)).collect();
            choose(version("10.0.20348.2227"), &machine(modes), &images, None)
        };
        let all = ["10.0.17763.9", "10.0.20348.1", "10.0.20348.9", "10.0.26100.1"];
        assert_eq!(of(&[Process, Hyperv], &all), Ok((version("10.0.20348.9"), Process)));
        assert_eq!(of(&[Hyperv], &all), Ok((version("10.0.20348.9"), Hyperv)));
        assert_eq!(of(&[Process, Hyperv], &["10.0.14393.1", "10.0.17763.1"]), Ok((version("10.0.17763.1"), Hyperv)));
        assert!(matches!(of(&[Process], &["10.0.17763.1", "10.0.26100.1"]), Err(Some(Unfit::Newer { .. }))));
        assert_eq!(of(&[Process], &[]), Err(None));
    }
}
