//! What a node of the ring keeps for others: references to items, at the owners of their names'
//! hashes. The item itself stays with its holder (indirect storage; Wehrle, Götz and Rieche,
//! *Distributed Hash Tables*, 2005).
//!
//! ```text
//! holder   lookup(SHA-1 of the name) ──▶ owner    Publish ──▶ owner ── Copy ──▶ successor ── …
//! asks     lookup(SHA-1 of the name) ──▶ owner    Find ─────▶ owner,   Fetch ──▶ holder
//! ```
//!
//! References are soft state: they lapse unless their holders publish again, which in the end makes
//! good whatever was lost. Until then copies at the owner's successors answer as soon as one of these
//! has become the owner, and references are handed over to who joins and by who leaves.
//!
//! A piece of a name has another hash than the name: whoever owns that is asked, as any owner would
//! be, for what has just this name. That is what the ring cannot do.
//!
//! Copies are taken from neighbours only, but a neighbour's address can be forged by whoever can forge
//! any. So can a reference be that somebody publishes: what is found is a hint, and the transfer shows.
//! Either costs a place in the index until it lapses.
//!
//! **Invariant:** a question ends by its deadline; the ring beneath works as it does without a store.

mod handover;
mod overheard;

use alloc::sync::Arc;
use core::time::Duration;

use self::handover::{Handover, hand_on_all, key_of, send_copy};
use self::overheard::{LookupEnd, Overheard, overhear};
use crate::context::{Context, Drop, Event, LookupDone, Node};
use crate::id::Id;
use crate::items::inquirer::conclude;
use crate::items::{
    Hit, HitList, Index, Match, Participant, PublishingConfig, Query, Registrar, RegistrarConfig,
    SharingConfig, Shelf,
};
use crate::message::{Cookie, MAX_COPIES, Message, Purpose, RequestId};
use crate::peer::Peer;
use crate::ring::{RingConfig, RingNode};
use crate::rng::Rng;
use crate::rpc::{OwnFind, OwnLookup, Publication, Request, RequestHandle, RequestKind};
use crate::silent::Silent;
use crate::time::Time;

