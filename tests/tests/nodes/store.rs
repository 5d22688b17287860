//! Nodes that store values: operations, copies, and what happens to them when nodes come and go.
//!
//! **Invariant:** everything runs in memory and in virtual time.

use std::time::Duration;

use hopwise_kernel::ring::{Ring, RingNode};
use hopwise_kernel::store::{
    Change, Condition, Lifetime, MAX_VALUE, Name, ReadOutcome, Refusal, StoreConfig, StoreLimits,
    Stored, Version, Write, WriteOutcome,
};
use hopwise_kernel::{Address, Id, Peer, Rng};
use hopwise_tests::StoreRing;
use hopwise_tests::forge::{Forge, Forged, Lists, Script};
use hopwise_tests::store::{
    A_MOMENT, DEADLINE, Event, HEALING, NODES, PLACES, attack, config, keys, put,
};
use proptest::collection::vec;
use proptest::prelude::*;

fn done(outcome: WriteOutcome) -> (Version, i64, bool) {
    match outcome {
        WriteOutcome::Done { version, sum, existed } => (version, sum, existed),
        other => panic!("not done: {other:?}"),
    }
}

#[test]
fn a_value_is_read_from_every_node() {
    let mut store = StoreRing::new(NODES, config(), 1);
    for (at, length) in [0, 1, 59, 60, 61, 600, MAX_VALUE].into_iter().enumerate() {
        let key = keys(20)[at];
        let value: Vec<u8> = (0..length).map(|at| at as u8).collect();
        assert_eq!(store.value(3, key), None);
        done(store.write_now(at as u32, &put(key), &value));
        for node in 0..NODES {
            assert_eq!(store.value(node, key).as_deref(), Some(&value[..]), "{length} bytes");
        }
        store.assert_kept(&[key]);
    }
    assert!(!store.write(0, &put(keys(1)[0]), &[0; MAX_VALUE + 1], 1), "too long");
}

#[test]
fn conditions_hold_or_change_nothing() {
    let mut store = StoreRing::new(NODES, config(), 2);
    let key = keys(1)[0];
    let absent = Write { condition: Condition::Absent, ..put(key) };
    let present = Write { condition: Condition::Present, ..put(key) };
    let failed = |version| WriteOutcome::ConditionFailed { version };
    assert_eq!(store.write_now(1, &present, b"x"), failed(Version::NONE));
    let (first, _, existed) = done(store.write_now(2, &absent, b"a"));
    assert!(!existed);
    assert_eq!(store.write_now(3, &absent, b"x"), failed(first));
    let (second, _, existed) = done(store.write_now(4, &present, b"b"));
    assert!(existed && second > first);
    let at = |version| Write { condition: Condition::Version(version), ..put(key) };
    assert_eq!(store.write_now(5, &at(first), b"x"), failed(second));
    let (third, ..) = done(store.write_now(6, &at(second), b"c"));
    assert!(third > second);
    assert_eq!(store.value(7, key).as_deref(), Some(&b"c"[..]));
}

#[test]
fn sums_and_their_refusals() {
    let mut store = StoreRing::new(NODES, config(), 3);
    let key = keys(1)[0];
    let add = |term| Write { change: Change::Add(term), lifetime: Lifetime::Keep, ..put(key) };
    assert_eq!(done(store.write_now(1, &add(5), b"")).1, 5);
    assert_eq!(done(store.write_now(2, &add(-7), b"")).1, -2);
    assert_eq!(store.value(3, key).as_deref(), Some(&b"-2"[..]));
    assert_eq!(store.write_now(4, &add(i64::MIN), b""), WriteOutcome::Refused(Refusal::Overflow));
    done(store.write_now(5, &put(key), b"ten"));
    assert_eq!(store.write_now(6, &add(1), b""), WriteOutcome::Refused(Refusal::NotANumber));
    // Many at once, all at different nodes, all counted.
    done(store.write_now(5, &put(key), b"0"));
    for node in 0..NODES {
        assert!(store.write(node, &add(1), b"", 5));
    }
    store.memory.run_for(A_MOMENT);
    assert_eq!(store.value(3, key).as_deref(), Some(NODES.to_string().as_bytes()));
}

