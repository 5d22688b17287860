//! Visits: a node that is not a member looks at the ring through a bootstrap, to choose where it takes
//! its place.
//!
//! ```text
//!   visitor ── Lookup(random key) ─▶ bootstrap ─▶ … ─▶ m, the last node before the key
//!   visitor ◀── Answer(m, its first successor s) ───── m
//!   … so often as there are samples, all at once; then
//!   the middle of the longest arc from an m to its s is the identifier with which the node joins
//! ```
//!
//! Identifiers drawn at random leave arcs of very different lengths: the longest of N is about ln N times
//! the mean. Halving the longest of a few sampled ones keeps it within a small factor of the mean (Kenthapadi
//! and Manku, *Decentralized algorithms using both local and random probes for P2P load balancing*, SPAA
//! 2005). Their local probes, of neighbors, are left out: lists of successors are some rounds of stabilize old,
//! so while many nodes join, all would choose the same few arcs that have been halved before. For the same
//! reason the identifier lies anywhere in the middle half of the arc.
//!
//! A layer above the ring can choose by another measure: it only has the owners of random keys
//! [sampled](crate::Router::sample).
//!
//! **Invariant:** a visit changes nothing at other nodes. It ends in one event, whatever is answered.

use core::mem;
use core::time::Duration;

use crate::base::{Id, Peer, Rng};
use crate::node::{Context, LookupDone, RequestHandle, RequestId};
use crate::ring::event::Event;
use crate::ring::lookup::{MIN_RESTART, RESTART_HOP_TIMEOUTS};
use crate::ring::node::{Phase, RingNode};
use crate::ring::protocol::Ring;
use crate::ring::recursive::{origin_of, take_origin};
use crate::ring::request::{Aim, Kind, PendingLookup, Visit};
use crate::ring::steps::Answer;

/// A visit ends after this time, counted from the last contact, with what it has found. Each sample ends
/// by itself before that.
const VISIT_DEADLINE: Duration = Duration::from_secs(30);

/// The identifier with which a node halves the arc from `after` to `to`. It is drawn from the middle half of
/// the arc: nodes that choose the same arc at the same time do not crowd in one point.
#[must_use]
pub fn middle_of(after: Id, to: Id, rng: &mut Rng) -> Id {
    const QUARTER: u64 = 1 << 62;
    after.add(after.arc_to(to).part(QUARTER + rng.below(2 * QUARTER)))
}

impl RingNode {
    /// Chooses an identifier that halves the longest of some arcs: those in which `samples` random keys lie.
    /// Looks at the ring through one of `bootstraps`, which are tried as in [`join`](Self::join). Ends in
    /// [`Event::Placed`] or [`Event::JoinFailed`]. The driver then replaces this node by one with that
    /// identifier, which joins.
    pub fn choose_place(&mut self, cx: &mut Context<'_, Ring>, bootstraps: &[Peer], samples: u8) {
        self.visit(cx, bootstraps, samples, Aim::HalveLongest);
    }

    /// Begins a visit.
    pub(super) fn visit(
        &mut self,
        cx: &mut Context<'_, Ring>,
        bootstraps: &[Peer],
        samples: u8,
        aim: Aim,
    ) {
        self.phase = Phase::Visiting;
        let Some(first) = self.hold_bootstraps(bootstraps) else { return self.end_join(cx) };
        let samples = samples.max(1);
        let visit = Visit { aim, samples, contact: first, ..Visit::default() };
        match cx.request(self.me, 0, Kind::Visit(visit), VISIT_DEADLINE) {
            Some(id) => self.visit_through(cx, id, first),
            None => self.end_join(cx),
        }
    }

    /// Begins the first sample through `bootstrap`. The others follow once it has answered.
    fn visit_through(&mut self, cx: &mut Context<'_, Ring>, id: RequestId, bootstrap: Peer) {
        let Some(visit) = visit_mut(cx, id) else { return };
        (visit.contact, visit.to_begin) = (bootstrap, visit.samples - 1);
        if let Some(handle) = cx.requests.find(id) {
            cx.postpone(handle, VISIT_DEADLINE);
        }
        if !self.begin_sample(cx, id, bootstrap) {
            self.end_visit(cx, id);
        }
    }

    /// Looks up a random key through `bootstrap`. Returns whether there was room for the requests.
    fn begin_sample(&mut self, cx: &mut Context<'_, Ring>, id: RequestId, bootstrap: Peer) -> bool {
        let key = Id::random(cx.rng);
        let wait = self.probe_timeout(cx, bootstrap, 0);
        let patience = (self.hop_timeout(cx, 0) * RESTART_HOP_TIMEOUTS).max(MIN_RESTART);
        // Whether the bootstrap is silent is known before that.
        let patience = patience.max(wait * 2);
        if !self.look_up_through(cx, bootstrap, id.0, key, wait, patience) {
            return false;
        }
        if let Some(visit) = visit_mut(cx, id) {
            visit.in_progress += 1;
        }
        true
    }

