//! Named items, and how peers publish, find and fetch them: the part that the central index,
//! flooding and the store have in common.
//!
//! ```text
//! text        a bounded name                 query      a query, and the names that match it
//! hits        names with their holders       names      all names of a population, shared by a host
//! holdings    the items that a peer holds    transfers  fetches items from holders, and serves them
//!
//! index       names and their holders        responder  serves an index: takes publications, answers
//! ranking     the best matches of a query               queries
//! words       the words of a text            word_index names by word, and their holders
//! publisher   publishes holdings             requester  queries an index
//! client      the peer of an index: publishes, queries, fetches, serves
//!
//! message, wire, request, event, protocol    the protocol between them; systems carry it
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
mod numbers;
pub mod protocol;
pub mod publisher;
pub mod query;
mod ranking;
pub(crate) mod repeat;
pub mod request;
pub mod requester;
pub mod responder;
pub mod text;
pub mod transfers;
pub mod wire;
pub mod word_index;
pub mod words;

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
pub use request::PendingFetch;
pub use responder::{Responder, ResponderConfig};
pub use text::{MAX_TEXT, Text, TextError};
pub use transfers::{TransferConfig, Transfers};
pub use word_index::{WordIndex, WordLimits, WordRefusal};
