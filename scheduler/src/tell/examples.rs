//! Runs that tests tell of.

use super::{End, News, Tests, Tiding};
use acre_model::{ids::RunId, origin::Start, run::RunStatus, time::Timestamp, trigger::Provider};

/// The commit of all of them.
pub(crate) const COMMIT: &str = "6dcb09b5b57875f334f61aebed695e2e4193db5e";
/// 2026-11-20T18:03:01Z.
pub(crate) const AT: u64 = 1_795_197_781_000;

/// The run with this number; a later one has a greater id.
pub(crate) fn run(number: u32) -> RunId {
    RunId::new(AT / 1000, 7, number)
}

/// That run 1 was taken in, for a commit of `main` that GitHub told of.
pub(crate) fn accepted() -> Tiding {
    Tiding {
        run: run(1),
        project: Default::default(),
        task: "web".parse().unwrap(),
        cause: Start::Commit {
            commit: COMMIT.to_owned(),
            branch: Some("main".to_owned()),
            tag: None,
            provider: Some(Provider::Github),
        },
        source: format!("https://github.com/octocat/Hello-World.git#{COMMIT}"),
        submitted_at: Timestamp::from_millis(AT),
        news: News::Accepted,
    }
}

/// That it ended so, after two minutes and five seconds of work.
pub(crate) fn ended(status: RunStatus, error: Option<&str>) -> Tiding {
    let end = End {
        status,
        error: error.map(str::to_owned),
        started_at: Some(Timestamp::from_millis(AT + 10_000)),
        ended_at: Timestamp::from_millis(AT + 135_000),
        commit: Some(COMMIT.to_owned()),
        tests: (status == RunStatus::Succeeded).then_some(Tests { passed: 12, failed: 0 }),
    };
    Tiding { news: News::Ended(end), ..accepted() }
}

/// Why a run failed, as the farm says it.
pub(crate) const WHY: &str = "step `test` (line 7) on linux/amd64: exit code 2";