/// What waits for a lookup waits so much beyond the lookup's deadline, by which that ends.
const BEYOND_LOOKUP: Duration = Duration::from_secs(1);

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
    part: Participant,
    registrar: Registrar,
    handover: Handover,
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
            part: Participant::new(me, shelf, config.sharing.clone(), config.publishing, rng),
            registrar: Registrar::new(me, &config.registrar, rng),
            handover: Handover::new(),
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
    }

    /// See [`RingNode::join`]. Begins to publish once it is a member.
    pub fn join(&mut self, cx: &mut Context<'_>, bootstrap: Peer) {
        self.within(cx, |node, cx| node.join(cx, bootstrap));
    }

    /// See [`RingNode::leave`]. The references that it owns go to its successor.
    pub fn leave(&mut self, cx: &mut Context<'_>) {
        if let Some(&successor) = self.ring.successors().first() {
            let (me, predecessor) = (self.part.sharer.me(), self.ring.predecessor());
            // First of all: nothing is taken from whom the successor no longer knows.
            hand_on_all(cx, me, predecessor, successor, self.registrar.index(), self.copies());
        }
        self.part.publisher.stop();
        self.handover = Handover::new();
        self.within(cx, |node, cx| node.leave(cx));
    }

    /// See [`RingNode::lookup`].
    pub fn lookup(&mut self, cx: &mut Context<'_>, key: Id, token: u64) -> bool {
        self.within(cx, |node, cx| node.lookup(cx, key, token))
    }

    /// Asks the owner of the hash of the query's text who has the item of that name, however names
    /// were to fit, and fetches it. Ends in [`Event::Found`] or, after the configured deadline,
    /// [`Event::LookupFailed`], either of them with `token`; what follows the first, see
    /// [`Sharer::fetch`](crate::items::Sharer::fetch).
    ///
    /// Returns whether it was begun; it is not if too many requests are in flight, or this node is
    /// no member.
    pub fn ask(&mut self, cx: &mut Context<'_>, query: Query, token: u64) -> bool {
        let (cookie, deadline) = (Cookie::default(), cx.now + self.config.ring.deadline);
        let query = exact(query);
        let own = OwnFind { token, query, cookie, deadline, hops: 0, timeouts: 0 };
        self.ring.is_member() && self.look_up(cx, own)
    }

    /// The references that it keeps.
    #[must_use]
    pub const fn index(&self) -> &Index {
        self.registrar.index()
    }

    /// What it keeps about others: distinct peers in its tables, and references.
    #[must_use]
    pub fn entries(&self) -> usize {
        self.ring.entries() + self.index().len()
    }

    /// Memory it takes, the configuration and names, which it may share, left out; in bytes.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        let tables = self.ring.memory_bytes() - size_of::<RingNode>();
        let references = self.index().heap_bytes();
        size_of::<Self>() + tables + references + self.part.sharer.shelf().heap_bytes()
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
        self.handover.notice(cx.now, self.part.sharer.me().id, self.ring.predecessor());
        if !was_member && self.ring.is_member() {
            self.begin(cx);
        } else {
            self.arm(cx);
        }
        result
    }

    fn begin(&mut self, cx: &mut Context<'_>) {
        self.part.publisher.start(cx);
        self.arm(cx);
    }

    /// Looks up whom to ask. What is asked waits as a request to this node itself.
    fn look_up(&mut self, cx: &mut Context<'_>, own: OwnFind) -> bool {
        let (key, deadline) = (Id::of_name(own.query.text.as_bytes()), own.deadline);
        self.look_up_for(cx, key, RequestKind::Find(own), Purpose::User, deadline)
    }

    fn look_up_for(
        &mut self,
        cx: &mut Context<'_>,
        key: Id,
        kind: RequestKind,
        purpose: Purpose,
        deadline: Time,
    ) -> bool {
        let wait = deadline.since(cx.now) + BEYOND_LOOKUP;
        let Some(waiting) = cx.request(self.part.sharer.me(), 0, kind, wait) else { return false };
        let (token, silent, payload) = (waiting.0, Silent::default(), None);
        let own = OwnLookup { token, key, purpose, deadline, timeouts: 0, silent, payload };
        let begun = self.within(cx, |node, cx| node.start(cx, own, 0));
        if !begun {
            self.take_waiting(cx, token);
        }
        begun
    }

    /// What waited for the lookup of that name; nothing if the lookup was the application's.
    fn take_waiting(&self, cx: &mut Context<'_>, token: u64) -> Option<RequestKind> {
        let handle = cx.requests.find(RequestId(token))?;
        let &Request { node, to, kind, .. } = cx.requests.at(handle)?;
        let waits = matches!(kind, RequestKind::Find(_) | RequestKind::Publish(_));
        if node != cx.node || to != self.part.sharer.me() || !waits {
            return None;
        }
        cx.world.disarm_request(handle);
        cx.requests.remove(handle);
        Some(kind)
    }

    fn on_lookup_end(&mut self, cx: &mut Context<'_>, end: LookupEnd) {
        match (self.take_waiting(cx, end.token()), end) {
            (Some(RequestKind::Find(own)), LookupEnd::Done(done)) => {
                self.ask_owner(cx, own, &done);
            }
            (Some(RequestKind::Find(own)), LookupEnd::Failed { timeouts, .. }) => {
                fail(cx, &OwnFind { timeouts: own.timeouts.saturating_add(timeouts), ..own });
            }
            (Some(RequestKind::Publish(publication)), LookupEnd::Done(done)) => {
                self.publish_at(cx, done.owner, publication.index);
            }
            // The next round makes up for it.
            (Some(_), _) => {}
            (None, end) => cx.world.report(cx.node, end.event()),
        }
    }

    fn ask_owner(&mut self, cx: &mut Context<'_>, own: OwnFind, done: &LookupDone) {
        let timeouts = own.timeouts.saturating_add(done.timeouts);
        if done.owner.id == self.part.sharer.me().id {
            let mut found = HitList::default();
            self.registrar.index().find(cx.now, &own.query, &mut found);
            let own = OwnFind { timeouts, hops: done.hops, ..own };
            conclude(cx, &mut self.part.sharer, &own, found.hits());
            return;
        }
        let own = OwnFind { timeouts, hops: done.hops.saturating_add(1), ..own };
        if !self.part.ask(cx, done.owner, own) {
            fail(cx, &own);
        }
    }

    fn publish_at(&mut self, cx: &mut Context<'_>, owner: Peer, index: u32) {
        let me = self.part.sharer.me();
        if !self.ring.is_member() {
            return; // It has left meanwhile.
        }
        if owner.id != me.id {
            self.part.publish(cx, owner, index);
        } else if let Some(name) = self.part.sharer.shelf().name(index as usize) {
            let hit = Hit { holder: me, name };
            if self.registrar.enter(cx, &hit) {
                self.copy_on(cx, &hit, self.copies(), self.registrar.lifetime());
            }
        }
    }

    /// Further copies of each reference.
    fn copies(&self) -> u8 {
        self.config.replicas.saturating_sub(1).min(MAX_COPIES)
    }

    /// Has the successors keep so many copies of a reference.
    fn copy_on(&self, cx: &mut Context<'_>, hit: &Hit, copies: u8, lifetime: Duration) {
        if let Some(left) = copies.checked_sub(1)
            && let Some(&successor) = self.ring.successors().first()
        {
            send_copy(cx, self.part.sharer.me(), successor, hit, left, lifetime);
        }
    }

    fn on_copy(
        &mut self,
        cx: &mut Context<'_>,
        from: Peer,
        hit: &Hit,
        copies: u8,
        lifetime_ms: u32,
    ) {
        let successors = self.ring.successors();
        if self.ring.predecessor() != Some(from) && !successors.contains(&from) {
            cx.world.count_drop(Drop::UnknownPeer);
            return;
        }
        let lifetime = Duration::from_millis(lifetime_ms.into()).min(self.registrar.lifetime());
        if self.registrar.enter_for(cx, hit, lifetime) && copies > 0 && !self.is_last_before(hit) {
            self.copy_on(cx, hit, copies.min(self.copies()), lifetime);
        }
    }

    /// Whether the owner of a reference comes next: in a ring of fewer nodes than copies these end
    /// where they began.
    fn is_last_before(&self, hit: &Hit) -> bool {
        let (me, owner) = (self.part.sharer.me().id, self.ring.successors().first());
        owner.is_some_and(|owner| owner.id.owns(key_of(hit), me))
    }

    /// Whoever was asked does not answer: perhaps it is no longer there, and another owns the key.
    fn on_find_timeout(&mut self, cx: &mut Context<'_>, to: Peer, own: OwnFind) {
        self.part.sharer.record_timeout();
        let own = OwnFind { timeouts: own.timeouts.saturating_add(1), ..own };
        // At the deadline it has had less time than others.
        if cx.now >= own.deadline {
            return fail(cx, &own);
        }
        self.within(cx, |node, cx| node.suspect(cx, to));
        if !self.look_up(cx, own) {
            fail(cx, &own);
        }
    }

    /// Publishes what has its turn.
    fn publish_next(&mut self, cx: &mut Context<'_>) {
        let Some(index) = self.part.publisher.take_turn(cx.now) else { return };
        let Some(name) = self.part.sharer.shelf().name(index as usize) else { return };
        let kind = RequestKind::Publish(Publication { index, cookie: Cookie::default() });
        let (key, deadline) = (Id::of_name(name.as_bytes()), cx.now + self.config.ring.deadline);
        self.look_up_for(cx, key, kind, Purpose::Publish, deadline);
    }

    /// Arms the one timer for whatever comes next.
    fn arm(&mut self, cx: &mut Context<'_>) {
        let next = self.ring_due.min(self.part.publisher.next_at()).min(self.handover.next_at());
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
        if from.id == self.part.sharer.me().id {
            cx.world.count_drop(Drop::FromSelf);
            return;
        }
        if !replies && !self.ring.is_member() {
            cx.world.count_drop(Drop::NotMember);
            return;
        }
        match message {
            Message::Publish { request, cookie, name } => {
                if self.registrar.on_publish(cx, from, request, cookie, name) {
                    let (hit, lifetime) = (Hit { holder: from, name }, self.registrar.lifetime());
                    self.copy_on(cx, &hit, self.copies(), lifetime);
                }
            }
            Message::Copy { hit, copies, lifetime_ms } => {
                self.on_copy(cx, from, &hit, copies, lifetime_ms);
            }
            Message::Find { request, cookie, query } => {
                self.registrar.on_find(cx, from, request, cookie, &exact(query));
            }
            message => self.part.handle_message(cx, from, message),
        }
    }
}

impl Node for StoreNode {
    fn peer(&self) -> Peer {
        self.part.sharer.me()
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
        self.registrar.expire(cx.now);
        self.publish_next(cx);
        self.handover.step(cx, self.part.sharer.me(), self.registrar.index());
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
            RequestKind::Fetch(_) => self.part.sharer.on_fetch_timeout(cx, &request),
            // It waited for a lookup.
            RequestKind::Find(own) if to == self.part.sharer.me() => fail(cx, &own),
            RequestKind::Find(own) => self.on_find_timeout(cx, to, own),
            RequestKind::Publish(_) if to != self.part.sharer.me() && self.ring.is_member() => {
                self.part.on_publish_timeout(cx, &request);
            }
            _ => {}
        }
    }
}

/// A question for what has just this name: owners know no other names but by chance.
const fn exact(query: Query) -> Query {
    Query { how: Match::Exact, ..query }
}

fn fail(cx: &mut Context<'_>, own: &OwnFind) {
    let OwnFind { token, timeouts, .. } = *own;
    cx.world.report(cx.node, Event::LookupFailed { token, timeouts });
}
