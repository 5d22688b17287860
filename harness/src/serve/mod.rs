//! The client interface: programs that are not nodes reach the distributed hash table through the Redis
//! protocol, over TCP.
//!
//! ```text
//!  clients ──TCP──▶ connection ─▶ resp ─▶ command ─▶ task ─▶ nodes ──UDP── nodes of all shards
//!                       ▲                             │
//!                       └──────────── replies ◀───────┘
//! ```
//!
//! ```text
//! start, plan  nodes, threads, the listener    command    what a request asks for
//! shard        nodes and connections of a core task       what a command does with its keys
//! connection   a client's socket and buffers   ledger     whose values are stored, and renewals
//! users        who may do what, and accounts   metrics    figures for others to read
//! shared       mailboxes between shards        cluster    several processes, one ring
//! watched      what a live page is told
//! ```
//!
//! # What is promised
//!
//! Each key is as consistent as the [store](hopwise_kernel::store) makes it. A command with many keys is
//! not atomic over them. Replies come in the order of the requests of a connection. Commands of one
//! connection go on at the same time, unless they use the same key; then they take effect in their order.
//! Each command ends within 10 s.
//!
//! **Invariant:** uses the kernel's reactor, and no engine of the harness; a client can make the server
//! neither panic nor buffer more than a stated number of bytes for it.

mod cluster;
mod command;
mod connection;
mod figures;
mod ledger;
mod metrics;
mod options;
mod plan;
mod shard;
mod shared;
mod slab;
mod start;
mod task;
mod users;
mod watched;

pub use self::connection::commands_in;
pub use self::options::Options;
pub(crate) use self::start::{Drained, Running, StartError};
pub(crate) use self::users::{NewUser, append as append_user, hash as hash_password};
