//! The result of an engine: figures or an error.
//!
//! **Invariant:** the same for every engine and every system.

use std::fmt;
use std::io;
use std::time::Duration;

use super::metrics::{Metrics, Traffic};
use super::outcome::{Check, Health, Load, Membership, Regime, State, Target};
use super::series::SeriesRow;
use super::stored::{Contents, ValueVerdicts};

/// Why an engine could not run a scenario.
#[derive(Debug)]
pub enum EngineError {
    /// The scenario asks for something that this host or engine cannot provide. The message says
    /// what to write instead.
    Request(String),
    /// The run failed.
    Broken(String),
}

impl EngineError {
    /// The error of a run that panicked.
    #[must_use]
    pub fn panicked() -> EngineError {
        EngineError::Broken("the run panicked".to_owned())
    }
}

impl fmt::Display for EngineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            EngineError::Request(message) | EngineError::Broken(message) => f.write_str(message),
        }
    }
}

impl std::error::Error for EngineError {}

/// The figures of a run.
#[derive(Debug)]
pub struct Measured {
    /// Lookups of the measured phase.
    pub metrics: Metrics,
    /// All messages of the measured phase.
    pub traffic: Traffic,
    /// Bytes of the messages of the measured phase that lookups and operations caused.
    pub lookup_bytes: u64,
    /// Maintenance messages of the measured phase.
    pub maintenance: Traffic,
    /// Lookups per second of a closed loop just before the warm-up, if the load is a multiple of
    /// them.
    pub capacity_per_s: Option<f64>,
    /// Length of the measured phase.
    pub measured: Duration,
    /// The wall time that the measured phase took. In a simulation, another than its length.
    pub measured_wall: Duration,
    /// Node-seconds of the measured phase: the sum of all nodes' live time.
    pub node_s: f64,
    /// Table sizes at the end of the measured phase.
    pub state: State,
    /// Load per node in the measured phase.
    pub load: Load,
    /// Joins and departures in the measured phase.
    pub membership: Membership,
    /// How well the system is.
    pub health: Health,
    /// What nodes store, and what the truth found out about it, if they store values.
    pub values: Option<(Contents, ValueVerdicts)>,
    /// Messages and timers handled in the measured phase.
    pub events: u64,
    /// Datagrams sent in the measured phase.
    pub datagrams: u64,
    /// Messages dropped in the measured phase, by reason.
    pub drops: Vec<(&'static str, u64)>,
    /// How often disturbances of each kind struck.
    pub disturbances: Vec<(&'static str, u64)>,
    /// Threads that ran nodes.
    pub threads: usize,
    /// Time from the start until all nodes were members.
    pub bring_up: Duration,
    /// Whether the user ended the run early.
    pub interrupted: bool,
    /// Figures that only a simulation has.
    pub simulation: Option<Simulation>,
    /// One row per interval.
    pub series: Vec<SeriesRow>,
    /// Warnings, such as a thread that could not be pinned to its core.
    pub warnings: Vec<String>,
    /// How the log of events ended, if there was one: how many rows are missing because it was full, or
    /// why it could not be written.
    pub log: Option<io::Result<u64>>,
    /// The servers that were driven, if the nodes run elsewhere.
    pub target: Option<Target>,
}

/// Figures that only a simulation has.
#[derive(Clone, PartialEq, Debug)]
pub struct Simulation {
    /// Simulated time from the start of bring-up to the last event.
    pub simulated: Duration,
    /// Wall time of the same, without building the nodes.
    pub real: Duration,
    /// Events since the start.
    pub events: u64,
    /// A digest of all events and of their order at each node.
    pub trace_digest: u64,
    /// How reliably nodes could detect each other's failures.
    pub regime: Regime,
    /// Findings of the invariant checks, if there were any checks.
    pub check: Option<Check>,
}
