//! Rules `machine-path` and `package-host`: the repository is at home on every machine and behind every mirror.

use crate::{
    File, Finding,
    house::{MACHINE_PATHS, PACKAGE_HOSTS},
};

/// Looks at every line of every file except a `Cargo.lock`, in which Cargo names where packages come from.
pub fn check(file: &File) -> Vec<Finding> {
    if file.path == "Cargo.lock"
        || file.path.ends_with("/Cargo.lock")
        || !all().any(|(words, ..)| words.iter().any(|word| file.text.contains(word)))
    {
        return Vec::new();
    }
    let line = |(at, line): (usize, &str)| {
        let found = all().flat_map(|(words, rule, why)| words.iter().map(move |word| (*word, rule, why)));
        let found: Vec<_> = found.filter(|(word, ..)| has(line, word)).collect();
        let path = file.path.clone();
        found.into_iter().map(move |(word, rule, why)| Finding {
            path: path.clone(),
            line: at + 1,
            rule,
            what: format!("`{word}`"),
            why,
        })
    };
    file.text.lines().enumerate().flat_map(line).collect()
}

/// The words, by rule and reason.
fn all() -> impl Iterator<Item = (&'static [&'static str], &'static str, &'static str)> {
    [
        (MACHINE_PATHS, "machine-path", "a path of one machine is not there on the next"),
        (
            PACKAGE_HOSTS,
            "package-host",
            "where packages come from is the machine's to say: mirrors, proxies, no network",
        ),
    ]
    .into_iter()
}

/// Whether `line` has `word`, a path only where it begins: `src/…` is no path from the root.
fn has(line: &str, word: &str) -> bool {
    let begins = |at: usize| {
        let before = line[..at].chars().next_back();
        !word.starts_with('/') || !before.is_some_and(|sign| sign.is_alphanumeric() || "._-/*})$".contains(sign))
    };
    line.match_indices(word).any(|(at, _)| begins(at))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, text: &str) -> Vec<String> {
        let file = File { path: path.to_owned(), text: text.to_owned() };
        check(&file).into_iter().map(|finding| format!("{}: {}", finding.line, finding.rule)).collect()
    }

    #[test]
    fn paths_of_a_machine_are_found_where_they_begin() {
        for path in MACHINE_PATHS {
            assert_eq!(found("docs/a.md", &format!("a\nsee \"{path}main\"")), ["2: machine-path"]);
            assert_eq!(
                found("docs/a.md", &format!("see target{path}main, ./x{path}, ${{home}}{path}y")),
                Vec::<String>::new()
            );
        }
    }

    #[test]
    fn package_hosts_are_found_outside_the_lock_file() {
        for host in PACKAGE_HOSTS {
            let text = format!("curl https://{host}/x");
            assert_eq!(found("infra/lib/a.sh", &text).last().unwrap(), "1: package-host");
            for lock in ["Cargo.lock", "fuzz/Cargo.lock"] {
                assert_eq!(found(lock, &text), Vec::<String>::new());
            }
        }
        assert_eq!(found("infra/lib/a.sh", "apt-get install cargo"), Vec::<String>::new());
    }
}
