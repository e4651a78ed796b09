//! Containers that are created, started, and end at once: nothing is run, and each says so. What a Windows would refuse is
//! refused: a configuration that it does not have, an image that it cannot run under the isolation asked for.

use crate::{
    Engine, SIMULATED,
    answer::{Answer, Asked, bad, broken, bytes, empty, not_found, ok, refusal},
    events::Filters,
    host_config,
    images::Query,
};
use acre_model::{
    capability::Windows,
    windows::{self, Isolation},
};
use bytes::Bytes;
use data_encoding::HEXLOWER;
use http::StatusCode;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use std::{
    collections::BTreeMap,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::SystemTime,
};
use tokio::sync::{mpsc, watch};

#[derive(Default)]
pub(crate) struct Containers {
    by_id: Mutex<BTreeMap<String, Container>>,
}

#[derive(Clone)]
struct Container {
    name: String,
    image: String,
    labels: Value,
    isolation: Isolation,
    /// What it would have run.
    command: String,
    status: watch::Sender<Status>,
}

/// Where a container stands. None runs: each ends as it starts.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Status {
    Created,
    Exited { said: String },
    Removed,
}

/// An id as engines give them.
pub(crate) fn new_id() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    HEXLOWER.encode(&Sha256::digest(format!("{number} {} {now:?}", std::process::id())))
}

/// Whether a thing carries all labels that a list is filtered by.
pub(crate) fn has_labels(labels: &Value, filters: &Filters) -> bool {
    filters.get("label").into_iter().flatten().all(|wanted| match wanted.split_once('=') {
        Some((key, value)) => labels[key] == value,
        None => !labels[wanted.as_str()].is_null(),
    })
}

impl Engine {
    /// The isolation of what does not ask for one.
    pub(crate) fn isolation(&self) -> Isolation {
        self.arguments.isolation.first().copied().unwrap_or(Isolation::Process)
    }

    /// `POST /containers/create`
    pub(crate) fn create_container(&self, query: &Query, body: &Value) -> Asked<Answer> {
        let host = &body["HostConfig"];
        host_config::check(host)?;
        let name = query.get("name").cloned().unwrap_or_else(|| format!("simulated-{}", &new_id()[..12]));
        let image = self.store.find(body["Image"].as_str().unwrap_or_default())?;
        for mount in host["Mounts"].as_array().into_iter().flatten().filter(|mount| mount["Type"] == "volume") {
            let options = &mount["VolumeOptions"];
            let driver_options = &options["DriverConfig"]["Options"];
            self.volumes.create(&json!({
                "Name": mount["Source"], "Labels": options["Labels"], "DriverOpts": driver_options,
            }))?;
        }
        let isolation = match host["Isolation"].as_str().unwrap_or_default() {
            "" | "default" => self.isolation(),
            asked => asked.parse().map_err(bad)?,
        };
        let of_image = &image.configuration["config"];
        let mut labels = of_image["Labels"].as_object().cloned().unwrap_or_default();
        labels.extend(body["Labels"].as_object().cloned().unwrap_or_default());
        let words = |value: &Value| -> Vec<String> {
            value.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
        };
        let chosen = |key: &str| if body[key].is_array() { words(&body[key]) } else { words(&of_image[key]) };
        let container = Container {
            name: name.clone(),
            image: image.id.to_string(),
            labels: Value::Object(labels),
            isolation,
            command: [chosen("Entrypoint"), chosen("Cmd")].concat().join(" "),
            status: watch::Sender::new(Status::Created),
        };
        let id = new_id();
        let mut containers = self.containers.lock();
        if let Some((other, _)) = containers.iter().find(|(_, other)| other.name == name) {
            let text = format!("Conflict. The container name \"/{name}\" is already in use by container \"{other}\".");
            return Err(refusal(StatusCode::CONFLICT, text));
        }
        containers.insert(id.clone(), container);
        Ok(crate::answer::with(StatusCode::CREATED, &json!({ "Id": id, "Warnings": [] })))
    }

    /// `POST /containers/{id}/start`
    pub(crate) fn start_container(&self, key: &str) -> Asked<Answer> {
        let (id, container) = self.containers.find(key)?;
        if *container.status.borrow() != Status::Created {
            return Ok(empty(StatusCode::NOT_MODIFIED));
        }
        self.may_run(&id, &container)?;
        let said = format!(
            "{SIMULATED}: nothing was run by a Windows kernel (isolation {}): {}\r\n",
            container.isolation, container.command
        );
        container.status.send_replace(Status::Exited { said });
        self.events.died(&id, 0);
        Ok(empty(StatusCode::NO_CONTENT))
    }

