//! Random walks: walkers carry a search from neighbor to neighbor, and ask its origin now and then
//! whether they are still wanted.
//!
//! A walker is nothing but its message. Who holds it while it asks keeps nothing, and learns from
//! the reply itself how far it has come.
//!
//! **Invariant:** each step costs a walker one of its TTL; who is no neighbor can make a walker take
//! the steps between two checks, and no more.

use crate::base::Peer;
use crate::flood::message::{Message, Walk, WalkStage};
use crate::flood::neighbors::Way;
use crate::flood::node::FloodNode;
use crate::flood::protocol::Flood;
use crate::flood::seen::Known;
use crate::items::Query;
use crate::node::{Context, DropReason, RequestId};

impl FloodNode {
    /// Sends out the walkers of this peer's own search, evenly over its neighbors; which of them get
    /// one more than others is drawn (selection sampling: Knuth, TAOCP 3.4.2, algorithm S).
    pub(crate) fn begin_walk(
        &self,
        cx: &mut Context<'_, Flood>,
        search: RequestId,
        query: Query,
        walkers: u16,
    ) {
        let walk = Walk { query, origin: self.me(), ttl: self.config.walk_ttl(), hops: 1 };
        let count = self.neighbors.len() as u64;
        let each = u64::from(walkers).checked_div(count).unwrap_or(0);
        let mut extra = u64::from(walkers) - each * count;
        for (neighbor, left) in self.neighbors.iter().zip((1..=count).rev()) {
            let one_more = cx.rng.below(left) < extra;
            extra -= u64::from(one_more);
            for _ in 0..each + u64::from(one_more) {
                let stage = WalkStage::Steps;
                self.send(cx, neighbor, &Message::Walk { search, walk, stage });
            }
        }
    }

    /// A walker has come. It is answered at its search's first visit; if there is an answer, it ends.
    pub(crate) fn on_walker(
        &mut self,
        cx: &mut Context<'_, Flood>,
        from: Peer,
        search: RequestId,
        walk: Walk,
    ) {
        let Some(way) = self.neighbors.way_to(from) else { return self.refuse(cx, from) };
        match self.seen.look_up(search, cx.now) {
            Known::New(place) => {
                self.seen.remember(place, search, way, cx.now + self.config.remember);
                if self.answer(cx, from, search, &walk.query, walk.hops) {
                    return;
                }
            }
            // Back at its origin, which need not be asked by message.
            Known::Seen(Way::OWN) => {
                if self.is_searching(cx, search) {
                    self.step(cx, search, walk, Some(from));
                }
                return;
            }
            Known::Seen(_) => {}
            Known::NoRoom => return cx.world.count_drop(DropReason::Overload),
        }
        if !walk.hops.is_multiple_of(self.config.check_every()) {
            self.step(cx, search, walk, Some(from));
        } else if walk.origin.address == self.me().address {
            cx.world.count_drop(DropReason::Unmatched); // It is not this peer's search.
        } else if walk.ttl > 1 {
            self.send(cx, walk.origin, &Message::Walk { search, walk, stage: WalkStage::Asks });
        }
    }

    /// Somebody holds a walker of this peer's and asks whether to send it on.
    pub(crate) fn on_walker_asks(
        &self,
        cx: &mut Context<'_, Flood>,
        from: Peer,
        search: RequestId,
        walk: Walk,
    ) {
        if self.seen.way_of(search, cx.now) != Some(Way::OWN) {
            cx.world.count_drop(DropReason::Unmatched);
        } else if self.is_searching(cx, search) {
            self.send(cx, from, &Message::Walk { search, walk, stage: WalkStage::GoesOn });
        }
    }

    /// The origin of a walker that came by here wants it to go on.
    pub(crate) fn on_walker_goes_on(
        &self,
        cx: &mut Context<'_, Flood>,
        from: Peer,
        search: RequestId,
        walk: Walk,
    ) {
        match self.seen.way_of(search, cx.now).filter(|&way| way != Way::OWN) {
            Some(way) if from.is_same_destination(walk.origin) => {
                self.step(cx, search, walk, self.neighbors.follow(way));
            }
            _ => cx.world.count_drop(DropReason::Unmatched),
        }
    }

    /// To any neighbor; back to whom it came from only if there is nobody else.
    fn step(&self, cx: &mut Context<'_, Flood>, search: RequestId, walk: Walk, back: Option<Peer>) {
        let ttl = walk.ttl.min(self.config.walk_ttl());
        let onward = self.neighbors.any(cx.rng, |neighbor| Some(neighbor) != back);
        if let Some(next) = onward.or(back).filter(|_| ttl > 1) {
            // Wraps rather than saturates: a walker that lies about its steps is checked all the same.
            let walk = Walk { ttl: ttl - 1, hops: walk.hops.wrapping_add(1), ..walk };
            self.send(cx, next, &Message::Walk { search, walk, stage: WalkStage::Steps });
        }
    }
}
