//! What a scenario says of the ring, as nodes take it.
//!
//! **Invariant:** the same for every engine.

use hopwise_kernel::ring::fingers::Shape;
use hopwise_kernel::ring::{LookupMode, RingConfig};
use hopwise_kernel::rpc::TimeoutPolicy;

use crate::Scenario;
use crate::scenario::{self, Amount, FaultKind, Start, Timeout};
use crate::trace::Trace;

/// The configuration of each of at most `nodes` nodes.
pub(super) fn config(scenario: &Scenario, nodes: usize) -> RingConfig {
    let ring = &scenario.ring;
    RingConfig {
        shape: Shape::for_ring(ring.base.trailing_zeros(), nodes, ring.successors as usize),
        successors: ring.successors as u8,
        lookup: match ring.lookup {
            scenario::LookupMode::Recursive => LookupMode::Recursive,
            scenario::LookupMode::Iterative => LookupMode::Iterative,
        },
        stabilize: ring.stabilize,
        fix_fingers: ring.fix_fingers,
        remember_failures: ring.remember_failures,
        timeout: match scenario.network.timeout {
            Timeout::Adaptive => TimeoutPolicy::Adaptive,
            Timeout::Fixed(timeout) => TimeoutPolicy::Fixed(timeout),
        },
        deadline: scenario.workload.deadline,
        #[cfg(feature = "mistakes")]
        mistake: None,
    }
}

/// Most nodes there are by plan, other churn aside: those of the start or the trace, and those that
/// faults add. `directors` share them alike.
pub(super) fn planned_nodes(scenario: &Scenario, trace: Option<&Trace>, directors: usize) -> usize {
    let nodes = scenario.nodes as usize;
    let most_up = trace.map_or(nodes, |trace| directors * trace.most_up(directors));
    let joins = scenario.faults.iter().filter(|fault| fault.kind == FaultKind::Join);
    let joins = joins.map(|fault| match fault.amount {
        Amount::Fraction(share) => (nodes as f64 * share).ceil() as usize,
        Amount::Count(count) => count as usize,
    });
    most_up.max(nodes) + joins.sum::<usize>()
}

/// How many nodes are members from the start; the others join through the protocol.
pub(super) fn members_at_start(scenario: &Scenario) -> usize {
    match scenario.start {
        Start::Linked => scenario.nodes as usize,
        // A ring begins with r + 1 nodes that know each other.
        Start::Joined => scenario.nodes.min(scenario.ring.successors + 1) as usize,
    }
}
