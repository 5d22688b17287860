//! What a node of the ring keeps for others: references to items, at the owners of their names'
//! hashes. The item itself stays with its holder (indirect storage; Wehrle, Götz and Rieche,
//! *Distributed Hash Tables*, 2005).
//!
//! ```text
//! holder   lookup(SHA-1 of the name) ──▶ owner    Publish ──▶ owner ── Copy ──▶ successor ── …
//! asks     lookup(SHA-1 of the name) ──▶ owner    Find ─────▶ owner,   Fetch ──▶ holder
//! ```
//!
//! References are soft state: they lapse unless their holders publish again, and so they find a new
//! owner when nodes come and go. Copies at the owner's successors answer as soon as one of these has
//! become the owner.
//!
//! A piece of a name has another hash than the name: whoever owns that is asked, as any owner would
//! be, and knows nothing. That is what the ring cannot do.
//!
//! **Invariant:** a question ends by its deadline; the ring beneath works as it does without a store.

mod overheard;

use alloc::sync::Arc;

use self::overheard::{LookupEnd, Overheard, overhear};
use crate::context::{Context, Drop, Event, LookupDone, Node};
use crate::id::Id;
use crate::items::inquirer::conclude;
use crate::items::{
    Hit, HitList, Inquirer, Publisher, PublishingConfig, Query, Registrar, RegistrarConfig, Sharer,
    SharingConfig, Shelf,
};
use crate::message::{Cookie, MAX_COPIES, Message, Purpose, RequestId};
use crate::peer::Peer;
use crate::ring::{RingConfig, RingNode};
use crate::rng::Rng;
use crate::rpc::{OwnFind, Publication, Request, RequestHandle, RequestKind};
use crate::time::Time;

/// How references are kept: the same for all nodes.
#[derive(Clone, Debug)]
pub struct StoreConfig {
    /// The ring beneath.
    pub ring: Arc<RingConfig>,
    /// How items are fetched, and how long replies are waited for.
    pub sharing: Arc<SharingConfig>,
    /// How references are kept.
    pub registrar: RegistrarConfig,
    /// When nodes publish what they hold.
    pub publishing: PublishingConfig,
    /// Nodes that keep a reference: its owner and those that follow it, 1 … [`MAX_COPIES`] + 1.
    pub replicas: u8,
}

/// A node of the ring with its references.
#[derive(Debug)]
pub struct StoreNode {
    ring: RingNode,
    config: Arc<StoreConfig>,
    sharer: Sharer,
    registrar: Registrar,
    publisher: Publisher,
    inquirer: Inquirer,
    /// When the ring wants to be called.
    ring_due: Time,
    armed_at: Time,
}

impl StoreNode {
    /// A node with these items that is not yet a member of any ring.
    #[must_use]
    pub fn new(me: Peer, shelf: Shelf, config: Arc<StoreConfig>, rng: &mut Rng) -> StoreNode {
        StoreNode {
            ring: RingNode::new(me, config.ring.clone(), rng),
            publisher: Publisher::new(config.publishing, shelf.len()),
            sharer: Sharer::new(me, shelf, config.sharing.clone(), rng),
            registrar: Registrar::new(me, &config.registrar, rng),
            inquirer: Inquirer::default(),
            ring_due: Time::NEVER,
            armed_at: Time::NEVER,
            config,
        }
    }

    /// The ring node beneath.
    #[must_use]
    pub const fn ring(&self) -> &RingNode {
        &self.ring
    }

    /// See [`RingNode::start_linked`]. Begins to publish.
    pub fn start_linked(&mut self, cx: &mut Context<'_>, ring: &[Peer]) {
        self.within(cx, |node, cx| node.start_linked(cx, ring));
        self.begin(cx);
    }

    /// See [`RingNode::join`]. Begins to publish once it is a member.
    pub fn join(&mut self, cx: &mut Context<'_>, bootstrap: Peer) {
        self.within(cx, |node, cx| node.join(cx, bootstrap));
    }

