//! What a command does with its keys: parts, one for each key, and how their ends become a reply.
//!
//! **Invariant:** plain data; at most [`MAX_KEYS`](super::MAX_KEYS) parts.

use std::time::Duration;

use hopwise_kernel::store::{Condition, Lifetime};
use hopwise_kernel::{Address, Id};

/// A command that works on keys. Its parts go on at the same time.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Keyed {
    /// What happens to each key.
    pub(crate) parts: Vec<Part>,
    /// What becomes of it.
    pub(crate) shape: Shape,
}

/// One key of a command.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Part {
    /// The key, as the client wrote it.
    pub(crate) name: Vec<u8>,
    /// The key.
    pub(crate) key: Id,
    /// What happens to it.
    pub(crate) action: Action,
}

/// What happens to a key.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Action {
    /// Reads the value.
    Read,
    /// Sets the value.
    Put(Put),
    /// Deletes the value.
    Delete,
    /// Adds to the value.
    Add(i64),
    /// Changes how long the value lives.
    Expire(Duration),
    /// Lets the value live until it is deleted.
    Persist,
    /// Renews a value that lives until it is deleted. Only the server itself asks for it.
    Renew,
    /// Publishes a provider of the key.
    Announce(Address),
    /// Asks for the providers of the key.
    List,
    /// Asks for the owner of the key.
    Lookup,
    /// Sends a message to the owner of the key.
    Send(Vec<u8>),
}

/// How a value is set.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Put {
    /// The value.
    pub(crate) value: Vec<u8>,
    /// How long it lives.
    pub(crate) lifetime: Lifetime,
    /// When it is set.
    pub(crate) condition: Condition,
    /// Whether the reply is the value before.
    pub(crate) wants_old: bool,
}

/// How the ends of the parts become a reply.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Shape {
    /// The value of the only part.
    Value,
    /// The values of all parts.
    Values,
    /// `OK`.
    Ok,
    /// `OK`, or nothing if the condition did not hold; the old value if that was asked for.
    Set,
    /// How many parts did something.
    Count,
    /// The sum.
    Sum,
    /// The rest of the life of the value, in units of so many milliseconds.
    Remaining(u64),
    /// The owner of the key.
    Owner,
    /// Addresses.
    Providers,
}

impl Keyed {
    /// A command with one key.
    pub(super) fn one(name: Vec<u8>, action: Action, shape: Shape) -> Keyed {
        Keyed { parts: vec![Part::new(name, action)], shape }
    }

    /// Renews the value of a key.
    pub(crate) fn renew(key: Id) -> Keyed {
        let part = Part { name: Vec::new(), key, action: Action::Renew };
        Keyed { parts: vec![part], shape: Shape::Count }
    }

    /// The bytes of values that it may add to the store.
    pub(crate) fn bytes(&self) -> u64 {
        self.parts.iter().map(|part| part.action.bytes()).sum()
    }
}

impl Part {
    /// What happens to the key of this name.
    pub(super) fn new(name: Vec<u8>, action: Action) -> Part {
        Part { key: Id::of_name(&name), name, action }
    }
}

impl Action {
    /// The bytes of the value that it may add to the store.
    pub(crate) fn bytes(&self) -> u64 {
        match self {
            Action::Put(put) => put.value.len() as u64,
            // The digits of a 64-bit integer, with its sign.
            Action::Add(_) => 20,
            _ => 0,
        }
    }
}
