//! The distributed hash table: a ring of nodes with fingers (Stoica et al., *Chord*, IEEE/ACM ToN
//! 11(1), 2003), maintained by the rules that Zave proved correct (*Reasoning about identifier
//! spaces: how to make Chord correct*, IEEE TSE 2017).
//!
//! **Invariant:** nothing here allocates after construction, blocks, or reads a clock.

pub mod config;
pub mod fingers;
#[cfg(feature = "mistakes")]
pub mod mistake;
pub mod node;
pub mod rank;
pub mod secret;
pub mod successors;
pub mod suspects;

mod lookup;
mod maintain;
mod membership;
mod upkeep;

pub use config::{LookupMode, RingConfig};
#[cfg(feature = "mistakes")]
pub use mistake::Mistake;
pub use node::RingNode;
