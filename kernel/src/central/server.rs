//! The server: an index for all peers.
//!
//! Announced departures are not authenticated. The server pings the peer that is said to leave, and
//! removes its entries only if there is no answer; so a forged departure costs a ping. One attack
//! remains: an attacker that blocks the answers of its victim can have the victim's entries
//! removed, until the victim publishes again.
//!
//! **Invariant:** the server stores nothing but the index, and sends no requests but pings.

use alloc::sync::Arc;

use crate::base::{Peer, Rng, Time};
use crate::central::message::Message;
use crate::central::protocol::Central;
use crate::central::request::{Kind, Request};
use crate::central::{CentralConfig, Phase};
use crate::items;
use crate::items::{Event, Index, Responder};
use crate::node::{Context, DropReason, RoundTrips};

/// A peer that is said to leave is considered gone after this many unanswered pings. The timeout
/// doubles each time.
const PROBE_ATTEMPTS: u8 = 2;

/// The server. See the [module](self).
#[derive(Clone, Debug)]
pub(super) struct CentralServer {
    pub(super) me: Peer,
    pub(super) phase: Phase,
    config: Arc<CentralConfig>,
    responder: Responder,
    round_trips: RoundTrips,
    armed_at: Time,
}

impl CentralServer {
    pub(super) fn new(me: Peer, config: Arc<CentralConfig>, rng: &mut Rng) -> CentralServer {
        CentralServer {
            me,
            phase: Phase::Outside,
            responder: Responder::new(me, &config.responder, rng),
            round_trips: RoundTrips::default(),
            armed_at: Time::NEVER,
            config,
        }
    }

    pub(super) const fn index(&self) -> &Index {
        self.responder.index()
    }

    pub(super) fn start(&mut self) {
        self.phase = Phase::Member;
    }

    pub(super) fn join(&mut self, cx: &mut Context<'_, Central>) {
        self.start();
        cx.report(Event::Joined);
    }

    pub(super) fn leave(&mut self, cx: &mut Context<'_, Central>) {
        self.phase = Phase::Outside;
        self.armed_at = Time::NEVER;
        cx.world.arm_node(cx.node, Time::NEVER);
    }

    pub(super) fn handle_message(
        &mut self,
        cx: &mut Context<'_, Central>,
        from: Peer,
        message: Message<'_>,
    ) {
        match message {
            Message::Items(items::Message::Publish { request, cookie, name }) => {
                cx.carry(|cx| self.responder.on_publish(cx, from, request, cookie, name));
                self.arm(cx);
            }
            Message::Items(items::Message::Find { request, cookie, query }) => {
                cx.carry(|cx| self.responder.on_find(cx, from, request, cookie, &query));
            }
            Message::Leave => self.on_leave(cx, from),
            Message::Pong { request } => {
                let is_probe = |kind: &Kind| matches!(kind, Kind::Probe);
                if let Some(probe) = cx.match_reply(request, from, is_probe) {
                    self.round_trips.record(cx.now.since(probe.sent_at));
                }
            }
            _ => cx.world.count_drop(DropReason::NotForThisKind),
        }
    }

    pub(super) fn handle_timeout(&mut self, cx: &mut Context<'_, Central>) {
        self.armed_at = Time::NEVER;
        self.responder.expire(cx.now);
        self.arm(cx);
    }

    pub(super) fn on_request_timeout(&mut self, cx: &mut Context<'_, Central>, request: &Request) {
        self.round_trips.record_timeout();
        if request.retries + 1 < PROBE_ATTEMPTS {
            self.probe(cx, request.to, request.retries + 1);
        } else {
            self.responder.remove(request.to);
        }
    }

    fn on_leave(&mut self, cx: &mut Context<'_, Central>, from: Peer) {
        if !self.index().knows(from) {
            cx.world.count_drop(DropReason::UnknownPeer);
        } else if cx.has_room_for_others() {
            self.probe(cx, from, 0);
        }
    }

    fn probe(&self, cx: &mut Context<'_, Central>, to: Peer, retries: u8) {
        let wait = self.round_trips.timeout(self.config.transfers.timeout) * (1 << retries.min(4));
        let kind = Kind::Probe;
        if let Some(request) = cx.request(to, retries, kind, wait) {
            cx.world.send(self.me, to, &Message::Ping { request });
        }
    }

    /// Arms the timer for the next expiry, unless it is armed. If that entry is renewed meanwhile,
    /// the timer is armed again when it fires.
    fn arm(&mut self, cx: &mut Context<'_, Central>) {
        if self.armed_at == Time::NEVER {
            self.armed_at = self.index().next_expiry();
            if self.armed_at != Time::NEVER {
                cx.world.arm_node(cx.node, self.armed_at);
            }
        }
    }
}
