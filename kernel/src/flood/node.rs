//! The flooding peer: its state, and the dispatch of inputs.
//!
//! The rules are in the modules beside: `search` floods and answers, `walk` handles random walks,
//! `membership` joins, leaves, and maintains neighbors.
//!
//! **Invariant:** a peer handles searches only from neighbors, and each search only once.

use alloc::sync::Arc;
use core::time::Duration;

use crate::base::{Peer, Rng, Time};
use crate::flood::config::FloodConfig;
use crate::flood::message::{Message, ParkedMessage, WalkStage};
use crate::flood::neighbors::Neighbors;
use crate::flood::protocol::{Flood, REPEAT};
use crate::flood::recent::RecentPeers;
use crate::flood::request::Kind;
use crate::flood::seen::{SearchStatus, SeenSearches};
use crate::items;
use crate::items::{Holdings, TransferConfig, Transfers};
use crate::node::{Context, DropReason, Layer, Node, RequestHandle};

/// A peer that floods. The fields that every search reads come first, in one cache line.
#[derive(Clone, Debug)]
#[repr(C, align(64))]
pub struct FloodNode {
    pub(crate) seen: SeenSearches,
    pub(crate) neighbors: Neighbors,
    pub(crate) phase: Phase,
    /// The number of neighbors that the peer tries to have.
    pub(crate) target_neighbors: u16,
    /// Rounds of seeking neighbors since the last one was found or lost.
    pub(crate) seek_rounds: u8,
    pub(crate) config: Arc<FloodConfig>,
    pub(crate) transfers: Transfers,
    /// The most recently lost neighbors.
    pub(crate) former_neighbors: RecentPeers,
    /// The most recent other contacts: peers that seek neighbors, hold items, or fetch them.
    pub(crate) contacts: RecentPeers,
    /// When to ping all neighbors.
    pub(crate) ping_at: Time,
    /// When to seek neighbors.
    pub(crate) seek_at: Time,
    /// The time for which the node's timer is armed.
    pub(crate) armed_at: Time,
}

/// The membership state of a peer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Phase {
    Outside,
    Joining,
    Member,
}

impl FloodNode {
    /// A peer without neighbors. Call [`start_linked`](Self::start_linked) or [`join`](Self::join)
    /// next. Peers built from the same [`Arc`]s share their configuration.
    #[must_use]
    pub fn new(
        me: Peer,
        holdings: Holdings,
        config: Arc<FloodConfig>,
        transfer_config: Arc<TransferConfig>,
        rng: &mut Rng,
    ) -> FloodNode {
        FloodNode {
            seen: SeenSearches::new(config.max_searches, rng.next_u64()),
            neighbors: Neighbors::new(config.max_neighbors.max(1)),
            transfers: Transfers::new(me, holdings, transfer_config, rng),
            former_neighbors: RecentPeers::default(),
            contacts: RecentPeers::default(),
            phase: Phase::Outside,
            target_neighbors: config.target_neighbors.clamp(1, config.max_neighbors.max(1)),
            seek_rounds: 0,
            ping_at: Time::NEVER,
            seek_at: Time::NEVER,
            armed_at: Time::NEVER,
            config,
        }
    }

    /// Whether the peer is a member of the overlay.
    #[must_use]
    pub fn is_member(&self) -> bool {
        self.phase == Phase::Member
    }

