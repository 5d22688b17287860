//! Flooding: a search goes from neighbor to neighbor, hits come back the way it came.
//!
//! ```text
//! origin ── Search ttl 3 ──▶ a ── ttl 2 ──▶ b ── ttl 1 ──▶ c    b has it
//!        ◀───── SearchHit ── a ◀─ SearchHit ─ b
//! ```
//!
//! The origin asks others only: what is on its own holdings is no answer.
//!
//! **Invariant:** a peer takes up a search once; a hit is sent on to one peer or to none, never back
//! to whom it came from.

use crate::base::Peer;
use crate::flood::config::Strategy;
use crate::flood::message::Message;
use crate::flood::neighbors::Way;
use crate::flood::node::FloodNode;
use crate::flood::protocol::{Flood, NO_WAY_BACK};
use crate::flood::request::{Kind, OwnSearch};
use crate::flood::seen::Known;
use crate::items::{Event, Found, Hit, Query};
use crate::node::{Context, DropReason, RequestId};

impl FloodNode {
    /// Searches among the other peers. Ends in [`Event::Found`] with the first hit, after which the
    /// item is fetched if items are, or, after the configured deadline, [`Event::NotFound`];
    /// either of them with `token`.
    ///
    /// Returns whether it was begun; it is not if too many requests are in flight or too many
    /// searches remembered, or this peer takes no part.
    pub fn ask(&mut self, cx: &mut Context<'_, Flood>, query: Query, token: u64) -> bool {
        let deadline = cx.now + self.config.deadline;
        self.is_member() && self.begin_round(cx, OwnSearch { token, query, deadline, round: 0 })
    }

    /// A neighbor, or who says so, sends a search that was not seen before.
    pub(crate) fn on_search(
        &mut self,
        cx: &mut Context<'_, Flood>,
        from: Peer,
        search: RequestId,
        query: Query,
        ttl: u8,
        hops: u8,
    ) {
        let Some(way) = self.neighbors.way_to(from) else { return self.refuse(cx, from) };
        let Known::New(place) = self.seen.look_up(search, cx.now) else {
            return cx.world.count_drop(DropReason::Overload);
        };
        self.seen.remember(place, search, way, cx.now + self.config.remember);
        self.answer(cx, from, search, &query, hops.into());
        let ttl = ttl.min(self.config.ttl());
        if ttl > 1 {
            let (ttl, hops) = (ttl - 1, hops.saturating_add(1));
            self.flood(cx, &Message::Search { search, query, ttl, hops }, Some(from));
        }
    }

    /// Tells `back`, who sent the search, what fits here; whether anything does.
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

    pub(crate) fn on_hit(
        &mut self,
        cx: &mut Context<'_, Flood>,
        from: Peer,
        search: RequestId,
        hit: Hit,
        hops: u16,
    ) {
        if !self.neighbors.contains(from) {
            return self.refuse(cx, from);
        }
        let way = self.seen.way_of(search, cx.now);
        if way == Some(Way::OWN) {
            return self.on_own_hit(cx, search, hit, hops);
        }
        match way.and_then(|way| self.neighbors.follow(way)).filter(|&back| back != from) {
            Some(back) => self.send(cx, back, &Message::SearchHit { search, hit, hops }),
            None => cx.world.count_drop(NO_WAY_BACK),
        }
    }

    /// Whether this search of this peer's own still waits for its first hit.
    pub(crate) fn is_searching(&self, cx: &Context<'_, Flood>, search: RequestId) -> bool {
        let request =
            cx.own_requests().find(search).and_then(|handle| cx.own_requests().at(handle));
        request.is_some_and(|request| {
            request.node == cx.node && matches!(request.kind, Kind::Search(_))
        })
    }

    /// The time of a round is over without a hit.
    pub(crate) fn on_round_over(&mut self, cx: &mut Context<'_, Flood>, own: OwnSearch) {
        let (_, is_last) = self.config.ttl_of_round(own.round);
        let next = OwnSearch { round: own.round.saturating_add(1), ..own };
        let goes_on = !is_last && cx.now < own.deadline && self.is_member();
        if !(goes_on && self.begin_round(cx, next)) {
            cx.report(Event::NotFound { token: own.token, timeouts: 0 });
        }
    }

    /// The first hit answers the query; those after it find no request.
    fn on_own_hit(&mut self, cx: &mut Context<'_, Flood>, search: RequestId, hit: Hit, hops: u16) {
        let me = self.me();
        let is_answer = |kind: &Kind| match kind {
            Kind::Search(own) => own.query.score(hit.name.as_bytes()).is_some(),
            _ => false,
        };
        // Nobody else can have what this peer has.
        if hit.holder.address == me.address {
            return cx.world.count_drop(DropReason::Unmatched);
        }
        let Some(request) = cx.match_reply(search, me, is_answer) else { return };
        let Kind::Search(own) = request.kind else { return };
        self.heard.insert(hit.holder);
        let token = own.token;
        let found = Found { token, best: Some(hit), hits: 1, hops, timeouts: 0 };
        cx.report(Event::Found(found));
        cx.carry(|cx| self.transfers.fetch(cx, token, [hit]));
    }

    /// Each round is a search of its own name, so that those who saw the last one look again.
    fn begin_round(&mut self, cx: &mut Context<'_, Flood>, own: OwnSearch) -> bool {
        let (ttl, is_last) = self.config.ttl_of_round(own.round);
        let left = own.deadline.since(cx.now);
        let wait = match self.config.strategy {
            Strategy::ExpandingRing { round_wait } if !is_last => left.min(round_wait),
            _ => left,
        };
        let me = self.me();
        let kind = Kind::Search(own);
        let Some(search) = cx.request(me, 0, kind, wait) else { return false };
        let Known::New(place) = self.seen.look_up(search, cx.now) else {
            cx.match_reply(search, me, |_| true);
            cx.world.count_drop(DropReason::Overload);
            return false;
        };
        self.seen.remember(place, search, Way::OWN, cx.now + self.config.remember);
        let query = own.query;
        match self.config.strategy {
            Strategy::RandomWalk { walkers, .. } => self.begin_walk(cx, search, query, walkers),
            _ => self.flood(cx, &Message::Search { search, query, ttl, hops: 1 }, None),
        }
        true
    }

    fn flood(&self, cx: &mut Context<'_, Flood>, message: &Message<'_>, but: Option<Peer>) {
        for neighbor in self.neighbors.iter().filter(|&neighbor| Some(neighbor) != but) {
            self.send(cx, neighbor, message);
        }
    }
}
