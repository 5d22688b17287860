//! The central index, as Napster had it: one server knows who has what, everything else is between
//! peers.
//!
//! ```text
//!             server     items::Responder: entries lapse unless renewed
//!          ▲    ▲    ▲
//!  Publish │    │    │ Find      each peer: items::IndexClient
//!         peer peer peer
//!           └───────▶ Fetch      items::Transfers: directly from who has it
//! ```
//!
//! One round trip finds anything, whatever the number of peers; all of it costs the server memory
//! and messages, and when it is gone nothing is found. It keeps nothing for its return: peers
//! go on publishing, and fill it again within one refresh.
//!
//! **Invariant:** a peer sends nothing to another peer but what an item's transfer takes and answers
//! to its probes.

mod message;
mod peer;
mod protocol;
mod request;
mod server;
mod wire;

pub use message::{Message, MessageWith, ParkedMessage};
pub use protocol::Central;
pub use request::Kind;
pub use wire::CentralCodec;

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::time::Duration;

use crate::base::{Peer, Rng};
use crate::central::peer::CentralPeer;
use crate::central::server::CentralServer;
use crate::items::{Holdings, PublishingConfig, Query, ResponderConfig, TransferConfig};
use crate::node::{Context, DropReason, Layer, Node, RequestHandle};

/// How a central index and its peers work: the same for all of them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CentralConfig {
    /// How items are fetched, and how long replies are waited for.
    pub transfers: Arc<TransferConfig>,
    /// How the server keeps its index.
    pub responder: ResponderConfig,
    /// When peers publish what they hold.
    pub publishing: PublishingConfig,
    /// A query without an answer by then has failed.
    pub deadline: Duration,
}

/// The server, or one of its peers.
#[derive(Debug)]
pub struct CentralNode(Role);

#[expect(clippy::large_enum_variant, reason = "the one server is boxed; the many are peers")]
#[derive(Debug)]
enum Role {
    Server(Box<CentralServer>),
    Peer(CentralPeer),
}

/// Where a node stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Phase {
    Outside,
    Joining,
    Member,
}

impl CentralNode {
    /// The server, with an empty index. It serves nobody yet: give it
    /// [`start_linked`](Self::start_linked) or [`join`](Self::join).
    #[must_use]
    pub fn server(me: Peer, config: Arc<CentralConfig>, rng: &mut Rng) -> CentralNode {
        CentralNode(Role::Server(Box::new(CentralServer::new(me, config, rng))))
    }

    /// A peer with these items, which is to use `server`: give it
    /// [`start_linked`](Self::start_linked) or [`join`](Self::join).
    #[must_use]
    pub fn peer(
        me: Peer,
        server: Peer,
        holdings: Holdings,
        config: Arc<CentralConfig>,
        rng: &mut Rng,
    ) -> CentralNode {
        CentralNode(Role::Peer(CentralPeer::new(me, server, holdings, config, rng)))
    }

    /// Becomes a member at once, whether or not the server is there. A peer begins to publish.
    pub fn start_linked(&mut self, cx: &mut Context<'_, Central>) {
        match &mut self.0 {
            Role::Server(server) => server.start(),
            Role::Peer(peer) => peer.start(cx),
        }
    }

    /// Becomes a member once the server has answered. Ends in
    /// [`Joined`](crate::items::Event::Joined) or [`JoinFailed`](crate::items::Event::JoinFailed);
    /// for the server itself in the first, at once.
    pub fn join(&mut self, cx: &mut Context<'_, Central>) {
        match &mut self.0 {
            Role::Server(server) => server.join(cx),
            Role::Peer(peer) => peer.join(cx),
        }
    }

    /// Leaves; a peer says so to the server. The driver removes the node afterwards.
    pub fn leave(&mut self, cx: &mut Context<'_, Central>) {
        match &mut self.0 {
            Role::Server(server) => server.leave(cx),
            Role::Peer(peer) => peer.leave(cx),
        }
    }

