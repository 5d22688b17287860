//! Joining, leaving, and maintaining neighbors.
//!
//! A peer with too few neighbors sends a [`Seek`](Message::Seek) on a random walk. The peer at
//! which the walk ends offers to become a neighbor:
//!
//! ```text
//! a ── Seek ──▶ … ── Seek ──▶ b        the walk ends at b
//! a ◀──────────────── Connect ── b     a has room,
//! a ── Ping ───────────────────▶ b     and checks that b is alive:
//! a ◀──────────────────── Pong ── b    b is a neighbor of a
//! a ── Connected ──────────────▶ b     a is a neighbor of b
//! ```
//!
//! Neighbors are pinged, and removed if they do not answer. If only one of two peers considers the
//! other a neighbor, the other tells it as soon as it gets a message that only neighbors send.
//! A neighbor that is said to leave is asked again to become a neighbor: anyone who can forge a source
//! address can send its departure. It is removed if it refuses, or does not answer. Until then random walks
//! avoid it.
//!
//! **Invariant:** a peer becomes a neighbor only after it has answered. A link is cut only by the answer or
//! the silence of the neighbor. An address that has not answered gets at most one message for each message
//! that comes from it.

use core::time::Duration;

use crate::base::{Peer, Time};
use crate::flood::message::Message;
use crate::flood::neighbors::Neighbors;
use crate::flood::node::{FloodNode, Phase};
use crate::flood::protocol::Flood;
use crate::flood::request::{Kind, Probe, Request};
use crate::items::Event;
use crate::node::{Context, DropReason, RequestId};

/// A neighbor that does not answer this many pings, or offers after its departure was announced, is removed.
/// The timeout doubles each time.
const PROBE_ATTEMPTS: u8 = 3;
/// Hops of a [`Message::Seek`]: a random walk of this length ends almost anywhere.
const SEEK_TTL: u8 = 5;
/// Maximum number of [`Message::Seek`] sent in one round.
const SEEKS_PER_ROUND: usize = 4;
/// Mean time between two rounds of seeking neighbors. Doubles while none are found.
const SEEK_PERIOD: Duration = Duration::from_millis(500);
/// The time between rounds doubles at most this many times.
const MAX_BACKOFF: u8 = 4;
/// A join fails after this many rounds.
const JOIN_ROUNDS: u8 = 4;

impl FloodNode {
    /// Becomes a member with these neighbors, to which this peer must be given as a neighbor, too.
    /// If there are more than the configured maximum, makes room for them.
    ///
    /// # Panics
    ///
    /// If there are more than 65,534 neighbors.
    pub fn start_linked(&mut self, cx: &mut Context<'_, Flood>, neighbors: &[Peer]) {
        assert!(neighbors.len() < usize::from(u16::MAX), "a peer has fewer than 65,535 neighbors");
        let count = neighbors.len() as u16;
        if usize::from(count) > self.neighbors.capacity() {
            self.neighbors = Neighbors::new(count);
        }
        for &neighbor in neighbors {
            self.neighbors.insert(neighbor);
        }
        self.target_neighbors = count.max(1);
        self.begin_membership(cx);
        self.arm(cx);
    }

    /// Seeks neighbors through `bootstraps`, all of them at once. Ends in [`Event::Joined`] or
    /// [`Event::JoinFailed`].
    pub fn join(&mut self, cx: &mut Context<'_, Flood>, bootstraps: &[Peer]) {
        self.phase = Phase::Joining;
        bootstraps.iter().for_each(|&bootstrap| self.contacts.insert(bootstrap));
        self.seek_rounds = 0;
        self.seek(cx);
        self.arm(cx);
    }

    /// Leaves and announces it. The driver removes the node afterwards.
    pub fn leave(&mut self, cx: &mut Context<'_, Flood>) {
        for neighbor in self.neighbors.iter() {
            self.send(cx, neighbor, &Message::Leave);
        }
        self.neighbors.clear();
        self.phase = Phase::Outside;
        (self.ping_at, self.seek_at) = (Time::NEVER, Time::NEVER);
        self.arm(cx);
    }

    pub(crate) fn ping_neighbors(&mut self, cx: &mut Context<'_, Flood>) {
        self.ping_at = match self.config.ping {
            Some(period) => cx.now + cx.rng.jitter(period),
            None => Time::NEVER,
        };
        for neighbor in self.neighbors.iter() {
            self.ping(cx, neighbor, 0, Probe::Neighbor);
        }
    }

