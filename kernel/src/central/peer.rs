//! A peer of a central index: publishes what it holds, asks, fetches, and gives away.
//!
//! **Invariant:** it knows one other node, the server, for ever; all others it learns of from answers
//! to its queries, and forgets them when the transfer is over.

use alloc::sync::Arc;

use crate::central::{CentralConfig, Phase};
use crate::context::{Context, Drop, Event};
use crate::items::{Inquirer, Publisher, Query, Sharer, Shelf};
use crate::message::{Cookie, Message, Peers, RequestId};
use crate::peer::Peer;
use crate::rng::Rng;
use crate::rpc::{OwnFind, Request, RequestKind};
use crate::time::Time;

/// The server is asked so often whether it is there before a join has failed; the wait doubles each
/// time.
const JOIN_ATTEMPTS: u8 = 4;

/// See the [module](self).
#[derive(Debug)]
pub(super) struct CentralPeer {
    pub(super) phase: Phase,
    server: Peer,
    config: Arc<CentralConfig>,
    sharer: Sharer,
    publisher: Publisher,
    inquirer: Inquirer,
    armed_at: Time,
}

impl CentralPeer {
    pub(super) fn new(
        me: Peer,
        server: Peer,
        shelf: Shelf,
        config: Arc<CentralConfig>,
        rng: &mut Rng,
    ) -> CentralPeer {
        CentralPeer {
            phase: Phase::Outside,
            server,
            publisher: Publisher::new(config.publishing, shelf.len()),
            sharer: Sharer::new(me, shelf, Arc::clone(&config.sharing), rng),
            inquirer: Inquirer::default(),
            armed_at: Time::NEVER,
            config,
        }
    }

    pub(super) const fn me(&self) -> Peer {
        self.sharer.me()
    }

    pub(super) const fn shelf(&self) -> &Shelf {
        self.sharer.shelf()
    }

    pub(super) fn start(&mut self, cx: &mut Context<'_>) {
        self.phase = Phase::Member;
        self.publisher.start(cx);
        self.arm(cx);
    }

    pub(super) fn join(&mut self, cx: &mut Context<'_>) {
        self.phase = Phase::Joining;
        self.greet(cx, 0);
    }

    pub(super) fn leave(&mut self, cx: &mut Context<'_>) {
        let leave = Message::Leave { predecessor: None, successors: Peers::NONE };
        cx.world.send(self.me(), self.server, &leave);
        self.phase = Phase::Outside;
        self.publisher.stop();
        self.arm(cx);
    }

    pub(super) fn ask(&mut self, cx: &mut Context<'_>, query: Query, token: u64) -> bool {
        if self.phase != Phase::Member {
            return false;
        }
        let (cookie, deadline) = (Cookie::default(), cx.now + self.config.deadline);
        let own = OwnFind { token, query, cookie, deadline, hops: 1, timeouts: 0 };
        self.inquirer.ask(cx, &self.sharer, self.server, own)
    }

    pub(super) fn handle_message(
        &mut self,
        cx: &mut Context<'_>,
        from: Peer,
        message: Message<'_>,
    ) {
        let sharer = &mut self.sharer;
        match message {
            Message::Pong { request } => self.on_pong(cx, from, request),
            Message::CookieReply { request, cookie, .. } => {
                self.on_cookie(cx, from, request, cookie);
            }
            Message::Published { request } => {
                self.publisher.on_published(cx, sharer, from, request);
            }
            Message::Found { request, hits } => {
                self.inquirer.on_found(cx, sharer, from, request, hits);
            }
            Message::Fetch { request, cookie, name } => {
                sharer.on_fetch(cx, from, request, cookie, name);
            }
            Message::Item { request, payload } => sharer.on_item(cx, from, request, payload),
            _ => cx.world.count_drop(Drop::NotForThisKind),
        }
    }

    pub(super) fn handle_timeout(&mut self, cx: &mut Context<'_>) {
        self.armed_at = Time::NEVER;
        if let Some(index) = self.publisher.take_turn(cx.now) {
            self.publisher.publish(cx, &self.sharer, self.server, index);
        }
        self.arm(cx);
    }

    pub(super) fn on_request_timeout(&mut self, cx: &mut Context<'_>, request: &Request) {
        let sharer = &mut self.sharer;
        match request.kind {
            RequestKind::Find(_) => self.inquirer.on_timeout(cx, sharer, request),
            RequestKind::Fetch(_) => sharer.on_fetch_timeout(cx, request),
            RequestKind::Publish(_) if self.phase == Phase::Member => {
                self.publisher.on_timeout(cx, sharer, request);
            }
            RequestKind::Connect if self.phase == Phase::Joining => {
                sharer.record_timeout();
                self.greet(cx, request.retries + 1);
            }
            // Begun before it left, or what other kinds of nodes begin.
            _ => {}
        }
    }

    /// Asks the server whether it is there.
    fn greet(&mut self, cx: &mut Context<'_>, attempt: u8) {
        let wait = self.sharer.timeout(attempt);
        let asked = (attempt < JOIN_ATTEMPTS)
            .then(|| cx.request(self.server, attempt, RequestKind::Connect, wait))
            .flatten();
        match asked {
            Some(request) => cx.world.send(self.me(), self.server, &Message::Ping { request }),
            None => {
                self.phase = Phase::Outside;
                cx.world.report(cx.node, Event::JoinFailed);
            }
        }
    }

    fn on_pong(&mut self, cx: &mut Context<'_>, from: Peer, id: RequestId) {
        let is_greeting = |kind: &RequestKind| matches!(kind, RequestKind::Connect);
        let Some(request) = cx.matched(id, from, is_greeting) else { return };
        self.sharer.record(cx.now, &request);
        if self.phase == Phase::Joining {
            cx.world.report(cx.node, Event::Joined);
            self.start(cx);
        }
    }

    fn on_cookie(&mut self, cx: &mut Context<'_>, from: Peer, id: RequestId, cookie: Cookie) {
        let wants_cookie = |kind: &RequestKind| {
            matches!(kind, RequestKind::Publish(_) | RequestKind::Find(_) | RequestKind::Fetch(_))
        };
        let Some(request) = cx.matched(id, from, wants_cookie) else { return };
        let sharer = &mut self.sharer;
        match request.kind {
            RequestKind::Publish(_) => self.publisher.on_cookie(cx, sharer, &request, cookie),
            RequestKind::Find(_) => self.inquirer.on_cookie(cx, sharer, &request, cookie),
            _ => sharer.on_fetch_cookie(cx, &request, cookie),
        }
    }

    /// Arms the timer for the next item to publish.
    fn arm(&mut self, cx: &mut Context<'_>) {
        let next = self.publisher.next_at();
        if next != self.armed_at {
            self.armed_at = next;
            cx.world.arm_node(cx.node, next);
        }
    }
}
