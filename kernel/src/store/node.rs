//! The store node: its state, on top of any router, and the dispatch of inputs.
//!
//! **Invariant:** the router below behaves as it does without a store.

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::mem::MaybeUninit;
use core::time::Duration;

use crate::base::{Peer, Time};
use crate::node::{
    ABSENCE, Context, Cookie, DropReason, Intercepted, Layer, LookupEnd, Node, RequestHandle,
    RequestId, RequestTables, RoundTrips, Router, call_router,
};
use crate::store::arrival::Arrival;
use crate::store::choice::Choice;
use crate::store::config::StoreConfig;
use crate::store::counts::StoreCounts;
use crate::store::event::Event;
use crate::store::holders::{Cookies, Holders};
use crate::store::message::{Message, MessageWith, Question, Topic};
use crate::store::operation::{MAX_VALUE, Name};
use crate::store::popular::Popular;
use crate::store::protocol::Stored;
use crate::store::provided::Provided;
use crate::store::repairs::Repairs;
use crate::store::request::{Kind, Operation, Stage};
use crate::store::rounds::Owner;
use crate::store::table::{Body, Table};
use crate::store::version::{Version, VersionClock, us};

/// The context of a store node over a router `R`.
pub(super) type Cx<'c, R> = Context<'c, Stored<<R as Node>::Protocol>>;
/// A message of a store node over a router `R`.
pub(super) type MessageOver<'m, R> = Message<'m, <R as Node>::Protocol>;

/// Attempts of a request before its receiver is suspected.
pub(super) const ATTEMPTS: u8 = 3;
/// Messages to a provider, at most; the first one may be answered with a cookie only. At a loss of one in
/// twenty, a live provider stays silent to the others with a chance below 10^-6.
const FETCH_ATTEMPTS: u8 = 7;
/// Attempts of a request, at most. Each cookie that a receiver sends costs one.
const MOST_ATTEMPTS: u8 = 20;
/// The wait for a reply doubles with each attempt, up to this time.
const MAX_WAIT: Duration = Duration::from_millis(500);

/// A node that stores items, on top of a router.
#[derive(Clone, Debug)]
pub struct StoreNode<R> {
    pub(super) router: R,
    pub(super) me: Peer,
    pub(super) config: Arc<StoreConfig>,
    pub(super) table: Table,
    pub(super) clock: VersionClock,
    pub(super) round_trips: RoundTrips,
    /// Those of writes: the owner answers once it has heard from all holders.
    pub(super) write_round_trips: RoundTrips,
    pub(super) cookies: Cookies,
    pub(super) holders: Holders,
    pub(super) arrival: Arrival,
    pub(super) owner: Owner,
    pub(super) repairs: Repairs,
    pub(super) popular: Popular,
    /// The values that the node provides itself; `None` if it provides none.
    pub(super) provided: Option<Box<Provided>>,
    pub(super) counts: StoreCounts,
    /// The choice of a place, if one is in progress.
    pub(super) choice: Option<Choice>,
    /// The time for which the router has armed its timer.
    router_due: Time,
    armed_at: Time,
}

