//! Values that stay with the nodes that write them, while the store keeps references.
//!
//! **Invariant:** everything runs in memory and in virtual time.

use std::time::Duration;

use hopwise_kernel::node::{Cookie, DropReason, RequestId};
use hopwise_kernel::store::{
    Change, Condition, Lifetime, MAX_VALUE, MessageWith, Name, REFERENCE_BYTES, ReadOutcome,
    Reference, Refusal, StoreConfig, StoreLimits, Version, Write, WriteOutcome,
};
use hopwise_kernel::{Address, Id, Peer};
use hopwise_tests::StoreRing;
use hopwise_tests::store::{
    A_MOMENT, DEADLINE, Event, HEALING, NODES, by_reference, config, keys, put,
};

fn published(store: &mut StoreRing, node: u32, write: &Write, value: &[u8]) -> Version {
    match store.publish_now(node, write, value) {
        WriteOutcome::Done { version, .. } => version,
        other => panic!("not done: {other:?}"),
    }
}

/// The value that a node fetches.
fn fetched(store: &mut StoreRing, node: u32, key: Id) -> Vec<u8> {
    match store.fetch_now(node, key) {
        (ReadOutcome::Found { .. }, value) => value,
        (other, _) => panic!("{key} was not found at {node}: {other:?}"),
    }
}

/// Asserts that no request is in flight between those that maintain the ring and its copies.
fn assert_nothing_is_left_behind(store: &mut StoreRing) {
    store.memory.run_for(DEADLINE);
    let mut is_idle = || {
        store.memory.run_for(Duration::from_millis(1));
        store.memory.requests_in_flight() == 0
    };
    // Each node asks contacts that it has lost for a second now and then.
    assert!((0..20_000).any(|_| is_idle()), "a request stays");
}

/// A node that keeps neither the reference nor, as it has written nothing, the value.
fn outsider(store: &StoreRing, key: Id, writer: u32) -> u32 {
    let keepers = store.keepers(key);
    let is_outside = |&node: &u32| node != writer && !keepers.contains(&node);
    (0..NODES).find(|node| is_outside(node)).expect("few nodes keep it")
}

#[test]
fn a_value_stays_with_its_writer_and_is_fetched_from_every_node() {
    let mut store = StoreRing::new(NODES, by_reference(), 1);
    let lengths = [0, 1, 16, 60, 600, MAX_VALUE];
    for (at, length) in lengths.into_iter().enumerate() {
        let key = keys(20)[at];
        assert_eq!(store.fetch_now(3, key).0, ReadOutcome::Absent);
        let value: Vec<u8> = (0..length).map(|at| at as u8).collect();
        let version = published(&mut store, at as u32, &put(key), &value);
        for node in 0..NODES {
            let (outcome, found) = store.fetch_now(node, key);
            assert!(found == value, "{length} bytes at {node}");
            assert!(
                matches!(outcome, ReadOutcome::Found { version: it, .. } if it == version),
                "{outcome:?}"
            );
        }
        store.assert_kept(&[key]);
    }
    let node = |node: u32| store.memory.node(node).expect("it is there");
    for (at, length) in lengths.into_iter().enumerate() {
        assert_eq!(
            (node(at as u32).provided(), node(at as u32).provided_bytes()),
            (1, length as u32)
        );
    }
    assert_eq!(node(lengths.len() as u32).provided(), 0, "it has written nothing");
    let stored: u32 = (0..NODES).map(|it| node(it).bytes()).sum();
    assert_eq!(stored as usize, lengths.len() * 3 * REFERENCE_BYTES, "three copies of each");
    assert!(!store.publish(0, &put(keys(1)[0]), &[0; MAX_VALUE + 1], 1), "too long");
}

