//! `Logs`: follow a run's output.

use super::{Services, errors::status};
use crate::logs::{LogError, Reader, Wanted};
use acre_model::{
    ids::{ProjectName, RunId, UnitId},
    log::{Cursor, Followed},
    run::{RunView, UnitPhase},
};
use acre_proto::{
    convert::{parsed, parsed_or_default},
    v1::{self, logs_server::Logs},
};
use futures::stream::BoxStream;
use std::{collections::BTreeSet, sync::Arc, time::Duration};
use tokio::sync::{mpsc, watch};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};

/// Pieces on their way to one follower; a piece has at most 64 KiB, so a slow one holds 1 MiB (promises S16).
const QUEUE: usize = 16;
/// How long a follower of an ended run waits for bytes that its agent has yet to send, in milliseconds.
const LATE_MS: u64 = 10_000;

#[tonic::async_trait]
impl Logs for Services {
    type FollowStream = BoxStream<'static, Result<v1::FollowResponse, Status>>;

    async fn follow(&self, request: Request<v1::FollowRequest>) -> Result<Response<Self::FollowStream>, Status> {
        self.board.note_asked();
        let v1::FollowRequest { project, run, follow, cursors, units } = request.into_inner();
        let project: ProjectName = parsed_or_default("project", &project)?;
        let run: RunId = parsed("run", &run)?;
        // Asked for first: a run that is not watched now has ended, and what is read of it is its last view.
        let live = if follow { self.board.watch(&run) } else { None };
        let view = self.view(&project, &run).await?;
        let cursors: Vec<Cursor> = cursors.into_iter().map(Into::into).collect();
        let logs = self.logs.run(&run).await.map_err(status)?;
        let (pieces, receiver) = mpsc::channel(QUEUE);
        let following = Following {
            reader: Reader::new(logs, &cursors),
            live,
            last: view,
            units: units.into_iter().map(UnitId).collect(),
            follow,
            pieces,
        };
        self.tasks.spawn("follow", following.run());
        Ok(Response::new(Box::pin(ReceiverStream::new(receiver))))
    }
}

/// One follower.
struct Following {
    reader: Reader,
    live: Option<watch::Receiver<Arc<RunView>>>,
    last: RunView,
    units: BTreeSet<UnitId>,
    follow: bool,
    pieces: mpsc::Sender<Result<v1::FollowResponse, Status>>,
}

impl Following {
    async fn run(mut self) {
        loop {
            if let Some(live) = &mut self.live {
                self.last = RunView::clone(&live.borrow_and_update());
            }
            let wanted = wanted(&self.last, &self.units);
            match self.reader.next(&wanted).await {
                Ok(pieces) if pieces.is_empty() => {
                    if !self.wait(&wanted).await {
                        return;
                    }
                }
                Ok(pieces) => {
                    if !self.send(pieces).await {
                        return;
                    }
                }
                Err(error) => return self.fail(error).await,
            }
        }
    }

    async fn send(&self, pieces: Vec<Followed>) -> bool {
        for piece in pieces {
            if self.pieces.send(Ok(piece.into())).await.is_err() {
                return false;
            }
        }
        true
    }

    async fn fail(self, error: LogError) {
        drop(self.pieces.send(Err(status(error))).await);
    }

    /// Waits for more. `false`: there will be none.
    async fn wait(&mut self, wanted: &Wanted) -> bool {
        let is_over = self.last.status.is_final();
        if !self.follow || (is_over && self.reader.is_complete(wanted)) {
            return false;
        }
        tokio::select! {
            () = self.pieces.closed() => false,
            () = self.reader.changed() => true,
            () = run_changed(&mut self.live) => true,
            () = tokio::time::sleep(Duration::from_millis(LATE_MS)), if is_over => false,
        }
    }
}

/// Resolves when the run has changed; never once its last view was seen.
async fn run_changed(live: &mut Option<watch::Receiver<Arc<RunView>>>) {
    if let Some(shown) = live
        && shown.changed().await.is_err()
    {
        *live = None;
    }
    if live.is_none() {
        std::future::pending::<()>().await;
    }
}

/// What is wanted of a run's logs, as it stands now.
fn wanted(run: &RunView, units: &BTreeSet<UnitId>) -> Wanted {
    let is_wanted = |unit: &&acre_model::run::UnitView| units.is_empty() || units.contains(&unit.id);
    let units = run.units.iter().filter(is_wanted).map(|unit| crate::logs::WantedUnit {
        unit: unit.id,
        attempts: unit.attempt,
        length: matches!(unit.phase, UnitPhase::Ended(_)).then_some(unit.log_bytes),
    });
    Wanted { units: units.collect() }
}
