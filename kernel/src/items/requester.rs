//! The asking side of finding: one question to whoever holds the index, and then the transfer.
//!
//! ```text
//! ask ──▶ Find ──▶ Found ──▶ Event::Found ──▶ Transfers::fetch ──▶ Event::Fetched or FetchFailed
//!           │ no answer: again, until the deadline: Event::NotFound
//! ```
//!
//! **Invariant:** a question that was begun ends in one event with its token, at its deadline at the
//! latest; then nothing of it is left in flight.

use crate::base::Peer;
use crate::items::event::{Event, Found};
use crate::items::hits::Hits;
use crate::items::message::Message;
use crate::items::protocol::Items;
use crate::items::request::{Kind, OwnFind, Request};
use crate::items::transfers::Transfers;
use crate::node::{Context, Cookie, RequestId};

/// Asks `to`; the cookie of `own` is filled in here. Returns whether it was begun: it is not if
/// too many requests are in flight.
pub fn ask(cx: &mut Context<'_, Items>, transfers: &Transfers, to: Peer, own: OwnFind) -> bool {
    let cookie = transfers.index_cookie.for_peer(to);
    send(cx, transfers, to, OwnFind { cookie, ..own }, 0)
}

/// An index holder wants a cookie first: `request` was a question, and is over.
pub fn on_cookie(
    cx: &mut Context<'_, Items>,
    transfers: &mut Transfers,
    request: &Request,
    cookie: Cookie,
) {
    let Kind::Find(own) = request.kind else { return };
    transfers.record(cx.now.since(request.sent_at));
    transfers.index_cookie.learn(request.to, cookie);
    // Each time counts as an attempt: who never has enough is asked ever more slowly.
    ask_again(cx, transfers, request, OwnFind { cookie, ..own });
}

/// An index holder has answered: tells the application, and begins the transfer.
pub fn on_found(
    cx: &mut Context<'_, Items>,
    transfers: &mut Transfers,
    from: Peer,
    id: RequestId,
    hits: Hits<'_>,
) {
    let is_find = |kind: &Kind| matches!(kind, Kind::Find(_));
    let Some(request) = cx.match_reply(id, from, is_find) else { return };
    let Kind::Find(own) = request.kind else { return };
    transfers.record(cx.now.since(request.sent_at));
    conclude(cx, transfers, &own, hits);
}

/// An index holder has not answered: `request` was a question, and is over.
pub fn on_timeout(cx: &mut Context<'_, Items>, transfers: &mut Transfers, request: &Request) {
    let Kind::Find(own) = request.kind else { return };
    transfers.record_timeout();
    let timeouts = own.timeouts.saturating_add(1);
    ask_again(cx, transfers, request, OwnFind { timeouts, ..own });
}

/// A question has its answer: tells the application, and begins the transfer.
pub fn conclude(
    cx: &mut Context<'_, Items>,
    transfers: &mut Transfers,
    own: &OwnFind,
    hits: Hits<'_>,
) {
    let found = Found {
        token: own.token,
        best: hits.iter().next(),
        hits: hits.iter().count().min(u8::MAX.into()) as u8,
        hops: own.hops.into(),
        timeouts: own.timeouts,
    };
    cx.report(Event::Found(found));
    transfers.fetch(cx, own.token, hits.iter());
}

/// Asks the same node again, or gives up.
fn ask_again(cx: &mut Context<'_, Items>, transfers: &Transfers, request: &Request, own: OwnFind) {
    let retries = request.retries.saturating_add(1);
    if cx.now >= own.deadline || !send(cx, transfers, request.to, own, retries) {
        let OwnFind { token, timeouts, .. } = own;
        cx.report(Event::NotFound { token, timeouts });
    }
}

fn send(
    cx: &mut Context<'_, Items>,
    transfers: &Transfers,
    to: Peer,
    own: OwnFind,
    retries: u8,
) -> bool {
    let wait = transfers.timeout(retries).min(own.deadline.since(cx.now));
    let Some(request) = cx.request(to, retries, Kind::Find(own), wait) else { return false };
    let find = Message::Find { request, cookie: own.cookie, query: own.query };
    cx.world.send(transfers.me(), to, &find);
    true
}
