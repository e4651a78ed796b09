//! Rule `wire-door`: messages of the protocol are converted where they come in, and go no further.

use super::Source;
use crate::{Finding, house::DOORS, place};

const RULE: &str = "wire-door";
const WHY: &str = "messages stop at the doors listed in infra/tidy/src/house.rs; inside there are types of acre_model";

/// Finds paths into `acre_proto::v1` away from the doors.
pub fn check(source: &Source<'_>) -> Vec<Finding> {
    if place::inside_any(source.path, DOORS) {
        return Vec::new();
    }
    let messages = source.paths.iter().filter(|path| path.brings(&["acre_proto", "v1"]));
    messages.map(|path| source.finding(path.line, RULE, format!("`{}`", path.text()), WHY)).collect()
}

#[cfg(test)]
mod tests {
    use super::super::found;

    #[test]
    fn messages_pass_at_doors_only() {
        let text = "use acre_proto::{Invalid,\n v1::{self, Run}};\nfn f(a: v1::Run, b: Run) {}";
        assert_eq!(found("scheduler/src/api/runs.rs", text), Vec::<String>::new());
        assert_eq!(found("tree/src/upload.rs", text), Vec::<String>::new());
        assert_eq!(
            found("scheduler/src/driver/mod.rs", text),
            ["2: wire-door: `acre_proto::v1::Run`", "2: wire-door: `acre_proto::v1`"]
        );
    }

    #[test]
    fn other_names_and_globs_do_not_hide_them() {
        for text in
            ["use acre_proto as p; type A = p::v1::Run;", "use acre_proto::*;", "fn f(a: &acre_proto::v1::Run) {}"]
        {
            assert_eq!(found("scheduler/src/driver/mod.rs", text).len(), 1, "{text}");
        }
    }

    #[test]
    fn what_is_no_message_passes() {
        let text = "use acre_proto::{Invalid, tree::decode}; use other::v1::Run; mod v1 {}";
        assert_eq!(found("scheduler/src/driver/mod.rs", text), Vec::<String>::new());
    }
}
