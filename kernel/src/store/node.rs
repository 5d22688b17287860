//! A node that stores references, on top of any router.
//!
//! **Invariant:** a question ends by its deadline; the router below works as it does without a store.

use alloc::sync::Arc;
use core::time::Duration;

use crate::base::{Id, Peer, Rng, Time};
use crate::items;
use crate::items::request::{Kind, PendingQuery, Publication, Request};
use crate::items::requester::finish_query;
use crate::items::{
    Hit, HitList, Holdings, Index, IndexClient, Items, Match, PublishingConfig, Query, Responder,
    ResponderConfig, TransferConfig,
};
use crate::node::{
    Context, Cookie, DropReason, Layer, LookupDone, LookupEnd, LookupPurpose, Node, RequestHandle,
    RequestId, Router,
};
use crate::store::event::Event;
use crate::store::handover::{Handover, hand_over_all, key_of, send_copy};
use crate::store::message::{MAX_COPIES, Message, MessageWith};
use crate::store::protocol::Stored;
use crate::store::router_world::{Intercepted, call_router};

/// What waits for a lookup waits so much beyond the lookup's deadline, by which that ends.
const LOOKUP_GRACE: Duration = Duration::from_secs(1);

/// How references are kept: the same for all nodes.
#[derive(Clone, Debug)]
pub struct StoreConfig {
    /// How items are fetched, and how long replies are waited for.
    pub transfers: Arc<TransferConfig>,
    /// How references are kept.
    pub responder: ResponderConfig,
    /// When nodes publish what they hold.
    pub publishing: PublishingConfig,
    /// Nodes that keep a reference: its owner and those that follow it, 1 … [`MAX_COPIES`] + 1.
    pub replicas: u8,
    /// How long a query may take at all.
    pub deadline: Duration,
}

/// A node with its references, on top of a router.
#[derive(Debug)]
pub struct StoreNode<R> {
    router: R,
    config: Arc<StoreConfig>,
    client: IndexClient,
    responder: Responder,
    handover: Handover,
    /// When the router wants to be called.
    router_due: Time,
    armed_at: Time,
}

impl<R: Router> StoreNode<R> {
    /// A node with these items on top of `router`, which is not yet a member of anything.
    #[must_use]
    pub fn new(
        router: R,
        holdings: Holdings,
        config: Arc<StoreConfig>,
        rng: &mut Rng,
    ) -> StoreNode<R> {
        let (me, transfers) = (router.peer(), config.transfers.clone());
        StoreNode {
            router,
            client: IndexClient::new(me, holdings, transfers, config.publishing, rng),
            responder: Responder::new(me, &config.responder, rng),
            handover: Handover::new(),
            router_due: Time::NEVER,
            armed_at: Time::NEVER,
            config,
        }
    }

    /// The router below.
    #[must_use]
    pub const fn router(&self) -> &R {
        &self.router
    }

