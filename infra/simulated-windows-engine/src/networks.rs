//! Networks, by their names (`/networks`). Windows has drivers of its own.

use crate::{
    answer::{Asked, bad, not_found, refusal},
    containers::{has_labels, new_id},
    events::Filters,
};
use http::StatusCode;
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// Those of libnetwork on Windows.
const DRIVERS: [&str; 8] = ["ics", "internal", "l2bridge", "l2tunnel", "nat", "overlay", "private", "transparent"];

#[derive(Default)]
pub(crate) struct Networks {
    by_id: Mutex<BTreeMap<String, Value>>,
}

impl Networks {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Value>> {
        self.by_id.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// `POST /networks/create`
    pub(crate) fn create(&self, body: &Value) -> Asked<Value> {
        let name =
            body["Name"].as_str().filter(|name| !name.is_empty()).ok_or_else(|| bad("a network needs a name"))?;
        let driver = body["Driver"].as_str().filter(|driver| !driver.is_empty()).unwrap_or("nat");
        if !DRIVERS.contains(&driver) {
            return Err(not_found(format!("could not find plugin {driver} in v1 plugin registry: plugin not found")));
        }
        let mut networks = self.lock();
        if networks.values().any(|network| network["Name"] == name) {
            return Err(refusal(StatusCode::CONFLICT, format!("network with name {name} already exists")));
        }
        let id = new_id();
        let labels = if body["Labels"].is_object() { body["Labels"].clone() } else { json!({}) };
        let network = json!({ "Id": id, "Name": name, "Driver": driver, "Scope": "local", "Labels": labels });
        networks.insert(id.clone(), network);
        Ok(json!({ "Id": id, "Warning": "" }))
    }

    /// `GET /networks/{id}`, by its id or name.
    pub(crate) fn inspect(&self, key: &str) -> Asked<Value> {
        let networks = self.lock();
        let found = networks.values().find(|network| network["Id"] == key || network["Name"] == key);
        found.cloned().ok_or_else(|| not_found(format!("network {key} not found")))
    }

    /// `GET /networks`
    pub(crate) fn list(&self, filters: &Filters) -> Value {
        self.lock().values().filter(|network| has_labels(&network["Labels"], filters)).cloned().collect()
    }

    /// `DELETE /networks/{id}`
    pub(crate) fn remove(&self, key: &str) -> Asked<()> {
        let found = self.inspect(key)?;
        self.lock().remove(found["Id"].as_str().unwrap_or_default());
        Ok(())
    }
}
