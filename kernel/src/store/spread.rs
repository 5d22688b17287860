//! Reads of popular values, spread over their owner and all holders.
//!
//! ```text
//! owner    counts reads; of a popular value
//!                  ── Grant version ──▶ each holder     may answer for this version, GRANT_LIFE long
//! origin   Read ─▶ owner  ── AlsoAt holder, value ──▶ origin
//!          Read ─▶ holder ── value ──▶ origin           or not here: then the owner is asked again
//! ```
//!
//! Each key stays linearizable. A holder answers only for the version that the owner has named, which was
//! committed; once it has a copy of a later one, it answers no more. A write is committed when all holders
//! have a copy, so no node answers for the version before. A node that holds a grant may be a holder no
//! more, because others have joined: the owner commits no write before the grant is over. And a node that
//! takes over a range hears from nodes that gave or hold grants only when these are over, and commits nothing
//! before those that it holds itself are. A holder that answers in place of the owner does not know
//! which other nodes hold grants of that owner. If there may be such grants, the holder commits nothing before they
//! are over.
//!
//! **Invariant:** a grant names a committed version; it ends [`GRANT_LIFE`](super::popular) after it has
//! arrived.

use crate::base::{Id, Peer, Time};
use crate::node::{Cookie, RequestId, Router};
use crate::store::message::{MessageWith, Question};
use crate::store::node::{Cx, StoreNode};
use crate::store::operation::Name;
use crate::store::popular::{GRANT_LIFE, TRANSIT};
use crate::store::request::{Kind, Operation};
use crate::store::rounds::Round;
use crate::store::sum::Range;
use crate::store::table::{Item, ItemHandle};
use crate::store::version::{Version, us};

impl<R: Router> StoreNode<R> {
    /// Counts a read, which `client` has sent, of an item whose newest version is committed. If its value
    /// is popular, the holders may answer, too, and the client is told of one.
    pub(super) fn spread_read(
        &mut self,
        cx: &mut Cx<'_, R>,
        client: Peer,
        request: RequestId,
        item: ItemHandle,
    ) {
        let replicas = 1 + self.holders.peers().len() as u32;
        let Some(name) = self.table.at(item).map(|it| it.name) else { return };
        let is_popular = name.provider.is_none()
            && replicas > 1
            && self.popular.count_read(cx.now, item, name.key, replicas);
        if is_popular
            && self.grant(cx, item)
            && let Some(holder) = self.popular.next_holder(&self.holders)
            && client.id != self.me.id
        {
            self.send(cx, client, &MessageWith::AlsoAt { request, holder });
        }
    }

    /// Tells all holders that they may answer for the committed version of an item, if it is popular.
    /// Returns false if they must not: this node is not the owner, or a clock that is slow would take the value
    /// for alive when others do not.
    pub(super) fn grant(&mut self, cx: &mut Cx<'_, R>, item: ItemHandle) -> bool {
        let Some(it) = self.table.at(item) else { return false };
        let (key, version) = (it.name.key, it.body.version);
        let skew = self.config.skew * 2 + GRANT_LIFE + TRANSIT;
        let skew_us = us(skew);
        let is_alive = it.body.is_present(self.clock.wall_us(cx.now).saturating_add(skew_us));
        if !is_alive || !it.settled || !self.arrival.has(key) {
            return false;
        }
        if self.popular.needs_grant(cx.now, item, version) {
            self.popular.on_granted(cx.now, item, version);
            let holders = self.holders;
            for &holder in holders.peers() {
                let cookie = self.cookies.of(holder);
                self.send(cx, holder, &MessageWith::Grant { cookie, key, version });
            }
        }
        true
    }

    /// Handles a grant.
    pub(super) fn on_grant(
        &mut self,
        cx: &Cx<'_, R>,
        from: Peer,
        cookie: Cookie,
        key: Id,
        version: Version,
    ) {
        if cookie != self.cookie_for(from) {
            return;
        }
        if let Some(item) = self.table.find(&Name::value(key))
            && let Some(it) = self.table.at(item)
            && it.body.version == version
            && !it.in_round
        {
            self.popular.hold(cx.now, item, key, version, from);
        }
    }

    /// Answers a read for the owner, if it has allowed that. Returns whether it has.
    pub(super) fn answer_for_owner(
        &mut self,
        cx: &mut Cx<'_, R>,
        client: Peer,
        request: RequestId,
        name: &Name,
    ) -> bool {
        let Some(item) = self.table.find(name) else { return false };
        let Some(&Item { body, in_round, .. }) = self.table.at(item) else { return false };
        // While one version is being copied, a newer one may be queued.
        let may_answer = !in_round && self.popular.may_answer(cx.now, item, body.version);
        if may_answer {
            self.counts.reads += 1;
            self.counts.reads_as_holder += 1;
            self.answer_value(cx, client, request, body);
        }
        may_answer
    }

    /// Whether grants that this node gave or holds are running for keys in `range`, unless `asker` gave
    /// them.
    pub(super) fn has_grants(&self, cx: &Cx<'_, R>, range: Range, asker: Peer) -> bool {
        self.popular.is_answered_elsewhere(cx.now, |key| range.contains(key), asker)
    }

    /// Until when nodes outside a round may answer with an earlier version. In the past if there are none.
    pub(super) fn exposed_until(&self, now: Time, round: usize) -> Time {
        let known = self.popular.exposed_until();
        let Some(&Round { item, began_at, .. }) = self.owner.rounds.get(round) else {
            return known;
        };
        let Some(item) = self.table.at(item) else { return known };
        if !self.popular.is_possible() || self.arrival.has(item.name.key) {
            return known;
        }
        // The owner has granted nothing since it wrote this version.
        let life = GRANT_LIFE + TRANSIT;
        let life_us = us(life + self.config.skew);
        let is_recent = item.body.version.number.saturating_add(life_us) >= self.clock.wall_us(now);
        if is_recent { known.max(began_at + life) } else { known }
    }

    /// Handles the name of a holder, from the owner that was asked for a value.
    pub(super) fn on_also_at(
        &mut self,
        cx: &mut Cx<'_, R>,
        from: Peer,
        request: RequestId,
        holder: Peer,
    ) {
        let is_read = |kind: &Kind| {
            matches!(kind, Kind::Operation(Operation { question: Question::Read { .. }, .. }))
        };
        let Some(handle) = cx.find_request(request, from, is_read) else { return };
        if let Some(Kind::Operation(operation)) = cx.own_requests().at(handle).map(|it| it.kind) {
            self.popular.assign(cx.now, operation.question.key(), holder);
        }
    }
}
