//! The flooding peer: its state, and which rule each input goes to.
//!
//! The rules themselves are next door: `search` floods and answers, `walk` walks at random,
//! `membership` comes, goes, and keeps neighbors.
//!
//! **Invariant:** only neighbors make it search, and nobody makes it take the same search twice.

use alloc::sync::Arc;
use core::time::Duration;

use crate::base::{Peer, Rng, Time};
use crate::flood::config::FloodConfig;
use crate::flood::message::{Message, ParkedMessage, WalkStage};
use crate::flood::neighbors::Neighbors;
use crate::flood::protocol::{Flood, REPEAT};
use crate::flood::recent::Recent;
use crate::flood::request::Kind;
use crate::flood::seen::{Known, Seen};
use crate::items;
use crate::items::{Holdings, TransferConfig, Transfers};
use crate::node::{Context, DropReason, Layer, Node, RequestHandle};

/// A peer that floods. What a search needs comes first, in one cache line.
#[derive(Debug)]
#[repr(C, align(64))]
pub struct FloodNode {
    pub(crate) seen: Seen,
    pub(crate) neighbors: Neighbors,
    pub(crate) phase: Phase,
    /// Neighbors it tries to have.
    pub(crate) wanted: u16,
    /// Rounds of looking for neighbors since it last began to.
    pub(crate) seeks: u8,
    pub(crate) config: Arc<FloodConfig>,
    pub(crate) transfers: Transfers,
    /// The neighbors it lost last.
    pub(crate) former: Recent,
    /// Others that it heard of last: they look for neighbors, have items, or fetch them.
    pub(crate) heard: Recent,
    /// When to ping all neighbors.
    pub(crate) ping_at: Time,
    /// When to look for neighbors.
    pub(crate) seek_at: Time,
    pub(crate) armed_at: Time,
}

/// Where a peer stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Phase {
    Outside,
    Joining,
    Member,
}

impl FloodNode {
    /// A peer without neighbors: give it [`start_linked`](Self::start_linked) or
    /// [`join`](Self::join). Peers that are given the same [`Arc`]s share their configuration.
    #[must_use]
    pub fn new(
        me: Peer,
        holdings: Holdings,
        config: Arc<FloodConfig>,
        transfer_config: Arc<TransferConfig>,
        rng: &mut Rng,
    ) -> FloodNode {
        FloodNode {
            seen: Seen::new(config.room, rng.next_u64()),
            neighbors: Neighbors::new(config.max_neighbors.max(1)),
            transfers: Transfers::new(me, holdings, transfer_config, rng),
            former: Recent::default(),
            heard: Recent::default(),
            phase: Phase::Outside,
            wanted: config.wanted.clamp(1, config.max_neighbors.max(1)),
            seeks: 0,
            ping_at: Time::NEVER,
            seek_at: Time::NEVER,
            armed_at: Time::NEVER,
            config,
        }
    }

    /// Whether it takes part.
    #[must_use]
    pub fn is_member(&self) -> bool {
        self.phase == Phase::Member
    }

    /// Its neighbors.
    pub fn neighbors(&self) -> impl Iterator<Item = Peer> + '_ {
        self.neighbors.iter()
    }

    /// Peers in its table.
    #[must_use]
    pub fn entries(&self) -> usize {
        self.neighbors.len()
    }

    /// Memory it takes, the configuration and the names, which it may share, left out; in bytes.
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

    /// Somebody who is no neighbor says what only neighbors say. It may hold this peer to be one,
    /// after a crash or a lost message: it hears that it is not.
    pub(crate) fn refuse(&self, cx: &mut Context<'_, Flood>, stranger: Peer) {
        cx.world.count_drop(DropReason::UnknownPeer);
        self.send(cx, stranger, &Message::Leave);
    }

    /// Arms the node's one timer for whatever comes next.
    pub(crate) fn arm(&mut self, cx: &mut Context<'_, Flood>) {
        let next = self.ping_at.min(self.seek_at);
        if next != self.armed_at {
            self.armed_at = next;
            cx.world.arm_node(cx.node, next);
        }
    }

    /// How long to wait for a reply on which a link depends.
    pub(crate) fn probe_timeout(&self, retries: u8) -> Duration {
        self.transfers.timeout(0).max(MIN_PROBE_TIMEOUT) * (1 << retries.min(4))
    }

    /// Everything but a repeated search, which is most of what arrives.
    fn act_on(&mut self, cx: &mut Context<'_, Flood>, from: Peer, message: Message<'_>) {
        if from.id == self.me().id {
            return cx.world.count_drop(DropReason::FromSelf);
        }
        // Who has left is silent, so that it is found gone; replies find no request then.
        if self.phase == Phase::Outside {
            return cx.world.count_drop(DropReason::NotMember);
        }
        match message {
            Message::Search { search, query, ttl, hops } => {
                self.on_search(cx, from, search, query, ttl, hops);
            }
            Message::SearchHit { search, hit, hops } => self.on_hit(cx, from, search, hit, hops),
            Message::Walk { search, walk, stage } => match stage {
                WalkStage::Steps => self.on_walker(cx, from, search, walk),
                WalkStage::Asks => self.on_walker_asks(cx, from, search, walk),
                WalkStage::GoesOn => self.on_walker_goes_on(cx, from, search, walk),
            },
            Message::Ping { request } => self.send(cx, from, &Message::Pong { request }),
            Message::Pong { request } => self.on_pong(cx, request, from),
            Message::Meet { origin, ttl } => self.on_meet(cx, from, origin, ttl),
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
            self.heard.insert(from);
        }
        cx.carry(|cx| self.transfers.handle_message(cx, from, message));
    }
}

/// Shortest wait for a reply on which a link depends: it outlasts a stalled thread.
const MIN_PROBE_TIMEOUT: Duration = Duration::from_millis(40);

impl Node for FloodNode {
    type Protocol = Flood;

    /// Up to who it is, which is where its transfers begins.
    const READ_FIRST_BYTES: usize = core::mem::offset_of!(FloodNode, transfers) + size_of::<Peer>();

    fn peer(&self) -> Peer {
        self.me()
    }

    #[inline]
    fn prefetch_for(&self, message: &ParkedMessage) {
        if let ParkedMessage::Search { search, .. } = message {
            self.seen.expect(*search);
        }
    }

    #[inline]
    fn handle_message(&mut self, cx: &mut Context<'_, Flood>, from: Peer, message: Message<'_>) {
        // A search seen before is dropped whoever it is from: one cache line tells.
        if let Message::Search { search, .. } = message
            && let Known::Seen(_) = self.seen.look_up(search, cx.now)
        {
            cx.world.count_drop(REPEAT);
            return;
        }
        self.act_on(cx, from, message);
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
                    Kind::Search(own) => self.on_round_over(cx, own),
                    Kind::Probe(why) => self.on_probe_timeout(cx, &request, why),
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
