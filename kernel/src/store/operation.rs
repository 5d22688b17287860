//! The operations of an application, and how they end.
//!
//! **Invariant:** plain data.

use core::time::Duration;

use crate::base::{Address, Id, Peer};
use crate::store::version::Version;

/// The longest value, in bytes.
pub const MAX_VALUE: usize = 1000;

/// The name of an item.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Name {
    /// The key.
    pub key: Id,
    /// The provider, if the item is a reference. The address whose bits are all zero is no provider.
    pub provider: Option<Address>,
}

impl Name {
    /// The value under `key`.
    #[must_use]
    pub const fn value(key: Id) -> Name {
        Name { key, provider: None }
    }

    /// The reference that `provider` provides what `key` stands for.
    #[must_use]
    pub const fn reference(key: Id, provider: Address) -> Name {
        Name { key, provider: Some(provider) }
    }
}

/// A write.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Write {
    /// The item.
    pub name: Name,
    /// What to change.
    pub change: Change,
    /// When to change it.
    pub condition: Condition,
    /// How long the item then lives.
    pub lifetime: Lifetime,
    /// A number that the application keeps with the value.
    pub tag: u8,
}

/// What a write changes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Change {
    /// Sets the value, which goes beside the write, and the tag.
    Put,
    /// Deletes the item.
    Delete,
    /// Adds to a value that is a decimal 64-bit integer; an absent one counts as 0.
    Add(i64),
    /// Changes the lifetime and the tag alone. Does nothing if the item is absent: its condition does
    /// not hold.
    Touch,
}

/// When a write takes effect.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Condition {
    /// Always.
    Always,
    /// If there is no such item.
    Absent,
    /// If there is such an item.
    Present,
    /// If the item has this version.
    Version(Version),
}

/// How long an item lives after a write.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Lifetime {
    /// As long as the configuration says.
    Default,
    /// So long, but at most [`StoreConfig::max_lifetime`](crate::store::StoreConfig::max_lifetime).
    Of(Duration),
    /// As long as before; with the tag from before. If the item is new, as [`Lifetime::Default`].
    Keep,
}

/// The end of a write.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct WriteEnd {
    /// The caller's token.
    pub token: u64,
    /// How it ended.
    pub outcome: WriteOutcome,
    /// Hops of the last lookup, and one more to the owner.
    pub hops: u8,
    /// Contacts that did not answer in time.
    pub timeouts: u8,
}

/// How a write ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum WriteOutcome {
    /// The owner and all holders have it.
    Done {
        /// The version of the item.
        version: Version,
        /// The sum, after a [`Change::Add`].
        sum: i64,
        /// Whether the item was there before.
        existed: bool,
    },
    /// The condition does not hold, so nothing was changed.
    ConditionFailed {
        /// The version of the item; [`Version::NONE`] if it is absent.
        version: Version,
    },
    /// Nothing was changed.
    Refused(Refusal),
    /// The write has not been confirmed. It may have taken effect, or may do so later.
    Unknown {
        /// The nodes that are known to have it.
        answered: u8,
        /// The nodes that must have it.
        needed: u8,
    },
}

/// The end of a read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ReadEnd {
    /// The caller's token.
    pub token: u64,
    /// The key of the item.
    pub key: Id,
    /// How it ended.
    pub outcome: ReadOutcome,
    /// The owner that a lookup has found and that has answered. `None` if no node has, or if it was asked
    /// without a lookup.
    pub owner: Option<Peer>,
    /// Hops of the last lookup, and one more to the owner, and one more to the provider of a value that
    /// is fetched.
    pub hops: u8,
    /// Contacts that did not answer in time.
    pub timeouts: u8,
}

/// How a read ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ReadOutcome {
    /// The item is there. The value is the payload of the event.
    Found {
        /// Its version.
        version: Version,
        /// What is left of its life.
        remaining: Duration,
        /// The application's number.
        tag: u8,
    },
    /// There is no such item.
    Absent,
    /// There is a reference, but its provider does not have the value or does not answer.
    NotProvided {
        /// The version of the reference.
        version: Version,
        /// The provider; `None` if the item is no reference.
        provider: Option<Peer>,
    },
    /// It was not read.
    Refused(Refusal),
}

/// The end of a query for references.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ListEnd {
    /// The caller's token.
    pub token: u64,
    /// The number of references to the key, with those whose copies are not yet confirmed; or why they
    /// were not read. The addresses of the first
    /// [`MAX_LISTED`] are the payload of the event: [`listed`].
    pub outcome: Result<u16, Refusal>,
    /// Hops of the last lookup, and one more to the owner.
    pub hops: u8,
    /// Contacts that did not answer in time.
    pub timeouts: u8,
}

/// The most references that one answer names.
pub const MAX_LISTED: usize = 100;

/// The addresses in the payload of a [`ListEnd`].
pub fn listed(payload: &[u8]) -> impl Iterator<Item = Address> {
    let (addresses, _) = payload.as_chunks::<8>();
    addresses.iter().map(|&bytes| Address::from_bits(u64::from_be_bytes(bytes)))
}

/// Why an operation was not carried out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Refusal {
    /// No owner that is ready answered before the deadline.
    Unreachable = 1,
    /// The owner has too many operations in progress.
    Overloaded = 2,
    /// The owner has no room for the item.
    Full = 3,
    /// The value is no decimal 64-bit integer.
    NotANumber = 4,
    /// The sum does not fit into 64 bits.
    Overflow = 5,
}

impl Refusal {
    /// The refusal with this number, if there is one.
    #[must_use]
    pub const fn from_number(number: u8) -> Option<Refusal> {
        Some(match number {
            1 => Refusal::Unreachable,
            2 => Refusal::Overloaded,
            3 => Refusal::Full,
            4 => Refusal::NotANumber,
            5 => Refusal::Overflow,
            _ => return None,
        })
    }
}