    /// Whether this Windows would run the image so, in the words of its system calls.
    fn may_run(&self, id: &str, container: &Container) -> Asked<()> {
        let modes = &self.arguments.isolation;
        let fails = |what: &str| {
            Err(broken(format!(
                "container {id} encountered an error during hcs::System::Create: failure in a Windows system call: {what}"
            )))
        };
        if !modes.contains(&container.isolation) {
            return fails(
                "The virtual machine could not be started because a required feature is not installed. (0xc0351000)",
            );
        }
        let Some(version) = self.store.find(&container.image)?.version() else { return Ok(()) };
        let machine = Windows {
            build: self.arguments.os_version.to_string(),
            process: modes.contains(&Isolation::Process),
            hyperv: modes.contains(&Isolation::Hyperv),
        };
        match windows::isolation(self.arguments.os_version, &machine, version, Some(container.isolation)) {
            Ok(_) => Ok(()),
            Err(_) => fails(
                "The operating system of the container does not match the operating system of the host. (0xc0370101)",
            ),
        }
    }
}

impl Containers {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Container>> {
        self.by_id.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn find(&self, key: &str) -> Asked<(String, Container)> {
        let containers = self.lock();
        let found = containers.iter().find(|(id, container)| *id == key || container.name == key);
        found
            .map(|(id, container)| (id.clone(), container.clone()))
            .ok_or_else(|| not_found(format!("No such container: {key}")))
    }

    /// `GET /containers/json`
    pub(crate) fn list(&self, filters: &Filters) -> Value {
        let containers = self.lock();
        let wanted = containers.iter().filter(|(_, container)| has_labels(&container.labels, filters));
        wanted.map(|(id, container)| {
            let state = if *container.status.borrow() == Status::Created { "created" } else { "exited" };
            json!({
                "Id": id, "Names": [format!("/{}", container.name)], "Image": container.image, "ImageID": container.image,
                "Command": container.command, "Labels": container.labels, "State": state, "Status": state,
            })
        }).collect()
    }

    /// What it says, as frames (Engine API, "Attach to a container": stream format), once it has been started.
    pub(crate) fn output(&self, key: &str, follow: bool) -> Asked<mpsc::Receiver<Bytes>> {
        let (_, container) = self.find(key)?;
        let (say, said) = mpsc::channel(1);
        tokio::spawn(async move {
            let mut status = container.status.subscribe();
            if follow {
                drop(status.wait_for(|status| *status != Status::Created).await);
            }
            let text = match &*status.borrow() {
                Status::Exited { said } => said.clone(),
                Status::Created | Status::Removed => return,
            };
            let mut frame = vec![1, 0, 0, 0];
            frame.extend((text.len() as u32).to_be_bytes());
            frame.extend(text.into_bytes());
            drop(say.send(frame.into()).await);
        });
        Ok(said)
    }

    /// `GET /containers/{id}/logs`
    pub(crate) fn logs(&self, key: &str, query: &Query) -> Asked<Answer> {
        let follow = query.get("follow").is_some_and(|follow| follow == "true" || follow == "1");
        Ok(bytes(self.output(key, follow)?))
    }

    /// `POST /containers/{id}/wait`
    pub(crate) async fn wait(&self, key: &str, query: &Query) -> Asked<Answer> {
        let (_, container) = self.find(key)?;
        let mut status = container.status.subscribe();
        match query.get("condition").map_or("", String::as_str) {
            "removed" => drop(status.wait_for(|status| *status == Status::Removed).await),
            "next-exit" => drop(status.wait_for(|status| *status != Status::Created).await),
            _ => {}
        }
        Ok(ok(&json!({ "StatusCode": 0 })))
    }

    /// `POST /containers/{id}/stop`: none runs.
    pub(crate) fn stop(&self, key: &str) -> Asked<Answer> {
        self.find(key).map(|_| empty(StatusCode::NOT_MODIFIED))
    }

    /// `DELETE /containers/{id}`
    pub(crate) fn remove(&self, key: &str) -> Asked<Answer> {
        let (id, container) = self.find(key)?;
        self.lock().remove(&id);
        container.status.send_replace(Status::Removed);
        Ok(empty(StatusCode::NO_CONTENT))
    }
}
