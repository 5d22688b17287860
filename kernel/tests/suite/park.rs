//! Parked messages: they are recalled unchanged, and have a class of their protocol.
//!
//! **Invariant:** a message is recalled only from the arena in which it was parked.

use hopwise_kernel::central::Central;
use hopwise_kernel::codec::{Codec, Framed};
use hopwise_kernel::directory::Directory;
use hopwise_kernel::flood::Flood;
use hopwise_kernel::items::Items;
use hopwise_kernel::node::{Arena, MAX_CLASSES, MAX_DROP_REASONS, MessageOf};
use hopwise_kernel::ring::Ring;
use hopwise_kernel::store::Stored;
use proptest::collection::vec;
use proptest::prelude::*;

use crate::draw::{Draw, Drawn, draw};

macro_rules! laws {
    ($($name:ident: $protocol:ty),+) => {$(
        mod $name {
            use super::*;

            proptest! {
                #[test]
                fn every_kind_is_recalled_unchanged(draw in draw()) {
                    recalled::<$protocol>(&draw.of_every_kind::<$protocol>())?;
                }

                #[test]
                fn many_are_recalled_from_one_arena(draws in vec(draw(), 1..20)) {
                    recalled::<$protocol>(&draws)?;
                }
            }
        }
    )+};
}

laws! {
    of_ring: Ring,
    of_items: Items,
    of_central: Central,
    of_flood: Flood,
    of_directory_over_ring: Directory<Ring>,
    of_store_over_ring: Stored<Ring>
}

/// Asserts that messages are recalled unchanged, whether they borrowed from a table or a datagram,
/// and also after the arena was cleared and used again.
fn recalled<P: Drawn>(draws: &[Draw]) -> Result<(), TestCaseError> {
    assert!(P::CLASSES.len() <= MAX_CLASSES && P::DROPS.len() <= MAX_DROP_REASONS);
    let datagrams: Vec<Vec<u8>> =
        draws.iter().map(|draw| bytes_of::<P>(draw, &draw.message::<P>())).collect();
    let mut arena = Arena::default();
    for _ in 0..2 {
        arena.clear();
        let parked: Vec<_> =
            draws.iter().map(|draw| P::park(&draw.message::<P>(), &mut arena)).collect();
        let arrived: Vec<_> =
            datagrams.iter().map(|datagram| P::park(&read::<P>(datagram), &mut arena)).collect();
        for ((draw, datagram), (parked, arrived)) in
            draws.iter().zip(&datagrams).zip(parked.iter().zip(&arrived))
        {
            let message = draw.message::<P>();
            for parked in [parked, arrived] {
                let recalled = P::recall(parked, &arena);
                prop_assert!(P::is_equal(&recalled, &message), "{:?}", recalled);
                prop_assert_eq!(&bytes_of::<P>(draw, &recalled), datagram);
                prop_assert_eq!(P::class(&recalled), P::class(&message));
                prop_assert!(P::class(&recalled) < P::CLASSES.len());
            }
        }
    }
    Ok(())
}

fn bytes_of<P: Drawn>(draw: &Draw, message: &MessageOf<'_, P>) -> Vec<u8> {
    let codec = Framed::<P>::default();
    let mut bytes = vec![0; codec.length(message)];
    codec.write(&draw.envelope(), message, &mut bytes).expect("it can be encoded");
    bytes
}

fn read<P: Drawn>(mut frame: &[u8]) -> MessageOf<'_, P> {
    Framed::<P>::default().read(&mut frame).expect("a written frame is valid").1
}
