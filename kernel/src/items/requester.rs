//! The requester: sends a query to an index, and then fetches the item.
//!
//! ```text
//! ask ──▶ Find ──▶ Found ──▶ Event::Found ──▶ Transfers::fetch ──▶ Event::Fetched or FetchFailed
//!           │ no answer: repeated until the deadline, then Event::NotFound
//! ```
//!
//! **Invariant:** a query that was started ends in one event with its token, by its deadline, and
//! then has no request in flight.

use core::time::Duration;

use crate::base::Peer;
use crate::items::event::{Event, Found};
use crate::items::hits::Hits;
use crate::items::message::Message;
use crate::items::protocol::Items;
use crate::items::repeat::repeat;
use crate::items::request::{Kind, PendingQuery, Request};
use crate::items::transfers::Transfers;
use crate::node::{Context, Cookie, RequestId};

/// Sends a query to the index at `to`, and sets the cookie of `pending`. Returns false if too many
/// requests are in flight.
pub fn ask(
    cx: &mut Context<'_, Items>,
    transfers: &Transfers,
    to: Peer,
    pending: PendingQuery,
) -> bool {
    let cookie = transfers.index_cookie.for_peer(to);
    send(cx, transfers, to, PendingQuery { cookie, ..pending }, 0)
}

/// Handles a cookie from the index. `request` was the query and is no longer in flight.
pub fn on_cookie(
    cx: &mut Context<'_, Items>,
    transfers: &mut Transfers,
    request: &Request,
    cookie: Cookie,
) {
    let Kind::Find(pending) = request.kind else { return };
    transfers.record_reply(cx.now, request);
    transfers.index_cookie.learn(request.to, cookie);
    // Counts as an attempt: an index that keeps sending cookies is asked ever more slowly.
    let retries = request.retries.saturating_add(1);
    let pending = PendingQuery { cookie, ..pending };
    if cx.now >= pending.deadline || !send(cx, transfers, request.to, pending, retries) {
        fail(cx, &pending);
    }
}

/// Handles the answer of the index.
pub fn on_found(
    cx: &mut Context<'_, Items>,
    transfers: &mut Transfers,
    from: Peer,
    id: RequestId,
    hits: Hits<'_>,
) {
    if let Some(pending) = take_answered(cx, transfers, from, id) {
        finish_query(cx, transfers, &pending, hits);
    }
}

/// Removes the query that an answer of the index replies to, and returns it; `None` if the answer matches no
/// request.
pub fn take_answered(
    cx: &mut Context<'_, Items>,
    transfers: &mut Transfers,
    from: Peer,
    id: RequestId,
) -> Option<PendingQuery> {
    let request = cx.match_reply(id, from, |kind| matches!(kind, Kind::Find(_)))?;
    let Kind::Find(pending) = request.kind else { return None };
    transfers.record_reply(cx.now, &request);
    Some(pending)
}

/// The index did not answer. `request` was the query and is no longer in flight. Repeats it, or
/// fails it after its deadline.
pub fn on_timeout(cx: &mut Context<'_, Items>, transfers: &mut Transfers, request: &Request) {
    let Kind::Find(pending) = request.kind else { return };
    let timeouts = pending.timeouts.saturating_add(1);
    let pending = PendingQuery { timeouts, ..pending };
    transfers.record_timeout();
    let wait = transfers.timeout(request.retries.saturating_add(1));
    if cx.now >= pending.deadline || !ask_again(cx, transfers, request, pending, wait) {
        fail(cx, &pending);
    }
}

/// Sends the query again that `request`, which is no longer in flight, was for, and waits for so
/// long. Returns false if too many requests are in flight.
pub(crate) fn ask_again(
    cx: &mut Context<'_, Items>,
    transfers: &Transfers,
    request: &Request,
    pending: PendingQuery,
    wait: Duration,
) -> bool {
    let Kind::Find(PendingQuery { cookie, .. }) = request.kind else { return false };
    let pending = PendingQuery { cookie, ..pending };
    let wait = wait.min(pending.deadline.since(cx.now));
    let again = repeat(cx, request, Kind::Find(pending), wait);
    if again {
        send_find(cx, transfers, request.to, request.id, &pending);
    }
    again
}

/// Ends a query: reports the answer to the application and starts the fetch.
pub fn finish_query(
    cx: &mut Context<'_, Items>,
    transfers: &mut Transfers,
    pending: &PendingQuery,
    hits: Hits<'_>,
) {
    let found = Found {
        token: pending.token,
        best: hits.iter().next(),
        hits: hits.iter().count().min(u8::MAX.into()) as u8,
        hops: pending.hops.into(),
        timeouts: pending.timeouts,
    };
    cx.report(Event::Found(found));
    transfers.fetch(cx, pending.token, hits.iter());
}

fn fail(cx: &mut Context<'_, Items>, pending: &PendingQuery) {
    let &PendingQuery { token, timeouts, .. } = pending;
    cx.report(Event::NotFound { token, timeouts });
}

fn send(
    cx: &mut Context<'_, Items>,
    transfers: &Transfers,
    to: Peer,
    pending: PendingQuery,
    retries: u8,
) -> bool {
    let wait = transfers.timeout(retries).min(pending.deadline.since(cx.now));
    let Some(request) = cx.request(to, retries, Kind::Find(pending), wait) else { return false };
    send_find(cx, transfers, to, request, &pending);
    true
}

fn send_find(
    cx: &mut Context<'_, Items>,
    transfers: &Transfers,
    to: Peer,
    request: RequestId,
    pending: &PendingQuery,
) {
    let find = Message::Find { request, cookie: pending.cookie, query: pending.query };
    cx.world.send(transfers.me(), to, &find);
}
