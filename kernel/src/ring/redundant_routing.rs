//! Defence against nodes that lie about who owns a key: redundant routing.
//!
//! A node that lies can answer a lookup as if it owned the key. No node can prove what it owns. But owners
//! are about as dense everywhere, so an answer is *doubtful* if the arc from the key to the answering node is
//! much longer than those between the successors of this node, or if this node knows another one in between.
//! A doubtful lookup starts again through another first hop, up to
//! [`first_hops`](crate::ring::RingConfig::first_hops) in all. The answer nearest to the key counts: nodes
//! answer from their own addresses, so only the owner can be nearest.
//!
//! These are the failure test and the redundant routing of Castro, Druschel, Ganesh, Rowstron and Wallach,
//! *Secure routing for structured peer-to-peer overlay networks*, OSDI 2002, with the paths one after the other.
//! They hold as long as nodes cannot choose their identifiers: see [`IdRule`](crate::ring::IdRule).
//!
//! **Invariant:** a doubtful lookup ends by its deadline, with an answer if there was one.

use crate::base::{Id, Peer};
use crate::node::Context;
use crate::ring::config::{AnswerRule, LookupMode};
use crate::ring::doubts::{Doubt, DoubtNumber};
use crate::ring::message::Purpose;
use crate::ring::node::RingNode;
use crate::ring::protocol::Ring;
use crate::ring::request::PendingLookup;
use crate::ring::steps::Answer;

/// An answer is doubtful if the owner lies farther behind the key than so many mean distances between
/// successors. One honest answer in e² is farther away, and costs further lookups.
const LIKELY_DISTANCES: u64 = 2;

impl RingNode {
    /// What a lookup with this `answer` is to report, and the lookup without doubt; `None` if it started again.
    #[inline]
    pub(super) fn believed(
        &mut self,
        cx: &mut Context<'_, Ring>,
        pending: PendingLookup,
        answer: Answer,
    ) -> Option<(PendingLookup, Answer)> {
        match self.doubts {
            None => Some((pending, answer)),
            Some(_) => self.believed_or_doubted(cx, pending, answer),
        }
    }

    fn can_doubt(&self, purpose: Purpose) -> bool {
        purpose != Purpose::Join && self.rule(purpose) == AnswerRule::Owner
    }

    fn believed_or_doubted(
        &mut self,
        cx: &mut Context<'_, Ring>,
        mut pending: PendingLookup,
        answer: Answer,
    ) -> Option<(PendingLookup, Answer)> {
        let behind_key = |answer: &Answer| pending.key.distance_to(answer.owner.id);
        let before = self.doubt(&pending).and_then(|doubt| doubt.best);
        let best = before.into_iter().chain([answer]).min_by_key(behind_key)?;
        if self.can_doubt(pending.purpose)
            && best.owner.address != self.me.address
            && self.is_doubtful(cx, pending.key, best.owner)
            && self.is_in_doubt(cx, &mut pending)
        {
            if let Some(doubt) = self.doubt_mut(&pending) {
                doubt.best = Some(best);
            }
            if self.try_other_first_hop(cx, pending) {
                return None;
            }
        }
        self.end_doubt(&mut pending);
        Some((pending, best))
    }

    /// Whether `owner` is unlikely to own `key`.
    fn is_doubtful(&self, cx: &Context<'_, Ring>, key: Id, owner: Peer) -> bool {
        let list = self.successors.peers();
        if self.successors.covers(self.me.id, key)
            && list.get(self.successors.count_before(self.me.id, key)) == Some(&owner)
        {
            return false;
        }
        if self.knows_nearer(cx, key, owner) {
            return true;
        }
        let Some(last) = self.successors.last().filter(|_| self.successors.is_full()) else {
            return false; // A small ring: this node knows all others.
        };
        let mean = self.me.id.distance_to(last.id).prefix() / list.len() as u64;
        key.distance_to(owner.id).prefix() > mean.saturating_mul(LIKELY_DISTANCES)
    }

    /// Whether this node knows another one between `key` and `owner`, which it does not suspect.
    fn knows_nearer(&self, cx: &Context<'_, Ring>, key: Id, owner: Peer) -> bool {
        // The finger table keeps only a part of each identifier.
        let is_nearer = |peer: Peer| {
            key.distance_to(peer.id) < key.distance_to(owner.id)
                && !peer.is_same_destination(owner)
                && !self.avoids(cx, peer)
        };
        let fingers = self.fingers.entries().map(|(_, finger)| finger);
        let list = self.successors.peers().iter().copied();
        fingers.chain(list).chain(self.predecessor).any(is_nearer)
    }

