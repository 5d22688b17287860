//! The checker of a system on top of a router: that of the router.
//!
//! **Invariant:** sees of a node only its router.

use std::fmt;

use hopwise_kernel::Time;

use crate::measure::outcome::Check;
use crate::plug::{Checker, System};

/// Checks the system `S` below nodes `N`.
pub struct RouterChecker<S: System, N> {
    below: S::Checker,
    router: fn(&N) -> &S::Node,
}

impl<S: System, N> RouterChecker<S, N> {
    /// A checker that passes the `router` of each node to `below`.
    pub(super) fn new(below: S::Checker, router: fn(&N) -> &S::Node) -> RouterChecker<S, N> {
        RouterChecker { below, router }
    }
}

impl<S: System, N: 'static> Checker<N> for RouterChecker<S, N> {
    const EXISTS: bool = S::Checker::EXISTS;

    #[inline]
    fn time_is(&mut self, now: Time) {
        self.below.time_is(now);
    }

    #[inline]
    fn look(&mut self, now: Time, place: u32, node: Option<&N>) {
        self.below.look(now, place, node.map(self.router));
    }

    fn findings(self, now: Time, nodes: &mut dyn Iterator<Item = &N>) -> Check {
        self.below.findings(now, &mut nodes.map(self.router))
    }
}

impl<S: System, N> fmt::Debug for RouterChecker<S, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.below.fmt(f)
    }
}
