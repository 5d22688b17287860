//! A peer of a central index: publishes what it holds, asks, fetches, and gives away.
//!
//! **Invariant:** it knows one other node, the server, for ever; all others it learns of from answers
//! to its queries, and forgets them when the transfer is over.

use alloc::sync::Arc;

use crate::central::{CentralConfig, Phase};
use crate::context::{Context, Event};
use crate::items::{Participant, Query, Shelf, inquirer};
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
    part: Participant,
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
        let sharing = Arc::clone(&config.sharing);
        CentralPeer {
            phase: Phase::Outside,
            server,
            part: Participant::new(me, shelf, sharing, config.publishing, rng),
            armed_at: Time::NEVER,
            config,
        }
    }

    pub(super) const fn me(&self) -> Peer {
        self.part.sharer.me()
    }

    pub(super) const fn shelf(&self) -> &Shelf {
        self.part.sharer.shelf()
    }

    pub(super) fn start(&mut self, cx: &mut Context<'_>) {
        self.phase = Phase::Member;
        self.part.publisher.start(cx);
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
        self.part.publisher.stop();
        self.arm(cx);
    }

    pub(super) fn ask(&mut self, cx: &mut Context<'_>, query: Query, token: u64) -> bool {
        if self.phase != Phase::Member {
            return false;
        }
        let (cookie, deadline) = (Cookie::default(), cx.now + self.config.deadline);
        let own = OwnFind { token, query, cookie, deadline, hops: 1, timeouts: 0 };
        self.part.ask(cx, self.server, own)
    }

    pub(super) fn handle_message(
        &mut self,
        cx: &mut Context<'_>,
        from: Peer,
        message: Message<'_>,
    ) {
        match message {
            Message::Pong { request } => self.on_pong(cx, from, request),
            message => self.part.handle_message(cx, from, message),
        }
    }

    pub(super) fn handle_timeout(&mut self, cx: &mut Context<'_>) {
        self.armed_at = Time::NEVER;
        if let Some(index) = self.part.publisher.take_turn(cx.now) {
            self.part.publish(cx, self.server, index);
        }
        self.arm(cx);
    }

    pub(super) fn on_request_timeout(&mut self, cx: &mut Context<'_>, request: &Request) {
        let sharer = &mut self.part.sharer;
        match request.kind {
            RequestKind::Find(_) => inquirer::on_timeout(cx, sharer, request),
            RequestKind::Fetch(_) => sharer.on_fetch_timeout(cx, request),
            RequestKind::Publish(_) if self.phase == Phase::Member => {
                self.part.on_publish_timeout(cx, request);
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
        let wait = self.part.sharer.timeout(attempt);
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
        self.part.sharer.record(cx.now, &request);
        if self.phase == Phase::Joining {
            cx.world.report(cx.node, Event::Joined);
            self.start(cx);
        }
    }

    /// Arms the timer for the next item to publish.
    fn arm(&mut self, cx: &mut Context<'_>) {
        let next = self.part.publisher.next_at();
        if next != self.armed_at {
            self.armed_at = next;
            cx.world.arm_node(cx.node, next);
        }
    }
}
