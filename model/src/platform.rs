//! Platforms, normalised as containerd does (`platforms/database.go`: `normalizeOS`, `normalizeArch`) and compared after it.

use crate::text::clip;
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// An operating system, an architecture and, for some architectures, a variant.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Platform {
    os: String,
    arch: String,
    variant: Option<String>,
}

/// Why a text is not a platform.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadPlatform {
    /// Neither `os/arch` nor `os/arch/variant`.
    #[error("`{0}` is not a platform; write os/arch or os/arch/variant, for example linux/amd64 or linux/arm/v7")]
    Form(String),
    /// An operating system acre does not know.
    #[error("`{0}`: acre knows the operating systems linux and windows")]
    Os(String),
    /// An architecture acre does not know.
    #[error("`{0}`: acre knows the architectures {architectures}", architectures = ARCHITECTURES.join(", "))]
    Arch(String),
    /// A variant that the architecture does not have.
    #[error("`{0}`: acre knows the variants v5, v6, v7 of arm, v8 of arm64, and v1 to v4 of amd64")]
    Variant(String),
}

/// Architectures that container images exist for (OCI image index: Go's `GOARCH`).
const ARCHITECTURES: [&str; 9] = ["386", "amd64", "arm", "arm64", "loong64", "mips64le", "ppc64le", "riscv64", "s390x"];

/// See [`Platform::tried`].
const TRIED: [(&str, Option<&str>); 11] = [
    ("amd64", None),
    ("arm64", None),
    ("386", None),
    ("arm", Some("v7")),
    ("arm", Some("v6")),
    ("arm", Some("v5")),
    ("riscv64", None),
    ("s390x", None),
    ("ppc64le", None),
    ("mips64le", None),
    ("loong64", None),
];

impl Platform {
    /// linux/amd64, the default of a run.
    pub fn linux_amd64() -> Self {
        Self { os: "linux".to_owned(), arch: "amd64".to_owned(), variant: None }
    }

    /// The Linux platforms that an agent tries to serve, those that are asked for most first. Variants of amd64 are not
    /// among them.
    pub fn tried() -> Vec<Self> {
        let of = |(arch, variant): &(&str, Option<&str>)| Self {
            os: "linux".to_owned(),
            arch: (*arch).to_owned(),
            variant: variant.map(str::to_owned),
        };
        TRIED.iter().map(of).collect()
    }

    /// `linux` or `windows`.
    pub fn os(&self) -> &str {
        &self.os
    }

    /// The architecture in Go's words: `amd64`, `arm64`, `386`…
    pub fn arch(&self) -> &str {
        &self.arch
    }

    /// The variant, where the architecture has several: `v7` of arm.
    pub fn variant(&self) -> Option<&str> {
        self.variant.as_deref()
    }

    /// `linux-arm-v7`: the platform as part of a tag or a file name.
    pub fn dashed(&self) -> String {
        self.to_string().replace('/', "-")
    }

    /// Whether an engine whose native platform is `self` runs programs of `other` without an emulator: the same
    /// platform, 386 on amd64, and a lower variant of the same architecture.
    ///
    /// arm on arm64 is not decided here: not every arm64 machine can, so it is tried on the engine.
    pub fn runs_natively(&self, other: &Self) -> bool {
        let same_arch = self.arch == other.arch && self.level() >= other.level();
        self.os == other.os && (same_arch || (self.arch == "amd64" && other.arch == "386"))
    }

    /// Whether processors of this platform's kind may run programs of `other` without an emulator. Whether one does is
    /// found by trying: some arm64 processors run those of arm, and some kernels of amd64 do not run those of 386.
    pub fn may_run(&self, other: &Self) -> bool {
        let families = [("amd64", "386"), ("arm64", "arm")];
        self.os == other.os && (self.arch == other.arch || families.contains(&(&*self.arch, &*other.arch)))
    }

    fn level(&self) -> u8 {
        let digit = self.variant.as_deref().and_then(|variant| variant.strip_prefix('v')?.parse().ok());
        digit.unwrap_or(if self.arch == "arm64" { 8 } else { 1 })
    }
}

impl FromStr for Platform {
    type Err = BadPlatform;

