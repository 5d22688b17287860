//! What is done to the nodes: scenarios, load, churn, truth, metrics and reports.
//!
//! **Invariant:** a [`Scenario`] comes in and an [`Outcome`](measure::outcome::Outcome) goes out; a
//! report reads an outcome and nothing else.

pub mod app;
pub mod base;
pub mod churn;
pub mod commands;
pub mod conformance;
pub mod director;
pub mod engine;
pub mod measure;
pub mod network;
pub mod plug;
pub mod report;
pub mod scenario;
pub mod systems;
pub mod workload;

pub use conformance::conformance;
pub use scenario::{Scenario, ScenarioError};
