//! What a crash left on the engine: everything that carries this agent's labels and belongs to no wanted group.

use crate::{attempt::Works, engine::Labels, labels, sandbox};
use acre_model::session::GroupKey;
use std::{collections::BTreeSet, time::Duration};

/// Waits between two tries while the engine does not answer, in milliseconds.
const RETRY_MS: u64 = 1_000;

/// Removes what no wanted group owns. Tries until the engine has answered.
pub(crate) async fn reap(works: &Works, agent: Labels, wanted: BTreeSet<GroupKey>) {
    let names: BTreeSet<String> = wanted.iter().map(ToString::to_string).collect();
    loop {
        match remove_unwanted(works, &agent, (&wanted, &names)).await {
            Ok(0) => return,
            Ok(groups) => return tracing::info!(groups, "removed what an earlier process left"),
            Err(why) => tracing::debug!(%why, "cannot look for leavings yet"),
        }
        tokio::time::sleep(Duration::from_millis(RETRY_MS)).await;
    }
}

async fn remove_unwanted(
    works: &Works,
    agent: &Labels,
    (keys, wanted): (&BTreeSet<GroupKey>, &BTreeSet<String>),
) -> Result<usize, crate::engine::EngineError> {
    let runtime = &works.parts.runtime;
    let found = runtime.find_labels(agent).await?;
    let groups: BTreeSet<String> = found.into_iter().filter_map(|mut labels| labels.remove(labels::GROUP)).collect();
    let unwanted: Vec<&String> = groups.difference(wanted).collect();
    for group in &unwanted {
        let mut labels = agent.clone();
        labels.insert(labels::GROUP.to_owned(), (*group).clone());
        runtime.remove_labeled(&labels).await?;
    }
    sandbox::take_unwanted(&**runtime, &works.config.data, keys).await?;
    works.networks.take_stock(agent, wanted).await?;
    Ok(unwanted.len())
}
