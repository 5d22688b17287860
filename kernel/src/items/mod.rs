//! Named items, and how peers find and fetch them, whatever the system: the same names, queries,
//! answers and transfers under the central index, flooding and the ring.
//!
//! ```text
//! text    a bounded name            query   what is asked, and which names fit
//! hits    who has what              names   a population's names, shared by all peers of a host
//! shelf   what one peer holds       sharer  asks holders for items and gives its own away
//!
//! index       who holds what              registrar   keeps an index for others
//! publisher   tells an index of a shelf   inquirer    asks an index
//! participant   the part of a peer in all of this
//! ```
//!
//! **Invariant:** nothing here knows how a query reaches those who can answer it.

mod chain;
pub mod hits;
pub mod index;
pub mod inquirer;
pub mod names;
pub mod participant;
pub mod publisher;
pub mod query;
pub mod registrar;
pub mod sharer;
pub mod shelf;
pub mod text;

pub use hits::{Hit, HitList, Hits};
pub use index::{Index, IndexLimits};
pub use names::Names;
pub use participant::Participant;
pub use publisher::{Publisher, PublishingConfig};
pub use query::{Match, Query, Signature};
pub use registrar::{Registrar, RegistrarConfig};
pub use sharer::{OwnFetch, Sharer, SharingConfig};
pub use shelf::Shelf;
pub use text::{MAX_TEXT, Text, TextError};
