//! Queries, and the lookups that queries and publications wait for.
//!
//! A query or publication that waits for a lookup is a request to the node itself. The identifier
//! of that request is the token of the lookup.
//!
//! An owner that does not answer in time may be dead or far away. So the key is looked up again at
//! once, *beside* the request, which stays in flight:
//!
//! ```text
//! Find ──▶ owner    (no answer in time)
//!   ├─ lookup ──▶ another owner: the request is given up, and that one is asked
//!   │         ──▶ the same one: the request is sent again
//!   └─ late answer: the query is answered, and the end of the lookup is ignored
//! ```
//!
//! In a directory of words, a query for words goes to the owner of its longest word, which as a rule is the
//! rarest. That node knows the whole names, and lists those that have all the words. If it knows none, the
//! next word is asked: the list of a popular word may lack the item.
//!
//! **Invariant:** a query that was started ends in one event with its token, by its deadline.

use core::time::Duration;

use crate::base::{Id, Peer, Time};
use crate::directory::event::Event;
use crate::directory::message::MessageWith;
use crate::directory::node::DirectoryNode;
use crate::directory::protocol::{ANSWER_CUT, Directory};
use crate::items;
use crate::items::repeat::repeat;
use crate::items::request::{Kind, PendingQuery, Request};
use crate::items::requester::{self, finish_query};
use crate::items::words::{LongestFirst, different_words};
use crate::items::{HitList, Hits, Match, Query, Text, Topic};
use crate::node::{
    Context, Cookie, LookupDone, LookupEnd, LookupPurpose, Protocol, RequestId, Router,
};

/// A request that waits for a lookup times out this long after the deadline of the lookup, by which
/// the lookup ends.
const LOOKUP_GRACE: Duration = Duration::from_secs(1);

impl<R: Router> DirectoryNode<R> {
    /// Looks up the owner of the hash of the query's text, asks it for the holders of the item with
    /// exactly this name, and fetches the item. In a directory of words, a query for words finds the best
    /// name that has them; any other query finds exact names only, whatever its kind. Ends in
    /// [`Found`](items::Event::Found) or, after the configured deadline, in
    /// [`NotFound`](items::Event::NotFound); both carry `token`. After the former see
    /// [`Transfers::fetch`](crate::items::Transfers::fetch).
    ///
    /// Returns whether the query was started. It is refused if too many requests are in flight or
    /// the node is not a member.
    pub fn ask(
        &mut self,
        cx: &mut Context<'_, Directory<R::Protocol>>,
        query: Query,
        token: u64,
    ) -> bool {
        let (cookie, deadline) = (Cookie::default(), cx.now + self.config.deadline);
        let query = if self.is_by_words(&query) { query } else { query.exact() };
        let (words_asked, hops, timeouts, beside) = (0, 0, 0, None);
        let pending =
            PendingQuery { token, query, cookie, deadline, words_asked, hops, timeouts, beside };
        self.router.is_member() && self.look_up(cx, pending)
    }

    /// Looks up the node to query.
    fn look_up(
        &mut self,
        cx: &mut Context<'_, Directory<R::Protocol>>,
        pending: PendingQuery,
    ) -> bool {
        let text = text_to_look_up(&pending).unwrap_or(pending.query.text);
        let (key, deadline) = (Id::of_name(text.as_bytes()), pending.deadline);
        self.look_up_for(cx, key, Kind::Find(pending), LookupPurpose::User, deadline)
    }

    /// Whether a query is answered from the index of words.
    fn is_by_words(&self, query: &Query) -> bool {
        self.words.is_some()
            && query.how == Match::Words
            && different_words(&query.text).next().is_some()
    }

    /// Handles a query.
    pub(super) fn on_find(
        &mut self,
        cx: &mut Context<'_, Directory<R::Protocol>>,
        from: Peer,
        request: RequestId,
        cookie: Cookie,
        query: Query,
    ) {
        let responder = &self.responder;
        if !self.is_by_words(&query) {
            let query = query.exact();
            cx.carry(|cx| responder.on_find(cx, from, request, cookie, &query));
        } else if cx.carry(|cx| responder.check_cookie(cx, from, request, cookie, Topic::Find)) {
            let found = self.find(cx, &query);
            let found = items::Message::Found { request, hits: found.hits() };
            cx.world.send(self.me(), from, &MessageWith::Items(found));
        }
    }

