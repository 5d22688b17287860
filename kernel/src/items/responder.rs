//! The index holder's side of publishing and finding: the central server for all names, a node of a
//! ring for those that it owns.
//!
//! ```text
//! asks     Publish or Find ───────────▶ responder    the first time without a good cookie: who is
//!          ◀─────────────── CookieReply              entered will be sent fetches, and what is found
//!          Publish or Find ───────────▶              is longer than the question
//!          ◀──────── Published or Found
//! ```
//!
//! Who has an address can enter as much under it as there is room for, and under each slot of it
//! again: a full index refuses newcomers until something lapses, and counts them.
//!
//! **Invariant:** nothing is entered for, and no answer longer than its question is sent to, an
//! address that has not shown to receive.

use core::time::Duration;

use crate::base::{Peer, Rng, Time};
use crate::items::hits::{Hit, HitList};
use crate::items::index::{Index, IndexLimits};
use crate::items::message::{Message, Topic};
use crate::items::protocol::{INDEX_FULL, Items};
use crate::items::query::Query;
use crate::items::text::Text;
use crate::node::{Context, Cookie, RequestId, Secret};

/// How an index is kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ResponderConfig {
    /// What it has room for.
    pub limits: IndexLimits,
    /// An entry lapses so long after it was last renewed.
    pub lifetime: Duration,
}

/// See the [module](self).
#[derive(Debug)]
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

    /// How long an entry lives that is not renewed.
    #[must_use]
    pub const fn lifetime(&self) -> Duration {
        self.lifetime
    }

    /// The index.
    #[must_use]
    pub const fn index(&self) -> &Index {
        &self.index
    }

    /// Somebody holds an item. Returns whether it is entered, or renewed, and has been acknowledged.
    pub fn on_publish(
        &mut self,
        cx: &mut Context<'_, Items>,
        from: Peer,
        request: RequestId,
        cookie: Cookie,
        name: Text,
    ) -> bool {
        if !self.has_shown_itself(cx, from, request, cookie, Topic::Publish) {
            return false;
        }
        let entered = self.enter(cx, &Hit { holder: from, name });
        if entered {
            cx.world.send(self.me, from, &Message::Published { request });
        }
        entered
    }

    /// Somebody asks who holds what.
    pub fn on_find(
        &self,
        cx: &mut Context<'_, Items>,
        from: Peer,
        request: RequestId,
        cookie: Cookie,
        query: &Query,
    ) {
        if self.has_shown_itself(cx, from, request, cookie, Topic::Find) {
            let mut found = HitList::default();
            self.index.find(cx.now, query, &mut found);
            cx.world.send(self.me, from, &Message::Found { request, hits: found.hits() });
        }
    }

    /// Enters or renews what is known to be held. False, and counted, if there is no room.
    pub fn enter(&mut self, cx: &mut Context<'_, Items>, hit: &Hit) -> bool {
        self.enter_for(cx, hit, self.lifetime)
    }

    /// Enters what another index has known for a while: it lapses so much later, or after a lifetime if
    /// that is sooner. False, and counted, if there is no room.
    pub fn enter_for(
        &mut self,
        cx: &mut Context<'_, Items>,
        hit: &Hit,
        lifetime: Duration,
    ) -> bool {
        let entered = self.index.enter(cx.now, hit, cx.now + lifetime.min(self.lifetime));
        if !entered {
            cx.world.count_drop(INDEX_FULL);
        }
        entered
    }

    /// `holder` is gone: so are its entries.
    pub fn remove(&mut self, holder: Peer) -> usize {
        self.index.remove(holder)
    }

    /// Lets go of what has lapsed.
    pub fn expire(&mut self, now: Time) {
        self.index.expire(now);
    }

    /// Whether `from` bears its cookie; is given it if not.
    fn has_shown_itself(
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
