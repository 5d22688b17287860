//! Churn models: session lengths, traces, the nodes of a host, and the division of hosts
//! among directors.
//!
//! **Invariant:** knows no node, no engine and no lookup.

pub(crate) mod lifetimes;
mod nodes_per_host;
pub mod session_lengths;
mod share;
pub mod trace;
pub(crate) mod trace_schedule;

pub use self::nodes_per_host::NodesPerHost;
pub use self::share::Share;