/// A node whose predecessors crash has all items of its own range: nobody waits until it has found the next
/// predecessor.
#[test]
fn a_node_answers_for_its_own_keys_while_its_predecessor_is_missing() {
    let mut store = StoreRing::new(NODES, config(), 31);
    let key = keys(1)[0];
    done(store.write_now(1, &put(key), b"a"));
    store.memory.run_for(HEALING);
    let owner = store.keepers(key)[0];
    let ring = store.ring();
    let at = ring.iter().position(|it| u32::from(it.address.slot) == owner).expect("a member");
    for back in 1..=4 {
        let gone = ring[(at + ring.len() - back) % ring.len()];
        store.memory.remove(gone.address.slot.into());
    }
    let has_predecessor = |store: &StoreRing| {
        store.memory.node(owner).is_some_and(|it| it.router().predecessor().is_some())
    };
    while has_predecessor(&store) {
        store.memory.run_for(Duration::from_millis(1));
    }
    // From another node, too, which takes it for the owner.
    for reader in [owner, ring[(at + 3) % ring.len()].address.slot.into()] {
        store.memory.events().for_each(drop);
        assert!(store.read_from(reader, owner, key, 8));
        store.memory.run_for(Duration::from_millis(5));
        let is_found = |event: &Event| matches!(event, Event::Read(it) if it.token == 8 && matches!(it.outcome, ReadOutcome::Found { .. }));
        assert!(store.memory.events().any(|(_, event)| is_found(&event)), "read from {reader}");
    }
    assert!(!has_predecessor(&store), "it has been without one until here");
    done(store.write_now(owner, &put(key), b"b"));
}

/// A node that was stopped for so long that others own its keys does not answer for them.
#[test]
fn a_node_that_was_stopped_for_long_answers_for_no_key() {
    let mut store = StoreRing::new(NODES, config(), 32);
    let key = keys(1)[0];
    done(store.write_now(1, &put(key), b"a"));
    let owner = store.keepers(key)[0];
    store.memory.stop(Some(owner));
    store.memory.run_for(HEALING);
    store.memory.stop(None);
    store.memory.set_copies(0);
    store.memory.run_for(Duration::from_millis(2));
    store.memory.events().for_each(drop);
    assert!(store.read_from(owner, owner, key, 9));
    store.memory.run_for(A_MOMENT);
    let is_found = |event: &Event| matches!(event, Event::Read(it) if matches!(it.outcome, ReadOutcome::Found { .. }));
    assert!(!store.memory.events().any(|(_, event)| is_found(&event)));
    store.memory.set_copies(1);
    store.memory.run_for(HEALING);
    assert_eq!(store.value(owner, key).as_deref(), Some(&b"a"[..]));
}

#[test]
fn deletes_stay_deleted() {
    let mut store = StoreRing::new(NODES, config(), 4);
    let key = keys(1)[0];
    let delete = Write { change: Change::Delete, ..put(key) };
    assert!(!done(store.write_now(1, &delete, b"")).2, "there is nothing to delete");
    let (put_version, ..) = done(store.write_now(1, &put(key), b"a"));
    assert!(done(store.write_now(2, &delete, b"")).2);
    assert_eq!(store.value(3, key), None);
    // A node that missed the deletion does not bring the value back.
    let owner = store.keepers(key)[0];
    store.memory.remove(owner);
    store.memory.run_for(HEALING);
    let reader = store.keepers(key)[0];
    assert_eq!(store.value(reader, key), None);
    let (again, ..) = done(store.write_now(reader, &put(key), b"b"));
    assert!(again > put_version);
}

