//! Named items, and how peers find and fetch them, whatever the system: the same names, queries,
//! answers and transfers under the central index, flooding and the ring.
//!
//! ```text
//! text        a bounded name                query      a question, and which names fit it
//! hits        names and their holders       names      the names of a population, shared by a host
//! holdings    the items that a peer holds   transfers  fetches items from holders and gives them away
//!
//! index       names and their holders       responder  answers publishers and requesters from an index
//! publisher   makes holdings known          requester  asks an index
//! client      a peer of an index: publishes, asks, fetches, gives
//!
//! message, wire, request, event, protocol   what travels between them; systems carry this protocol
//! ```
//!
//! **Invariant:** nothing here knows how a query reaches the nodes that can answer it.

pub mod client;
pub mod event;
pub mod hits;
pub mod holdings;
pub mod index;
mod linked_lists;
pub mod message;
pub mod names;
pub mod protocol;
pub mod publisher;
pub mod query;
pub mod request;
pub mod requester;
pub mod responder;
pub mod text;
pub mod transfers;
pub mod wire;

pub use client::IndexClient;
pub use event::{Event, Found};
pub use hits::{Hit, HitList, Hits};
pub use holdings::Holdings;
pub use index::{Index, IndexLimits};
pub use message::{Message, Topic};
pub use names::Names;
pub use protocol::{Items, TrafficClass};
pub use publisher::{Publisher, PublishingConfig};
pub use query::{Match, Query, Signature};
pub use responder::{Responder, ResponderConfig};
pub use text::{MAX_TEXT, Text, TextError};
pub use transfers::{OwnFetch, TransferConfig, Transfers};
