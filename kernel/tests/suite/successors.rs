//! The successor list, compared with a sorted list.
//!
//! **Invariant:** the model sorts by distance and does not depend on the list's representation.

use hopwise_kernel::ring::successors::SuccessorList;
use hopwise_kernel::{Address, Distance, Id, Peer, Peers};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

/// An identifier on a small part of the circle, so that duplicates occur, or anywhere.
fn id() -> impl Strategy<Value = Id> {
    prop_oneof![
        (0..24_u64).prop_map(|point| Id::from_parts(point << 59, Id::ZERO.tail())),
        any::<[u8; 20]>().prop_map(Id::from_bytes),
    ]
}

/// The peer with this identifier: always the same.
fn peer_at(id: Id) -> Peer {
    let last_byte = id.to_bytes()[19];
    Peer { id, address: Address::from_bits(id.prefix() ^ u64::from(last_byte) | 1) }
}

fn peers() -> impl Strategy<Value = Vec<Peer>> {
    vec(id().prop_map(peer_at), 1..24)
}

/// The nodes of a ring as seen from `own`, nearest first.
fn in_order(own: Id, peers: &[Peer]) -> Vec<Peer> {
    let mut ordered: Vec<Peer> = peers.iter().copied().filter(|peer| peer.id != own).collect();
    ordered.sort_by_key(|peer| own.distance_to(peer.id));
    ordered.dedup();
    ordered
}

fn list_of(own: Id, capacity: u8, ordered: &[Peer]) -> SuccessorList {
    let mut list = SuccessorList::new(capacity);
    if let [first, rest @ ..] = ordered {
        list.adopt(own, *first, Peers::Table(rest), |_| true);
    }
    list
}

proptest! {
    /// After any input, the list keeps its invariant and contains only peers from the input.
    #[test]
    fn adopt_keeps_the_invariant(
        own in id(),
        capacity in 1..12_u8,
        told in peers(),
        refused in any::<Index>(),
    ) {
        let refused = *refused.get(&told);
        let mut list = SuccessorList::new(capacity);
        list.adopt(own, told[0], Peers::Table(&told[1..]), |peer| peer != refused);
        prop_assert!(list.peers().len() <= capacity.into());
        let mut reached = Distance::ZERO;
        for &peer in list.peers() {
            prop_assert!(own.distance_to(peer.id) > reached, "distances strictly increase");
            prop_assert!(told.contains(&peer) && peer != refused);
            reached = own.distance_to(peer.id);
        }
    }

    /// An ordered list is adopted whole, up to the capacity, without refused peers.
    #[test]
    fn adopt_takes_an_ordered_list_whole(
        own in id(),
        capacity in 1..12_u8,
        told in peers(),
        refused in any::<Index>(),
    ) {
        let ordered = in_order(own, &told);
        prop_assume!(!ordered.is_empty());
        let refused = *refused.get(&ordered);
        let mut list = list_of(own, capacity, &told);
        list.adopt(own, ordered[0], Peers::Table(&ordered[1..]), |peer| peer != refused);
        let expected: Vec<Peer> =
            ordered.into_iter().filter(|&peer| peer != refused).take(capacity.into()).collect();
        prop_assert_eq!(list.peers(), expected.as_slice());
        prop_assert_eq!(list.first(), expected.first().copied());
        prop_assert_eq!(list.last(), expected.last().copied());
    }

    /// An adopted list ends where it would pass the adopting node.
    #[test]
    fn adopt_ends_where_it_comes_round(own in id(), told in peers()) {
        let ordered = in_order(own, &told);
        prop_assume!(!ordered.is_empty());
        let round: Vec<Peer> =
            ordered.iter().copied().chain([peer_at(own)]).chain(ordered.iter().copied()).collect();
        let list = list_of(own, 100, &round);
        prop_assert_eq!(list.peers(), ordered.as_slice());
    }

    #[test]
    fn remove_takes_out_one_and_closes_up(own in id(), told in peers(), which: Index) {
        let ordered = in_order(own, &told);
        prop_assume!(!ordered.is_empty());
        let mut list = list_of(own, 24, &ordered);
        let gone = *which.get(&ordered);
        prop_assert!(list.contains(gone.address));
        prop_assert!(list.remove(gone));
        prop_assert!(!list.contains(gone.address) && !list.remove(gone));
        let expected: Vec<Peer> =
            ordered.into_iter().filter(|peer| peer.address != gone.address).collect();
        prop_assert_eq!(list.peers(), expected.as_slice());
    }

    /// A key is covered if an entry owns it, with the entry before as its predecessor.
    #[test]
    fn covers_the_gaps_between_its_entries(
        own in id(),
        capacity in 1..12_u8,
        told in peers(),
        key in id(),
        at_an_entry: Option<Index>,
    ) {
        let ordered = in_order(own, &told);
        let list = list_of(own, capacity, &ordered);
        let key = at_an_entry.map_or(key, |index| index.get(&told).id);
        let mut before = own;
        let mut covered = false;
        for peer in list.peers() {
            covered |= peer.id.owns(key, before);
            before = peer.id;
        }
        prop_assert_eq!(list.covers(own, key), covered);
    }

    /// `count_before` equals the number of peers between the owner and the key.
    #[test]
    fn count_before_equals_a_scan(
        own in id(),
        capacity in 1..12_u8,
        told in peers(),
        key in id(),
        at_an_entry: Option<Index>,
    ) {
        let list = list_of(own, capacity, &in_order(own, &told));
        let key = at_an_entry.map_or(key, |index| index.get(&told).id);
        let between = list.peers().iter().filter(|peer| peer.id.is_between(own, key)).count();
        prop_assert_eq!(list.count_before(own, key), between);
        // The first entry not before a covered key owns it.
        if list.covers(own, key) {
            let before = between.checked_sub(1).map_or(own, |at| list.peers()[at].id);
            prop_assert!(list.peers()[between].id.owns(key, before));
        }
    }
}

#[test]
fn an_empty_list_covers_nothing() {
    let list = SuccessorList::new(4);
    assert_eq!((list.first(), list.last(), list.count_before(Id::ZERO, Id::MAX)), (None, None, 0));
    assert!(!list.covers(Id::ZERO, Id::MAX) && !list.covers(Id::ZERO, Id::ZERO));
}