#[test]
fn items_expire_unless_they_are_touched() {
    let mut store = StoreRing::new(NODES, config(), 5);
    let [key, other] = keys(2)[..] else { unreachable!() };
    let lifetime = Lifetime::Of(Duration::from_secs(10));
    done(store.write_now(1, &Write { lifetime, tag: 3, ..put(key) }, b"a"));
    done(store.write_now(1, &Write { lifetime, ..put(other) }, b"a"));
    let (outcome, _) = store.read_now(2, key);
    let ReadOutcome::Found { remaining, tag: 3, .. } = outcome else { panic!("{outcome:?}") };
    assert!(remaining <= Duration::from_secs(10) && remaining > Duration::from_secs(9));
    store.memory.run_for(Duration::from_secs(6));
    let touch = Write { change: Change::Touch, lifetime, tag: 4, ..put(key) };
    done(store.write_now(3, &touch, b""));
    store.memory.run_for(Duration::from_secs(6));
    assert_eq!(store.value(4, key).as_deref(), Some(&b"a"[..]));
    assert_eq!(store.value(4, other), None, "it has expired");
    store.memory.run_for(Duration::from_secs(6));
    assert_eq!(store.value(4, key), None);
    let touch_again = store.write_now(3, &touch, b"");
    assert_eq!(touch_again, WriteOutcome::ConditionFailed { version: Version::NONE });
}

#[test]
fn references_of_a_key_are_listed() {
    let mut store = StoreRing::new(NODES, config(), 6);
    let key = keys(1)[0];
    let providers: Vec<_> = (0..5).map(|node| store.memory.peer(node).address).collect();
    for (node, &provider) in (0..).zip(&providers) {
        let name = Name::reference(key, provider);
        done(store.write_now(node, &Write { name, ..put(key) }, b""));
    }
    done(store.write_now(7, &put(key), b"the value is no reference"));
    let gone = Name::reference(key, providers[2]);
    done(store.write_now(9, &Write { name: gone, change: Change::Delete, ..put(key) }, b""));
    store.memory.events().for_each(drop);
    assert_eq!(store.memory.with(11, |it, cx| it.list(cx, key, 9)), Some(true));
    store.memory.run_for(A_MOMENT);
    let mut listed = None;
    for (_, event, payload) in store.memory.reports() {
        if let Event::Listed(end) = event {
            assert_eq!((end.token, end.outcome), (9, Ok(4)));
            listed = Some(hopwise_kernel::store::operation::listed(payload).collect::<Vec<_>>());
        }
    }
    let mut listed = listed.expect("the query has ended");
    listed.sort();
    let mut expected = providers;
    expected.remove(2);
    expected.sort();
    assert_eq!(listed, expected);
}

#[test]
fn a_key_has_so_many_references_and_no_more() {
    let mut store = StoreRing::new(NODES, StoreConfig { references_per_key: 3, ..config() }, 6);
    let key = keys(1)[0];
    let announce = |store: &mut StoreRing, node: u32, change| {
        let name = Name::reference(key, store.memory.peer(node).address);
        store.write_now(node, &Write { name, change, ..put(key) }, b"")
    };
    for node in 0..3 {
        done(announce(&mut store, node, Change::Put));
    }
    let full = WriteOutcome::Refused(Refusal::Full);
    assert_eq!(announce(&mut store, 3, Change::Put), full);
    done(announce(&mut store, 2, Change::Put));
    done(store.write_now(7, &put(key), b"the value is no reference"));
    done(announce(&mut store, 0, Change::Delete));
    done(announce(&mut store, 3, Change::Put));
    assert_eq!(announce(&mut store, 4, Change::Put), full);
}

#[test]
fn a_full_store_refuses_and_keeps_what_it_has() {
    let limits = StoreLimits { items: 20, bytes: 2_000 };
    let mut store = StoreRing::new(4, StoreConfig { limits, ..config() }, 7);
    let all = keys(60);
    let mut kept = Vec::new();
    let mut refused = 0;
    for &key in &all {
        match store.write_now(1, &put(key), &[7; 100]) {
            WriteOutcome::Done { .. } => kept.push(key),
            WriteOutcome::Refused(Refusal::Full) | WriteOutcome::Unknown { .. } => refused += 1,
            other => panic!("{other:?}"),
        }
    }
    assert!(kept.len() >= 20 && refused > 0, "{} kept, {refused} refused", kept.len());
    for &key in &kept {
        assert_eq!(store.value(2, key).as_deref(), Some(&[7; 100][..]));
    }
    // Room comes back with time.
    store.memory.run_for(Duration::from_secs(3600) + HEALING);
    done(store.write_now(1, &put(all[59]), &[8; 100]));
}

