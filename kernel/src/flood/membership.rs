//! Coming, going, and keeping neighbors.
//!
//! Who has too few neighbors lets a [`Meet`](Message::Meet) walk at random; where it ends, somebody
//! offers to be one:
//!
//! ```text
//! a ── Meet ──▶ … ── Meet ──▶ b        b is where it ends
//! a ◀──────────────── Connect ── b     a has room,
//! a ── Ping ───────────────────▶ b     but has to see that b is there:
//! a ◀──────────────────── Pong ── b    b is a neighbor of a
//! a ── Connected ──────────────▶ b     a is a neighbor of b
//! ```
//!
//! Neighbors are pinged, and who does not answer is one no longer. If one of two no longer holds the
//! other to be a neighbor, it says so when the other behaves like one. A departure is believed if it
//! comes from the neighbor's address, so forged ones cut links, and enough of them can split an overlay
//! into parts that have all the neighbors they look for.
//!
//! **Invariant:** a peer becomes a neighbor only after it has answered; nobody is asked more than
//! one message for each that comes from there.

use core::time::Duration;

use crate::base::{Peer, Time};
use crate::flood::message::Message;
use crate::flood::neighbors::Neighbors;
use crate::flood::node::{FloodNode, Phase};
use crate::flood::protocol::Flood;
use crate::flood::request::{Kind, Probe, Request};
use crate::items::Event;
use crate::node::{Context, DropReason, RequestId};

/// Pings of a neighbor before it is held to be dead; the wait doubles each time.
const PROBE_ATTEMPTS: u8 = 3;
/// An offer is made so often.
const CONNECT_ATTEMPTS: u8 = 2;
/// Transfers of a [`Message::Meet`]: a random walk this long ends almost anywhere.
const MEET_TTL: u8 = 5;
/// Of those, sent at a time.
const MEETS: usize = 4;
/// Mean time between two rounds of looking for neighbors. It doubles while nobody is found.
const SEEK_PERIOD: Duration = Duration::from_millis(500);
/// It doubles at most this often.
const MAX_BACKOFF: u8 = 4;
/// Rounds after which a join has failed.
const JOIN_ROUNDS: u8 = 4;

impl FloodNode {
    /// Takes part from now on, with these neighbors, who must be given this one. Room is made here
    /// if they are more than the configured maximum.
    ///
    /// # Panics
    ///
    /// If they are more than 65,534.
    pub fn start_linked(&mut self, cx: &mut Context<'_, Flood>, neighbors: &[Peer]) {
        assert!(neighbors.len() < usize::from(u16::MAX), "a peer has fewer than 65,535 neighbors");
        let count = neighbors.len() as u16;
        if usize::from(count) > self.neighbors.capacity() {
            self.neighbors = Neighbors::new(count);
        }
        for &neighbor in neighbors {
            self.neighbors.insert(neighbor);
        }
        self.wanted = count.max(1);
        self.begin_membership(cx);
        self.arm(cx);
    }

    /// Looks for neighbors among those whom `bootstrap` can reach. Ends in [`Event::Joined`] or
    /// [`Event::JoinFailed`].
    pub fn join(&mut self, cx: &mut Context<'_, Flood>, bootstrap: Peer) {
        self.phase = Phase::Joining;
        self.heard.insert(bootstrap);
        self.seeks = 0;
        self.seek(cx);
        self.arm(cx);
    }

    /// Leaves and says so. The driver removes the node afterwards.
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

    /// The time of a round of looking for neighbors is over.
    pub(crate) fn seek_again(&mut self, cx: &mut Context<'_, Flood>) {
        if self.phase == Phase::Joining && self.seeks >= JOIN_ROUNDS {
            self.phase = Phase::Outside;
            self.seek_at = Time::NEVER;
            cx.report(Event::JoinFailed);
        } else {
            self.seek(cx);
        }
    }

