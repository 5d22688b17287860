//! The directory node: its state, on top of any router, and the dispatch of inputs.
//!
//! **Invariant:** the router below behaves as it does without a directory.

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::time::Duration;

use crate::base::{Peer, Rng, Time};
use crate::directory::handover::{Handover, Reference, hand_over_all};
use crate::directory::message::{Message, MessageWith};
use crate::directory::protocol::Directory;
use crate::items;
use crate::items::request::Kind;
use crate::items::{
    Hit, Holdings, Index, IndexClient, PublishingConfig, Responder, ResponderConfig,
    TransferConfig, WordIndex, WordLimits,
};
use crate::node::{
    Context, DropReason, Intercepted, Layer, Node, RequestHandle, Router, call_router,
};

/// The configuration of a directory, common to all nodes.
#[derive(Clone, Debug)]
pub struct DirectoryConfig {
    /// Transfers of items, and the timeouts of replies.
    pub transfers: Arc<TransferConfig>,
    /// The index of references.
    pub responder: ResponderConfig,
    /// The index of references by word, if items are published under the words of their names as well.
    pub words: Option<WordLimits>,
    /// The schedule of publications.
    pub publishing: PublishingConfig,
    /// The number of nodes that store a reference: its owner and the nodes that follow it,
    /// 1 … [`MAX_COPIES`](crate::directory::MAX_COPIES) + 1.
    pub replicas: u8,
    /// A query without an answer fails after this time.
    pub deadline: Duration,
}

/// A node that stores references and holds items, on top of a router.
#[derive(Clone, Debug)]
pub struct DirectoryNode<R> {
    pub(super) router: R,
    pub(super) config: Arc<DirectoryConfig>,
    pub(super) client: IndexClient,
    pub(super) responder: Responder,
    /// References by word. `None` in a directory of whole names, which it does not make larger.
    pub(super) words: Option<Box<WordIndex>>,
    pub(super) handover: Handover,
    /// The time for which the router has armed its timer.
    pub(super) router_due: Time,
    pub(super) armed_at: Time,
}

