//! A state of the network: nodes with their requests in flight, messages in flight, and what may still happen.
//!
//! **Invariant:** plain data; states share what a step does not change.

use std::rc::Rc;

use hopwise_kernel::node::RequestId;
use hopwise_kernel::ring::RingNode;
use hopwise_kernel::ring::message::MessageWith;
use hopwise_kernel::ring::request::{Kind, NeighborsReason, Request};
use hopwise_kernel::{Id, Peer};

use super::setup::ANY_ROUNDS;

/// A message that owns its list.
pub(crate) type Message = MessageWith<Vec<Peer>, Vec<u8>>;

/// A state of the network.
#[derive(Clone, Debug)]
pub(crate) struct State {
    /// By place; `None` if the node has failed or given up its join.
    pub(crate) places: Vec<Option<Rc<Place>>>,
    /// The places whose nodes have not begun to join.
    pub(crate) to_join: u8,
    /// Messages in flight, oldest first.
    pub(crate) flying: Vec<Rc<Flying>>,
    pub(crate) failures_left: u8,
    pub(crate) rounds_left: u8,
    pub(crate) repeats_left: u8,
    /// Failures since all lists were full of live members.
    pub(crate) failed_lately: u8,
    /// Calls of nodes so far, which number their requests.
    pub(crate) calls: u32,
}

/// A live node and its requests in flight.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) node: RingNode,
    pub(crate) requests: Vec<Pending>,
    /// The digest of the node's own state.
    pub(crate) digest: u64,
}

/// A request in flight.
#[derive(Clone, Debug)]
pub(crate) struct Pending {
    pub(crate) request: Request,
    /// The digest of what it asks of whom, and for what.
    pub(crate) digest: u64,
}

/// A message in flight.
#[derive(Clone, Debug)]
pub(crate) struct Flying {
    pub(crate) from: usize,
    pub(crate) to: usize,
    /// The identifier of the sender.
    pub(crate) sender: Id,
    pub(crate) message: Message,
    /// The members at the time when it was sent, as bits.
    pub(crate) members: u8,
    /// The digest of sender, receiver and content, without the numbers of requests.
    pub(crate) digest: u64,
}

/// One step.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Action {
    /// The message at this index arrives.
    Deliver(usize),
    /// It arrives, and stays in flight.
    Repeat(usize),
    /// The request at this index of the node at `place` has timed out for good.
    Expire { place: usize, index: usize },
    /// The timer of the node at this place fires: it begins a round of stabilize.
    Round(usize),
    /// The node at `place` begins to join through the member at `via`.
    Join { place: usize, via: usize },
    /// The node at this place fails.
    Fail(usize),
}

impl State {
    /// The live nodes and their places.
    pub(crate) fn live(&self) -> impl Iterator<Item = (usize, &Place)> {
        self.places.iter().enumerate().filter_map(|(at, place)| Some((at, place.as_deref()?)))
    }

    /// The live members and their places.
    pub(crate) fn members(&self) -> impl Iterator<Item = (usize, &Place)> {
        self.live().filter(|(_, place)| place.node.is_member())
    }

    /// The live members, as bits.
    pub(crate) fn member_bits(&self) -> u8 {
        self.members().fold(0, |bits, (at, _)| bits | 1 << at)
    }

    pub(crate) fn is_member(&self, place: usize) -> bool {
        self.places[place].as_ref().is_some_and(|it| it.node.is_member())
    }

    /// The request of the node at `place` of which `id` is an attempt.
    pub(crate) fn request(&self, place: usize, id: RequestId) -> Option<&Pending> {
        let requests = &self.places[place].as_ref()?.requests;
        requests.iter().find(|it| it.request.id.is_same_request(id))
    }

    /// Whether no message and no request is in flight.
    pub(crate) fn is_at_rest(&self) -> bool {
        self.flying.is_empty() && self.live().all(|(_, place)| place.requests.is_empty())
    }

    /// Whether the request `pending` of a node can only end by its timeout: nothing that belongs to it is in
    /// flight. Timeouts are longer than any message takes.
    fn is_unanswered(&self, pending: &Pending) -> bool {
        let id = pending.request.id;
        let has_message = self.flying.iter().any(|it| {
            let is_lookup = matches!(&it.message, Message::Lookup { lookup, .. } if lookup.lookup.is_same_request(id));
            is_lookup || it.number().is_some_and(|it| it.is_same_request(id))
        });
        let is_forwarded = || {
            let mut all = self.live().flat_map(|(_, place)| &place.requests);
            all.any(|it| matches!(it.request.kind, Kind::Forward { lookup, .. } if lookup.lookup.is_same_request(id)))
        };
        let is_origin = matches!(pending.request.kind, Kind::Origin(_));
        !(has_message || is_origin && is_forwarded())
    }

    /// The requests that have timed out.
    pub(crate) fn expired(&self) -> impl Iterator<Item = Action> {
        self.live().flat_map(move |(place, it)| {
            let requests = it.requests.iter().enumerate();
            let expired = requests.filter(|(_, pending)| self.is_unanswered(pending));
            expired.map(move |(index, _)| Action::Expire { place, index })
        })
    }

    /// All steps that may follow, but not all failures among them are [promised](super::promise) to be
    /// survived.
    pub(crate) fn actions(&self) -> Vec<Action> {
        let mut actions: Vec<Action> = (0..self.flying.len()).map(Action::Deliver).collect();
        if self.repeats_left > 0 {
            actions.extend((0..self.flying.len()).map(Action::Repeat));
        }
        actions.extend(self.expired());
        if self.rounds_left > 0 {
            let overlap = self.rounds_left != ANY_ROUNDS;
            let idle = self.members().filter(|(_, place)| !place.is_stabilizing(overlap));
            actions.extend(idle.map(|(at, _)| Action::Round(at)));
        }
        let to_join = (0..self.places.len()).filter(|at| self.to_join & 1 << at != 0);
        actions.extend(
            to_join
                .flat_map(|place| self.members().map(move |(via, _)| Action::Join { place, via })),
        );
        if self.failures_left > 0 {
            actions.extend(self.members().map(|(at, _)| Action::Fail(at)));
        }
        actions
    }
}

impl Place {
    /// Whether a round of stabilize is in progress. If rounds may `overlap`, only its first request counts.
    fn is_stabilizing(&self, overlap: bool) -> bool {
        self.requests.iter().any(|it| match it.request.kind {
            Kind::Neighbors { reason, .. } => reason == NeighborsReason::Stabilize || !overlap,
            _ => false,
        })
    }
}

impl Flying {
    /// The number of the request that the message is or answers.
    pub(crate) fn number(&self) -> Option<RequestId> {
        number_of(&self.message)
    }

    /// Whether the message answers a request of its receiver.
    pub(crate) fn is_reply(&self) -> bool {
        is_reply(&self.message)
    }
}

/// Whether `message` answers a request of its receiver.
pub(crate) fn is_reply(message: &Message) -> bool {
    matches!(
        message,
        Message::Pong { .. }
            | Message::NeighborsReply { .. }
            | Message::CookieReply { .. }
            | Message::Ack { .. }
            | Message::Answer { .. }
    )
}

/// The number of the request that `message` is or answers.
pub(crate) fn number_of(message: &Message) -> Option<RequestId> {
    match *message {
        Message::Ping { request }
        | Message::Pong { request }
        | Message::Neighbors { request, .. }
        | Message::NeighborsReply { request, .. }
        | Message::CookieReply { request, .. }
        | Message::Lookup { request, .. }
        | Message::Ack { request, .. }
        | Message::Answer { lookup: request, .. } => Some(request),
        _ => None,
    }
}
