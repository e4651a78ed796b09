//! Puts guards into a parsed template before it is executed: before every node a tick, which counts operations and
//! remembers the place; after every function a bound on what it made; around every value that will be printed a check
//! that it is there. So the engine's own errors, which carry no place, get one, and no template runs without end.

use super::{
    roles::{barred, is_asked, takes_secrets},
    state::{BOUND, INERT, NEED, PLAIN, Place, State, TICK},
    syntax::place,
    taint::{Scope, Taint},
};
use crate::diagnostic::{At, MOST};
use acre_model::{
    ids::SecretId,
    text::{clip, nearest},
};
use gotmpl::parse::{
    ActionNode, BranchNode, CommandNode, DefineNode, Expr, ListNode, Node, Number, PipeNode, Pos, SmolStr,
};
use std::{collections::BTreeSet, sync::Arc};

/// Most arguments of one call, so that what a call makes is bounded by its parts.
const ARGUMENTS: usize = 64;

/// A fault that is seen without running the template.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) at: At,
    pub(super) message: String,
    pub(super) help: String,
}

/// The pass over the tree.
pub(super) struct Guard<'a> {
    source: &'a str,
    /// Byte offsets at which lines begin.
    lines: Vec<usize>,
    known: BTreeSet<String>,
    places: Vec<Place>,
    faults: Vec<Fault>,
    taint: Taint,
    /// Secrets that the template names.
    secrets: BTreeSet<SecretId>,
    /// Where the dot and `$` are from here.
    scope: Scope,
}

impl<'a> Guard<'a> {
    /// `taint` is what an earlier pass found.
    pub(super) fn new(source: &'a str, known: BTreeSet<String>, taint: Taint) -> Self {
        let begins = source.match_indices('\n').map(|(at, _)| at + 1);
        let lines = std::iter::once(0).chain(begins).collect();
        Self {
            source,
            lines,
            known,
            places: Vec::new(),
            faults: Vec::new(),
            taint,
            secrets: BTreeSet::new(),
            scope: Scope::ROOT,
        }
    }

    /// The state to begin with, what is wrong already, and what is from outside. `unknown` is the registry that is not
    /// known.
    pub(super) fn finish(self, unknown: &Arc<str>) -> (State, Vec<Fault>, Taint) {
        (State::new(self.source, self.places, self.secrets, unknown), self.faults, self.taint)
    }

    pub(super) fn define(&mut self, define: DefineNode) -> DefineNode {
        let dot = self.taint.dot_of_templates();
        let body = self.within(Scope { dot, dollar: dot }, define.body);
        DefineNode { body, ..define }
    }

    fn within(&mut self, scope: Scope, body: ListNode) -> ListNode {
        let before = std::mem::replace(&mut self.scope, scope);
        let body = self.list(body);
        self.scope = before;
        body
    }

    pub(super) fn list(&mut self, list: ListNode) -> ListNode {
        let mut nodes = Vec::with_capacity(list.nodes.len() * 2 + 1);
        // An empty body is executed too, and must cost something.
        if list.nodes.is_empty() {
            nodes.push(self.tick(list.pos, false));
        }
        for node in list.nodes {
            nodes.push(self.before(&node));
            nodes.push(self.node(node));
        }
        ListNode { pos: list.pos, nodes }
    }

    /// The tick before a node.
    fn before(&mut self, node: &Node) -> Node {
        match node {
            Node::Text(text) => {
                let rest = self.source.get(text.pos.offset..).unwrap_or_default();
                // The lexer may have trimmed blanks that the position still counts.
                let trimmed = if rest.starts_with(&*text.text) { 0 } else { rest.len() - rest.trim_start().len() };
                self.tick(Pos::new(text.pos.offset + trimmed, text.pos.line), true)
            }
            Node::Action(ActionNode { pos, .. })
            | Node::If(BranchNode { pos, .. })
            | Node::Range(BranchNode { pos, .. })
            | Node::With(BranchNode { pos, .. })
            | Node::Break(pos)
            | Node::Continue(pos) => self.tick(*pos, false),
            Node::Template(template) => self.tick(template.pos, false),
            Node::List(list) => self.tick(list.pos, false),
            Node::Define(define) => self.tick(define.pos, false),
        }
    }

