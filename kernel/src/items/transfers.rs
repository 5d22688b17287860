//! Items from peer to peer: fetching from holders, and giving away what is held here.
//!
//! ```text
//! asks     Fetch ──────────▶ holder        the first time without a good cookie:
//!          ◀────── CookieReply             a transfer is longer than its request
//!          Fetch ──────────▶
//!          ◀───────────── Item
//! ```
//!
//! **Invariant:** a transfer tries each holder it was given at most [`ATTEMPTS`] times, once more for
//! its cookie, and ends.

use alloc::sync::Arc;
use core::time::Duration;

use crate::base::{Peer, Rng, Time};
use crate::items::event::Event;
use crate::items::hits::Hit;
use crate::items::holdings::Holdings;
use crate::items::message::{Message, Topic};
use crate::items::protocol::Items;
use crate::items::request::{Kind, Request};
use crate::items::text::Text;
use crate::node::{
    Context, Cookie, DropReason, LastCookie, MAX_PAYLOAD, RequestId, RoundTrips, Secret,
    TimeoutPolicy,
};

/// A holder is asked so often before the next one is.
pub const ATTEMPTS: u8 = 2;
/// Holders beside the best one that a transfer may turn to.
const OTHERS: usize = 2;

/// How items are shared: the same for all peers of a system.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TransferConfig {
    /// Size of each item, 1 … [`MAX_PAYLOAD`] bytes.
    pub item_bytes: u16,
    /// Whether a peer fetches what it has found.
    pub fetch: bool,
    /// How long to wait for replies.
    pub timeout: TimeoutPolicy,
}

/// A transfer at who asked for it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OwnFetch {
    /// The caller's name for the query that it answers.
    pub token: u64,
    /// The item.
    pub name: Text,
    /// The cookie it was asked for with.
    pub cookie: Cookie,
    /// When the first holder was asked.
    pub since: Time,
    /// Holders still to be asked if this one does not give it.
    others: [Option<Peer>; OTHERS],
}

/// One peer's side of sharing.
#[derive(Debug)]
#[repr(C)] // Who it is comes first: every message asks for that.
pub struct Transfers {
    me: Peer,
    holdings: Holdings,
    config: Arc<TransferConfig>,
    secret: Secret,
    round_trips: RoundTrips,
    /// The cookie of whoever was asked last for what an index holds, or told.
    pub(crate) index_cookie: LastCookie,
}

impl Transfers {
    /// A peer with these items.
    #[must_use]
    pub fn new(
        me: Peer,
        holdings: Holdings,
        config: Arc<TransferConfig>,
        rng: &mut Rng,
    ) -> Transfers {
        let secret = Secret::random(rng);
        Transfers {
            me,
            holdings,
            config,
            secret,
            round_trips: RoundTrips::default(),
            index_cookie: LastCookie::default(),
        }
    }

    /// Who it is.
    #[must_use]
    pub const fn me(&self) -> Peer {
        self.me
    }

    /// What it holds.
    #[must_use]
    pub const fn holdings(&self) -> &Holdings {
        &self.holdings
    }

    /// The cookie that whoever is at `from` must bear.
    #[must_use]
    pub fn cookie_for(&self, from: Peer) -> Cookie {
        self.secret.cookie_for(from.address)
    }

    /// How long to wait for the reply to an attempt that `retries` others came before.
    #[must_use]
    pub fn timeout(&self, retries: u8) -> Duration {
        self.round_trips.timeout(self.config.timeout) * (1 << retries.min(4))
    }

    /// A reply came after `round_trip`.
    pub fn record(&mut self, round_trip: Duration) {
        self.round_trips.record(round_trip);
    }

    /// No reply came in time.
    pub fn record_timeout(&mut self) {
        self.round_trips.record_timeout();
    }

    /// Fetches the best of `hits`, from whoever of those named has just that item; reports
    /// [`Event::Fetched`] or [`Event::FetchFailed`] in the end, at once if the item is here already.
    /// Does nothing if items are not fetched, or nothing was found.
    pub fn fetch(
        &mut self,
        cx: &mut Context<'_, Items>,
        token: u64,
        hits: impl IntoIterator<Item = Hit>,
    ) {
        let mut hits = hits.into_iter();
        let Some(best) = hits.next().filter(|_| self.config.fetch) else { return };
        if self.holdings.holds(best.name) {
            let (bytes, took) = (self.config.item_bytes, Duration::ZERO);
            cx.report(Event::Fetched { token, holder: self.me, bytes, took });
            return;
        }
        let mut others = [None; OTHERS];
        let same = hits.filter(|hit| hit.name == best.name);
        others.iter_mut().zip(same).for_each(|(other, hit)| *other = Some(hit.holder));
        let (name, cookie, since) = (best.name, Cookie::default(), cx.now);
        self.ask(cx, best.holder, OwnFetch { token, name, cookie, since, others }, 0);
    }

