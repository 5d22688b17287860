//! The engines: real sockets and the simulator.
//!
//! **Invariant:** an engine takes a [`Scenario`](crate::Scenario) and returns
//! [`Measured`](crate::measure::Measured). It prints nothing and writes no file.

mod planned_nodes;
pub mod sim;
mod totals;
pub mod udp;