impl<R: Router> DirectoryNode<R> {
    /// A node that holds these items, on top of `router`, which is not yet a member of its overlay.
    #[must_use]
    pub fn new(
        router: R,
        holdings: Holdings,
        config: Arc<DirectoryConfig>,
        rng: &mut Rng,
    ) -> DirectoryNode<R> {
        let (me, transfers) = (router.peer(), config.transfers.clone());
        DirectoryNode {
            router,
            client: IndexClient::new(me, holdings, transfers, config.publishing, rng),
            responder: Responder::exact(me, &config.responder, rng),
            words: config.words.map(|limits| Box::new(WordIndex::new(limits, rng))),
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

    /// Runs a command of the router: start, join, look up. The node starts publishing once its
    /// router is a member.
    #[inline]
    pub fn with_router<T>(
        &mut self,
        cx: &mut Context<'_, Directory<R::Protocol>>,
        command: impl FnOnce(&mut R, &mut Context<'_, R::Protocol>) -> T,
    ) -> T {
        let was_member = self.router.is_member();
        let router = &mut self.router;
        let (result, Intercepted { armed, ended }) =
            call_router::<_, R, T>(cx, |cx| command(router, cx));
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

    /// Hands over the references that this node owns to the first replica, and leaves by `command`,
    /// which tells the router to leave.
    pub fn leave(
        &mut self,
        cx: &mut Context<'_, Directory<R::Protocol>>,
        command: impl FnOnce(&mut R, &mut Context<'_, R::Protocol>),
    ) {
        if let Some(&successor) = self.router.replicas().first() {
            let (me, predecessor) = (self.me(), self.router.predecessor());
            // Before the router leaves, because nodes accept copies only from their neighbors.
            let (index, words) = (self.responder.index(), self.words.as_deref());
            hand_over_all::<R>(cx, me, predecessor, successor, index, words, self.copies());
        }
        self.client.publisher.stop();
        self.handover = Handover::new();
        self.with_router(cx, command);
    }

    /// The references that the node stores.
    #[must_use]
    pub const fn index(&self) -> &Index {
        self.responder.index()
    }

    /// The references that the node stores under words.
    #[must_use]
    pub fn words(&self) -> Option<&WordIndex> {
        self.words.as_deref()
    }

    /// The memory of the node in bytes, without the router, and without the configuration and the
    /// names, which may be shared.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        let references = self.index().heap_bytes() + self.words().map_or(0, word_index_bytes);
        let own = size_of::<Self>() - size_of::<R>();
        own + references + self.client.transfers.holdings().heap_bytes()
    }

    /// An estimate of the memory in bytes of a node with this configuration, without the router.
    #[must_use]
    pub fn memory_beside_router(config: &DirectoryConfig) -> usize {
        let responder = Responder::exact(Peer::default(), &config.responder, &mut Rng::light(0));
        let words = config.words.map(|limits| WordIndex::new(limits, &mut Rng::light(0)));
        let words = words.as_ref().map_or(0, word_index_bytes);
        size_of::<Self>() - size_of::<R>() + responder.index().heap_bytes() + words
    }

    pub(super) const fn me(&self) -> Peer {
        self.client.transfers.me()
    }

    /// Arms the node's timer for the earliest of its deadlines.
    fn arm(&mut self, cx: &mut Context<'_, Directory<R::Protocol>>) {
        let next =
            self.router_due.min(self.client.publisher.next_at()).min(self.handover.next_at());
        if next != self.armed_at {
            self.armed_at = next;
            cx.world.arm_node(cx.node, next);
        }
    }

    fn on_items(
        &mut self,
        cx: &mut Context<'_, Directory<R::Protocol>>,
        from: Peer,
        message: items::Message<'_>,
    ) {
        match message {
            items::Message::Publish { request, cookie, name } => {
                self.on_publish(cx, from, request, cookie, name);
            }
            items::Message::PublishWord { request, cookie, word, name } => {
                let reference = Reference { hit: Hit { holder: from, name }, word: Some(word) };
                self.on_publish_word(cx, from, request, cookie, &reference);
            }
            items::Message::Find { request, cookie, query } => {
                self.on_find(cx, from, request, cookie, query);
            }
            items::Message::Found { request, hits } => self.on_found(cx, from, request, hits),
            message => cx.carry(|cx| self.client.handle_message(cx, from, message)),
        }
    }

    /// Whether a message to the directory is handled. If not, counts a drop.
    fn accepts(
        &self,
        cx: &mut Context<'_, Directory<R::Protocol>>,
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

fn word_index_bytes(words: &WordIndex) -> usize {
    size_of_val(words) + words.heap_bytes()
}

impl<R: Router> Node for DirectoryNode<R> {
    type Protocol = Directory<R::Protocol>;

    fn peer(&self) -> Peer {
        self.me()
    }

    fn handle_message(
        &mut self,
        cx: &mut Context<'_, Directory<R::Protocol>>,
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
            MessageWith::Copy { hit, word, copies, lifetime_ms } => {
                if self.accepts(cx, from, true) {
                    self.on_copy(cx, from, &Reference { hit, word }, copies, lifetime_ms);
                }
            }
        }
    }

    fn handle_timeout(&mut self, cx: &mut Context<'_, Directory<R::Protocol>>) {
        self.armed_at = Time::NEVER;
        if cx.now >= self.router_due {
            self.router_due = Time::NEVER;
            self.with_router(cx, |router, cx| router.handle_timeout(cx));
        }
        self.responder.expire(cx.now);
        if let Some(words) = &mut self.words {
            words.expire(cx.now);
        }
        self.publish_next(cx);
        let (me, index) = (self.me(), self.responder.index());
        self.handover.step::<R>(cx, me, index, self.words.as_deref());
        self.arm(cx);
    }

    fn handle_request_timeout(
        &mut self,
        cx: &mut Context<'_, Directory<R::Protocol>>,
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
            // The query waited for a lookup that did not end in time.
            Kind::Find(pending) if request.to == self.me() => {
                Self::on_lookup_timeout(cx, &pending);
            }
            Kind::Find(pending) => self.on_find_timeout(cx, &request, pending),
            Kind::Publish(_) if request.to == self.me() => {}
            Kind::Publish(_) | Kind::Fetch(_) => {
                let is_member = self.router.is_member();
                cx.carry(|cx| self.client.on_timeout(cx, &request, is_member));
            }
        }
    }
}
