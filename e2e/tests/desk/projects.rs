//! Projects: what is in them, and removing all of it.

use crate::desk::{Desk, ended, record};
use acre_model::run::{RunStatus, RunView};
use insta::assert_snapshot;

#[test]
fn a_project_is_there_as_long_as_something_is_in_it() {
    let run = ended("web", 60, RunStatus::Succeeded, None);
    let run = RunView { project: "old".parse().unwrap(), ..run };
    let desk = Desk::with(vec![record(&run)]);
    desk.write("value", "v\n");
    assert_snapshot!(
        "projects",
        desk.types(&[
            "project list",
            "secret set npm --project old < value",
            "secret set key --project old-2 < value",
            "login r.example -u me --password-stdin --project old < value",
            "task create -n web -c https://git.example/team/web.git --project old --schedule '0 1 * * *'",
            "task create -n sweep --cmd 'r.example/tools:1 x' -c /dev/null --project busy",
            "task webhook --registries --project hooked",
            "task run -n sweep --project busy --no-wait",
            "project list",
            "project list -o json",
            "project show old",
            "project show old -o json",
            "project show --project busy",
            "project delete busy --yes",
            "project delete old",
            "project delete old --yes",
            "project show old",
            "task list --project old",
            "project list",
            "task create -n web -c https://git.example/team/web.git --project old",
            "project show old",
            "project delete hooked --yes",
            "project delete default --yes",
        ])
    );
}