impl<R: Router> StoreNode<R> {
    /// A node without items, on top of `router`, which is not yet a member of its overlay.
    #[must_use]
    pub fn new(router: R, config: Arc<StoreConfig>) -> StoreNode<R> {
        StoreNode {
            me: router.peer(),
            router,
            table: Table::new(config.limits),
            clock: VersionClock::new(config.start_us),
            round_trips: RoundTrips::default(),
            write_round_trips: RoundTrips::default(),
            cookies: Cookies::default(),
            holders: Holders::default(),
            arrival: Arrival::new(),
            owner: Owner::new(config.in_progress.into(), config.deadline),
            repairs: Repairs::new(config.replicas(), config.repair),
            popular: Popular::new(config.popular_reads_per_s),
            provided: config.provided.map(|limits| Box::new(Provided::new(limits))),
            counts: StoreCounts::default(),
            choice: None,
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

    /// Runs a command of the router: start, join, look up. If it makes the node a member at once, as a
    /// start does, the node has all items of its range: those that it was given before.
    pub fn with_router<T>(
        &mut self,
        cx: &mut Cx<'_, R>,
        command: impl FnOnce(&mut R, &mut Context<'_, R::Protocol>) -> T,
    ) -> T {
        let was_member = self.router.is_member();
        // The node may join again.
        self.arrival.has_left = false;
        let result = self.route(cx, command);
        if !was_member && self.router.is_member() {
            self.arrival.start_complete(self.me, self.router.predecessor());
        }
        self.arm(cx);
        result
    }

    /// Ends what this node does as an owner, hands over what no other node has, and leaves by `command`,
    /// which tells the router to leave. A driver that keeps the node for a while spares others some timeouts: it
    /// still answers what was on its way to it.
    pub fn leave(
        &mut self,
        cx: &mut Cx<'_, R>,
        command: impl FnOnce(&mut R, &mut Context<'_, R::Protocol>),
    ) {
        self.end_all_rounds(cx);
        self.hand_over_all(cx);
        self.repairs.stop();
        self.arrival.reset();
        self.arrival.has_left = true;
        self.route(cx, command);
        self.arm(cx);
    }

    /// Puts a version of an item into the table, as if all holders had it, without any message.
    /// Returns whether there was room.
    pub fn preload(&mut self, now: Time, name: Name, version: Version, value: &[u8]) -> bool {
        let Some(value) = self.table.keep(value) else { return false };
        let lifetime_us = us(self.config.lifetime);
        let expires_us = self.clock.wall_us(now).saturating_add(lifetime_us);
        let previous = Version::NONE;
        let body = Body { version, previous, expires_us, value, tag: 0, deleted: false };
        let Some(item) = self.table.insert(name, body) else {
            self.table.free(value);
            return false;
        };
        if let Some(item) = self.table.at_mut(item) {
            item.settled = true;
        }
        true
    }

    /// Copies the value of an item that this node holds to the start of `room`, and returns it.
    #[must_use]
    pub fn value_of_item<'a>(&self, name: Name, room: &'a mut [u8; MAX_VALUE]) -> Option<&'a [u8]> {
        let body = self.table.at(self.table.find(&name)?)?.body;
        Some(self.table.read(body.value, room))
    }

    /// The version of an item that this node holds, unless it is deleted or has expired.
    #[must_use]
    pub fn version_of(&self, now: Time, name: Name) -> Option<Version> {
        let body = self.table.at(self.table.find(&name)?)?.body;
        body.is_present(self.clock.wall_us(now)).then_some(body.version)
    }

    /// The version of an item that this node holds, also if it is deleted or has expired.
    #[must_use]
    pub fn last_version_of(&self, name: Name) -> Option<Version> {
        Some(self.table.at(self.table.find(&name)?)?.body.version)
    }

    /// Whether the node owns a range of keys and has all its items.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.router.is_member() && self.arrival.is_complete()
    }

    /// Whether no operation of the keys that it owns is in progress.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.owner.rounds.is_empty() && self.owner.waiting.is_empty()
    }

    /// The number of items, with those that were deleted or have expired lately.
    #[must_use]
    pub fn items(&self) -> u32 {
        self.table.len() as u32
    }

    /// Bytes of all values of items.
    #[must_use]
    pub const fn bytes(&self) -> u32 {
        self.table.bytes() as u32
    }

    /// The number of values that the node provides itself, with those that have expired lately.
    #[must_use]
    pub fn provided(&self) -> u32 {
        self.provided.as_ref().map_or(0, |provided| provided.len() as u32)
    }

    /// Bytes of all values that the node provides itself.
    #[must_use]
    pub fn provided_bytes(&self) -> u32 {
        self.provided.as_ref().map_or(0, |provided| provided.bytes() as u32)
    }

    /// What the node has done.
    #[must_use]
    pub const fn counts(&self) -> StoreCounts {
        self.counts
    }

