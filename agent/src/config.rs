//! How an agent is set up.

use acre_model::{
    capability::Privileges,
    ids::{AgentId, PoolName},
    windows,
};
use std::{collections::BTreeMap, path::PathBuf};

/// How an agent is set up.
#[derive(Clone, Debug)]
pub struct Config {
    /// Its id, unique in its farm.
    pub id: AgentId,
    /// Its pool.
    pub pool: PoolName,
    /// Where it keeps logs that are not acknowledged, and its cache.
    pub data: PathBuf,
    /// Groups that may work at one time; `None`: as many as the engine's machine has cores.
    pub slots: Option<u32>,
    /// Cores of the engine's machine that it may use; `None`: as many as there are.
    pub cpus: Option<u32>,
    /// Memory of the engine's machine that it may use, in bytes; `None`: as much as there is.
    pub memory: Option<u64>,
    /// What its operator says of it.
    pub labels: BTreeMap<String, String>,
    /// Whether it goes when its farm stops.
    pub exit_with_farm: bool,
    /// Bytes of log that are kept of one attempt.
    pub log_cap: u64,
    /// Bytes of the cache of source files.
    pub cache: u64,
    /// Bytes that a step may have changed of a workspace that goes to other platforms.
    pub hand_over: u64,
    /// What steps that ask for it get of the host.
    pub allows: Privileges,
    /// Hosts that sources are fetched from without TLS, besides this machine.
    pub plain_http: Vec<String>,
    /// How long what it has may take when it is told to finish, in milliseconds.
    pub drain_timeout_ms: u64,
    /// How it behaves when it does not hear its farm.
    pub isolation: Isolation,
    /// How a Windows engine's machine keeps containers apart, its default first; empty: only as the engine tells.
    pub windows_isolation: Vec<windows::Isolation>,
}

/// What an agent does while its farm is silent (promises: "An agent measures its own isolation").
#[derive(Clone, Copy, Debug)]
pub struct Isolation {
    /// Between two heartbeats, in milliseconds.
    pub heartbeat_ms: u64,
    /// After this many milliseconds it starts nothing and pushes nothing.
    pub quiet_after_ms: u64,
    /// After this many it stops what runs.
    pub stop_after_ms: u64,
}

impl Default for Isolation {
    fn default() -> Self {
        Self { heartbeat_ms: 3_000, quiet_after_ms: 10_000, stop_after_ms: 60_000 }
    }
}

impl Config {
    /// An agent with this id that keeps its data there, and is otherwise as agents are.
    pub fn new(id: AgentId, data: PathBuf) -> Self {
        Self {
            id,
            pool: PoolName::default(),
            data,
            slots: None,
            cpus: None,
            memory: None,
            labels: BTreeMap::new(),
            exit_with_farm: false,
            log_cap: 64 * 1024 * 1024,
            cache: 4 * 1024 * 1024 * 1024,
            hand_over: 1024 * 1024 * 1024,
            allows: Privileges::default(),
            plain_http: Vec::new(),
            drain_timeout_ms: 10 * 60_000,
            isolation: Isolation::default(),
            windows_isolation: Vec::new(),
        }
    }
}
