//! What a director begins with, and what it counts.
//!
//! **Invariant:** plain data.

use std::sync::Arc;

use hopwise_kernel::Peer;

use crate::churn::trace::Trace;

/// What a director begins with.
#[derive(Clone, Debug)]
pub struct Setup<'a, W> {
    /// Places, all of them empty.
    pub places: usize,
    /// Nodes to be brought up through the protocol.
    pub to_join: usize,
    /// Members of the start, for nodes that know nobody.
    pub seeds: Arc<Vec<Peer>>,
    /// Whom it follows, if it follows a trace.
    pub trace: Option<&'a Trace>,
    /// What is asked.
    pub workload: W,
    /// Whether the node of the first host serves all others: it is asked nothing, and only a fault
    /// takes it away.
    pub has_server: bool,
}

/// How often members came and went in the measured phase.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Moves {
    /// Joined through the protocol.
    pub joins: u64,
    /// Left, announced.
    pub leaves: u64,
    /// Crashed.
    pub crashes: u64,
}
