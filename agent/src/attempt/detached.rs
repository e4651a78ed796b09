//! Detached containers, which outlive their attempt: their output goes on into its log, and how they end or ail while
//! the run goes on is told with its end once more.

use super::{Job, Told};
use crate::engine::Running;
use acre_model::attempt::Ended;
use futures::StreamExt as _;

/// Follows a container until it has ended, or its group is removed. `ended` has been told to the roster.
pub(super) async fn follow(job: Job, running: Running, ended: Ended) {
    let Running { mut output, exit, mut ailing, .. } = running;
    let closing = job.attempt.sandbox.closing();
    let mut news = News { job: &job, ended, is_ailing: false };
    loop {
        tokio::select! {
            piece = output.next() => match piece {
                Some(Ok((stream, bytes))) if job.spool.write(job.now(), stream, &bytes).is_ok() => {}
                _ => break,
            },
            () = &mut ailing, if !news.is_ailing => news.ails(),
        }
    }
    drop(job.spool.output_ended(job.now()));
    tokio::select! {
        biased;
        // It was ended together with its group.
        () = closing.cancelled() => {}
        exit = exit => if let Ok(code) = exit { news.exited(code) },
    }
    job.spool.close();
}

/// What becomes known of a container after its attempt has ended.
struct News<'a> {
    job: &'a Job,
    ended: Ended,
    is_ailing: bool,
}

impl News<'_> {
    fn ails(&mut self) {
        self.is_ailing = true;
        self.tell("became unhealthy while the run went on");
    }

    fn exited(&mut self, code: i64) {
        self.ended.result.exit_code = Some(code);
        self.tell(&format!("exited with code {code} while the run went on"));
    }

    fn tell(&mut self, what: &str) {
        let job = self.job;
        let line = format!("Container {} {what}", job.attempt.unit.step);
        let written = job.notice(&line);
        let earlier = self.ended.result.afterwards.take().map(|earlier| format!("{earlier}; ")).unwrap_or_default();
        self.ended.result.afterwards = Some(earlier + &line);
        self.ended.log_bytes = job.spool.end();
        if let Err(error) = written.and_then(|()| job.spool.mark_ended(&self.ended)) {
            tracing::warn!(attempt = %job.attempt.id, %error, "the end of a detached container is only in memory");
        }
        job.roster.tell(Told::Ended(job.attempt.id.clone(), self.ended.clone()));
    }
}