    fn from_str(text: &str) -> Result<Self, BadPlatform> {
        let lower = text.to_ascii_lowercase();
        let parts: Vec<&str> = lower.split('/').collect();
        let (os, arch, variant) = match parts[..] {
            [os, arch] => (os, arch, None),
            [os, arch, variant] => (os, arch, Some(variant)),
            _ => return Err(BadPlatform::Form(clip(text))),
        };
        if parts.iter().any(|part| part.is_empty()) {
            return Err(BadPlatform::Form(clip(text)));
        }
        if !["linux", "windows"].contains(&os) {
            return Err(BadPlatform::Os(clip(text)));
        }
        let (arch, variant) = normalise_arch(arch, variant);
        if !ARCHITECTURES.contains(&arch) {
            return Err(BadPlatform::Arch(clip(text)));
        }
        let known = match arch {
            "arm" => ["v5", "v6", "v7"].contains(&variant.unwrap_or_default()),
            "amd64" => matches!(variant, None | Some("v2" | "v3" | "v4")),
            _ => variant.is_none(),
        };
        if !known {
            return Err(BadPlatform::Variant(clip(text)));
        }
        Ok(Self { os: os.to_owned(), arch: arch.to_owned(), variant: variant.map(str::to_owned) })
    }
}

/// Other names of architectures, and the variants that say nothing.
fn normalise_arch<'a>(arch: &'a str, variant: Option<&'a str>) -> (&'a str, Option<&'a str>) {
    match (arch, variant) {
        ("i386" | "i486" | "i586" | "i686" | "x86", _) => ("386", None),
        ("x86_64" | "x86-64" | "amd64", Some("v1")) => ("amd64", None),
        ("x86_64" | "x86-64", variant) => ("amd64", variant),
        ("aarch64" | "arm64", Some("8" | "v8")) => ("arm64", None),
        ("aarch64", variant) => ("arm64", variant),
        ("armhf", _) => ("arm", Some("v7")),
        ("armel", _) => ("arm", Some("v6")),
        ("arm", None | Some("7")) => ("arm", Some("v7")),
        ("arm", Some("5")) => ("arm", Some("v5")),
        ("arm", Some("6")) => ("arm", Some("v6")),
        other => other,
    }
}

impl TryFrom<String> for Platform {
    type Error = BadPlatform;

    fn try_from(text: String) -> Result<Self, BadPlatform> {
        text.parse()
    }
}

impl From<Platform> for String {
    fn from(platform: Platform) -> String {
        platform.to_string()
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.os, self.arch)?;
        self.variant.iter().try_for_each(|variant| write!(f, "/{variant}"))
    }
}

