//! The task language: text → aliases → rendered template → YAML → checked [`Task`] → [`Plan`].
//!
//! [`compile`] is the whole way, and the only one. Each stage is a module that knows nothing of those after it:
//!
//! | module | takes | gives |
//! |---|---|---|
//! | [`text`] | the file | the text without comments, its version |
//! | `alias` | text of version 1.1 | text without aliases |
//! | `render` | a Go template | text, and which line of the file each of its lines came from |
//! | `yaml` | text | nodes that know their place |
//! | `check` | nodes | a [`Task`], or all that is wrong |
//! | [`plan`] | a task | units, edges, groups |
//!
//! Beside them: [`document`] for tasks that projects keep, [`words`] and `flags` for the text of a step, `dockerfile` for what an image builds on, [`address`] for
//! addresses of sources, [`synth`] for runs without a file and `written` for places in their flags, `tokens` for the secrets that stand in all these texts.
//!
//! Invariant: pure. No I/O, no `async`, no clock, no randomness; files of the source come through [`Files`]. Nothing
//! from outside makes it panic, and everything that text can make grow has a limit.

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test says what is wrong by panicking"))]

pub mod address;
mod alias;
mod check;
mod diagnostic;
pub mod dockerfile;
pub mod document;
pub mod find;
mod flags;
mod inert;
mod names;
mod paths;
pub mod plan;
mod presets;
mod render;
pub mod synth;
pub mod task;
pub mod text;
mod tokens;
pub mod words;
mod written;
mod yaml;

pub use diagnostic::{At, Class, Diagnostic, Diagnostics, Severity};
pub use presets::Presets;
pub use task::Task;

use acre_model::{
    ids::RunId,
    plan::{Fetch, Plan},
    platform::Platform,
    secret::Nonce,
    submission::NamedText,
    time::Timestamp,
};
use diagnostic::{Faults, Listing};
use render::{Data, Rendered, Values};
use std::collections::BTreeSet;
use text::Version;

/// Names of the task file that are looked for in the root of the source, in this order.
pub const DEFAULT_NAMES: [&str; 3] = ["acb.yaml", "acr-task.yaml", "acre.yaml"];

/// Largest task file, in bytes.
pub const TASK_SIZE: usize = 1 << 20;

/// Everything that a task is compiled from.
pub struct Input<'a> {
    /// Name of the task file, for messages.
    pub file: &'a str,
    /// Its text.
    pub text: &'a str,
    /// Values files, a later one winning.
    pub values: &'a [NamedText],
    /// `--set` pairs, which win over values files; a dot in a name goes into a map.
    pub sets: &'a [(String, String)],
    /// Names of `--set-secret`, which win over `sets`: `.Values.NAME` is the secret `set.NAME`. `.ValuesJSON` is
    /// without them.
    pub secret_sets: &'a [String],
    /// Platforms of the submission; where neither it nor the task lists any, linux/amd64.
    pub platforms: &'a [Platform],
    /// What `.Run.Registry` is; `None`: using it is an error that says how to set one.
    pub registry: Option<&'a str>,
    /// What templates may know of the run.
    pub facts: &'a RunFacts,
    /// What the words for tools stand for.
    pub presets: &'a Presets,
    /// Files of the source.
    pub files: &'a dyn Files,
    /// Whether there is a source at all; not for `/dev/null`.
    pub has_tree: bool,
    /// Where the source is an address: what unit 0 of the plan fetches.
    pub source: Option<&'a Fetch>,
}

/// What templates may know of the run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunFacts {
    /// Its id.
    pub id: RunId,
    /// When it was submitted.
    pub now: Timestamp,
    /// The commit of its source.
    pub commit: Option<String>,
    /// The branch of its source.
    pub branch: Option<String>,
    /// The repository of its source.
    pub repository: Option<String>,
    /// The tag of its source.
    pub git_tag: Option<String>,
    /// Who or what started it.
    pub triggered_by: String,
    /// The name of the stored task, if it is one.
    pub task_name: Option<String>,
    /// What makes tokens of secrets impossible to forge.
    pub nonce: Nonce,
}

/// Files of the source, by path relative to its root, with `/`.
pub trait Files {
    /// The bytes of a file; `None` if there is none, or it cannot be read now.
    fn read(&self, path: &str) -> Option<Vec<u8>>;

    /// The names in a folder (empty: the root), sorted; none of a folder that is not there; `None` where that is not known. Only where it is known can a
    /// missing Dockerfile be told before the build.
    fn list(&self, folder: &str) -> Option<Vec<String>> {
        let _ = folder;
        None
    }

