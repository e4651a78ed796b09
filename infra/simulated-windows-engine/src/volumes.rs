//! Volumes (`/volumes`): folders of this machine, as Windows keeps them, which the engine's clients on the same machine
//! reach by their `Mountpoint`.

use crate::{
    answer::{Asked, bad, broken, not_found},
    containers::{has_labels, new_id},
    events::Filters,
};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    fs,
    path::PathBuf,
    sync::{Mutex, MutexGuard, PoisonError},
};

pub(crate) struct Volumes {
    folder: PathBuf,
    drive: Option<String>,
    by_name: Mutex<BTreeMap<String, Value>>,
}

impl Volumes {
    pub(crate) fn new(folder: PathBuf, drive: Option<String>) -> Self {
        Self { folder, drive, by_name: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Value>> {
        self.by_name.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// `POST /volumes/create`: one that is there stays as it is.
    pub(crate) fn create(&self, body: &Value) -> Asked<Value> {
        let name = body["Name"].as_str().filter(|name| !name.is_empty()).map_or_else(new_id, str::to_owned);
        // Characters that names of files do not have there (moby `volume/mounts/windows_parser.go`, `rxName`).
        if name.contains(['\\', '/', ':', '*', '?', '"', '<', '>', '|']) || name.starts_with('.') {
            return Err(bad(format!("{name}: invalid volume name")));
        }
        if body["DriverOpts"].as_object().is_some_and(|options| !options.is_empty()) {
            // moby `volume/local/local_windows.go`
            return Err(bad("options are not supported on this platform"));
        }
        let mut volumes = self.lock();
        if let Some(volume) = volumes.get(&name) {
            return Ok(volume.clone());
        }
        let place = self.folder.join(&name).join("_data");
        fs::create_dir_all(&place).map_err(broken)?;
        let labels = if body["Labels"].is_object() { body["Labels"].clone() } else { json!({}) };
        let volume = json!({
            "Name": name, "Driver": "local", "Scope": "local", "Labels": labels, "Options": {},
            "Mountpoint": self.shown(&place.display().to_string()),
        });
        volumes.insert(name, volume.clone());
        Ok(volume)
    }

    /// A path of this machine as the engine's clients know it.
    fn shown(&self, path: &str) -> String {
        match &self.drive {
            Some(drive) => format!("{drive}{}", path.replace('/', "\\")),
            None => path.to_owned(),
        }
    }

    /// `GET /volumes/{name}`
    pub(crate) fn inspect(&self, name: &str) -> Asked<Value> {
        self.lock().get(name).cloned().ok_or_else(|| not_found(format!("get {name}: no such volume")))
    }

    /// `GET /volumes`
    pub(crate) fn list(&self, filters: &Filters) -> Value {
        let found: Vec<Value> =
            self.lock().values().filter(|volume| has_labels(&volume["Labels"], filters)).cloned().collect();
        json!({ "Volumes": found, "Warnings": null })
    }

    /// `DELETE /volumes/{name}`
    pub(crate) fn remove(&self, name: &str) -> Asked<()> {
        self.inspect(name)?;
        fs::remove_dir_all(self.folder.join(name)).map_err(broken)?;
        self.lock().remove(name);
        Ok(())
    }
}
