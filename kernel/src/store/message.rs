//! The messages of store nodes.
//!
//! **Invariant:** plain data. Messages of the router are wrapped and never inspected.

use crate::base::{Id, Peer};
use crate::node::{Cookie, MessageOf, Protocol, RequestId, Span};
use crate::store::operation::{Name, Refusal, Write};
use crate::store::sum::{Range, Sum};
use crate::store::version::Version;

/// A message as nodes send and handle it, over a router that speaks `P`.
pub type Message<'a, P> = MessageWith<&'a [u8], MessageOf<'a, P>>;

/// A parked message.
pub type ParkedMessage<P> = MessageWith<Span, <P as Protocol>::Parked>;

/// A message, with payloads as `B` and those of the router as `R`. A reply repeats the [`RequestId`] of
/// its request. If the cookie of a request is invalid, the reply is a [`MessageWith::CookieReply`].
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum MessageWith<B, R> {
    /// Asks the owner of a key.
    Ask {
        /// Chosen by the origin. All attempts at one operation have the same name.
        request: RequestId,
        /// The last cookie received from the receiver's socket, or zero.
        cookie: Cookie,
        /// Milliseconds since the operation began, at most 65,535. Earlier attempts are not older.
        age_ms: u16,
        /// What is asked.
        question: Question,
        /// The value to put.
        value: B,
    },
    /// Reply to [`MessageWith::Ask`].
    Answer {
        /// As in the request.
        request: RequestId,
        /// The answer.
        answer: Answer,
        /// The value that was read, or the addresses that were listed.
        value: B,
    },
    /// A version of an item, from its owner or from a node that has a newer version than the receiver.
    Copy {
        /// Chosen by the sender.
        request: RequestId,
        /// The last cookie received from the receiver's socket, or zero.
        cookie: Cookie,
        /// The version.
        item: CopyOf,
        /// Its value.
        value: B,
    },
    /// Reply to [`MessageWith::Copy`].
    Copied {
        /// As in the request; the number that [proves a departure](crate::node::Cookie::departure) if the sender has
        /// left.
        request: RequestId,
        /// Whether the sender has this version or a newer one.
        held: bool,
        /// The version that the sender has.
        version: Version,
    },
    /// Asks how the receiver's items in a range differ from the sender's.
    Compare {
        /// Chosen by the sender.
        request: RequestId,
        /// The last cookie received from the receiver's socket, or zero.
        cookie: Cookie,
        /// The range.
        range: Range,
        /// The sum of the sender's items.
        sum: Sum,
        /// Whether the sender owns the range and keeps copies of it at the receiver.
        is_owner: bool,
    },
    /// Reply to [`MessageWith::Compare`].
    Compared {
        /// As in the request.
        request: RequestId,
        /// How they differ.
        difference: Difference,
        /// The sums or the fingerprints that `difference` announces.
        sums: B,
    },
    /// Asks for all items in a range that are newer at the receiver. It sends [`MessageWith::Copy`]s.
    Sync {
        /// Chosen by the sender.
        request: RequestId,
        /// The last cookie received from the receiver's socket, or zero.
        cookie: Cookie,
        /// The range.
        range: Range,
    },
    /// Reply to [`MessageWith::Sync`].
    Synced {
        /// As in the request.
        request: RequestId,
        /// How far the sender is.
        progress: Progress,
        /// Whether the receiver is the sender's predecessor.
        is_predecessor: bool,
        /// The highest version number that the sender has seen.
        clock: u64,
    },
    /// The sender owns a range and has copied it to its holders, of which the receiver is none.
    Release {
        /// The last cookie received from the receiver's socket.
        cookie: Cookie,
        /// The range.
        range: Range,
    },
    /// The sender owns a value and allows the receiver, which is a holder, to answer reads of this
    /// version for a while.
    Grant {
        /// The last cookie received from the receiver's socket.
        cookie: Cookie,
        /// The key of the value.
        key: Id,
        /// The version, which is committed.
        version: Version,
    },
    /// Goes before the answer to a read: the next reads of this value may be sent to a holder.
    AlsoAt {
        /// As in the request.
        request: RequestId,
        /// The holder.
        holder: Peer,
    },
    /// Asks the provider that a reference names for the value.
    Fetch {
        /// Chosen by the sender.
        request: RequestId,
        /// The last cookie received from the receiver's socket, or zero.
        cookie: Cookie,
        /// The key.
        key: Id,
        /// The number of the value at the receiver.
        serial: u64,
    },
    /// Reply to [`MessageWith::Fetch`].
    Fetched {
        /// As in the request.
        request: RequestId,
        /// Whether the sender has the value.
        held: bool,
        /// The value.
        value: B,
    },
    /// Asks how many items the receiver has in the range that it owns.
    Census {
        /// Chosen by the sender, which is not a member.
        request: RequestId,
        /// The last cookie received from the receiver's socket, or zero.
        cookie: Cookie,
    },
    /// Reply to [`MessageWith::Census`].
    Counted {
        /// As in the request.
        request: RequestId,
        /// The items.
        items: u32,
        /// A node with an identifier in this range takes over about half of them.
        middle: Range,
    },
    /// Reply to a request with an invalid cookie: the sender must repeat the request with this one.
    CookieReply {
        /// As in the request.
        request: RequestId,
        /// The kind of the request, which decides the traffic class of the reply.
        topic: Topic,
        /// The cookie to use.
        cookie: Cookie,
    },
    /// A message of the router.
    Router(R),
}