#[test]
fn values_survive_crashes_between_repairs() {
    let mut store = StoreRing::new(NODES, config(), 8);
    let all = keys(200);
    store.fill(&all, b"a value");
    store.memory.run_for(HEALING);
    for round in 0..5 {
        // Two neighbors at once, the owner of some key and its first holder.
        let keepers = store.keepers(all[round]);
        store.memory.remove(keepers[0]);
        store.memory.remove(keepers[1]);
        store.memory.run_for(HEALING);
        store.assert_kept(&all);
        let reader = store.keepers(all[0])[0];
        for &key in &all {
            assert_eq!(store.value(reader, key).as_deref(), Some(&b"a value"[..]));
        }
    }
}

/// Nodes that held an older version before others joined do not bring it back.
#[test]
fn without_a_holder_left_a_value_is_absent_and_never_old() {
    let mut store = StoreRing::new(NODES, config(), 15);
    let all = keys(200);
    store.fill(&all, b"old");
    for node in NODES..NODES + 4 {
        store.insert(node);
        store.join(node, 0);
    }
    store.memory.run_for(HEALING);
    store.fill(&all, b"new");
    for round in 0..3 {
        let dead = store.keepers(all[round]);
        let lost: Vec<Id> =
            all.iter().copied().filter(|&key| held_only_by(&store, key, &dead)).collect();
        assert!(lost.contains(&all[round]), "its holders crash at once");
        for node in dead {
            store.memory.remove(node);
        }
        store.memory.run_for(HEALING);
        let reader = store.keepers(all[0])[0];
        for &key in &all {
            let value = store.value(reader, key);
            let expected = (!lost.contains(&key)).then_some(&b"new"[..]);
            assert_eq!(value.as_deref(), expected, "{key}");
        }
        store.fill(&lost, b"new");
    }
}

/// Whether no node but `nodes` holds a value of `key`.
fn held_only_by(store: &StoreRing, key: Id, nodes: &[u32]) -> bool {
    store.held(key).iter().all(|(holder, _)| nodes.contains(holder))
}

#[test]
fn a_node_that_joins_serves_its_range_once_it_has_it() {
    let mut store = StoreRing::new(NODES, config(), 9);
    let all = keys(300);
    store.fill(&all, &[5; 300]);
    for node in NODES..NODES + 4 {
        store.insert(node);
        store.join(node, 0);
        // All the time, every read finds its value.
        for turn in 0..100 {
            let key = all[(node as usize * 31 + turn * 7) % all.len()];
            assert_eq!(store.value(turn as u32 % NODES, key).as_deref(), Some(&[5; 300][..]));
        }
        store.memory.run_for(HEALING);
        assert!(store.memory.node(node).is_some_and(|it| it.is_ready()));
        let others = store.assert_kept(&all);
        println!("{others} stray copies");
    }
    // Strays go back to their owners, and are forgotten.
    store.memory.run_for(HEALING * 4);
    assert_eq!(store.assert_kept(&all), 0);
}

#[test]
fn values_survive_announced_departures_of_all_but_one_node() {
    for replicas in [1, 3] {
        let mut store = StoreRing::new(8, StoreConfig { replicas, ..config() }, 10);
        let all = keys(100);
        store.fill(&all, b"kept");
        for node in 0..7 {
            store.leave(node);
            store.memory.run_for(HEALING);
            for &key in &all {
                assert_eq!(store.value(7, key).as_deref(), Some(&b"kept"[..]), "{node} has left");
            }
        }
    }
}

