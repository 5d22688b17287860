//! Traces of lookups: what happens to a lookup on its way, step by step.
//!
//! ```text
//! selection   which lookups are traced        step        one step, as engines record it
//! tracer      takes the steps of a run        collector   makes traces of them
//! lookup      the trace of a lookup           way         how its answer was found
//! document    the traces of a run as a file
//! ```
//!
//! **Invariant:** a trace changes nothing in a run.

mod collector;
mod document;
mod lookup;
mod selection;
mod step;
mod tracer;
mod way;

pub use self::collector::{Collector, Wanted};
pub use self::document::Traces;
pub use self::lookup::{LookupTrace, TracedStep};
pub use self::selection::Selection;
pub use self::step::{Step, StepKind};
pub use self::tracer::{Ended, Numbers, Tracer};
pub use self::way::OnWay;

/// The most lookups that a run traces for a file.
pub const LOOKUPS_MAX: u32 = 1000;
/// The most steps of a lookup that are kept.
pub const STEPS_MAX: usize = 10_000;
