//! The distributed hash table: a ring of nodes with fingers (Stoica et al., *Chord*, IEEE/ACM ToN
//! 11(1), 2003), maintained by the rules that Zave proved correct (*Reasoning about identifier
//! spaces: how to make Chord correct*, IEEE TSE 2017).
//!
//! ```text
//! node         state, and the dispatch of inputs   message, wire, request, event, protocol, config
//! lookup       routing; recursive and iterative    successors   the successor list
//!              lookups, delivery to owners         fingers      the finger table
//! membership   start, join, leave                  suspects     contacts that did not answer
//! visit        choosing a place before the join
//! maintain     stabilize, notify, rectify          rank         positions in a sorted ring
//! fix_fingers  refreshing fingers                  defect       deliberate defects, for tests
//! silence      what follows from missing replies
//! ```
//!
//! **Invariant:** nothing here allocates after construction, blocks, or reads a clock.

pub mod config;
#[cfg(feature = "defects")]
pub mod defect;
pub mod doubts;
pub mod event;
pub mod fingers;
pub mod message;
pub mod node;
pub mod protocol;
pub mod rank;
pub mod request;
pub mod successors;
pub mod suspects;
pub mod visit;
pub mod wire;

mod delivery;
mod failed_contacts;
mod fix_fingers;
mod instant;
mod iterative;
mod layout;
mod lookup;
mod lost_contacts;
mod maintain;
mod membership;
mod merge;
mod recursive;
mod redundant_routing;
mod silence;
mod steps;

pub use config::{AnswerRule, IdRule, LookupMode, RingConfig};
#[cfg(feature = "defects")]
pub use defect::Defect;
pub use event::Event;
pub use failed_contacts::FailedContacts;
pub use message::Message;
pub use node::RingNode;
pub use protocol::{Ring, TrafficClass};
pub use wire::RingCodec;
