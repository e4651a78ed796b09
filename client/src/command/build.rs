//! `acre build`: one image, as a task of at most two steps.

use super::hand_in;
use crate::{
    args::{BuildArgs, checked::BuildWish},
    error::Error,
    exit_code::ExitCode,
    farm::{self, Choice, Config, Wish},
    render::{self, report::metadata, view::View},
};
use acre_model::{
    report::Report,
    run::{RunStatus, RunView},
    text::clip,
};
use std::fs;

/// Hands in the build and follows it.
pub(super) async fn build(wish: &Wish, args: BuildArgs) -> Result<ExitCode, Error> {
    let follow = args.follow.clone();
    let local = farm::choose(wish.farm.as_deref(), &Config::load()?)? == Choice::Local;
    let BuildWish { request, kept, metadata_file, load } = args.check(local)?;
    let mut view = View::new(&follow);
    let (farm, run) = hand_in::hand_in(wish, request, &mut view).await?;
    let after = |run: &RunView, report: Option<&Report>| {
        if let (Some(path), Some(report)) = (&metadata_file, report) {
            let what = format!("cannot write {}", path.display());
            fs::write(path, render::json(&metadata(report))).map_err(Error::file(what))?;
        }
        Ok(left_on_engine(run, &kept, load))
    };
    hand_in::follow(&farm, run, &follow, view, after).await
}

/// Where the image is that was not pushed.
fn left_on_engine(run: &RunView, kept: &[String], load: bool) -> Vec<String> {
    if run.status != RunStatus::Succeeded {
        return Vec::new();
    }
    let built = run.units.iter().filter(|unit| unit.kind == "build").find_map(|unit| unit.agent.as_ref());
    let agent = built.map(|agent| format!(" of agent {agent}")).unwrap_or_default();
    let platforms = run.units.iter().filter(|unit| unit.kind == "build").count();
    let names = kept.iter().map(|name| format!("`{}`", clip(name))).collect::<Vec<_>>().join(", ");
    match (kept.is_empty(), load) {
        (false, _) if platforms > 1 => vec![format!(
            "{names} is not pushed, and an engine keeps the image of its own platform alone: no registry is known; name one with --registry"
        )],
        (false, true) => vec![format!("{names} is on the engine{agent}")],
        (false, false) => vec![format!(
            "{names} stays on the engine{agent}: no registry is known; name one with --registry to push it"
        )],
        (true, true) => vec![format!("the image is on the engine{agent}")],
        (true, false) => Vec::new(),
    }
}