    /// Gives a command to the router: to start, to join, to look up. A node begins to publish once its
    /// router is a member.
    #[inline]
    pub fn with_router<T>(
        &mut self,
        cx: &mut Context<'_, Stored<R::Protocol>>,
        command: impl FnOnce(&mut R, &mut Context<'_, R::Protocol>) -> T,
    ) -> T {
        let was_member = self.router.is_member();
        let router = &mut self.router;
        let (result, Intercepted { armed, ended }) = call_router::<R, T>(cx, |cx| command(router, cx));
        if let Some(at) = armed {
            self.router_due = at;
        }
        if let Some(end) = ended {
            self.on_lookup_end(cx, end);
        }
        self.handover.update_predecessor(cx.now, self.me(), self.router.predecessor());
        if !was_member && self.router.is_member() {
            cx.carry(|cx| self.client.publisher.start(cx));
        }
        self.arm(cx);
        result
    }

    /// Leaves by `command`, which has the router leave. The references that this node owns go to the
    /// first replica.
    pub fn leave(
        &mut self,
        cx: &mut Context<'_, Stored<R::Protocol>>,
        command: impl FnOnce(&mut R, &mut Context<'_, R::Protocol>),
    ) {
        if let Some(&successor) = self.router.replicas().first() {
            let (me, predecessor) = (self.me(), self.router.predecessor());
            // Before the router leaves: a node takes copies only from nodes that it knows.
            let index = self.responder.index();
            hand_over_all::<R>(cx, me, predecessor, successor, index, self.copies());
        }
        self.client.publisher.stop();
        self.handover = Handover::new();
        self.with_router(cx, command);
    }

    /// Looks up the owner of the hash of the query's text, asks it for the holders of the item with
    /// exactly this name (whatever the kind of `query`), and fetches the item. Ends in
    /// [`Found`](items::Event::Found) or, after the configured deadline, in
    /// [`NotFound`](items::Event::NotFound); both carry `token`. After the former see
    /// [`Transfers::fetch`](crate::items::Transfers::fetch).
    ///
    /// Returns whether the query was started. It is refused if too many requests are in flight or
    /// the node is not a member.
    pub fn ask(
        &mut self,
        cx: &mut Context<'_, Stored<R::Protocol>>,
        query: Query,
        token: u64,
    ) -> bool {
        let (cookie, deadline) = (Cookie::default(), cx.now + self.config.deadline);
        let query = exact(query);
        let pending = PendingQuery { token, query, cookie, deadline, hops: 0, timeouts: 0 };
        self.router.is_member() && self.look_up(cx, pending)
    }

    /// The references that it keeps.
    #[must_use]
    pub const fn index(&self) -> &Index {
        self.responder.index()
    }

    /// Memory that it takes beside its router and the configuration and names, which it may share; in
    /// bytes.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        let references = self.index().heap_bytes();
        let own = size_of::<Self>() - size_of::<R>();
        own + references + self.client.transfers.holdings().heap_bytes()
    }

    /// About the memory that a node built from `config` takes beside its router; in bytes.
    #[must_use]
    pub fn memory_beside_router(config: &StoreConfig) -> usize {
        let responder = Responder::new(Peer::default(), &config.responder, &mut Rng::light(0));
        size_of::<Self>() - size_of::<R>() + responder.index().heap_bytes()
    }

    const fn me(&self) -> Peer {
        self.client.transfers.me()
    }

    /// Looks up the node to ask. The question waits as a request to this node itself.
    fn look_up(
        &mut self,
        cx: &mut Context<'_, Stored<R::Protocol>>,
        pending: PendingQuery,
    ) -> bool {
        let (key, deadline) = (Id::of_name(pending.query.text.as_bytes()), pending.deadline);
        self.look_up_for(cx, key, Kind::Find(pending), LookupPurpose::User, deadline)
    }

    fn look_up_for(
        &mut self,
        cx: &mut Context<'_, Stored<R::Protocol>>,
        key: Id,
        kind: Kind,
        purpose: LookupPurpose,
        deadline: Time,
    ) -> bool {
        let wait = deadline.since(cx.now) + LOOKUP_GRACE;
        let Some(RequestId(token)) = cx.request(self.me(), 0, kind, wait) else { return false };
        let look_up = |router: &mut R, cx: &mut Context<'_, R::Protocol>| {
            router.look_up(cx, key, token, purpose, deadline)
        };
        let begun = self.with_router(cx, look_up);
        if !begun {
            self.take_waiting(cx, token);
        }
        begun
    }

    /// What waited for the lookup of that name; `None` if the lookup was the application's.
    fn take_waiting(&self, cx: &mut Context<'_, Stored<R::Protocol>>, token: u64) -> Option<Kind> {
        let handle = cx.own_requests().find(RequestId(token))?;
        let &Request { node, to, kind, .. } = cx.own_requests().at(handle)?;
        let waits = matches!(kind, Kind::Find(_) | Kind::Publish(_));
        if node != cx.node || to != self.me() || !waits {
            return None;
        }
        cx.cancel(handle);
        Some(kind)
    }

    fn on_lookup_end(&mut self, cx: &mut Context<'_, Stored<R::Protocol>>, end: LookupEnd) {
        match (self.take_waiting(cx, end.token()), end) {
            (Some(Kind::Find(pending)), LookupEnd::Done(done)) => {
                self.ask_owner(cx, pending, &done);
            }
            (Some(Kind::Find(pending)), LookupEnd::Failed { timeouts, .. }) => {
                fail::<R>(
                    cx,
                    &PendingQuery {
                        timeouts: pending.timeouts.saturating_add(timeouts),
                        ..pending
                    },
                );
            }
            (Some(Kind::Publish(publication)), LookupEnd::Done(done)) => {
                self.publish_at(cx, done.owner, publication.index);
            }
            // The next round makes up for it.
            (Some(_), _) => {}
            (None, end) => cx.report(Event::Ended(end)),
        }
    }

