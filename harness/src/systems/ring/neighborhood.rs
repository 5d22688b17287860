//! The tables of a ring node, as the figures of a ring need them.
//!
//! **Invariant:** reads the node only.

use hopwise_kernel::ring::RingNode;
use hopwise_kernel::ring::fingers::FingerTable;

use crate::plug::{Finger, Fingers, Neighborhood};

/// What `node` believes about its neighborhood. Its list can hold `successors_max` entries.
pub(crate) fn neighborhood(node: &RingNode, successors_max: usize) -> Neighborhood<'_> {
    Neighborhood {
        predecessor: node.predecessor(),
        successors: node.successors(),
        successors_max,
        fingers: Some(node.fingers()),
    }
}

/// The slots beyond the one in which the successor list ends.
impl Fingers for FingerTable {
    fn each(&self, visit: &mut dyn FnMut(Finger)) {
        let shape = self.shape();
        for slot in self.boundary() + 1..shape.slots() {
            visit(Finger {
                slot,
                start: shape.start(slot),
                end: (slot + 1 < shape.slots()).then(|| shape.start(slot + 1)),
                entry: self.own_entry(slot),
            });
        }
    }
}
