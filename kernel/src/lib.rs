//! What a node of a distributed hash table is.
//!
//! ```text
//! reactor                          drives nodes over UDP, one thread per core
//! store  central  flood  ring      one system each: messages, their bytes, events, the node
//! items                            named items, and how peers publish, find and fetch them
//! drive                            timers, counters and an in-memory network for drivers
//! codec                            messages as datagrams
//! node                             the contract between a node and its driver
//! base                             identifiers, peers, time, randomness
//! ```
//!
//! A room uses the rooms below it, never one above. No system knows another.
//!
//! **Invariant:** nothing here reads a clock, draws randomness from the operating system, or does
//! I/O, except `reactor` (feature `reactor`, on by default). Without that feature the crate is
//! `no_std`.
#![cfg_attr(not(feature = "reactor"), no_std)]

extern crate alloc;

pub mod base;
pub mod central;
pub mod codec;
pub mod drive;
pub mod flood;
pub mod items;
pub mod node;
#[cfg(feature = "reactor")]
pub mod reactor;
pub mod ring;
pub mod store;

pub use base::{Address, Distance, Id, Peer, Peers, Rng, Time};
pub use codec::Codec;
pub use node::{Context, Node, Protocol, Router, World};