    /// The bytes of a file of aliases at an address; `None` where it has not been fetched.
    fn at_address(&self, address: &str) -> Option<Vec<u8>> {
        let _ = address;
        None
    }

    /// Why a file that is there cannot be read, if that is known: it is left out, or leads out of the source.
    fn left_out(&self, path: &str) -> Option<String> {
        let _ = path;
        None
    }
}

/// A source without files, or one whose files are not at hand.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoFiles;

impl Files for NoFiles {
    fn read(&self, _path: &str) -> Option<Vec<u8>> {
        None
    }
}

/// What compiling gives.
#[derive(Clone, Debug)]
pub struct Compiled {
    /// The units of the run. Its warnings are [`Compiled::diagnostics`], ready to print.
    pub plan: Plan,
    /// The task as it was checked.
    pub task: Task,
    /// The text after rendering, secrets by their names.
    pub rendered: String,
    /// Warnings, by line.
    pub diagnostics: Vec<Diagnostic>,
}

/// Compiles a task.
///
/// # Errors
/// Everything that is wrong with it, by line, together with what was only to be warned of.
pub fn compile(input: &Input<'_>) -> Result<Compiled, Diagnostics> {
    let source = Listing::new(input.file, input.text);
    check_size(&source, input.text.len())?;
    if let Some((at, why)) = tokens::reserved(input.text) {
        return Err(source.error(render::place(input.text, at), why).into());
    }
    let values = Values::read(input.values, input.sets, input.secret_sets, &input.facts.nonce);
    let values = values.map_err(|found| all(&source, found))?;
    let text = text::without_comments(input.text);
    let version = text::version(&text).map_err(|why| source.error(why.at, why.to_string()))?;
    let expanded = match version {
        Version::V1_1 => {
            alias::expand(&text, &source, input.files, input.presets).map_err(|found| all(&source, found))?
        }
        Version::V1_0 => alias::Expanded { text, images: Vec::new(), addresses: Vec::new(), warnings: Vec::new() },
    };
    let stage = Stage { input, source: &source, values, version, expanded };
    let first = input.platforms.first().cloned().unwrap_or_else(Platform::linux_amd64);
    let compiled = stage.run(&first)?;
    // A task may list platforms itself, and its templates may ask for the first of them: then once more with that.
    match compiled.plan.platforms.first() {
        Some(told) if *told != first => {
            let told = told.clone();
            drop(compiled);
            stage.run(&told)
        }
        _ => Ok(compiled),
    }
}

/// The text of a task file.
///
/// # Errors
/// Where it is not UTF-8, or larger than [`TASK_SIZE`].
pub fn read<'a>(file: &str, bytes: &'a [u8]) -> Result<&'a str, Diagnostics> {
    let listing = Listing::new(file, "");
    check_size(&listing, bytes.len())?;
    std::str::from_utf8(bytes).map_err(|why| {
        let message = format!("the task file is not UTF-8 from byte {} on", why.valid_up_to());
        listing.error(At::FILE, message).into()
    })
}

fn check_size(listing: &Listing, length: usize) -> Result<(), Diagnostics> {
    if length <= TASK_SIZE {
        return Ok(());
    }
    let tenths = length.saturating_mul(10) / (1 << 20);
    let message = format!("the task file is {}.{} MiB; limit 1 MiB", tenths / 10, tenths % 10);
    Err(listing.error(At::FILE, message).class(Class::TooLarge).into())
}

/// The addresses from which a task takes files of aliases: what compiling asks [`Files::at_address`] for. None of a task
/// that does not compile for another reason.
pub fn alias_addresses(task: &NamedText) -> Vec<String> {
    if task.text.len() > TASK_SIZE || tokens::reserved(&task.text).is_some() {
        return Vec::new();
    }
    let text = text::without_comments(&task.text);
    match text::version(&text) {
        Ok(Version::V1_1) => alias::addresses(&text, &Listing::new(&task.name, &task.text)),
        Ok(Version::V1_0) | Err(_) => Vec::new(),
    }
}

fn all(listing: &Listing, found: Vec<Diagnostic>) -> Diagnostics {
    match Faults::new(listing, found).finish() {
        Err(diagnostics) => diagnostics,
        // A stage fails with an error among its diagnostics; without one it did not fail.
        Ok(_) => listing.error(At::FILE, "the task cannot be compiled").into(),
    }
}

