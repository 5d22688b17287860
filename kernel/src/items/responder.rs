//! The responder: serves an index to publishers and requesters. The central server holds all names,
//! a node of a ring those that it owns.
//!
//! ```text
//! peer     Publish or Find ───────────▶ responder    the first request has no valid cookie, which is
//!          ◀─────────────── CookieReply              required: a published address gets fetches, and
//!          Publish or Find ───────────▶              answers are longer than queries
//!          ◀──────── Published or Found
//! ```
//!
//! There is no limit per address: one peer can fill the index. A full index rejects new entries
//! until old ones expire, and counts the rejections.
//!
//! **Invariant:** an address that has not proved to receive messages gets no entry and no answer
//! longer than its request.

use core::time::Duration;

use crate::base::{Peer, Rng, Time};
use crate::items::hits::{Hit, HitList};
use crate::items::index::{Index, IndexLimits};
use crate::items::message::{Message, Topic};
use crate::items::protocol::{INDEX_FULL, Items};
use crate::items::query::Query;
use crate::items::text::Text;
use crate::node::{Context, Cookie, RequestId, Secret};

/// The configuration of an index.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ResponderConfig {
    /// The capacity of the index.
    pub limits: IndexLimits,
    /// An entry expires this long after its last renewal.
    pub lifetime: Duration,
}

/// A node's index, served to peers. See the [module](self).
#[derive(Clone, Debug)]
pub struct Responder {
    me: Peer,
    lifetime: Duration,
    secret: Secret,
    index: Index,
}

impl Responder {
    /// An empty index at `me`.
    #[must_use]
    pub fn new(me: Peer, config: &ResponderConfig, rng: &mut Rng) -> Responder {
        let secret = Secret::random(rng);
        Responder { me, lifetime: config.lifetime, secret, index: Index::new(config.limits, rng) }
    }

    /// An empty index at `me` that takes less memory; see [`Index::exact`].
    #[must_use]
    pub fn exact(me: Peer, config: &ResponderConfig, rng: &mut Rng) -> Responder {
        let secret = Secret::random(rng);
        Responder { me, lifetime: config.lifetime, secret, index: Index::exact(config.limits, rng) }
    }

    /// The lifetime of an entry that is not renewed.
    #[must_use]
    pub const fn lifetime(&self) -> Duration {
        self.lifetime
    }

    /// The index.
    #[must_use]
    pub const fn index(&self) -> &Index {
        &self.index
    }

    /// Handles a publication. Returns whether the entry was inserted or renewed, and acknowledged.
    pub fn on_publish(
        &mut self,
        cx: &mut Context<'_, Items>,
        from: Peer,
        request: RequestId,
        cookie: Cookie,
        name: Text,
    ) -> bool {
        if !self.check_cookie(cx, from, request, cookie, Topic::Publish) {
            return false;
        }
        let entered = self.insert(cx, &Hit { holder: from, name });
        if entered {
            cx.world.send(self.me, from, &Message::Published { request });
        }
        entered
    }

    /// Handles a query.
    pub fn on_find(
        &self,
        cx: &mut Context<'_, Items>,
        from: Peer,
        request: RequestId,
        cookie: Cookie,
        query: &Query,
    ) {
        if self.check_cookie(cx, from, request, cookie, Topic::Find) {
            let mut found = HitList::default();
            self.index.find(cx.now, query, &mut found);
            cx.world.send(self.me, from, &Message::Found { request, hits: found.hits() });
        }
    }

    /// Inserts or renews an entry. If there is no room, returns false and counts a drop.
    pub fn insert(&mut self, cx: &mut Context<'_, Items>, hit: &Hit) -> bool {
        self.insert_for(cx, hit, self.lifetime)
    }

    /// Inserts or renews an entry that another index has handed over with its remaining `lifetime`,
    /// limited to the configured one. If there is no room, returns false and counts a drop.
    pub fn insert_for(
        &mut self,
        cx: &mut Context<'_, Items>,
        hit: &Hit,
        lifetime: Duration,
    ) -> bool {
        let entered = self.index.insert(cx.now, hit, cx.now + lifetime.min(self.lifetime));
        if !entered {
            cx.world.count_drop(INDEX_FULL);
        }
        entered
    }

    /// Removes the entries of `holder` and returns their number; see [`Index::remove`].
    pub fn remove(&mut self, holder: Peer) -> usize {
        self.index.remove(holder)
    }

    /// Removes expired entries.
    pub fn expire(&mut self, now: Time) {
        self.index.expire(now);
    }

    /// Whether the request carries a valid cookie. If not, replies with one.
    pub(crate) fn check_cookie(
        &self,
        cx: &mut Context<'_, Items>,
        from: Peer,
        request: RequestId,
        cookie: Cookie,
        topic: Topic,
    ) -> bool {
        let expected = self.secret.cookie_for(from.address);
        if cookie != expected {
            let reply = Message::CookieReply { request, topic, cookie: expected };
            cx.world.send(self.me, from, &reply);
        }
        cookie == expected
    }
}
