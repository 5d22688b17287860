//! Takes steps: calls a node, and puts in flight what it sends.
//!
//! *Time* stands still. The period of stabilize is so short that a node's timer is always due, and the search
//! decides when it fires. A request times out when nothing that belongs to it is in flight any more, and then
//! after all its attempts at once: detection of failures is exact.
//!
//! *Steps that are not steps.* These follow at once, because no order of theirs makes a difference:
//!
//! * the exchange of a cookie before a member names its neighbors;
//! * acknowledgements, and the news that a node has been adopted, which changes no table;
//! * the answer of a live node to a ping that only asks whether it lives, without a candidate for its place;
//! * the end of pings that a dead node gets as a last chance, and of lookups that ask dead nodes for a place in
//!   the ring that may be theirs.
//!
//! **Invariant:** everything follows from the state and the action.

use std::rc::Rc;

use hopwise_kernel::base::rng::mix;
use hopwise_kernel::node::{Cookie, DropReason, RequestHandle, RequestId, RequestTables, Requests};
use hopwise_kernel::ring::message::Purpose;
use hopwise_kernel::ring::request::{Kind, Probe};
use hopwise_kernel::ring::{Event, Ring, RingNode};
use hopwise_kernel::{Context, Node, Peer, Peers, Rng, Time, World};

use super::digest;
use super::promise::{self, Promise, Verdict};
use super::setup::{ANY_ROUNDS, AtOnce, Setup};
use super::state::{Action, Flying, Message, Pending, Place, State, is_reply, number_of};

/// Requests of one node in flight, at most.
const REQUESTS: usize = 32;
/// The time of all calls: some time after a whole number of the kernel's units.
const NOW: Time = Time::from_ns((1 << 40) + 1_000);
/// The most attempts at a request.
const ATTEMPTS: usize = 40;

/// A network of ring nodes, of which it knows the cookies.
#[derive(Debug)]
pub(crate) struct Network {
    setup: Setup,
    peers: Vec<Peer>,
    /// The cookie that the node in the first place issues to the one in the second.
    cookies: Vec<Vec<Cookie>>,
    /// The requests of the node that is called.
    requests: Requests<Kind>,
    promise: Promise,
    /// Joins that nodes have given up.
    pub(crate) joins_given_up: u64,
    /// The last live node that was declared dead.
    wrongly_dead: Option<Peer>,
}

impl Network {
    pub(crate) fn new(setup: Setup) -> Network {
        let peers = setup.peers();
        let count = peers.len();
        Network {
            setup,
            peers,
            cookies: vec![vec![Cookie::default(); count]; count],
            requests: Requests::new(REQUESTS),
            promise: Promise::default(),
            joins_given_up: 0,
            wrongly_dead: None,
        }
    }

    /// The state at the start: a linked ring, and nodes that have not begun to join it.
    pub(crate) fn start(&mut self) -> State {
        let config = self.setup.config();
        let is_member = |place: &usize| self.setup.is_member(*place);
        let joining = (0..self.peers.len()).filter(|place| !is_member(place));
        let to_join = joining.fold(0, |bits, place| bits | 1 << place);
        let ring: Vec<Peer> =
            (0..self.peers.len()).filter(is_member).map(|at| self.peers[at]).collect();
        let mut state = State {
            places: vec![None; self.peers.len()],
            to_join,
            flying: Vec::new(),
            failures_left: self.setup.failures,
            rounds_left: self.setup.rounds,
            repeats_left: self.setup.repeats,
            failed_lately: 0,
            calls: 0,
        };
        for (at, &peer) in self.peers.clone().iter().enumerate() {
            let mut rng = Rng::light(at as u64);
            let node = RingNode::new(peer, config, &mut rng);
            self.learn_cookies(at, node.clone());
            let digest = digest::of_node(&node);
            state.places[at] = Some(Rc::new(Place { node, requests: Vec::new(), digest }));
            if self.setup.is_member(at) {
                self.call(&mut state, at, |node, cx| node.start_linked(cx, &ring));
            }
        }
        state
    }

