//! Questions about values, and their answers.
//!
//! **Invariant:** plain data.

use hopwise_kernel::Id;
use hopwise_kernel::store::{Refusal, Version};

/// A question: a key and what to do with its value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Question {
    /// The number of the key.
    pub key: u32,
    /// What to do.
    pub act: Act,
}

/// What to do with a value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Act {
    /// Read it.
    Read,
    /// Write the value of this stamp.
    Write {
        /// The stamp.
        stamp: u64,
    },
    /// Read it, and then [replace](Act::Replace) it.
    Modify {
        /// The stamp of the new value.
        stamp: u64,
    },
    /// Write the value of this stamp on condition that the old one is still there.
    Replace {
        /// The stamp.
        stamp: u64,
        /// The version of the old value; `None`: there must be none.
        version: Option<Version>,
    },
}

/// The answer to a question.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Answer {
    /// A read found a value.
    Found {
        /// The value; `None` if its bytes are damaged.
        content: Option<Content>,
        /// Its version.
        version: Version,
    },
    /// A read found nothing.
    Absent,
    /// A read found a reference, but its provider does not have the value or does not answer.
    NotProvided {
        /// The version of the reference.
        version: Version,
        /// The identifier of the provider; `None` if the item is no reference.
        provider: Option<Id>,
    },
    /// A write was acknowledged.
    Written {
        /// The version that it made.
        version: Version,
    },
    /// The condition of a write did not hold.
    ConditionFailed,
    /// Nothing was done.
    Refused(Refusal),
    /// A write was not confirmed. It may have taken effect, or may do so later.
    Unknown,
}

/// An undamaged value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Content {
    /// Its stamp.
    pub stamp: u64,
    /// Its size.
    pub bytes: u16,
}

impl Act {
    /// The stamp of the value that it writes.
    #[must_use]
    pub const fn written(self) -> Option<u64> {
        match self {
            Act::Write { stamp } | Act::Replace { stamp, .. } => Some(stamp),
            Act::Read | Act::Modify { .. } => None,
        }
    }
}
