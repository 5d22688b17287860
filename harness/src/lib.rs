//! What is done to the nodes: scenarios, load, churn, truth, metrics and reports.
//!
//! **Invariant:** a [`Scenario`] comes in and an [`outcome::Outcome`] goes out; a report reads an
//! outcome and nothing else.

pub mod campaign;
pub mod churn;
pub mod cli;
pub mod compare;
pub mod director;
pub mod engine;
pub mod graph;
pub mod invariant;
pub mod items;
pub mod judge;
pub mod library;
pub mod metrics;
pub mod network;
pub mod outcome;
pub mod progress;
pub mod provenance;
pub mod report;
pub mod run;
pub mod scenario;
pub mod sweep;
pub mod system;
pub mod trace;
pub mod truth;
pub mod wall_clock;
pub mod workload;

mod cast;
mod draws;
mod lifetimes;
mod work;

pub use scenario::{Scenario, ScenarioError};
