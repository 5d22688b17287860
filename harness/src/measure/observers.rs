//! What looks on at a run.
//!
//! **Invariant:** observers change nothing in a run.

use std::fmt;

use super::event_log::EventLog;
use super::trace::Tracer;

/// What looks on at a run. By default nothing does.
#[derive(Default)]
pub struct Observers<'a> {
    /// Writes all that happens to a file.
    pub log: Option<EventLog>,
    /// Takes the steps of some lookups. Only the simulator traces lookups.
    pub tracer: Option<&'a mut dyn Tracer>,
}

impl fmt::Debug for Observers<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Observers: {:?}, tracer: {}", self.log, self.tracer.is_some())
    }
}