/// A text that is ready to be rendered.
struct Stage<'a> {
    input: &'a Input<'a>,
    source: &'a Listing,
    values: Values,
    version: Version,
    expanded: alias::Expanded,
}

impl Stage<'_> {
    /// The rest of the way, for templates that see `platform` as the run's first.
    fn run(&self, platform: &Platform) -> Result<Compiled, Diagnostics> {
        let input = self.input;
        let data = Data::new(input.facts, input.registry, platform, self.values.clone());
        let rendered = render::render(&self.expanded.text, self.source, &data, input.facts.now);
        let Rendered { text, origins, inert, mut warnings } = rendered.map_err(|found| all(self.source, found))?;
        warnings.extend_from_slice(&self.expanded.warnings);
        let nonce = &input.facts.nonce;
        let listing = Listing::new(input.file, &text).with_origins(origins).with_marks_opened(&inert).with_nonce(nonce);
        let document = match yaml::parse(&text, &inert) {
            Ok(document) => document,
            Err(fault) => return Err(check::syntax(&listing, fault).into()),
        };
        let mut document =
            document.ok_or_else(|| listing.error(At::FILE, "the task file is empty; it must have `steps`"))?;
        let images = self.images(&document, &data, platform, &mut warnings)?;
        document.open(&inert);
        document.unquote_tokens(nonce);
        let mut faults = Faults::new(&listing, warnings);
        let given =
            check::Given { version: self.version, images, inert: &inert, secret_sets: input.secret_sets, nonce };
        let plan = check::check(&document, given, &mut faults).and_then(|task| {
            let lists = [task.platforms.as_slice(), input.platforms];
            let listed = lists.into_iter().find(|list| !list.is_empty());
            let platforms = listed.map_or_else(|| vec![Platform::linux_amd64()], single);
            plan::plan(&task, platforms, (input, &self.expanded.addresses), &mut faults).map(|plan| (plan, task))
        });
        let diagnostics = faults.finish()?;
        let Some((mut plan, task)) = plan else { return Err(all(&listing, Vec::new())) };
        plan.warnings = diagnostics.iter().map(ToString::to_string).collect();
        let rendered = tokens::for_people(&inert.open(&text), nonce);
        Ok(Compiled { plan, task, rendered, diagnostics })
    }

    /// The aliases that are the first word of a `cmd`, and the words they stand for. They are rendered as one text,
    /// each on a line of its own, so that all of them together have the limits of one.
    fn images(
        &self,
        document: &yaml::Node,
        data: &Data,
        platform: &Platform,
        warnings: &mut Vec<Diagnostic>,
    ) -> Result<Vec<(String, Vec<String>)>, Diagnostics> {
        let used = first_words(document);
        // ACR's images of tools are for Linux.
        let here = |alias: &&alias::Alias| !alias.is_preset || platform.os() == "linux";
        let aliases = self.expanded.images.iter().filter(here).filter(|alias| used.contains(alias.name.as_str()));
        let aliases: Vec<&alias::Alias> = aliases.collect();
        let text: String = aliases.iter().map(|alias| format!("{}\n", alias.text)).collect();
        let lines = aliases.iter().map(|alias| alias.line).collect();
        let listing = Listing::new(self.input.file, &text).with_origins(lines);
        let rendered = render::render(&text, &listing, data, self.input.facts.now);
        let rendered = rendered.map_err(|found| all(&listing, found))?;
        warnings.extend(rendered.warnings);
        let mut images: Vec<_> = aliases.iter().map(|alias| (alias.name.clone(), Vec::new())).collect();
        for (line, origin) in rendered.text.lines().zip(rendered.origins) {
            let own = (origin as usize).checked_sub(1).and_then(|index| images.get_mut(index));
            let words = line.split_whitespace().map(|word| rendered.inert.open(word));
            own.into_iter().for_each(|(_, own)| own.extend(words.clone()));
        }
        Ok(images)
    }
}

/// The platforms without doubles, in their order.
fn single(platforms: &[Platform]) -> Vec<Platform> {
    let mut single = Vec::new();
    for platform in platforms {
        if !single.contains(platform) {
            single.push(platform.clone());
        }
    }
    single
}

/// The first words of all `cmd`s.
fn first_words(document: &yaml::Node) -> BTreeSet<&str> {
    let steps = document.get("steps").into_iter().flat_map(yaml::Node::items);
    let texts = steps.filter_map(|step| step.get("cmd")).filter_map(yaml::Node::text);
    texts.filter_map(|text| text.split_whitespace().next()).map(|word| word.trim_matches(['"', '\''])).collect()
}
