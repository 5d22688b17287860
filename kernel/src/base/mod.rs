//! Identifiers, peers, time and randomness: the types that everything else is built from.
//!
//! **Invariant:** plain data. Nothing here knows a protocol.

pub(crate) mod fixed_vec;
pub mod id;
pub mod peer;
pub mod peers;
pub mod prefetch;
pub mod rng;
pub mod time;

pub(crate) use fixed_vec::FixedVec;
pub use id::{Distance, Id};
pub use peer::{Address, Peer};
pub use peers::{PackedPeer, Peers};
pub use rng::Rng;
pub use time::Time;