    /// Handles the answer to a query.
    pub(super) fn on_found(
        &mut self,
        cx: &mut Context<'_, Directory<R::Protocol>>,
        from: Peer,
        request: RequestId,
        hits: Hits<'_>,
    ) {
        let transfers = &mut self.client.transfers;
        if let Some(pending) = cx.carry(|cx| requester::take_answered(cx, transfers, from, request))
        {
            self.finish(cx, &pending, hits);
        }
    }

    /// The hits of a query in the indexes of this node.
    fn find(&self, cx: &mut Context<'_, Directory<R::Protocol>>, query: &Query) -> HitList {
        let mut found = HitList::default();
        match &self.words {
            Some(words) if query.how == Match::Words => {
                // The list of one word has the names that have all of them.
                let all = LongestFirst::of(&query.text);
                let is_whole = all.iter().all(|word| {
                    !found.hits().is_empty() || words.find(cx.now, word, query, &mut found)
                });
                if !is_whole {
                    cx.world.count_drop(ANSWER_CUT);
                }
            }
            _ => self.responder.index().find(cx.now, query, &mut found),
        }
        found
    }

    /// Ends a query with these hits. If there are none, asks for the next word instead, if there is one.
    fn finish(
        &mut self,
        cx: &mut Context<'_, Directory<R::Protocol>>,
        pending: &PendingQuery,
        hits: Hits<'_>,
    ) {
        let words_asked = pending.words_asked.saturating_add(1);
        let next = PendingQuery { words_asked, beside: None, ..*pending };
        let is_asked = hits.is_empty()
            && next.query.how == Match::Words
            && text_to_look_up(&next).is_some()
            && self.look_up(cx, next);
        if !is_asked {
            cx.carry(|cx| finish_query(cx, &mut self.client.transfers, pending, hits));
        }
    }

