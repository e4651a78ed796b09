//! Every key of the store.

use crate::blobs::digest_of;
use acre_model::{
    ids::{AgentId, CommitId, NotificationName, ProjectName, RunId, SecretId, TaskName, TimerName, UnitId},
    joining::Token,
};
use std::ops::Range;

/// The scheduler that decides.
pub const LEADER: &str = "leader";
/// The leader's last commit: each one compares and replaces it, so that what became of one can always be found out.
pub const COMMIT: &str = "commit";
/// What the farm is: its identity.
pub const FARM: &str = "farm";

/// A run that has not ended.
pub fn live(run: &RunId) -> String {
    format!("live/{run}")
}

/// All runs that have not ended.
pub fn all_live() -> Range<String> {
    prefix("live/")
}

/// A run that has ended, as one record.
pub fn ended(project: &ProjectName, run: &RunId) -> String {
    format!("ended/{project}/{run}")
}

/// Runs of a project that have ended, before this one (all: `None`).
pub fn all_ended(project: &ProjectName, before: Option<&RunId>) -> Range<String> {
    let all = prefix(&format!("ended/{project}/"));
    match before {
        Some(run) => all.start..ended(project, run),
        None => all,
    }
}

/// All runs of all projects that have ended.
pub fn all_ended_everywhere() -> Range<String> {
    prefix("ended/")
}

/// A run that is kept, whatever its age.
pub fn archived(project: &ProjectName, run: &RunId) -> String {
    format!("archived/{project}/{run}")
}

/// All runs of a project that are kept, whatever their age.
pub fn all_archived(project: &ProjectName) -> Range<String> {
    prefix(&format!("archived/{project}/"))
}

/// All runs of all projects that are kept, whatever their age.
pub fn all_archived_everywhere() -> Range<String> {
    prefix("archived/")
}

/// An attempt's assignment; its revision is the attempt's fence.
pub fn assignment(agent: &AgentId, run: &RunId, unit: UnitId) -> String {
    format!("assignments/{agent}/{run}/{:08}", unit.0)
}

/// All assignments.
pub fn all_assignments() -> Range<String> {
    prefix("assignments/")
}

/// An agent that has a session; announced by the scheduler that serves it.
pub fn agent(agent: &AgentId) -> String {
    format!("agents/{agent}")
}

/// All agents that have a session.
pub fn all_agents() -> Range<String> {
    prefix("agents/")
}

/// The run that a project's idempotency key made.
pub fn idempotency(project: &ProjectName, key_digest: &str) -> String {
    format!("idempotency/{project}/{key_digest}")
}

/// All idempotency keys.
pub fn all_idempotency() -> Range<String> {
    prefix("idempotency/")
}

/// What a run that has not ended may know and nobody else; sealed.
pub fn confidential(run: &RunId) -> String {
    format!("confidential/{run}")
}

/// What all runs may know.
pub fn all_confidential() -> Range<String> {
    prefix("confidential/")
}

/// A secret of a project; sealed.
pub fn secret(project: &ProjectName, id: &SecretId) -> String {
    format!("secrets/{project}/{id}")
}

/// All secrets of a project.
pub fn all_secrets(project: &ProjectName) -> Range<String> {
    prefix(&format!("secrets/{project}/"))
}

/// A project's login to a registry, `host[:port]`; sealed.
pub fn login(project: &ProjectName, registry: &str) -> String {
    format!("logins/{project}/{registry}")
}

/// All logins of a project.
pub fn all_logins(project: &ProjectName) -> Range<String> {
    prefix(&format!("logins/{project}/"))
}

/// A task that a project keeps.
pub fn task(project: &ProjectName, task: &TaskName) -> String {
    format!("tasks/{project}/{task}")
}

/// All tasks of a project.
pub fn all_tasks(project: &ProjectName) -> Range<String> {
    prefix(&format!("tasks/{project}/"))
}

/// All tasks of all projects.
pub fn all_tasks_everywhere() -> Range<String> {
    prefix("tasks/")
}

/// What a task keeps secret; sealed.
pub fn task_confidential(project: &ProjectName, task: &TaskName) -> String {
    format!("task-confidential/{project}/{task}")
}

/// What a task built last, and from what.
pub fn lineage(project: &ProjectName, task: &TaskName) -> String {
    format!("lineages/{project}/{task}")
}

