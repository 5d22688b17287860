//! The kinds of requests of store nodes.
//!
//! **Invariant:** plain data. Every entry of the request table is as large as the largest kind.

use crate::base::{Id, Peer, Time};
use crate::node::{PayloadHandle, RequestKind};
use crate::store::message::Question;
use crate::store::table::ItemHandle;
use crate::store::version::Version;

/// A request in flight.
pub type Request = crate::node::Request<Kind>;

/// The kind of a request.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Kind {
    /// An operation of the application, at its origin.
    Operation(Operation),
    /// A copy of an item whose round has begun, sent to a holder.
    Copy(CopyRequest),
    /// A copy sent by a repair.
    Push {
        /// The number of the repair.
        repair: u32,
        /// The item.
        item: CopyRequest,
    },
    /// A comparison of a range, sent by a repair of this number.
    Compare(u32),
    /// A request for the newer items of a range, for the arrival of this number.
    Sync {
        /// The number of the arrival; 0 if none waits for it.
        arrival: u32,
        /// The last key of the range. The range begins at `after`.
        to: Id,
        /// The key before the range.
        after: Id,
    },
    /// A lookup of the owner to which items return: a ceded part or a stray item.
    Return(Id),
    /// A request for a value, sent to the provider that its reference names.
    Fetch(FetchRequest),
    /// A census at an owner.
    Census,
}

impl RequestKind for Kind {
    const MAX_PAYLOADS: usize = u16::MAX as usize;

    fn payload(&self) -> Option<PayloadHandle> {
        match self {
            Kind::Operation(operation) => operation.payload,
            _ => None,
        }
    }

    fn is_contact(&self) -> bool {
        matches!(self, Kind::Operation(Operation { stage: Stage::Asking, .. }) | Kind::Fetch(_))
    }
}

/// A copy of one version.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct CopyRequest {
    /// The item.
    pub(super) item: ItemHandle,
    /// The number of the version.
    pub(super) number: u64,
}

/// A fetch of a value whose reference has been read.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct FetchRequest {
    /// The caller's token.
    pub token: u64,
    /// When it fails.
    pub deadline: Time,
    /// The key.
    pub key: Id,
    /// The number of the value at its provider.
    pub serial: u64,
    /// The version of the reference.
    pub version: Version,
    /// What is left of the life of the reference, in milliseconds.
    pub remaining_ms: u64,
    /// The application's number.
    pub tag: u8,
    /// Hops to the owner of the reference, and one more to the provider.
    pub hops: u8,
    /// Contacts that did not answer in time.
    pub timeouts: u8,
}

/// An operation of the application at its origin.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Operation {
    /// The caller's token.
    pub token: u64,
    /// What is asked.
    pub question: Question,
    /// When it fails.
    pub deadline: Time,
    /// The value to put.
    pub payload: Option<PayloadHandle>,
    /// The node that was asked last, unless it has certainly done nothing.
    pub asked: Option<Peer>,
    /// Whether an attempt was not answered in time: that node may have carried out the operation.
    pub is_unsure: bool,
    /// Whether the item is a reference to the value that the application writes or reads.
    pub by_reference: bool,
    /// What the request waits for.
    pub stage: Stage,
    /// Pauses so far.
    pub pauses: u8,
    /// Hops of the last lookup, and one more to the owner.
    pub hops: u8,
    /// Contacts that did not answer in time.
    pub timeouts: u8,
}

/// What the request of an operation waits for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stage {
    /// The end of a lookup. The request is to the node itself.
    LookingUp,
    /// The answer of the owner.
    Asking,
    /// Some time, because the owner was not ready. The request is to the node itself.
    Pausing,
}
