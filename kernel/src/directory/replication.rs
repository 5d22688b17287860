//! Publications, and the copies of references at the owner's successors.
//!
//! **Invariant:** a copy is accepted only from a neighbor, and never outlives the reference that it
//! is a copy of.

use core::time::Duration;

use crate::base::{Id, Peer};
use crate::directory::handover::{key_of, send_copy};
use crate::directory::message::MAX_COPIES;
use crate::directory::node::DirectoryNode;
use crate::directory::protocol::Directory;
use crate::items::Hit;
use crate::items::request::{Kind, Publication};
use crate::node::{Context, Cookie, DropReason, LookupPurpose, Router};

impl<R: Router> DirectoryNode<R> {
    /// Starts the publication that is due.
    pub(super) fn publish_next(&mut self, cx: &mut Context<'_, Directory<R::Protocol>>) {
        let Some(index) = self.client.publisher.take_due(cx.now) else { return };
        let Some(name) = self.client.transfers.holdings().name(index as usize) else { return };
        let kind = Kind::Publish(Publication { index, cookie: Cookie::default() });
        let (key, deadline) = (Id::of_name(name.as_bytes()), cx.now + self.config.deadline);
        self.look_up_for(cx, key, kind, LookupPurpose::Maintenance, deadline);
    }

    /// Publishes the item at `index` of the holdings to the owner of its name.
    pub(super) fn publish_at(
        &mut self,
        cx: &mut Context<'_, Directory<R::Protocol>>,
        owner: Peer,
        index: u32,
    ) {
        let me = self.me();
        if !self.router.is_member() {
            return; // The node has left meanwhile.
        }
        if owner.id != me.id {
            cx.carry(|cx| self.client.publish(cx, owner, index));
        } else if let Some(name) = self.client.transfers.holdings().name(index as usize) {
            let hit = Hit { holder: me, name };
            if cx.carry(|cx| self.responder.insert(cx, &hit)) {
                self.send_copies(cx, &hit, self.copies(), self.responder.lifetime());
            }
        }
    }

    /// The number of copies of each reference besides the owner's.
    pub(super) fn copies(&self) -> u8 {
        self.config.replicas.saturating_sub(1).min(MAX_COPIES)
    }

    /// Sends a reference to the successor, to be stored there and on the nodes after it: `copies`
    /// copies in all.
    pub(super) fn send_copies(
        &self,
        cx: &mut Context<'_, Directory<R::Protocol>>,
        hit: &Hit,
        copies: u8,
        lifetime: Duration,
    ) {
        if let Some(left) = copies.checked_sub(1)
            && let Some(&successor) = self.router.replicas().first()
        {
            send_copy::<R>(cx, self.me(), successor, hit, left, lifetime);
        }
    }

    pub(super) fn on_copy(
        &mut self,
        cx: &mut Context<'_, Directory<R::Protocol>>,
        from: Peer,
        hit: &Hit,
        copies: u8,
        lifetime_ms: u32,
    ) {
        let successors = self.router.replicas();
        if self.router.predecessor() != Some(from) && !successors.contains(&from) {
            cx.world.count_drop(DropReason::UnknownPeer);
            return;
        }
        let lifetime = Duration::from_millis(lifetime_ms.into()).min(self.responder.lifetime());
        let entered = cx.carry(|cx| self.responder.insert_for(cx, hit, lifetime));
        if entered && copies > 0 && !self.owner_is_next(hit) {
            self.send_copies(cx, hit, copies.min(self.copies()), lifetime);
        }
    }

    /// Whether the next node owns the reference. In a ring with fewer nodes than copies, copying
    /// stops there.
    fn owner_is_next(&self, hit: &Hit) -> bool {
        let next = self.router.replicas().first();
        next.is_some_and(|&next| R::owns(key_of(hit), next, self.me()))
    }
}
