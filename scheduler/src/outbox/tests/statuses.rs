//! Statuses of commits, at a host that speaks as Gitea does.

use super::{
    receiver::{Heard, Receiver, plain},
    *,
};
use crate::tell::{
    News,
    examples::{COMMIT, ended, run},
};
use acre_model::{
    ids::RunId, origin::Start, run::RunStatus, secret::Confidential, stored_task::Overrides, trigger::Provider,
};

const PATH: &str = "/api/v1/repos/o/r/statuses/6dcb09b5b57875f334f61aebed695e2e4193db5e";

fn of(tiding: Tiding, host: &Receiver, number: u32) -> Tiding {
    let cause = Start::Commit {
        commit: COMMIT.to_owned(),
        branch: Some("main".to_owned()),
        tag: None,
        provider: Some(Provider::Gitea),
    };
    let source = format!("{}#{COMMIT}", host.url("/o/r.git"));
    Tiding { cause, source, run: run(number), ..tiding }
}

/// The three moments of a run that succeeded.
fn whole(host: &Receiver, number: u32) -> [Tiding; 3] {
    let started = Tiding { news: News::Started, ..accepted() };
    [accepted(), started, ended(RunStatus::Succeeded, None)].map(|tiding| of(tiding, host, number))
}

fn state(heard: &Heard) -> String {
    assert_eq!((heard.method.as_str(), heard.path.as_str()), ("POST", PATH));
    assert_eq!(heard.headers["authorization"], "token t0ken");
    assert_eq!(heard.json()["context"], "acre/web");
    let text = heard.json()["description"].as_str().unwrap().to_owned();
    format!("{} {}", heard.json()["state"].as_str().unwrap(), text.split(' ').next().unwrap())
}

/// A host, and a task whose repository is there.
async fn hosted() -> (TempDir, Arc<Hands>, Working, Receiver) {
    let (folder, clock, working) = world().await;
    let host = Receiver::start().await;
    working.keep_task(&host.url("/o/r.git"), Some("t0ken")).await;
    (folder, clock, working, host)
}

#[tokio::test]
async fn statuses_go_in_order_whatever_is_answered() {
    let (_folder, clock, working, mut host) = hosted().await;
    host.answers([plain(500), plain(503), plain(201), plain(400)]);
    let [first, second, third] = whole(&host, 1);
    // However they come.
    working.tell(&[third, first, second]).await;
    for _ in 0..2 {
        assert_eq!(state(&host.hears().await), "pending Queued");
        clock.sees_rest().await;
        clock.pass(2_000);
    }
    let rest = [host.hears().await, host.hears().await, host.hears().await];
    // What the host does not want is over, and the next one's turn comes.
    assert_eq!(rest.each_ref().map(state), ["pending Queued", "pending Running", "success Succeeded"]);
    working.is_empty().await;
    host.has_heard_nothing();
    working.stop().await;
}

#[tokio::test]
async fn what_was_not_told_before_a_death_is_told_after_it() {
    let (folder, clock, working, mut host) = hosted().await;
    host.answers([plain(500)]);
    let [first, second, third] = whole(&host, 1);
    working.tell(&[first]).await;
    assert_eq!(state(&host.hears().await), "pending Queued");
    working.stop().await;

    // What was stored and not looked at yet is looked at.
    let working = Working::on(folder.path(), &clock).await;
    assert_eq!(state(&host.hears().await), "pending Queued");
    working.is_empty().await;
    host.falls_silent();
    working.tell(&[second, third]).await;
    assert_eq!(state(&host.hears().await), "pending Running");
    working.stop().await;

    // Nobody was there to hear the answer: once more, and no more often.
    host.speaks();
    let working = Working::on(folder.path(), &clock).await;
    let rest = [host.hears().await, host.hears().await];
    assert_eq!(rest.each_ref().map(state), ["pending Running", "success Succeeded"]);
    working.is_empty().await;
    working.stop().await;
    let working = Working::on(folder.path(), &clock).await;
    working.is_empty().await;
    host.has_heard_nothing();
    working.stop().await;
}

#[tokio::test]
async fn a_host_that_asks_for_time_gets_it() {
    let (_folder, clock, working, mut host) = hosted().await;
    let mut other = Receiver::start().await;
    working.keep(notices::slack("ops", &other)).await;
    host.answers([(429, vec![("retry-after", "30".to_owned())], "slow down".to_owned())]);
    working.tell(&[of(accepted(), &host, 1)]).await;
    assert_eq!(state(&host.hears().await), "pending Queued");
    clock.sees_rest().await;
    clock.pass(29_999);
    // What others are told goes out meanwhile, and after it nothing more is to come.
    working.tell(&[of(ended(RunStatus::Failed, None), &host, 1)]).await;
    other.hears().await;
    host.has_heard_nothing();
    clock.pass(1);
    assert_eq!(state(&host.hears().await), "pending Queued");
    assert_eq!(state(&host.hears().await), "failure Failed");
    working.is_empty().await;
    working.stop().await;
}

