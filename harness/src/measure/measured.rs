//! What an engine gives back: figures, or why there are none.
//!
//! **Invariant:** says nothing of how it was measured; any engine can fill it in.

use std::fmt;
use std::time::Duration;

use super::metrics::{Metrics, SeriesRow, Traffic};
use super::outcome::{Check, Load, Membership, Regime, State};

/// Why a scenario could not run.
#[derive(Debug)]
pub enum EngineError {
    /// It asks for something this host or engine cannot give; the message says what to write
    /// instead.
    Request(String),
    /// Something broke on the way.
    Broken(String),
}

impl fmt::Display for EngineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            EngineError::Request(message) | EngineError::Broken(message) => f.write_str(message),
        }
    }
}

impl std::error::Error for EngineError {}

/// What was measured.
#[derive(Debug)]
pub struct Measured {
    /// Lookups of the measured phase.
    pub metrics: Metrics,
    /// Messages of the measured phase, all kinds.
    pub traffic: Traffic,
    /// Maintenance messages of the measured phase.
    pub maintenance: Traffic,
    /// Length of the measured phase.
    pub measured: Duration,
    /// Live nodes, summed over the seconds of the measured phase.
    pub node_s: f64,
    /// Table sizes at its end.
    pub state: State,
    /// What nodes had to do in it.
    pub load: Load,
    /// Who came and went during it.
    pub membership: Membership,
    /// Messages and timers handled.
    pub events: u64,
    /// Datagrams sent.
    pub datagrams: u64,
    /// Everything dropped since the start, by reason.
    pub drops: Vec<(&'static str, u64)>,
    /// Threads that ran nodes.
    pub threads: usize,
    /// Time from the start until all nodes were members.
    pub bring_up: Duration,
    /// Ended by the user.
    pub interrupted: bool,
    /// What only a simulator can tell.
    pub simulation: Option<Simulation>,
    /// One row per second.
    pub series: Vec<SeriesRow>,
    /// Worth telling, but no error: a core that may not be pinned to, …
    pub warnings: Vec<String>,
}

/// What only a simulator can tell.
#[derive(Clone, PartialEq, Debug)]
pub struct Simulation {
    /// Virtual time from the start of bring-up to the last event.
    pub simulated: Duration,
    /// Real time that took, building the nodes not counted.
    pub real: Duration,
    /// Events since the start.
    pub events: u64,
    /// Depends on every event and on its place in the order of its node's events, and on nothing
    /// else.
    pub trace_digest: u64,
    /// What nodes could know of each other's failures.
    pub regime: Regime,
    /// What checking after every event found, where that was done.
    pub check: Option<Check>,
}