/// Of neighbors that leave one after the other, the last ones own the keys of all for a moment only. What they
/// knew to be complete is not lost with them.
#[test]
fn a_node_that_joins_after_departures_has_its_range_soon() {
    for seed in 40..80 {
        let mut store = StoreRing::new(NODES, config(), seed);
        let all = keys(200);
        store.fill(&all, b"before");
        store.memory.run_for(HEALING);
        for _ in 0..NODES / 2 {
            let ring = store.ring();
            let leaving = ring[store.memory.rng().below(ring.len() as u64) as usize];
            store.leave(leaving.address.slot.into());
            store.memory.run_for(Duration::from_millis(50));
        }
        store.memory.run_for(Duration::from_millis(100));
        let bootstrap = store.ring()[0].address.slot.into();
        for node in NODES..PLACES {
            store.insert(node);
            store.join(node, bootstrap);
        }
        store.memory.run_for(Duration::from_secs(3));
        let late: Vec<u32> = (store.ring().iter().map(|it| u32::from(it.address.slot)))
            .filter(|&node| !store.memory.node(node).is_some_and(|it| it.is_ready()))
            .collect();
        assert_eq!(late, [0; 0], "seed {seed}: not ready");
        for &key in &all {
            assert_eq!(store.value(bootstrap, key).as_deref(), Some(&b"before"[..]), "seed {seed}");
        }
    }
}

/// Nodes that have left stay in their places for a while, as those of a server do.
#[test]
fn nodes_that_have_left_hold_nobody_up() {
    const SOON: Duration = Duration::from_millis(30);
    for seed in 80..120 {
        let mut store = StoreRing::new(NODES, config(), seed);
        let key = keys(1)[0];
        let write = |store: &mut StoreRing, from: u32, value: &[u8]| {
            store.memory.events().for_each(drop);
            assert!(store.write(from, &put(key), value, 5), "seed {seed}");
            store.memory.run_for(SOON);
            let is_done = |event: &Event| matches!(event, Event::Wrote(it) if matches!(it.outcome, WriteOutcome::Done { .. }));
            assert!(store.memory.events().any(|(_, event)| is_done(&event)), "seed {seed}");
        };
        write(&mut store, 0, b"a");
        store.memory.run_for(HEALING);
        // The owner still copies to a holder that has left. Only neighbors know that it has.
        let keepers = store.keepers(key);
        let from = (0..NODES).find(|node| !keepers.contains(node)).expect("others");
        store.memory.with(keepers[2], |it, cx| it.leave(cx, RingNode::leave));
        write(&mut store, from, b"b");
        store.memory.run_for(HEALING);
        // Others still take one for the owner that has left.
        store.memory.with(keepers[0], |it, cx| it.leave(cx, RingNode::leave));
        store.memory.run_for(SOON);
        store.memory.events().for_each(drop);
        assert!(store.read_from(from, keepers[0], key, 6), "seed {seed}");
        store.memory.run_for(SOON);
        let is_found = |event: &Event| matches!(event, Event::Read(it) if it.token == 6 && matches!(it.outcome, ReadOutcome::Found { .. }));
        assert!(store.memory.events().any(|(_, event)| is_found(&event)), "seed {seed}");
        write(&mut store, from, b"c");
        assert_eq!(store.value(from, key).as_deref(), Some(&b"c"[..]), "seed {seed}");
    }
}

#[test]
fn a_dead_nodes_items_are_copied_once() {
    const MEMBERS: u32 = 8;
    let limits = StoreLimits { items: 20_000, bytes: 20_000_000 };
    // Only changes of the neighborhood cause repairs.
    let repair = Some(Duration::from_secs(3600));
    let repair_bytes_per_s = 10_000_000;
    let config = StoreConfig { limits, repair, repair_bytes_per_s, ..config() };
    let mut store = StoreRing::new(MEMBERS, config, 11);
    let all: Vec<Id> = keys(26_000);
    store.preload(&all, &[9; 1000]);
    let dead = store.keepers(all[0])[0];
    let lost = all.iter().filter(|&&key| store.keepers(key).contains(&dead)).count();
    store.memory.remove(dead);
    store.memory.run_for(HEALING);
    assert_eq!(store.assert_kept(&all), 0);
    let (copies, bytes, digests) = sums(&store);
    let needed = lost as u64 * 1000;
    println!("{lost} items lost, {copies} copies, {bytes} bytes, {digests} bytes of digests");
    assert!(copies as usize == lost && bytes <= needed * 11 / 10);
    assert!(digests * 100 <= needed, "{digests} bytes of digests for {needed} bytes");
}

