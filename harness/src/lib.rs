//! What is done to the nodes.

pub mod churn;
pub mod cli;
pub mod library;
pub mod scenario;
pub mod workload;

mod draws;

pub use scenario::{Scenario, ScenarioError};
