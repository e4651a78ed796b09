//! Which actions of a template print what comes from outside: by a look at the parsed template, before it runs. A
//! name that is once given such a value counts as such everywhere.

use gotmpl::parse::{Expr, PipeNode, SmolStr};
use std::collections::BTreeSet;

/// Facts of a run that whoever can push, or trigger, chooses.
const OUTSIDE: [&str; 6] = ["Commit", "Branch", "Repository", "GitTag", "TriggeredBy", "TaskName"];

/// What is known to hold such values.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Taint {
    /// Variables that are given one.
    variables: BTreeSet<SmolStr>,
    /// Whether a template is called with one.
    templates: bool,
    /// Given up telling them apart.
    everything: bool,
}

impl Taint {
    /// Counts every variable and every dot of a template as from outside.
    pub(super) fn everything(self) -> Self {
        Self { everything: true, ..self }
    }

    /// A template is called with `pipe`.
    pub(super) fn called(&mut self, pipe: &PipeNode, dot: bool) {
        self.templates |= self.pipe(pipe, dot);
    }

    /// Whether the dot of a named template may be from outside.
    pub(super) const fn dot_of_templates(&self) -> bool {
        self.templates || self.everything
    }

    /// Takes the variables of `pipe` into account; whether what it gives is from outside. `dot`: whether the dot is.
    pub(super) fn declared(&mut self, pipe: &PipeNode, dot: bool) -> bool {
        let outside = self.pipe(pipe, dot);
        if outside {
            self.variables.extend(pipe.decl.iter().cloned());
        }
        outside
    }

    /// Whether what `pipe` gives is made of something from outside.
    pub(super) fn pipe(&self, pipe: &PipeNode, dot: bool) -> bool {
        pipe.commands.iter().flat_map(|command| &command.args).any(|expr| self.expr(expr, dot))
    }

    fn expr(&self, expr: &Expr, dot: bool) -> bool {
        match expr {
            Expr::Dot(_) => dot,
            Expr::Field(_, names) => dot || fact(names),
            Expr::Variable(_, name, names) => self.everything || self.variables.contains(name) || fact(names),
            Expr::Pipe(_, pipe) => self.pipe(pipe, dot),
            Expr::Chain(_, inner, names) => self.expr(inner, dot) || fact(names),
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
