//! The ring node: its state, and the dispatch of inputs.
//!
//! The rules are in the modules beside: `lookup` finds owners, `maintain` keeps the neighborhood,
//! `fix_fingers` the fingers, `membership` joins and leaves.
//!
//! **Invariant:** a reply is handled only if it matches a request in flight in identifier, sender's
//! address and sender's identifier (as far as that was known), and only once.

use alloc::sync::Arc;
use core::time::Duration;

use crate::base::{Id, Peer, Peers, Rng, Time};
use crate::node::{
    Context, DropReason, LastCookie, LookupEnd, LookupPurpose, Node, RequestHandle, RequestId,
    RoundTrips, Router, Secret,
};
use crate::ring::config::RingConfig;
use crate::ring::event::Event;
use crate::ring::fingers::FingerTable;
use crate::ring::message::{Message, Purpose};
use crate::ring::protocol::Ring;
use crate::ring::request::{Kind, Probe, Request};
use crate::ring::successors::SuccessorList;
use crate::ring::suspects::Suspects;

/// A peer that does not answer this many probes is considered dead. The timeout doubles each time.
pub(crate) const PROBE_ATTEMPTS: u8 = 3;
/// Shortest timeout of a probe. A lookup can go around a slow contact, but a neighbor considered
/// dead by mistake causes wrong answers; so this outlasts a stalled thread.
pub(crate) const MIN_PROBE_TIMEOUT: Duration = Duration::from_millis(40);

/// Maximum number of early checks of the first successor until it knows this node. The wait doubles
/// each time.
pub(crate) const MAX_EARLY_CHECKS: u8 = 5;

/// A node of the ring.
#[derive(Debug)]
pub struct RingNode {
    pub(crate) me: Peer,
    pub(crate) config: Arc<RingConfig>,
    pub(crate) phase: Phase,
    pub(crate) predecessor: Option<Peer>,
    pub(crate) successors: SuccessorList,
    pub(crate) fingers: FingerTable,
    pub(crate) suspects: Suspects,
    pub(crate) round_trips: RoundTrips,
    pub(crate) secret: Secret,
    /// The cookie of the first successor.
    pub(crate) last_cookie: LastCookie,
    /// When to check the first successor; while joining, when to give up.
    pub(crate) stabilize_at: Time,
    /// When to refresh the next finger.
    pub(crate) fix_at: Time,
    /// The time for which the node's timer is armed.
    pub(crate) armed_at: Time,
    /// The finger slot to refresh next.
    pub(crate) next_slot: u16,
    /// Early checks of the first successor that are left. A node has joined next to this one (or
    /// this node has joined), and others may have joined there at the same time.
    pub(crate) early_checks_left: u8,
    /// A check of the first successor is in flight.
    pub(crate) stabilizing: bool,
    /// A ping of the predecessor is in flight.
    pub(crate) probing_predecessor: bool,
    /// A finger refresh is in flight.
    pub(crate) fixing: bool,
    /// The first round of finger refreshes after a join is running, without pauses.
    pub(crate) initial_fill: bool,
}

// Simulations have a million nodes.
#[cfg(target_pointer_width = "64")]
const _: () = assert!(size_of::<RingNode>() <= 272);

/// The membership state of a node.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Phase {
    Outside,
    Joining,
    Member,
}

impl RingNode {
    /// A node that is not yet a member of a ring. Call [`start_linked`](Self::start_linked) or
    /// [`join`](Self::join) next. Nodes built from the same [`Arc`] share one configuration.
    #[must_use]
    pub fn new(me: Peer, config: impl Into<Arc<RingConfig>>, rng: &mut Rng) -> RingNode {
        let config = config.into();
        RingNode {
            me,
            phase: Phase::Outside,
            predecessor: None,
            successors: SuccessorList::new(config.successors),
            fingers: FingerTable::new(me.id, config.shape),
            suspects: Suspects::default(),
            round_trips: RoundTrips::default(),
            secret: Secret::random(rng),
            last_cookie: LastCookie::default(),
            stabilize_at: Time::NEVER,
            fix_at: Time::NEVER,
            armed_at: Time::NEVER,
            next_slot: 0,
            early_checks_left: 0,
            stabilizing: false,
            probing_predecessor: false,
            fixing: false,
            initial_fill: false,
            config,
        }
    }

    /// Whether the node is a member of the ring.
    #[must_use]
    pub fn is_member(&self) -> bool {
        self.phase == Phase::Member
    }

    /// The predecessor, if one is known.
    #[must_use]
    pub fn predecessor(&self) -> Option<Peer> {
        self.predecessor
    }

    /// The successor list, nearest first.
    #[must_use]
    pub fn successors(&self) -> &[Peer] {
        self.successors.peers()
    }

    /// The finger table.
    #[must_use]
    pub fn fingers(&self) -> &FingerTable {
        &self.fingers
    }