    /// The bootstrap `from` has acknowledged the lookup at `handle`, of a join or of a visit.
    #[cold]
    pub(super) fn on_bootstrap_ack(
        &mut self,
        cx: &mut Context<'_, Ring>,
        handle: RequestHandle,
        from: Peer,
    ) {
        match self.phase {
            Phase::Joining => cx.report(Event::Contacted { through: from }),
            Phase::Visiting => {
                let Some(request) = cx.requests.at(handle) else { return };
                let Kind::Forward { lookup, .. } = request.kind else { return };
                // If the answer came first, it has told that the bootstrap is there.
                if let Some(pending) = origin_of(cx, lookup.lookup) {
                    self.on_visit_contact(cx, RequestId(pending.token));
                }
            }
            Phase::Outside | Phase::Member => {}
        }
    }

    /// The bootstrap has answered: begins the other samples.
    fn on_visit_contact(&mut self, cx: &mut Context<'_, Ring>, id: RequestId) {
        let Some(visit) = visit_mut(cx, id) else { return };
        if mem::replace(&mut visit.has_contact, true) {
            return;
        }
        let (contact, others) = (visit.contact, mem::take(&mut visit.to_begin));
        cx.report(Event::Contacted { through: contact });
        for _ in 0..others {
            self.begin_sample(cx, id, contact);
        }
    }

    /// A node has answered a sample: its first successor is the owner of the key.
    pub(super) fn on_sample_answer(
        &mut self,
        cx: &mut Context<'_, Ring>,
        pending: &PendingLookup,
        responder: Peer,
        answer: Answer,
    ) {
        let id = RequestId(pending.token);
        self.on_visit_contact(cx, id);
        let Some(visit) = visit_mut(cx, id) else { return };
        visit.has_found = true;
        match visit.aim {
            Aim::HalveLongest => visit.consider(responder.id, answer.owner.id),
            Aim::NameOwners => {
                let Answer { owner, under_suspicion, hops, timeouts } = answer;
                let (token, key) = (0, pending.key);
                let done = LookupDone { token, key, owner, hops, timeouts, under_suspicion };
                cx.report(Event::LookupDone(done));
            }
        }
        self.end_sample(cx, id);
    }

    /// The bootstrap did not acknowledge a sample. If it has never answered, the next one is tried.
    pub(super) fn on_sample_silence(&mut self, cx: &mut Context<'_, Ring>, lookup: RequestId) {
        let Some(pending) = take_origin(cx, lookup) else { return };
        let id = RequestId(pending.token);
        let Some(visit) = visit_mut(cx, id) else { return };
        if visit.has_contact {
            return self.end_sample(cx, id);
        }
        visit.in_progress = 0;
        self.go_on_visiting(cx, id);
    }

    /// A sample has ended, with or without an answer.
    pub(super) fn end_sample(&mut self, cx: &mut Context<'_, Ring>, id: RequestId) {
        let Some(visit) = visit_mut(cx, id) else { return };
        visit.in_progress = visit.in_progress.saturating_sub(1);
        if visit.in_progress > 0 {
            return;
        }
        if visit.has_found {
            self.end_visit(cx, id);
        } else {
            visit.has_contact = false;
            self.go_on_visiting(cx, id);
        }
    }

    /// Tries the next bootstrap. If there is none, the visit has failed.
    fn go_on_visiting(&mut self, cx: &mut Context<'_, Ring>, id: RequestId) {
        match self.next_bootstrap() {
            Some(next) => self.visit_through(cx, id, next),
            None => self.end_visit(cx, id),
        }
    }

    fn end_visit(&mut self, cx: &mut Context<'_, Ring>, id: RequestId) {
        let Some(handle) = cx.requests.find(id) else { return };
        if let Some(Kind::Visit(visit)) = cx.cancel(handle).map(|request| request.kind) {
            self.on_visit_over(cx, &visit);
        }
    }

    /// A visit has ended, and its request has been removed.
    pub(super) fn on_visit_over(&mut self, cx: &mut Context<'_, Ring>, visit: &Visit) {
        if self.phase != Phase::Visiting {
            return;
        }
        if !visit.has_found {
            return self.end_join(cx);
        }
        self.phase = Phase::Outside;
        if let Some((after, to)) = visit.longest {
            let id = middle_of(after, to, cx.rng);
            cx.report(Event::Placed { id });
        }
    }
}

impl Visit {
    /// Notes an arc if it is longer than those before.
    fn consider(&mut self, after: Id, to: Id) {
        if self.longest.is_none_or(|(from, end)| from.arc_to(end) < after.arc_to(to)) {
            self.longest = Some((after, to));
        }
    }
}

/// The visit under this identifier.
fn visit_mut<'c>(cx: &'c mut Context<'_, Ring>, id: RequestId) -> Option<&'c mut Visit> {
    let handle = cx.requests.find(id)?;
    match cx.requests.kind_mut(handle)? {
        Kind::Visit(visit) => Some(visit),
        _ => None,
    }
}