    /// Asks the server who has items that fit, and fetches the best. Ends in
    /// [`Found`](crate::items::Event::Found) or, after the configured deadline,
    /// [`NotFound`](crate::items::Event::NotFound), either of them with `token`; what follows
    /// the first, see [`Transfers::fetch`](crate::items::Transfers::fetch).
    ///
    /// Returns whether it was begun; it is not if too many requests are in flight, or this node is
    /// no member, or the server.
    pub fn ask(&mut self, cx: &mut Context<'_, Central>, query: Query, token: u64) -> bool {
        match &mut self.0 {
            Role::Server(_) => false,
            Role::Peer(peer) => peer.ask(cx, query, token),
        }
    }

    /// Whether it is a member.
    #[must_use]
    pub fn is_member(&self) -> bool {
        self.phase() == Phase::Member
    }

    /// Whether it is the server.
    #[must_use]
    pub const fn is_server(&self) -> bool {
        matches!(self.0, Role::Server(_))
    }

    /// What it keeps of others: the server its index entries, a peer the server.
    #[must_use]
    pub fn entries(&self) -> usize {
        match &self.0 {
            Role::Server(server) => server.index().len(),
            Role::Peer(_) => 1,
        }
    }

    /// Memory it takes, the configuration and names, which it may share, left out; in bytes.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        let heap_bytes = match &self.0 {
            Role::Server(server) => size_of_val(&**server) + server.index().heap_bytes(),
            Role::Peer(peer) => peer.holdings().heap_bytes(),
        };
        size_of::<Self>() + heap_bytes
    }

    fn phase(&self) -> Phase {
        match &self.0 {
            Role::Server(server) => server.phase,
            Role::Peer(peer) => peer.phase,
        }
    }
}

impl Node for CentralNode {
    type Protocol = Central;

    fn peer(&self) -> Peer {
        match &self.0 {
            Role::Server(server) => server.me,
            Role::Peer(peer) => peer.me(),
        }
    }

    fn handle_message(&mut self, cx: &mut Context<'_, Central>, from: Peer, message: Message<'_>) {
        let me = Node::peer(self);
        if from.id == me.id {
            cx.world.count_drop(DropReason::FromSelf);
            return;
        }
        // Who is outside is silent: one that has left must be found gone.
        let silent = self.phase() == Phase::Outside && matches!(message, Message::Ping { .. });
        let needs_member = match message {
            Message::Leave => true,
            Message::Items(message) => message.is_request(),
            Message::Ping { .. } | Message::Pong { .. } => false,
        };
        if silent || (needs_member && !self.is_member()) {
            cx.world.count_drop(DropReason::NotMember);
            return;
        }
        match (&mut self.0, message) {
            (_, Message::Ping { request }) => cx.world.send(me, from, &Message::Pong { request }),
            (Role::Server(server), message) => server.handle_message(cx, from, message),
            (Role::Peer(peer), message) => peer.handle_message(cx, from, message),
        }
    }

    fn handle_timeout(&mut self, cx: &mut Context<'_, Central>) {
        match &mut self.0 {
            Role::Server(server) => server.handle_timeout(cx),
            Role::Peer(peer) => peer.handle_timeout(cx),
        }
    }

    fn handle_request_timeout(&mut self, cx: &mut Context<'_, Central>, handle: RequestHandle) {
        match cx.requests.layer_of(handle) {
            Layer::Own(handle) => {
                let Some(request) = cx.take_expired(handle) else { return };
                match &mut self.0 {
                    Role::Server(server) => server.on_request_timeout(cx, &request),
                    Role::Peer(peer) => peer.on_request_timeout(cx, &request),
                }
            }
            Layer::Carried(handle) => cx.carry(|cx| {
                let Some(request) = cx.requests.remove(handle) else { return };
                if let Role::Peer(peer) = &mut self.0 {
                    peer.on_items_timeout(cx, &request);
                }
            }),
        }
    }
}
