//! The ring node: its state, and the dispatch of inputs.
//!
//! The rules are in the modules beside: `lookup` finds owners, `maintain` keeps the neighborhood,
//! `fix_fingers` the fingers, `membership` joins and leaves, `merge` finds the other parts of a ring that fell
//! apart.
//!
//! **Invariant:** a reply is handled only if it matches a request in flight in identifier, sender's
//! address and sender's identifier (as far as that was known), and only once.

use alloc::sync::Arc;
use core::time::Duration;

use crate::base::{Id, Peer, Peers, Rng, Time};
use crate::node::{
    ABSENCE, Context, DropReason, LastCookie, LookupEnd, LookupPurpose, LossEstimate, Node,
    PeerRoundTrips, RequestHandle, RequestId, RoundTrips, Router, Secret, Source, TimeoutPolicy,
};
use crate::ring::config::RingConfig;
use crate::ring::doubts::Doubts;
use crate::ring::event::Event;
use crate::ring::fingers::FingerTable;
use crate::ring::instant::Instant;
use crate::ring::lost_contacts::LostContacts;
use crate::ring::message::{Message, Purpose};
use crate::ring::protocol::{FOREIGN_ID, Ring};
use crate::ring::request::{Aim, Kind, Probe, Request};
use crate::ring::steps::{Answer, Wanted};
use crate::ring::successors::SuccessorList;
use crate::ring::suspects::{Suspects, Verdict};

/// Shortest timeout of a probe. A lookup can go around a slow contact, but a neighbor considered
/// dead by mistake causes wrong answers.
pub(crate) const MIN_PROBE_TIMEOUT: Duration = Duration::from_millis(40);
/// The timeout doubles after an unanswered attempt, but not beyond this many times its first value:
/// where much is lost, many attempts are needed.
const MAX_BACKOFF: u32 = 4;

/// Maximum number of early checks of the first successor until it knows this node. The wait doubles
/// each time.
pub(crate) const MAX_EARLY_CHECKS: u8 = 5;

/// A node of the ring.
#[derive(Clone, Debug)]
pub struct RingNode {
    pub(crate) me: Peer,
    pub(crate) config: Arc<RingConfig>,
    pub(crate) phase: Phase,
    /// The node itself if it is [alone](Self::is_alone).
    pub(crate) predecessor: Option<Peer>,
    pub(crate) successors: SuccessorList,
    pub(crate) fingers: FingerTable,
    pub(crate) suspects: Suspects,
    pub(crate) round_trips: RoundTrips,
    /// Those to the predecessor.
    pub(crate) predecessor_round_trips: PeerRoundTrips,
    /// Those to the first successor.
    pub(crate) first_round_trips: PeerRoundTrips,
    pub(crate) loss: LossEstimate,
    pub(crate) secret: Secret,
    /// The cookie of the first successor.
    pub(crate) last_cookie: LastCookie,
    /// When to check the first successor; while joining, when to give up.
    pub(crate) stabilize_at: Time,
    /// When to refresh the next finger.
    pub(crate) fix_at: Time,
    /// The time for which the node's timer is armed.
    pub(crate) armed_at: Time,
    /// When the node last heard from its predecessor.
    pub(crate) predecessor_heard: Instant,
    /// When the last reply arrived, from any peer.
    pub(crate) heard: Instant,
    /// The finger slot to refresh next.
    pub(crate) next_slot: u16,
    /// Early checks of the first successor that are left. A node has joined next to this one (or
    /// this node has joined), and others may have joined there at the same time.
    pub(crate) early_checks_left: u8,
    /// A check of the first successor is in flight.
    pub(crate) stabilizing: bool,
    /// A ping of the predecessor is in flight.
    pub(crate) probing_predecessor: bool,
    /// A ping of a node that may become the predecessor is in flight.
    pub(crate) probing_candidate: bool,
    /// Unanswered attempts of the ping of the predecessor that is in flight.
    pub(crate) predecessor_silence: u8,
    /// Rounds of stabilize left before a join fails that no successor has confirmed. 0 once it is
    /// confirmed.
    pub(crate) rounds_to_join: u8,
    /// This node and its first successor are the whole ring, as far as both know.
    pub(crate) is_pair: bool,
    /// Contacts that may be on the other side of a partition.
    pub(crate) lost: LostContacts,
    /// `None` if every answer is believed.
    pub(super) doubts: Option<Doubts>,
    /// A finger refresh is in flight.
    pub(crate) fixing: bool,
    /// The first round of finger refreshes after a join is running, without pauses.
    pub(crate) initial_fill: bool,
}

