//! A peer of a central index: publishes its items, queries the server, fetches and serves items.
//!
//! **Invariant:** a peer remembers only the server. It learns of other peers from answers to its
//! queries, and forgets them after the transfer.

use alloc::sync::Arc;

use crate::base::{Peer, Rng, Time};
use crate::central::message::Message;
use crate::central::protocol::Central;
use crate::central::request::{Kind, Request};
use crate::central::{CentralConfig, Phase};
use crate::items;
use crate::items::request::PendingQuery;
use crate::items::{Event, Holdings, IndexClient, Items, Query};
use crate::node::{Context, Cookie, DropReason, RequestId};

/// A join fails after this many unanswered pings of the server. The timeout doubles each time.
const JOIN_ATTEMPTS: u8 = 4;

/// A peer of the server. See the [module](self).
#[derive(Clone, Debug)]
pub(super) struct CentralPeer {
    pub(super) phase: Phase,
    server: Peer,
    config: Arc<CentralConfig>,
    client: IndexClient,
    armed_at: Time,
}

impl CentralPeer {
    pub(super) fn new(
        me: Peer,
        server: Peer,
        holdings: Holdings,
        config: Arc<CentralConfig>,
        rng: &mut Rng,
    ) -> CentralPeer {
        let transfer_config = Arc::clone(&config.transfers);
        CentralPeer {
            phase: Phase::Outside,
            server,
            client: IndexClient::new(me, holdings, transfer_config, config.publishing, rng),
            armed_at: Time::NEVER,
            config,
        }
    }

    pub(super) const fn me(&self) -> Peer {
        self.client.transfers.me()
    }

    pub(super) const fn holdings(&self) -> &Holdings {
        self.client.transfers.holdings()
    }

    pub(super) fn start(&mut self, cx: &mut Context<'_, Central>) {
        self.phase = Phase::Member;
        cx.carry(|cx| self.client.publisher.start(cx));
        self.arm(cx);
    }

    pub(super) fn join(&mut self, cx: &mut Context<'_, Central>) {
        self.phase = Phase::Joining;
        self.ping_server(cx, 0);
    }

    pub(super) fn leave(&mut self, cx: &mut Context<'_, Central>) {
        cx.world.send(self.me(), self.server, &Message::Leave);
        self.phase = Phase::Outside;
        self.client.publisher.stop();
        self.arm(cx);
    }

    pub(super) fn ask(&mut self, cx: &mut Context<'_, Central>, query: Query, token: u64) -> bool {
        if self.phase != Phase::Member {
            return false;
        }
        let (cookie, deadline) = (Cookie::default(), cx.now + self.config.deadline);
        let (words_asked, hops, timeouts, beside) = (0, 1, 0, None);
        let pending =
            PendingQuery { token, query, cookie, deadline, words_asked, hops, timeouts, beside };
        cx.carry(|cx| self.client.ask(cx, self.server, pending))
    }

    pub(super) fn handle_message(
        &mut self,
        cx: &mut Context<'_, Central>,
        from: Peer,
        message: Message<'_>,
    ) {
        match message {
            Message::Pong { request } => self.on_pong(cx, from, request),
            Message::Items(message) => {
                cx.carry(|cx| self.client.handle_message(cx, from, message));
            }
            Message::Ping { .. } | Message::Leave => {
                cx.world.count_drop(DropReason::NotForThisKind)
            }
        }
    }

    pub(super) fn handle_timeout(&mut self, cx: &mut Context<'_, Central>) {
        self.armed_at = Time::NEVER;
        if let Some(index) = self.client.publisher.take_due(cx.now) {
            cx.carry(|cx| self.client.publish(cx, self.server, index, None));
        }
        self.arm(cx);
    }

    pub(super) fn on_request_timeout(&mut self, cx: &mut Context<'_, Central>, request: &Request) {
        match request.kind {
            Kind::JoinPing if self.phase == Phase::Joining => {
                self.client.transfers.record_timeout();
                self.ping_server(cx, request.retries + 1);
            }
            // A join that was started before the node left.
            Kind::JoinPing | Kind::Probe => {}
        }
    }

    pub(super) fn on_items_timeout(
        &mut self,
        cx: &mut Context<'_, Items>,
        request: &items::request::Request,
    ) {
        let is_member = self.phase == Phase::Member;
        self.client.on_timeout(cx, request, is_member);
    }

    /// Pings the server to join; fails the join after [`JOIN_ATTEMPTS`].
    fn ping_server(&mut self, cx: &mut Context<'_, Central>, attempt: u8) {
        let wait = self.client.transfers.timeout(attempt);
        let asked = (attempt < JOIN_ATTEMPTS)
            .then(|| cx.request(self.server, attempt, Kind::JoinPing, wait))
            .flatten();
        match asked {
            Some(request) => cx.world.send(self.me(), self.server, &Message::Ping { request }),
            None => {
                self.phase = Phase::Outside;
                cx.report(Event::JoinFailed);
            }
        }
    }

    fn on_pong(&mut self, cx: &mut Context<'_, Central>, from: Peer, id: RequestId) {
        let is_join_ping = |kind: &Kind| matches!(kind, Kind::JoinPing);
        let Some(request) = cx.match_reply(id, from, is_join_ping) else { return };
        self.client.transfers.record(cx.now.since(request.sent_at));
        if self.phase == Phase::Joining {
            cx.report(Event::Joined);
            self.start(cx);
        }
    }

    /// Arms the timer for the next publication.
    fn arm(&mut self, cx: &mut Context<'_, Central>) {
        let next = self.client.publisher.next_at();
        if next != self.armed_at {
            self.armed_at = next;
            cx.world.arm_node(cx.node, next);
        }
    }
}
