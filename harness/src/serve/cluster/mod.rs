//! Several processes whose nodes are one ring.
//!
//! ```text
//!   new process ── HOPWISE.BOOTSTRAP ──TCP──▶ running process: some of its nodes
//!   new nodes   ── join through them ──UDP──▶ the ring
//! ```
//!
//! The sockets of a process lie in one block of ports, so nodes can tell which of them fail together: the
//! copies of an item lie on different processes as far as there are so many.
//!
//! **Invariant:** without a cluster key, nodes are reached from this machine only.

mod introduction;
mod key;
mod ports;

pub(super) use self::introduction::{INTRODUCED, Introduction, introduce};
pub(super) use self::key::read_key;
pub(super) use self::ports::{PORT_BLOCK, bind_block};
