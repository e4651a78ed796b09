//! Which actions of a template print what comes from outside: by a look at the parsed template, before it runs. A
//! name that is once given such a value counts as such everywhere.

use gotmpl::parse::{Expr, PipeNode, SmolStr};
use std::collections::BTreeSet;

/// Facts of a run that whoever can push, or trigger, chooses.
const OUTSIDE: [&str; 6] = ["Commit", "Branch", "Repository", "GitTag", "TriggeredBy", "TaskName"];

/// Where a value is from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Origin {
    /// Not from outside.
    #[default]
    Inside,
    /// It is all data of the template: what is from outside is among it, and known by its name.
    Root,
    /// From outside.
    Outside,
}

/// Where the values are from that have no name of their own.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scope {
    /// `.`
    pub(super) dot: Origin,
    /// `$`, the dot that the template began with.
    pub(super) dollar: Origin,
}

impl Scope {
    /// That of the whole text.
    pub(super) const ROOT: Self = Self { dot: Origin::Root, dollar: Origin::Root };

    /// That of a body whose dot is what its pipeline gives: from outside, or not.
    pub(super) const fn below(self, outside: bool) -> Self {
        Self { dot: if outside { Origin::Outside } else { Origin::Inside }, ..self }
    }
}

/// What is known to hold such values.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Taint {
    /// Variables that are given one.
    variables: BTreeSet<SmolStr>,
    /// Variables that are given all data.
    roots: BTreeSet<SmolStr>,
    /// What templates are called with.
    templates: Origin,
    /// Given up telling them apart.
    everything: bool,
}

impl Taint {
    /// Counts every variable and every dot of a template as from outside.
    pub(super) fn everything(self) -> Self {
        Self { everything: true, ..self }
    }

    /// A template is called with `pipe`.
    pub(super) fn called(&mut self, pipe: &PipeNode, scope: Scope) {
        let origin = match self.is_root(pipe, scope) {
            true => Origin::Root,
            false if self.pipe(pipe, scope) => Origin::Outside,
            false => Origin::Inside,
        };
        self.templates = self.templates.max(origin);
    }

    /// Where the dot of a named template may be from.
    pub(super) const fn dot_of_templates(&self) -> Origin {
        if self.everything { Origin::Outside } else { self.templates }
    }

    /// Takes the variables of `pipe` into account; whether what it gives is from outside.
    pub(super) fn declared(&mut self, pipe: &PipeNode, scope: Scope) -> bool {
        let outside = self.pipe(pipe, scope);
        if self.is_root(pipe, scope) {
            self.roots.extend(pipe.decl.iter().cloned());
        } else if outside {
            self.variables.extend(pipe.decl.iter().cloned());
        }
        outside
    }

    /// The same for a loop, whose variables are parts of what `pipe` gives.
    pub(super) fn parted(&mut self, pipe: &PipeNode, scope: Scope) -> bool {
        let outside = self.pipe(pipe, scope);
        if outside {
            self.variables.extend(pipe.decl.iter().cloned());
        }
        outside
    }

    /// Whether what `pipe` gives is made of something from outside.
    pub(super) fn pipe(&self, pipe: &PipeNode, scope: Scope) -> bool {
        pipe.commands.iter().flat_map(|command| &command.args).any(|expr| self.expr(expr, scope))
    }

    fn expr(&self, expr: &Expr, scope: Scope) -> bool {
        match expr {
            // All data as a whole holds what is from outside, whatever is then picked from it.
            Expr::Dot(_) => scope.dot != Origin::Inside,
            Expr::Field(_, names) => scope.dot == Origin::Outside || fact(names),
            Expr::Variable(_, name, names) if name == "$" && names.is_empty() => scope.dollar != Origin::Inside,
            Expr::Variable(_, name, names) => {
                let variable =
                    if name == "$" { scope.dollar == Origin::Outside } else { self.variables.contains(name) };
                let root = names.is_empty() && self.roots.contains(name);
                self.everything || variable || root || fact(names)
            }
            Expr::Pipe(_, pipe) => self.pipe(pipe, scope),
            Expr::Chain(_, inner, names) => self.expr(inner, scope) || fact(names),
            _ => false,
        }
    }

    /// Whether a pipeline is all data of the template, and nothing else.
    fn is_root(&self, pipe: &PipeNode, scope: Scope) -> bool {
        let [command] = pipe.commands.as_slice() else { return false };
        match command.args.as_slice() {
            [Expr::Dot(_)] => scope.dot == Origin::Root,
            [Expr::Variable(_, name, names)] if names.is_empty() => {
                name == "$" && scope.dollar == Origin::Root || self.roots.contains(name)
            }
            _ => false,
        }
    }
}

/// `.Run.Branch` and the like; `.Run` and `.RunJSON` as a whole.
fn fact(names: &[SmolStr]) -> bool {
    match names {
        [only] => ["Run", "RunJSON"].contains(&only.as_str()),
        [run, name, ..] => run == "Run" && OUTSIDE.contains(&name.as_str()),
        [] => false,
    }
}