    /// Asks `node`, a copy of the one at `place`, for the cookies that it issues.
    fn learn_cookies(&mut self, place: usize, mut node: RingNode) {
        let mut sent = Sent::default();
        for asker in (0..self.peers.len()).filter(|&asker| asker != place) {
            let (from, me) = (self.peers[asker], self.peers[place]);
            let mut cx = Context {
                now: NOW,
                node: place as u32,
                rng: &mut Rng::light(0),
                requests: &mut self.requests,
                world: &mut sent,
            };
            node.start_linked(&mut cx, &[me]);
            let (request, cookie) = (RequestId(1), Cookie::default());
            let ask = Message::Neighbors { request, cookie, purpose: Purpose::Stabilize };
            node.handle_message(&mut cx, from, borrow(&ask));
            if let Some((_, Message::CookieReply { cookie, .. })) = sent.messages.pop() {
                self.cookies[place][asker] = cookie;
            }
        }
    }

    /// The state after `action`, and whether the promise is kept. `None` if the action is a failure that need not
    /// be survived.
    pub(crate) fn step(&mut self, before: &State, action: Action) -> Option<(State, Verdict)> {
        let mut state = before.clone();
        let mut arrived = None;
        match action {
            Action::Deliver(index) => {
                let message = state.flying.remove(index);
                self.deliver(&mut state, &message);
                arrived = Some(message);
            }
            Action::Repeat(index) => {
                state.repeats_left -= 1;
                let message = Rc::clone(&state.flying[index]);
                self.deliver(&mut state, &message);
                arrived = Some(message);
            }
            Action::Expire { place, index } => self.expire(&mut state, place, index),
            Action::Round(place) => {
                state.rounds_left -= u8::from(state.rounds_left != ANY_ROUNDS);
                self.round(&mut state, place);
            }
            Action::Join { place, via } => {
                state.to_join &= !(1 << place);
                let via = self.peers[via];
                self.call(&mut state, place, |node, cx| node.join(cx, &[via]));
            }
            Action::Fail(place) => {
                state.failures_left -= 1;
                state.failed_lately += 1;
                remove(&mut state, place);
                let verdict = self.promise.judge_failure(&state);
                return (verdict != Verdict::BeyondPromise).then_some((state, verdict));
            }
        }
        if state.failed_lately > 0 && promise::lists_are_full(&state) {
            state.failed_lately = 0;
        }
        let verdict = match self.wrongly_dead.take() {
            Some(peer) => {
                let node = peer.address.slot;
                Verdict::Broken(format!("node {node} lives and was declared dead"))
            }
            None => self.promise.judge(&state, arrived.as_deref()),
        };
        Some((state, verdict))
    }

    /// The timer of the member at `place` fires.
    pub(crate) fn round(&mut self, state: &mut State, place: usize) {
        self.call(state, place, |node, cx| {
            // A node counts rounds until its successor has adopted it. That is left out.
            if let Some(&first) = node.successors().first() {
                node.handle_message(cx, first, hopwise_kernel::ring::Message::Adopted);
            }
            node.handle_timeout(cx);
        });
    }

    fn deliver(&mut self, state: &mut State, message: &Flying) {
        let from = self.peers[message.from];
        self.call(state, message.to, |node, cx| {
            node.handle_message(cx, from, borrow(&message.message));
        });
    }

    fn expire(&mut self, state: &mut State, place: usize, index: usize) {
        let Some(it) = &state.places[place] else { return };
        let request = it.requests[index].request;
        if matches!(request.kind, Kind::Origin(_)) && !it.node.is_member() {
            // A node on the way has failed. There is no other bootstrap.
            self.joins_given_up += 1;
            return remove(state, place);
        }
        self.call(state, place, |node, cx| {
            for _ in 0..ATTEMPTS {
                let Some(handle) = cx.requests.find(request.id) else { return };
                node.handle_request_timeout(cx, handle);
            }
            panic!("the request is never given up: {request:?}");
        });
    }

