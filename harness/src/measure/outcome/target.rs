//! Figures of a run whose nodes run elsewhere.
//!
//! **Invariant:** holds no password.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The servers that a run drove load into, as one of their clients.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// Their addresses, as they were given, without names and passwords.
    pub addresses: Vec<String>,
    /// Connections at a time.
    pub connections: u64,
    /// The beginning of all keys of the run. A number follows.
    pub key_prefix: String,
    /// Open connections that broke, or were given up because nothing was heard before the deadline.
    pub broken: u64,
    /// Attempts to connect that failed.
    pub failed_connects: u64,
    /// Keys that could not be read once more at the end.
    pub keys_unread: u64,
    /// Errors in replies, by their first words.
    pub errors: BTreeMap<String, u64>,
}