    /// Starts the next round of seeking neighbors, or fails the join.
    pub(crate) fn seek_again(&mut self, cx: &mut Context<'_, Flood>) {
        if self.phase == Phase::Joining && self.seek_rounds >= JOIN_ROUNDS {
            self.phase = Phase::Outside;
            self.seek_at = Time::NEVER;
            cx.report(Event::JoinFailed);
        } else {
            self.seek(cx);
        }
    }

    /// Forwards a walk of a peer that seeks neighbors, or offers to become one.
    pub(crate) fn on_seek(
        &mut self,
        cx: &mut Context<'_, Flood>,
        from: Peer,
        origin: Peer,
        ttl: u8,
    ) {
        if !self.is_member() {
            return cx.world.count_drop(DropReason::NotMember);
        }
        if origin.address == self.me().address || origin.id == self.me().id {
            return cx.world.count_drop(DropReason::FromSelf); // The walk has returned to its origin.
        }
        if from != origin && !self.neighbors.contains(from) {
            return self.reject_stranger(cx, from);
        }
        self.contacts.insert(origin);
        let ttl = ttl.min(SEEK_TTL);
        let onward = |neighbor: Peer| {
            !neighbor.is_same_destination(from) && !neighbor.is_same_destination(origin)
        };
        let next = self.neighbors.random(cx.rng, onward).filter(|_| ttl > 1);
        if let Some(next) = next {
            self.send(cx, next, &Message::Seek { origin, ttl: ttl - 1 });
        } else if self.neighbors.is_full() {
            cx.world.count_drop(DropReason::Overload);
        } else if !self.neighbors.contains(origin) && cx.has_room_for_others() {
            self.connect(cx, origin, 0);
        }
    }

    /// Handles the offer of a peer to become a neighbor.
    pub(crate) fn on_connect(
        &mut self,
        cx: &mut Context<'_, Flood>,
        from: Peer,
        request: RequestId,
    ) {
        if self.neighbors.contains(from) {
            self.send(cx, from, &Message::Connected { request, accepted: true });
        } else if self.neighbors.is_full() {
            // No reply: it would be longer than the offer.
            cx.world.count_drop(DropReason::Overload);
        } else if cx.has_room_for_others() {
            self.ping(cx, from, 0, Probe::Candidate(request));
        }
    }

    pub(crate) fn on_connected(
        &mut self,
        cx: &mut Context<'_, Flood>,
        from: Peer,
        request: RequestId,
        accepted: bool,
    ) {
        let is_offer = |kind: &Kind| matches!(kind, Kind::Connect);
        let offer = cx.match_reply(request, from, is_offer);
        let linked = match offer.filter(|offer| offer.to == from) {
            Some(offer) if accepted => self.admit(cx, offer.to),
            Some(offer) if self.neighbors.is_leaving(offer.to) => {
                self.remove_neighbor(cx, offer.to);
                false
            }
            _ => self.neighbors.contains(from),
        };
        // There is no room any more, or the reply matches no offer: the other peer must know.
        if accepted && !linked {
            self.send(cx, from, &Message::Leave);
        }
    }

    pub(crate) fn on_connect_timeout(&mut self, cx: &mut Context<'_, Flood>, offer: &Request) {
        // Offers to other peers are not repeated: it may not be they who seek neighbors.
        if !self.is_member() || !self.neighbors.is_leaving(offer.to) {
            return;
        }
        if offer.retries + 1 < PROBE_ATTEMPTS {
            self.ask_whether_it_leaves(cx, offer.to, offer.retries + 1);
        } else {
            self.remove_neighbor(cx, offer.to);
        }
    }

    pub(crate) fn on_pong(&mut self, cx: &mut Context<'_, Flood>, id: RequestId, from: Peer) {
        let is_probe = |kind: &Kind| matches!(kind, Kind::Probe(_));
        let Some(probe) = cx.match_reply(id, from, is_probe) else { return };
        self.transfers.record(cx.now.since(probe.sent_at));
        // A message reaches its receiver by the first bits of the identifier. As a neighbor under another
        // name, it would get every search twice, and hits could go round in circles.
        if probe.to != from {
            return;
        }
        if let Kind::Probe(Probe::Candidate(request)) = probe.kind {
            let accepted = self.admit(cx, probe.to);
            self.send(cx, probe.to, &Message::Connected { request, accepted });
        }
    }

