//! Where clients learn when their units reached an agent: both are in this process, and read one clock.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};
use tokio::{sync::oneshot, time::Instant};

/// Units that have not reached an agent, by the number in their step's id.
#[derive(Default)]
pub(crate) struct Starts {
    awaited: Mutex<(u64, BTreeMap<u64, oneshot::Sender<Instant>>)>,
}

impl Starts {
    /// A new step's id, and when its unit will have reached an agent.
    pub(crate) fn expect(&self) -> (String, oneshot::Receiver<Instant>) {
        let (tell, told) = oneshot::channel();
        let mut awaited = self.awaited.lock().unwrap_or_else(PoisonError::into_inner);
        awaited.0 += 1;
        let number = awaited.0;
        awaited.1.insert(number, tell);
        (format!("step-{number}"), told)
    }

    /// The unit of this step has reached an agent.
    pub(crate) fn note(&self, step: &str) {
        let number = step.strip_prefix("step-").and_then(|number| number.parse::<u64>().ok());
        let mut awaited = self.awaited.lock().unwrap_or_else(PoisonError::into_inner);
        let tell = number.and_then(|number| awaited.1.remove(&number)).expect("each unit reaches one agent, once");
        tell.send(Instant::now()).expect("a client waits for it");
    }
}
