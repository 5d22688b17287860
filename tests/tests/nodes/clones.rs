//! Networks that are cloned while they work.
//!
//! **Invariant:** a clone goes on exactly as the original does.

use std::time::Duration;

use hopwise_kernel::codec::Body;
use hopwise_kernel::drive::Memory;
use hopwise_kernel::drive::memory::DELAY;
use hopwise_kernel::items::Match;
use hopwise_kernel::{Id, Node, Protocol, Rng};
use hopwise_tests::central::{Central, query};
use hopwise_tests::flooding::NAMES;
use hopwise_tests::store::put;
use hopwise_tests::{Attack, Directory, Flooding, StoreRing};

/// Clones `original`, and once more over `used`, a network that is in another state.
fn assert_goes_on_alike<N: Node<Protocol: Body> + Clone>(
    mut original: Memory<N>,
    mut used: Memory<N>,
) where
    <N::Protocol as Protocol>::Requests: Clone,
{
    original.run_for(DELAY / 2);
    assert!(original.requests_in_flight() > 0 && original.in_flight().count() > 0);
    used.run_for(Duration::from_secs(7));
    used.clone_from(&original);
    let [first, second, third] = [original.clone(), original, used].map(|mut memory| {
        memory.run_for(Duration::from_secs(20));
        let in_flight: Vec<Vec<u8>> = memory.in_flight().map(|it| it.bytes.to_vec()).collect();
        let events = format!("{:?}", memory.events().collect::<Vec<_>>());
        (*memory.counters(), in_flight, events, memory.requests_in_flight(), memory.now())
    });
    assert!(first == second && second == third);
}

#[test]
fn a_cloned_network_goes_on_as_the_original() {
    let attack = |byte: u8| {
        let mut attack = Attack::small();
        let mut script = vec![byte; 200];
        Rng::new(byte.into(), 0).fill(&mut script);
        attack.play(&script);
        attack.into_memory()
    };
    let mut ring = attack(1);
    ring.with(0, |it, cx| it.lookup(cx, Id::of_name(b"a key"), 1));
    assert_goes_on_alike(ring, attack(2));
    let central = || {
        let mut central = Central::small(1);
        central.memory.with(1, |it, cx| it.ask(cx, query(Match::Exact, "zebra"), 1));
        central.memory
    };
    assert_goes_on_alike(central(), central());
    let flooding = || {
        let mut peers = Flooding::small(1);
        peers.ask(0, Match::Exact, NAMES[0], 1);
        peers.memory
    };
    assert_goes_on_alike(flooding(), flooding());
    let directory = || {
        let mut directory = Directory::small(1);
        directory.memory.with(1, |it, cx| it.ask(cx, query(Match::Exact, "the item 100"), 1));
        directory.memory
    };
    assert_goes_on_alike(directory(), directory());
    let store = |value: &[u8]| {
        let mut store = StoreRing::small(1);
        let keys: Vec<Id> = (0..8).map(|number| Id::of_name(&[number])).collect();
        store.fill(&keys, value);
        assert!(
            store.write(3, &put(keys[0]), value, 1) && store.publish(4, &put(keys[1]), value, 1)
        );
        store.memory
    };
    assert_goes_on_alike(store(&[1; 300]), store(b"another"));
}
