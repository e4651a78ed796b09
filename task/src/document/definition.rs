//! What the runs of a task do: a task file, a text, a command or a build, of which one is said.

use super::read::{names_or_sources, pairs_of, texts};
use super::{Document, ValueFrom};
use crate::check::fields::{Fields, Placed};
use acre_model::{
    ids::SecretId,
    stored_task::{Definition, ImageBuild},
    submission::NamedText,
};

/// The keys of a build, besides `file`.
const BUILD: [&str; 6] = ["image", "target", "arg", "secretArg", "noPush", "noCache"];

/// Reads the definition into the document.
pub(super) fn definition(fields: &mut Fields<'_, '_>, document: &mut Document) {
    let (file, text, cmd) = (fields.text("file"), fields.text("fileText"), fields.text("cmd"));
    let is_yaml = |file: &str| [".yaml", ".yml"].iter().any(|ending| file.ends_with(ending));
    document.task.definition = match (cmd, text, file) {
        (Some(cmd), text, file) => {
            let others = [("fileText", text.is_some()), ("file", file.is_some())];
            refuse_besides(fields, "cmd", others.iter().filter(|(_, is_there)| *is_there).map(|(key, _)| *key));
            Definition::Cmd(cmd.value)
        }
        (None, Some(text), file) => {
            refuse_besides(fields, "fileText", file.iter().map(|_| "file"));
            let name = format!("{}.yaml", document.task.name);
            Definition::Text(NamedText { name, text: text.value })
        }
        (None, None, Some(file)) if is_yaml(&file.value) => {
            refuse_besides(fields, "file: *.yaml", std::iter::empty());
            Definition::File(Some(file.value))
        }
        (None, None, None) if BUILD.iter().all(|key| fields.get(key).is_none()) => Definition::File(None),
        (None, None, file) => build(fields, file, &mut document.secrets),
    };
}

/// Refuses these keys, and those of a build, where `key` says already what a run does.
fn refuse_besides<'k>(fields: &mut Fields<'_, '_>, key: &str, others: impl Iterator<Item = &'k str>) {
    let others: Vec<&str> = others.chain(BUILD).collect();
    for other in others {
        if let Some(at) = fields.at(other) {
            fields.faults.error(at, format!("`{other}` cannot be used with `{key}`")).help = Some(
                "a run does one of `cmd`, `fileText`, a `file` that ends in .yaml, or the build of a Dockerfile"
                    .to_owned(),
            );
        }
    }
}

fn build(
    fields: &mut Fields<'_, '_>,
    file: Option<Placed<String>>,
    secrets: &mut Vec<(SecretId, ValueFrom)>,
) -> Definition {
    Definition::Build(ImageBuild {
        images: texts(fields, "image"),
        dockerfile: file.map(|file| file.value),
        target: fields.text("target").map(|target| target.value),
        arguments: pairs_of(fields, "arg"),
        secret_arguments: names_or_sources(fields, "secretArg", secrets),
        no_cache: fields.switch("noCache"),
        push: !fields.switch("noPush"),
    })
}