    /// Somebody looks for neighbors.
    pub(crate) fn on_meet(
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
            return cx.world.count_drop(DropReason::FromSelf); // It has come back.
        }
        if from != origin && !self.neighbors.contains(from) {
            return self.refuse(cx, from);
        }
        self.heard.insert(origin);
        let ttl = ttl.min(MEET_TTL);
        let onward = |neighbor| neighbor != from && neighbor != origin;
        let next = self.neighbors.any(cx.rng, onward).filter(|_| ttl > 1);
        if let Some(next) = next {
            self.send(cx, next, &Message::Meet { origin, ttl: ttl - 1 });
        } else if self.neighbors.is_full() {
            cx.world.count_drop(DropReason::Overload);
        } else if !self.neighbors.contains(origin) && cx.has_room_for_others() {
            self.connect(cx, origin, 0);
        }
    }

    /// Somebody offers to be a neighbor.
    pub(crate) fn on_connect(
        &mut self,
        cx: &mut Context<'_, Flood>,
        from: Peer,
        request: RequestId,
    ) {
        let accepted = self.neighbors.contains(from);
        if accepted || self.neighbors.is_full() {
            self.send(cx, from, &Message::Connected { request, accepted });
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
        let linked = match offer {
            Some(offer) if accepted => self.admit(cx, offer.to),
            _ => self.neighbors.contains(from),
        };
        // There is no more room, or it was nobody's offer: the other end has to know.
        if accepted && !linked {
            self.send(cx, from, &Message::Leave);
        }
    }

    pub(crate) fn on_connect_timeout(&mut self, cx: &mut Context<'_, Flood>, offer: &Request) {
        if offer.retries + 1 < CONNECT_ATTEMPTS && self.is_member() {
            self.connect(cx, offer.to, offer.retries + 1);
        }
    }

    pub(crate) fn on_pong(&mut self, cx: &mut Context<'_, Flood>, id: RequestId, from: Peer) {
        let is_probe = |kind: &Kind| matches!(kind, Kind::Probe(_));
        let Some(probe) = cx.match_reply(id, from, is_probe) else { return };
        self.transfers.record(cx.now.since(probe.sent_at));
        if let Kind::Probe(Probe::Candidate(request)) = probe.kind {
            let accepted = self.admit(cx, probe.to);
            self.send(cx, probe.to, &Message::Connected { request, accepted });
        }
    }

    pub(crate) fn on_probe_timeout(
        &mut self,
        cx: &mut Context<'_, Flood>,
        probe: &Request,
        why: Probe,
    ) {
        if let Probe::Candidate(_) = why {
            // It makes its offer again, or others do: if all of them are that far away, more time
            // than at first has to be given.
            return self.transfers.record_timeout();
        }
        if !self.neighbors.contains(probe.to) {
            return;
        }
        if probe.retries + 1 < PROBE_ATTEMPTS {
            self.ping(cx, probe.to, probe.retries + 1, why);
        } else {
            self.lose(cx, probe.to);
        }
    }

    pub(crate) fn on_leave(&mut self, cx: &mut Context<'_, Flood>, from: Peer) {
        if self.neighbors.contains(from) {
            self.lose(cx, from);
            // A departure may be forged: whoever has not left hears that the link is no more.
            self.send(cx, from, &Message::Leave);
        } else {
            cx.world.count_drop(DropReason::UnknownPeer);
        }
    }

    /// Makes `peer`, who has answered, a neighbor; false if it cannot be one.
    fn admit(&mut self, cx: &mut Context<'_, Flood>, peer: Peer) -> bool {
        if self.phase == Phase::Outside {
            return false;
        }
        if !self.neighbors.insert(peer) {
            return self.neighbors.contains(peer);
        }
        self.seeks = 0;
        if self.neighbors.len() >= self.wanted.into() {
            self.seek_at = Time::NEVER;
        }
        if self.phase == Phase::Joining {
            self.begin_membership(cx);
            cx.report(Event::Joined);
        }
        self.arm(cx);
        true
    }

    fn lose(&mut self, cx: &mut Context<'_, Flood>, neighbor: Peer) {
        self.neighbors.remove(neighbor);
        self.former.insert(neighbor);
        let repairs = self.config.ping.is_some() && self.is_member();
        if repairs && self.neighbors.len() < self.wanted.into() && self.seek_at == Time::NEVER {
            self.seeks = 0;
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

    /// Sends out as many walks as neighbors are missing. Who has none left turns to those it had, and
    /// to others it heard of, by turns.
    fn seek(&mut self, cx: &mut Context<'_, Flood>) {
        let missing = usize::from(self.wanted).saturating_sub(self.neighbors.len());
        let meet = Message::Meet { origin: self.me(), ttl: MEET_TTL };
        for _ in 0..missing.min(MEETS) {
            let [first, second] = match self.seeks % 2 {
                0 => [&self.heard, &self.former],
                _ => [&self.former, &self.heard],
            };
            let via = self.neighbors.any(cx.rng, |_| true);
            if let Some(via) = via.or_else(|| first.any(cx.rng)).or_else(|| second.any(cx.rng)) {
                self.send(cx, via, &meet);
            }
        }
        let period = SEEK_PERIOD * (1 << self.seeks.min(MAX_BACKOFF));
        self.seeks = self.seeks.saturating_add(1);
        self.seek_at = if missing == 0 { Time::NEVER } else { cx.now + cx.rng.jitter(period) };
    }

    fn ping(&self, cx: &mut Context<'_, Flood>, to: Peer, retries: u8, why: Probe) {
        let wait = self.probe_timeout(retries);
        if let Some(request) = cx.request(to, retries, Kind::Probe(why), wait) {
            self.send(cx, to, &Message::Ping { request });
        }
    }

    fn connect(&self, cx: &mut Context<'_, Flood>, to: Peer, retries: u8) {
        // The reply takes two round trips.
        let wait = self.probe_timeout(retries) * 2;
        if let Some(request) = cx.request(to, retries, Kind::Connect, wait) {
            self.send(cx, to, &Message::Connect { request });
        }
    }
}