    /// The memory of the node in bytes, without the router and the configuration, which may be shared.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        let own = size_of::<Self>() - size_of::<R>();
        let provided = self.provided.as_ref().map_or(0, |it| size_of_val(&**it) + it.heap_bytes());
        own + self.table.heap_bytes()
            + self.owner.heap_bytes()
            + self.repairs.heap_bytes()
            + self.arrival.heap_bytes()
            + self.popular.heap_bytes()
            + provided
    }

    /// The memory in bytes of a node with this configuration, without the router.
    #[must_use]
    pub fn memory_beside_router(config: &StoreConfig) -> usize {
        let own = size_of::<Self>() - size_of::<R>();
        let owner = Owner::new(config.in_progress.into(), config.deadline).heap_bytes();
        let provided = config
            .provided
            .map_or(0, |limits| size_of::<Provided>() + Provided::new(limits).heap_bytes());
        own + Table::new(config.limits).heap_bytes()
            + provided
            + owner
            + Repairs::new(config.replicas(), config.repair).heap_bytes()
            + Popular::new(config.popular_reads_per_s).heap_bytes()
    }

    /// Passes `give_back` the memory of items that are gone. The node reserves memory for as many items as
    /// it may have, and has touched as much as it once needed; a driver that runs for long can return what
    /// is unused to the operating system from time to time. The contents of this memory do not matter.
    pub fn take_spare_memory(&mut self, mut give_back: impl FnMut(&mut [MaybeUninit<u8>])) {
        self.table.take_spare().into_iter().for_each(&mut give_back);
        if let Some(provided) = &mut self.provided {
            provided.take_spare().into_iter().for_each(give_back);
        }
    }

    /// Calls the router, and handles what follows from it.
    pub(super) fn route<T>(
        &mut self,
        cx: &mut Cx<'_, R>,
        call: impl FnOnce(&mut R, &mut Context<'_, R::Protocol>) -> T,
    ) -> T {
        let router = &mut self.router;
        let (result, Intercepted { armed, ended }) =
            call_router::<_, R, T>(cx, |cx| call(router, cx));
        if let Some(at) = armed {
            self.router_due = at;
        }
        self.update_neighborhood(cx);
        if let Some(end) = ended {
            self.on_lookup_end(cx, end);
        }
        if self.choice.is_some() {
            self.continue_choice(cx);
        }
        result
    }

    /// Takes note of the predecessor and the holders.
    fn update_neighborhood(&mut self, cx: &mut Cx<'_, R>) {
        if !self.router.is_member() {
            if self.arrival.is_member {
                self.end_membership(cx);
            }
            return;
        }
        if self.router.replicas().is_empty() && self.router.predecessor().is_none() {
            // Cut off: before the holders change, or rounds would end because none is left to be waited for.
            self.arrival.set_next(None);
            self.on_predecessor_changed(cx, None);
        }
        let next = self.router.replicas();
        let (replicas, hosts) = (self.config.replicas(), self.config.hosts);
        if !self.holders.is_choice_of(replicas, hosts, next) {
            let holders = Holders::choose(self.me, replicas, hosts, next);
            if holders != self.holders {
                let before = core::mem::replace(&mut self.holders, holders);
                self.on_holders_changed(cx, &before);
            }
        }
        if self.arrival.is_new_next(self.router.replicas().first().copied()) {
            self.continue_arrival(cx);
        }
        let predecessor = self.router.predecessor();
        if self.arrival.is_new_predecessor(predecessor) {
            self.on_predecessor_changed(cx, predecessor);
        }
    }

    #[cfg(feature = "defects")]
    pub(super) fn has(&self, defect: crate::store::StoreDefect) -> bool {
        self.config.defect == Some(defect)
    }

    /// The node is no member any more: its neighbors have not accepted it.
    fn end_membership(&mut self, cx: &mut Cx<'_, R>) {
        self.end_all_rounds(cx);
        self.repairs.stop();
        self.arrival.reset();
    }

    fn on_holders_changed(&mut self, cx: &mut Cx<'_, R>, before: &Holders) {
        self.popular.on_holders_changed();
        self.copy_to_new_holders(cx, before);
        self.continue_arrival(cx);
        self.repairs.soon(cx.now);
    }

    fn on_predecessor_changed(&mut self, cx: &mut Cx<'_, R>, predecessor: Option<Peer>) {
        self.arrival.update(cx.now, self.me, predecessor);
        self.end_foreign_rounds(cx);
        self.continue_arrival(cx);
    }

    /// Continues what waited for a lookup, or reports its end to the application.
    fn on_lookup_end(&mut self, cx: &mut Cx<'_, R>, end: LookupEnd) {
        if self.choice.is_some() {
            return self.on_sampled(cx, end);
        }
        match self.take_waiting(cx, end.token()) {
            Some((id, Kind::Operation(operation))) => {
                self.on_owner_found(cx, id, operation, end);
            }
            Some((_, Kind::Return(key))) => match end {
                LookupEnd::Done(done) => self.return_to_owner(cx, key, done.owner),
                LookupEnd::Failed { .. } => self.repairs.end_return_lookup(),
            },
            _ => cx.report(Event::LookupEnded(end)),
        }
    }

    /// Removes and returns the request that waited for the lookup with this token; `None` if the lookup
    /// was the application's.
    pub(super) fn take_waiting(&self, cx: &mut Cx<'_, R>, token: u64) -> Option<(RequestId, Kind)> {
        let handle = cx.own_requests().find(RequestId(token))?;
        let request = cx.own_requests().at(handle)?;
        let waits = matches!(
            request.kind,
            Kind::Operation(Operation { stage: Stage::LookingUp, .. }) | Kind::Return(_)
        );
        if request.node != cx.node || !waits {
            return None;
        }
        let request = cx.cancel(handle)?;
        Some((request.id.with_attempt(0), request.kind))
    }

    /// How long to wait for a reply after `retries` unanswered attempts.
    pub(super) fn wait(&self, cx: &Cx<'_, R>, retries: u8) -> Duration {
        self.backed_off(cx, &self.round_trips, retries)
    }

    /// How long to wait for the answer to a question after `retries` unanswered attempts.
    pub(super) fn wait_for_answer(
        &self,
        cx: &Cx<'_, R>,
        question: &Question,
        retries: u8,
    ) -> Duration {
        let is_write = matches!(question, Question::Write(_));
        let measured = if is_write { &self.write_round_trips } else { &self.round_trips };
        self.backed_off(cx, measured, retries)
    }

    fn backed_off(&self, cx: &Cx<'_, R>, measured: &RoundTrips, retries: u8) -> Duration {
        let first = measured.timeout(self.config.timeout) + cx.world.lag() * 2;
        (first * (1 << retries.min(8))).min(MAX_WAIT.max(first))
    }

    pub(super) fn send(&self, cx: &mut Cx<'_, R>, to: Peer, message: &MessageOver<'_, R>) {
        cx.world.send(self.me, to, message);
    }

    /// Whether a node that is not a member may handle `message`. One that chooses its place receives the census that
    /// it has asked for. One that has left answers questions and copies that were on their way to it, and sends its
    /// items to a node that owns them now.
    const fn is_awaited(&self, message: &MessageOver<'_, R>) -> bool {
        match message {
            MessageWith::Counted { .. } | MessageWith::CookieReply { topic: Topic::Census, .. } => {
                self.choice.is_some()
            }
            MessageWith::Ask { .. }
            | MessageWith::Copy { .. }
            | MessageWith::Sync { .. }
            | MessageWith::Compared { .. }
            | MessageWith::Copied { .. }
            | MessageWith::CookieReply { .. } => self.arrival.has_left,
            _ => false,
        }
    }

    /// Whether the node may send its items to others: it is a member, or has left.
    pub(super) fn may_repair(&self) -> bool {
        self.router.is_member() || self.arrival.has_left
    }

    /// The secret cookie of the socket of `from`.
    pub(super) fn cookie_for(&self, from: Peer) -> Cookie {
        self.config.secret.cookie_for(from.address.socket())
    }

    /// Whether a request of `from` carries the cookie of its socket. If not, replies with the cookie.
    fn is_proven(
        &self,
        cx: &mut Cx<'_, R>,
        from: Peer,
        request: RequestId,
        cookie: Cookie,
        topic: Topic,
    ) -> bool {
        let expected = self.cookie_for(from);
        if cookie != expected {
            self.send(cx, from, &MessageWith::CookieReply { request, topic, cookie: expected });
        }
        cookie == expected
    }

    /// Sends the request again that was answered with a cookie.
    fn on_cookie(&mut self, cx: &mut Cx<'_, R>, from: Peer, id: RequestId, cookie: Cookie) {
        let Some(handle) = cx.find_request(id, from, |_| true) else { return };
        let retries = cx.own_requests().at(handle).map_or(0, |request| request.retries);
        if retries < MOST_ATTEMPTS {
            self.cookies.learn(from, cookie);
            self.repeat(cx, handle);
        }
    }

    /// Sends a request again, as another attempt.
    fn repeat(&mut self, cx: &mut Cx<'_, R>, handle: RequestHandle) {
        let retries = cx.own_requests().at(handle).map_or(0, |request| request.retries);
        let wait = match cx.own_requests().at(handle).map(|request| request.kind) {
            Some(Kind::Operation(operation)) => {
                let wait = self.wait_for_answer(cx, &operation.question, retries.saturating_add(1));
                wait.min(operation.deadline.since(cx.now))
            }
            Some(Kind::Fetch(fetch)) => {
                self.wait(cx, retries.saturating_add(1)).min(fetch.deadline.since(cx.now))
            }
            _ => self.wait(cx, retries.saturating_add(1)),
        };
        let Some(id) = cx.retransmit(handle, wait) else { return };
        let Some(&request) = cx.own_requests().at(handle) else { return };
        match request.kind {
            Kind::Operation(operation) => {
                // No attempt without a cookie is carried out, so this one is still the first.
                let id = if operation.is_unsure { id } else { id.with_attempt(0) };
                self.send_question(cx, request.to, id, &operation);
            }
            Kind::Copy(copy) | Kind::Push { item: copy, .. } => {
                self.send_copy(cx, request.to, id, copy);
            }
            Kind::Compare(repair) => self.send_compare(cx, request.to, id, repair),
            Kind::Sync { after, to, .. } => self.send_sync(cx, request.to, id, after, to),
            Kind::Fetch(fetch) => self.send_fetch(cx, request.to, id, &fetch),
            Kind::Census => self.send_census(cx, request.to, id),
            Kind::Return(_) => {}
        }
    }

    /// Records the round trip of the reply `id` to the request at `handle`, and removes the request.
    pub(super) fn take_replied(
        &mut self,
        cx: &mut Cx<'_, R>,
        handle: RequestHandle,
        id: RequestId,
        is_prompt: bool,
    ) -> Option<Kind> {
        let request = cx.cancel(handle)?;
        if let Some(round_trip) = request.round_trip(id, cx.now).filter(|_| is_prompt) {
            self.round_trips.record(round_trip);
        }
        Some(request.kind)
    }

    /// Notices that the node was stopped: its timer should have fired long ago. The router finds that out as
    /// well, if only at its own timer.
    fn notice_absence(&mut self, cx: &mut Cx<'_, R>) {
        if cx.now.since(self.armed_at) > ABSENCE {
            self.arrival.was_absent = true;
            self.end_foreign_rounds(cx);
        }
    }

    /// Arms the node's timer for the earliest of its deadlines.
    pub(super) fn arm(&mut self, cx: &mut Cx<'_, R>) {
        let next = self
            .router_due
            .min(self.owner.sweep_at())
            .min(self.arrival.next_at())
            .min(self.repairs.next_at());
        if next != self.armed_at {
            self.armed_at = next;
            cx.world.arm_node(cx.node, next);
        }
    }

    fn on_message(&mut self, cx: &mut Cx<'_, R>, from: Peer, message: MessageOver<'_, R>) {
        match message {
            MessageWith::Router(_) => {}
            MessageWith::Ask { request, cookie, age_ms, question, value } => {
                if self.is_proven(cx, from, request, cookie, Topic::Ask) {
                    let age = Duration::from_millis(age_ms.into());
                    self.on_ask(cx, from, request, age, &question, value);
                }
            }
            MessageWith::Answer { request, answer, value } => {
                self.on_answer(cx, from, request, answer, value);
            }
            MessageWith::Copy { request, cookie, item, value } => {
                if self.is_proven(cx, from, request, cookie, Topic::Copy) {
                    self.on_copy(cx, from, request, &item, value);
                }
            }
            MessageWith::Copied { request, held, version } => {
                self.on_copied(cx, from, request, held, version);
            }
            MessageWith::Compare { request, cookie, range, sum, is_owner } => {
                if self.is_proven(cx, from, request, cookie, Topic::Repair) {
                    self.on_compare(cx, from, request, range, sum, is_owner);
                }
            }
            MessageWith::Compared { request, difference, sums } => {
                self.on_compared(cx, from, request, difference, sums);
            }
            MessageWith::Sync { request, cookie, range } => {
                if self.is_proven(cx, from, request, cookie, Topic::Repair) {
                    self.on_sync(cx, from, request, range);
                }
            }
            MessageWith::Synced { request, progress, is_predecessor, clock } => {
                self.on_synced(cx, from, request, progress, is_predecessor, clock);
            }
            MessageWith::Release { cookie, range } => {
                if cookie == self.cookie_for(from) {
                    self.on_release(cx, range);
                }
            }
            MessageWith::Grant { cookie, key, version } => {
                self.on_grant(cx, from, cookie, key, version);
            }
            MessageWith::AlsoAt { request, holder } => {
                self.on_also_at(cx, from, request, holder);
            }
            MessageWith::Fetch { request, cookie, key, serial } => {
                if self.is_proven(cx, from, request, cookie, Topic::Ask) {
                    self.on_fetch(cx, from, request, key, serial);
                }
            }
            MessageWith::Fetched { request, held, value } => {
                self.on_fetched(cx, from, request, held, value);
            }
            MessageWith::Census { request, cookie } => {
                if self.is_proven(cx, from, request, cookie, Topic::Census) {
                    self.on_census(cx, from, request);
                }
            }
            MessageWith::Counted { request, items, middle } => {
                self.on_counted(cx, from, request, items, middle);
            }
            MessageWith::CookieReply { request, cookie, .. } => {
                self.on_cookie(cx, from, request, cookie);
            }
        }
    }
}