    fn ask_owner(
        &mut self,
        cx: &mut Context<'_, Stored<R::Protocol>>,
        pending: PendingQuery,
        done: &LookupDone,
    ) {
        let timeouts = pending.timeouts.saturating_add(done.timeouts);
        if done.owner.id == self.me().id {
            let mut found = HitList::default();
            self.responder.index().find(cx.now, &pending.query, &mut found);
            let pending = PendingQuery { timeouts, hops: done.hops, ..pending };
            cx.carry(|cx| finish_query(cx, &mut self.client.transfers, &pending, found.hits()));
            return;
        }
        let pending = PendingQuery { timeouts, hops: done.hops.saturating_add(1), ..pending };
        if !cx.carry(|cx| self.client.ask(cx, done.owner, pending)) {
            fail::<R>(cx, &pending);
        }
    }

    fn publish_at(&mut self, cx: &mut Context<'_, Stored<R::Protocol>>, owner: Peer, index: u32) {
        let me = self.me();
        if !self.router.is_member() {
            return; // It has left meanwhile.
        }
        if owner.id != me.id {
            cx.carry(|cx| self.client.publish(cx, owner, index));
        } else if let Some(name) = self.client.transfers.holdings().name(index as usize) {
            let hit = Hit { holder: me, name };
            if cx.carry(|cx| self.responder.insert(cx, &hit)) {
                self.send_copies(cx, &hit, self.copies(), self.responder.lifetime());
            }
        }
    }

    /// Further copies of each reference.
    fn copies(&self) -> u8 {
        self.config.replicas.saturating_sub(1).min(MAX_COPIES)
    }

    /// Has the successors keep so many copies of a reference.
    fn send_copies(
        &self,
        cx: &mut Context<'_, Stored<R::Protocol>>,
        hit: &Hit,
        copies: u8,
        lifetime: Duration,
    ) {
        if let Some(left) = copies.checked_sub(1)
            && let Some(&successor) = self.router.replicas().first()
        {
            send_copy::<R>(cx, self.me(), successor, hit, left, lifetime);
        }
    }

    fn on_copy(
        &mut self,
        cx: &mut Context<'_, Stored<R::Protocol>>,
        from: Peer,
        hit: &Hit,
        copies: u8,
        lifetime_ms: u32,
    ) {
        let successors = self.router.replicas();
        if self.router.predecessor() != Some(from) && !successors.contains(&from) {
            cx.world.count_drop(DropReason::UnknownPeer);
            return;
        }
        let lifetime = Duration::from_millis(lifetime_ms.into()).min(self.responder.lifetime());
        let entered = cx.carry(|cx| self.responder.insert_for(cx, hit, lifetime));
        if entered && copies > 0 && !self.owner_is_next(hit) {
            self.send_copies(cx, hit, copies.min(self.copies()), lifetime);
        }
    }

    /// Whether the owner of a reference comes next: in a ring of fewer nodes than copies these end
    /// where they began.
    fn owner_is_next(&self, hit: &Hit) -> bool {
        let next = self.router.replicas().first();
        next.is_some_and(|&next| R::owns(key_of(hit), next, self.me()))
    }

    /// Whoever was asked does not answer: perhaps it is no longer there, and another owns the key.
    fn on_find_timeout(
        &mut self,
        cx: &mut Context<'_, Stored<R::Protocol>>,
        to: Peer,
        pending: PendingQuery,
    ) {
        self.client.transfers.record_timeout();
        let pending = PendingQuery { timeouts: pending.timeouts.saturating_add(1), ..pending };
        // At the deadline it has had less time than others.
        if cx.now >= pending.deadline {
            return fail::<R>(cx, &pending);
        }
        self.with_router(cx, |node, cx| node.suspect(cx, to));
        if !self.look_up(cx, pending) {
            fail::<R>(cx, &pending);
        }
    }

    /// Publishes what has its turn.
    fn publish_next(&mut self, cx: &mut Context<'_, Stored<R::Protocol>>) {
        let Some(index) = self.client.publisher.take_due(cx.now) else { return };
        let Some(name) = self.client.transfers.holdings().name(index as usize) else { return };
        let kind = Kind::Publish(Publication { index, cookie: Cookie::default() });
        let (key, deadline) = (Id::of_name(name.as_bytes()), cx.now + self.config.deadline);
        self.look_up_for(cx, key, kind, LookupPurpose::Maintenance, deadline);
    }

