//! Which messages a run calls for.

use super::*;
use crate::tell::{
    News,
    examples::{COMMIT, accepted, ended, run},
};
use acre_model::{notification::Receiver, origin::Start, report::Report, run::RunView, trigger::Provider};

fn told_by(provider: Option<Provider>, commit: &str) -> Tiding {
    let cause = Start::PullRequest { number: 7, commit: commit.to_owned(), branch: "topic".to_owned(), provider };
    Tiding { cause, ..accepted() }
}

#[test]
fn a_commit_has_a_status_where_its_host_takes_one() {
    let table = [
        (accepted(), "auto", Some(StatusHost::Github)),
        (told_by(Some(Provider::Gitlab), COMMIT), "auto", Some(StatusHost::Gitlab)),
        (told_by(Some(Provider::AzureDevops), COMMIT), "auto", None),
        (told_by(None, COMMIT), "auto", None),
        (told_by(None, COMMIT), "gitea", Some(StatusHost::Gitea)),
        (told_by(None, ""), "gitea", None),
        (told_by(None, "main"), "gitea", None),
        (accepted(), "off", None),
        (Tiding { cause: Start::Manual, ..accepted() }, "github", None),
    ];
    for (tiding, setting, expected) in table {
        let found = status(&tiding, setting.parse().unwrap());
        assert_eq!(found.as_ref().map(|(host, _)| *host), expected, "{:?} {setting}", tiding.cause);
        assert!(found.is_none_or(|(_, commit)| commit.as_str() == COMMIT));
    }
}

#[test]
fn an_older_status_is_past() {
    let told = StatusTold { run: run(2), moment: Moment::Started, at: Timestamp::from_millis(0) };
    let table = [
        (run(1), Moment::Ended, true),
        (run(2), Moment::Accepted, true),
        (run(2), Moment::Started, true),
        (run(2), Moment::Ended, false),
        (run(3), Moment::Accepted, false),
    ];
    for (run, moment, expected) in table {
        assert_eq!(told.is_past(&run, moment), expected, "{run} {moment:?}");
    }
}

#[test]
fn a_success_after_failures_is_a_recovery() {
    use Occasion::{Failure, Recovery, Success};
    // Runs by number and end, in the order in which they end.
    type Row = (&'static [(u32, RunStatus)], &'static [Option<Occasion>]);
    let table: [Row; 6] = [
        (&[(1, RunStatus::Succeeded)], &[Some(Success)]),
        (
            &[(1, RunStatus::Failed), (2, RunStatus::Error), (3, RunStatus::Succeeded), (4, RunStatus::Succeeded)],
            &[Some(Failure), Some(Failure), Some(Recovery), Some(Success)],
        ),
        (&[(1, RunStatus::Timeout), (2, RunStatus::Succeeded)], &[Some(Failure), Some(Recovery)]),
        (
            &[(1, RunStatus::Failed), (2, RunStatus::Canceled), (3, RunStatus::Succeeded)],
            &[Some(Failure), None, Some(Recovery)],
        ),
        // An earlier run that takes longer changes nothing of how the task stands.
        (
            &[(2, RunStatus::Succeeded), (1, RunStatus::Failed), (3, RunStatus::Succeeded)],
            &[Some(Success), Some(Failure), Some(Success)],
        ),
        (
            &[(2, RunStatus::Failed), (1, RunStatus::Succeeded), (3, RunStatus::Succeeded)],
            &[Some(Failure), Some(Success), Some(Recovery)],
        ),
    ];
    for (ends, expected) in table {
        let mut standing: Option<Standing> = None;
        for ((number, status), expected) in ends.iter().zip(expected) {
            let tiding = Tiding { run: run(*number), ..ended(*status, None) };
            let found = occasion(&tiding, standing.as_ref());
            assert_eq!(found.as_ref().map(|(occasion, _)| occasion), expected.as_ref(), "{ends:?}: run {number}");
            // Looking at it once more, after a death, says the same of how the task stands.
            if let Some((_, stands)) = found {
                assert_eq!(occasion(&tiding, Some(&stands)).map(|(_, again)| again), Some(stands.clone()), "{ends:?}");
                standing = Some(stands);
            }
        }
    }
    assert_eq!(occasion(&accepted(), None), None);
}

#[test]
fn who_wants_to_know_is_told() {
    let who = |on: &[Occasion], tasks: &[&str]| Notification {
        name: "ops".parse().unwrap(),
        to: Receiver::Email { address: "a@b.example".to_owned() },
        on: on.iter().copied().collect(),
        tasks: tasks.iter().map(|task| task.parse().unwrap()).collect(),
    };
    use Occasion::{Failure, Recovery, Success};
    let table = [
        (who(&[Failure], &[]), Failure, true),
        (who(&[Failure], &[]), Success, false),
        (who(&[Failure], &[]), Recovery, false),
        (who(&[Recovery], &[]), Recovery, true),
        (who(&[Recovery], &[]), Success, false),
        (who(&[Success], &[]), Recovery, true),
        (who(&[Failure], &["web", "api"]), Failure, true),
        (who(&[Failure], &["api"]), Failure, false),
        (who(&[], &[]), Failure, false),
    ];
    for (who, occasion, expected) in table {
        let found = wanted(&who, &ended(RunStatus::Failed, None), occasion);
        assert_eq!(found, expected.then_some(occasion), "{who:?}");
    }
}

#[test]
fn runs_of_no_stored_task_are_nobody_elses_business() {
    let view = RunView {
        id: run(1),
        project: Default::default(),
        status: RunStatus::Queued,
        error: None,
        source: "/src".to_owned(),
        task: "acb.yaml".to_owned(),
        origin: Default::default(),
        platforms: Vec::new(),
        submitted_at: Timestamp::from_millis(1),
        started_at: None,
        ended_at: None,
        report: None,
        output_images: Vec::new(),
        trace: None,
        is_archive_enabled: false,
        tree: None,
        warnings: Vec::new(),
        units: Vec::new(),
    };
    let report = Report {
        run: run(1),
        project: Default::default(),
        status: RunStatus::Failed,
        error: None,
        submitted_at: Timestamp::from_millis(1),
        ended_at: Timestamp::from_millis(2),
        git: None,
        images: Vec::new(),
        units: Vec::new(),
        tests: None,
        coverage: None,
        artifacts: Vec::new(),
    };
    assert_eq!((Tiding::begun(&view, Moment::Accepted), Tiding::ended(&view, &report)), (None, None));
    let mut of_task = view;
    of_task.origin.task = Some("web".parse().unwrap());
    of_task.error = Some("two\nlines".to_owned());
    assert_eq!(Tiding::begun(&of_task, Moment::Accepted), None, "it is about no commit");
    let Some(News::Ended(end)) = Tiding::ended(&of_task, &report).map(|tiding| tiding.news) else { panic!() };
    assert_eq!(
        (end.status, end.error.as_deref(), end.elapsed_ms(of_task.submitted_at)),
        (RunStatus::Failed, Some("two lines"), 1)
    );
    of_task.origin.cause = accepted().cause;
    assert_eq!(Tiding::begun(&of_task, Moment::Started).map(|tiding| tiding.moment()), Some(Moment::Started));
}
