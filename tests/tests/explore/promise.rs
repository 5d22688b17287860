//! What the ring promises: Zave's invariant after every step, and an exact ring in the end.
//!
//! *The promise.* After every step each member has a live entry in its list, and at least r + 1 members are
//! skipped by no list. Members fail only so that r + 1 such members are left. A member may lose its last live
//! entry only if r members fail before lists are full again; other failures are explored whatever they do.
//!
//! *The excuse.* Zave's proof assumes that a list arrives at once. Here it is in flight. Meanwhile a member may
//! join that it skips, or one may fail that was needed beside one that it skips. If the receiver then skips a
//! member as the list did, and too few unskipped ones are left, the search does not go on from there, and counts
//! it.
//!
//! **Invariant:** only looks.

use std::collections::HashMap;

use hopwise_harness::systems::ring::invariant::{Invariant, Violation, pairs};
use hopwise_kernel::{Id, Node, Peer};

use super::digest;
use super::setup::SUCCESSORS;
use super::state::{Flying, Message, State};

/// Finds violations, and remembers those of the lists that it has seen.
#[derive(Debug, Default)]
pub(crate) struct Promise {
    seen: HashMap<u64, Option<Violation>>,
}

/// What follows from a step.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Verdict {
    /// The promise is kept.
    Kept,
    /// The promise does not cover it.
    BeyondPromise,
    /// The promise is broken.
    Broken(String),
}

impl Promise {
    /// The violation of the invariant in `state`, if there is one.
    pub(crate) fn violation(&mut self, state: &State) -> Option<Violation> {
        *self.seen.entry(digest::of_lists(state)).or_insert_with(|| {
            let mut invariant = Invariant::new(SUCCESSORS);
            for (_, place) in state.members() {
                invariant.join(place.node.peer().id, ids(place.node.successors()));
            }
            invariant.violation()
        })
    }

    /// Judges the state after the failure of a member.
    pub(crate) fn judge_failure(&mut self, state: &State) -> Verdict {
        if state.members().count() <= SUCCESSORS {
            return Verdict::BeyondPromise;
        }
        match self.violation(state) {
            None => Verdict::Kept,
            Some(broken @ Violation::NoLiveSuccessor { .. }) => lost_all(state, broken),
            Some(_) => Verdict::BeyondPromise,
        }
    }

    /// Judges the state after any other step. `arrived` is the message that caused it, if one did.
    pub(crate) fn judge(&mut self, state: &State, arrived: Option<&Flying>) -> Verdict {
        match self.violation(state) {
            None => Verdict::Kept,
            Some(broken @ Violation::NoLiveSuccessor { .. }) => lost_all(state, broken),
            Some(broken) => match arrived {
                Some(arrived) if is_outdated(state, arrived) => Verdict::BeyondPromise,
                _ => Verdict::Broken(broken.to_string()),
            },
        }
    }
}

fn lost_all(state: &State, broken: Violation) -> Verdict {
    if usize::from(state.failed_lately) >= SUCCESSORS {
        Verdict::BeyondPromise
    } else {
        Verdict::Broken(broken.to_string())
    }
}

/// Whether the receiver of `arrived` now skips a member because the list that arrived skipped it, and since that
/// was sent the member has joined or another one has failed.
fn is_outdated(state: &State, arrived: &Flying) -> bool {
    let Message::NeighborsReply { successors, .. } = &arrived.message else { return false };
    let Some(receiver) = &state.places[arrived.to] else { return false };
    let has_failed = arrived.members & !state.member_bits() != 0;
    let skips = |owner: Id, list: &[Peer], id: Id| {
        let list: Vec<Id> = ids(list).collect();
        pairs(owner, &list).any(|(from, to)| id.is_between(from, to))
    };
    state.members().any(|(at, member)| {
        let id = member.node.peer().id;
        let has_joined = arrived.members & 1 << at == 0;
        (has_joined || has_failed)
            && skips(arrived.sender, successors, id)
            && skips(receiver.node.peer().id, receiver.node.successors(), id)
    })
}

/// Whether all lists of members, and those in flight with their senders, are full of live members.
pub(crate) fn lists_are_full(state: &State) -> bool {
    let others = state.members().count() - 1;
    let is_live = |peer: &Peer| state.is_member(peer.address.slot.into());
    let is_full = |list: &[Peer]| list.len() >= SUCCESSORS.min(others) && list.iter().all(is_live);
    let is_full_in_flight = |it: &Flying| match &it.message {
        Message::NeighborsReply { successors, .. } => {
            state.is_member(it.from) && is_full(successors)
        }
        _ => true,
    };
    state.members().all(|(_, place)| is_full(place.node.successors()))
        && state.flying.iter().all(|it| is_full_in_flight(it))
}

/// What a member has instead of what it has in the exact ring.
pub(crate) fn inexact(state: &State) -> Option<String> {
    let ring: Vec<usize> = state.members().map(|(at, _)| at).collect();
    let count = ring.len();
    ring.iter().enumerate().find_map(|(rank, &at)| {
        let node = &state.places[at].as_ref()?.node;
        let wanted: Vec<usize> =
            (1..=SUCCESSORS.min(count - 1)).map(|step| ring[(rank + step) % count]).collect();
        let list: Vec<usize> = node.successors().iter().map(|it| it.address.slot.into()).collect();
        if list != wanted {
            return Some(format!("the list of node {at} is {list:?}, not {wanted:?}"));
        }
        let before = ring[(rank + count - 1) % count];
        let predecessor = node.predecessor().map(|it| usize::from(it.address.slot));
        (predecessor != Some(before))
            .then(|| format!("the predecessor of node {at} is {predecessor:?}, not {before}"))
    })
}

fn ids(list: &[Peer]) -> impl Iterator<Item = Id> {
    list.iter().map(|peer| peer.id)
}