    fn node(&mut self, node: Node) -> Node {
        match node {
            Node::List(list) => Node::List(self.list(list)),
            Node::Action(action) => {
                let printed = action.pipe.decl.is_empty();
                let inert = self.taint.declared(&action.pipe, self.scope) && printed;
                let mut pipe = self.pipe(action.pipe, printed);
                if inert {
                    pipe.commands.push(CommandNode { pos: action.pos, args: vec![identifier(action.pos, INERT)] });
                }
                Node::Action(ActionNode { pipe, ..action })
            }
            Node::If(branch) => {
                self.taint.declared(&branch.pipe, self.scope);
                let scope = self.scope;
                Node::If(self.branch(branch, scope))
            }
            Node::Range(branch) => {
                let outside = self.taint.parted(&branch.pipe, self.scope);
                Node::Range(self.branch(branch, self.scope.below(outside)))
            }
            Node::With(branch) => {
                let outside = self.taint.declared(&branch.pipe, self.scope);
                Node::With(self.branch(branch, self.scope.below(outside)))
            }
            Node::Template(mut template) => {
                template.pipe.iter().for_each(|pipe| self.taint.called(pipe, self.scope));
                template.pipe = template.pipe.map(|pipe| self.pipe(pipe, false));
                Node::Template(template)
            }
            Node::Define(define) => Node::Define(self.define(define)),
            other @ (Node::Text(_) | Node::Break(_) | Node::Continue(_)) => other,
        }
    }

    /// `scope` is that of the body.
    fn branch(&mut self, branch: BranchNode, scope: Scope) -> BranchNode {
        BranchNode {
            pos: branch.pos,
            pipe: self.pipe(branch.pipe, false),
            body: self.within(scope, branch.body),
            else_body: branch.else_body.map(|body| self.list(body)),
        }
    }

    /// `strict`: what the pipeline gives will be printed, and must be there.
    fn pipe(&mut self, pipe: PipeNode, strict: bool) -> PipeNode {
        let strict_after: Vec<bool> = (1..=pipe.commands.len())
            .map(|next| {
                pipe.commands.get(next).map_or(strict, |command| called(command).is_some_and(|name| !is_asked(name)))
            })
            .collect();
        let mut commands = Vec::with_capacity(pipe.commands.len() * 2);
        for (command, strict) in pipe.commands.into_iter().zip(strict_after) {
            let pos = command.pos;
            match called(&command).map(SmolStr::new) {
                Some(name) => {
                    if !commands.is_empty() && !takes_secrets(&name) {
                        let index = self.place(pos, name.to_string(), false);
                        commands.push(CommandNode { pos, args: vec![identifier(pos, PLAIN), number(pos, index)] });
                    }
                    commands.push(self.call(command, &name));
                    commands.push(CommandNode { pos, args: vec![identifier(pos, BOUND)] });
                    if strict {
                        let index = self.place(pos, String::new(), false);
                        commands.push(CommandNode { pos, args: vec![identifier(pos, NEED), number(pos, index)] });
                    }
                }
                None => commands.push(self.value(command, strict)),
            }
        }
        PipeNode { commands, ..pipe }
    }

    /// A command that is a value, not a call.
    fn value(&mut self, command: CommandNode, strict: bool) -> CommandNode {
        let args = command.args.into_iter().map(|expr| self.expr(expr, strict)).collect();
        CommandNode { pos: command.pos, args }
    }

    fn call(&mut self, command: CommandNode, name: &str) -> CommandNode {
        self.check_name(command.pos, name);
        if command.args.len() > ARGUMENTS {
            self.fault(command.pos, format!("`{}` with more than {ARGUMENTS} arguments", clip(name)), "split the call");
        }
        let strict = !is_asked(name);
        let by_name = matches!(name, "index" | "get") && self.secret_by_name(&command.args);
        let plain = !takes_secrets(name);
        let mut args = Vec::with_capacity(command.args.len());
        for (place, expr) in command.args.into_iter().enumerate() {
            args.push(match place {
                0 => expr,
                1 if by_name => expr,
                _ if plain => self.plain(expr, strict, name),
                _ => self.expr(expr, strict),
            });
        }
        CommandNode { pos: command.pos, args }
    }

    /// Whether a call is `index .Secrets "id"`, which names a secret.
    fn secret_by_name(&mut self, args: &[Expr]) -> bool {
        let [_, Expr::Field(_, names) | Expr::Variable(_, _, names), Expr::String(pos, id)] = args else {
            return false;
        };
        let named = names.len() == 1 && names[0] == "Secrets";
        if named {
            self.secret(*pos, id);
        }
        named
    }

    fn secret(&mut self, pos: Pos, id: &str) {
        match id.parse() {
            Ok(id) => drop(self.secrets.insert(id)),
            Err(why) => self.fault(pos, format!("`.Secrets`: {why}"), "write `.Secrets.ID`, as declared in `secrets`"),
        }
    }

