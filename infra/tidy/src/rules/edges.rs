//! Rule `crate-edge`: members of the workspace depend on one another as the house was planned.

use crate::{
    Finding, Member, Tree,
    house::{EDGES, IMPORTED_BY_NOBODY, May},
};

const RULE: &str = "crate-edge";

/// Looks at every edge between two members of the workspace.
pub fn check(tree: &Tree) -> Vec<Finding> {
    tree.members.iter().flat_map(|member| edges(member, tree)).collect()
}

fn edges(member: &Member, tree: &Tree) -> Vec<Finding> {
    let manifest = tree.files.iter().find(|file| file.path == member.manifest).map_or("", |file| &file.text);
    let finding = |line, what, why| Finding { path: member.manifest.clone(), line, rule: RULE, what, why };
    let Some((_, may)) = EDGES.iter().find(|(name, _)| *name == member.name) else {
        let what = format!("{} is no member that the rules know", member.name);
        return vec![finding(
            1,
            what,
            "every member has its row in infra/tidy/src/house.rs, so that its edges are decided",
        )];
    };
    let within = |name: &&String| tree.members.iter().any(|other| other.name == **name && other.name != member.name);
    let refused = |name: &String| {
        let why = refusal(*may, name)?;
        Some(finding(line_of(manifest, name), format!("{} depends on {name}", member.name), why))
    };
    member.dependencies.iter().filter(within).filter_map(refused).collect()
}

/// The first line of `manifest` that says `name` and not only the beginning of a longer one; 1 if none does.
fn line_of(manifest: &str, name: &str) -> usize {
    let continues = |sign: char| sign.is_alphanumeric() || "-_".contains(sign);
    let says = |line: &str| line.match_indices(name).any(|(at, _)| !line[at + name.len()..].starts_with(continues));
    manifest.lines().position(says).map_or(1, |at| at + 1)
}

/// Why a member that may use `may` may not depend on `name`; none if it may.
fn refusal(may: May, name: &str) -> Option<&'static str> {
    if IMPORTED_BY_NOBODY.contains(&name) {
        return Some("tests and tools of the house are imported by nobody");
    }
    match may {
        May::UseAll => None,
        May::Use(names) if names.contains(&name) => None,
        May::Use([]) => Some("it stands alone"),
        May::Use(_) => Some(
            "the house: task, proto on model; tree, link on proto; scheduler on task; agent and client on tree, link; client on task",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(edges: &[(&str, &[&str])]) -> Vec<String> {
        let member = |(name, dependencies): &(&str, &[&str])| Member {
            name: (*name).to_owned(),
            manifest: format!("{name}/Cargo.toml"),
            dependencies: dependencies.iter().map(|name| (*name).to_owned()).collect(),
        };
        let tree = Tree { files: Vec::new(), members: edges.iter().map(member).collect() };
        check(&tree).into_iter().map(|finding| finding.what).collect()
    }

    #[test]
    fn the_planned_edges_pass() {
        let edges: &[(&str, &[&str])] = &[
            ("acre-model", &["serde"]),
            ("acre-task", &["acre-model"]),
            ("acre-scheduler", &["acre-model", "acre-task"]),
            ("acre-agent", &[]),
            ("acre-e2e", &["acre-scheduler", "acre-agent"]),
        ];
        assert_eq!(found(edges), Vec::<String>::new());
    }

    #[test]
    fn every_other_edge_is_found() {
        let all: Vec<&str> = EDGES.iter().map(|(name, _)| *name).collect();
        let members: Vec<(&str, &[&str])> = all.iter().map(|name| (*name, all.as_slice())).collect();
        let found = found(&members);
        for edge in [
            "acre-model depends on acre-task",
            "acre-task depends on acre-tree",
            "acre-scheduler depends on acre-agent",
            "acre-agent depends on acre-task",
            "acre-client depends on acre-scheduler",
            "acre-e2e depends on acre-tidy",
            "acre-tidy depends on acre-model",
        ] {
            assert!(found.iter().any(|what| what == edge), "{edge} is not in {found:#?}");
        }
        // 210 pairs of 15 members, of which 31 are planned and 11 are free to the end-to-end tests.
        assert_eq!(found.len(), 210 - 31 - 11);
    }

    #[test]
    fn a_member_without_a_row_is_found() {
        assert_eq!(found(&[("acre-extra", &[])]), ["acre-extra is no member that the rules know"]);
    }

    #[test]
    fn the_line_is_that_of_the_dependency() {
        let manifest =
            "[package]\nname = \"acre-agent\"\n[dependencies]\nacre-task-more = \"1\"\nacre-task.workspace = true\n";
        assert_eq!(line_of(manifest, "acre-task"), 5);
        assert_eq!(line_of(manifest, "acre-tree"), 1);
    }
}
