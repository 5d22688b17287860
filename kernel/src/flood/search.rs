//! Flooding: searches go from neighbor to neighbor, hits return along the reverse path.
//!
//! ```text
//! origin ── Search ttl 3 ──▶ a ── ttl 2 ──▶ b ── ttl 1 ──▶ c    b has it
//!        ◀───── SearchHit ── a ◀─ SearchHit ─ b
//! ```
//!
//! The origin searches only other peers; its own holdings do not count as an answer.
//!
//! The sender of a search can be forged, and then the reverse paths of some peers can form a circle. So the
//! hits of one search that a peer forwards are counted.
//!
//! **Invariant:** a peer handles each search once. A hit is forwarded to at most one peer, and
//! never back to its sender. A peer forwards a bounded number of hits of a search.

use crate::base::Peer;
use crate::flood::config::Strategy;
use crate::flood::message::Message;
use crate::flood::neighbors::NeighborHandle;
use crate::flood::node::FloodNode;
use crate::flood::protocol::{Flood, NO_WAY_BACK};
use crate::flood::request::{Kind, PendingSearch};
use crate::flood::seen::SearchStatus;
use crate::items::{Event, Found, Hit, Query};
use crate::node::{Context, DropReason, RequestId};

impl FloodNode {
    /// Searches the overlay. Ends in [`Event::Found`] with the first hit or, after the configured
    /// deadline, in [`Event::NotFound`]; both carry `token`. After the former see
    /// [`Transfers::fetch`](crate::items::Transfers::fetch).
    ///
    /// Returns whether the search was started. It is refused if too many requests are in flight,
    /// too many searches are remembered, or the peer is not a member.
    pub fn ask(&mut self, cx: &mut Context<'_, Flood>, query: Query, token: u64) -> bool {
        let deadline = cx.now + self.config.deadline;
        self.is_member() && self.begin_round(cx, PendingSearch { token, query, deadline, round: 0 })
    }

    /// Handles a new search: answers it and forwards it to the other neighbors.
    pub(crate) fn on_search(
        &mut self,
        cx: &mut Context<'_, Flood>,
        from: Peer,
        search: RequestId,
        query: Query,
        ttl: u8,
        hops: u8,
    ) {
        let Some(source) = self.neighbors.handle_of(from) else {
            return self.reject_stranger(cx, from);
        };
        let SearchStatus::New(free) = self.seen.look_up(search, cx.now) else {
            return cx.world.count_drop(DropReason::Overload);
        };
        self.seen.remember(free, search, source, cx.now + self.config.remember);
        self.answer(cx, from, search, &query, hops.into());
        let ttl = ttl.min(self.config.ttl());
        if ttl > 1 {
            let (ttl, hops) = (ttl - 1, hops.saturating_add(1));
            self.flood(cx, &Message::Search { search, query, ttl, hops }, Some(from));
        }
    }

    /// Sends the best match in this peer's holdings to `back`, the sender of the search. Returns
    /// whether there is one.
    pub(crate) fn answer(
        &self,
        cx: &mut Context<'_, Flood>,
        back: Peer,
        search: RequestId,
        query: &Query,
        hops: u16,
    ) -> bool {
        let Some(name) = self.transfers.holdings().best(query) else { return false };
        let hit = Hit { holder: self.me(), name };
        self.send(cx, back, &Message::SearchHit { search, hit, hops });
        true
    }

    /// Sends a hit back the way of its search, as long as there are few.
    pub(crate) fn on_hit(
        &mut self,
        cx: &mut Context<'_, Flood>,
        from: Peer,
        search: RequestId,
        hit: Hit,
        hops: u16,
    ) {
        if !self.neighbors.contains(from) {
            return self.reject_stranger(cx, from);
        }
        let source = self.seen.source_of(search, cx.now);
        if source == Some(NeighborHandle::SELF) {
            return self.on_own_hit(cx, search, hit, hops);
        }
        let back = source.and_then(|handle| self.neighbors.peer_at(handle));
        match back.filter(|back| !back.is_same_destination(from)) {
            Some(back) if self.seen.count_hit(search, cx.now) => {
                self.send(cx, back, &Message::SearchHit { search, hit, hops });
            }
            Some(_) => cx.world.count_drop(DropReason::Overload),
            None => cx.world.count_drop(NO_WAY_BACK),
        }
    }

