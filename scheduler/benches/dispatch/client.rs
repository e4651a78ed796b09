//! Clients: each submits a run, and watches it until it is over.

use crate::{bounded, farm::Farm, starts::Starts};
use acre_model::{
    run::{RunStatus, RunView},
    secret::Confidential,
    submission::{NamedText, Submission, TaskSource},
};
use acre_proto::v1::{self, runs_client::RunsClient};
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::time::Instant;
use tonic::transport::Channel;

/// Connections that clients share.
const CONNECTIONS: usize = 8;

/// Clients to be had.
pub(crate) struct Clients {
    all: Vec<Client>,
    next: AtomicUsize,
}

/// A client.
#[derive(Clone)]
pub(crate) struct Client {
    runs: RunsClient<Channel>,
    starts: Arc<Starts>,
}

impl Clients {
    /// Clients of this farm.
    pub(crate) fn new(farm: &Farm, starts: Arc<Starts>) -> Self {
        let client = |_| Client { runs: RunsClient::new(farm.connect()), starts: starts.clone() };
        Self { all: (0..CONNECTIONS).map(client).collect(), next: AtomicUsize::new(0) }
    }

    /// One of them.
    pub(crate) fn next(&self) -> Client {
        self.all[self.next.fetch_add(1, Ordering::Relaxed) % self.all.len()].clone()
    }
}

impl Client {
    /// Has a run of one command done. Returns how long it was from `due`, when it was to be submitted, until an agent had
    /// its unit.
    pub(crate) async fn run(&self, due: Instant) -> Duration {
        let (step, started) = self.starts.expect();
        let last = bounded("a run ends", self.submit_and_watch(&step)).await;
        assert_eq!(last.status, RunStatus::Succeeded, "{last:?}");
        started.await.expect("what has succeeded has started") - due
    }

    /// The last view of a run.
    async fn submit_and_watch(&self, step: &str) -> RunView {
        let text = format!("version: v1.1.0\nsteps:\n  - id: {step}\n    cmd: image.invalid/simulated true\n");
        let task = TaskSource::Text(NamedText { name: "acb.yaml".to_owned(), text });
        let submission = Submission { task, ..Submission::default() };
        let mut runs = self.runs.clone();
        let answer = runs.submit(v1::SubmitRequest::from((submission, Confidential::default()))).await;
        let mut last = answer.expect("a run is accepted").into_inner().run.expect("an answer has a run");
        let watch = v1::WatchRunRequest { project: String::new(), run: last.id.clone() };
        let mut views = runs.watch(watch).await.expect("a run can be watched").into_inner();
        while let Some(view) = views.message().await.expect("a run is shown until it is over") {
            last = view;
        }
        last.try_into().expect("a run is what a client understands")
    }
}
