//! A directory of named items: references to their holders, kept by the owners of the hashes of their names. The item itself
//! stays with its holder (indirect storage; Wehrle, Götz and Rieche, *Distributed Hash Tables*,
//! 2005).
//!
//! ```text
//! holder      lookup(SHA-1 of the name) ──▶ owner   Publish ──▶ owner ── Copy ──▶ successor ── …
//! requester   lookup(SHA-1 of the name) ──▶ owner   Find ─────▶ owner,   Fetch ──▶ holder
//! ```
//!
//! References are soft state: they expire unless their holders publish them again, which repairs
//! every loss in the end. Until then the owner's successors have copies: a successor that becomes
//! the owner answers from them. When a node joins or leaves, references are handed over.
//!
//! Queries find exact names only: a part of a name has another hash, and so another owner, which
//! does not know the name.
//!
//! Nodes accept copies only from neighbors, but an attacker that can forge source addresses can
//! forge a neighbor's. Published references can be wrong, too. A reference is therefore only a
//! hint, which the transfer verifies. A wrong one takes up an entry of the index until it expires.
//!
//! **Invariant:** a query ends by its deadline; the router below behaves as it does without a
//! directory.

pub mod event;
pub mod message;
pub mod node;
pub mod protocol;
pub mod wire;

mod handover;
mod query;
mod replication;

pub use event::Event;
pub use message::{MAX_COPIES, Message, MessageWith};
pub use node::{DirectoryConfig, DirectoryNode};
pub use protocol::Directory;
pub use wire::DirectoryCodec;
