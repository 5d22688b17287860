//! Choosing a place by the items of nodes: a node that is not a member asks some owners how many they
//! have, and joins so that it takes over half of the most.
//!
//! ```text
//!   this node ── router: the owners of random keys ─▶ owner, owner, …
//!   this node ── Census ─▶ owner
//!   this node ◀── Counted(items, the keys in the middle) ── owner
//! ```
//!
//! **Invariant:** a census changes nothing at the owner. Its reply is longer than the request, so it goes
//! only to an address that has proved to receive messages.

use crate::base::{Id, Peer};
use crate::node::{DropReason, LookupEnd, RequestId, Router};
use crate::store::choice::Choice;
use crate::store::event::Event;
use crate::store::message::MessageWith;
use crate::store::node::{Cx, StoreNode};
use crate::store::request::Kind;
use crate::store::sum::Range;
use crate::store::table::Table;

impl<R: Router> StoreNode<R> {
    /// Chooses an identifier that halves the items of one of `samples` owners: the one with the most. Looks
    /// for them through one of `bootstraps`. Ends in [`Event::Placed`], or as a join that has failed. The
    /// driver then replaces this node by one with that identifier, which joins.
    ///
    /// Returns false if the router below cannot find owners for a node that is not a member.
    pub fn choose_place(&mut self, cx: &mut Cx<'_, R>, bootstraps: &[Peer], samples: u8) -> bool {
        self.choice = Some(Choice::default());
        let can = self.route(cx, |router, cx| router.sample(cx, bootstraps, samples));
        if !can {
            self.choice = None;
        }
        self.arm(cx);
        can
    }

    /// The router has found the owner of a random key, or has not.
    pub(super) fn on_sampled(&mut self, cx: &mut Cx<'_, R>, end: LookupEnd) {
        let (LookupEnd::Done(done), Some(choice)) = (end, &mut self.choice) else { return };
        choice.has_found = true;
        choice.in_progress = choice.in_progress.saturating_add(1);
        let wait = self.wait(cx, 0);
        match cx.request(done.owner, 0, Kind::Census, wait) {
            Some(id) => self.send_census(cx, done.owner, id),
            None => self.end_census(cx),
        }
    }

    pub(super) fn send_census(&self, cx: &mut Cx<'_, R>, to: Peer, request: RequestId) {
        let cookie = self.cookies.of(to);
        self.send(cx, to, &MessageWith::Census { request, cookie });
    }

    /// Tells how many items this node has in the range that it owns.
    pub(super) fn on_census(&self, cx: &mut Cx<'_, R>, from: Peer, request: RequestId) {
        let Some(predecessor) = self.router.predecessor() else {
            return cx.world.count_drop(DropReason::NotMember);
        };
        let range = Range { from: predecessor.id, to: self.me.id };
        let (items, middle) = count(&self.table, range, self.clock.wall_us(cx.now));
        self.send(cx, from, &MessageWith::Counted { request, items, middle });
    }

    pub(super) fn on_counted(
        &mut self,
        cx: &mut Cx<'_, R>,
        from: Peer,
        request: RequestId,
        items: u32,
        middle: Range,
    ) {
        let is_census = |kind: &Kind| matches!(kind, Kind::Census);
        let Some(handle) = cx.find_request(request, from, is_census) else { return };
        self.take_replied(cx, handle, request, true);
        // Of nodes with as many items, or without any, the one with the longer arc.
        let rank = |(items, middle): (u32, Range)| (items, middle.from.arc_to(middle.to));
        if let Some(choice) = &mut self.choice
            && choice.fullest.is_none_or(|fullest| rank(fullest) < rank((items, middle)))
        {
            choice.fullest = Some((items, middle));
        }
        self.end_census(cx);
    }

    /// An owner has answered a census, or is silent.
    pub(super) fn end_census(&mut self, cx: &mut Cx<'_, R>) {
        if let Some(choice) = &mut self.choice {
            choice.in_progress = choice.in_progress.saturating_sub(1);
        }
        self.continue_choice(cx);
    }

    /// Ends the choice if all that was asked has been answered.
    pub(super) fn continue_choice(&mut self, cx: &mut Cx<'_, R>) {
        let Some(choice) = self.choice else { return };
        if self.router.is_sampling() || choice.in_progress > 0 {
            return;
        }
        self.choice = None;
        if choice.has_found {
            // If no owner has answered, one place is as good as another.
            let id = choice.fullest.map_or(self.me.id, |(_, middle)| {
                let part = cx.rng.next_u64();
                middle.from.add(middle.from.arc_to(middle.to).part(part))
            });
            cx.report(Event::Placed { id });
        }
    }
}

/// The number of items in `range` that have not expired by `wall_us`, and their [`middle_half`].
fn count(table: &Table, range: Range, wall_us: u64) -> (u32, Range) {
    let keys = || {
        let items = table.within(range).filter(|(_, item)| item.body.is_present(wall_us));
        items.map(|(_, item)| item.name.key)
    };
    let items = keys().count();
    (items as u32, middle_half(range, items, |index| keys().nth(index)))
}

/// Two keys between which the middle half of the `items` in `range` lies, if `key_of` returns the key of an item
/// by its place in the range. A node between these takes over between a quarter and three quarters of the items:
/// nodes that choose the same owner at the same time do not crowd in one point.
#[must_use]
pub fn middle_half(range: Range, items: usize, key_of: impl Fn(usize) -> Option<Id>) -> Range {
    let around = items / 4;
    let middle = match (items / 2).checked_sub(1) {
        Some(half) => (key_of(half - around), key_of(half + 1 + around)),
        None => (key_of(0), Some(range.to)),
    };
    match middle {
        (Some(from), Some(to)) if from != to => Range { from, to },
        // There are no items, or all in the middle have one key.
        _ => {
            let length = range.from.arc_to(range.to);
            let at = |quarters: u64| range.from.add(length.part(quarters << 62));
            Range { from: at(1), to: at(3) }
        }
    }
}
