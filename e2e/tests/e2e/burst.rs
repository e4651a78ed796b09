//! A thousand deliveries at once, and a scheduler that is killed among them.

use acre_e2e::{
    farm::{Farm, Part},
    hooks::{self, Door},
    wait,
};
use serde_json::{Value, json};
use std::{
    collections::BTreeSet,
    sync::{Mutex, PoisonError},
    thread,
    time::Duration,
};

/// Nobody is asked there.
const REPOSITORY: &str = "https://git.invalid/team/app.git";
/// Deliveries, each of a commit of its own.
const DELIVERIES: usize = 1000;
/// How many are under way at one time.
const AT_ONCE: usize = 32;
/// How soon something of the whole burst is done.
const DONE: Duration = Duration::from_secs(60);

/// None is 0: that stands for a branch that is gone.
fn commit(number: usize) -> String {
    format!("{:040x}", number + 1)
}

/// What GitHub tells of a push to `main`, as far as it is looked at.
fn pushed(commit: &str) -> String {
    let repository = json!({ "clone_url": REPOSITORY });
    json!({ "ref": "refs/heads/main", "after": commit, "repository": repository, "commits": [] }).to_string()
}

/// A host with pushes to tell.
struct Host<'a> {
    door: &'a Door,
    secret: String,
    acknowledged: Mutex<BTreeSet<usize>>,
}

impl Host<'_> {
    /// Tells of these commits, each once; keeps in mind which were acknowledged.
    fn tell(&self, commits: Vec<usize>) {
        let left = Mutex::new(commits.into_iter());
        let next = || left.lock().unwrap_or_else(PoisonError::into_inner).next();
        let work = || {
            while let Some(number) = next() {
                let body = pushed(&commit(number));
                if let Some((200 | 202, _)) = self.door.push("app", &self.secret, &body) {
                    self.acknowledged.lock().unwrap_or_else(PoisonError::into_inner).insert(number);
                }
            }
        };
        thread::scope(|scope| (0..AT_ONCE).for_each(|_| drop(scope.spawn(work))));
    }

    fn acknowledged(&self) -> BTreeSet<usize> {
        self.acknowledged.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Those that a host tells of once more.
    fn rest(&self) -> Vec<usize> {
        let acknowledged = self.acknowledged();
        (0..DELIVERIES).filter(|number| !acknowledged.contains(number)).collect()
    }
}

/// The commits of the newest runs of the task, up to so many as one list has.
fn commits(farm: &Farm) -> Vec<String> {
    let output = farm.acre(&["task", "list-runs", "-n", "app", "--top", "1000", "-o", "json"]);
    let runs: Vec<Value> = serde_json::from_str(&output.ended(0).stdout).expect("it is JSON");
    let commit = |run: &Value| run["origin"]["cause"]["commit"]["commit"].as_str().expect("a commit").to_owned();
    runs.iter().map(commit).collect()
}

/// No agent is in the pool of its runs, so that they wait; they are canceled in the end.
#[test]
fn each_of_a_thousand_deliveries_has_one_run_though_the_scheduler_is_killed_among_them() {
    let farm = Farm::new();
    let door = Door::of(&farm);
    let context = format!("{REPOSITORY}#main");
    farm.acre(&["task", "create", "-n", "app", "-c", &context, "-f", "acb.yaml", "--agent-pool", "nobodys"]).ended(0);
    let host = Host { door: &door, secret: hooks::secret(&farm, &["-n", "app"]), acknowledged: Mutex::default() };

    thread::scope(|scope| {
        scope.spawn(|| host.tell((0..DELIVERIES).collect()));
        let half = || (host.acknowledged().len() >= DELIVERIES / 2).then_some(());
        wait::until("half of them are acknowledged", DONE, half);
        farm.kill(Part::Scheduler);
    });
    let before = host.acknowledged();
    assert!(before.len() < DELIVERIES, "the scheduler was killed too late");
    farm.acre_with(&[hooks::PATIENCE], "", &["up"]).ended(0);
    wait::until("all are acknowledged", DONE, || {
        host.tell(host.rest());
        host.rest().is_empty().then_some(())
    });
    // An answer may have been lost on its way: hosts tell some again that were acknowledged.
    host.tell(before.into_iter().step_by(25).collect());

    let expected: BTreeSet<String> = (0..DELIVERIES).map(commit).collect();
    wait::until("every delivery has its run", DONE, || (commits(&farm).len() == DELIVERIES).then_some(()));
    let found = commits(&farm);
    assert_eq!(found.iter().cloned().collect::<BTreeSet<_>>(), expected);
    // One list has no more than that: all that were there are counted where they are canceled.
    farm.acre(&["down", "--now"]).ended(0).says(&format!("{DELIVERIES} runs were canceled"));
}
