//! The report of a run, for people (task language §10) and as the file of `--metadata-file`.

use super::{plain, yaml};
use acre_model::{
    report::{Image, Report},
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
    let pushed: Vec<&String> = report.units.iter().filter_map(|unit| unit.pushed.as_ref()).collect();
    if !pushed.is_empty() {
        text.push_str("\nPushed:\n");
        pushed.iter().for_each(|reference| text.push_str(&format!("  {reference}\n")));
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
