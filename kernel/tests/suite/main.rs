//! The kernel's parts, each compared with a simpler model. Each file has one subject. All are in
//! one binary, because separate binaries take longer to link than to run.
//!
//! **Invariant:** no test depends on another test's state.

mod carry;
mod deferred;
mod disturbed;
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
mod tap;
mod timer;
mod wire;
mod words;
