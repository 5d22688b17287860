//! What follows from missing replies: another attempt, or a conclusion.
//!
//! Going round a silent contact is free: the first missing reply makes lookups avoid it. Declaring it
//! dead takes as many unanswered attempts as the [loss observed](crate::node::LossEstimate) requires.
//!
//! **Invariant:** the number of attempts depends on the kind of request and on observed loss alone.
//! Attempts of one request follow each other with growing pauses.

use core::time::Duration;

use crate::base::Peer;
use crate::node::{Confidence, Context, MAX_ATTEMPTS, RequestHandle, TimeoutPolicy};
#[cfg(feature = "defects")]
use crate::ring::Defect;
use crate::ring::message::Message;
use crate::ring::node::RingNode;
use crate::ring::protocol::Ring;
use crate::ring::request::{Kind, NeighborsReason, Probe, Request};

/// Attempts at a request after which no peer is declared dead.
const LIGHT_ATTEMPTS: u8 = 3;
/// A request to a node that has not answered yet is sent once: the node may never have sent what led to the
/// request, and must not get more than was sent in its name. Where so much is lost that a live node
/// must be asked this often, the request is repeated: otherwise nodes find new neighbors too late.
const MUCH_LOSS: u8 = 3;
/// The wait for the answer to a request that is sent once, in timeouts of an attempt that is repeated.
const PATIENCE_WITH_STRANGERS: u32 = 4;
/// The least wait for the answer of a node of which no round trip is known: it may be farther away than all
/// others. TCP waits twice as long (RFC 6298), but here a neighbor waits meanwhile.
pub(super) const FIRST_WAIT: Duration = Duration::from_millis(500);
/// A node that has heard from nobody meanwhile doubts itself: it takes this many times as many
/// attempts to declare a peer dead (Dadgar et al., *Lifeguard*, DSN 2018).
const SELF_DOUBT: u8 = 3;

impl RingNode {
    /// Notes that an attempt of `request` was not answered in time.
    pub(super) fn note_silent(&mut self, cx: &mut Context<'_, Ring>, request: &Request) {
        if let Kind::Probe(Probe::Predecessor(_)) = request.kind {
            self.predecessor_silence = request.retries + 1;
        }
        let watches = matches!(
            request.kind,
            Kind::Probe(
                Probe::Suspect | Probe::NextSuccessor | Probe::Predecessor(_) | Probe::Leaving(_)
            ) | Kind::Neighbors { reason: NeighborsReason::Stabilize, .. }
        );
        if watches && request.retries + 1 == self.loss.attempts(Confidence::GoOn) {
            self.probe_after(cx, request.to);
        }
        // Lookups avoid the peer for as long as it is asked whether it is alive.
        if watches && self.config.remember_failures {
            self.suspects.insert(self.secret, request.to, cx.now, false);
        }
    }

    /// Asks the node after `silent` in the successor list whether it is alive, unless it is suspected: then
    /// it is being asked. So of several neighbors that crashed, each is declared dead soon after the
    /// one before it. One after the other they would take as long as all their waits together, and
    /// their keys have no owner until the last one is declared dead.
    fn probe_after(&self, cx: &mut Context<'_, Ring>, silent: Peer) {
        let mut from_silent =
            self.successors.peers().iter().skip_while(|it| !it.is_same_destination(silent));
        if let Some(&next) = from_silent.nth(1)
            && self.config.stabilize.is_some()
            && !self.suspects.contains(self.secret, next, cx.now)
        {
            self.ping(cx, next, Probe::NextSuccessor);
        }
    }

    /// How long the first attempt of a request to `to` waits, instead of `wait`: longer if it is the only one,
    /// because some answers are late, and no less than [`FIRST_WAIT`] if `to` may be far away.
    pub(super) fn wait_for_stranger(
        &self,
        cx: &Context<'_, Ring>,
        to: Peer,
        wait: Duration,
    ) -> Duration {
        if !self.is_asked_once(to) {
            return wait;
        }
        let patience = wait * PATIENCE_WITH_STRANGERS;
        // One that was silent lately is likely to be dead.
        let may_be_far = self.config.timeout == TimeoutPolicy::Adaptive
            && !self.suspects.contains(self.secret, to, cx.now);
        if may_be_far { patience.max(FIRST_WAIT) } else { patience }
    }

    /// Whether a request to `to` that a stranger may have caused is sent once.
    fn is_asked_once(&self, to: Peer) -> bool {
        self.loss.attempts(Confidence::GoOn) < MUCH_LOSS && !self.knows_destination(to)
    }

    /// The number of attempts of `request` in all, before a conclusion is drawn.
    pub(super) fn attempts(&self, request: &Request) -> u8 {
        match &request.kind {
            Kind::Probe(
                Probe::Suspect | Probe::NextSuccessor | Probe::Predecessor(_) | Probe::Leaving(_),
            )
            | Kind::Neighbors { reason: NeighborsReason::Stabilize, .. } => {
                let needed = self.loss.attempts(Confidence::Declare);
                let doubts_itself = !self.heard.is_after(request.sent_at);
                #[cfg(feature = "defects")]
                let doubts_itself = doubts_itself && !self.has(Defect::NoSelfDoubt);
                let factor = if doubts_itself { SELF_DOUBT } else { 1 };
                needed.saturating_mul(factor).min(MAX_ATTEMPTS)
            }
            Kind::Probe(Probe::Rectify)
            | Kind::Neighbors { reason: NeighborsReason::Candidate, cookies: 0, .. }
                if self.is_asked_once(request.to) =>
            {
                1
            }
            Kind::Probe(Probe::Rectify | Probe::Finger | Probe::Departed)
            | Kind::Neighbors {
                reason: NeighborsReason::Candidate | NeighborsReason::Join, ..
            } => LIGHT_ATTEMPTS,
            Kind::Forward { lookup, stage } => self.forward_attempts(lookup, *stage),
            Kind::Iterate(iteration) => self.step_attempts(iteration),
            Kind::Origin(_) | Kind::Deliver(_) | Kind::Visit(_) => 1,
        }
    }

    /// Sends `request` again. Returns false if it has had all attempts.
    pub(super) fn retransmit(
        &self,
        cx: &mut Context<'_, Ring>,
        handle: RequestHandle,
        request: &Request,
    ) -> bool {
        let to = request.to;
        match &request.kind {
            Kind::Probe(_) => {
                let wait = self.probe_timeout(cx, to, request.retries + 1);
                let Some(request) = cx.retransmit(handle, wait) else { return false };
                self.send(cx, to, &Message::Ping { request });
                true
            }
            &Kind::Neighbors { reason, cookie, .. } => {
                let wait = self.probe_timeout(cx, to, request.retries + 1);
                let Some(request) = cx.retransmit(handle, wait) else { return false };
                let purpose = reason.purpose();
                self.send(cx, to, &Message::Neighbors { request, cookie, purpose });
                true
            }
            Kind::Forward { lookup, stage } => {
                self.forward_again(cx, handle, request, lookup, *stage)
            }
            Kind::Iterate(iteration) => self.request_step_again(cx, handle, request, iteration),
            Kind::Origin(_) | Kind::Deliver(_) | Kind::Visit(_) => false,
        }
    }
}