/// A read that begins while the key is overwritten finds the old value or the new one.
#[test]
fn overwritten_values_are_found_until_they_are_not_needed() {
    let mut store = StoreRing::new(NODES, by_reference(), 2);
    let key = keys(1)[0];
    let (one, other) = (2, 9);
    published(&mut store, one, &put(key), b"0");
    store.memory.events().for_each(drop);
    let mut seen = 0;
    for number in 1..40_u32 {
        let writer = if number % 3 == 0 { other } else { one };
        assert!(store.publish(writer, &put(key), number.to_string().as_bytes(), 0));
        for _ in 0..20 {
            let node = store.memory.rng().below(NODES.into()) as u32;
            store.fetch(node, key, number.into());
            store.memory.run_for(Duration::from_millis(1));
        }
        store.memory.run_for(A_MOMENT);
        for (_, event, payload) in store.memory.reports() {
            let Event::Read(end) = event else { continue };
            assert!(matches!(end.outcome, ReadOutcome::Found { .. }), "{:?}", end.outcome);
            let found: u32 = String::from_utf8_lossy(payload).parse().expect("a number");
            assert!(found == number || found + 1 == number, "{found} while {number} is written");
            seen += 1;
        }
    }
    assert!(seen > 700, "{seen} reads");
    // What a node has overwritten itself gives way once no read can ask for it.
    store.memory.run_for(DEADLINE);
    let provided = |store: &StoreRing, node: u32| {
        store.memory.node(node).expect("it is there").provided_bytes()
    };
    assert!(provided(&store, one) > 20);
    let full = vec![7; 1000];
    for key in keys(51).into_iter().skip(1) {
        if !matches!(store.publish_now(one, &put(key), &full), WriteOutcome::Done { .. }) {
            break;
        }
    }
    assert!(provided(&store, one) >= 49_000, "{} of 50,000", provided(&store, one));
    assert_eq!(fetched(&mut store, 5, key), b"39", "the other node has it");
}

#[test]
fn a_value_is_gone_with_its_writer_and_comes_back_with_the_next_one() {
    for is_announced in [true, false] {
        let mut store = StoreRing::new(NODES, by_reference(), 3);
        let key = keys(1)[0];
        let writer = (0..NODES).find(|it| !store.keepers(key).contains(it)).expect("one does not");
        let gone = store.memory.peer(writer);
        let version = published(&mut store, writer, &put(key), b"a");
        if is_announced {
            store.leave(writer);
        } else {
            store.memory.remove(writer);
        }
        let reader = outsider(&store, key, writer);
        let begin = store.memory.now();
        let (outcome, value) = store.fetch_now(reader, key);
        assert_eq!(outcome, ReadOutcome::NotProvided { version, provider: Some(gone) });
        assert!(value.is_empty());
        assert!(store.memory.now().since(begin) <= DEADLINE + A_MOMENT);
        assert_nothing_is_left_behind(&mut store);
        let next = published(&mut store, reader, &put(key), b"b");
        assert!(next > version);
        let another = (0..NODES).find(|&it| it != writer && it != reader).expect("there are more");
        assert_eq!(fetched(&mut store, another, key), b"b");
    }
}

/// The references are copied as any other item.
#[test]
fn references_survive_their_owners() {
    let mut store = StoreRing::new(NODES, by_reference(), 4);
    let key = keys(1)[0];
    let writer = (0..NODES).find(|it| !store.keepers(key).contains(it)).expect("one does not");
    published(&mut store, writer, &put(key), b"a");
    for _ in 0..3 {
        let owner = store.keepers(key)[0];
        store.memory.remove(owner);
        store.memory.run_for(HEALING);
        let reader = (0..NODES).find(|&it| store.memory.node(it).is_some() && it != writer);
        assert_eq!(fetched(&mut store, reader.expect("some are left"), key), b"a");
    }
}

#[test]
fn a_failed_condition_keeps_nothing() {
    let mut store = StoreRing::new(NODES, by_reference(), 5);
    let key = keys(1)[0];
    let first = published(&mut store, 1, &put(key), b"a");
    let absent = Write { condition: Condition::Absent, ..put(key) };
    let outcome = store.publish_now(2, &absent, b"x");
    assert_eq!(outcome, WriteOutcome::ConditionFailed { version: first });
    assert_eq!(store.memory.node(2).map(|it| it.provided()), Some(0));
    let at = Write { condition: Condition::Version(first), ..put(key) };
    assert!(published(&mut store, 2, &at, b"b") > first);
    assert_eq!(fetched(&mut store, 3, key), b"b");
}

#[test]
fn a_node_without_room_refuses_and_keeps_what_it_has() {
    let few =
        StoreConfig { provided: Some(StoreLimits { items: 3, bytes: 100 }), ..by_reference() };
    let mut store = StoreRing::new(NODES, few, 6);
    let keys = keys(6);
    for &key in &keys[..3] {
        published(&mut store, 1, &put(key), b"value");
    }
    let full = WriteOutcome::Refused(Refusal::Full);
    assert_eq!(store.publish_now(1, &put(keys[3]), b"value"), full);
    assert_eq!(store.publish_now(2, &put(keys[4]), &[1; 101]), full);
    assert_eq!(store.memory.node(1).map(|it| it.counts().full), Some(1));
    for &key in &keys[..3] {
        assert_eq!(fetched(&mut store, 4, key), b"value");
    }
    assert_eq!(store.fetch_now(4, keys[3]).0, ReadOutcome::Absent);
}

