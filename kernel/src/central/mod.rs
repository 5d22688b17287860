//! The central index, as in Napster: one server knows all names and their holders; items go
//! directly from peer to peer.
//!
//! ```text
//!             server     items::Responder: entries expire unless renewed
//!          ▲    ▲    ▲
//!  Publish │    │    │ Find      each peer: items::IndexClient
//!         peer peer peer
//!           └───────▶ Fetch      items::Transfers: directly from the holder
//! ```
//!
//! A query takes one round trip, whatever the number of peers. But the server pays for all of them
//! in memory and messages, and without it nothing is found. A restarted server is empty; peers keep
//! publishing, and fill it again within one refresh.
//!
//! **Invariant:** peers send each other only the messages of item transfers, and pongs.

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
use crate::items::{Holdings, Index, PublishingConfig, Query, ResponderConfig, TransferConfig};
use crate::node::{Context, DropReason, Layer, Node, RequestHandle};

/// The configuration of a central index, common to the server and all peers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CentralConfig {
    /// Transfers of items, and the timeouts of replies.
    pub transfers: Arc<TransferConfig>,
    /// The index of the server.
    pub responder: ResponderConfig,
    /// The schedule of publications.
    pub publishing: PublishingConfig,
    /// A query without an answer fails after this time.
    pub deadline: Duration,
}

/// The server, or one of its peers.
#[derive(Clone, Debug)]
pub struct CentralNode(Role);

#[expect(clippy::large_enum_variant, reason = "nearly all nodes are peers; the server is boxed")]
#[derive(Clone, Debug)]
enum Role {
    Server(Box<CentralServer>),
    Peer(CentralPeer),
}

/// The membership state of a node.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Phase {
    Outside,
    Joining,
    Member,
}

impl CentralNode {
    /// A server with an empty index. It does not serve yet: call
    /// [`start_linked`](Self::start_linked) or [`join`](Self::join) next.
    #[must_use]
    pub fn server(me: Peer, config: Arc<CentralConfig>, rng: &mut Rng) -> CentralNode {
        CentralNode(Role::Server(Box::new(CentralServer::new(me, config, rng))))
    }

    /// A peer of `server` that holds these items. Call [`start_linked`](Self::start_linked) or
    /// [`join`](Self::join) next.
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

    /// Becomes a member at once, whether or not the server is alive. A peer starts publishing.
    pub fn start_linked(&mut self, cx: &mut Context<'_, Central>) {
        match &mut self.0 {
            Role::Server(server) => server.start(),
            Role::Peer(peer) => peer.start(cx),
        }
    }

    /// Becomes a member once the server has answered. Ends in
    /// [`Joined`](crate::items::Event::Joined) or [`JoinFailed`](crate::items::Event::JoinFailed).
    /// The server itself joins at once.
    pub fn join(&mut self, cx: &mut Context<'_, Central>) {
        match &mut self.0 {
            Role::Server(server) => server.join(cx),
            Role::Peer(peer) => peer.join(cx),
        }
    }

    /// Leaves; a peer announces it to the server. The driver removes the node afterwards.
    pub fn leave(&mut self, cx: &mut Context<'_, Central>) {
        match &mut self.0 {
            Role::Server(server) => server.leave(cx),
            Role::Peer(peer) => peer.leave(cx),
        }
    }

    /// Asks the server for the holders of items that match `query`, and fetches the best. Ends in
    /// [`Found`](crate::items::Event::Found) or, after the configured deadline, in
    /// [`NotFound`](crate::items::Event::NotFound); both carry `token`. After the former see
    /// [`Transfers::fetch`](crate::items::Transfers::fetch).
    ///
    /// Returns whether the query was started. It is refused if too many requests are in flight, or
    /// the node is not a member or is the server.
    pub fn ask(&mut self, cx: &mut Context<'_, Central>, query: Query, token: u64) -> bool {
        match &mut self.0 {
            Role::Server(_) => false,
            Role::Peer(peer) => peer.ask(cx, query, token),
        }
    }

    /// The index of a server.
    #[must_use]
    pub fn index(&self) -> Option<&Index> {
        match &self.0 {
            Role::Server(server) => Some(server.index()),
            Role::Peer(_) => None,
        }
    }

    /// Whether the node is a member.
    #[must_use]
    pub fn is_member(&self) -> bool {
        self.phase() == Phase::Member
    }

    /// Whether the node is the server.
    #[must_use]
    pub const fn is_server(&self) -> bool {
        matches!(self.0, Role::Server(_))
    }

    /// The number of entries about other nodes: those of the index at the server, 1 at a peer (the
    /// server).
    #[must_use]
    pub fn entries(&self) -> usize {
        match &self.0 {
            Role::Server(server) => server.index().len(),
            Role::Peer(_) => 1,
        }
    }

    /// The memory of the node in bytes, without the configuration and the names, which may be
    /// shared.
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
        // A node that has left does not answer pings, so that the server finds it gone.
        let is_left = self.phase() == Phase::Outside && matches!(message, Message::Ping { .. });
        let needs_member = match message {
            Message::Leave => true,
            Message::Items(message) => message.is_request(),
            Message::Ping { .. } | Message::Pong { .. } => false,
        };
        if is_left || (needs_member && !self.is_member()) {
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