/// What all tasks built last.
pub fn all_lineages_everywhere() -> Range<String> {
    prefix("lineages/")
}

/// What all tasks of a project built last.
pub fn all_lineages(project: &ProjectName) -> Range<String> {
    prefix(&format!("lineages/{project}/"))
}

/// What the last run of a timer was for.
pub fn timer(project: &ProjectName, task: &TaskName, timer: &TimerName) -> String {
    format!("timers/{project}/{task}/{timer}")
}

/// All timers of a task.
pub fn all_timers(project: &ProjectName, task: &TaskName) -> Range<String> {
    prefix(&format!("timers/{project}/{task}/"))
}

/// Something that was told from outside and is not acted upon yet.
pub fn inbox(project: &ProjectName, delivery_digest: &str) -> String {
    format!("inbox/{project}/{delivery_digest}")
}

/// Everything that was told and is not acted upon yet.
pub fn all_inbox() -> Range<String> {
    prefix("inbox/")
}

/// Something that was told from outside, and what came of it.
pub fn delivered(project: &ProjectName, delivery_digest: &str) -> String {
    format!("delivered/{project}/{delivery_digest}")
}

/// Everything that was told, and what came of it.
pub fn all_delivered() -> Range<String> {
    prefix("delivered/")
}

/// What registries sign with that tell a project of images; sealed.
pub fn registry_hook(project: &ProjectName) -> String {
    format!("registry-hooks/{project}")
}

/// What the branches and tags of a task's repository stood for when it was last looked at.
pub fn heads(project: &ProjectName, task: &TaskName) -> String {
    format!("heads/{project}/{task}")
}

/// What is known of an image that tasks of a project build on.
pub fn image(project: &ProjectName, image: &str) -> String {
    format!("images/{project}/{}", digest_of(image.as_bytes()).hex())
}

/// What is known of all images.
pub fn all_images_everywhere() -> Range<String> {
    prefix("images/")
}

/// What is known of all images that tasks of a project build on.
pub fn all_images(project: &ProjectName) -> Range<String> {
    prefix(&format!("images/{project}/"))
}

/// A patched image on its way through tasks of a project; of one image, digest and tasks there is one.
pub fn wave(project: &ProjectName, image_digest: &str) -> String {
    format!("waves/{project}/{image_digest}")
}

/// All of a project that go on.
pub fn all_waves(project: &ProjectName) -> Range<String> {
    prefix(&format!("waves/{project}/"))
}

/// All that go on.
pub fn all_waves_everywhere() -> Range<String> {
    prefix("waves/")
}

/// What others are to be told of a run, before it is known who they are.
pub fn tiding(project: &ProjectName, run: &RunId, moment: u8) -> String {
    format!("tidings/{project}/{run}/{moment}")
}

/// Everything that others are to be told.
pub fn all_tidings() -> Range<String> {
    prefix("tidings/")
}

/// A message on its way to `lane`, which is in order of runs and their moments.
pub fn message(project: &ProjectName, lane: &str, run: &RunId, moment: u8) -> String {
    format!("outbox/{project}/{lane}/{run}/{moment}")
}

/// All messages on their way.
pub fn all_messages() -> Range<String> {
    prefix("outbox/")
}

/// What a commit's host was told last, of one task.
pub fn status_told(project: &ProjectName, task: &TaskName, commit: &CommitId) -> String {
    format!("statuses-told/{project}/{task}/{commit}")
}

/// What hosts were told last of all commits.
pub fn all_statuses_told() -> Range<String> {
    prefix("statuses-told/")
}

/// How the last run of a task ended that counts.
pub fn standing(project: &ProjectName, task: &TaskName) -> String {
    format!("standings/{project}/{task}")
}

/// Somebody whom a project notifies; sealed.
pub fn notification(project: &ProjectName, name: &NotificationName) -> String {
    format!("notifications/{project}/{name}")
}

/// All whom a project notifies.
pub fn all_notifications(project: &ProjectName) -> Range<String> {
    prefix(&format!("notifications/{project}/"))
}

/// A token for joining the farm; its secret is hashed.
pub fn token(id: &[u8; Token::ID]) -> String {
    format!("tokens/{}", Token::id_text(id))
}

