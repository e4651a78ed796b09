//! Rule `lock-file`: one transport and one TLS in every binary.

use crate::{
    File, Finding,
    house::{BANNED_CRATES, ONE_VERSION},
};

const RULE: &str = "lock-file";
const TWICE: &str = "two versions are two sets of types that do not fit, and twice the code; align what needs them";
const BANNED: &str = "TLS is rustls with ring, which builds everywhere without a C toolchain's libraries";

/// Looks for second versions and banned crates in the workspace's `Cargo.lock`, and at no other file.
pub fn check(file: &File) -> Vec<Finding> {
    if file.path != "Cargo.lock" {
        return Vec::new();
    }
    let finding = |line, what, why| Finding { path: file.path.clone(), line, rule: RULE, what, why };
    let mut seen = Vec::new();
    let mut findings = Vec::new();
    for (line, name) in packages(&file.text) {
        if BANNED_CRATES.contains(&name) {
            findings.push(finding(line, format!("`{name}`"), BANNED));
        }
        if ONE_VERSION.contains(&name) && seen.contains(&name) {
            findings.push(finding(line, format!("another version of `{name}`"), TWICE));
        }
        seen.push(name);
    }
    findings
}

/// The line and name of every package. The file is Cargo's own, which writes a name at the beginning of a line.
fn packages(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let name = |line: &'_ str| -> Option<(usize, usize)> {
        let rest = line.strip_prefix("name = \"")?;
        Some((line.len() - rest.len(), line.len() - rest.len() + rest.find('"')?))
    };
    text.lines().enumerate().filter_map(move |(at, line)| name(line).map(|(from, to)| (at + 1, &line[from..to])))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, packages: &[&str]) -> Vec<String> {
        let package = |name: &&str| {
            format!("[[package]]\nname = \"{name}\"\nversion = \"1.0.0\"\ndependencies = [\n \"ring\",\n]\n")
        };
        let file = File { path: path.to_owned(), text: packages.iter().map(package).collect() };
        check(&file).into_iter().map(|finding| format!("{}: {}", finding.line, finding.what)).collect()
    }

    #[test]
    fn one_version_passes_and_two_do_not() {
        assert_eq!(found("Cargo.lock", &["hyper", "rustls", "rustls-webpki", "syn", "syn"]), Vec::<String>::new());
        for name in ONE_VERSION {
            assert_eq!(found("Cargo.lock", &[name, name]), [format!("8: another version of `{name}`")]);
        }
    }

    #[test]
    fn banned_crates_are_found() {
        for name in BANNED_CRATES {
            assert_eq!(found("Cargo.lock", &[name]), [format!("2: `{name}`")]);
            assert_eq!(found("fuzz/Cargo.lock", &[name]), Vec::<String>::new());
        }
    }
}
