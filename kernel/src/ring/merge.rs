//! Merging: parts of a ring that fell apart become one ring again.
//!
//! Where messages do not get through, each side declares the nodes of the other side dead and closes its
//! own ring. From then on no node names a node of the other side. So a member remembers a few of the
//! contacts that it declared dead, and now and then asks one of them what a joining node asks: who is before
//! me in your ring? The node that answers is the one before, and it names the one after. The rules of
//! stabilize do the rest: whichever of the two lies nearer than a neighbor takes its place. Once all nodes have
//! asked, each one has its place in one ring.
//!
//! A ring can also fall into several without a cut, if more neighbors die together than a successor list is long.
//! Then the refresh of a finger passes over a finger that lives, and that one is asked, too.
//!
//! Remembering silent contacts follows Shafaat, Ghodsi and Haridi (*Dealing with network partitions in
//! structured overlay networks*, PPNA 2009). There one node that finds the other ring starts gossip which walks
//! along both. Here all nodes ask for themselves: it takes a few rounds however many they are.
//!
//! **Invariant:** what an answer names is asked itself before it becomes a neighbor. A contact that stays silent
//! is not suspected for that.

use core::time::Duration;

use crate::base::{Address, Id, Peer, Rng};
use crate::node::{Context, Source};
use crate::ring::message::{Lookup, Message, Purpose};
use crate::ring::node::RingNode;
use crate::ring::protocol::Ring;
use crate::ring::request::Request;

/// Every so many rounds of stabilize, early ones too, one contact is asked.
const ROUNDS: u8 = 8;
/// How long a contact has to answer, in all.
const PATIENCE: Duration = Duration::from_secs(3);
/// The number of contacts that a node remembers.
const CAPACITY: usize = 2;
/// If all places are taken, one of so many further dead contacts is remembered. So those of a time when many were
/// lost outlast the few that die later.
const DEAD_REMEMBERED: u64 = 4;

/// Contacts that seem to be dead and may live in another ring.
#[derive(Clone, Debug, Default)]
pub(crate) struct LostContacts {
    /// A free place holds the default.
    contacts: [LostContact; CAPACITY],
    /// Rounds of stabilize since a contact was asked.
    rounds: u8,
    /// The place of the contact that was asked last.
    last: u8,
}

/// A contact by what messages name: its address and the top 64 bits of its identifier.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
struct LostContact {
    address: Address,
    prefix: u64,
}

impl LostContacts {
    /// Remembers `peer`. If there is no free place, it takes that of another one with a probability of 1 in
    /// `chance`.
    fn remember(&mut self, peer: Peer, chance: u64, rng: &mut Rng) {
        let contact = LostContact::from(peer);
        if self.contacts.contains(&contact) {
            return;
        }
        let free = self.contacts.iter().position(|it| *it == LostContact::default());
        let place = free.unwrap_or_else(|| rng.below(chance * CAPACITY as u64) as usize);
        if let Some(place) = self.contacts.get_mut(place) {
            *place = contact;
        }
    }

    /// Forgets the contact whose identifier begins with `prefix`.
    fn forget(&mut self, prefix: u64) {
        for contact in &mut self.contacts {
            if contact.prefix == prefix {
                *contact = LostContact::default();
            }
        }
    }

    /// Counts a round of stabilize. Returns the contact to ask in this one.
    fn count_round(&mut self) -> Option<Peer> {
        self.rounds = (self.rounds + 1) % ROUNDS;
        if self.rounds > 0 {
            return None;
        }
        let mut places = (1..=CAPACITY).map(|step| (usize::from(self.last) + step) % CAPACITY);
        let place = places.find(|&place| self.contacts[place] != LostContact::default())?;
        self.last = place as u8;
        Some(self.contacts[place].into())
    }
}

impl From<Peer> for LostContact {
    fn from(peer: Peer) -> LostContact {
        LostContact { address: peer.address, prefix: peer.id.prefix() }
    }
}

impl From<LostContact> for Peer {
    fn from(LostContact { address, prefix }: LostContact) -> Peer {
        Peer { id: Id::from_parts(prefix, Id::ZERO.tail()), address }
    }
}

