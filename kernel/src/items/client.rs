//! The client of an index on another node: publishes, queries, fetches, and serves its items.
//!
//! **Invariant:** it handles only replies to its own requests, and fetches.

use alloc::sync::Arc;

use crate::base::{Peer, Rng};
use crate::items::holdings::Holdings;
use crate::items::message::Message;
use crate::items::protocol::Items;
use crate::items::publisher::{Publisher, PublishingConfig};
use crate::items::request::{Kind, PendingQuery, Request};
use crate::items::requester;
use crate::items::transfers::{TransferConfig, Transfers};
use crate::node::{Context, Cookie, DropReason, RequestId};

/// A client of an index. See the [module](self).
#[derive(Clone, Debug)]
pub struct IndexClient {
    pub(crate) transfers: Transfers,
    pub(crate) publisher: Publisher,
}

impl IndexClient {
    /// A client that holds these items and has published none of them yet.
    #[must_use]
    pub fn new(
        me: Peer,
        holdings: Holdings,
        transfer_config: Arc<TransferConfig>,
        publishing: PublishingConfig,
        rng: &mut Rng,
    ) -> IndexClient {
        let publisher = Publisher::new(publishing, holdings.len());
        IndexClient { transfers: Transfers::new(me, holdings, transfer_config, rng), publisher }
    }

    /// Sends a query to the index at `to`; see [`requester::ask`].
    pub fn ask(&mut self, cx: &mut Context<'_, Items>, to: Peer, pending: PendingQuery) -> bool {
        requester::ask(cx, &self.transfers, to, pending)
    }

    /// Publishes the item at `index` of the holdings to the index at `to`, under the `word` of its name
    /// with this number or under the whole name.
    pub fn publish(&mut self, cx: &mut Context<'_, Items>, to: Peer, index: u32, word: Option<u8>) {
        self.publisher.publish(cx, &self.transfers, to, index, word);
    }

    /// Handles the timeout of a request. Publications are repeated only while the node is a member.
    pub fn on_timeout(&mut self, cx: &mut Context<'_, Items>, request: &Request, is_member: bool) {
        match request.kind {
            Kind::Find(_) => requester::on_timeout(cx, &mut self.transfers, request),
            Kind::Fetch(_) => self.transfers.on_fetch_timeout(cx, request),
            Kind::Publish(_) if is_member => {
                self.publisher.on_timeout(cx, &mut self.transfers, request);
            }
            Kind::Publish(_) => {}
        }
    }

    /// Handles a message to a client. Others are dropped and counted.
    pub fn handle_message(
        &mut self,
        cx: &mut Context<'_, Items>,
        from: Peer,
        message: Message<'_>,
    ) {
        let transfers = &mut self.transfers;
        match message {
            Message::Published { request } => {
                self.publisher.on_published(cx, transfers, from, request);
            }
            Message::Found { request, hits } => {
                requester::on_found(cx, transfers, from, request, hits);
            }
            Message::Fetch { request, cookie, name } => {
                transfers.on_fetch(cx, from, request, cookie, name);
            }
            Message::Item { request, payload } => transfers.on_item(cx, from, request, payload),
            Message::CookieReply { request, cookie, .. } => {
                self.on_cookie(cx, from, request, cookie);
            }
            _ => cx.world.count_drop(DropReason::NotForThisKind),
        }
    }

    fn on_cookie(
        &mut self,
        cx: &mut Context<'_, Items>,
        from: Peer,
        id: RequestId,
        cookie: Cookie,
    ) {
        let wants_cookie =
            |kind: &Kind| matches!(kind, Kind::Publish(_) | Kind::Find(_) | Kind::Fetch(_));
        let Some(request) = cx.match_reply(id, from, wants_cookie) else { return };
        let transfers = &mut self.transfers;
        match request.kind {
            Kind::Publish(_) => self.publisher.on_cookie(cx, transfers, &request, cookie),
            Kind::Find(_) => requester::on_cookie(cx, transfers, &request, cookie),
            _ => transfers.on_fetch_cookie(cx, &request, cookie),
        }
    }
}