#[tokio::test]
async fn an_older_run_does_not_speak_after_a_newer_one() {
    let (_folder, _clock, working, mut host) = hosted().await;
    let [first, _, last] = whole(&host, 1);
    working.tell(&[first]).await;
    assert_eq!(state(&host.hears().await), "pending Queued");
    working.tell(&[of(accepted(), &host, 2)]).await;
    assert_eq!(state(&host.hears().await), "pending Queued");
    working.is_empty().await;
    working.tell(&[last]).await;
    working.is_empty().await;
    working.tell(&[of(ended(RunStatus::Failed, None), &host, 2)]).await;
    assert_eq!(state(&host.hears().await), "failure Failed");
    working.is_empty().await;
    host.has_heard_nothing();
    working.stop().await;
}

#[tokio::test]
async fn a_token_goes_to_the_tasks_own_repository_and_nowhere_else() {
    let (_folder, _clock, working, mut host) = hosted().await;
    let mut other = Receiver::start().await;
    // Another repository than the task's; a redirect; a task without a token; one that is gone.
    working.tell(&[of(accepted(), &other, 1)]).await;
    working.is_empty().await;
    host.answers([(307, vec![("location", other.url("/stolen"))], String::new())]);
    working.tell(&[of(accepted(), &host, 2)]).await;
    assert_eq!(state(&host.hears().await), "pending Queued");
    working.is_empty().await;
    working.outbox.stored_tasks.delete(&Default::default(), &"web".parse().unwrap()).await.unwrap();
    working.tell(&[of(accepted(), &host, 3)]).await;
    working.keep_task(&host.url("/o/r.git"), None).await;
    working.tell(&[of(accepted(), &host, 4)]).await;
    working.is_empty().await;
    host.has_heard_nothing();
    other.has_heard_nothing();
    working.stop().await;
}

#[tokio::test]
async fn a_newer_commit_ends_what_an_older_one_started_where_the_task_wants_that() {
    let (_folder, _clock, working, mut host) = hosted().await;
    let tasks = &working.outbox.stored_tasks;
    let mut task = tasks.get(&Default::default(), &"web".parse().unwrap()).await.unwrap();
    let older = whole(&host, 1)[0].cause.clone();
    let Start::Commit { branch, provider, .. } = older.clone() else { panic!() };
    let newer = Start::Commit { commit: "b".repeat(40), branch, tag: None, provider };
    let mut runs = Vec::new();
    for (start, wants) in [(older, false), (Start::Manual, true), (newer, true)] {
        task.triggers.source.cancel_superseded = wants;
        let nothing = (Overrides::default(), Confidential::default());
        runs.push(tasks.run(&task, start, nothing, None).await.unwrap().run());
    }
    // The older one's beginning and end, and the newer one's beginning.
    let mut heard = Vec::new();
    for _ in 0..3 {
        let told = host.hears().await;
        heard.push(told.json()["description"].as_str().unwrap().to_owned());
    }
    let [older, _, newer] = runs.as_slice() else { panic!() };
    for expected in
        [format!("Queued as run {older}"), format!(": superseded by run {newer}"), format!("Queued as run {newer}")]
    {
        assert!(heard.iter().any(|text| text.ends_with(&expected)), "{expected}: {heard:?}");
    }
    working.is_empty().await;
    let live: Vec<RunId> = working.outbox.board.runs().iter().map(|run| run.id.clone()).rev().collect();
    assert_eq!(live, runs[1..]);
    working.stop().await;
}

#[tokio::test]
async fn the_driver_tells_of_runs_as_they_come_and_go() {
    let (folder, clock, working, mut host) = hosted().await;
    let start = whole(&host, 1)[0].cause.clone();
    let runs: Vec<RunId> = {
        let task = working.outbox.stored_tasks.get(&Default::default(), &"web".parse().unwrap()).await.unwrap();
        let mut runs = Vec::new();
        for start in [start, Start::Manual] {
            let nothing = (Overrides::default(), Confidential::default());
            runs.push(working.outbox.stored_tasks.run(&task, start, nothing, None).await.unwrap().run());
        }
        runs
    };
    assert_eq!(state(&host.hears().await), "pending Queued");
    working.is_empty().await;
    working.stop().await;
    let working = Working::on(folder.path(), &clock).await;
    for run in &runs {
        working.outbox.driver.cancel(run.clone()).await.unwrap();
    }
    let heard = host.hears().await;
    assert_eq!(state(&heard), "error Canceled");
    assert!(heard.json()["description"].as_str().unwrap().ends_with(": canceled by a user"), "{heard:?}");
    working.is_empty().await;
    host.has_heard_nothing();
    working.stop().await;
}