/// What an origin asks an owner.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Question {
    /// To change an item.
    Write(Write),
    /// The value of an item.
    Read {
        /// The item.
        name: Name,
        /// How the receiver was found.
        found: Found,
    },
    /// The references to a key.
    List(Id),
}

/// How the receiver of a question was found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Found {
    /// By a lookup: it is the owner, or about to be.
    ByLookup = 1,
    /// By a lookup whose owner is silent: it may answer if it keeps all that the owner has acknowledged.
    InPlaceOfOwner = 3,
    /// Without a lookup: it answers only as the owner, or if the owner has allowed it.
    ByGuess = 4,
}

impl Found {
    /// The way with this number, if there is one.
    #[must_use]
    pub const fn from_number(number: u8) -> Option<Found> {
        match number {
            1 => Some(Found::ByLookup),
            3 => Some(Found::InPlaceOfOwner),
            4 => Some(Found::ByGuess),
            _ => None,
        }
    }
}

impl Question {
    /// The key of which the receiver must be the owner.
    #[must_use]
    pub const fn key(&self) -> Id {
        match self {
            Question::Write(write) => write.name.key,
            Question::Read { name, .. } => name.key,
            Question::List(key) => *key,
        }
    }

    /// The same question to a node that was found in another way.
    #[must_use]
    pub const fn found(self, found: Found) -> Question {
        match self {
            Question::Read { name, .. } => Question::Read { name, found },
            other => other,
        }
    }

    /// Whether the receiver is asked without a lookup.
    #[must_use]
    pub const fn is_guess(&self) -> bool {
        matches!(self, Question::Read { found: Found::ByGuess, .. })
    }
}

/// The answer of an owner.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Answer {
    /// The write is done: all holders have it.
    Done {
        /// The version of the item.
        version: Version,
        /// The sum, after an addition.
        sum: i64,
        /// Whether the item was there before.
        existed: bool,
    },
    /// The condition of the write does not hold.
    ConditionFailed {
        /// The version of the item.
        version: Version,
    },
    /// The write has not been confirmed.
    Unknown {
        /// The nodes that are known to have it.
        answered: u8,
        /// The nodes that must have it.
        needed: u8,
    },
    /// The value that was read.
    Found {
        /// Its version.
        version: Version,
        /// What is left of its life, in milliseconds.
        remaining_ms: u64,
        /// The application's number.
        tag: u8,
    },
    /// There is no such item.
    Absent,
    /// So many references; the first of them are listed.
    Listed {
        /// The number of references.
        count: u16,
    },
    /// Nothing was done.
    Refused(Refusal),
    /// The sender is not the owner, or does not have its items yet. Nothing was done.
    NotHere,
    /// The operation is in progress: the answer follows.
    InProgress,
}

/// A version of an item in a message.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct CopyOf {
    /// The item.
    pub name: Name,
    /// The version.
    pub version: Version,
    /// The version that its writer saw.
    pub previous: Version,
    /// When it expires, in microseconds since the epoch.
    pub expires_us: u64,
    /// The application's number.
    pub tag: u8,
    /// Whether the version is a deletion.
    pub deleted: bool,
}

