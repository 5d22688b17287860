//! The publisher: publishes the items that a peer holds, and renews the entries before they expire.
//!
//! Items are published one by one, evenly spread: the first round takes `spread`, each further
//! round `refresh`. A publication that fails is not repeated until the next round, well within the
//! lifetime of an entry. So an index that has lost its entries has them back within one round, and
//! one that does not answer gets no more messages than otherwise.
//!
//! **Invariant:** the schedule takes constant memory, whatever the number of items; one publication
//! sends at most [`ATTEMPTS`] messages.

use core::time::Duration;

use crate::base::{Peer, Time};
use crate::items::message::Message;
use crate::items::protocol::Items;
use crate::items::repeat::repeat;
use crate::items::request::{Kind, Publication, Request};
use crate::items::text::Text;
use crate::items::transfers::Transfers;
use crate::node::{Context, Cookie, RequestId};

/// Messages per publication, including repetitions with a new cookie. The timeout doubles each
/// time.
pub const ATTEMPTS: u8 = 4;

/// The schedule of publications, common to all peers of a system.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PublishingConfig {
    /// Duration of the first round.
    pub spread: Duration,
    /// Duration of each further round, above zero. Entries should live for several rounds.
    pub refresh: Duration,
}

/// The publication schedule of one peer. See the [module](self).
#[derive(Clone, Debug)]
pub struct Publisher {
    config: PublishingConfig,
    /// The number of items.
    items: u32,
    /// The index of the next item.
    next: u32,
    /// The time of the next publication.
    next_at: Time,
    /// Whether every item has been published once.
    first_round_done: bool,
    /// Whether the last publication got no answer. If so, the next one is a single message.
    unanswered: bool,
}

impl Publisher {
    /// A publisher of `items` items. Call [`start`](Self::start) next.
    #[must_use]
    pub fn new(config: PublishingConfig, items: usize) -> Publisher {
        Publisher {
            config,
            items: items as u32,
            next: 0,
            next_at: Time::NEVER,
            first_round_done: false,
            unanswered: false,
        }
    }

    /// Starts the first round, at a random time within its first step, so that peers do not
    /// synchronize.
    pub fn start(&mut self, cx: &mut Context<'_, Items>) {
        (self.next, self.first_round_done, self.unanswered) = (0, false, false);
        if self.items > 0 {
            let step_ns = u64::try_from(self.step().as_nanos()).unwrap_or(u64::MAX);
            self.next_at = cx.now + Duration::from_nanos(cx.rng.below(step_ns));
        }
    }

    /// Stops publishing.
    pub fn stop(&mut self) {
        self.next_at = Time::NEVER;
    }

    /// The time of the next publication.
    #[must_use]
    pub const fn next_at(&self) -> Time {
        self.next_at
    }

    /// The index of the item to publish now; `None` if none is due. Schedules the next one.
    pub fn take_due(&mut self, now: Time) -> Option<u32> {
        if self.next_at > now {
            return None;
        }
        let index = self.next;
        self.next += 1;
        if self.next == self.items {
            (self.next, self.first_round_done) = (0, true);
        }
        self.next_at = (self.next_at + self.step()).max(now);
        Some(index)
    }

    /// Publishes the item at `index` of the holdings to the index at `to`, under the `word` of its name
    /// with this number or under the whole name.
    pub fn publish(
        &mut self,
        cx: &mut Context<'_, Items>,
        transfers: &Transfers,
        to: Peer,
        index: u32,
        word: Option<u8>,
    ) {
        let cookie = transfers.index_cookie.for_peer(to);
        self.send(cx, transfers, to, Publication { index, word, cookie }, 0);
    }

    /// Handles a cookie from the index. `request` was the publication and is no longer in flight.
    pub fn on_cookie(
        &mut self,
        cx: &mut Context<'_, Items>,
        transfers: &mut Transfers,
        request: &Request,
        cookie: Cookie,
    ) {
        let Kind::Publish(publication) = request.kind else { return };
        transfers.record_reply(cx.now, request);
        transfers.index_cookie.learn(request.to, cookie);
        if request.retries + 1 < ATTEMPTS {
            let again = Publication { cookie, ..publication };
            self.send(cx, transfers, request.to, again, request.retries + 1);
        }
    }

    /// Handles an acknowledgement. Returns the index of the published item, or `None` if the reply
    /// matches no request.
    pub fn on_published(
        &mut self,
        cx: &mut Context<'_, Items>,
        transfers: &mut Transfers,
        from: Peer,
        id: RequestId,
    ) -> Option<u32> {
        let request = cx.match_reply(id, from, |kind| matches!(kind, Kind::Publish(_)))?;
        let Kind::Publish(publication) = request.kind else { return None };
        transfers.record_reply(cx.now, &request);
        self.unanswered = false;
        Some(publication.index)
    }

    /// The index did not answer. `request` was the publication and is no longer in flight. Returns
    /// whether it is repeated.
    pub fn on_timeout(
        &mut self,
        cx: &mut Context<'_, Items>,
        transfers: &mut Transfers,
        request: &Request,
    ) -> bool {
        let Kind::Publish(publication) = request.kind else { return false };
        transfers.record_timeout();
        let wait = transfers.timeout(request.retries + 1);
        let again = request.retries + 1 < ATTEMPTS && !self.unanswered;
        if !again {
            self.unanswered = true;
        } else if let Some(name) = transfers.holdings().name(publication.index as usize)
            && repeat(cx, request, request.kind, wait)
        {
            let publish = message(request.id, publication, name);
            cx.world.send(transfers.me(), request.to, &publish);
        }
        again
    }

    /// The time between two publications.
    fn step(&self) -> Duration {
        let round = if self.first_round_done { self.config.refresh } else { self.config.spread };
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
        let wait = transfers.timeout(retries);
        if let Some(request) = cx.request(to, retries, Kind::Publish(publication), wait) {
            cx.world.send(transfers.me(), to, &message(request, publication, name));
        }
    }
}

fn message(request: RequestId, publication: Publication, name: Text) -> Message<'static> {
    let Publication { word, cookie, .. } = publication;
    match word {
        Some(word) => Message::PublishWord { request, cookie, word, name },
        None => Message::Publish { request, cookie, name },
    }
}