    /// Whether `search` is a search of this peer that still waits for its first hit.
    pub(crate) fn is_searching(&self, cx: &Context<'_, Flood>, search: RequestId) -> bool {
        let request =
            cx.own_requests().find(search).and_then(|handle| cx.own_requests().at(handle));
        request.is_some_and(|request| {
            request.node == cx.node && matches!(request.kind, Kind::Search(_))
        })
    }

    /// A round has ended without a hit: starts the next round, or fails the search.
    pub(crate) fn on_round_over(&mut self, cx: &mut Context<'_, Flood>, pending: PendingSearch) {
        let (_, is_last) = self.config.ttl_of_round(pending.round);
        let next = PendingSearch { round: pending.round.saturating_add(1), ..pending };
        let goes_on = !is_last && cx.now < pending.deadline && self.is_member();
        if !(goes_on && self.begin_round(cx, next)) {
            cx.report(Event::NotFound { token: pending.token, timeouts: 0 });
        }
    }

    /// The first hit answers the query; later ones match no request.
    fn on_own_hit(&mut self, cx: &mut Context<'_, Flood>, search: RequestId, hit: Hit, hops: u16) {
        let me = self.me();
        let is_answer = |kind: &Kind| match kind {
            Kind::Search(pending) => pending.query.score(hit.name.as_bytes()).is_some(),
            _ => false,
        };
        // Only this peer itself can hold items at its address.
        if hit.holder.address == me.address {
            return cx.world.count_drop(DropReason::Unmatched);
        }
        let Some(request) = cx.match_reply(search, me, is_answer) else { return };
        let Kind::Search(pending) = request.kind else { return };
        self.contacts.insert(hit.holder);
        let token = pending.token;
        let found = Found { token, best: Some(hit), hits: 1, hops, timeouts: 0 };
        cx.report(Event::Found(found));
        cx.carry(|cx| self.transfers.fetch(cx, token, [hit]));
    }

    /// Starts a round. Each round is a new search with its own identifier, so that peers that saw
    /// the last round search again.
    fn begin_round(&mut self, cx: &mut Context<'_, Flood>, pending: PendingSearch) -> bool {
        let (ttl, is_last) = self.config.ttl_of_round(pending.round);
        let left = pending.deadline.since(cx.now);
        let wait = match self.config.strategy {
            Strategy::ExpandingRing { round_wait } if !is_last => left.min(round_wait),
            _ => left,
        };
        let me = self.me();
        let kind = Kind::Search(pending);
        let Some(search) = cx.request(me, 0, kind, wait) else { return false };
        let SearchStatus::New(free) = self.seen.look_up(search, cx.now) else {
            cx.match_reply(search, me, |_| true);
            cx.world.count_drop(DropReason::Overload);
            return false;
        };
        self.seen.remember(free, search, NeighborHandle::SELF, cx.now + self.config.remember);
        let query = pending.query;
        match self.config.strategy {
            Strategy::RandomWalk { walkers, .. } => self.begin_walk(cx, search, query, walkers),
            _ => self.flood(cx, &Message::Search { search, query, ttl, hops: 1 }, None),
        }
        true
    }

    fn flood(&self, cx: &mut Context<'_, Flood>, message: &Message<'_>, but: Option<Peer>) {
        let is_peer = |it: Option<Peer>, peer| it.is_some_and(|it| it.is_same_destination(peer));
        for neighbor in self.neighbors.iter().filter(|&neighbor| !is_peer(but, neighbor)) {
            self.send(cx, neighbor, message);
        }
    }
}