    /// Whether this node knows better than to believe that `owner` is what was looked up.
    pub(super) fn refutes(
        &self,
        cx: &Context<'_, Ring>,
        pending: &PendingLookup,
        owner: Peer,
    ) -> bool {
        self.doubts.is_some() && self.knows_nearer(cx, pending.key, owner)
    }

    /// Whether `pending` is in doubt, or is from now on: not if too many lookups are.
    fn is_in_doubt(&mut self, cx: &Context<'_, Ring>, pending: &mut PendingLookup) -> bool {
        if pending.doubt == DoubtNumber::default()
            && let Some(doubts) = &mut self.doubts
        {
            let (deadline, left) = (pending.deadline, self.config.first_hops - 1);
            let tried = pending.failed.widened();
            pending.doubt =
                doubts.enter(Doubt { is_used: true, best: None, tried, left, deadline });
        }
        pending.doubt != DoubtNumber::default() && cx.now < pending.deadline
    }

    /// Starts a doubtful lookup again, through a first hop that it has not tried. Returns false if there is none.
    pub(super) fn try_other_first_hop(
        &mut self,
        cx: &mut Context<'_, Ring>,
        mut pending: PendingLookup,
    ) -> bool {
        let wait = self.restart_wait(cx, &pending, 0);
        let Some(doubt) = self.doubt_mut(&pending) else { return false };
        if doubt.left == 0 || cx.now >= doubt.deadline {
            return false;
        }
        doubt.left -= 1;
        // If there is an answer already, the lookup does not wait long for another one.
        pending.deadline = match doubt.best {
            Some(_) => doubt.deadline.min(cx.now + wait),
            None => doubt.deadline,
        };
        self.start_lookup(cx, pending, 0, None)
    }

    /// As [`try_other_first_hop`](Self::try_other_first_hop), for a lookup that a node on the way does not help,
    /// with or without doubts before. From then on it is in doubt, also if this returns false, so that its end
    /// ends the doubt. Always returns false without the defence.
    pub(super) fn goes_elsewhere(
        &mut self,
        cx: &mut Context<'_, Ring>,
        pending: &mut PendingLookup,
    ) -> bool {
        self.doubts.is_some()
            && self.can_doubt(pending.purpose)
            && self.is_in_doubt(cx, pending)
            && self.try_other_first_hop(cx, *pending)
    }

    /// Whether a lookup remembers its first hops.
    #[inline]
    pub(super) fn notes_first_hops(&self) -> bool {
        self.config.lookup == LookupMode::Recursive || self.doubts.is_some()
    }

    /// Whether a doubtful lookup has had an answer.
    pub(super) fn has_answer(&self, pending: &PendingLookup) -> bool {
        self.doubt(pending).is_some_and(|doubt| doubt.best.is_some())
    }

    /// Ends the doubt about a lookup. Returns the best answer that it had.
    pub(super) fn end_doubt(&mut self, pending: &mut PendingLookup) -> Option<Answer> {
        let doubt = self.doubt_mut(pending)?;
        doubt.is_used = false;
        let (best, deadline) = (doubt.best, doubt.deadline);
        (pending.doubt, pending.deadline) = (DoubtNumber::default(), deadline);
        best
    }

    /// Remembers that a doubtful lookup takes this first hop.
    pub(super) fn note_first_hop(&mut self, pending: &PendingLookup, hop: Id) {
        if let Some(doubt) = self.doubt_mut(pending) {
            doubt.tried.insert(hop);
        }
    }

    /// Whether a doubtful lookup has taken this first hop.
    pub(super) fn has_tried(&self, pending: &PendingLookup, hop: Id) -> bool {
        self.doubt(pending).is_some_and(|doubt| doubt.tried.contains(hop))
    }

    fn doubt(&self, pending: &PendingLookup) -> Option<&Doubt> {
        self.doubts.as_ref()?.at(pending.doubt)
    }

    fn doubt_mut(&mut self, pending: &PendingLookup) -> Option<&mut Doubt> {
        self.doubts.as_mut()?.at_mut(pending.doubt)
    }
}