/// How the items in a range differ from those of the node that asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Difference {
    /// They are the same.
    None = 0,
    /// There are none.
    Empty = 1,
    /// The sums of the 16 equal parts of the range follow.
    Parts = 2,
    /// The fingerprints of all items follow.
    Items = 3,
}

impl Difference {
    /// The difference with this number, if there is one.
    #[must_use]
    pub const fn from_number(number: u8) -> Option<Difference> {
        match number {
            0 => Some(Difference::None),
            1 => Some(Difference::Empty),
            2 => Some(Difference::Parts),
            3 => Some(Difference::Items),
            _ => None,
        }
    }
}

/// How far a node is with a [`MessageWith::Sync`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Progress {
    /// It has begun.
    Begun = 0,
    /// It has sent all that it has. It may not have had everything.
    Done = 1,
    /// It has sent all that it has. It kept copies for the owner of the range, and had every write that
    /// was acknowledged.
    DoneByHolder = 2,
    /// It has sent all that it has. It was the owner of the range just before, so it had everything.
    DoneByOwner = 3,
    /// It has no items yet, or has too much to do, or another node owns a part of the range.
    NotNow = 4,
}

impl Progress {
    /// The progress with this number, if there is one.
    #[must_use]
    pub const fn from_number(number: u8) -> Option<Progress> {
        match number {
            0 => Some(Progress::Begun),
            1 => Some(Progress::Done),
            2 => Some(Progress::DoneByHolder),
            3 => Some(Progress::DoneByOwner),
            4 => Some(Progress::NotNow),
            _ => None,
        }
    }
}

/// The kind of a request that was answered with a cookie.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Topic {
    /// A question of an application, or a request for a value.
    Ask = 0,
    /// A copy on behalf of a write.
    Copy = 1,
    /// Repair.
    Repair = 2,
    /// A census.
    Census = 3,
}

impl Topic {
    /// The topic with this number, if there is one.
    #[must_use]
    pub const fn from_number(number: u8) -> Option<Topic> {
        match number {
            0 => Some(Topic::Ask),
            1 => Some(Topic::Copy),
            2 => Some(Topic::Repair),
            3 => Some(Topic::Census),
            _ => None,
        }
    }
}

impl<B, R> MessageWith<B, R> {
    /// Converts the payload or the router's message. `with` is passed to the function that is called.
    #[inline]
    pub fn map<W, B2, R2>(
        self,
        with: W,
        bytes: impl FnOnce(W, B) -> B2,
        router: impl FnOnce(W, R) -> R2,
    ) -> MessageWith<B2, R2> {
        use MessageWith as M;
        match self {
            M::Router(message) => M::Router(router(with, message)),
            M::Ask { request, cookie, age_ms, question, value } => {
                M::Ask { request, cookie, age_ms, question, value: bytes(with, value) }
            }
            M::Answer { request, answer, value } => {
                M::Answer { request, answer, value: bytes(with, value) }
            }
            M::Copy { request, cookie, item, value } => {
                M::Copy { request, cookie, item, value: bytes(with, value) }
            }
            M::Compared { request, difference, sums } => {
                M::Compared { request, difference, sums: bytes(with, sums) }
            }
            M::Copied { request, held, version } => M::Copied { request, held, version },
            M::Compare { request, cookie, range, sum, is_owner } => {
                M::Compare { request, cookie, range, sum, is_owner }
            }
            M::Sync { request, cookie, range } => M::Sync { request, cookie, range },
            M::Release { cookie, range } => M::Release { cookie, range },
            M::Grant { cookie, key, version } => M::Grant { cookie, key, version },
            M::AlsoAt { request, holder } => M::AlsoAt { request, holder },
            M::Census { request, cookie } => M::Census { request, cookie },
            M::Counted { request, items, middle } => M::Counted { request, items, middle },
            M::Synced { request, progress, is_predecessor, clock } => {
                M::Synced { request, progress, is_predecessor, clock }
            }
            M::Fetch { request, cookie, key, serial } => M::Fetch { request, cookie, key, serial },
            M::Fetched { request, held, value } => {
                M::Fetched { request, held, value: bytes(with, value) }
            }
            M::CookieReply { request, topic, cookie } => M::CookieReply { request, topic, cookie },
        }
    }
}