    /// Starts a lookup of `key` and lets a request of kind `kind` wait for it.
    pub(super) fn look_up_for(
        &mut self,
        cx: &mut Context<'_, Directory<R::Protocol>>,
        key: Id,
        kind: Kind,
        purpose: LookupPurpose,
        deadline: Time,
    ) -> bool {
        let wait = deadline.since(cx.now) + LOOKUP_GRACE;
        let Some(RequestId(token)) = cx.request(self.me(), 0, kind, wait) else { return false };
        let look_up = |router: &mut R, cx: &mut Context<'_, R::Protocol>| {
            router.look_up(cx, key, token, purpose, deadline)
        };
        let started = self.with_router(cx, look_up);
        if !started {
            self.take_waiting(cx, token);
        }
        started
    }

    /// Removes and returns the request that waited for the lookup with this token; `None` if the
    /// lookup was the application's.
    fn take_waiting(
        &self,
        cx: &mut Context<'_, Directory<R::Protocol>>,
        token: u64,
    ) -> Option<Kind> {
        let handle = cx.own_requests().find(RequestId(token))?;
        let &Request { node, to, kind, .. } = cx.own_requests().at(handle)?;
        let waits = matches!(kind, Kind::Find(_) | Kind::Publish(_));
        if node != cx.node || to != self.me() || !waits {
            return None;
        }
        cx.cancel(handle);
        Some(kind)
    }

    /// Continues the query or publication that waited for the lookup, or reports the end to the
    /// application.
    pub(super) fn on_lookup_end(
        &mut self,
        cx: &mut Context<'_, Directory<R::Protocol>>,
        end: LookupEnd,
    ) {
        match (self.take_waiting(cx, end.token()), end) {
            (Some(Kind::Find(pending)), end) => {
                let Some(earlier) = take_earlier(cx, &pending) else { return };
                match end {
                    LookupEnd::Done(done) => self.ask_owner(cx, pending, &done, earlier.as_ref()),
                    LookupEnd::Failed { timeouts, .. } => {
                        let timeouts = pending.timeouts.saturating_add(timeouts);
                        Self::fail_query(cx, &PendingQuery { timeouts, ..pending });
                    }
                }
            }
            (Some(Kind::Publish(publication)), LookupEnd::Done(done)) => {
                self.publish_at(cx, done.owner, publication);
            }
            // The publication is repeated in the next round.
            (Some(_), _) => {}
            (None, end) => cx.report(Event::LookupEnded(end)),
        }
    }

    /// Sends a query to the owner, or answers it from the own index. `earlier` is a request of the
    /// query that got no reply in time and is no longer in flight.
    fn ask_owner(
        &mut self,
        cx: &mut Context<'_, Directory<R::Protocol>>,
        pending: PendingQuery,
        done: &LookupDone,
        earlier: Option<&Request>,
    ) {
        let pending = PendingQuery { beside: None, ..pending };
        let timeouts = pending.timeouts.saturating_add(done.timeouts);
        if done.owner.id == self.me().id {
            let found = self.find(cx, &pending.query);
            let pending = PendingQuery { timeouts, hops: done.hops, ..pending };
            return self.finish(cx, &pending, found.hits());
        }
        let pending = PendingQuery { timeouts, hops: done.hops.saturating_add(1), ..pending };
        let asked = match earlier.filter(|earlier| earlier.to == done.owner) {
            Some(earlier) => {
                let transfers = &self.client.transfers;
                let wait = transfers.timeout(0);
                cx.carry(|cx| requester::ask_again(cx, transfers, earlier, pending, wait))
            }
            None => cx.carry(|cx| self.client.ask(cx, done.owner, pending)),
        };
        if !asked {
            Self::fail_query(cx, &pending);
        }
    }

    /// The owner did not answer `request`, which is no longer in flight, in time. Looks the key up
    /// again, because another node may own it by now. A late answer counts until then.
    pub(super) fn on_find_timeout(
        &mut self,
        cx: &mut Context<'_, Directory<R::Protocol>>,
        request: &Request,
        pending: PendingQuery,
    ) {
        self.client.transfers.record_timeout();
        let pending = PendingQuery { timeouts: pending.timeouts.saturating_add(1), ..pending };
        // If the deadline cut the wait short, the timeout proves nothing.
        if cx.now >= pending.deadline {
            return Self::fail_query(cx, &pending);
        }
        self.with_router(cx, |node, cx| node.suspect(cx, request.to));
        let wait = pending.deadline.since(cx.now);
        let stays = cx.carry(|cx| repeat(cx, request, Kind::Find(pending), wait));
        let pending = PendingQuery { beside: stays.then_some(request.id), ..pending };
        if !self.look_up(cx, pending) && take_earlier(cx, &pending).is_some() {
            Self::fail_query(cx, &pending);
        }
    }

    /// The lookup that a query waited for did not end in time.
    pub(super) fn on_lookup_timeout(
        cx: &mut Context<'_, Directory<R::Protocol>>,
        pending: &PendingQuery,
    ) {
        if take_earlier(cx, pending).is_some() {
            Self::fail_query(cx, pending);
        }
    }

    /// Fails a query.
    pub(super) fn fail_query(cx: &mut Context<'_, Directory<R::Protocol>>, pending: &PendingQuery) {
        let PendingQuery { token, timeouts, .. } = *pending;
        cx.report(Event::Items(items::Event::NotFound { token, timeouts }));
    }
}

/// The text whose owner is asked next: the whole text, or one of its words. `None` after the last word.
fn text_to_look_up(pending: &PendingQuery) -> Option<Text> {
    match pending.query.how {
        Match::Words => LongestFirst::of(&pending.query.text).at(pending.words_asked),
        _ => Some(pending.query.text),
    }
}

/// Removes the request that `pending` was started beside, if there was one, and returns it. The
/// outer option is `None` if that one is no longer in flight: the query goes on without `pending`,
/// or has been answered.
#[expect(clippy::option_option, reason = "two different absences")]
fn take_earlier<P: Protocol>(
    cx: &mut Context<'_, Directory<P>>,
    pending: &PendingQuery,
) -> Option<Option<Request>> {
    let Some(id) = pending.beside else { return Some(None) };
    let handle = cx.own_requests().find(id)?;
    cx.cancel(handle).map(Some)
}
