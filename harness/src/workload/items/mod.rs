//! The workload of queries for items.
//!
//! ```text
//! naming     names from syllables               copies    number of holders per item
//! catalogue  names, holders and holdings        draw      the next query
//! truth      whether answers are correct        workload  all of this as a workload
//! ```
//!
//! **Invariant:** items and holders follow from the scenario and its seed alone. They are the same for
//! every system, engine and number of threads.

pub mod catalogue;
pub mod queries;
pub mod truth;

mod copies;
mod naming;
mod workload;

pub use catalogue::Catalogue;
pub use naming::{WORDS_PER_NAME, vocabulary_size};
pub use queries::{Draw, Wanted};
pub use truth::ItemTruth;
pub use workload::ItemWorkload;