/// Repairs, their bytes, and the bytes of digests of all nodes.
fn sums(store: &StoreRing) -> (u64, u64, u64) {
    let counts = store.memory.nodes().map(|node| node.counts());
    counts
        .fold((0, 0, 0), |(a, b, c), it| (a + it.repairs, b + it.repair_bytes, c + it.digest_bytes))
}

/// A sender that has not proved its address gets at most as many bytes as it has sent.
#[test]
fn replies_to_unproven_senders_are_no_longer_than_requests() {
    let config = StoreConfig { repair: None, ..config() };
    let mut store = StoreRing::new(NODES, config, 12);
    store.memory.run_for(HEALING);
    let nodes: Vec<Peer> = (0..NODES).map(|node| store.memory.peer(node)).collect();
    // The forge knows the cookies of this address, not those of the one that the messages come from.
    let stranger = Address::new([127, 0, 0, 2], 9, 0);
    let forge = Forge { ring: &nodes, stranger, genuine: &[] };
    let unproven = Address::new([127, 0, 0, 3], 9, 0);
    let mut rng = Rng::new(12, 1);
    let own_bytes = |store: &StoreRing| -> u64 { store.memory.counters().bytes[..4].iter().sum() };
    for kind in 0..Stored::<Ring>::KINDS - Ring::KINDS {
        let mut replied = 0;
        for _ in 0..200 {
            let mut bytes = [0; 1200];
            rng.fill(&mut bytes);
            let mut script = Script::new(&bytes);
            let lists = Lists::forge(&forge, &mut script);
            let message = Stored::<Ring>::message(&forge, kind, &mut script, &lists);
            let to = nodes[rng.below(NODES.into()) as usize];
            let from = Peer { id: Id::random(&mut rng), address: unproven };
            let before = own_bytes(&store);
            store.memory.inject(from, to, &message);
            let request = own_bytes(&store) - before;
            store.memory.run_for(A_MOMENT);
            let reply = own_bytes(&store) - before - request;
            assert!(reply <= request, "{reply} bytes in reply to {request}: {message:?}");
            replied += u64::from(reply > 0);
        }
        // Questions, copies, comparisons, a census, and requests for items and values are answered with a
        // cookie.
        let expected = if [0, 2, 4, 6, 11, 13].contains(&kind) { 200 } else { 0 };
        assert_eq!(replied, expected, "kind {kind}");
    }
    assert!(store.memory.nodes().all(|node| node.items() == 0), "nothing was stored");
}

/// An owner that has forgotten answers takes a write that was sent again because of its cookie as new.
#[test]
fn a_busy_owner_takes_first_writes_of_others() {
    let config = StoreConfig { in_progress: 4, ..config() };
    let mut store = StoreRing::with_clocks(NODES, config, 14, true);
    let key = keys(1)[0];
    for node in 0..NODES {
        done(store.write_now(node, &put(key), b"a"));
    }
}

