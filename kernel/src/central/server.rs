//! The server: an index for all peers.
//!
//! A departure carries no proof of who sent it. Whoever is said to leave is asked whether it is still
//! there, and loses its entries only if it does not answer; so a forged departure costs a probe.
//! What remains: who can keep its victim from answering can have its entries removed, until the
//! victim publishes again.
//!
//! **Invariant:** what the server keeps is its index and nothing else; no peer is asked anything but
//! whether it is there.

use alloc::sync::Arc;

use crate::central::{CentralConfig, Phase};
use crate::context::{Context, Drop, Event};
use crate::items::{Index, Registrar};
use crate::message::Message;
use crate::peer::Peer;
use crate::rng::Rng;
use crate::rpc::{Probe, Request, RequestKind, RoundTrips};
use crate::time::Time;

/// Probes of a peer that is said to leave before it is held to be gone; the wait doubles each time.
const PROBE_ATTEMPTS: u8 = 2;

/// See the [module](self).
#[derive(Debug)]
pub(super) struct CentralServer {
    pub(super) me: Peer,
    pub(super) phase: Phase,
    config: Arc<CentralConfig>,
    registrar: Registrar,
    round_trips: RoundTrips,
    armed_at: Time,
}

impl CentralServer {
    pub(super) fn new(me: Peer, config: Arc<CentralConfig>, rng: &mut Rng) -> CentralServer {
        CentralServer {
            me,
            phase: Phase::Outside,
            registrar: Registrar::new(me, &config.registrar, rng),
            round_trips: RoundTrips::default(),
            armed_at: Time::NEVER,
            config,
        }
    }

    pub(super) const fn index(&self) -> &Index {
        self.registrar.index()
    }

    pub(super) fn start(&mut self) {
        self.phase = Phase::Member;
    }

    pub(super) fn join(&mut self, cx: &mut Context<'_>) {
        self.start();
        cx.world.report(cx.node, Event::Joined);
    }

    pub(super) fn leave(&mut self, cx: &mut Context<'_>) {
        self.phase = Phase::Outside;
        self.armed_at = Time::NEVER;
        cx.world.arm_node(cx.node, Time::NEVER);
    }

    pub(super) fn handle_message(
        &mut self,
        cx: &mut Context<'_>,
        from: Peer,
        message: Message<'_>,
    ) {
        match message {
            Message::Publish { request, cookie, name } => {
                self.registrar.on_publish(cx, from, request, cookie, name);
                self.arm(cx);
            }
            Message::Find { request, cookie, query } => {
                self.registrar.on_find(cx, from, request, cookie, &query);
            }
            Message::Leave { .. } => self.on_leave(cx, from),
            Message::Pong { request } => {
                let is_probe = |kind: &RequestKind| matches!(kind, RequestKind::Probe(_));
                if let Some(probe) = cx.matched(request, from, is_probe) {
                    self.round_trips.record(cx.now.since(probe.sent_at));
                }
            }
            _ => cx.world.count_drop(Drop::NotForThisKind),
        }
    }

    pub(super) fn handle_timeout(&mut self, cx: &mut Context<'_>) {
        self.armed_at = Time::NEVER;
        self.registrar.expire(cx.now);
        self.arm(cx);
    }

    pub(super) fn on_request_timeout(&mut self, cx: &mut Context<'_>, request: &Request) {
        self.round_trips.record_timeout();
        if request.retries + 1 < PROBE_ATTEMPTS {
            self.probe(cx, request.to, request.retries + 1);
        } else {
            self.registrar.remove(request.to);
        }
    }

    fn on_leave(&mut self, cx: &mut Context<'_>, from: Peer) {
        if !self.index().knows(from) {
            cx.world.count_drop(Drop::UnknownPeer);
        } else if cx.has_room_for_others() {
            self.probe(cx, from, 0);
        }
    }

    fn probe(&self, cx: &mut Context<'_>, to: Peer, retries: u8) {
        let wait = self.round_trips.timeout(self.config.sharing.timeout) * (1 << retries.min(4));
        let kind = RequestKind::Probe(Probe::Suspect);
        if let Some(request) = cx.request(to, retries, kind, wait) {
            cx.world.send(self.me, to, &Message::Ping { request });
        }
    }

    /// Arms the timer for the entry that lapses next, unless it is armed: what is renewed meanwhile
    /// shows when it fires.
    fn arm(&mut self, cx: &mut Context<'_>) {
        if self.armed_at == Time::NEVER {
            self.armed_at = self.index().next_expiry();
            if self.armed_at != Time::NEVER {
                cx.world.arm_node(cx.node, self.armed_at);
            }
        }
    }
}