    /// The number of distinct peers in the tables. Scans all of them.
    #[must_use]
    pub fn entries(&self) -> usize {
        let list = self.successors.peers();
        let in_list = |finger: Peer| list.iter().any(|peer| peer.is_same_destination(finger));
        let fingers = self.fingers.entries().filter(|&(_, finger)| !in_list(finger)).count();
        let predecessor = self.predecessor.is_some_and(|peer| !list.contains(&peer));
        list.len() + fingers + usize::from(predecessor)
    }

    /// The memory of the node and its tables in bytes, without the configuration, which may be
    /// shared.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        size_of::<Self>() + self.fingers.heap_bytes() + self.successors.heap_bytes()
    }

    pub(crate) fn send(&self, cx: &mut Context<'_, Ring>, to: Peer, message: &Message<'_>) {
        cx.world.send(self.me, to, message);
    }

    /// Removes and returns the request that a reply from `from` answers, and records the round
    /// trip.
    pub(crate) fn match_reply(
        &mut self,
        cx: &mut Context<'_, Ring>,
        id: RequestId,
        from: Peer,
        fits: impl Fn(&Kind) -> bool,
    ) -> Option<Request> {
        let request = cx.match_reply(id, from, fits)?;
        self.round_trips.record(cx.now.since(request.sent_at));
        self.suspects.remove(self.secret, from, cx.now);
        Some(request)
    }

    /// How long to wait for the acknowledgement of a hop.
    pub(crate) fn hop_timeout(&self) -> Duration {
        self.round_trips.timeout(self.config.timeout)
    }

    /// How long to wait for the reply to a probe.
    pub(crate) fn probe_timeout(&self, retries: u8) -> Duration {
        self.hop_timeout().max(MIN_PROBE_TIMEOUT) * (1 << retries.min(4))
    }

    pub(crate) fn ping(
        &self,
        cx: &mut Context<'_, Ring>,
        to: Peer,
        retries: u8,
        probe: Probe,
    ) -> bool {
        if to.address == self.me.address {
            return false;
        }
        let wait = self.probe_timeout(retries);
        let request = cx.request(to, retries, Kind::Probe(probe), wait);
        if let Some(request) = request {
            self.send(cx, to, &Message::Ping { request });
        }
        request.is_some()
    }

    /// Arms the node's timer for the earliest of its deadlines.
    pub(crate) fn arm(&mut self, cx: &mut Context<'_, Ring>) {
        let next = self.stabilize_at.min(self.fix_at);
        if next != self.armed_at {
            self.armed_at = next;
            cx.world.arm_node(cx.node, next);
        }
    }

    /// Tells the finger table where the changed successor list ends.
    pub(crate) fn update_finger_boundary(&mut self) {
        self.fingers.set_reach(self.successors.last());
    }

    /// Replaces the successor list by `first` and its list, without peers known to be dead.
    pub(crate) fn adopt_list(&mut self, now: Time, first: Peer, its_list: Peers<'_>) {
        let (suspects, secret) = (&self.suspects, self.secret);
        let keep = |peer| peer == first || !suspects.is_dead(secret, peer, now);
        self.successors.adopt(self.me.id, first, its_list, keep);
        self.update_finger_boundary();
    }

    /// Whether a table contains this peer, with this identifier and address.
    pub(crate) fn knows(&self, peer: Peer) -> bool {
        self.predecessor == Some(peer)
            || self.successors.peers().contains(&peer)
            || self.fingers.contains(peer)
    }

    #[cfg(feature = "defects")]
    pub(crate) fn has(&self, defect: crate::ring::Defect) -> bool {
        self.config.defect == Some(defect)
    }

    /// Whether `id` lies between this node and `successor`.
    pub(crate) fn is_closer_successor(&self, id: Id, successor: Id) -> bool {
        id.is_between(self.me.id, successor)
    }
}

impl Node for RingNode {
    type Protocol = Ring;

    fn peer(&self) -> Peer {
        self.me
    }

