//! Whole networks of nodes in memory, without an engine: every system alone, and under attack.
//!
//! **Invariant:** no test depends on what another one leaves in the process.

mod central;
mod gnutella;
mod hostile;
mod overlay;
mod ring;
mod store;
