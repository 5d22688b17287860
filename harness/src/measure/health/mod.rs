//! The health of a ring: how the tables of its nodes differ from those of the exact ring of the live
//! members, how many rings there are, and how many members claim each key.
//!
//! ```text
//!   Neighborhood of each node ─┐
//!                              ├─▶ Look ─▶ Findings ─▶ Sample ─▶ TableCourse
//!   Members, sorted ───────────┘  (by shard, merged)  (one instant)  (the measured phase)
//! ```
//!
//! **Invariant:** a figure follows from the tables and the live members alone, so it does not depend
//! on the engine, nor on how nodes are divided among shards.

mod counts;
mod course;
mod look;
mod members;
mod neighborhood;
mod ownership;
mod rings;
mod sample;
mod snapshot;
#[cfg(test)]
mod tests;

pub use self::counts::Counts;
pub use self::course::TableCourse;
pub use self::look::{Deviation, Findings, Look};
pub use self::members::Members;
pub use self::neighborhood::{Finger, Fingers, Neighborhood};
pub use self::ownership::{Claims, claims};
pub use self::rings::rings;
pub use self::sample::Sample;
pub use self::snapshot::Snapshot;
