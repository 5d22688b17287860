//! A store of values, kept by the owners of their keys and copied to the nodes that follow them, over any
//! router.
//!
//! ```text
//! origin     lookup(key) ──▶ owner     Write ──▶ owner ── Copy ──▶ holder, holder, …
//!                                                      ◀─ Copied ─
//!                                     ◀─ Written ─
//! ```
//!
//! An item is a value under a key, or a *reference*: a key and the address of a node that provides what
//! the key stands for. A key has one value and any number of references. Items are soft state: they
//! expire unless they are written again.
//!
//! A value can also stay with the node that writes it ([`StoreNode::publish`]): then the item under the key
//! is a small [`Reference`] to it, and [`StoreNode::fetch`] reads that and asks the node.
//!
//! ```text
//! node       state, and the dispatch of inputs     operation  what an application asks, how it ends
//! origin     the asking side of reads and writes   version    the order of the writes of an item
//! owner      reads and writes at the owner         table      the items of one node, in the order of
//! commit     rounds of copies; their state: rounds            their keys; slab: the bytes of values;
//!                                                             reserved, numbered: memory that can be given back
//! holders    the nodes that keep copies            sum        fingerprints of ranges of items
//! arrive     takes over a range of keys; its state: arrival
//! repair     mends copies that differ; its state: repairs
//! spread     lets holders answer reads of popular values; its state: popular
//! copies     copies in messages                    strays     ceded parts and stray copies return
//! indirect   values that stay with their writers; their table: provided; what the store keeps: reference
//! place      chooses a place by the items of nodes; its state: choice
//! defect     deliberate defects, for tests
//! ```
//!
//! # What is promised
//!
//! A write is acknowledged once the owner and all holders have it. Reads are answered by the owner, once
//! it has the items of the range that it owns. While failures are detected exactly (no live node is
//! taken for dead), each key is linearizable: operations take effect one after the other, each between
//! its start and its end. A write that ends as [`Unknown`](WriteOutcome::Unknown) may have taken
//! effect, or may do so later.
//!
//! A holder may be asked in place of an owner which some nodes do not reach. It may reveal a write before the owner
//! has acknowledged it. So a read that meets a write at the owner waits until all holders have that.
//!
//! The owner of a popular value allows its holders to answer reads, too: each key stays linearizable.
//!
//! When a live node is taken for dead, two nodes can own a key for a while. Then the highest
//! [`Version`] wins in the end: a conditional write or an addition can be overwritten by one that did
//! not see it. Holders count the cases that they see ([`StoreCounts::conflicts`]).
//!
//! If many more nodes join between two neighbors at a time than a successor list has entries, the last owner
//! may not find a new one within ten seconds. Then the new node takes over with what it has: reads can miss
//! values for some seconds, and a write can be lost.
//!
//! An acknowledged write is lost if all nodes that hold it fail before one of them has copied it on.
//!
//! **Invariant:** an operation that was started ends in one event with its token, by its deadline; the
//! router below behaves as it does without a store; no item is evicted before it expires.

mod answered;
mod arrival;
mod arrive;
mod choice;
mod commit;
pub mod config;
mod copies;
pub mod counts;
#[cfg(feature = "defects")]
pub mod defect;
pub mod event;
mod holders;
mod indirect;
pub mod message;
pub mod node;
mod numbered;
pub mod operation;
mod origin;
mod owner;
mod place;
mod popular;
pub mod protocol;
mod provided;
pub mod reference;
mod repair;
mod repairs;
pub mod request;
mod reserved;
mod rounds;
mod slab;
mod spread;
mod strays;
pub mod sum;
mod table;
pub mod version;
pub mod wire;

pub use config::{Hosts, MAX_REPLICAS, StoreConfig, StoreLimits};
pub use counts::StoreCounts;
#[cfg(feature = "defects")]
pub use defect::StoreDefect;
pub use event::Event;
pub use holders::is_holder;
pub use message::{Message, MessageWith};
pub use node::StoreNode;
pub use operation::{
    Change, Condition, Lifetime, ListEnd, MAX_VALUE, Name, ReadEnd, ReadOutcome, Refusal, Write,
    WriteEnd, WriteOutcome,
};
pub use place::middle_half;
pub use protocol::Stored;
pub use reference::{REFERENCE_BYTES, Reference};
pub use sum::{Range, Sum};
pub use version::{Version, VersionClock};
pub use wire::StoreCodec;
