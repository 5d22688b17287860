//! Transfers of items between peers: fetching from holders, and serving the own holdings.
//!
//! ```text
//! requester   Fetch ──────────▶ holder     the first request has no valid cookie, which a holder
//!             ◀────── CookieReply          requires, because an item is longer than its request
//!             Fetch ──────────▶
//!             ◀───────────── Item
//! ```
//!
//! **Invariant:** a fetch tries each holder at most [`ATTEMPTS`] times, plus once for its cookie,
//! and then ends.

use alloc::sync::Arc;
use core::time::Duration;

use crate::base::{Peer, Rng, Time};
use crate::items::event::Event;
use crate::items::hits::Hit;
use crate::items::holdings::Holdings;
use crate::items::message::{Message, Topic};
use crate::items::protocol::Items;
use crate::items::repeat::{is_repeated, repeat};
use crate::items::request::{Kind, OTHERS, PendingFetch, Request};
use crate::items::text::Text;
use crate::node::{
    Context, Cookie, DropReason, LastCookie, MAX_PAYLOAD, RequestId, RoundTrips, Secret,
    TimeoutPolicy,
};

/// Requests to a holder before the next one is tried.
pub const ATTEMPTS: u8 = 2;

/// The configuration of transfers, common to all peers of a system.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TransferConfig {
    /// Size of each item, 1 … [`MAX_PAYLOAD`] bytes.
    pub item_bytes: u16,
    /// Whether a peer fetches the items that it finds.
    pub fetch: bool,
    /// How long to wait for replies.
    pub timeout: TimeoutPolicy,
}

/// The part of a peer that fetches and serves items.
#[derive(Clone, Debug)]
#[repr(C)] // `me` comes first, because every message reads it.
pub struct Transfers {
    me: Peer,
    holdings: Holdings,
    config: Arc<TransferConfig>,
    secret: Secret,
    round_trips: RoundTrips,
    /// The cookie of the index that was contacted last.
    pub(crate) index_cookie: LastCookie,
}

impl Transfers {
    /// A peer that holds these items.
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

    /// The peer itself.
    #[must_use]
    pub const fn me(&self) -> Peer {
        self.me
    }

    /// The items that the peer holds.
    #[must_use]
    pub const fn holdings(&self) -> &Holdings {
        &self.holdings
    }

    /// The cookie that requests from `from` must carry.
    #[must_use]
    pub fn cookie_for(&self, from: Peer) -> Cookie {
        self.secret.cookie_for(from.address)
    }

    /// How long to wait for a reply after `retries` unanswered attempts.
    #[must_use]
    pub fn timeout(&self, retries: u8) -> Duration {
        self.round_trips.timeout(self.config.timeout) * (1 << retries.min(4))
    }

    /// Records that a reply arrived after `round_trip`.
    pub fn record(&mut self, round_trip: Duration) {
        self.round_trips.record(round_trip);
    }

    /// Records the round trip of a reply to `request`, if it is known.
    pub(super) fn record_reply(&mut self, now: Time, request: &Request) {
        if !is_repeated(request) {
            self.record(now.since(request.sent_at));
        }
    }

    /// Records that a reply did not arrive in time.
    pub fn record_timeout(&mut self) {
        self.round_trips.record_timeout();
    }

    /// Fetches the item of the first hit, from that holder or from others in `hits` that hold the
    /// same item. Ends in [`Event::Fetched`] or [`Event::FetchFailed`]; at once if the peer holds
    /// the item itself. Does nothing if fetching is turned off or `hits` is empty.
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
        self.request_item(cx, best.holder, PendingFetch { token, name, cookie, since, others }, 0);
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

    /// Handles a request for an item.
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
        // An item starts with its name, as far as it fits.
        payload.iter_mut().zip(name.as_bytes()).for_each(|(to, from)| *to = *from);
        cx.world.send(self.me, from, &Message::Item { request, payload });
    }

    /// Handles a cookie from a holder. `request` was the fetch and is no longer in flight.
    pub fn on_fetch_cookie(
        &mut self,
        cx: &mut Context<'_, Items>,
        request: &Request,
        cookie: Cookie,
    ) {
        let Kind::Fetch(pending) = request.kind else { return };
        self.record_reply(cx.now, request);
        if pending.cookie == Cookie::default() {
            self.request_item(cx, request.to, PendingFetch { cookie, ..pending }, request.retries);
        } else {
            self.try_next_holder(cx, pending); // The holder has rejected its own cookie.
        }
    }

    /// Handles the answer of a holder.
    pub fn on_item(
        &mut self,
        cx: &mut Context<'_, Items>,
        from: Peer,
        id: RequestId,
        payload: &[u8],
    ) {
        let is_fetch = |kind: &Kind| matches!(kind, Kind::Fetch(_));
        let Some(request) = cx.match_reply(id, from, is_fetch) else { return };
        self.record_reply(cx.now, &request);
        let Kind::Fetch(pending) = request.kind else { return };
        let said = payload.iter().zip(pending.name.as_bytes());
        if payload.is_empty() || !said.into_iter().all(|(said, name)| said == name) {
            self.try_next_holder(cx, pending);
            return;
        }
        let (token, holder, took) = (pending.token, request.to, cx.now.since(pending.since));
        let bytes = payload.len() as u16;
        cx.report(Event::Fetched { token, holder, bytes, took });
    }

    /// A holder did not answer. `request` was the fetch and is no longer in flight.
    pub fn on_fetch_timeout(&mut self, cx: &mut Context<'_, Items>, request: &Request) {
        let Kind::Fetch(pending) = request.kind else { return };
        self.record_timeout();
        let wait = self.timeout(request.retries + 1);
        if request.retries + 1 < ATTEMPTS && repeat(cx, request, request.kind, wait) {
            self.send_fetch(cx, request.to, request.id, &pending);
        } else {
            self.try_next_holder(cx, pending);
        }
    }

    fn try_next_holder(&mut self, cx: &mut Context<'_, Items>, pending: PendingFetch) {
        let mut others = pending.others;
        match others.iter_mut().find_map(Option::take) {
            Some(holder) => {
                let cookie = Cookie::default();
                self.request_item(cx, holder, PendingFetch { cookie, others, ..pending }, 0);
            }
            None => cx.report(Event::FetchFailed { token: pending.token }),
        }
    }

    fn request_item(
        &mut self,
        cx: &mut Context<'_, Items>,
        holder: Peer,
        pending: PendingFetch,
        retries: u8,
    ) {
        let wait = self.timeout(retries);
        match cx.request(holder, retries, Kind::Fetch(pending), wait) {
            Some(request) => self.send_fetch(cx, holder, request, &pending),
            None => cx.report(Event::FetchFailed { token: pending.token }),
        }
    }

    fn send_fetch(
        &self,
        cx: &mut Context<'_, Items>,
        holder: Peer,
        request: RequestId,
        pending: &PendingFetch,
    ) {
        let fetch = Message::Fetch { request, cookie: pending.cookie, name: pending.name };
        cx.world.send(self.me, holder, &fetch);
    }
}