    /// Calls the node at `place` if it lives, and handles what it sends.
    fn call(
        &mut self,
        state: &mut State,
        place: usize,
        command: impl FnOnce(&mut RingNode, &mut Context<'_, Ring>),
    ) {
        let Some(before) = state.places[place].take() else { return };
        let mut node = before.node.clone();
        for pending in &before.requests {
            self.requests.insert(pending.request).expect("there is room for the requests");
        }
        state.calls += 1;
        let mut sent = Sent::default();
        let mut rng = Rng::light(mix(state.calls.into()));
        let mut cx = Context {
            now: NOW,
            node: place as u32,
            rng: &mut rng,
            requests: &mut self.requests,
            world: &mut sent,
        };
        command(&mut node, &mut cx);
        let mut requests = Vec::with_capacity(self.requests.in_flight());
        for handle in 0..REQUESTS as u32 {
            let Some(request) = self.requests.remove(RequestHandle(handle)) else { continue };
            let known = before.requests.iter().find(|it| it.request == request);
            let digest = known.map_or_else(|| digest::of_request(&request), |it| it.digest);
            requests.push(Pending { request, digest });
        }
        let digest = digest::of_node(&node);
        state.places[place] = Some(Rc::new(Place { node, requests, digest }));
        let dead = sent.declared_dead.filter(|peer| state.places[at(*peer)].is_some());
        self.wrongly_dead = self.wrongly_dead.or(dead);
        // Attempts after the first one go to nodes that do not answer.
        let is_again = |message: &Message| {
            let mut known = before.requests.iter().map(|it| it.request.id);
            let number = number_of(message).filter(|_| !is_reply(message));
            number.is_some_and(|number| known.any(|it| it.is_same_request(number)))
        };
        for (to, message) in sent.messages {
            if !is_again(&message) {
                self.send(state, place, at(to), message);
            }
        }
        if sent.join_failed {
            self.joins_given_up += 1;
            remove(state, place);
        }
        if self.setup.repeats == 0 && self.setup.defect.is_none() {
            drop_unmatched(state, place);
        }
    }

    /// Puts a message in flight, or handles it at once.
    fn send(&mut self, state: &mut State, from: usize, to: usize, message: Message) {
        let lives = state.places[to].is_some();
        let request = number_of(&message).filter(|_| !is_reply(&message));
        let kind = request.and_then(|it| state.request(from, it)).map(|it| it.request.kind);
        let me = self.peers[from];
        match (&message, kind) {
            // Without effect, as the node is dead.
            (Message::Ping { request }, Some(Kind::Probe(Probe::Departed))) if !lives => {
                return cancel(state, from, *request);
            }
            (Message::Lookup { request, lookup }, _)
                if lookup.origin == me && state.is_member(from) =>
            {
                let (request, origin) = (*request, lookup.lookup);
                cancel(state, from, request);
                return cancel(state, from, origin);
            }
            (
                &Message::Ping { request },
                Some(Kind::Probe(Probe::Predecessor(None) | Probe::Suspect | Probe::NextSuccessor)),
            ) if lives => {
                return self.hand_over(state, to, from, Message::Pong { request });
            }
            (&Message::Neighbors { request, cookie, purpose }, _) if state.is_member(to) => {
                let valid = self.cookies[to][from];
                if cookie != valid {
                    let reply = Message::CookieReply { request, purpose, cookie: valid };
                    return self.hand_over(state, to, from, reply);
                }
                if self.setup.at_once >= AtOnce::Requests {
                    return self.hand_over(state, from, to, message);
                }
            }
            (Message::Ack { .. } | Message::Adopted, _) => {
                return self.hand_over(state, from, to, message);
            }
            (Message::Lookup { .. } | Message::Answer { .. }, _)
                if lives && self.setup.at_once >= AtOnce::Lookups =>
            {
                return self.hand_over(state, from, to, message);
            }
            (Message::Ping { .. }, _) if lives && self.setup.at_once >= AtOnce::Requests => {
                return self.hand_over(state, from, to, message);
            }
            _ => {}
        }
        if lives {
            let flying = self.flying(state, from, to, message);
            // A message without a number that is in flight already tells nothing new.
            let is_same = |it: &Rc<Flying>| it.digest == flying.digest && it.number().is_none();
            if flying.number().is_some() || !state.flying.iter().any(is_same) {
                state.flying.push(Rc::new(flying));
            }
        }
    }

    fn flying(&self, state: &State, from: usize, to: usize, message: Message) -> Flying {
        let digest = digest::of_message(from, to, &message);
        let sender = self.peers[from].id;
        Flying { from, to, sender, message, members: state.member_bits(), digest }
    }

    /// Delivers a message that never was in flight.
    fn hand_over(&mut self, state: &mut State, from: usize, to: usize, message: Message) {
        let flying = self.flying(state, from, to, message);
        self.deliver(state, &flying);
    }

    /// Lets everything in flight arrive in order, and requests time out, until nothing is in flight.
    /// Returns what breaks the promise meanwhile, unless it `is_excused`; it is from the first excuse on.
    fn settle(&mut self, state: &mut State, is_excused: &mut bool) -> Option<String> {
        for _ in 0..STEPS_TO_REST {
            let next = if state.flying.is_empty() {
                state.expired().next()
            } else {
                Some(Action::Deliver(0))
            };
            let Some(action) = next else {
                let is_at_rest = state.is_at_rest();
                return (!is_at_rest).then(|| "a request never ends".to_owned());
            };
            let (next, verdict) = self.step(state, action)?;
            *state = next;
            match verdict {
                Verdict::Kept => {}
                Verdict::BeyondPromise => *is_excused = true,
                Verdict::Broken(_) if *is_excused => {}
                Verdict::Broken(broken) => return Some(broken),
            }
        }
        Some("messages never end".to_owned())
    }

    /// Lets all members stabilize in turn until the ring is exact. Returns after how many rounds it is, or
    /// what is still wrong after [`ROUNDS_TO_EXACT`]. Until then the promise is kept, unless it `is_excused`.
    pub(crate) fn heal(&mut self, state: &State, mut is_excused: bool) -> Result<u32, String> {
        let mut state = state.clone();
        if let Some(broken) = self.settle(&mut state, &mut is_excused) {
            return Err(broken);
        }
        for round in 0..=ROUNDS_TO_EXACT {
            let Some(wrong) = promise::inexact(&state) else { return Ok(round) };
            if round == ROUNDS_TO_EXACT {
                return Err(format!("{wrong}, after {ROUNDS_TO_EXACT} rounds in order"));
            }
            for place in 0..state.places.len() {
                if state.is_member(place) {
                    self.round(&mut state, place);
                    if let Some(broken) = self.settle(&mut state, &mut is_excused) {
                        return Err(broken);
                    }
                }
            }
        }
        unreachable!("the last round returns")
    }
}

/// Rounds of stabilize of every member in which a ring at rest must become exact.
pub(crate) const ROUNDS_TO_EXACT: u32 = 8;
/// The steps in which a network comes to rest.
const STEPS_TO_REST: usize = 10_000;

/// What a node does during a call.
#[derive(Debug, Default)]
struct Sent {
    messages: Vec<(Peer, Message)>,
    declared_dead: Option<Peer>,
    join_failed: bool,
}

impl World<Ring> for Sent {
    fn send(&mut self, _from: Peer, to: Peer, message: &hopwise_kernel::ring::Message<'_>) {
        let owned = message.map((), |(), list| list.iter().collect(), |(), bytes| bytes.to_vec());
        self.messages.push((to, owned));
    }

