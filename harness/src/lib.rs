//! What is done to the nodes.

pub mod metrics;
pub mod outcome;
pub mod progress;
pub mod provenance;
pub mod report;
pub mod truth;
pub mod wall_clock;
