//! The graph of a project: who builds on what, for people and for Graphviz.

use super::table::table;
use crate::farm::{Graph, GraphEdge};
use acre_model::text::clip;
use std::collections::BTreeSet;

/// The table of `acre graph`, and what would be built anew.
pub fn text(graph: &Graph, if_image: Option<&str>) -> String {
    let row = |edge: &GraphEdge| [edge.from.clone().unwrap_or_default(), clip(&edge.image), edge.to.clone()];
    let mut text = table(["BUILT BY", "IMAGE", "USED BY"], graph.edges.iter().map(row));
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

/// The same in the language of Graphviz: tasks are boxes, images of others ellipses; what would be built anew is bold.
pub fn dot(graph: &Graph) -> String {
    let mut text = String::from("digraph tasks {\n  rankdir=LR;\n");
    let tasks: BTreeSet<&String> =
        graph.edges.iter().flat_map(|edge| edge.from.iter().chain(std::iter::once(&edge.to))).collect();
    for task in tasks {
        let bold = if graph.would_start.iter().any(|step| step.task == *task) { ", style=bold" } else { "" };
        text.push_str(&format!("  {} [shape=box{bold}];\n", quoted(task)));
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
