//! What a system may check after every event of a simulation.
//!
//! **Invariant:** a checker only looks; a run that is checked goes as it would unchecked.

use std::fmt::Debug;

use hopwise_kernel::Time;

use crate::measure::outcome::Check;

/// Watches over the invariant of nodes `N`. The simulator shows it every event, in order.
pub trait Checker<N>: Debug + Send + Sized + 'static {
    /// Whether there is anything to check.
    const EXISTS: bool = true;

    /// The next event happens at `now`; nothing has happened since the last one.
    fn time_is(&mut self, _now: Time) {}

    /// Something has happened in `place`, where `node` is now, if any is.
    fn look(&mut self, now: Time, place: u32, node: Option<&N>);

    /// What was found up to `now`, the end of the run.
    fn findings(self, now: Time) -> Check;
}

/// The checker of nodes without an invariant. There is none of it, so it costs nothing.
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

    fn findings(self, _now: Time) -> Check {
        match self {}
    }
}
