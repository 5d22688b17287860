//! Random walks: walkers carry a search from neighbor to neighbor, and regularly ask the origin
//! whether to continue.
//!
//! A walker exists only as a message. The peer that holds it during a check stores nothing: the
//! reply of the origin contains the whole state.
//!
//! **Invariant:** each step decreases the TTL. A peer that is not a neighbor can cause at most the
//! steps between two checks.

use crate::base::Peer;
use crate::flood::message::{Message, Walk, WalkStage};
use crate::flood::neighbors::NeighborHandle;
use crate::flood::node::FloodNode;
use crate::flood::protocol::Flood;
use crate::flood::seen::SearchStatus;
use crate::items::Query;
use crate::node::{Context, DropReason, RequestId};

impl FloodNode {
    /// Sends the walkers of a search of this peer, spread evenly over its neighbors that stay. The neighbors
    /// that get one more are drawn at random (selection sampling: Knuth, TAOCP 3.4.2, algorithm S).
    pub(crate) fn begin_walk(
        &self,
        cx: &mut Context<'_, Flood>,
        search: RequestId,
        query: Query,
        walkers: u16,
    ) {
        let walk = Walk { query, origin: self.me(), ttl: self.config.walk_ttl(), hops: 1 };
        let count = self.neighbors.staying().count() as u64;
        let each = u64::from(walkers).checked_div(count).unwrap_or(0);
        let mut extra = u64::from(walkers) - each * count;
        for (neighbor, left) in self.neighbors.staying().zip((1..=count).rev()) {
            let one_more = cx.rng.below(left) < extra;
            extra -= u64::from(one_more);
            for _ in 0..each + u64::from(one_more) {
                let stage = WalkStage::Step;
                self.send(cx, neighbor, &Message::Walk { search, walk, stage });
            }
        }
    }

    /// Handles the visit of a walker. On the first visit of its search the peer answers; the walker
    /// ends if there is a match.
    pub(crate) fn on_walk_step(
        &mut self,
        cx: &mut Context<'_, Flood>,
        from: Peer,
        search: RequestId,
        walk: Walk,
    ) {
        let Some(source) = self.neighbors.handle_of(from) else {
            return self.reject_stranger(cx, from);
        };
        match self.seen.look_up(search, cx.now) {
            SearchStatus::New(free) => {
                self.seen.remember(free, search, source, cx.now + self.config.remember);
                if self.answer(cx, from, search, &walk.query, walk.hops) {
                    return;
                }
            }
            // The walker has returned to its origin: no check by message is needed.
            SearchStatus::Seen(NeighborHandle::SELF) => {
                if self.is_searching(cx, search) {
                    self.step(cx, search, walk, Some(from));
                }
                return;
            }
            SearchStatus::Seen(_) => {}
            SearchStatus::NoRoom => return cx.world.count_drop(DropReason::Overload),
        }
        if !walk.hops.is_multiple_of(self.config.check_every()) {
            self.step(cx, search, walk, Some(from));
        } else if walk.origin.address == self.me().address {
            cx.world.count_drop(DropReason::Unmatched); // The search is not of this peer.
        } else if walk.ttl > 1 {
            self.send(cx, walk.origin, &Message::Walk { search, walk, stage: WalkStage::Check });
        }
    }

    /// `from` holds a walker of this peer and asks whether it continues.
    pub(crate) fn on_walk_check(
        &self,
        cx: &mut Context<'_, Flood>,
        from: Peer,
        search: RequestId,
        walk: Walk,
    ) {
        if self.seen.source_of(search, cx.now) != Some(NeighborHandle::SELF) {
            cx.world.count_drop(DropReason::Unmatched);
        } else if self.is_searching(cx, search) {
            self.send(cx, from, &Message::Walk { search, walk, stage: WalkStage::Resume });
        }
    }

    /// The origin tells this peer, which held the walker, to send it on.
    pub(crate) fn on_walk_resume(
        &self,
        cx: &mut Context<'_, Flood>,
        from: Peer,
        search: RequestId,
        walk: Walk,
    ) {
        match self.seen.source_of(search, cx.now).filter(|&source| source != NeighborHandle::SELF) {
            Some(source) if from.is_same_destination(walk.origin) => {
                self.step(cx, search, walk, self.neighbors.peer_at(source));
            }
            _ => cx.world.count_drop(DropReason::Unmatched),
        }
    }

    /// Sends a walker to a random neighbor; back to `back` only if there is no other.
    fn step(&self, cx: &mut Context<'_, Flood>, search: RequestId, walk: Walk, back: Option<Peer>) {
        let ttl = walk.ttl.min(self.config.walk_ttl());
        let is_back = |neighbor: Peer| back.is_some_and(|it| it.is_same_destination(neighbor));
        let onward = self.neighbors.random(cx.rng, |neighbor| !is_back(neighbor));
        if let Some(next) = onward.or(back).filter(|_| ttl > 1) {
            // Wraps instead of saturating, so that a walker with a forged step count is still
            // checked.
            let walk = Walk { ttl: ttl - 1, hops: walk.hops.wrapping_add(1), ..walk };
            self.send(cx, next, &Message::Walk { search, walk, stage: WalkStage::Step });
        }
    }
}
