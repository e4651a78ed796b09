//! What a Dockerfile builds on, for the report and for placement; the builder stays the judge of the file.
//! Source: Dockerfile reference, "FROM", "ARG", "COPY --from", "RUN --mount".

mod cross;
mod expand;

pub use cross::executes;

use acre_model::{
    plan::{Dependency, Role},
    platform::Platform,
    reference::Reference,
};
use parse_dockerfile::{Dockerfile, Flag, Instruction, Stage};
use std::collections::{BTreeMap, BTreeSet};

/// Largest Dockerfile.
pub const SIZE: usize = 512 << 10;
/// Most stages of one.
const STAGES: usize = 1000;

/// Why the dependencies of a Dockerfile are not known.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unread {
    /// Not UTF-8.
    #[error("it is not UTF-8")]
    Utf8,
    /// Not a Dockerfile by the parser's lights.
    #[error("{0}")]
    Syntax(String),
    /// Too many stages.
    #[error("it has {0} stages; limit {STAGES}")]
    Stages(usize),
    /// `--target` names none of its stages.
    #[error("it has no stage `{0}`")]
    Target(String),
    /// A name that only the builder can know.
    #[error("`{0}` is not an image reference here")]
    Reference(String),
}

/// What a build gives to the reading of its Dockerfile.
pub struct Given<'a> {
    /// `--target`.
    pub target: Option<&'a str>,
    /// `--build-arg`.
    pub arguments: &'a [(String, String)],
    /// What is built for.
    pub platform: &'a Platform,
}

type Variables = BTreeMap<String, String>;

/// The images that the stages the build needs are made of: the base of the final stage, then the others by name.
pub fn dependencies(bytes: &[u8], given: &Given<'_>) -> Result<Vec<Dependency>, Unread> {
    let text = std::str::from_utf8(bytes).map_err(|_| Unread::Utf8)?;
    let file = parse_dockerfile::parse(text).map_err(|why| Unread::Syntax(why.to_string()))?;
    let stages: Vec<Stage<'_, '_>> = file.stages().collect();
    if stages.len() > STAGES {
        return Err(Unread::Stages(stages.len()));
    }
    let globals = globals(&file, given);
    let bases: Vec<String> = stages.iter().map(|stage| expand::expand(&stage.from.image.value, &globals)).collect();
    let names = Names::of(&stages);
    let target = target(&names, stages.len(), given.target)?;
    let mut walk = Walk {
        stages: &stages,
        names: &names,
        bases: &bases,
        globals: &globals,
        read: BTreeSet::new(),
        seen: BTreeSet::new(),
        found: BTreeMap::new(),
    };
    walk.stage(target, Role::Runtime)?;
    let dependency = |((role, reference), pinned)| Dependency { role, reference, pinned };
    Ok(walk.found.into_iter().map(dependency).collect())
}

/// The variables that `FROM` sees: `ARG`s before the first one, with the values given to the build, and those of the platform.
fn globals(file: &Dockerfile<'_>, given: &Given<'_>) -> Variables {
    let mut globals = Variables::new();
    let (platform, variant) = (given.platform, given.platform.variant().unwrap_or_default());
    // A build is native where it can be, and emulated builders say the same: both sides are the unit's platform.
    for side in ["TARGET", "BUILD"] {
        globals.insert(format!("{side}PLATFORM"), platform.to_string());
        globals.insert(format!("{side}OS"), platform.os().to_owned());
        globals.insert(format!("{side}ARCH"), platform.arch().to_owned());
        globals.insert(format!("{side}VARIANT"), variant.to_owned());
    }
    for argument in file.global_args() {
        declare(&argument.arguments.value, &mut globals, given.arguments);
    }
    globals
}

/// Takes `A=1 B="2" C` of an `ARG` into account.
fn declare(text: &str, variables: &mut Variables, arguments: &[(String, String)]) {
    for word in expand::words(text) {
        let (name, default) = word.split_once('=').map_or((word.as_str(), None), |(name, value)| (name, Some(value)));
        let given = arguments.iter().rev().find(|(known, _)| known == name).map(|(_, value)| value.clone());
        if let Some(value) = given.or_else(|| default.map(|value| expand::expand(value, variables))) {
            variables.insert(name.to_owned(), value);
        }
    }
}

/// The stage that is built: the named or numbered one, else the last.
fn target(names: &Names, stages: usize, name: Option<&str>) -> Result<usize, Unread> {
    let last = stages.checked_sub(1).ok_or_else(|| Unread::Syntax("it has no FROM".to_owned()))?;
    let Some(name) = name else { return Ok(last) };
    let numbered = || name.parse::<usize>().ok().filter(|number| *number <= last);
    names.above(stages, name).or_else(numbered).ok_or_else(|| Unread::Target(acre_model::text::clip(name)))
}

