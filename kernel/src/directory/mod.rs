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
//! does not know the name. With [`DirectoryConfig::words`], items are published under the hash of each
//! of their words as well, and queries for words find them:
//!
//! ```text
//! holder      lookup(SHA-1 of a word) ──▶ owner   PublishWord ──▶ owner ── Copy ──▶ successor ── …
//! requester   lookup(SHA-1 of its longest word) ──▶ owner   Find ──▶ owner,   Fetch ──▶ holder
//! ```
//!
//! The owner of a word keeps whole names, so it alone finds those with all words of a query. Of a popular
//! word it keeps no more than [`WordLimits::per_word`](crate::items::WordLimits::per_word) references:
//! further ones are dropped and counted (`word_full`). An answer lists as many hits as fit into a message, best
//! first; answers that lack some are counted (`answer_cut`). Prefixes and other pieces of names
//! remain unfound.
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
pub use protocol::{ANSWER_CUT, Directory, WORD_FULL};
pub use wire::DirectoryCodec;
