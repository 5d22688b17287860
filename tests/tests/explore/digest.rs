//! Digests of states: equal for states that go on alike.
//!
//! Left out is what the abstraction makes irrelevant: times and round trips, the estimate of loss, cookies
//! (which the network knows), counts of rounds, lost contacts, and the numbers of requests. A request is named
//! by what it asks; so two states that differ in the numbers alone are one.
//!
//! **Invariant:** 64 bits. Two of a million different states have one digest with a probability of 3 in 10^8.

use std::fmt::Write;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::mem::discriminant;

use hopwise_kernel::base::rng::mix;
use hopwise_kernel::ring::RingNode;
use hopwise_kernel::ring::request::{Kind, Request};
use hopwise_kernel::{Node, Peer};

use super::state::{Message, State};

/// Fields of a node that decide what it does, besides those that its methods tell. They are private to
/// the kernel, so their text is taken.
const FIELDS: [&str; 6] = [
    " phase: ",
    " suspects: ",
    " stabilizing: ",
    " probing_predecessor: ",
    " probing_candidate: ",
    " is_pair: ",
];

/// The digest of a node's own state. `text` is a buffer.
pub(crate) fn of_node(node: &RingNode, text: &mut String) -> u64 {
    let mut hasher = DefaultHasher::new();
    node.peer().hash(&mut hasher);
    node.predecessor().hash(&mut hasher);
    node.successors().hash(&mut hasher);
    for (slot, finger) in node.fingers().entries() {
        (slot, finger).hash(&mut hasher);
    }
    text.clear();
    write!(text, "{node:?}").expect("text can be written to a string");
    let mut rest = text.as_str();
    for field in FIELDS {
        let at = rest.find(field).expect("a node has the field") + field.len();
        rest = &rest[at..];
        let end = if field == FIELDS[1] { "}" } else { "," };
        let end = rest.find(end).expect("a field ends");
        rest[..end].hash(&mut hasher);
    }
    hasher.finish()
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
    let members = state.member_bits();
    for it in &state.flying {
        let asker = if it.is_reply() { it.to } else { it.from };
        let request = it.number().and_then(|number| state.request(asker, number));
        let belongs_to = request.map_or(0, |it| it.digest);
        let joined_since = u64::from(members & !it.members);
        let is_list = matches!(it.message, Message::NeighborsReply { .. });
        let joined_since = if is_list { joined_since } else { 0 };
        add(it.digest ^ mix(belongs_to ^ 1) ^ joined_since.rotate_left(56));
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