/// The stages by their names, which do not know case; ascending.
struct Names(BTreeMap<String, Vec<usize>>);

impl Names {
    fn of(stages: &[Stage<'_, '_>]) -> Self {
        let mut names: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for (index, stage) in stages.iter().enumerate() {
            let name = stage.from.as_.as_ref().map(|(_, name)| name.value.to_ascii_lowercase());
            name.into_iter().for_each(|name| names.entry(name).or_default().push(index));
        }
        Self(names)
    }

    /// The last stage of this name above another.
    fn above(&self, stage: usize, name: &str) -> Option<usize> {
        let places = self.0.get(&name.to_ascii_lowercase())?;
        places[..places.partition_point(|place| *place < stage)].last().copied()
    }
}

/// The walk over what a stage is made of. A stage names only those above it, so its depth is bounded by their number.
struct Walk<'a, 'b> {
    stages: &'b [Stage<'a, 'b>],
    names: &'b Names,
    bases: &'b [String],
    globals: &'b Variables,
    /// Stages whose instructions were read.
    read: BTreeSet<usize>,
    /// Stages that were met, and as what.
    seen: BTreeSet<(usize, Role)>,
    /// And whether one of those that name it asks for a platform of its own.
    found: BTreeMap<(Role, Reference), bool>,
}

impl Walk<'_, '_> {
    fn stage(&mut self, target: usize, role: Role) -> Result<(), Unread> {
        let mut waiting = vec![(target, role)];
        while let Some((index, role)) = waiting.pop() {
            if !self.seen.insert((index, role)) {
                continue;
            }
            let bases = self.bases;
            let base = &bases[index];
            match self.names.above(index, base) {
                Some(below) => waiting.push((below, role)),
                None => self.image((base, &self.stages[index].from.image.value), role, self.is_pinned(index))?,
            }
            if !self.read.insert(index) {
                continue;
            }
            for written in self.sources(index) {
                let source = expand::expand(&written, self.globals);
                let number = source.parse::<usize>().ok().filter(|number| *number < index);
                match self.names.above(index, &source).or(number) {
                    Some(other) if self.seen.contains(&(other, Role::BuildTime)) => {}
                    Some(other) => waiting.push((other, Role::BuildTime)),
                    None => self.image((&source, &written), Role::BuildTime, self.is_pinned(index))?,
                }
            }
        }
        Ok(())
    }

    /// Takes an image into account; `written` is its name before variables were put in.
    fn image(&mut self, (name, written): (&str, &str), role: Role, pinned: bool) -> Result<(), Unread> {
        if name == "scratch" || name == "context" {
            return Ok(());
        }
        let reference = name.parse::<Reference>().map_err(|_| Unread::Reference(acre_model::text::clip(written)))?;
        *self.found.entry((role, reference)).or_default() |= pinned;
        Ok(())
    }

    /// Whether a stage asks for a platform of its own; one on another stage has that one's.
    fn is_pinned(&self, mut index: usize) -> bool {
        while let Some(below) = self.names.above(index, &self.bases[index]) {
            index = below;
        }
        let of_target = |platform: &str| matches!(platform.trim_matches('"'), "$TARGETPLATFORM" | "${TARGETPLATFORM}");
        values(&self.stages[index].from.options, "platform").any(|platform| !of_target(platform))
    }

    /// What the instructions of a stage copy or mount from.
    fn sources(&self, index: usize) -> Vec<String> {
        let mut sources = Vec::new();
        for instruction in self.stages[index].instructions {
            match instruction {
                Instruction::Copy(copy) => sources.extend(values(&copy.options, "from").map(str::to_owned)),
                Instruction::Run(run) => sources.extend(values(&run.options, "mount").filter_map(mount_source)),
                _ => {}
            }
        }
        sources
    }
}

fn values<'b>(options: &'b [Flag<'_>], name: &'b str) -> impl Iterator<Item = &'b str> {
    let of_name = options.iter().filter(move |flag| flag.name.value == name);
    of_name.filter_map(|flag| flag.value.as_ref().map(|value| &*value.value))
}

/// The `from` of `type=bind,from=image,…`.
fn mount_source(mount: &str) -> Option<String> {
    mount.split(',').find_map(|part| part.trim().strip_prefix("from=")).map(|from| from.trim_matches('"').to_owned())
}

#[cfg(test)]
mod tests;
