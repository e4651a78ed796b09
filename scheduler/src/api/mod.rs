//! The services of the wire. Protobuf stops here: requests become values of the model, answers are made from them.

mod access;
mod blobs;
mod errors;
mod fleet;
mod for_agents;
mod joining;
mod logs;
mod notifications;
mod projects;
mod runs;
mod tasks;

pub use access::{Access, Guarded};

use crate::{
    blobs::Blobs,
    board::Board,
    ca::Authority,
    driver::Handle,
    intake::Intake,
    logs::Logs,
    metrics::Metrics,
    outbox::Outbox,
    parts::{Clock, Random, Tasks},
    secrets::Secrets,
    store::Store,
    stored_tasks::StoredTasks,
    waves::Waves,
};
use acre_proto::{
    MESSAGE_LIMIT,
    v1::{
        self, agents_server::AgentsServer, blobs_server::BlobsServer, fleet_server::FleetServer,
        joining_server::JoiningServer, logs_server::LogsServer, notifications_server::NotificationsServer,
        projects_server::ProjectsServer, runs_server::RunsServer, tasks_server::TasksServer,
    },
};
use std::sync::Arc;
use tokio::sync::watch;
use tonic::{codec::CompressionEncoding, service::Routes};

/// The largest message of those who may have no certificate, in bytes.
const JOINING_LIMIT: usize = 64 * 1024;

/// What the services work with.
#[derive(Clone)]
pub struct Services {
    /// Asks the driver.
    pub driver: Handle,
    /// Committed state.
    pub board: Arc<Board>,
    /// Records of ended runs.
    pub store: Arc<dyn Store>,
    /// Blobs.
    pub blobs: Blobs,
    /// The way of submissions into the farm.
    pub intake: Intake,
    /// Tasks that projects keep.
    pub stored_tasks: StoredTasks,
    /// Patched images on their way through them.
    pub waves: Waves,
    /// What is kept secret.
    pub secrets: Arc<Secrets>,
    /// Logs.
    pub logs: Logs,
    /// What others are told.
    pub outbox: Outbox,
    /// Who signs certificates, in a farm that is asked over the network.
    pub authority: Option<Arc<Authority>>,
    /// Randomness.
    pub random: Arc<dyn Random>,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// Background work.
    pub tasks: Tasks,
    /// The farm's identity, which agents put on their labels.
    pub farm: String,
    /// Whether the farm is told to stop, and agents with it.
    pub farm_stops: watch::Sender<bool>,
    /// What is counted.
    pub metrics: Metrics,
}

/// All services as one router: acre's own, health and reflection.
pub async fn routes(services: Services) -> Result<Routes, tonic_reflection::server::Error> {
    let (health, health_service) = tonic_health::server::health_reporter();
    health.set_serving::<RunsServer<Services>>().await;
    let reflection = tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(v1::DESCRIPTORS)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        .build_v1()?;
    macro_rules! limited {
        ($server:ident) => {
            $server::new(services.clone())
                .max_decoding_message_size(MESSAGE_LIMIT)
                .max_encoding_message_size(MESSAGE_LIMIT)
                .accept_compressed(CompressionEncoding::Zstd)
        };
    }
    Ok(Routes::new(health_service)
        .add_service(reflection)
        .add_service(limited!(RunsServer))
        .add_service(limited!(LogsServer))
        .add_service(limited!(BlobsServer))
        .add_service(limited!(AgentsServer))
        .add_service(limited!(ProjectsServer))
        .add_service(limited!(TasksServer))
        .add_service(limited!(NotificationsServer))
        .add_service(limited!(FleetServer))
        .add_service(JoiningServer::new(services.clone()).max_decoding_message_size(JOINING_LIMIT)))
}
