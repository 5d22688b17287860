//! What a node keeps for others: references to items, at the owners of their names' hashes. The item itself stays with its holder (indirect storage; Wehrle, Götz and Rieche,
//! *Distributed Hash Tables*, 2005).
//!
//! ```text
//! holder   lookup(SHA-1 of the name) ──▶ owner    Publish ──▶ owner ── Copy ──▶ successor ── …
//! asks     lookup(SHA-1 of the name) ──▶ owner    Find ─────▶ owner,   Fetch ──▶ holder
//! ```
//!
//! References are soft state: they lapse unless their holders publish again, which in the end makes
//! good whatever was lost. Until then copies at the owner's successors answer as soon as one of these
//! has become the owner, and references are handed over to who joins and by who leaves.
//!
//! A piece of a name has another hash than the name: whoever owns that is asked, as any owner would
//! be, for what has just this name. That is what the ring cannot do.
//!
//! Copies are taken from neighbors only, but a neighbor's address can be forged by whoever can forge
//! any. So can a reference be that somebody publishes: what is found is a hint, and the transfer shows.
//! Either costs a place in the index until it lapses.
//!
//! **Invariant:** a question ends by its deadline; the ring beneath works as it does without a store.

pub mod event;
pub mod message;
pub mod node;
pub mod protocol;
pub mod wire;

mod handover;
mod router_world;

pub use event::Event;
pub use message::{MAX_COPIES, Message, MessageWith};
pub use node::{StoreConfig, StoreNode};
pub use protocol::Stored;
pub use wire::StoreCodec;