    /// Handles a message about fetching. Others are dropped and counted.
    pub fn handle_message(
        &mut self,
        cx: &mut Context<'_, Items>,
        from: Peer,
        message: Message<'_>,
    ) {
        match message {
            Message::Fetch { request, cookie, name } => {
                self.on_fetch(cx, from, request, cookie, name);
            }
            Message::Item { request, payload } => self.on_item(cx, from, request, payload),
            Message::CookieReply { request, cookie, .. } => {
                let is_fetch = |kind: &Kind| matches!(kind, Kind::Fetch(_));
                if let Some(fetch) = cx.match_reply(request, from, is_fetch) {
                    self.on_fetch_cookie(cx, &fetch, cookie);
                }
            }
            _ => cx.world.count_drop(DropReason::NotForThisKind),
        }
    }

    /// A peer asks for an item.
    pub fn on_fetch(
        &self,
        cx: &mut Context<'_, Items>,
        from: Peer,
        request: RequestId,
        cookie: Cookie,
        name: Text,
    ) {
        let expected = self.cookie_for(from);
        if cookie != expected {
            let topic = Topic::Fetch;
            let reply = Message::CookieReply { request, topic, cookie: expected };
            cx.world.send(self.me, from, &reply);
            return;
        }
        let mut payload = [0; MAX_PAYLOAD];
        let size = usize::from(self.config.item_bytes).min(MAX_PAYLOAD);
        let payload = if self.holdings.holds(name) { &mut payload[..size] } else { &mut [] };
        // An item says what it is, as far as there is room.
        payload.iter_mut().zip(name.as_bytes()).for_each(|(to, from)| *to = *from);
        cx.world.send(self.me, from, &Message::Item { request, payload });
    }

    /// A holder wants a cookie first: `request` was a fetch, and is over.
    pub fn on_fetch_cookie(
        &mut self,
        cx: &mut Context<'_, Items>,
        request: &Request,
        cookie: Cookie,
    ) {
        let Kind::Fetch(own) = request.kind else { return };
        self.record(cx.now.since(request.sent_at));
        if own.cookie == Cookie::default() {
            self.ask(cx, request.to, OwnFetch { cookie, ..own }, request.retries);
        } else {
            self.ask_next(cx, own); // It has had one already: a holder that never has enough.
        }
    }

    /// A holder has answered.
    pub fn on_item(
        &mut self,
        cx: &mut Context<'_, Items>,
        from: Peer,
        id: RequestId,
        payload: &[u8],
    ) {
        let is_fetch = |kind: &Kind| matches!(kind, Kind::Fetch(_));
        let Some(request) = cx.match_reply(id, from, is_fetch) else { return };
        self.record(cx.now.since(request.sent_at));
        let Kind::Fetch(own) = request.kind else { return };
        let said = payload.iter().zip(own.name.as_bytes());
        if payload.is_empty() || !said.into_iter().all(|(said, name)| said == name) {
            self.ask_next(cx, own);
            return;
        }
        let (token, holder, took) = (own.token, request.to, cx.now.since(own.since));
        let bytes = payload.len() as u16;
        cx.report(Event::Fetched { token, holder, bytes, took });
    }

    /// A holder has not answered: `request` was a fetch, and is over.
    pub fn on_fetch_timeout(&mut self, cx: &mut Context<'_, Items>, request: &Request) {
        let Kind::Fetch(own) = request.kind else { return };
        self.record_timeout();
        if request.retries + 1 < ATTEMPTS {
            self.ask(cx, request.to, own, request.retries + 1);
        } else {
            self.ask_next(cx, own);
        }
    }

    fn ask_next(&mut self, cx: &mut Context<'_, Items>, own: OwnFetch) {
        let mut others = own.others;
        match others.iter_mut().find_map(Option::take) {
            Some(holder) => {
                let cookie = Cookie::default();
                self.ask(cx, holder, OwnFetch { cookie, others, ..own }, 0);
            }
            None => cx.report(Event::FetchFailed { token: own.token }),
        }
    }

    fn ask(&mut self, cx: &mut Context<'_, Items>, holder: Peer, own: OwnFetch, retries: u8) {
        let wait = self.timeout(retries);
        match cx.request(holder, retries, Kind::Fetch(own), wait) {
            Some(request) => {
                let fetch = Message::Fetch { request, cookie: own.cookie, name: own.name };
                cx.world.send(self.me, holder, &fetch);
            }
            None => cx.report(Event::FetchFailed { token: own.token }),
        }
    }
}
