//! A holder's side of soft state: making known what is on the holdings, and again before it lapses.
//!
//! Turns come one by one, evenly spread: in the first round over `spread`, from then on over
//! `refresh`, for ever. A turn that fails is not made up for: the next round does, well within the
//! lifetime of an entry. So an index that has lost everything has it back within one round, and while
//! it is silent it is asked no more often than otherwise.
//!
//! **Invariant:** what is published next, and when, follows from two numbers, whatever the size of
//! the holdings; one turn sends at most [`ATTEMPTS`] messages.

use core::time::Duration;

use crate::base::{Peer, Time};
use crate::items::message::Message;
use crate::items::protocol::Items;
use crate::items::request::{Kind, Publication, Request};
use crate::items::transfers::Transfers;
use crate::node::{Context, Cookie, RequestId};

/// Messages of one turn, those asked for with a fresh cookie counted; the wait doubles each time.
pub const ATTEMPTS: u8 = 4;

/// When a peer publishes: the same for all peers of a system.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PublishingConfig {
    /// How long the first round takes.
    pub spread: Duration,
    /// How long each other round takes, above zero. Entries should live for a few of them.
    pub refresh: Duration,
}

/// See the [module](self).
#[derive(Debug)]
pub struct Publisher {
    config: PublishingConfig,
    /// Items on the holdings.
    items: u32,
    next: u32,
    next_at: Time,
    /// Whether every item has had a turn.
    repeats: bool,
    /// The last turn led nowhere: until one does, each is a single message.
    silent: bool,
}

impl Publisher {
    /// For a holdings with so many items; see [`start`](Self::start).
    #[must_use]
    pub fn new(config: PublishingConfig, items: usize) -> Publisher {
        Publisher {
            config,
            items: items as u32,
            next: 0,
            next_at: Time::NEVER,
            repeats: false,
            silent: false,
        }
    }

    /// Begins the first round, somewhere within its first step: peers do not fall into step.
    pub fn start(&mut self, cx: &mut Context<'_, Items>) {
        (self.next, self.repeats, self.silent) = (0, false, false);
        if self.items > 0 {
            let step_ns = u64::try_from(self.step().as_nanos()).unwrap_or(u64::MAX);
            self.next_at = cx.now + Duration::from_nanos(cx.rng.below(step_ns));
        }
    }

    /// No more turns.
    pub fn stop(&mut self) {
        self.next_at = Time::NEVER;
    }

    /// When the next item has its turn.
    #[must_use]
    pub const fn next_at(&self) -> Time {
        self.next_at
    }

    /// The item whose turn it is, by its place on the holdings; nothing if that is still to come.
    pub fn take_turn(&mut self, now: Time) -> Option<u32> {
        if self.next_at > now {
            return None;
        }
        let index = self.next;
        self.next += 1;
        if self.next == self.items {
            (self.next, self.repeats) = (0, true);
        }
        self.next_at = (self.next_at + self.step()).max(now);
        Some(index)
    }

    /// Makes the item at `index` on the holdings known to `to`.
    pub fn publish(
        &mut self,
        cx: &mut Context<'_, Items>,
        transfers: &Transfers,
        to: Peer,
        index: u32,
    ) {
        let cookie = transfers.index_cookie.for_peer(to);
        self.send(cx, transfers, to, Publication { index, cookie }, 0);
    }

    /// An index holder wants a cookie first: `request` was a publication, and is over.
    pub fn on_cookie(
        &mut self,
        cx: &mut Context<'_, Items>,
        transfers: &mut Transfers,
        request: &Request,
        cookie: Cookie,
    ) {
        let Kind::Publish(publication) = request.kind else { return };
        transfers.record(cx.now.since(request.sent_at));
        transfers.index_cookie.learn(request.to, cookie);
        if request.retries + 1 < ATTEMPTS {
            let again = Publication { cookie, ..publication };
            self.send(cx, transfers, request.to, again, request.retries + 1);
        }
    }

    /// An index holder has entered an item. Says which one, if this answers anything.
    pub fn on_published(
        &mut self,
        cx: &mut Context<'_, Items>,
        transfers: &mut Transfers,
        from: Peer,
        id: RequestId,
    ) -> Option<u32> {
        let request = cx.match_reply(id, from, |kind| matches!(kind, Kind::Publish(_)))?;
        let Kind::Publish(publication) = request.kind else { return None };
        transfers.record(cx.now.since(request.sent_at));
        self.silent = false;
        Some(publication.index)
    }

    /// An index holder has not answered: `request` was a publication, and is over. Returns whether it
    /// is tried again.
    pub fn on_timeout(
        &mut self,
        cx: &mut Context<'_, Items>,
        transfers: &mut Transfers,
        request: &Request,
    ) -> bool {
        let Kind::Publish(publication) = request.kind else { return false };
        transfers.record_timeout();
        let again = request.retries + 1 < ATTEMPTS && !self.silent;
        if again {
            self.send(cx, transfers, request.to, publication, request.retries + 1);
        } else {
            self.silent = true;
        }
        again
    }

    /// Time from one turn to the next.
    fn step(&self) -> Duration {
        let round = if self.repeats { self.config.refresh } else { self.config.spread };
        round / self.items.max(1)
    }

    fn send(
        &self,
        cx: &mut Context<'_, Items>,
        transfers: &Transfers,
        to: Peer,
        publication: Publication,
        retries: u8,
    ) {
        let Some(name) = transfers.holdings().name(publication.index as usize) else { return };
        let (cookie, wait) = (publication.cookie, transfers.timeout(retries));
        if let Some(request) = cx.request(to, retries, Kind::Publish(publication), wait) {
            cx.world.send(transfers.me(), to, &Message::Publish { request, cookie, name });
        }
    }
}
