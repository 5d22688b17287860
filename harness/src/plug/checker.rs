//! Checks of a system's invariant after every event of a simulation.
//!
//! **Invariant:** a checker only looks. A run behaves the same with and without it.

use std::fmt::Debug;

use hopwise_kernel::Time;

use crate::measure::outcome::Check;

/// Checks the invariant of nodes `N`. The simulator calls it for every event, in order.
pub trait Checker<N>: Debug + Send + Sized + 'static {
    /// Whether there is anything to check.
    const EXISTS: bool = true;

    /// Called before each event, with the time of the event.
    fn time_is(&mut self, _now: Time) {}

    /// Called after each event in `place`. `node` is the node that is now there, if there is one.
    fn look(&mut self, now: Time, place: u32, node: Option<&N>);

    /// The findings up to `now`, the end of the run, at which there are these `nodes`.
    fn findings(self, now: Time, nodes: &mut dyn Iterator<Item = &N>) -> Check;
}

/// The checker of nodes without an invariant. It has no values, so it costs nothing.
#[derive(Clone, Copy, Debug)]
pub enum NoChecker {}

impl<N> Checker<N> for NoChecker {
    const EXISTS: bool = false;

    fn time_is(&mut self, _now: Time) {
        match *self {}
    }

    fn look(&mut self, _now: Time, _place: u32, _node: Option<&N>) {
        match *self {}
    }

    fn findings(self, _now: Time, _nodes: &mut dyn Iterator<Item = &N>) -> Check {
        match self {}
    }
}
