//! `acre run`: a task of several steps.

use super::hand_in;
use crate::{args::RunArgs, error::Error, exit_code::ExitCode, farm::Wish, render::view::View};

/// Hands in the run and follows it.
pub(super) async fn run(wish: &Wish, args: RunArgs) -> Result<ExitCode, Error> {
    let follow = args.follow.clone();
    let request = args.check()?;
    let mut view = View::new(&follow);
    let (farm, run) = hand_in::hand_in(wish, request, &mut view).await?;
    hand_in::follow(&farm, run, &follow, view, |_, _| Ok(Vec::new())).await
}
