//! A plan as a picture, in the language of Graphviz (`dot`): units as boxes, groups as frames around them.

use acre_model::plan::{Action, Plan, Unit};
use std::fmt::Write;

/// The graph of a plan, for `dot -Tsvg`.
pub fn graph(plan: &Plan) -> String {
    let mut out = String::from("digraph plan {\n  rankdir=LR;\n  node [shape=box, fontname=\"sans-serif\"];\n");
    for (number, group) in plan.groups.iter().enumerate() {
        // Writing to a string does not fail.
        let _ = writeln!(out, "  subgraph cluster_{number} {{");
        let network = if group.network { ", network" } else { "" };
        let platform = if super::dump::is_mixed(plan, group) { "cross".to_owned() } else { group.platform.to_string() };
        let _ = writeln!(out, "    label={};", quoted(&format!("group {number}: {platform}{network}")));
        for unit in group.units.iter().filter_map(|id| plan.unit(*id)) {
            let _ = writeln!(out, "    u{} [label={}];", unit.id.0, quoted(&label(plan, unit)));
        }
        out.push_str("  }\n");
    }
    for unit in &plan.units {
        for before in &unit.after {
            let _ = writeln!(out, "  u{} -> u{};", before.0, unit.id.0);
        }
    }
    out.push_str("}\n");
    out
}

/// The name, and what it is about.
fn label(plan: &Plan, unit: &Unit) -> String {
    let images = match &unit.action {
        Action::Build(build) => build.tags.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "),
        Action::Push(push) => push.reference.to_string(),
        Action::Index(index) => index.reference.to_string(),
        Action::Cmd(cmd) => acre_model::text::clip(&cmd.image),
        Action::Source(_) => super::dump::what(plan, unit),
    };
    format!("{}\n{} {images}", unit.name, unit.action.kind())
}

/// A quoted string of the DOT language, in which only the quote itself needs an escape; `\\n` ends a line.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n"))
}
