//! Whether a trigger wants an event.
//!
//! Globs are those of workflow files elsewhere: `*` and `?` do not cross a `/`, `**` does, `[a-z]` and `{a,b}` are as
//! in a shell, `\` takes the meaning from what follows. What ends in `/` is all that is below. A glob without any of
//! this names one branch, tag or path.

use acre_model::{
    text::clip,
    trigger::{Change, EventKind, Origin, SourceEvent, SourceFilter},
};
use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use std::collections::BTreeSet;

/// The longest glob, in bytes.
const LONGEST: usize = 255;
/// The most globs of one list.
const MOST: usize = 100;

/// Why a filter cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadFilter {
    /// It lets nothing through.
    #[error("a source trigger names at least one of commit, pull-request and tag")]
    NoKinds,
    /// A glob outside the grammar.
    #[error("{list}: `{glob}` is not a glob: {why}")]
    Glob {
        /// The list it stands in.
        list: &'static str,
        /// The glob, clipped.
        glob: String,
        /// What is wrong with it.
        why: String,
    },
    /// Too many globs.
    #[error("{list}: {count} globs; at most {MOST} are allowed")]
    TooMany {
        /// The list.
        list: &'static str,
        /// How many there are.
        count: usize,
    },
}

/// Why a trigger does not want an event.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unwanted {
    /// Of another kind.
    #[error("the trigger does not start for events of this kind")]
    Kind,
    /// A pull request from a fork.
    #[error("the trigger does not start for pull requests from forks")]
    Fork,
    /// On another branch, or into another one.
    #[error("the trigger does not start for the branch `{0}`")]
    Branch(String),
    /// Another tag.
    #[error("the trigger does not start for the tag `{0}`")]
    Tag(String),
    /// Elsewhere in the tree.
    #[error("none of the changed paths is one that the trigger starts for")]
    Paths,
}

/// A filter whose globs are compiled.
#[derive(Clone, Debug)]
pub struct Filter {
    kinds: BTreeSet<EventKind>,
    forks: bool,
    branches: Globs,
    tags: Globs,
    paths: Globs,
    ignored_paths: GlobSet,
}

/// Globs of which one must match, if there are any.
#[derive(Clone, Debug)]
enum Globs {
    Anything,
    OneOf(GlobSet),
}

impl Globs {
    fn matches(&self, text: &str) -> bool {
        match self {
            Self::Anything => true,
            Self::OneOf(globs) => globs.is_match(text),
        }
    }
}

impl Filter {
    /// Checks and compiles what a user wrote.
    pub fn new(filter: &SourceFilter) -> Result<Self, BadFilter> {
        // Taken apart, so that what is added to a filter is not forgotten here.
        let SourceFilter { kinds, branches, tags, paths, ignored_paths, forks } = filter;
        if kinds.is_empty() {
            return Err(BadFilter::NoKinds);
        }
        Ok(Self {
            kinds: kinds.clone(),
            forks: *forks,
            branches: one_of("branches", branches)?,
            tags: one_of("tags", tags)?,
            paths: one_of("paths", paths)?,
            ignored_paths: compile("ignored paths", ignored_paths)?,
        })
    }

    /// Whether an event starts a run.
    ///
    /// # Errors
    /// The first reason why it does not.
    pub fn check(&self, event: &SourceEvent) -> Result<(), Unwanted> {
        if !self.kinds.contains(&event.kind()) {
            return Err(Unwanted::Kind);
        }
        match &event.change {
            Change::Commit { branch } => self.check_branch(branch)?,
            Change::Tag { tag } if self.tags.matches(tag) => {}
            Change::Tag { tag } => return Err(Unwanted::Tag(clip(tag))),
            Change::PullRequest(request) => {
                if matches!(request.origin, Origin::Fork { .. }) && !self.forks {
                    return Err(Unwanted::Fork);
                }
                self.check_branch(&request.target)?;
            }
        }
        match &event.paths {
            Some(paths) if !paths.iter().any(|path| self.counts(path)) => Err(Unwanted::Paths),
            _ => Ok(()),
        }
    }

