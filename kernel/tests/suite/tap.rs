//! A tap lets whole lookups pass, and holds a bounded number of messages.

use hopwise_kernel::drive::Tap;
use hopwise_kernel::drive::tap::{Choice, MOST};
use hopwise_kernel::node::RequestId;
use hopwise_kernel::ring::{Message, Ring, message};
use hopwise_kernel::{Address, Id, Peer, Time};

fn peer(number: u64) -> Peer {
    Peer { id: Id::ZERO, address: Address::from_bits(number) }
}

fn lookup(origin: Peer, name: u64) -> message::Lookup {
    message::Lookup {
        lookup: RequestId::first(name),
        purpose: message::Purpose::User,
        key: Id::ZERO,
        origin,
        budget: 9,
        hops: 0,
        timeouts: 0,
        stage: message::Stage::Route,
        left_ms: 1000,
    }
}

fn answer(name: u64) -> Message<'static> {
    Message::Answer {
        lookup: RequestId::first(name),
        purpose: message::Purpose::User,
        owner: peer(3),
        under_suspicion: false,
        hops: 2,
        timeouts: 0,
    }
}

#[test]
fn a_lookup_passes_as_a_whole_or_not_at_all() {
    let mut whole = 0;
    for name in 0..64 {
        let mut tap = Tap::default();
        tap.choose(Choice { lookups: Some(3), others: false });
        let lookup = lookup(peer(1), name);
        let (one, two) = (RequestId::first(7), RequestId::first(8));
        let pass = |tap: &mut Tap, ends: (Peer, Peer), message: &Message<'_>| {
            tap.pass::<Ring>(Time::ZERO, None, (&ends.0, &ends.1), message);
        };
        pass(&mut tap, (peer(1), peer(2)), &Message::Lookup { request: one, lookup });
        pass(&mut tap, (peer(2), peer(3)), &Message::Lookup { request: two, lookup });
        pass(&mut tap, (peer(3), peer(1)), &answer(name));
        pass(&mut tap, (peer(3), peer(1)), &Message::Ping { request: one });
        let tapped = tap.take();
        assert!(tapped.is_empty() || tapped.len() == 3, "{tapped:?}");
        assert!(tapped.iter().all(|it| it.lookup == tapped[0].lookup));
        whole += tapped.len() / 3;
    }
    assert!((2..=20).contains(&whole), "{whole} of 64");
}

#[test]
fn holds_a_bounded_number() {
    let mut tap = Tap::default();
    let ping = Message::Ping { request: RequestId::first(1) };
    for others in [false, true] {
        tap.choose(Choice { lookups: None, others });
        for _ in 0..2 * MOST {
            tap.pass::<Ring>(Time::ZERO, None, (&peer(1), &peer(2)), &ping);
        }
        let wanted = if others { MOST } else { 0 };
        assert_eq!(tap.take().len(), wanted);
    }
}