#[test]
fn values_expire_with_their_references() {
    let few =
        StoreConfig { provided: Some(StoreLimits { items: 1, bytes: 100 }), ..by_reference() };
    let mut store = StoreRing::new(NODES, few, 7);
    let keys = keys(2);
    let lifetime = Lifetime::Of(Duration::from_secs(10));
    published(&mut store, 1, &Write { lifetime, ..put(keys[0]) }, b"a");
    store.memory.run_for(Duration::from_secs(5));
    assert_eq!(fetched(&mut store, 2, keys[0]), b"a");
    assert_eq!(store.publish_now(1, &put(keys[1]), b"b"), WriteOutcome::Refused(Refusal::Full));
    store.memory.run_for(Duration::from_secs(5) + DEADLINE);
    assert_eq!(store.fetch_now(2, keys[0]).0, ReadOutcome::Absent);
    published(&mut store, 1, &put(keys[1]), b"b");
}

#[test]
fn an_item_that_is_no_reference_is_not_provided() {
    let mut store = StoreRing::new(NODES, by_reference(), 8);
    let key = keys(1)[0];
    for length in [0, 35, 37, 100] {
        store.fill(&[key], &vec![1; length]);
        let (outcome, _) = store.fetch_now(3, key);
        assert!(matches!(outcome, ReadOutcome::NotProvided { provider: None, .. }), "{outcome:?}");
    }
    // Only a put of a value can be published.
    for change in [Change::Delete, Change::Add(1), Change::Touch] {
        assert!(!store.publish(1, &Write { change, ..put(key) }, b"", 1));
    }
    let name = Name::reference(key, Address::new([127, 0, 0, 1], 1, 1));
    assert!(!store.publish(1, &Write { name, ..put(key) }, b"a", 1));
    let mut none = StoreRing::new(NODES, config(), 8);
    assert!(!none.publish(1, &put(key), b"a", 1), "it has no room for values of its own");
}

/// A reference that names a node which does not have the value, or this node at another address.
#[test]
fn forged_references_lead_nowhere() {
    let mut store = StoreRing::new(NODES, by_reference(), 9);
    let key = keys(1)[0];
    let (reader, elsewhere) = (3, Address::new([127, 0, 0, 2], 9, 0));
    let me = store.memory.peer(reader);
    let other = store.memory.peer(5);
    for provider in
        [other, Peer { address: elsewhere, ..other }, Peer { address: elsewhere, ..me }, me]
    {
        store.fill(&[key], &Reference { provider, serial: 1 }.to_bytes());
        let (outcome, _) = store.fetch_now(reader, key);
        let ReadOutcome::NotProvided { provider: Some(named), .. } = outcome else {
            panic!("{outcome:?}")
        };
        assert_eq!(named, provider);
    }
    assert_nothing_is_left_behind(&mut store);
}

/// Without a valid cookie, a provider sends a cookie only. Replies that nobody has asked for change nothing.
#[test]
fn strangers_get_no_value_and_their_replies_are_dropped() {
    let mut store = StoreRing::new(NODES, by_reference(), 10);
    let key = keys(1)[0];
    published(&mut store, 1, &put(key), &[9; 1000]);
    let mut room = [0; MAX_VALUE];
    let owner = store.keepers(key)[0];
    let node = store.memory.node(owner).expect("it is there");
    let bytes = node.value_of_item(Name::value(key), &mut room).expect("it keeps the reference");
    let reference = Reference::from_bytes(bytes).expect("it is one");
    let victim = store.memory.peer(1);
    assert_eq!(reference.provider, victim);
    // Its address is on the nodes' socket, but its place is empty: another socket has another cookie.
    let stranger = Peer { id: Id::ZERO, address: Address::new([127, 0, 0, 9], 9, 0) };
    let (request, serial) = (RequestId(5), reference.serial);
    for cookie in [Cookie::default(), Cookie(7)] {
        let fetch = MessageWith::Fetch { request, cookie, key, serial };
        store.memory.inject(stranger, victim, &fetch);
        store.memory.run_for(A_MOMENT);
    }
    assert_eq!(store.memory.node(1).map(|it| it.counts().fetches), Some(0));
    let before = store.memory.dropped(DropReason::Unmatched);
    for held in [true, false] {
        let value = if held { &b"lie"[..] } else { &[] };
        store.memory.inject(
            victim,
            store.memory.peer(2),
            &MessageWith::Fetched { request, held, value },
        );
    }
    store.memory.run_for(A_MOMENT);
    assert_eq!(store.memory.dropped(DropReason::Unmatched) - before, 2);
    assert_eq!(fetched(&mut store, 2, key), [9; 1000]);
}
