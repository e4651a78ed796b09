//! Projects and what they keep, for people.

use super::table::{ago, table};
use crate::farm::{ProjectView, StoredLogin, StoredSecret};
use acre_model::{text::clip, time::Timestamp};

/// The table of `acre project list`.
pub fn list(projects: &[ProjectView]) -> String {
    let row = |project: &ProjectView| {
        [
            clip(&project.name),
            project.tasks.to_string(),
            project.runs.to_string(),
            project.runs_going_on.to_string(),
            clip(&project.secrets.join(", ")),
        ]
    };
    table(["NAME", "TASKS", "RUNS", "GOING ON", "SECRETS"], projects.iter().map(row))
}

/// `acre project show`.
pub fn show(project: &ProjectView) -> String {
    let ProjectView { name, tasks, runs, runs_going_on, runs_archived, secrets, logins } = project;
    let names = |names: &[String]| match names {
        [] => "none".to_owned(),
        names => names.iter().map(|name| clip(name)).collect::<Vec<_>>().join(", "),
    };
    format!(
        "Project   {}\nTasks     {tasks}\nRuns      {runs}, of which {runs_going_on} go on and {runs_archived} are kept whatever their age\nSecrets   {}\nLogins    {}\n",
        clip(name),
        names(secrets),
        names(logins),
    )
}

/// What was removed with a project.
pub fn deleted(project: &ProjectView) -> String {
    let ProjectView { name, tasks, runs, secrets, logins, .. } = project;
    let (secrets, logins) = (secrets.len(), logins.len());
    format!("project {} is removed: tasks {tasks}, runs {runs}, secrets {secrets}, logins {logins}\n", clip(name))
}

/// The table of `acre secret list`.
pub fn secrets(secrets: &[StoredSecret], now: Timestamp) -> String {
    let row = |secret: &StoredSecret| [clip(&secret.id), ago(now.millis_since(secret.set_at))];
    table(["SECRET", "SET"], secrets.iter().map(row))
}

/// The table of `acre login --list`.
pub fn logins(logins: &[StoredLogin], now: Timestamp) -> String {
    let row = |login: &StoredLogin| [clip(&login.registry), clip(&login.username), ago(now.millis_since(login.set_at))];
    table(["REGISTRY", "USER", "SET"], logins.iter().map(row))
}
