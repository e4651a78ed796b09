//! What is refused, and what would be right.

use crate::desk::Desk;
use acre_client::farm::{Expected, FarmClient, TaskSecrets};
use insta::assert_snapshot;

#[test]
fn what_cannot_be_is_told_with_what_would_be_right() {
    let desk = Desk::new();
    desk.types(&[
        "task create -n web -c https://git.example/team/web.git#main",
        "task create -n off --cmd 'r.example/tools:1 x' -c /dev/null --status Disabled --schedule '0 1 * * *'",
    ]);
    assert_snapshot!(
        "refused",
        desk.types(&[
            "task show -n none",
            "task show -n none -o json",
            "task update -n none --status Disabled",
            "task delete -n none",
            "task run -n none --no-wait",
            "task run -n off --no-wait",
            "task show -n off",
            "task create -n web -c https://git.example/team/web.git#main",
            "task create -n 'a b' --cmd x -c /dev/null",
            "task create -n other",
            "task create -n other -c ./src",
            "task create -n other -c /dev/null",
            "task create -n other --cmd x -c /dev/null --schedule 'n:0 25 * * *' --schedule 'n:0 1,2,99 * * *'",
            "task create -n other --cmd x -c /dev/null --schedule 'n:0 1 * *'",
            "task create -n other --cmd x -c /dev/null --schedule 'n:0 1 * * * Europe/Berlim'",
            "task create -n other -c https://git.example/team/web.git -t Web:1",
            "task create -n other -c https://user:pass@git.example/team/web.git",
            "task timer add -n web --timer-name n",
            "task timer add -n web --timer-name n --schedule '* * * * SUNDAY'",
            "task timer update -n web --timer-name n --status Disabled",
            "task timer remove -n web --timer-name n",
            "task timer add -n off --timer-name t1 --schedule '0 1 * * *'",
            "task credential remove -n web --login-server r.example",
            "task webhook -n none",
            "task show-run --run-id 0000000000",
            "task show-run",
            "task cancel-run --run-id nonsense",
            "project show none",
            "project delete none --yes",
        ])
    );
}

#[test]
fn a_task_that_was_changed_meanwhile_is_not_overwritten() {
    let desk = Desk::new();
    desk.types(&["task create -n web -c https://git.example/team/web.git#main"]);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let said = runtime.block_on(async {
        let socket = desk.path("farm.sock");
        let farm = FarmClient::connect("here".to_owned(), &socket, Default::default(), None).await.unwrap();
        let read = farm.task(&"web".parse().unwrap()).await.unwrap();
        let expected = Expected::Version(read.updated_at);
        let mut first = read.clone();
        first.timeout_ms = 1000;
        farm.put_task(first, expected, TaskSecrets::default()).await.unwrap();
        farm.put_task(read, expected, TaskSecrets::default()).await.unwrap_err().shown().unwrap()
    });
    assert_snapshot!("changed-meanwhile", said);
}
