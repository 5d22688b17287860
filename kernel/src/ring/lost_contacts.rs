//! Contacts that seem to be dead and may live in another ring.
//!
//! **Invariant:** a fixed number of places; the last one asked is asked again only after all others.

use crate::base::{Address, Id, Peer, Rng};

/// Every so many rounds of stabilize, early ones too, one contact is asked.
const ROUNDS: u8 = 8;
/// The number of contacts that a node remembers.
const CAPACITY: usize = 2;

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
    pub(crate) fn remember(&mut self, peer: Peer, chance: u64, rng: &mut Rng) {
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
    pub(crate) fn forget(&mut self, prefix: u64) {
        for contact in &mut self.contacts {
            if contact.prefix == prefix {
                *contact = LostContact::default();
            }
        }
    }

    /// Counts a round of stabilize. Returns the contact to ask in this one.
    pub(crate) fn count_round(&mut self) -> Option<Peer> {
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
        [1, 2, 1].into_iter().for_each(|it| lost.remember(peer(it), 1, &mut rng));
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
