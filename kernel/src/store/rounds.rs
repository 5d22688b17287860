//! The operations in progress at an owner: rounds of copies, and what waits for them.
//!
//! **Invariant:** their numbers are bounded; an item has one round at a time.

use core::time::Duration;

use crate::base::{FixedVec, Peer, Time};
use crate::node::RequestId;
use crate::store::answered::AnsweredRequests;
use crate::store::holders::HolderSet;
use crate::store::message::Answer;
use crate::store::table::{Body, ItemHandle};

/// Time between two searches for answers that are overdue.
pub(super) const SWEEP: Duration = Duration::from_millis(250);

/// Answers that are remembered, for each operation that may be in progress.
const ANSWERED: usize = 4;

/// The operations in progress at an owner.
#[derive(Clone, Debug)]
pub(super) struct Owner {
    pub(super) rounds: FixedVec<Round>,
    pub(super) waiting: FixedVec<Waiting>,
    pub(super) answered: AnsweredRequests,
    pub(super) sweep_at: Time,
    pub(super) most: usize,
}

/// A round of copies.
#[derive(Clone, Copy, Debug)]
pub(super) struct Round {
    pub(super) item: ItemHandle,
    /// When this node began it.
    pub(super) began_at: Time,
    pub(super) queued: Option<Body>,
    pub(super) acked: HolderSet,
    /// Holders that do not take the copy.
    pub(super) failed: HolderSet,
}

/// An operation that is answered when a version is committed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Waiting {
    pub(super) item: ItemHandle,
    /// The number of the version.
    pub(super) number: u64,
    pub(super) client: Peer,
    pub(super) request: RequestId,
    pub(super) answer: Pending,
    pub(super) until: Time,
}

/// The answer once the version is committed.
#[derive(Clone, Copy, Debug)]
pub(super) enum Pending {
    /// A write of this version.
    Write(Answer),
    /// What follows from the version, without a change.
    Fact(Answer),
    /// The value.
    Value,
}

impl Owner {
    pub(super) fn new(most: usize, deadline: Duration) -> Owner {
        Owner {
            rounds: FixedVec::with_capacity(most),
            waiting: FixedVec::with_capacity(most),
            answered: AnsweredRequests::new(ANSWERED * most, 2 * deadline),
            sweep_at: Time::NEVER,
            most,
        }
    }

    pub(super) const fn sweep_at(&self) -> Time {
        self.sweep_at
    }

    pub(super) const fn heap_bytes(&self) -> usize {
        self.most * (size_of::<Round>() + size_of::<Waiting>()) + self.answered.heap_bytes()
    }

    pub(super) fn round_of(&self, item: ItemHandle) -> Option<usize> {
        self.rounds.iter().position(|round| round.item == item)
    }

    pub(super) const fn is_full(&self) -> bool {
        self.waiting.len() >= self.most || self.rounds.len() >= self.most
    }
}

impl Pending {
    /// The answer if the version is not committed.
    pub(super) const fn failed(self, unknown: Answer) -> Answer {
        match self {
            Pending::Write(_) => unknown,
            Pending::Fact(_) | Pending::Value => Answer::NotHere,
        }
    }
}
