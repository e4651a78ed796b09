//! The report of a run, for people (task language §10) and as the file of `--metadata-file`.

use super::{plain, yaml};
use acre_model::{
    capability::Way,
    report::{Image, ImageName, Report},
    run::RunView,
};
use serde_json::{Value, json};

/// The line above the dependencies.
pub const FOUND: &str = "The following dependencies were found:";

/// Images and what they depend on, as YAML.
pub fn dependencies(images: &[Image]) -> String {
    yaml(&images)
}

/// What `acre show` says after the table of units: pushed references, dependencies, tests, coverage, artifacts.
pub fn show(report: &Report) -> String {
    let mut text = String::new();
    let pushed = pushed(report);
    if !pushed.is_empty() {
        text.push_str("\nPushed:\n");
        pushed.iter().for_each(|line| text.push_str(&format!("  {line}\n")));
    }
    if !report.images.is_empty() {
        text.push_str(&format!("\n{FOUND}\n{}", dependencies(&report.images)));
    }
    let left = plain::left(report);
    if !left.is_empty() {
        text.push_str(&format!("\n{}\n", left.join("\n")));
    }
    text
}

/// What was pushed: references by their digests. Below that of an index, its platforms, and what each is made from.
fn pushed(report: &Report) -> Vec<String> {
    let published = |image: &&Image| !image.children.is_empty() && image.image.digest.is_some();
    let indexes: Vec<&Image> = report.images.iter().filter(published).collect();
    let ends_with =
        |pushed: &str, image: &Image| image.image.digest.is_some_and(|digest| pushed.ends_with(&digest.to_string()));
    let mut lines = Vec::new();
    for unit in &report.units {
        let Some(pushed) = &unit.pushed else { continue };
        let is_child = indexes.iter().flat_map(|index| &index.children).any(|child| ends_with(pushed, child));
        if is_child && unit.kind == "push" {
            continue;
        }
        lines.push(pushed.clone());
        if unit.kind == "index" {
            let own = indexes.iter().find(|index| ends_with(pushed, index));
            lines.extend(own.into_iter().flat_map(|index| children(index)));
        }
    }
    lines
}

/// The images of an index, each with its dependencies below it.
fn children(index: &Image) -> Vec<String> {
    let platform = |child: &Image| child.image.platform.as_ref().map(ToString::to_string).unwrap_or_default();
    let width = index.children.iter().map(|child| platform(child).len()).max().unwrap_or_default();
    let mut lines = Vec::new();
    for child in &index.children {
        let digest = child.image.digest.map_or_else(|| "not pushed".to_owned(), |digest| digest.to_string());
        let agent = child.agent.iter().map(|agent| format!("  on {agent}")).collect::<String>();
        let way = child.way.map(|way| format!(", {}", word(way))).unwrap_or_default();
        lines.push(format!("  {:width$}  {digest}{agent}{way}", platform(child)));
        lines.extend(child.runtime_dependency.iter().map(|base| format!("    from {}", full(base))));
        lines.extend(child.buildtime_dependency.iter().map(|used| format!("    with {}", full(used))));
    }
    lines
}

const fn word(way: Way) -> &'static str {
    match way {
        Way::Native => "native",
        Way::Cross => "cross",
        Way::Emulated => "emulated",
    }
}

/// An image in one line.
fn full(image: &ImageName) -> String {
    let tag = image.tag.iter().map(|tag| format!(":{tag}")).collect::<String>();
    let digest = image.digest.map(|digest| format!("@{digest}")).unwrap_or_default();
    format!("{}/{}{tag}{digest}", image.registry, image.repository)
}

/// What `acre show` gives programs: the run, with its report itself in the place of the report's digest; `null` until
/// there is one.
pub fn with_report(run: &RunView, report: Option<&Report>) -> Value {
    let mut shown = json!(run);
    shown["report"] = json!(report);
    shown
}

/// What `--metadata-file` holds: the keys of `docker buildx build --metadata-file` as far as they are known, and the
/// whole report.
///
/// `containerimage.digest` is what the first reference has in its registry: the index where there is one.
pub fn metadata(report: &Report) -> Value {
    let pushed =
        |kind: &str| report.units.iter().filter(move |unit| unit.kind == kind).find_map(|unit| unit.pushed.as_deref());
    let digest = pushed("index").or_else(|| pushed("push")).and_then(|pushed| pushed.rsplit_once('@'));
    let mut names: Vec<String> = report
        .images
        .iter()
        .map(|Image { image, .. }| {
            let tag = image.tag.as_deref().unwrap_or("latest");
            format!("{}/{}:{tag}", image.registry, image.repository)
        })
        .collect();
    names.dedup();
    let mut metadata = json!({ "image.name": names.join(","), "acre.report": report });
    if let Some((_, digest)) = digest {
        metadata["containerimage.digest"] = json!(digest);
    }
    metadata
}