impl<R: Router> Node for StoreNode<R> {
    type Protocol = Stored<R::Protocol>;

    fn peer(&self) -> Peer {
        self.me
    }

    fn handle_message(&mut self, cx: &mut Cx<'_, R>, from: Peer, message: MessageOver<'_, R>) {
        self.notice_absence(cx);
        if let MessageWith::Router(message) = message {
            self.route(cx, |router, cx| router.handle_message(cx, from, message));
        } else if from.id == self.me.id {
            cx.world.count_drop(DropReason::FromSelf);
        } else if !self.router.is_member() && !self.is_awaited(&message) {
            cx.world.count_drop(DropReason::NotMember);
        } else {
            self.on_message(cx, from, message);
        }
        self.arm(cx);
    }

    fn handle_timeout(&mut self, cx: &mut Cx<'_, R>) {
        self.notice_absence(cx);
        self.armed_at = Time::NEVER;
        if cx.now >= self.router_due {
            self.router_due = Time::NEVER;
            self.route(cx, |router, cx| router.handle_timeout(cx));
        }
        self.sweep(cx);
        if cx.now >= self.arrival.next_at() {
            self.continue_arrival(cx);
        }
        self.run_repairs(cx);
        self.arm(cx);
    }

    fn handle_request_timeout(&mut self, cx: &mut Cx<'_, R>, handle: RequestHandle) {
        match cx.requests.layer_of(handle) {
            Layer::Own(handle) => self.on_silence(cx, handle),
            Layer::Carried(handle) => {
                self.route(cx, |router, cx| router.handle_request_timeout(cx, handle));
            }
        }
        self.arm(cx);
    }
}

