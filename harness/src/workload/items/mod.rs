//! The items of a run: what they are called, who holds them, which are asked for, and whether what
//! is found is true.
//!
//! ```text
//! naming    names from syllables            copies   how many holders each item has
//! catalogue names, holders and holdings     draw     which question is asked next
//! truth     which answers are right         workload all of this as a workload
//! ```
//!
//! **Invariant:** everything follows from the scenario and its seed: every system, engine and number
//! of threads sees the same items in the same hands.

pub mod catalogue;
pub mod draw;
pub mod truth;

mod copies;
mod naming;
mod workload;

pub use catalogue::Catalogue;
pub use draw::{Draw, Wanted};
pub use truth::ItemTruth;
pub use workload::ItemWorkload;