/// The owner and the holders share the reads of a popular value, and all see each write at once.
#[test]
fn holders_answer_reads_of_popular_values() {
    const ROUNDS: u32 = 40;
    let config = StoreConfig { replicas: 4, popular_reads_per_s: Some(50), ..config() };
    let mut store = StoreRing::new(NODES, config, 16);
    let [popular, rare] = keys(2)[..] else { unreachable!() };
    store.fill(&[popular, rare], b"first");
    for round in 0..ROUNDS {
        let value = round.to_string().into_bytes();
        done(store.write_now(round % NODES, &put(popular), &value));
        for node in 0..NODES {
            assert_eq!(store.value(node, popular).as_deref(), Some(&value[..]), "round {round}");
        }
        assert_eq!(store.value(round % NODES, rare).as_deref(), Some(&b"first"[..]));
    }
    let keepers = store.keepers(popular);
    let reads = |node: u32| store.memory.node(node).map_or(0, |it| it.counts().reads);
    let as_holder: u64 = store.memory.nodes().map(|it| it.counts().reads_as_holder).sum();
    let total: u64 = (0..NODES).map(reads).sum();
    let most = keepers.iter().map(|&node| reads(node)).max();
    println!("{total} reads, {as_holder} by holders, at most {most:?} by one node");
    assert!(as_holder * 2 > total, "{as_holder} of {total} by holders");
    assert!(most < Some(total * 6 / 10), "{most:?} of {total} by one node");
}

/// A node that joins takes over a popular value, or the place of a holder that may answer for it. No read
/// returns what was overwritten before it began.
#[test]
fn reads_of_popular_values_never_go_back_when_a_node_joins() {
    let config = StoreConfig { popular_reads_per_s: Some(5), ..config() };
    let mut by_holders = 0;
    for (joiner, is_owner) in (NODES..PLACES).flat_map(|node| [(node, true), (node, false)]) {
        let mut store = StoreRing::new(NODES, config.clone(), 17);
        let me = store.memory.peer(joiner).id;
        let ring = store.ring();
        let before = ring.iter().rfind(|peer| peer.id < me).unwrap_or(&ring[NODES as usize - 1]);
        // The first key is this node's once it has joined; of the other one it becomes the first holder.
        let key = if is_owner { me } else { before.id };
        store.insert(joiner);
        let mut acknowledged = done(store.write_now(0, &put(key), b"0")).0;
        let (mut reads, mut writing) = (std::collections::BTreeMap::new(), false);
        for ms in 0..4_000_u64 {
            if ms == 1_000 {
                store.join(joiner, 0);
            }
            let node = store.memory.rng().below(NODES.into()) as u32;
            if store.read(node, key, ms) {
                reads.insert(ms, acknowledged);
            }
            if !writing {
                writing = store.write(node, &put(key), ms.to_string().as_bytes(), u64::MAX);
            }
            store.memory.run_for(Duration::from_millis(1));
            for (_, event) in store.memory.events() {
                match event {
                    Event::Wrote(end) => {
                        writing = false;
                        if let WriteOutcome::Done { version, .. } = end.outcome {
                            acknowledged = acknowledged.max(version);
                        }
                    }
                    Event::Read(end) => {
                        let least = reads.remove(&end.token);
                        if let ReadOutcome::Found { version, .. } = end.outcome {
                            assert!(Some(version) >= least, "{joiner}, {is_owner}: after {ms} ms");
                        }
                    }
                    _ => {}
                }
            }
        }
        by_holders += store.memory.nodes().map(|it| it.counts().reads_as_holder).sum::<u64>();
    }
    assert!(by_holders > 10_000, "{by_holders} reads were answered by holders");
}

/// Operations of a node that leaves end, too, if it stays in its place.
#[test]
fn operations_end_at_a_node_that_leaves() {
    let mut store = StoreRing::new(NODES, config(), 13);
    let key = keys(1)[0];
    for node in 0..4 {
        for token in 0..8 {
            assert!(store.write(node, &put(key), &[1; 1000], token));
            store.memory.run_for(Duration::from_micros(700));
        }
        let ended = store.ends();
        store.memory.with(node, |it, cx| it.leave(cx, hopwise_kernel::ring::RingNode::leave));
        store.memory.run_for(DEADLINE + Duration::from_millis(10));
        assert_eq!(ended + store.ends(), 8);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn hostile_messages_do_no_lasting_harm(script in vec(any::<u8>(), 0..4096), seed in 0..1000_u64) {
        attack(&script, seed);
    }
}

#[test]
fn a_long_attack_does_no_lasting_harm() {
    let mut script = vec![0; 1 << 19];
    Rng::new(51, 0).fill(&mut script);
    attack(&script, 51);
}
