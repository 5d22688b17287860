//! What a node of a distributed hash table is.
//!
//! **Invariant:** nothing here reads a clock, draws randomness from the operating system, or does
//! I/O, except `reactor` (feature `reactor`, on by default). Without that feature the crate is
//! `no_std`.
#![cfg_attr(not(feature = "reactor"), no_std)]

extern crate alloc;

pub mod central;
pub mod context;
pub mod cookie;

pub mod flood;
pub mod id;
pub mod items;
pub mod message;
pub mod peer;
pub mod prefetch;
#[cfg(feature = "reactor")]
pub mod reactor;
pub mod ring;
pub mod rng;
pub mod rpc;
pub mod secret;
pub mod silent;
pub mod store;
pub mod time;
pub mod timer;
pub mod wire;

pub use context::{Context, Event, Node, World};
pub use id::{Distance, Id};
pub use message::{Message, RequestId};
pub use peer::{Address, Peer};
pub use rng::Rng;
pub use time::Time;