    fn arm_node(&mut self, _node: u32, _at: Time) {}

    fn arm_request(&mut self, _request: RequestHandle, _at: Time) {}

    fn disarm_request(&mut self, _request: RequestHandle) {}

    fn report(&mut self, _node: u32, event: Event, _payload: &[u8]) {
        match event {
            Event::DeclaredDead { peer } => self.declared_dead = Some(peer),
            Event::JoinFailed => self.join_failed = true,
            _ => {}
        }
    }

    fn count_drop(&mut self, reason: DropReason) {
        assert_ne!(reason, DropReason::Overload, "there is room for the requests");
    }
}

fn borrow(message: &Message) -> hopwise_kernel::ring::Message<'_> {
    use hopwise_kernel::ring::message::MessageWith as M;
    match message {
        M::NeighborsReply { request, purpose, predecessor, successors } => M::NeighborsReply {
            request: *request,
            purpose: *purpose,
            predecessor: *predecessor,
            successors: Peers::Table(successors),
        },
        other => other.clone().map((), |(), _| Peers::NONE, |(), _| &[][..]),
    }
}

/// The place of `peer`.
fn at(peer: Peer) -> usize {
    peer.address.slot.into()
}

/// Removes a node, and what is in flight to it.
fn remove(state: &mut State, place: usize) {
    state.places[place] = None;
    state.flying.retain(|it| it.to != place);
}

/// Removes a request of the node at `place`.
fn cancel(state: &mut State, place: usize, id: RequestId) {
    let Some(it) = &state.places[place] else { return };
    let requests =
        it.requests.iter().filter(|it| !it.request.id.is_same_request(id)).cloned().collect();
    let place_after = Place { node: it.node.clone(), requests, digest: it.digest };
    state.places[place] = Some(Rc::new(place_after));
}

/// Removes the replies to requests of the node at `place` that have ended: it would not handle them.
fn drop_unmatched(state: &mut State, place: usize) {
    let flying = std::mem::take(&mut state.flying);
    let is_expected = |it: &Rc<Flying>| {
        it.to != place
            || !it.is_reply()
            || it.number().is_none_or(|number| state.request(place, number).is_some())
    };
    let flying = flying.into_iter().filter(is_expected).collect();
    state.flying = flying;
}
