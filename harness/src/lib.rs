#![doc = include_str!("../README.md")]

pub mod app;
pub mod base;
pub mod churn;
pub mod commands;
pub mod conformance;
pub mod director;
pub mod engine;
mod http;
pub mod live;
pub mod measure;
pub mod network;
pub mod plan;
pub mod plug;
pub mod report;
mod resp;
pub mod scenario;
pub mod serve;
pub mod stress;
pub mod systems;
pub mod target;
mod watch;
pub mod workload;

pub use conformance::conformance;
pub use scenario::{Scenario, ScenarioError};
