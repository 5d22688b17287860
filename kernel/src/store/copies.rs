//! Copies between nodes: sent for a write or by a repair, merged by the receiver.
//!
//! **Invariant:** a copy changes nothing where a newer version is held.

use crate::base::{Peer, Time};
#[cfg(doc)]
use crate::node::Cookie;
use crate::node::{DropReason, RequestId, Router};
use crate::store::message::{CopyOf, MessageWith};
use crate::store::node::{Cx, StoreNode};
use crate::store::operation::{MAX_VALUE, Name};
use crate::store::protocol::BAD_CLOCK;
use crate::store::request::{CopyRequest, Kind};
use crate::store::slab::Stored;
use crate::store::table::{Body, ItemHandle};
use crate::store::version::{Version, us};

impl<R: Router> StoreNode<R> {
    /// Sends the newest version of an item that may be copied; nothing if the item is gone.
    pub(super) fn send_copy(
        &self,
        cx: &mut Cx<'_, R>,
        to: Peer,
        request: RequestId,
        copy: CopyRequest,
    ) {
        let Some(item) = self.table.at(copy.item) else { return };
        let Body { version, previous, expires_us, value, tag, deleted } = item.body;
        let mut room = [0; MAX_VALUE];
        let value = self.table.read(value, &mut room);
        let item = CopyOf { name: item.name, version, previous, expires_us, tag, deleted };
        let cookie = self.cookies.of(to);
        self.send(cx, to, &MessageWith::Copy { request, cookie, item, value });
    }

    /// Handles a copy from a node that has proved its address.
    pub(super) fn on_copy(
        &mut self,
        cx: &mut Cx<'_, R>,
        from: Peer,
        request: RequestId,
        item: &CopyOf,
        value: &[u8],
    ) {
        if self.arrival.has_left {
            return self.tell_departure(cx, from);
        }
        let &CopyOf { name, version, previous, expires_us, tag, deleted } = item;
        if !self.clock.observe(version.number, cx.now, self.config.skew) {
            return cx.world.count_drop(BAD_CLOCK);
        }
        let latest = self.latest_expiry_us(cx.now);
        let expires_us = expires_us.min(latest);
        let body = Body { version, previous, expires_us, value: Stored::EMPTY, tag, deleted };
        let merged = self.merge(cx, name, body, value);
        let (held, version) = (merged.is_some(), merged.unwrap_or_default());
        self.send(cx, from, &MessageWith::Copied { request, held, version });
    }

    /// Tells an owner that has sent a copy that this node has left, and takes no copies any more. The owner need not
    /// wait until the news comes from neighbor to neighbor. The number of the request
    /// [proves](Cookie::departure) that the message comes from the process of this node.
    pub(super) fn tell_departure(&self, cx: &mut Cx<'_, R>, owner: Peer) {
        if let Some(request) = self.cookie_for(owner).departure() {
            let version = Version::NONE;
            self.send(cx, owner, &MessageWith::Copied { request, held: false, version });
        }
    }

    /// The latest time at which an item can expire that is written now, anywhere.
    fn latest_expiry_us(&self, now: Time) -> u64 {
        let longest = self.config.max_lifetime.saturating_add(self.config.skew * 3);
        let longest_us = us(longest);
        self.clock.wall_us(now).saturating_add(longest_us)
    }

    /// Handles the reply to a copy.
    pub(super) fn on_copied(
        &mut self,
        cx: &mut Cx<'_, R>,
        from: Peer,
        request: RequestId,
        held: bool,
        version: Version,
    ) {
        if !held && self.cookies.of(from).departure() == Some(request) {
            return self.route(cx, |router, cx| router.remove_departed(cx, from));
        }
        let is_copy = |kind: &Kind| matches!(kind, Kind::Copy(_) | Kind::Push { .. });
        let Some(handle) = cx.find_request(request, from, is_copy) else { return };
        if !self.clock.observe(version.number, cx.now, self.config.skew) {
            return cx.world.count_drop(BAD_CLOCK);
        }
        match self.take_replied(cx, handle, request, true) {
            Some(Kind::Copy(copy)) => self.on_copied_to(cx, from, copy, held, version),
            Some(Kind::Push { repair, item }) => {
                self.on_pushed(cx, repair, held, held && version.number > item.number);
            }
            _ => cx.world.count_drop(DropReason::Unmatched),
        }
    }

    /// A request to copy this version of an item.
    pub(super) fn copy_request(&self, item: ItemHandle) -> Option<CopyRequest> {
        Some(CopyRequest { item, number: self.table.at(item)?.body.version.number })
    }

    /// Merges a version that came from another node. Returns the version that this node then holds, or
    /// `None` if it has no room.
    pub(super) fn merge(
        &mut self,
        cx: &mut Cx<'_, R>,
        name: Name,
        body: Body,
        value: &[u8],
    ) -> Option<Version> {
        let wall_us = self.clock.wall_us(cx.now);
        let handle = self.table.find(&name);
        let newest = handle.and_then(|handle| self.newest(handle));
        if let Some(newest) = newest {
            let (lower, higher) = if newest.version < body.version {
                (newest.version, body)
            } else {
                (body.version, newest)
            };
            if lower > higher.previous && lower != higher.version {
                self.counts.conflicts += u64::from(newest.is_present(wall_us));
            }
            if newest.version >= body.version {
                return Some(newest.version);
            }
        }
        if body.expires_us <= wall_us {
            return Some(body.version);
        }
        let stored = self.keep(wall_us, value)?;
        let body = Body { value: stored, ..body };
        let round = handle.and_then(|handle| self.owner.round_of(handle));
        let entered = match (handle, round) {
            (Some(_), Some(round)) => {
                if let Some(queued) = self.owner.rounds[round].queued.replace(body) {
                    self.table.free(queued.value);
                }
                true
            }
            (Some(handle), None) => {
                self.table.replace(handle, body);
                true
            }
            (None, _) => {
                self.table.insert(name, body).is_some() || {
                    self.table.purge(wall_us);
                    self.table.insert(name, body).is_some()
                }
            }
        };
        if !entered {
            self.table.free(stored);
            self.counts.full += 1;
            return None;
        }
        Some(body.version)
    }
}
