//! Publications, and the copies of references at the owner's successors.
//!
//! **Invariant:** a copy is accepted only from a neighbor, and never outlives the reference that it
//! is a copy of.

use core::iter;
use core::time::Duration;

use crate::base::{Id, Peer};
use crate::directory::handover::{Reference, send_copy};
use crate::directory::message::{MAX_COPIES, MessageWith};
use crate::directory::node::DirectoryNode;
use crate::directory::protocol::{Directory, WORD_FULL};
use crate::items::protocol::INDEX_FULL;
use crate::items::request::{Kind, Publication};
use crate::items::words::different_words;
use crate::items::{self, Hit, Items, Text, Topic, WordRefusal};
use crate::node::{Context, Cookie, DropReason, LookupPurpose, RequestId, Router};

impl<R: Router> DirectoryNode<R> {
    /// Starts the publication that is due.
    pub(super) fn publish_next(&mut self, cx: &mut Context<'_, Directory<R::Protocol>>) {
        let Some(index) = self.client.publisher.take_due(cx.now) else { return };
        let Some(name) = self.client.transfers.holdings().name(index as usize) else { return };
        let deadline = cx.now + self.config.deadline;
        let has_words = self.config.words.is_some();
        let words = different_words(&name).filter(|_| has_words);
        let words = words.map(|(number, word)| (Some(number), word));
        for (word, text) in iter::once((None, name)).chain(words) {
            let kind = Kind::Publish(Publication { index, word, cookie: Cookie::default() });
            let key = Id::of_name(text.as_bytes());
            self.look_up_for(cx, key, kind, LookupPurpose::Maintenance, deadline);
        }
    }

    /// Publishes an item to the owner of its name or of one of its words.
    pub(super) fn publish_at(
        &mut self,
        cx: &mut Context<'_, Directory<R::Protocol>>,
        owner: Peer,
        Publication { index, word, .. }: Publication,
    ) {
        let me = self.me();
        if !self.router.is_member() {
            return; // The node has left meanwhile.
        }
        if owner.id != me.id {
            cx.carry(|cx| self.client.publish(cx, owner, index, word));
        } else if let Some(name) = self.client.transfers.holdings().name(index as usize) {
            let reference = Reference { hit: Hit { holder: me, name }, word };
            self.keep_with_copies(cx, &reference);
        }
    }

    /// Handles a publication.
    pub(super) fn on_publish(
        &mut self,
        cx: &mut Context<'_, Directory<R::Protocol>>,
        from: Peer,
        request: RequestId,
        cookie: Cookie,
        name: Text,
    ) {
        let publish = |cx: &mut Context<'_, Items>| {
            self.responder.on_publish(cx, from, request, cookie, name)
        };
        if cx.carry(publish) {
            let reference = Reference { hit: Hit { holder: from, name }, word: None };
            self.send_copies(cx, &reference, self.copies(), self.responder.lifetime());
        }
    }

    /// Handles a publication under a word.
    pub(super) fn on_publish_word(
        &mut self,
        cx: &mut Context<'_, Directory<R::Protocol>>,
        from: Peer,
        request: RequestId,
        cookie: Cookie,
        reference: &Reference,
    ) {
        if self.words.is_none() {
            cx.world.count_drop(DropReason::NotForThisKind);
            return;
        }
        let topic = Topic::Publish;
        let responder = &self.responder;
        if cx.carry(|cx| responder.check_cookie(cx, from, request, cookie, topic)) {
            // If the word is full, the publisher can do nothing: it need not repeat the message.
            let published = MessageWith::Items(items::Message::Published { request });
            cx.world.send(self.me(), from, &published);
            self.keep_with_copies(cx, reference);
        }
    }

    /// Keeps a reference, and sends copies of it.
    fn keep_with_copies(
        &mut self,
        cx: &mut Context<'_, Directory<R::Protocol>>,
        reference: &Reference,
    ) {
        let lifetime = self.responder.lifetime();
        if self.keep(cx, reference, lifetime) {
            self.send_copies(cx, reference, self.copies(), lifetime);
        }
    }

    /// Inserts or renews a reference. If there is no room, returns false and counts a drop.
    fn keep(
        &mut self,
        cx: &mut Context<'_, Directory<R::Protocol>>,
        &Reference { ref hit, word }: &Reference,
        lifetime: Duration,
    ) -> bool {
        let Some(word) = word else {
            return cx.carry(|cx| self.responder.insert_for(cx, hit, lifetime));
        };
        let expires = cx.now + lifetime.min(self.responder.lifetime());
        let refusal = match &mut self.words {
            Some(words) => words.insert(cx.now, hit, word, expires).err(),
            None => Some(WordRefusal::NoSuchWord),
        };
        let reason = match refusal {
            None => return true,
            Some(WordRefusal::NoSuchWord) => DropReason::NotForThisKind,
            Some(WordRefusal::WordFull) => WORD_FULL,
            Some(WordRefusal::IndexFull) => INDEX_FULL,
        };
        cx.world.count_drop(reason);
        false
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
        reference: &Reference,
        copies: u8,
        lifetime: Duration,
    ) {
        if let Some(left) = copies.checked_sub(1)
            && let Some(&successor) = self.router.replicas().first()
        {
            send_copy::<R>(cx, self.me(), successor, reference, left, lifetime);
        }
    }

    pub(super) fn on_copy(
        &mut self,
        cx: &mut Context<'_, Directory<R::Protocol>>,
        from: Peer,
        reference: &Reference,
        copies: u8,
        lifetime_ms: u32,
    ) {
        let successors = self.router.replicas();
        if self.router.predecessor() != Some(from) && !successors.contains(&from) {
            cx.world.count_drop(DropReason::UnknownPeer);
            return;
        }
        let lifetime = Duration::from_millis(lifetime_ms.into()).min(self.responder.lifetime());
        let entered = self.keep(cx, reference, lifetime);
        if entered && copies > 0 && !self.owner_is_next(reference) {
            self.send_copies(cx, reference, copies.min(self.copies()), lifetime);
        }
    }

    /// Whether the next node owns the reference. In a ring with fewer nodes than copies, copying
    /// stops there.
    fn owner_is_next(&self, reference: &Reference) -> bool {
        let next = self.router.replicas().first();
        next.is_some_and(|&next| R::owns(reference.key(), next, self.me()))
    }
}
