//! Commands: what a request asks for, checked before anything is done.
//!
//! ```text
//! table      the names of all commands, how many arguments each takes, and which are keys
//! strings, dht, session     the commands themselves, by their subject
//! keyed      what a command does with its keys
//! ```
//!
//! **Invariant:** a request becomes a command or an error reply; neither touches a node.

mod arguments;
mod dht;
mod keyed;
mod session;
mod strings;
mod table;
#[cfg(test)]
mod tests;

pub(crate) use self::keyed::{Action, Keyed, Part, Put, Shape};
pub(crate) use self::session::{About, Client, Credentials, Hello, Session};
pub(crate) use self::table::{is_known, names, parse};

/// The most keys of one command.
pub(crate) const MAX_KEYS: usize = 1024;

/// A command.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Command {
    /// Concerns the connection or the server.
    Session(Session),
    /// Works on keys.
    Keyed(Keyed),
}