    /// Arms the one timer for whatever comes next.
    fn arm(&mut self, cx: &mut Context<'_, Stored<R::Protocol>>) {
        let next =
            self.router_due.min(self.client.publisher.next_at()).min(self.handover.next_at());
        if next != self.armed_at {
            self.armed_at = next;
            cx.world.arm_node(cx.node, next);
        }
    }

    fn on_items(
        &mut self,
        cx: &mut Context<'_, Stored<R::Protocol>>,
        from: Peer,
        message: items::Message<'_>,
    ) {
        match message {
            items::Message::Publish { request, cookie, name } => {
                let publish = |cx: &mut Context<'_, Items>| {
                    self.responder.on_publish(cx, from, request, cookie, name)
                };
                if cx.carry(publish) {
                    let (hit, lifetime) = (Hit { holder: from, name }, self.responder.lifetime());
                    self.send_copies(cx, &hit, self.copies(), lifetime);
                }
            }
            items::Message::Find { request, cookie, query } => {
                let query = exact(query);
                cx.carry(|cx| self.responder.on_find(cx, from, request, cookie, &query));
            }
            message => cx.carry(|cx| self.client.handle_message(cx, from, message)),
        }
    }

    /// Whether a message of the store's own is acted on; counted if not.
    fn accepts(
        &self,
        cx: &mut Context<'_, Stored<R::Protocol>>,
        from: Peer,
        needs_member: bool,
    ) -> bool {
        if from.id == self.me().id {
            cx.world.count_drop(DropReason::FromSelf);
            return false;
        }
        if needs_member && !self.router.is_member() {
            cx.world.count_drop(DropReason::NotMember);
            return false;
        }
        true
    }
}

impl<R: Router> Node for StoreNode<R> {
    type Protocol = Stored<R::Protocol>;

    fn peer(&self) -> Peer {
        self.me()
    }

    fn handle_message(
        &mut self,
        cx: &mut Context<'_, Stored<R::Protocol>>,
        from: Peer,
        message: Message<'_, R::Protocol>,
    ) {
        match message {
            MessageWith::Router(message) => {
                self.with_router(cx, |router, cx| router.handle_message(cx, from, message));
            }
            MessageWith::Items(message) => {
                if self.accepts(cx, from, message.is_request()) {
                    self.on_items(cx, from, message);
                }
            }
            MessageWith::Copy { hit, copies, lifetime_ms } => {
                if self.accepts(cx, from, true) {
                    self.on_copy(cx, from, &hit, copies, lifetime_ms);
                }
            }
        }
    }

    fn handle_timeout(&mut self, cx: &mut Context<'_, Stored<R::Protocol>>) {
        self.armed_at = Time::NEVER;
        if cx.now >= self.router_due {
            self.router_due = Time::NEVER;
            self.with_router(cx, |router, cx| router.handle_timeout(cx));
        }
        self.responder.expire(cx.now);
        self.publish_next(cx);
        self.handover.step::<R>(cx, self.me(), self.responder.index());
        self.arm(cx);
    }

    fn handle_request_timeout(
        &mut self,
        cx: &mut Context<'_, Stored<R::Protocol>>,
        handle: RequestHandle,
    ) {
        let handle = match cx.requests.layer_of(handle) {
            Layer::Own(handle) => handle,
            Layer::Carried(handle) => {
                return self
                    .with_router(cx, |router, cx| router.handle_request_timeout(cx, handle));
            }
        };
        let Some(request) = cx.take_expired(handle) else { return };
        match request.kind {
            // It waited for a lookup.
            Kind::Find(pending) if request.to == self.me() => fail::<R>(cx, &pending),
            Kind::Find(pending) => self.on_find_timeout(cx, request.to, pending),
            Kind::Publish(_) if request.to == self.me() => {}
            Kind::Publish(_) | Kind::Fetch(_) => {
                let is_member = self.router.is_member();
                cx.carry(|cx| self.client.on_timeout(cx, &request, is_member));
            }
        }
    }
}

/// A question for what has just this name: owners know no other names but by chance.
const fn exact(query: Query) -> Query {
    Query { how: Match::Exact, ..query }
}

fn fail<R: Router>(cx: &mut Context<'_, Stored<R::Protocol>>, pending: &PendingQuery) {
    let PendingQuery { token, timeouts, .. } = *pending;
    cx.report(Event::Items(items::Event::NotFound { token, timeouts }));
}