    /// See [`RingNode::leave`]. Its references are left to their copies.
    pub fn leave(&mut self, cx: &mut Context<'_>) {
        self.publisher.stop();
        self.within(cx, |node, cx| node.leave(cx));
    }

    /// See [`RingNode::lookup`].
    pub fn lookup(&mut self, cx: &mut Context<'_>, key: Id, token: u64) -> bool {
        self.within(cx, |node, cx| node.lookup(cx, key, token))
    }

    /// Asks the owner of the hash of the query's text who has items that fit, and fetches the best.
    /// Ends in [`Event::Found`] or, after the configured deadline, [`Event::LookupFailed`], either of
    /// them with `token`; what follows the first, see [`Sharer::fetch`].
    ///
    /// Returns whether it was begun; it is not if too many requests are in flight, or this node is
    /// no member.
    pub fn ask(&mut self, cx: &mut Context<'_>, query: Query, token: u64) -> bool {
        let (cookie, deadline) = (Cookie::default(), cx.now + self.config.ring.deadline);
        let own = OwnFind { token, query, cookie, deadline, hops: 0, timeouts: 0 };
        self.ring.is_member() && self.look_up(cx, own)
    }

    /// What it keeps about others: distinct peers in its tables, and references.
    #[must_use]
    pub fn entries(&self) -> usize {
        self.ring.entries() + self.registrar.index().len()
    }

