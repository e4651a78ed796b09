//! The graph of a project: who builds on what, for people, for Graphviz and as a drawing.

mod layers;
mod svg;

pub use svg::svg;

use super::table::table;
use crate::farm::{Graph, GraphEdge, StaleKnown, StaleWhy, WaveState};
use acre_model::text::clip;
use std::collections::BTreeSet;

/// The table of `acre graph`, and what would be built anew.
pub fn text(graph: &Graph, if_image: Option<&str>) -> String {
    let row = |edge: &GraphEdge| [edge.from.clone().unwrap_or_default(), clip(&edge.image), edge.to.clone()];
    let mut text = table(["BUILT BY", "IMAGE", "USED BY"], graph.edges.iter().map(row));
    text.push_str(&stale(graph));
    let Some(image) = if_image else { return text };
    if graph.would_start.is_empty() {
        text.push_str(&format!("\nA new {} would start nothing.\n", clip(image)));
        return text;
    }
    text.push_str(&format!("\nA new {} would start:\n", clip(image)));
    for step in &graph.would_start {
        let after = if step.after.is_empty() { String::new() } else { format!(", after {}", step.after.join(", ")) };
        text.push_str(&format!("  {}{after}\n", step.task));
    }
    text
}

/// The tasks that are not built on what their images are now; nothing, if there are none.
fn stale(graph: &Graph) -> String {
    let mut text = String::new();
    for task in &graph.stale {
        text.push_str(if text.is_empty() { "\nStale:\n" } else { "" });
        task.why.iter().for_each(|one| text.push_str(&format!("  {}: {}\n", clip(&task.task), why(one))));
    }
    text
}

/// What an image is now, and how that is known.
fn why(StaleWhy { image, digest, known }: &StaleWhy) -> String {
    let known = match known {
        StaleKnown::Run { run } => format!("since run {}", clip(run)),
        StaleKnown::Notification => "as its registry told".to_owned(),
        StaleKnown::Wave { state } => match state {
            WaveState::Waiting => "and will be built on when those before it are".to_owned(),
            WaveState::Started => "and is being built on".to_owned(),
            WaveState::Failed => "and the run that was to build on it failed".to_owned(),
            WaveState::Skipped => "and one before it failed".to_owned(),
        },
    };
    let short = digest.char_indices().nth(19).map_or(digest.as_str(), |(end, _)| &digest[..end]);
    format!("{} is {} now, {known}", clip(image), clip(short))
}

/// The same in the language of Graphviz: tasks are boxes, images of others ellipses; what would be built anew is bold, what
/// is stale dashed.
pub fn dot(graph: &Graph) -> String {
    let mut text = String::from("digraph tasks {\n  rankdir=LR;\n");
    let tasks: BTreeSet<&String> =
        graph.edges.iter().flat_map(|edge| edge.from.iter().chain(std::iter::once(&edge.to))).collect();
    for task in tasks {
        let styles = [
            (graph.would_start.iter().any(|step| step.task == *task), "bold"),
            (graph.stale.iter().any(|stale| stale.task == *task), "dashed"),
        ];
        let styles: Vec<&str> = styles.iter().filter(|(is_so, _)| *is_so).map(|(_, style)| *style).collect();
        let style = if styles.is_empty() { String::new() } else { format!(", style={}", quoted(&styles.join(","))) };
        text.push_str(&format!("  {} [shape=box{style}];\n", quoted(task)));
    }
    for GraphEdge { from, image, to } in &graph.edges {
        text.push_str(&match from {
            Some(from) => format!("  {} -> {} [label={}];\n", quoted(from), quoted(to), quoted(image)),
            None => format!("  {} -> {};\n", quoted(image), quoted(to)),
        });
    }
    text + "}\n"
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}
