//! `acre graph`: what the tasks of the project build on.

use super::{print, print_as};
use crate::{
    args::GraphArgs,
    error::Error,
    exit_code::ExitCode,
    farm::{self, Wish},
    render::graph as render,
};
use std::{fs, path::Path};

/// Prints the graph.
pub(super) async fn graph(wish: &Wish, args: GraphArgs) -> Result<ExitCode, Error> {
    let graph = farm::connect(wish).await?.graph(args.if_image.as_deref()).await?;
    match &args.svg {
        Some(file) => draw(file, &render::svg(&graph).map_err(Error::Refused)?)?,
        None if args.dot => print(&render::dot(&graph))?,
        None => print_as(args.format, &graph, || render::text(&graph, args.if_image.as_deref()))?,
    }
    Ok(ExitCode::Success)
}

fn draw(file: &Path, svg: &str) -> Result<(), Error> {
    if file.as_os_str() == "-" {
        return print(svg);
    }
    fs::write(file, svg).map_err(Error::file(format!("cannot write {}", file.display())))
}