    /// The neighbors of the peer.
    pub fn neighbors(&self) -> impl Iterator<Item = Peer> + '_ {
        self.neighbors.iter()
    }

    /// The number of neighbors.
    #[must_use]
    pub fn entries(&self) -> usize {
        self.neighbors.len()
    }

    /// The memory of the peer in bytes, without the configuration and the names, which may be
    /// shared.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        let holdings = self.transfers.holdings().heap_bytes();
        size_of::<Self>() + self.neighbors.heap_bytes() + self.seen.heap_bytes() + holdings
    }

    pub(crate) const fn me(&self) -> Peer {
        self.transfers.me()
    }

    pub(crate) fn send(&self, cx: &mut Context<'_, Flood>, to: Peer, message: &Message<'_>) {
        cx.world.send(self.me(), to, message);
    }

    /// Drops a message that only neighbors may send. After a crash or a lost message, the sender
    /// may wrongly consider this peer a neighbor, so it is told that it is not.
    pub(crate) fn reject_stranger(&self, cx: &mut Context<'_, Flood>, stranger: Peer) {
        cx.world.count_drop(DropReason::UnknownPeer);
        self.send(cx, stranger, &Message::Leave);
    }

    /// Arms the node's timer for the earliest of its deadlines.
    pub(crate) fn arm(&mut self, cx: &mut Context<'_, Flood>) {
        let next = self.ping_at.min(self.seek_at);
        if next != self.armed_at {
            self.armed_at = next;
            cx.world.arm_node(cx.node, next);
        }
    }

    /// How long to wait for the reply to a probe.
    pub(crate) fn probe_timeout(&self, retries: u8) -> Duration {
        self.transfers.timeout(0).max(MIN_PROBE_TIMEOUT) * (1 << retries.min(4))
    }

    /// Handles every message except repeated searches, which are most of the traffic.
    fn dispatch(&mut self, cx: &mut Context<'_, Flood>, from: Peer, message: Message<'_>) {
        if from.id == self.me().id {
            return cx.world.count_drop(DropReason::FromSelf);
        }
        // A peer that has left does not answer, so that its neighbors find it gone.
        if self.phase == Phase::Outside {
            return cx.world.count_drop(DropReason::NotMember);
        }
        match message {
            Message::Search { search, query, ttl, hops } => {
                self.on_search(cx, from, search, query, ttl, hops);
            }
            Message::SearchHit { search, hit, hops } => self.on_hit(cx, from, search, hit, hops),
            Message::Walk { search, walk, stage } => match stage {
                WalkStage::Step => self.on_walk_step(cx, from, search, walk),
                WalkStage::Check => self.on_walk_check(cx, from, search, walk),
                WalkStage::Resume => self.on_walk_resume(cx, from, search, walk),
            },
            Message::Ping { request } => self.send(cx, from, &Message::Pong { request }),
            Message::Pong { request } => self.on_pong(cx, request, from),
            Message::Seek { origin, ttl } => self.on_seek(cx, from, origin, ttl),
            Message::Connect { request } => self.on_connect(cx, from, request),
            Message::Connected { request, accepted } => {
                self.on_connected(cx, from, request, accepted);
            }
            Message::Leave => self.on_leave(cx, from),
            Message::Items(message) => self.on_items(cx, from, message),
        }
    }

    fn on_items(&mut self, cx: &mut Context<'_, Flood>, from: Peer, message: items::Message<'_>) {
        if let items::Message::Fetch { cookie, .. } = message
            && cookie == self.transfers.cookie_for(from)
        {
            self.contacts.insert(from);
        }
        cx.carry(|cx| self.transfers.handle_message(cx, from, message));
    }
}

/// Shortest timeout of a probe: it outlasts a stalled thread.
const MIN_PROBE_TIMEOUT: Duration = Duration::from_millis(40);

impl Node for FloodNode {
    type Protocol = Flood;

    /// Up to the peer itself, the first field of `transfers`.
    const READ_FIRST_BYTES: usize = core::mem::offset_of!(FloodNode, transfers) + size_of::<Peer>();

    fn peer(&self) -> Peer {
        self.me()
    }

    #[inline]
    fn prefetch_for(&self, message: &ParkedMessage) {
        if let ParkedMessage::Search { search, .. } = message {
            self.seen.prefetch(*search);
        }
    }

    #[inline]
    fn handle_message(&mut self, cx: &mut Context<'_, Flood>, from: Peer, message: Message<'_>) {
        // A repeated search is dropped whatever its sender. Recognizing it takes one cache line.
        if let Message::Search { search, .. } = message
            && let SearchStatus::Seen(_) = self.seen.look_up(search, cx.now)
        {
            cx.world.count_drop(REPEAT);
            return;
        }
        self.dispatch(cx, from, message);
    }

    fn handle_timeout(&mut self, cx: &mut Context<'_, Flood>) {
        self.armed_at = Time::NEVER;
        if cx.now >= self.ping_at {
            self.ping_neighbors(cx);
        }
        if cx.now >= self.seek_at {
            self.seek_again(cx);
        }
        self.arm(cx);
    }

    fn handle_request_timeout(&mut self, cx: &mut Context<'_, Flood>, handle: RequestHandle) {
        match cx.requests.layer_of(handle) {
            Layer::Own(handle) => {
                let Some(request) = cx.take_expired(handle) else { return };
                match request.kind {
                    Kind::Search(pending) => self.on_round_over(cx, pending),
                    Kind::Probe(reason) => self.on_probe_timeout(cx, &request, reason),
                    Kind::Connect => self.on_connect_timeout(cx, &request),
                }
            }
            Layer::Carried(handle) => cx.carry(|cx| {
                if let Some(request) = cx.take_expired(handle) {
                    self.transfers.on_fetch_timeout(cx, &request);
                }
            }),
        }
    }
}
