//! Commands in progress on keys.
//!
//! ```text
//!   command ──▶ parts, one for each key ──▶ calls to nodes, one after the other
//!   reply   ◀── outcomes of the parts   ◀── ends of calls
//! ```
//!
//! **Invariant:** a task ends by [`DEADLINE`], with a reply; nothing here touches a socket.

mod nodes;
mod outcome;
mod part;
mod tasks;
#[cfg(test)]
mod tests;

pub(crate) use self::nodes::{Call, End, Nodes};
pub(crate) use self::outcome::{Effect, EffectKind, Life};
pub(crate) use self::tasks::{Caller, Tasks};

use std::time::Duration;

/// Tag of a value that was set without an expiry, and so is kept until it is deleted.
pub(crate) const KEPT: u8 = 1;
/// Tag of a value that expires.
pub(crate) const EXPIRES: u8 = 0;
/// What a client is told when the store gives up after [`CALL_DEADLINE`].
pub(crate) const UNREACHABLE: &str = "CLUSTERDOWN no owner of the key answered within 8 s";
/// A call of the store ends by this time after it began: after the crash of many nodes, others take over
/// their keys within seconds.
pub(crate) const CALL_DEADLINE: Duration = Duration::from_secs(8);
/// A command ends by this time after it began.
pub(crate) const DEADLINE: Duration = Duration::from_secs(10);
