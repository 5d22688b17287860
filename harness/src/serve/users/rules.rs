//! Which commands and keys a user may use.
//!
//! **Invariant:** what is not allowed is refused.

use std::collections::BTreeSet;

use super::file::{Commands, Entry};
use crate::resp::Reply;
use crate::serve::command::Command;

/// Commands that need no user. What `hopwise.bootstrap` tells does not open the ring: the cluster key does.
const OPEN: &[&str] = &["auth", "hello", "hopwise.bootstrap", "quit", "reset"];
/// Commands that every user may use: they concern the connection only.
const FREE: &[&str] =
    &["auth", "client", "command", "echo", "hello", "ping", "quit", "reset", "select"];

/// What a user may use.
#[derive(Clone, Debug)]
pub(super) struct Rules {
    /// `None`: all commands.
    commands: Option<BTreeSet<String>>,
    /// `None`: all keys.
    prefixes: Option<Vec<String>>,
}

impl Rules {
    /// Everything.
    pub(super) fn all() -> Rules {
        Rules { commands: None, prefixes: None }
    }

    /// Nothing.
    pub(super) fn none() -> Rules {
        Rules { commands: Some(BTreeSet::new()), prefixes: Some(Vec::new()) }
    }

    /// The rules in an entry of the users file.
    pub(super) fn new(entry: &Entry) -> Rules {
        let commands = match &entry.commands {
            Commands::All => None,
            Commands::Only(names) => Some(names.iter().cloned().collect()),
        };
        let prefixes = Some(&entry.keys).filter(|keys| !keys.is_empty()).cloned();
        Rules { commands, prefixes }
    }

    /// Whether the user `user` may give this command.
    pub(super) fn admit(&self, user: &str, name: &str, command: &Command) -> Result<(), Reply> {
        let is_allowed = |commands: &BTreeSet<String>| commands.contains(name) || is_free(name);
        if !self.commands.as_ref().is_none_or(is_allowed) {
            let why = format!("NOPERM User {user} has no permissions to run the '{name}' command");
            return Err(Reply::error(why));
        }
        let Some(prefixes) = &self.prefixes else { return Ok(()) };
        let is_allowed =
            |key: &[u8]| prefixes.iter().any(|prefix| key.starts_with(prefix.as_bytes()));
        let are_allowed = match command {
            Command::Keyed(keyed) => keyed.parts.iter().all(|part| is_allowed(&part.name)),
            Command::Session(session) => session.key().is_none_or(is_allowed),
        };
        if are_allowed {
            Ok(())
        } else {
            Err(Reply::error("NOPERM No permissions to access a key"))
        }
    }
}

/// Whether a command needs no user.
pub(super) fn is_open_to_all(name: &str) -> bool {
    OPEN.contains(&name)
}

/// Whether every user may use a command.
pub(super) fn is_free(name: &str) -> bool {
    FREE.contains(&name)
}
