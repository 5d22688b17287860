//! Digests of states: equal for states that go on alike.
//!
//! Left out is what the abstraction makes irrelevant: times and round trips, the estimate of loss, cookies
//! (which the network knows), counts of rounds, lost contacts, and the numbers of requests. A request is named
//! by what it asks; so two states that differ in the numbers alone are one.
//!
//! **Invariant:** 64 bits. Two of a million different states have one digest with a probability of 3 in 10^8.

use std::fmt::{self, Write};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::mem::discriminant;

use hopwise_kernel::base::rng::mix;
use hopwise_kernel::ring::RingNode;
use hopwise_kernel::ring::request::{Kind, Request};
use hopwise_kernel::{Node, Peer};

use super::state::{Message, State};

/// The digest of a node's own state.
pub(crate) fn of_node(node: &RingNode) -> u64 {
    let mut hasher = DefaultHasher::new();
    node.peer().hash(&mut hasher);
    node.predecessor().hash(&mut hasher);
    node.successors().hash(&mut hasher);
    for (slot, finger) in node.fingers().entries() {
        (slot, finger).hash(&mut hasher);
    }
    let mut fields = PrivateFields { hasher, is_hashed: false, count: 0 };
    // Ends at the field after the last one that is needed.
    let _ = write!(fields, "{node:?}");
    assert_eq!(fields.count, HASHED.len(), "a node has these fields");
    fields.hasher.finish()
}

/// Fields that decide what a node does, besides those that its methods tell. They are private to the kernel, so
/// their text is hashed.
const HASHED: [&str; 6] =
    ["phase", "suspects", "stabilizing", "probing_predecessor", "probing_candidate", "is_pair"];
/// The fields that follow them.
const NOT_HASHED: [&str; 3] = ["predecessor", "round_trips", "predecessor_silence"];
/// The field after all of them.
const LAST: &str = "lost";

/// Hashes fields out of a node's text, of which each name is a piece of its own.
struct PrivateFields {
    hasher: DefaultHasher,
    is_hashed: bool,
    count: usize,
}

impl Write for PrivateFields {
    fn write_str(&mut self, piece: &str) -> fmt::Result {
        if HASHED.contains(&piece) {
            self.is_hashed = true;
            self.count += 1;
        } else if NOT_HASHED.contains(&piece) {
            self.is_hashed = false;
        } else if piece == LAST {
            return Err(fmt::Error);
        }
        if self.is_hashed {
            piece.hash(&mut self.hasher);
        }
        Ok(())
    }
}

/// The digest of a request, without its number.
pub(crate) fn of_request(request: &Request) -> u64 {
    let mut hasher = DefaultHasher::new();
    (request.node, request.to).hash(&mut hasher);
    discriminant(&request.kind).hash(&mut hasher);
    match request.kind {
        Kind::Probe(probe) => format!("{probe:?}").hash(&mut hasher),
        Kind::Neighbors { reason, cookies, .. } => {
            (reason as u8, cookies > 0).hash(&mut hasher);
        }
        Kind::Forward { lookup, stage } => {
            (lookup.key, lookup.origin, lookup.purpose as u8, stage as u8).hash(&mut hasher);
        }
        Kind::Origin(pending) => (pending.key, pending.purpose as u8).hash(&mut hasher),
        Kind::Iterate(_) | Kind::Deliver(_) | Kind::Visit(_) => {
            unreachable!("nodes neither look up iteratively, nor deliver, nor visit")
        }
    }
    hasher.finish()
}

/// The digest of a message, without the numbers of requests.
pub(crate) fn of_message(from: usize, to: usize, message: &Message) -> u64 {
    let mut hasher = DefaultHasher::new();
    (from, to).hash(&mut hasher);
    discriminant(message).hash(&mut hasher);
    match message {
        Message::NeighborsReply { purpose, predecessor, successors, .. } => {
            (*purpose as u8, predecessor, successors).hash(&mut hasher);
        }
        Message::Neighbors { purpose, .. } | Message::CookieReply { purpose, .. } => {
            (*purpose as u8).hash(&mut hasher);
        }
        Message::Introduce { peer } => peer.hash(&mut hasher),
        Message::Lookup { lookup, .. } => {
            (lookup.key, lookup.origin, lookup.stage as u8).hash(&mut hasher);
        }
        Message::Answer { owner, .. } => owner.hash(&mut hasher),
        _ => {}
    }
    hasher.finish()
}

/// The digest of a state. Without `what_is_left` two states are the same that differ only in what may still
/// happen.
pub(crate) fn of_state(state: &State, what_is_left: bool) -> u64 {
    let mut sum: u64 = 0;
    let mut add = |part: u64| sum = sum.wrapping_add(mix(part));
    for (_, place) in state.live() {
        add(place.digest);
        place.requests.iter().for_each(|it| add(it.digest.rotate_left(1)));
    }
    for it in &state.flying {
        let asker = if it.is_reply() { it.to } else { it.from };
        let request = it.number().and_then(|number| state.request(asker, number));
        let belongs_to = request.map_or(0, |it| it.digest);
        // An outdated list is judged by the members at the time when it was sent.
        let is_list = matches!(it.message, Message::NeighborsReply { .. });
        let members = if is_list { u64::from(it.members) } else { 0 };
        add(it.digest ^ mix(belongs_to ^ 1) ^ members.rotate_left(56));
    }
    let left = [
        state.to_join,
        state.failures_left,
        state.rounds_left,
        state.repeats_left,
        state.failed_lately,
    ];
    let left = left.map(u64::from).into_iter().fold(1, |sum, it| sum << 8 | it);
    add(if what_is_left { left } else { u64::from(state.failed_lately) << 8 });
    sum
}

/// The digest of the lists of all members.
pub(crate) fn of_lists(state: &State) -> u64 {
    let mut hasher = DefaultHasher::new();
    for (at, place) in state.members() {
        let list = place.node.successors().iter().map(|peer: &Peer| peer.address.slot);
        at.hash(&mut hasher);
        list.for_each(|slot| slot.hash(&mut hasher));
    }
    hasher.finish()
}
