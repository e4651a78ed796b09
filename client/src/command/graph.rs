//! `acre graph`: what the tasks of the project build on.

use super::{print, print_as};
use crate::{
    args::GraphArgs,
    error::Error,
    exit_code::ExitCode,
    farm::{self, Wish},
    render::graph as render,
};

/// Prints the graph.
pub(super) async fn graph(wish: &Wish, args: GraphArgs) -> Result<ExitCode, Error> {
    let graph = farm::connect(wish).await?.graph(args.if_image.as_deref()).await?;
    match args.dot {
        true => print(&render::dot(&graph))?,
        false => print_as(args.format, &graph, || render::text(&graph, args.if_image.as_deref()))?,
    }
    Ok(ExitCode::Success)
}
