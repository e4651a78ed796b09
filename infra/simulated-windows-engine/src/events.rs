//! What happens to containers (`GET /events`): all of it is remembered, and told to who asks with `since`.

use crate::answer::{Answer, lines};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};
use tokio::sync::broadcast;

/// Events that somebody who listens has not taken yet.
const AHEAD: usize = 1024;

pub(crate) struct Events {
    past: Mutex<Vec<Value>>,
    told: broadcast::Sender<Value>,
}

impl Default for Events {
    fn default() -> Self {
        Self { past: Mutex::default(), told: broadcast::Sender::new(AHEAD) }
    }
}

/// Filters of a list as the API has them: `{"label": ["a=b"], …}`.
pub(crate) type Filters = BTreeMap<String, Vec<String>>;

impl Events {
    /// A container has ended.
    pub(crate) fn died(&self, id: &str, code: i64) {
        let event = json!({
            "Type": "container", "Action": "die", "status": "die", "id": id, "scope": "local",
            "Actor": { "ID": id, "Attributes": { "exitCode": code.to_string() } },
        });
        let mut past = self.past.lock().unwrap_or_else(PoisonError::into_inner);
        past.push(event.clone());
        drop(self.told.send(event));
    }

    /// What was, and then what is, for as long as somebody listens.
    pub(crate) fn listen(&self, filters: Filters) -> Answer {
        let (say, answer) = lines();
        let (past, mut coming) = {
            let past = self.past.lock().unwrap_or_else(PoisonError::into_inner);
            (past.clone(), self.told.subscribe())
        };
        tokio::spawn(async move {
            for event in past.into_iter().filter(|event| matches(event, &filters)) {
                if say.send(event).await.is_err() {
                    return;
                }
            }
            loop {
                tokio::select! {
                    () = say.closed() => return,
                    event = coming.recv() => match event {
                        Ok(event) if matches(&event, &filters) => drop(say.send(event).await),
                        Ok(_) | Err(broadcast::error::RecvError::Lagged(_)) => {}
                        Err(broadcast::error::RecvError::Closed) => return,
                    },
                }
            }
        });
        answer
    }
}

fn matches(event: &Value, filters: &Filters) -> bool {
    let is = |filter: &str, found: &Value| {
        filters
            .get(filter)
            .is_none_or(|wanted| found.as_str().is_some_and(|found| wanted.iter().any(|one| one == found)))
    };
    is("type", &event["Type"]) && is("event", &event["Action"]) && is("container", &event["Actor"]["ID"])
}