// Simulations have a million nodes.
#[cfg(target_pointer_width = "64")]
const _: () = assert!(size_of::<RingNode>() <= 344);

/// The membership state of a node.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Phase {
    Outside,
    /// The successor list holds the bootstraps that have not been tried.
    Joining,
    /// As a node that joins, but to choose its identifier.
    Visiting,
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
            predecessor_round_trips: PeerRoundTrips::default(),
            first_round_trips: PeerRoundTrips::default(),
            loss: LossEstimate::default(),
            secret: Secret::random(rng),
            last_cookie: LastCookie::default(),
            stabilize_at: Time::NEVER,
            fix_at: Time::NEVER,
            armed_at: Time::NEVER,
            predecessor_heard: Instant::default(),
            heard: Instant::default(),
            next_slot: 0,
            early_checks_left: 0,
            stabilizing: false,
            probing_predecessor: false,
            probing_candidate: false,
            predecessor_silence: 0,
            rounds_to_join: 0,
            is_pair: false,
            lost: LostContacts::default(),
            doubts: (config.first_hops > 1).then(Doubts::new),
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

    /// The predecessor, if one is known; the node itself if it is [alone](Self::is_alone).
    #[must_use]
    pub fn predecessor(&self) -> Option<Peer> {
        self.predecessor
    }

    /// Whether the node knows that it is the only member: it is its own predecessor and owns every
    /// key. A node that has merely lost all contacts is not alone: it knows no predecessor.
    #[must_use]
    pub fn is_alone(&self) -> bool {
        self.predecessor == Some(self.me)
    }

    /// The predecessor, if another node is known as such.
    pub(crate) fn other_predecessor(&self) -> Option<Peer> {
        self.predecessor.filter(|peer| peer.address != self.me.address)
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
        let predecessor = self.other_predecessor().is_some_and(|peer| !list.contains(&peer));
        list.len() + fingers + usize::from(predecessor)
    }

    /// The memory of the node and its tables in bytes, without the configuration, which may be
    /// shared.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        let doubts = self.doubts.as_ref().map_or(0, Doubts::heap_bytes);
        size_of::<Self>() + self.fingers.heap_bytes() + self.successors.heap_bytes() + doubts
    }

    pub(crate) fn send(&self, cx: &mut Context<'_, Ring>, to: Peer, message: &Message<'_>) {
        cx.world.send(self.me, to, message);
    }

    /// Removes and returns the request that a reply from `from` answers. Records the round trip and
    /// that the peer is alive.
    pub(crate) fn match_reply(
        &mut self,
        cx: &mut Context<'_, Ring>,
        id: RequestId,
        from: Peer,
        fits: impl Fn(&Kind) -> bool,
    ) -> Option<Request> {
        let handle = cx.find_request(id, from, fits)?;
        self.record_reply(cx, handle, id, from);
        cx.cancel(handle)
    }

    /// Ends the request that an acknowledgement from `from` is for. As [`match_reply`](Self::match_reply),
    /// but does not copy the request.
    fn take_ack(&mut self, cx: &mut Context<'_, Ring>, id: RequestId, from: Peer) {
        let is_forward = |kind: &Kind| matches!(kind, Kind::Forward { .. });
        if let Some(handle) = cx.find_request(id, from, is_forward) {
            self.record_reply(cx, handle, id, from);
            if self.phase != Phase::Member {
                self.on_bootstrap_ack(cx, handle, from);
            }
            cx.cancel(handle);
        }
    }

    /// Records what the reply `id` from `from` to the request at `handle` tells about loss, round trips
    /// and the peer.
    #[inline]
    fn record_reply(
        &mut self,
        cx: &mut Context<'_, Ring>,
        handle: RequestHandle,
        id: RequestId,
        from: Peer,
    ) {
        let Some(request) = cx.requests.at(handle) else { return };
        let round_trip = request.round_trip(id, cx.now);
        let is_spurious = id.attempt() < request.retries;
        let mut lost = id.attempt();
        if let Kind::Probe(Probe::Suspect) = request.kind {
            // The request before the ping was lost, too, unless the peer is just slow.
            let is_slow = round_trip.is_some_and(|it| it > self.hop_timeout(cx, 0));
            lost += u8::from(!is_slow);
        }
        self.loss.record(lost);
        if let Some(round_trip) = round_trip {
            self.round_trips.record(round_trip);
            self.record_neighbor(from, round_trip);
        }
        if is_spurious {
            cx.world.count_spurious();
        }
        self.heard = cx.now.into();
        self.note_alive(cx, from);
    }

    /// `peer` has proved that it is alive.
    pub(crate) fn note_alive(&mut self, cx: &mut Context<'_, Ring>, peer: Peer) {
        #[cfg(feature = "defects")]
        let stays_dead = self.has(crate::ring::Defect::AnsweredStaysDead)
            && self.suspects.is_dead(self.secret, peer, cx.now);
        #[cfg(not(feature = "defects"))]
        let stays_dead = false;
        if !stays_dead && self.suspects.remove(self.secret, peer, cx.now) == Some(Verdict::Dead) {
            cx.report(Event::Refuted { peer });
        }
        if self.predecessor.is_some_and(|predecessor| predecessor.is_same_destination(peer)) {
            self.predecessor_heard = cx.now.into();
            self.predecessor_silence = 0;
        }
    }

    /// Records a round trip to `peer` if it is the predecessor or the first successor.
    pub(crate) fn record_neighbor(&mut self, peer: Peer, round_trip: Duration) {
        let is_peer = |known: Option<Peer>| known.is_some_and(|it| it.is_same_destination(peer));
        if is_peer(self.predecessor) {
            self.predecessor_round_trips.record(round_trip);
        }
        if is_peer(self.successors.first()) {
            self.first_round_trips.record(round_trip);
        }
    }

    /// How long to wait for a reply of `peer`: by the round trips to this peer if it is a close
    /// neighbor, otherwise by those to all peers.
    pub(crate) fn timeout_for(&self, cx: &Context<'_, Ring>, peer: Peer, retries: u8) -> Duration {
        let is_peer = |known: Option<Peer>| known.is_some_and(|it| it.is_same_destination(peer));
        let known = match self.config.timeout {
            TimeoutPolicy::Fixed(_) => None,
            TimeoutPolicy::Adaptive if is_peer(self.predecessor) => {
                self.predecessor_round_trips.timeout()
            }
            TimeoutPolicy::Adaptive if is_peer(self.successors.first()) => {
                self.first_round_trips.timeout()
            }
            TimeoutPolicy::Adaptive => None,
        };
        let first = known.unwrap_or_else(|| self.round_trips.timeout(self.config.timeout));
        backed_off(self.with_allowance(cx, first), retries)
    }

    /// How long to wait for the acknowledgement of a hop after `retries` unanswered attempts.
    #[inline]
    pub(crate) fn hop_timeout(&self, cx: &Context<'_, Ring>, retries: u8) -> Duration {
        backed_off(self.with_allowance(cx, self.round_trips.timeout(self.config.timeout)), retries)
    }

    /// An adaptive `timeout`, and what it must allow for a late driver: a reply waits there and here.
    #[inline]
    fn with_allowance(&self, cx: &Context<'_, Ring>, timeout: Duration) -> Duration {
        match (self.config.timeout, cx.world.lag()) {
            (TimeoutPolicy::Fixed(_), _) | (_, Duration::ZERO) => timeout,
            (TimeoutPolicy::Adaptive, lag) => timeout + lag * 2,
        }
    }

    /// How long to wait for the reply of `peer` to a probe after `retries` unanswered attempts.
    pub(crate) fn probe_timeout(
        &self,
        cx: &Context<'_, Ring>,
        peer: Peer,
        retries: u8,
    ) -> Duration {
        let first = self.timeout_for(cx, peer, 0).max(MIN_PROBE_TIMEOUT);
        backed_off(first + cx.world.stall(), retries)
    }

    /// Pings `to`. Returns whether the ping was sent.
    pub(crate) fn ping(&self, cx: &mut Context<'_, Ring>, to: Peer, probe: Probe) -> bool {
        if to.address == self.me.address {
            return false;
        }
        let mut wait = self.probe_timeout(cx, to, 0);
        if probe == Probe::Rectify {
            wait = self.wait_for_stranger(cx, to, wait);
        }
        // What anyone can send in the name of `to` must not take more than the share of one source.
        let source = match probe {
            Probe::Rectify | Probe::Leaving(_) => Source::of(to.address),
            _ => Source::OWN,
        };
        let request = cx.request_for(source, to, Kind::Probe(probe), wait);
        if let Some(request) = request {
            self.send(cx, to, &Message::Ping { request });
        }
        request.is_some()
    }

    /// Notices that the node was stopped: its timer should have fired long ago.
    #[inline]
    fn notice_absence(&mut self, cx: &mut Context<'_, Ring>) {
        if cx.now.since(self.armed_at) > ABSENCE {
            self.come_back(cx);
        }
    }

    /// Arms the node's timer for the earliest of its deadlines.
    pub(crate) fn arm(&mut self, cx: &mut Context<'_, Ring>) {
        let next = self.stabilize_at.min(self.fix_at).min(self.predecessor_due(cx.now)).max(cx.now);
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
        let ids = self.config.ids;
        let keep = |peer| peer == first || !suspects.is_dead(secret, peer, now) && ids.allows(peer);
        if self.successors.first() != Some(first) {
            self.first_round_trips = PeerRoundTrips::default();
        }
        self.successors.adopt(self.me.id, first, its_list, keep);
        self.update_finger_boundary();
    }

    /// Whether a table contains this peer, with this identifier and address.
    pub(crate) fn knows(&self, peer: Peer) -> bool {
        self.predecessor == Some(peer)
            || self.successors.peers().contains(&peer)
            || self.fingers.contains(peer)
    }

    /// Whether a table contains a peer that messages to `peer` reach.
    pub(crate) fn knows_destination(&self, peer: Peer) -> bool {
        let is_it = |known: &Peer| known.is_same_destination(peer);
        self.predecessor.as_ref().is_some_and(is_it)
            || self.successors.peers().iter().any(is_it)
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

/// The timeout of an attempt after `retries` unanswered ones.
#[inline]
fn backed_off(first: Duration, retries: u8) -> Duration {
    if retries == 0 {
        return first;
    }
    first * (1 << retries.min(4)).min(MAX_BACKOFF)
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
        if !self.config.ids.allows(from) {
            cx.world.count_drop(FOREIGN_ID);
            return;
        }
        self.notice_absence(cx);
        // A joining node answers pings. A node outside the ring does not, so that its former
        // neighbors find that it has left.
        let silent = self.phase == Phase::Outside && matches!(message, Message::Ping { .. });
        let needs_member = matches!(
            message,
            Message::Neighbors { .. }
                | Message::Notify
                | Message::Adopted
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
                    // The peer receives messages at its address: it is alive.
                    self.note_alive(cx, from);
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
                if cx.requests.find(request).is_none() && self.is_departure(from, request) {
                    self.on_departure(cx, from, predecessor, successors);
                } else {
                    self.on_neighbors_reply(cx, request, from, predecessor, successors);
                }
            }
            Message::CookieReply { request, cookie, .. } => {
                self.on_cookie(cx, request, from, cookie);
            }
            Message::Notify => self.rectify(cx, from, false),
            Message::Adopted => self.on_adopted(cx, from),
            Message::Introduce { peer } => self.on_introduce(cx, from, peer),
            Message::Leave { predecessor, .. } => self.on_leave(cx, from, predecessor),
            Message::Lookup { request, lookup } => {
                let purpose = lookup.purpose;
                if self.answer_or_forward(cx, &lookup, Source::of(from.address)) {
                    self.send(cx, from, &Message::Ack { request, purpose });
                }
            }
            Message::Ack { request, .. } => {
                self.take_ack(cx, request, from);
            }
            Message::Answer { lookup, owner, under_suspicion, hops, timeouts, .. } => {
                let answer = Answer { owner, under_suspicion, hops, timeouts };
                self.on_answer(cx, lookup, from, answer);
            }
            Message::FindNext { request, purpose, key, limit, stage } => {
                self.on_find_next(cx, from, request, Wanted { purpose, key, limit, stage });
            }
            Message::FindNextReply { request, step, stage, under_suspicion, .. } => {
                self.on_find_next_reply(cx, request, from, step, stage, under_suspicion);
            }
            Message::Deliver { request, key, payload } => {
                self.on_deliver(cx, from, request, key, payload);
            }
            Message::Delivered { request } => self.on_delivered(cx, request, from),
        }
    }

    fn handle_timeout(&mut self, cx: &mut Context<'_, Ring>) {
        self.notice_absence(cx);
        self.armed_at = Time::NEVER;
        if cx.now >= self.stabilize_at {
            match self.phase {
                Phase::Joining => self.fail_join(cx),
                Phase::Outside | Phase::Visiting => self.stabilize_at = Time::NEVER,
                Phase::Member => self.begin_stabilize(cx),
            }
        }
        if cx.now >= self.fix_at {
            self.begin_fix_fingers(cx);
        }
        if cx.now >= self.predecessor_due(cx.now) {
            self.probe_predecessor(cx, None);
            if !self.probing_predecessor {
                // Too many requests are in flight. At once there will be no room either.
                self.predecessor_heard = cx.now.into();
            }
        }
        self.arm(cx);
    }

    fn handle_request_timeout(&mut self, cx: &mut Context<'_, Ring>, handle: RequestHandle) {
        let Some(&request) = cx.requests.at(handle) else { return };
        self.note_silent(cx, &request);
        if request.retries + 1 < self.attempts(&request) && self.retransmit(cx, handle, &request) {
            return;
        }
        cx.requests.remove(handle);
        match request.kind {
            Kind::Probe(probe) => self.on_probe_failed(cx, request.to, probe),
            Kind::Neighbors { reason, .. } => self.on_neighbors_failed(cx, request.to, reason),
            Kind::Forward { lookup, .. } => self.on_forward_failed(cx, &request, lookup),
            Kind::Origin(pending) => self.on_origin_timeout(cx, request, pending),
            Kind::Iterate(iteration) => self.on_find_next_failed(cx, request.to, iteration),
            Kind::Deliver(pending) => self.on_deliver_timeout(cx, request.to, pending),
            Kind::Visit(visit) => self.on_visit_over(cx, &visit),
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

    fn remove_departed(&mut self, cx: &mut Context<'_, Ring>, peer: Peer) {
        // A neighbor announces its departure itself, and names the nodes that follow.
        let is_neighbor = self.predecessor == Some(peer) || self.successors.first() == Some(peer);
        if is_neighbor {
            RingNode::suspect(self, cx, peer);
        } else if self.is_member() && self.knows(peer) {
            self.remove(cx, peer);
        }
    }

    fn sample(&mut self, cx: &mut Context<'_, Ring>, bootstraps: &[Peer], samples: u8) -> bool {
        self.visit(cx, bootstraps, samples, Aim::NameOwners);
        true
    }

    fn is_sampling(&self) -> bool {
        self.phase == Phase::Visiting
    }
}