impl fmt::Debug for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn platform(text: &str) -> Platform {
        text.parse().unwrap()
    }

    /// The forms of containerd's `normalizeArch` (`platforms/database.go`) and of its `TestParseSelector` that name a
    /// platform acre knows, and those of design.md.
    #[test]
    fn platforms_are_normalised() {
        let table = [
            ("linux/amd64", "linux/amd64"),
            ("linux/amd64/v1", "linux/amd64"),
            ("linux/amd64/v2", "linux/amd64/v2"),
            ("linux/amd64/V3", "linux/amd64/v3"),
            ("linux/x86_64", "linux/amd64"),
            ("Linux/x86_64", "linux/amd64"),
            ("linux/x86-64", "linux/amd64"),
            ("linux/x86_64/v1", "linux/amd64"),
            ("linux/x86_64/v3", "linux/amd64/v3"),
            ("linux/386", "linux/386"),
            ("linux/i386", "linux/386"),
            ("linux/i386/v1", "linux/386"),
            ("linux/x86", "linux/386"),
            ("linux/i686", "linux/386"),
            ("linux/arm", "linux/arm/v7"),
            ("Linux/ARM", "linux/arm/v7"),
            ("linux/arm/7", "linux/arm/v7"),
            ("linux/arm/v7", "linux/arm/v7"),
            ("linux/armhf", "linux/arm/v7"),
            ("linux/armhf/v6", "linux/arm/v7"),
            ("linux/arm/6", "linux/arm/v6"),
            ("linux/armel", "linux/arm/v6"),
            ("linux/armel/v7", "linux/arm/v6"),
            ("linux/arm/5", "linux/arm/v5"),
            ("linux/arm64", "linux/arm64"),
            ("linux/arm64/v8", "linux/arm64"),
            ("linux/arm64/8", "linux/arm64"),
            ("linux/Aarch64", "linux/arm64"),
            ("linux/aarch64/v8", "linux/arm64"),
            ("linux/s390x", "linux/s390x"),
            ("linux/ppc64le", "linux/ppc64le"),
            ("linux/riscv64", "linux/riscv64"),
            ("linux/mips64le", "linux/mips64le"),
            ("linux/loong64", "linux/loong64"),
            ("windows/amd64", "windows/amd64"),
        ];
        for (text, expected) in table {
            let normal = text.parse::<Platform>().map(|platform| platform.to_string());
            assert_eq!(normal.as_deref(), Ok(expected), "{text}");
            assert_eq!(platform(expected).to_string(), expected, "what is normal stays so");
        }
    }

    /// What containerd refuses as well (`TestParseSelectorInvalid`); what it takes for half a platform, completed by the
    /// machine it runs on, which a farm has many of; and what it knows and acre does not.
    #[test]
    fn what_is_no_platform_is_refused() {
        use BadPlatform::{Arch, Form, Os, Variant};
        type Fault = fn(String) -> BadPlatform;
        let table: [(&str, Fault); 22] = [
            ("", Form),
            ("/linux/arm", Form),
            ("linux/arm/", Form),
            ("linux/arm/foo/bar", Form),
            ("linux /arm", Os),
            ("linux/&arm", Arch),
            ("linux/../../x", Form),
            ("linux/../x", Arch),
            ("linux", Form),
            ("linux/", Form),
            ("arm64", Form),
            ("linux//v7", Form),
            ("*/arm64", Os),
            ("macos/arm64", Os),
            ("plan9/amd64", Os),
            ("windows(10.0.17763)/amd64", Os),
            ("linux/z80", Arch),
            ("linux/mips", Arch),
            ("linux/amd64/v99", Variant),
            ("linux/arm64/v9", Variant),
            ("linux/arm/v8", Variant),
            ("linux/s390x/v1", Variant),
        ];
        for (text, fault) in table {
            assert_eq!(text.parse::<Platform>(), Err(fault(text.to_owned())), "{text}");
        }
    }

    /// containerd's `TestOnly`, as far as acre knows the platforms: what a machine of the first takes without an emulator.
    /// It differs in one: containerd has arm64 take arm, and acre has that tried.
    #[test]
    fn native_is_what_needs_no_emulator() {
        let table = [
            ("linux/amd64", "linux/amd64 linux/386"),
            ("linux/amd64/v2", "linux/amd64/v2 linux/amd64 linux/386"),
            ("linux/amd64/v3", "linux/amd64/v3 linux/amd64/v2 linux/amd64 linux/386"),
            ("linux/386", "linux/386"),
            ("linux/arm/v7", "linux/arm/v7 linux/arm/v6 linux/arm/v5"),
            ("linux/arm/v6", "linux/arm/v6 linux/arm/v5"),
            ("linux/arm/v5", "linux/arm/v5"),
            ("linux/arm64", "linux/arm64"),
            ("linux/s390x", "linux/s390x"),
            ("windows/amd64", "windows/amd64"),
        ];
        let others = ["linux/amd64/v2", "linux/amd64/v3", "linux/amd64/v4", "windows/amd64"];
        let all: Vec<Platform> = Platform::tried().into_iter().chain(others.map(platform)).collect();
        for (engine, taken) in table {
            let taken: Vec<Platform> = taken.split(' ').map(platform).collect();
            for program in &all {
                let expected = taken.contains(program);
                assert_eq!(platform(engine).runs_natively(program), expected, "{program} on {engine}");
                assert!(!expected || platform(engine).may_run(program), "{program} on {engine}");
            }
        }
    }

    #[test]
    fn only_kin_may_run_without_an_emulator() {
        let table = [
            ("linux/arm64", "linux/arm/v7", true),
            ("linux/arm/v7", "linux/arm64", false),
            ("linux/arm/v6", "linux/arm/v7", true),
            ("linux/amd64", "linux/amd64/v3", true),
            ("linux/arm64", "linux/amd64", false),
            ("linux/amd64", "windows/amd64", false),
        ];
        for (engine, program, expected) in table {
            assert_eq!(platform(engine).may_run(&platform(program)), expected, "{program} on {engine}");
        }
    }
}