    fn handle_message(&mut self, cx: &mut Context<'_, Ring>, from: Peer, message: Message<'_>) {
        if from.id == self.me.id {
            cx.world.count_drop(DropReason::FromSelf);
            return;
        }
        // A joining node answers pings. A node outside the ring does not, so that its former
        // neighbors find that it has left.
        let silent = self.phase == Phase::Outside && matches!(message, Message::Ping { .. });
        let needs_member = matches!(
            message,
            Message::Neighbors { .. }
                | Message::Notify
                | Message::Introduce { .. }
                | Message::Leave { .. }
                | Message::Lookup { .. }
                | Message::FindNext { .. }
                | Message::Deliver { .. }
        );
        if silent || (needs_member && !self.is_member()) {
            cx.world.count_drop(DropReason::NotMember);
            return;
        }
        match message {
            Message::Ping { request } => {
                self.send(cx, from, &Message::Pong { request });
            }
            Message::Pong { request } => self.on_pong(cx, request, from),
            Message::Neighbors { request, cookie, purpose } => {
                let expected = self.secret.cookie_for(from.address);
                if cookie == expected {
                    // The peer receives messages at its address: it is alive again.
                    self.suspects.remove(self.secret, from, cx.now);
                    let successors = Peers::Table(self.successors.peers());
                    let predecessor = self.predecessor;
                    let reply =
                        Message::NeighborsReply { request, purpose, predecessor, successors };
                    self.send(cx, from, &reply);
                } else {
                    let reply = Message::CookieReply { request, purpose, cookie: expected };
                    self.send(cx, from, &reply);
                }
            }
            Message::NeighborsReply { request, predecessor, successors, .. } => {
                self.on_neighbors_reply(cx, request, from, predecessor, successors);
            }
            Message::CookieReply { request, cookie, .. } => {
                self.on_cookie(cx, request, from, cookie);
            }
            Message::Notify => self.rectify(cx, from, false),
            Message::Introduce { peer } => self.on_introduce(cx, from, peer),
            Message::Leave { predecessor, successors } => {
                self.on_leave(cx, from, predecessor, successors);
            }
            Message::Lookup { request, lookup } => {
                let purpose = lookup.purpose;
                if self.answer_or_forward(cx, lookup) {
                    self.send(cx, from, &Message::Ack { request, purpose });
                }
            }
            Message::Ack { request, .. } => {
                self.match_reply(cx, request, from, |kind| matches!(kind, Kind::Forward { .. }));
            }
            Message::Answer { lookup, owner, hops, timeouts, .. } => {
                self.on_answer(cx, lookup, from, owner, hops, timeouts);
            }
            Message::FindNext { request, purpose, key, limit } => {
                self.on_find_next(cx, from, request, purpose, key, limit);
            }
            Message::FindNextReply { request, step, knows, .. } => {
                self.on_find_next_reply(cx, request, from, step, knows);
            }
            Message::Deliver { request, key, payload } => {
                self.on_deliver(cx, from, request, key, payload);
            }
            Message::Delivered { request } => self.on_delivered(cx, request, from),
        }
    }

    fn handle_timeout(&mut self, cx: &mut Context<'_, Ring>) {
        self.armed_at = Time::NEVER;
        if cx.now >= self.stabilize_at {
            match self.phase {
                Phase::Joining => self.fail_join(cx),
                Phase::Outside | Phase::Member => self.begin_stabilize(cx),
            }
        }
        if cx.now >= self.fix_at {
            self.begin_fix_fingers(cx);
        }
        self.arm(cx);
    }

    fn handle_request_timeout(&mut self, cx: &mut Context<'_, Ring>, handle: RequestHandle) {
        let Some(request) = cx.requests.remove(handle) else { return };
        match request.kind {
            Kind::Probe(probe) => self.on_probe_timeout(cx, request, probe),
            Kind::Neighbors { reason, cookie } => {
                if request.retries + 1 < PROBE_ATTEMPTS {
                    self.request_neighbors(cx, request.to, reason, cookie, request.retries + 1);
                } else {
                    self.on_neighbors_failed(cx, request.to, reason);
                }
            }
            Kind::Forward { lookup } => self.on_forward_timeout(cx, request.to, lookup),
            Kind::Origin(pending) => self.on_origin_timeout(cx, request, pending),
            Kind::Iterate(iteration) => self.on_find_next_timeout(cx, request.to, iteration),
            Kind::Deliver(pending) => self.on_deliver_timeout(cx, request.to, pending),
        }
    }
}

impl Router for RingNode {
    fn is_member(&self) -> bool {
        RingNode::is_member(self)
    }

    fn predecessor(&self) -> Option<Peer> {
        self.predecessor
    }

    fn replicas(&self) -> &[Peer] {
        self.successors()
    }

    fn look_up(
        &mut self,
        cx: &mut Context<'_, Ring>,
        key: Id,
        token: u64,
        purpose: LookupPurpose,
        deadline: Time,
    ) -> bool {
        let purpose = match purpose {
            LookupPurpose::User => Purpose::User,
            LookupPurpose::Maintenance => Purpose::UpperLayer,
        };
        self.begin_lookup_until(cx, key, token, purpose, None, deadline)
    }

    fn lookup_end(event: &Event) -> Option<LookupEnd> {
        match *event {
            Event::LookupDone(done) => Some(LookupEnd::Done(done)),
            Event::LookupFailed { token, timeouts } => Some(LookupEnd::Failed { token, timeouts }),
            _ => None,
        }
    }

    fn suspect(&mut self, cx: &mut Context<'_, Ring>, peer: Peer) {
        RingNode::suspect(self, cx, peer);
    }
}