impl<R: Router> StoreNode<R> {
    /// The request at `handle` was not answered in time.
    fn on_silence(&mut self, cx: &mut Cx<'_, R>, handle: RequestHandle) {
        let Some(&request) = cx.own_requests().at(handle) else { return };
        let is_last = match request.kind {
            Kind::Operation(operation) => {
                operation.stage != Stage::Asking
                    || operation.question.is_guess()
                    || cx.now >= operation.deadline
                    || request.retries + 1 >= ATTEMPTS
            }
            Kind::Fetch(fetch) => cx.now >= fetch.deadline || request.retries + 1 >= FETCH_ATTEMPTS,
            Kind::Return(_) => true,
            Kind::Census => request.retries + 1 >= ATTEMPTS,
            Kind::Copy(copy) if !self.is_copying(copy, request.to) => true,
            Kind::Push { item, .. } if self.table.at(item.item).is_none() => true,
            _ => request.retries + 1 >= MOST_ATTEMPTS || !self.may_repair(),
        };
        if !is_last {
            if let Some(Kind::Operation(operation)) = cx.requests.own_mut().kind_mut(handle) {
                operation.is_unsure = true;
            }
            // A peer that is gone is not asked for long: the router finds out whether it is.
            if request.retries + 1 == ATTEMPTS {
                self.route(cx, |router, cx| router.suspect(cx, request.to));
                if let Kind::Sync { arrival, .. } = request.kind {
                    self.on_sync_silence(cx, request.to, arrival);
                }
            }
            return self.repeat(cx, handle);
        }
        let Some(request) = cx.take_expired(handle) else { return };
        match request.kind {
            Kind::Operation(operation) => self.on_operation_silence(cx, &request, operation),
            Kind::Copy(copy) => self.on_copy_failed(cx, request.to, copy),
            // The item has expired meanwhile.
            Kind::Push { repair, item } if self.table.at(item.item).is_none() => {
                self.on_pushed(cx, repair, true, false);
            }
            Kind::Push { repair, .. } | Kind::Compare(repair) => self.end_repair(cx, repair, false),
            Kind::Sync { arrival, .. } => self.on_sync_failed(cx, request.to, arrival),
            Kind::Return(_) => self.repairs.end_return_lookup(),
            Kind::Fetch(fetch) => Self::on_fetch_silence(cx, &request, fetch),
            Kind::Census => self.end_census(cx),
        }
    }
}
