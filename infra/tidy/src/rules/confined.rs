//! Rule `crate-place`: some crates are named in one corner only, behind a trait or a language of ours.

use super::Source;
use crate::{Finding, house::CONFINED, place};

const RULE: &str = "crate-place";

/// Finds names of confined crates outside their places. Tests are no exception.
pub fn check(source: &Source<'_>) -> Vec<Finding> {
    CONFINED
        .iter()
        .filter(|confined| !place::inside_any(source.path, confined.places))
        .flat_map(|confined| source.words(confined.crates, RULE, confined.why))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::found;

    #[test]
    fn confined_crates_pass_at_home_only() {
        for (name, home) in [
            ("bollard", "agent/src/engine/docker/images.rs"),
            ("bollard_buildkit_proto", "agent/src/engine/docker/buildkit/mod.rs"),
            ("etcd_client", "scheduler/src/store/etcd.rs"),
            ("redb", "scheduler/src/store.rs"),
            ("serde_yaml", "client/src/render/mod.rs"),
            ("serde_saphyr", "task/src/yaml.rs"),
            ("gotmpl", "task/tests/render.rs"),
        ] {
            let text = format!("//! {name}\n// {name}\nfn f() {{ {name}::g(\"{name}\") }}");
            assert_eq!(found(home, &text), Vec::<String>::new());
            for elsewhere in ["agent/src/engine/mod.rs", "scheduler/src/main.rs", "client/src/lib.rs"] {
                assert_eq!(found(elsewhere, &text), [format!("3: crate-place: `{name}`")]);
            }
        }
    }
}