    /// The argument of a function that must not be given secrets.
    fn plain(&mut self, expr: Expr, strict: bool, function: &str) -> Expr {
        let pos = expr.pos();
        let expr = self.expr(expr, strict);
        match expr {
            Expr::String(..) | Expr::Number(..) | Expr::Bool(..) | Expr::Nil(_) | Expr::Identifier(..) => expr,
            expr => {
                let index = self.place(pos, function.to_owned(), false);
                let command = CommandNode { pos, args: vec![identifier(pos, PLAIN), number(pos, index), expr] };
                Expr::Pipe(pos, PipeNode { pos, decl: Vec::new(), commands: vec![command], is_assign: false })
            }
        }
    }

    fn expr(&mut self, expr: Expr, strict: bool) -> Expr {
        let pos = expr.pos();
        let path = match &expr {
            Expr::Field(_, names) => format!(".{}", names.join(".")),
            Expr::Variable(_, name, names) if names.is_empty() => name.to_string(),
            Expr::Variable(_, name, names) => format!("{name}.{}", names.join(".")),
            Expr::Dot(_) => ".".to_owned(),
            _ => String::new(),
        };
        match &expr {
            Expr::Field(_, names) | Expr::Variable(_, _, names) => match names.as_slice() {
                [secrets, id] if secrets == "Secrets" => self.secret(pos, id),
                [secrets, ..] if secrets == "Secrets" && path.trim_start_matches('$').starts_with('.') => {
                    let help = "write `.Secrets.ID`, or `index .Secrets \"ID\"` where the id is no word";
                    self.fault(pos, "`.Secrets` is used by the name of one secret".to_owned(), help);
                }
                _ => {}
            },
            _ => {}
        }
        match expr {
            Expr::Identifier(pos, name) => {
                self.check_name(pos, &name);
                Expr::Identifier(pos, name)
            }
            Expr::Pipe(pos, pipe) => Expr::Pipe(pos, self.pipe(pipe, strict)),
            Expr::Chain(pos, inner, names) => Expr::Chain(pos, Box::new(self.expr(*inner, false)), names),
            Expr::Field(..) | Expr::Variable(..) | Expr::Dot(_) if strict => self.needed(expr, path),
            other => other,
        }
    }

    /// `expr` with a check that it is there.
    fn needed(&mut self, expr: Expr, path: String) -> Expr {
        let pos = expr.pos();
        let index = self.place(pos, path, false);
        let command = CommandNode { pos, args: vec![identifier(pos, NEED), number(pos, index), expr] };
        Expr::Pipe(pos, PipeNode { pos, decl: Vec::new(), commands: vec![command], is_assign: false })
    }

    fn tick(&mut self, pos: Pos, is_text: bool) -> Node {
        let index = self.place(pos, String::new(), is_text);
        let command = CommandNode { pos, args: vec![identifier(pos, TICK), number(pos, index)] };
        let pipe = PipeNode { pos, decl: Vec::new(), commands: vec![command], is_assign: false };
        Node::Action(ActionNode { pos, pipe })
    }

    fn place(&mut self, pos: Pos, path: String, is_text: bool) -> usize {
        let line = self.lines.partition_point(|begin| *begin <= pos.offset);
        self.places.push(Place { offset: pos.offset, line: u32::try_from(line).unwrap_or(u32::MAX), path, is_text });
        self.places.len() - 1
    }

    fn check_name(&mut self, pos: Pos, name: &str) {
        if self.known.contains(name) || self.faults.len() >= MOST {
            return;
        }
        let shown = clip(name);
        if let Some((why, instead)) = barred(name) {
            return self.fault(pos, format!("`{shown}` is not available: {why}"), instead);
        }
        let help = match nearest(&shown, self.known.iter().map(String::as_str)) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "the functions are those of Go's text/template and most of Sprig's".to_owned(),
        };
        self.fault(pos, format!("`{shown}` is not a function that templates have"), &help);
    }

    fn fault(&mut self, pos: Pos, message: String, help: &str) {
        if self.faults.len() >= MOST {
            return;
        }
        let at = place(self.source, pos.offset);
        self.faults.push(Fault { at, message, help: help.to_owned() });
    }
}

/// The name of the function that a command calls.
fn called(command: &CommandNode) -> Option<&str> {
    match command.args.first() {
        Some(Expr::Identifier(_, name)) => Some(name),
        Some(Expr::Chain(_, inner, _)) => match &**inner {
            Expr::Identifier(_, name) => Some(name),
            _ => None,
        },
        _ => None,
    }
}

fn identifier(pos: Pos, name: &str) -> Expr {
    Expr::Identifier(pos, SmolStr::new(name))
}

fn number(pos: Pos, index: usize) -> Expr {
    Expr::Number(pos, Number::Int(i64::try_from(index).unwrap_or(i64::MAX)))
}