/// All tokens for joining the farm.
pub fn all_tokens() -> Range<String> {
    prefix("tokens/")
}

/// A record that could not be read, put aside.
pub fn quarantine(key: &str) -> String {
    format!("quarantine/{key}")
}

/// All records that were put aside.
pub fn all_quarantined() -> Range<String> {
    prefix("quarantine/")
}

/// What makes a project be there, as people see it: records `KIND/PROJECT/…`, or one `KIND/PROJECT`.
pub const OF_PROJECTS: [&str; 6] = ["ended", "logins", "notifications", "registry-hooks", "secrets", "tasks"];

/// What goes with a project besides, being remembered of it or of what is in it.
const BESIDE_PROJECTS: [&str; 14] = [
    "archived",
    "delivered",
    "heads",
    "idempotency",
    "images",
    "inbox",
    "lineages",
    "outbox",
    "standings",
    "statuses-told",
    "task-confidential",
    "tidings",
    "timers",
    "waves",
];

/// Everything of this kind, of all projects.
pub fn all_of_kind(kind: &str) -> Range<String> {
    prefix(&format!("{kind}/"))
}

/// The project of a record of one of these kinds, and the first key that may be another's.
pub fn project_of(key: &str) -> Option<(ProjectName, String)> {
    let mut parts = key.split('/');
    let (kind, project) = (parts.next()?, parts.next()?);
    let after = if parts.next().is_some() { prefix(&format!("{kind}/{project}/")).end } else { format!("{key}\0") };
    Some((project.parse().ok()?, after))
}

/// Everything that is kept for a project: first what starts its runs.
pub fn all_of_project(project: &ProjectName) -> Vec<Range<String>> {
    const STARTING: [&str; 6] = ["tasks", "timers", "inbox", "waves", "lineages", "task-confidential"];
    let hook = registry_hook(project);
    let hook = hook.clone()..format!("{hook}\0");
    let others = OF_PROJECTS.iter().chain(&BESIDE_PROJECTS).filter(|kind| !STARTING.contains(kind));
    let all = STARTING.iter().chain(others).map(|kind| prefix(&format!("{kind}/{project}/")));
    std::iter::once(hook).chain(all).collect()
}

/// All keys that begin with `prefix`, which ends with `/`; `0` follows `/` in ASCII.
fn prefix(prefix: &str) -> Range<String> {
    let end = format!("{}0", &prefix[..prefix.len() - 1]);
    prefix.to_owned()..end
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_project_is_found_by_its_records_and_its_neighbours_are_not_skipped() {
        let table = [
            ("tasks/web/a", Some(("web", "tasks/web0"))),
            ("tasks/web-2/a", Some(("web-2", "tasks/web-20"))),
            ("registry-hooks/web", Some(("web", "registry-hooks/web\0"))),
            ("farm", None),
        ];
        for (key, expected) in table {
            let found = project_of(key);
            let found = found.as_ref().map(|(project, after)| (project.as_str(), after.as_str()));
            assert_eq!(found, expected, "{key}");
        }
    }

    #[test]
    fn all_of_a_project_is_nothing_of_another() {
        let (web, other) = ("web".parse().unwrap(), "web-2".parse().unwrap());
        let task: TaskName = "t".parse().unwrap();
        let keys = |project: &ProjectName| {
            let run = RunId::new(1, 0, 0);
            [
                ended(project, &run),
                archived(project, &run),
                idempotency(project, "k"),
                secret(project, &"s".parse().unwrap()),
                login(project, "r"),
                self::task(project, &task),
                task_confidential(project, &task),
                lineage(project, &task),
                timer(project, &task, &"n".parse().unwrap()),
                inbox(project, "d"),
                delivered(project, "d"),
                registry_hook(project),
                wave(project, "w"),
                tiding(project, &run, 0),
                message(project, "notify/n", &run, 2),
                status_told(project, &task, &"a".repeat(40).parse().unwrap()),
                standing(project, &task),
                notification(project, &"n".parse().unwrap()),
            ]
        };
        let all = all_of_project(&web);
        let is_in = |key: &String| all.iter().filter(|range| range.contains(key)).count();
        for key in keys(&web) {
            assert_eq!(is_in(&key), 1, "{key}");
        }
        for key in keys(&other) {
            assert_eq!(is_in(&key), 0, "{key}");
        }
    }
}
