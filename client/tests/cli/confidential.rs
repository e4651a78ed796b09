//! What comes with a submission and is no part of it: secrets and logins.

use crate::support::{
    acre::{Ended, World, end},
    farm::Scenario,
};
use acre_model::{
    run::RunStatus,
    secret::Confidential,
    submission::{Submission, TaskSource},
};
use std::os::unix::fs::PermissionsExt;

const VALUE: &str = "s3cret-value";

/// What arrives where `acre` is run with these words and variables.
async fn handed_in(world: &World, words: &[&str], env: &[(&str, &str)]) -> (Ended, Submission, Confidential) {
    let farm = world.farm(Scenario::ending(RunStatus::Succeeded));
    let mut command = world.acre_on_farm(words);
    command.envs(env.iter().copied());
    let ended = end(command).await;
    assert_eq!(ended.code, Some(0), "{words:?}: {ended:?}");
    let told = format!("{}{}", ended.stdout, ended.stderr);
    assert!(!told.contains(VALUE), "{words:?}: a secret is told: {told}");
    let (submission, confidential) = farm.asked(|asked| (asked.submissions[0].clone(), asked.confidential[0].clone()));
    let stored = serde_json::to_string(&submission).unwrap();
    assert!(!stored.contains(VALUE), "{words:?}: a secret is part of the submission: {stored}");
    (ended, submission, confidential)
}

fn secrets(confidential: &Confidential) -> Vec<(&str, &str)> {
    let text = |value| std::str::from_utf8(value).unwrap();
    confidential.secrets.iter().map(|(id, value)| (id.as_str(), text(value.expose()))).collect()
}

#[tokio::test]
async fn secret_values_come_from_variables_files_and_words() {
    let world = World::default();
    world.write("token", VALUE);
    let words = [
        "run",
        "--set-secret",
        "A",
        "--set-secret",
        "b=@token",
        "--set-secret",
        "c=s3cret-value",
        "--cmd",
        "bash",
        "/dev/null",
    ];
    let (_, submission, confidential) = handed_in(&world, &words, &[("A", VALUE)]).await;
    assert_eq!(submission.secret_sets, ["A", "b", "c"]);
    assert_eq!(secrets(&confidential), [("set.A", VALUE), ("set.b", VALUE), ("set.c", VALUE)]);
}

#[tokio::test]
async fn secrets_and_keys_of_a_build_are_declared_and_sent() {
    let world = World::default();
    world.write("src/Dockerfile", "FROM scratch\n");
    world.write("key", VALUE);
    let words = ["build", "--secret", "id=npm,env=NPM", "--secret", "id=key", "--ssh", "default=key", "src"];
    let (_, submission, confidential) = handed_in(&world, &words, &[("NPM", VALUE)]).await;
    let TaskSource::Text(task) = submission.task else { panic!("a build brings its task") };
    assert!(task.text.contains("--secret id=npm --secret id=key --ssh default=ssh.default"), "{}", task.text);
    assert_eq!(secrets(&confidential), [("key", VALUE), ("npm", VALUE), ("ssh.default", VALUE)]);
}

#[tokio::test]
async fn values_that_cannot_be_had_are_told_at_once_and_nothing_is_handed_in() {
    let world = World::default();
    let farm = world.farm(Scenario::ending(RunStatus::Succeeded));
    let words = ["run", "--set-secret", "NOT_SET", "--set-secret", "b=@nowhere", "--cmd", "bash", "/dev/null"];
    let ended = end(world.acre_on_farm(&words)).await;
    let expected = ["--set-secret `NOT_SET`: there is no variable", "--set-secret `b`: cannot read nowhere"];
    assert!(ended.code == Some(2) && expected.iter().all(|part| ended.stderr.contains(part)), "{ended:?}");
    assert!(farm.asked(|asked| asked.submissions.is_empty()));
}

#[tokio::test]
async fn dockers_logins_go_to_the_registries_of_the_run_alone() {
    let world = World::default();
    // `me:s3cret-value` in base64.
    let auth = "bWU6czNjcmV0LXZhbHVl";
    let config = format!(
        r#"{{"auths": {{"run.example": {{"auth": "{auth}"}}, "https://index.docker.io/v1/": {{"auth": "{auth}"}},
        "other.example": {{"auth": "{auth}"}}}}, "credHelpers": {{"helped.example": "test", "sick.example": "gone"}}}}"#
    );
    world.write(".docker/config.json", &config);
    let helper = world.write(
        "bin/docker-credential-test",
        "#!/bin/sh\nread server\n[ \"$1 $server\" = 'get helped.example' ] || exit 1\necho '{\"ServerURL\":\"x\",\"Username\":\"helped\",\"Secret\":\"s3cret-value\"}'\n",
    );
    std::fs::set_permissions(&helper, std::fs::Permissions::from_mode(0o755)).unwrap();
    world.write(
        "src/acb.yaml",
        "steps:\n  - cmd: bash\n  - cmd: helped.example/tool:1\n  - cmd: sick.example/tool:1\n  - cmd: unknown.example/x\n",
    );
    let path = format!("{}:/usr/bin:/bin", world.path("bin").display());
    let words = ["run", "-r", "run.example/team", "src"];
    let (ended, _, confidential) = handed_in(&world, &words, &[("PATH", &path)]).await;
    let logins: Vec<_> =
        confidential.logins.iter().map(|login| (login.registry.as_str(), login.username.as_str())).collect();
    assert_eq!(logins, [("docker.io", "me"), ("helped.example", "helped"), ("run.example", "me")]);
    assert!(confidential.logins.iter().all(|login| login.password.expose() == VALUE.as_bytes()));
    let warning = "acre: warning: docker-credential-gone gives no login to sick.example: ";
    assert!(ended.stderr.starts_with(warning) && ended.stderr.lines().count() == 1, "{ended:?}");
}

#[tokio::test]
async fn a_task_that_does_not_compile_here_is_handed_in_and_told_by_the_farm() {
    let world = World::default();
    world.write(".docker/config.json", r#"{"credsStore": "gone"}"#);
    world.write("src/acb.yaml", "steps:\n  - bash\n");
    let (ended, _, confidential) = handed_in(&world, &["run", "src"], &[]).await;
    assert_eq!((ended.stderr.as_str(), confidential), ("", Confidential::default()));
}