    /// Memory it takes, the configuration and names, which it may share, left out; in bytes.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        let tables = self.ring.memory_bytes() - size_of::<RingNode>();
        let references = self.registrar.index().heap_bytes();
        size_of::<Self>() + tables + references + self.sharer.shelf().heap_bytes()
    }

    /// Calls the ring node, and sees to what that came to.
    #[inline]
    fn within<T>(
        &mut self,
        cx: &mut Context<'_>,
        call: impl FnOnce(&mut RingNode, &mut Context<'_>) -> T,
    ) -> T {
        let was_member = self.ring.is_member();
        let ring = &mut self.ring;
        let (result, Overheard { armed, ended }) = overhear(cx, |cx| call(ring, cx));
        if let Some(at) = armed {
            self.ring_due = at;
        }
        if let Some(end) = ended {
            self.on_lookup_end(cx, end);
        }
        if !was_member && self.ring.is_member() {
            self.begin(cx);
        } else {
            self.arm(cx);
        }
        result
    }

    fn begin(&mut self, cx: &mut Context<'_>) {
        self.publisher.start(cx);
        self.arm(cx);
    }

    /// Looks up whom to ask. What is asked waits as a request to this node itself.
    fn look_up(&mut self, cx: &mut Context<'_>, own: OwnFind) -> bool {
        let key = Id::of_name(own.query.text.as_bytes());
        self.look_up_for(cx, key, RequestKind::Find(own), Purpose::User)
    }

    fn look_up_for(
        &mut self,
        cx: &mut Context<'_>,
        key: Id,
        kind: RequestKind,
        purpose: Purpose,
    ) -> bool {
        // The lookup ends first, one way or the other.
        let wait = self.config.ring.deadline * 2;
        let Some(waiting) = cx.request(self.sharer.me(), 0, kind, wait) else { return false };
        let begun =
            self.within(cx, |node, cx| node.begin_lookup(cx, key, waiting.0, purpose, None));
        if !begun {
            self.take_waiting(cx, waiting.0);
        }
        begun
    }

    /// What waited for the lookup of that name.
    fn take_waiting(&self, cx: &mut Context<'_>, token: u64) -> Option<Request> {
        let waits =
            |kind: &RequestKind| matches!(kind, RequestKind::Find(_) | RequestKind::Publish(_));
        cx.matched(RequestId(token), self.sharer.me(), waits)
    }

    fn on_lookup_end(&mut self, cx: &mut Context<'_>, end: LookupEnd) {
        match end {
            LookupEnd::Done(done) => {
                let Some(waiting) = self.take_waiting(cx, done.token) else { return };
                match waiting.kind {
                    RequestKind::Find(own) => self.ask_owner(cx, own, &done),
                    RequestKind::Publish(Publication { index, .. }) => {
                        self.publish_at(cx, done.owner, index);
                    }
                    _ => {}
                }
            }
            LookupEnd::Failed { token, timeouts } => {
                let Some(waiting) = self.take_waiting(cx, token) else { return };
                if let RequestKind::Find(own) = waiting.kind {
                    fail(cx, &OwnFind { timeouts: own.timeouts.saturating_add(timeouts), ..own });
                }
            }
        }
    }

    fn ask_owner(&mut self, cx: &mut Context<'_>, own: OwnFind, done: &LookupDone) {
        let timeouts = own.timeouts.saturating_add(done.timeouts);
        if done.owner.id == self.sharer.me().id {
            let mut found = HitList::default();
            self.registrar.index().find(cx.now, &own.query, &mut found);
            let own = OwnFind { timeouts, hops: done.hops, ..own };
            conclude(cx, &mut self.sharer, &own, found.hits());
            return;
        }
        let own = OwnFind { timeouts, hops: done.hops.saturating_add(1), ..own };
        if !self.inquirer.ask(cx, &self.sharer, done.owner, own) {
            fail(cx, &own);
        }
    }

    fn publish_at(&mut self, cx: &mut Context<'_>, owner: Peer, index: u32) {
        let me = self.sharer.me();
        if owner.id != me.id {
            self.publisher.publish(cx, &self.sharer, owner, index);
        } else if let Some(name) = self.sharer.shelf().name(index as usize) {
            self.keep(cx, &Hit { holder: me, name }, self.copies());
        }
    }

    /// Further copies of each reference.
    fn copies(&self) -> u8 {
        self.config.replicas.saturating_sub(1).min(MAX_COPIES)
    }

    /// Enters a reference, and has the successors keep so many copies of it.
    fn keep(&mut self, cx: &mut Context<'_>, hit: &Hit, copies: u8) {
        if self.registrar.enter(cx, hit) {
            self.copy_on(cx, hit, copies);
        }
    }

    fn copy_on(&mut self, cx: &mut Context<'_>, hit: &Hit, copies: u8) {
        if let Some(left) = copies.checked_sub(1)
            && let Some(&successor) = self.ring.successors().first()
        {
            let copy = Message::Copy { hit: *hit, copies: left };
            cx.world.send(self.sharer.me(), successor, &copy);
        }
    }

    fn on_copy(&mut self, cx: &mut Context<'_>, from: Peer, hit: &Hit, copies: u8) {
        if self.ring.knows(from) {
            self.keep(cx, hit, copies);
        } else {
            cx.world.count_drop(Drop::UnknownPeer);
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

    /// Whoever was asked does not answer: perhaps it is no longer there, and another owns the key.
    fn on_find_timeout(&mut self, cx: &mut Context<'_>, own: OwnFind) {
        self.sharer.record_timeout();
        let own = OwnFind { timeouts: own.timeouts.saturating_add(1), ..own };
        if cx.now >= own.deadline || !self.look_up(cx, own) {
            fail(cx, &own);
        }
    }

    /// Publishes what has its turn.
    fn turn(&mut self, cx: &mut Context<'_>) {
        self.registrar.expire(cx.now);
        let Some(index) = self.publisher.take_turn(cx.now) else { return };
        let Some(name) = self.sharer.shelf().name(index as usize) else { return };
        let kind = RequestKind::Publish(Publication { index, cookie: Cookie::default() });
        self.look_up_for(cx, Id::of_name(name.as_bytes()), kind, Purpose::Publish);
    }

    /// Arms the one timer for whatever comes next.
    fn arm(&mut self, cx: &mut Context<'_>) {
        let next = self.ring_due.min(self.publisher.next_at());
        if next != self.armed_at {
            self.armed_at = next;
            cx.world.arm_node(cx.node, next);
        }
    }

    /// A message of the store's, not of the ring's.
    fn on_store_message(&mut self, cx: &mut Context<'_>, from: Peer, message: Message<'_>) {
        let replies = matches!(
            message,
            Message::Published { .. }
                | Message::Found { .. }
                | Message::Item { .. }
                | Message::CookieReply { .. }
        );
        if from.id == self.sharer.me().id {
            cx.world.count_drop(Drop::FromSelf);
            return;
        }
        if !replies && !self.ring.is_member() {
            cx.world.count_drop(Drop::NotMember);
            return;
        }
        let sharer = &mut self.sharer;
        match message {
            Message::Publish { request, cookie, name } => {
                if self.registrar.on_publish(cx, from, request, cookie, name) {
                    self.copy_on(cx, &Hit { holder: from, name }, self.copies());
                }
            }
            Message::Published { request } => {
                self.publisher.on_published(cx, sharer, from, request);
            }
            Message::Copy { hit, copies } => self.on_copy(cx, from, &hit, copies),
            Message::Find { request, cookie, query } => {
                self.registrar.on_find(cx, from, request, cookie, &query);
            }
            Message::Found { request, hits } => {
                self.inquirer.on_found(cx, sharer, from, request, hits);
            }
            Message::Fetch { request, cookie, name } => {
                sharer.on_fetch(cx, from, request, cookie, name);
            }
            Message::Item { request, payload } => sharer.on_item(cx, from, request, payload),
            Message::CookieReply { request, cookie, .. } => {
                self.on_cookie(cx, from, request, cookie);
            }
            _ => cx.world.count_drop(Drop::NotForThisKind),
        }
    }
}

impl Node for StoreNode {
    fn peer(&self) -> Peer {
        self.sharer.me()
    }

    fn handle_message(&mut self, cx: &mut Context<'_>, from: Peer, message: Message<'_>) {
        let is_stores = match message {
            Message::CookieReply { purpose, .. } => {
                matches!(purpose, Purpose::User | Purpose::Publish | Purpose::Transfer)
            }
            Message::Publish { .. }
            | Message::Published { .. }
            | Message::Copy { .. }
            | Message::Find { .. }
            | Message::Found { .. }
            | Message::Fetch { .. }
            | Message::Item { .. } => true,
            _ => false,
        };
        if is_stores {
            self.on_store_message(cx, from, message);
        } else {
            self.within(cx, |node, cx| node.handle_message(cx, from, message));
        }
    }

    fn handle_timeout(&mut self, cx: &mut Context<'_>) {
        self.armed_at = Time::NEVER;
        if cx.now >= self.ring_due {
            self.ring_due = Time::NEVER;
            self.within(cx, |node, cx| node.handle_timeout(cx));
        }
        self.turn(cx);
        self.arm(cx);
    }

    fn handle_request_timeout(&mut self, cx: &mut Context<'_>, handle: RequestHandle) {
        let Some(&Request { kind, to, .. }) = cx.requests.at(handle) else { return };
        let is_stores =
            matches!(kind, RequestKind::Publish(_) | RequestKind::Find(_) | RequestKind::Fetch(_));
        if !is_stores {
            self.within(cx, |node, cx| node.handle_request_timeout(cx, handle));
            return;
        }
        let Some(request) = cx.requests.remove(handle) else { return };
        match kind {
            RequestKind::Find(own) => self.on_find_timeout(cx, own),
            RequestKind::Fetch(_) => self.sharer.on_fetch_timeout(cx, &request),
            // One that waits for a lookup waits no more; the next round makes up for it.
            RequestKind::Publish(_) if to.id != self.sharer.me().id => {
                self.publisher.on_timeout(cx, &mut self.sharer, &request);
            }
            _ => {}
        }
    }
}

fn fail(cx: &mut Context<'_>, own: &OwnFind) {
    let OwnFind { token, timeouts, .. } = *own;
    cx.world.report(cx.node, Event::LookupFailed { token, timeouts });
}