impl RingNode {
    /// `peer` was declared dead, and may be on the other side of a partition.
    pub(super) fn remember_dead(&mut self, cx: &mut Context<'_, Ring>, peer: Peer) {
        if self.config.stabilize.is_some() {
            self.lost.remember(peer, DEAD_REMEMBERED, cx.rng);
        }
    }

    /// A lookup should have found `finger`, and has not: it is dead, or in another ring.
    pub(super) fn remember_passed(&mut self, cx: &mut Context<'_, Ring>, finger: Peer) {
        if self.config.stabilize.is_some() {
            self.lost.remember(finger, 1, cx.rng);
        }
    }

    /// Counts a round of stabilize, and asks a lost contact for this node's place if one is due.
    pub(super) fn ask_lost_contact(&mut self, cx: &mut Context<'_, Ring>) {
        if let Some(contact) = self.lost.count_round() {
            let wait = self.probe_timeout(cx, contact, 0);
            let patience = PATIENCE.max(wait * 2);
            self.look_up_through(cx, contact, contact.id.prefix(), self.me.id, wait, patience);
        }
    }

    /// Whether `request` passes `lookup` on to a lost contact, for this node's own place. A member passes no other
    /// lookup of a join on for itself. What the lookup says of its origin proves nothing.
    pub(super) fn asks_for_own_place(&self, request: &Request, lookup: &Lookup) -> bool {
        self.is_member() && request.source == Source::OWN && lookup.purpose == Purpose::Join
    }

    /// In the ring of the lost contact with this `prefix`, this node's place is between `before`, which has
    /// answered, and `after`.
    pub(super) fn on_place_found(
        &mut self,
        cx: &mut Context<'_, Ring>,
        prefix: u64,
        before: Peer,
        after: Peer,
    ) {
        if after == self.me || before == self.me {
            // It is the same ring.
            return self.lost.forget(prefix);
        }
        if self.may_be_successor(after) {
            self.consider_successor(cx, after);
        } else {
            // The nodes between may not know `after`. But it takes this node for its predecessor, and then
            // `before` learns of this node.
            self.send(cx, after, &Message::Notify);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(number: u16) -> Peer {
        let prefix = u64::from(number) << 40 | 7;
        let address = Address::new([127, 0, 0, 1], 4000, number);
        Peer { id: Id::from_parts(prefix, Id::ZERO.tail()), address }
    }

    fn next(lost: &mut LostContacts) -> Option<Peer> {
        (0..ROUNDS).find_map(|_| lost.count_round())
    }

    #[test]
    fn contacts_are_asked_in_turn_until_they_are_forgotten() {
        let (mut lost, mut rng) = (LostContacts::default(), Rng::new(1, 0));
        assert_eq!(next(&mut lost), None);
        [peer(1), peer(2), peer(1)].map(|it| lost.remember(it, 1, &mut rng));
        let asked = [(); 4].map(|()| next(&mut lost).expect("two are remembered"));
        assert_eq!(asked[..2], asked[2..]);
        assert_ne!(asked[0], asked[1]);
        lost.forget(asked[0].id.prefix());
        assert_eq!([(); 2].map(|()| next(&mut lost)), [Some(asked[1]); 2]);
        lost.forget(asked[1].id.prefix());
        assert_eq!(next(&mut lost), None);
    }

    #[test]
    fn some_of_many_are_remembered() {
        let (mut lost, mut rng) = (LostContacts::default(), Rng::new(2, 0));
        let mut replaced = 0;
        for number in 0..1_000 {
            let before = lost.contacts;
            lost.remember(peer(number), 4, &mut rng);
            replaced += usize::from(lost.contacts != before);
            let asked: Vec<_> = (0..=CAPACITY).filter_map(|_| next(&mut lost)).collect();
            assert!(number == 0 || (asked[0] != asked[1] && asked[0] == asked[2]), "{asked:?}");
        }
        assert!((200..300).contains(&replaced), "{replaced}");
    }
}
