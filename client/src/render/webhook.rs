//! `acre task webhook`: what is put in on the other side.

use acre_model::{
    ids::{ProjectName, TaskName},
    trigger::{Provider, RegistryKind},
};
use serde::Serialize;
use std::collections::BTreeMap;

/// Where, and with which secret, somebody tells the farm of what happens.
#[derive(Debug, Serialize)]
pub struct Webhook {
    /// By who tells: the path below the address of `acre-scheduler --hooks`.
    paths: BTreeMap<String, String>,
    secret: String,
    #[serde(skip)]
    folder: String,
    /// What stands for who tells.
    #[serde(skip)]
    word: &'static str,
}

impl Webhook {
    /// For the host of a task's source, or for registries.
    pub fn new(project: &ProjectName, task: Option<&TaskName>, secret: String) -> Self {
        let (folder, word, names): (_, _, Vec<String>) = match task {
            Some(task) => (format!("/hooks/{project}/{task}"), "PROVIDER", named(Provider::ALL.iter())),
            None => (format!("/registries/{project}"), "KIND", named(RegistryKind::ALL.iter())),
        };
        let paths = names.into_iter().map(|name| (name.clone(), format!("{folder}/{name}"))).collect();
        Self { paths, secret, folder, word }
    }

    /// What people read.
    pub fn table(&self) -> String {
        let Self { folder, word, secret, .. } = self;
        let names = self.paths.keys().cloned().collect::<Vec<_>>().join(", ");
        format!(
            "Path      {folder}/{word}, below the address of `acre-scheduler --hooks`\n\
             {word:<8}  {names}\n\
             Secret    {secret}\n"
        )
    }
}

fn named<T: ToString>(all: impl Iterator<Item = T>) -> Vec<String> {
    all.map(|one| one.to_string()).collect()
}
