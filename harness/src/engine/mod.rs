//! The worlds a scenario runs in: real sockets and the simulator.
//!
//! **Invariant:** whatever an engine is, it takes a [`Scenario`](crate::Scenario) and gives
//! [`Measured`](crate::measure::Measured); it prints nothing and writes no file.

mod planned_nodes;
pub mod sim;
mod totals;
pub mod udp;
