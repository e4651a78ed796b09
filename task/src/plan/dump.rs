//! A plan as text, one line per unit: what `acre check` shows, and what tests compare.

use acre_model::plan::{Action, Context, Fetch, Group, Plan, Role, Unit};
use std::fmt::Write;

/// One line per unit: its name, what it does, what it waits for (`<-`), and its group (`#n`, `#n net` where the
/// group has a network, `#n cross` where it builds for several platforms of which nothing executes; `with files of` the
/// units whose workspaces are handed over to it).
///
/// ```text
/// build@linux/amd64  build  app:1 from . on [alpine]  at once               #0
/// push@linux/amd64   push   app:1                     <- build@linux/amd64  #0
/// ```
pub fn dump(plan: &Plan) -> String {
    let cells: Vec<[String; 3]> = plan.units.iter().map(|unit| cells(plan, unit)).collect();
    let width = |column: usize| cells.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths = [width(0), width(1), width(2)];
    let mut out = String::new();
    for (unit, [name, what, after]) in plan.units.iter().zip(&cells) {
        let network = plan.groups.get(unit.group.index()).map_or("", |group| kind(plan, group));
        let takes = takes(plan, unit);
        let [first, second, third] = widths;
        // Writing to a string does not fail.
        let _ = writeln!(out, "{name:first$}  {what:second$}  {after:third$}  #{}{network}{takes}", unit.group.0);
    }
    out
}

/// What a group has: a network, or builds for several platforms.
fn kind(plan: &Plan, group: &Group) -> &'static str {
    match group.network {
        true => " net",
        false if is_mixed(plan, group) => " cross",
        false => "",
    }
}

/// Whether a group builds for several platforms.
pub(super) fn is_mixed(plan: &Plan, group: &Group) -> bool {
    let mut units = group.units.iter().filter_map(|id| plan.unit(*id));
    group.cross && units.any(|unit| unit.platform != group.platform)
}

/// Whose files its group begins with, at the first unit of the group.
fn takes(plan: &Plan, unit: &Unit) -> String {
    let group = plan.groups.get(unit.group.index()).filter(|group| group.units.first() == Some(&unit.id));
    let taken = group.into_iter().flat_map(|group| &group.takes);
    let names: Vec<&str> = taken.filter_map(|id| plan.unit(*id)).map(|unit| unit.name.as_str()).collect();
    if names.is_empty() { String::new() } else { format!(" with files of {}", names.join(", ")) }
}

fn cells(plan: &Plan, unit: &Unit) -> [String; 3] {
    let names = unit.after.iter().filter_map(|id| plan.unit(*id)).map(|unit| unit.name.as_str());
    let after = names.collect::<Vec<_>>().join(", ");
    let after = if after.is_empty() { "at once".to_owned() } else { format!("<- {after}") };
    let what = crate::tokens::for_people(&what(plan, unit), &plan.nonce);
    [unit.name.clone(), format!("{:6} {what}", unit.action.kind()), after]
}

pub(super) fn what(plan: &Plan, unit: &Unit) -> String {
    match &unit.action {
        Action::Source(Fetch::Git(git)) => crate::address::shown(&git.repository),
        Action::Source(Fetch::Tar(tar)) => crate::address::shown(&tar.url),
        Action::Source(Fetch::Oci(reference)) => format!("oci://{reference}"),
        Action::Source(Fetch::Aliases(addresses)) => {
            addresses.iter().map(|address| crate::address::shown(address)).collect::<Vec<_>>().join(" ")
        }
        Action::Push(push) if push.as_child => format!("{} (child)", push.reference),
        Action::Push(push) => push.reference.to_string(),
        Action::Index(index) => {
            let fewer = if index.allow_partial { ", or fewer" } else { "" };
            let kept: Vec<String> =
                index.kept.iter().filter_map(|image| image.image.platform.as_ref()).map(ToString::to_string).collect();
            let kept = if kept.is_empty() { String::new() } else { format!(", with {} as it was", kept.join(", ")) };
            format!("{} of {}{fewer}{kept}", index.reference, index.children.len())
        }
        Action::Cmd(cmd) => {
            let detached = if cmd.detach { " &" } else { "" };
            let words = std::iter::once(cmd.image.as_str()).chain(cmd.arguments.iter().map(String::as_str));
            let words: Vec<_> = words.map(|word| shlex::try_quote(word).unwrap_or_default()).collect();
            let words = crate::tokens::for_people(&words.join(" "), &plan.nonce);
            format!("{}{detached}", acre_model::text::clip(&words))
        }
        Action::Build(build) => {
            let tags: Vec<String> = build.tags.iter().map(ToString::to_string).collect();
            let tags = if tags.is_empty() { "(no name)".to_owned() } else { tags.join(" ") };
            let (place, folder) = match &build.context {
                Context::Tree(folder) => ("", folder.as_str()),
                Context::Workspace(folder) => ("workspace ", folder.as_str()),
                Context::Fetched { source, folder } => match plan.unit(*source) {
                    Some(source) => (source.name.as_str(), folder.as_str()),
                    None => ("?", folder.as_str()),
                },
                Context::Empty => ("nothing", ""),
            };
            let folder = match &build.context {
                Context::Tree(_) | Context::Workspace(_) if folder.is_empty() => ".",
                _ => folder,
            };
            let bases = build.dependencies.as_ref().map_or_else(
                || "?".to_owned(),
                |found| {
                    found
                        .iter()
                        .map(|dependency| format!("{}{}", mark(dependency.role), dependency.reference))
                        .collect::<Vec<_>>()
                        .join(" ")
                },
            );
            format!("{tags} from {place}{folder} on [{bases}]")
        }
    }
}

/// Build-time dependencies carry a mark.
const fn mark(role: Role) -> &'static str {
    match role {
        Role::Runtime => "",
        Role::BuildTime => "~",
    }
}
