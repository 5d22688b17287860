//! The kernel's parts, each against a simpler model of it. One subject a file, all in one binary,
//! because a binary each takes longer to link than to run.
//!
//! **Invariant:** no test depends on what another one leaves in the process.

mod carry;
mod draw;
mod drive;
mod fingers;
mod id;
mod items;
mod park;
mod rank;
mod requests;
mod seen;
mod successors;
mod suspects;
mod timer;
mod wire;
