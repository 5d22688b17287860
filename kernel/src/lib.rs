#![doc = include_str!("../README.md")]
#![cfg_attr(not(feature = "reactor"), no_std)]

extern crate alloc;

pub mod base;
pub mod central;
pub mod codec;
pub mod directory;
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
