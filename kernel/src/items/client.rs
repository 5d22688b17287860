//! A peer's part in an index that others keep: publishing there, asking there, and the items
//! themselves.
//!
//! **Invariant:** it acts on replies to its own requests and on fetches, and on nothing else.

use alloc::sync::Arc;

use crate::context::{Context, Drop};
use crate::items::inquirer;
use crate::items::publisher::{Publisher, PublishingConfig};
use crate::items::sharer::{Sharer, SharingConfig};
use crate::items::shelf::Shelf;
use crate::message::{Cookie, Message, RequestId};
use crate::peer::Peer;
use crate::rng::Rng;
use crate::rpc::{OwnFind, Request, RequestKind};

/// See the [module](self).
#[derive(Debug)]
pub struct Participant {
    pub(crate) sharer: Sharer,
    pub(crate) publisher: Publisher,
}

impl Participant {
    /// A peer with these items that has published none of them yet.
    #[must_use]
    pub fn new(
        me: Peer,
        shelf: Shelf,
        sharing: Arc<SharingConfig>,
        publishing: PublishingConfig,
        rng: &mut Rng,
    ) -> Participant {
        let publisher = Publisher::new(publishing, shelf.len());
        Participant { sharer: Sharer::new(me, shelf, sharing, rng), publisher }
    }

    /// Asks whoever holds the index; see [`inquirer::ask`].
    pub fn ask(&mut self, cx: &mut Context<'_>, to: Peer, own: OwnFind) -> bool {
        inquirer::ask(cx, &self.sharer, to, own)
    }

    /// Makes the item at `index` on the shelf known to whoever holds the index.
    pub fn publish(&mut self, cx: &mut Context<'_>, to: Peer, index: u32) {
        self.publisher.publish(cx, &self.sharer, to, index);
    }

    /// A publication has not been acknowledged: it is over, or tried again.
    pub fn on_publish_timeout(&mut self, cx: &mut Context<'_>, request: &Request) {
        self.publisher.on_timeout(cx, &mut self.sharer, request);
    }

    /// A message for this part of a node; others are dropped and counted.
    pub fn handle_message(&mut self, cx: &mut Context<'_>, from: Peer, message: Message<'_>) {
        let sharer = &mut self.sharer;
        match message {
            Message::Published { request } => {
                self.publisher.on_published(cx, sharer, from, request);
            }
            Message::Found { request, hits } => {
                inquirer::on_found(cx, sharer, from, request, hits);
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

    fn on_cookie(&mut self, cx: &mut Context<'_>, from: Peer, id: RequestId, cookie: Cookie) {
        let wants_cookie = |kind: &RequestKind| {
            matches!(kind, RequestKind::Publish(_) | RequestKind::Find(_) | RequestKind::Fetch(_))
        };
        let Some(request) = cx.matched(id, from, wants_cookie) else { return };
        let sharer = &mut self.sharer;
        match request.kind {
            RequestKind::Publish(_) => self.publisher.on_cookie(cx, sharer, &request, cookie),
            RequestKind::Find(_) => inquirer::on_cookie(cx, sharer, &request, cookie),
            _ => sharer.on_fetch_cookie(cx, &request, cookie),
        }
    }
}