    pub(crate) fn on_probe_timeout(
        &mut self,
        cx: &mut Context<'_, Flood>,
        probe: &Request,
        reason: Probe,
    ) {
        if let Probe::Candidate(_) = reason {
            // The peer repeats its offer, or others make one. If all of them are far away, the
            // timeout must grow.
            return self.transfers.record_timeout();
        }
        if !self.neighbors.contains(probe.to) {
            return;
        }
        if probe.retries + 1 < PROBE_ATTEMPTS {
            self.ping(cx, probe.to, probe.retries + 1, reason);
        } else {
            self.remove_neighbor(cx, probe.to);
        }
    }

    pub(crate) fn on_leave(&mut self, cx: &mut Context<'_, Flood>, from: Peer) {
        if !self.neighbors.contains(from) {
            cx.world.count_drop(DropReason::UnknownPeer);
        } else if !self.neighbors.is_leaving(from) && cx.has_room_for_others() {
            self.ask_whether_it_leaves(cx, from, 0);
        }
    }

    /// Asks a neighbor that is said to leave to become a neighbor again.
    fn ask_whether_it_leaves(&mut self, cx: &mut Context<'_, Flood>, peer: Peer, retries: u8) {
        let is_asked = self.connect(cx, peer, retries);
        self.neighbors.set_leaving(peer, is_asked);
    }

    /// Adds `peer`, which has answered, as a neighbor. Returns whether it is one now.
    fn admit(&mut self, cx: &mut Context<'_, Flood>, peer: Peer) -> bool {
        if self.phase == Phase::Outside {
            return false;
        }
        if !self.neighbors.insert(peer) {
            self.neighbors.set_leaving(peer, false);
            return self.neighbors.contains(peer);
        }
        self.seek_rounds = 0;
        if self.neighbors.len() >= self.target_neighbors.into() {
            self.seek_at = Time::NEVER;
        }
        if self.phase == Phase::Joining {
            self.begin_membership(cx);
            cx.report(Event::Joined);
        }
        self.arm(cx);
        true
    }

    fn remove_neighbor(&mut self, cx: &mut Context<'_, Flood>, neighbor: Peer) {
        self.neighbors.remove(neighbor);
        self.former_neighbors.insert(neighbor);
        let repairs = self.config.ping.is_some() && self.is_member();
        if repairs
            && self.neighbors.len() < self.target_neighbors.into()
            && self.seek_at == Time::NEVER
        {
            self.seek_rounds = 0;
            self.seek_at = cx.now + cx.rng.jitter(SEEK_PERIOD);
            self.arm(cx);
        }
    }

    fn begin_membership(&mut self, cx: &mut Context<'_, Flood>) {
        self.phase = Phase::Member;
        if let Some(period) = self.config.ping {
            self.ping_at = cx.now + cx.rng.jitter(period);
        }
    }

    /// Sends as many walks as neighbors are missing. A peer without neighbors sends them to former
    /// neighbors and to other contacts, in turn.
    fn seek(&mut self, cx: &mut Context<'_, Flood>) {
        let missing = usize::from(self.target_neighbors).saturating_sub(self.neighbors.len());
        let seek_message = Message::Seek { origin: self.me(), ttl: SEEK_TTL };
        for _ in 0..missing.min(SEEKS_PER_ROUND) {
            let [first, second] = match self.seek_rounds % 2 {
                0 => [&self.contacts, &self.former_neighbors],
                _ => [&self.former_neighbors, &self.contacts],
            };
            let via = self.neighbors.random(cx.rng, |_| true);
            if let Some(via) =
                via.or_else(|| first.random(cx.rng)).or_else(|| second.random(cx.rng))
            {
                self.send(cx, via, &seek_message);
            }
        }
        let period = SEEK_PERIOD * (1 << self.seek_rounds.min(MAX_BACKOFF));
        self.seek_rounds = self.seek_rounds.saturating_add(1);
        self.seek_at = if missing == 0 { Time::NEVER } else { cx.now + cx.rng.jitter(period) };
    }

    fn ping(&self, cx: &mut Context<'_, Flood>, to: Peer, retries: u8, reason: Probe) {
        let wait = self.probe_timeout(retries);
        if let Some(request) = cx.request(to, retries, Kind::Probe(reason), wait) {
            self.send(cx, to, &Message::Ping { request });
        }
    }

    /// Offers to become a neighbor. Returns whether there was room for the request.
    fn connect(&self, cx: &mut Context<'_, Flood>, to: Peer, retries: u8) -> bool {
        // The reply takes two round trips.
        let wait = self.probe_timeout(retries) * 2;
        let request = cx.request(to, retries, Kind::Connect, wait);
        if let Some(request) = request {
            self.send(cx, to, &Message::Connect { request });
        }
        request.is_some()
    }
}