    fn check_branch(&self, branch: &str) -> Result<(), Unwanted> {
        if self.branches.matches(branch) { Ok(()) } else { Err(Unwanted::Branch(clip(branch))) }
    }

    /// Whether a change of this path is a reason to start.
    fn counts(&self, path: &str) -> bool {
        self.paths.matches(path) && !self.ignored_paths.is_match(path)
    }
}

fn one_of(list: &'static str, globs: &[String]) -> Result<Globs, BadFilter> {
    if globs.is_empty() { Ok(Globs::Anything) } else { compile(list, globs).map(Globs::OneOf) }
}

fn compile(list: &'static str, globs: &[String]) -> Result<GlobSet, BadFilter> {
    if globs.len() > MOST {
        return Err(BadFilter::TooMany { list, count: globs.len() });
    }
    let bad = |glob: &str, why: String| BadFilter::Glob { list, glob: clip(glob), why };
    let mut set = GlobSetBuilder::new();
    for glob in globs {
        if glob.is_empty() || glob.len() > LONGEST {
            return Err(bad(glob, format!("it must have 1 to {LONGEST} bytes")));
        }
        let below = if glob.ends_with('/') { "**" } else { "" };
        let built = GlobBuilder::new(&format!("{glob}{below}")).literal_separator(true).backslash_escape(true).build();
        set.add(built.map_err(|why| bad(glob, why.kind().to_string()))?);
    }
    set.build().map_err(|why| bad(why.glob().unwrap_or_default(), why.kind().to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use EventKind::{Commit, PullRequest, Tag};
    use acre_model::trigger::{self, PullRequestAction};

    fn texts(list: &[&str]) -> Vec<String> {
        list.iter().map(|&text| text.to_owned()).collect()
    }

    fn event(change: Change, paths: Option<&[&str]>) -> SourceEvent {
        let paths = paths.map(texts);
        SourceEvent { repository: Vec::new(), commit: None, change, by: None, message: None, paths }
    }

    fn push(branch: &str) -> SourceEvent {
        event(Change::Commit { branch: branch.to_owned() }, None)
    }

    fn tag(tag: &str) -> SourceEvent {
        event(Change::Tag { tag: tag.to_owned() }, None)
    }

    fn changing(paths: &[&str]) -> SourceEvent {
        event(Change::Commit { branch: "main".to_owned() }, Some(paths))
    }

    fn request(target: &str, origin: Origin) -> SourceEvent {
        let request = trigger::PullRequest {
            number: 7,
            action: PullRequestAction::Opened,
            source: "topic".to_owned(),
            target: target.to_owned(),
            origin,
            reference: None,
        };
        event(Change::PullRequest(request), None)
    }

    fn filter(kinds: &[EventKind], build: impl FnOnce(&mut SourceFilter)) -> Filter {
        let mut filter = SourceFilter { kinds: kinds.iter().copied().collect(), ..SourceFilter::default() };
        build(&mut filter);
        Filter::new(&filter).unwrap()
    }

    fn check_all(filter: &Filter, cases: &[(SourceEvent, Result<(), Unwanted>)]) {
        for (event, expected) in cases {
            assert_eq!(&filter.check(event), expected, "{event:?}");
        }
    }

    #[test]
    fn only_the_kinds_that_are_named_start_a_run() {
        let same = || request("main", Origin::SameRepository);
        let table: [(&[EventKind], [bool; 3]); 4] = [
            (&[Commit], [true, false, false]),
            (&[Tag], [false, true, false]),
            (&[PullRequest], [false, false, true]),
            (&[Commit, PullRequest, Tag], [true, true, true]),
        ];
        for (kinds, expected) in table {
            let filter = filter(kinds, |_| {});
            let found = [push("x"), tag("v1"), same()].map(|event| filter.check(&event).is_ok());
            assert_eq!(found, expected, "{kinds:?}");
        }
    }

    #[test]
    fn branches_are_those_pushed_to_and_those_to_be_merged_into() {
        let filter = filter(&[Commit, PullRequest], |filter| filter.branches = texts(&["main", "release/*", "**/hot"]));
        let other = |branch: &str| Err(Unwanted::Branch(branch.to_owned()));
        check_all(
            &filter,
            &[
                (push("main"), Ok(())),
                (push("Main"), other("Main")),
                (push("main2"), other("main2")),
                (push("release/1"), Ok(())),
                (push("release/1/2"), other("release/1/2")),
                (push("a/b/hot"), Ok(())),
                (push("hot"), Ok(())),
                (request("main", Origin::SameRepository), Ok(())),
                (request("topic", Origin::SameRepository), other("topic")),
            ],
        );
    }

    #[test]
    fn tags_are_filtered_by_themselves() {
        let filter = filter(&[Commit, Tag], |filter| {
            filter.branches = texts(&["main"]);
            filter.tags = texts(&["v[0-9]*", "{alpha,beta}"]);
        });
        let other = |tag: &str| Err(Unwanted::Tag(tag.to_owned()));
        check_all(
            &filter,
            &[
                (tag("v1.0"), Ok(())),
                (tag("beta"), Ok(())),
                (tag("vx"), other("vx")),
                (tag("main"), other("main")),
                (push("v1.0"), Err(Unwanted::Branch("v1.0".to_owned()))),
            ],
        );
    }

    #[test]
    fn one_path_that_counts_is_enough() {
        let filter = filter(&[Commit], |filter| {
            filter.paths = texts(&["src/**", "docs/", "*.toml"]);
            filter.ignored_paths = texts(&["**/*.md", "src/gen/**"]);
        });
        let unwanted = Err(Unwanted::Paths);
        check_all(
            &filter,
            &[
                (changing(&["src/a/b.rs"]), Ok(())),
                (changing(&["README.md", "src/a.rs"]), Ok(())),
                (changing(&["src/README.md"]), unwanted.clone()),
                (changing(&["src/gen/a.rs", "other/x"]), unwanted.clone()),
                (changing(&["docs/a/b.txt"]), Ok(())),
                (changing(&["docs"]), unwanted.clone()),
                (changing(&["Cargo.toml"]), Ok(())),
                (changing(&["a/Cargo.toml"]), unwanted),
            ],
        );
    }

    #[test]
    fn paths_that_are_not_known_hold_nothing_back() {
        let filter = filter(&[Commit, Tag, PullRequest], |filter| filter.paths = texts(&["src/**"]));
        check_all(
            &filter,
            &[(push("main"), Ok(())), (tag("v1"), Ok(())), (request("main", Origin::SameRepository), Ok(()))],
        );
    }

    #[test]
    fn paths_may_be_ignored_without_being_named() {
        let filter = filter(&[Commit], |filter| filter.ignored_paths = texts(&["docs/**"]));
        check_all(&filter, &[(changing(&["docs/a"]), Err(Unwanted::Paths)), (changing(&["docs/a", "src/b"]), Ok(()))]);
    }

    #[test]
    fn forks_start_runs_only_where_they_are_let_in() {
        let fork = || request("main", Origin::Fork { repository: Vec::new() });
        check_all(&filter(&[PullRequest], |_| {}), &[(fork(), Err(Unwanted::Fork))]);
        check_all(&filter(&[PullRequest], |filter| filter.forks = true), &[(fork(), Ok(()))]);
    }

    #[test]
    fn what_is_no_filter_is_refused() {
        let many = vec!["a".to_owned(); 101];
        let long = "a".repeat(256);
        let globs = |branches: &[&str]| SourceFilter {
            kinds: BTreeSet::from([Commit]),
            branches: texts(branches),
            ..SourceFilter::default()
        };
        let table = [
            (SourceFilter::default(), "a source trigger names at least one of commit, pull-request and tag".to_owned()),
            (globs(&["a["]), "branches: `a[` is not a glob: unclosed character class; missing ']'".to_owned()),
            (globs(&[""]), "branches: `` is not a glob: it must have 1 to 255 bytes".to_owned()),
            (globs(&[&long]), format!("branches: `{}` is not a glob: it must have 1 to 255 bytes", clip(&long))),
            (SourceFilter { tags: many, ..globs(&[]) }, "tags: 101 globs; at most 100 are allowed".to_owned()),
        ];
        for (filter, expected) in table {
            assert_eq!(Filter::new(&filter).unwrap_err().to_string(), expected);
        }
    }
}
