//! What is done to the nodes.

pub mod metrics;
pub mod outcome;
pub mod provenance;
pub mod truth;
pub mod wall_clock;
