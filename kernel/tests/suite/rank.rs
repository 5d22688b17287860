//! Ranks in a ring, compared with a binary search.
//!
//! **Invariant:** rings are uniform, clustered, or both; points include every member's identifier.

use hopwise_kernel::ring::rank::rank_at_or_after;
use hopwise_kernel::{Address, Distance, Id, Peer};
use proptest::collection::vec;
use proptest::prelude::*;

/// A uniform identifier, or one in a few clusters of any width.
fn id() -> impl Strategy<Value = Id> {
    let anywhere = any::<[u8; 20]>().prop_map(Id::from_bytes);
    let clustered = (0..4_u64, 0..160_u32, 0..256_u32).prop_map(|(cluster, width, place)| {
        Id::from_parts(cluster << 62, Id::MAX.tail()).add(Distance::multiple_of_power(place, width))
    });
    prop_oneof![anywhere, clustered]
}

fn ring() -> impl Strategy<Value = Vec<Peer>> {
    let uniform = vec(any::<[u8; 20]>().prop_map(Id::from_bytes), 0..500);
    prop_oneof![uniform, vec(id(), 0..500)].prop_map(|mut ids| {
        ids.sort_unstable();
        ids.dedup();
        ids.into_iter().map(|id| Peer { id, address: Address::default() }).collect()
    })
}

proptest! {
    #[test]
    fn is_a_binary_search(ring in ring(), points in vec(id(), 50)) {
        let next = Distance::multiple_of_power(1, 0);
        let members = ring.iter().flat_map(|peer| [peer.id, peer.id.add(next)]);
        for point in members.chain(points).chain([Id::ZERO, Id::MAX]) {
            let expected = ring.partition_point(|peer| peer.id < point);
            prop_assert_eq!(rank_at_or_after(&ring, point), expected, "{:?}", point);
        }
    }
}
