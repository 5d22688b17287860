//! The asking side of finding: one question to whoever holds the index, and then the transfer.
//!
//! ```text
//! ask ──▶ Find ──▶ Found ──▶ Event::Found ──▶ Sharer::fetch ──▶ Event::Fetched or FetchFailed
//!           │ no answer: again, until the deadline: Event::LookupFailed
//! ```
//!
//! **Invariant:** a question that was begun ends in one event with its token, at its deadline at the
//! latest; then nothing of it is left in flight.

use crate::context::{Context, Event, Found};
use crate::items::hits::Hits;
use crate::items::sharer::Sharer;
use crate::message::{Cookie, Message, RequestId};
use crate::peer::Peer;
use crate::rpc::{OwnFind, Request, RequestKind};

/// Asks `to`; the cookie of `own` is filled in here. Returns whether it was begun: it is not if
/// too many requests are in flight.
pub fn ask(cx: &mut Context<'_>, sharer: &Sharer, to: Peer, own: OwnFind) -> bool {
    let cookie = sharer.index_cookie.for_peer(to);
    send(cx, sharer, to, OwnFind { cookie, ..own }, 0)
}

/// An index holder wants a cookie first: `request` was a question, and is over.
pub fn on_cookie(cx: &mut Context<'_>, sharer: &mut Sharer, request: &Request, cookie: Cookie) {
    let RequestKind::Find(own) = request.kind else { return };
    sharer.record(cx.now, request);
    sharer.index_cookie.learn(request.to, cookie);
    // Each time counts as an attempt: who never has enough is asked ever more slowly.
    ask_again(cx, sharer, request, OwnFind { cookie, ..own });
}

/// An index holder has answered: tells the application, and begins the transfer.
pub fn on_found(
    cx: &mut Context<'_>,
    sharer: &mut Sharer,
    from: Peer,
    id: RequestId,
    hits: Hits<'_>,
) {
    let is_find = |kind: &RequestKind| matches!(kind, RequestKind::Find(_));
    let Some(request) = cx.matched(id, from, is_find) else { return };
    let RequestKind::Find(own) = request.kind else { return };
    sharer.record(cx.now, &request);
    conclude(cx, sharer, &own, hits);
}

/// An index holder has not answered: `request` was a question, and is over.
pub fn on_timeout(cx: &mut Context<'_>, sharer: &mut Sharer, request: &Request) {
    let RequestKind::Find(own) = request.kind else { return };
    sharer.record_timeout();
    let timeouts = own.timeouts.saturating_add(1);
    ask_again(cx, sharer, request, OwnFind { timeouts, ..own });
}

/// A question has its answer: tells the application, and begins the transfer.
pub fn conclude(cx: &mut Context<'_>, sharer: &mut Sharer, own: &OwnFind, hits: Hits<'_>) {
    let found = Found {
        token: own.token,
        best: hits.iter().next(),
        hits: hits.iter().count().min(u8::MAX.into()) as u8,
        hops: own.hops.into(),
        timeouts: own.timeouts,
    };
    cx.world.report(cx.node, Event::Found(found));
    sharer.fetch(cx, own.token, hits.iter());
}

/// Asks the same node again, or gives up.
fn ask_again(cx: &mut Context<'_>, sharer: &Sharer, request: &Request, own: OwnFind) {
    let retries = request.retries.saturating_add(1);
    if cx.now >= own.deadline || !send(cx, sharer, request.to, own, retries) {
        let OwnFind { token, timeouts, .. } = own;
        cx.world.report(cx.node, Event::LookupFailed { token, timeouts });
    }
}

fn send(cx: &mut Context<'_>, sharer: &Sharer, to: Peer, own: OwnFind, retries: u8) -> bool {
    let wait = sharer.timeout(retries).min(own.deadline.since(cx.now));
    let Some(request) = cx.request(to, retries, RequestKind::Find(own), wait) else { return false };
    let find = Message::Find { request, cookie: own.cookie, query: own.query };
    cx.world.send(sharer.me(), to, &find);
    true
}
