//! Ring nodes that receive hostile datagrams.
//!
//! **Invariant:** a script always has the same result, so a failure can be replayed.

use std::time::Duration;

use hopwise_kernel::codec::WireError;
use hopwise_kernel::drive::memory::{DELAY, Datagram};
use hopwise_kernel::drive::{Counters, Memory};
use hopwise_kernel::node::{DropReason, RequestId};
use hopwise_kernel::ring::fingers::Shape;
use hopwise_kernel::ring::message::{Lookup, Purpose, Stage};
use hopwise_kernel::ring::protocol::{BUDGET_SPENT, FOREIGN_ID, NOT_OWNER};
use hopwise_kernel::ring::{Event, IdRule, Message, Ring, RingCodec, RingConfig, RingNode};
use hopwise_kernel::{Address, Codec, Distance, Id, Peer, Peers, Rng};
use hopwise_tests::forge::{Forge, Script, is_refused_or_exact};
use hopwise_tests::fuzz;
use hopwise_tests::ring::Tables;
use hopwise_tests::{Attack, LinkedRing};
use proptest::collection::vec;
use proptest::prelude::*;

const A_MOMENT: Duration = Duration::from_millis(100);
/// The attacker's own socket.
const STRANGER: Address = Address::new([127, 0, 0, 2], 9, 0);

/// The configuration for a ring of 64 nodes, in base 2.
fn config() -> RingConfig {
    RingConfig { shape: Shape::for_ring(1, 64, 8), successors: 8, ..RingConfig::default() }
}

/// The peer at this place of `ring`, modulo its length, and the number of its node.
fn at(ring: &[Peer], place: usize) -> (Peer, u32) {
    let peer = ring[place % ring.len()];
    (peer, peer.address.slot.into())
}

proptest! {
    #[test]
    fn a_ring_under_attack_keeps_its_laws(script in vec(any::<u8>(), 0..4096)) {
        let mut attack = Attack::new();
        attack.play(&script);
    }

    #[test]
    fn a_small_ring_under_attack_keeps_its_laws(script in vec(any::<u8>(), 0..512)) {
        fuzz::ring(&script);
    }

    #[test]
    fn damaged_datagrams_are_refused_or_exact(script in vec(any::<u8>(), 0..4096)) {
        let memory = Memory::linked(8, config(), 2);
        let forge = Forge { ring: &memory.members(), stranger: STRANGER, genuine: &[] };
        let (mut script, mut datagram) = (Script::new(&script), Vec::new());
        while !script.is_over() {
            forge.datagram::<Ring>(&mut script, &mut datagram);
            prop_assert!(is_refused_or_exact::<Ring>(&datagram), "{datagram:?}");
        }
    }

    #[test]
    fn malformed_datagrams_are_counted_and_change_nothing(
        datagrams in vec(vec(any::<u8>(), 0..200), 1..50),
    ) {
        let still = RingConfig { stabilize: None, fix_fingers: None, ..config() };
        let mut memory = Memory::linked(8, still, 3);
        let before = memory.tables();
        for datagram in &datagrams {
            memory.inject_bytes(STRANGER, memory.peer(0).address, datagram);
        }
        memory.run_for(A_MOMENT);
        let refused: u64 = WireError::ALL.iter().map(|&reason| memory.refused(reason)).sum();
        prop_assert_eq!(refused, datagrams.len() as u64);
        prop_assert_eq!(memory.counters().messages, Counters::default().messages);
        prop_assert_eq!(memory.events().count(), 0);
        prop_assert_eq!(memory.tables(), before);
    }
}

#[test]
fn a_long_attack_meets_every_reason_to_refuse() {
    let mut script = vec![0; 1 << 20];
    Rng::new(4, 0).fill(&mut script);
    let mut attack = Attack::new();
    attack.play(&script);
    let memory = attack.memory();
    // There is no key, and so no seal.
    let unsealed = |reason: &WireError| !matches!(reason, WireError::Forged | WireError::Replayed);
    for reason in WireError::ALL.into_iter().filter(unsealed) {
        assert!(memory.refused(reason) > 0, "{}", reason.name());
    }
    // The nodes remain members, have few requests, and handle every message of their protocol.
    let others = [DropReason::NotMember, DropReason::Overload, DropReason::NotForThisKind];
    let reasons = DropReason::COMMON.into_iter().filter(|reason| !others.contains(reason));
    for reason in reasons.chain([BUDGET_SPENT, NOT_OWNER]) {
        assert!(memory.dropped(reason) > 0, "{reason:?}");
    }
}

#[test]
fn a_lookup_with_a_small_budget_makes_no_node_a_suspect() {
    let still = RingConfig { fix_fingers: None, ..config() };
    let mut memory = Memory::linked(64, still, 5);
    let mut undisturbed = Memory::linked(64, still, 5);
    undisturbed.run_for(Duration::from_secs(9));
    let ring = memory.members();
    let (victim, _) = at(&ring, 10);
    let (origin, _) = at(&ring, 11);
    let attacker = Peer { id: Id::random(memory.rng()), address: STRANGER };
    for budget in 1..=3 {
        let lookup = Lookup {
            lookup: RequestId(7),
            purpose: Purpose::User,
            // The key furthest from `origin`.
            key: victim.id,
            origin,
            budget,
            hops: 0,
            timeouts: 0,
            stage: Stage::Route,
            left_ms: 10_000,
        };
        let message = Message::Lookup { request: RequestId(budget.into()), lookup };
        memory.inject(attacker, origin, &message);
        memory.run_for(Duration::from_secs(3));
    }
    assert_eq!(memory.dropped(BUDGET_SPENT), 3);
    // Nodes watch their predecessors, and nothing else.
    let (probes, usual) = (memory.sent("probe"), undisturbed.sent("probe"));
    assert!(probes.abs_diff(usual) < usual / 5, "{probes} instead of {usual} probes");
    let suspected = memory.events().any(|(_, event)| matches!(event, Event::DeclaredDead { .. }));
    assert!(!suspected, "no node is declared dead");
}

#[test]
fn a_departure_adds_no_node_to_a_table() {
    let mut memory = Memory::linked(64, config(), 6);
    let ring = memory.members();
    let (before, before_node) = at(&ring, 10);
    let (leaving, leaving_node) = at(&ring, 11);
    let (after, after_node) = at(&ring, 12);
    let dead = [1, 2]
        .map(|slot| Peer { id: Id::random(memory.rng()), address: Address { slot, ..STRANGER } });
    memory.remove(leaving_node);
    for neighbor in [before, after] {
        let (predecessor, successors) = (Some(dead[0]), Peers::Table(&dead));
        memory.inject(leaving, neighbor, &Message::Leave { predecessor, successors });
    }
    for _ in 0..100 {
        memory.run_for(Duration::from_millis(1));
        for node in [before_node, after_node] {
            let tables = Tables::of(memory.node(node).expect("it is there"));
            let known = tables.successors.iter().chain(&tables.predecessor);
            assert!(known.clone().all(|peer| ring.contains(peer)), "{tables:?}");
        }
    }
    memory.run_for(Duration::from_secs(10));
    let first = memory.node(before_node).and_then(|node| node.successors().first().copied());
    assert_eq!(first, Some(after));
    let predecessor = memory.node(after_node).and_then(|node| node.predecessor());
    assert_eq!(predecessor, Some(before));
}

/// Anyone can send a departure in another node's name, but only that node can prove it.
#[test]
fn a_forged_departure_changes_no_table() {
    let mut memory = Memory::linked(64, config(), 10);
    memory.run_for(Duration::from_secs(5));
    let (ring, before) = (memory.members(), memory.tables());
    let numbers = [0, 1, u64::MAX, !1, memory.rng().next_u64()];
    for place in 0..64 {
        let [predecessor, leaving, next] = [63, 64, 65].map(|step| at(&ring, place + step).0);
        let (predecessor, successors) = (Some(predecessor), Peers::Table(&[next]));
        for &to in ring.iter().filter(|&&to| to != leaving) {
            memory.inject(leaving, to, &Message::Leave { predecessor, successors });
            for request in numbers.map(RequestId) {
                let purpose = Purpose::Stabilize;
                let message = Message::NeighborsReply { request, purpose, predecessor, successors };
                memory.inject(leaving, to, &message);
            }
        }
        memory.run_for(Duration::from_millis(1));
        assert_eq!(memory.tables(), before, "after departures of {leaving:?}");
    }
    memory.run_for(Duration::from_secs(10));
    assert_eq!(memory.tables(), before);
    let events: Vec<_> = memory.events().collect();
    assert!(events.is_empty(), "{events:?}");
}

/// A departure without proof, as of an older program, is noticed as soon as the node does not answer.
#[test]
fn a_departure_without_proof_is_noticed_by_silence() {
    let slow = RingConfig { stabilize: Some(Duration::from_secs(20)), ..config() };
    let mut memory = Memory::linked(64, slow, 11);
    memory.run_for(Duration::from_secs(100));
    let ring = memory.members();
    let [(_, before), (leaving, node), (_, after)] = [10, 11, 12].map(|place| at(&ring, place));
    memory.remove(node);
    for neighbor in [10, 12] {
        let (predecessor, successors) = (Some(ring[10]), Peers::Table(&ring[12..14]));
        memory.inject(leaving, ring[neighbor], &Message::Leave { predecessor, successors });
    }
    memory.run_for(Duration::from_secs(1));
    let first = memory.node(before).and_then(|node| node.successors().first().copied());
    assert_eq!(first, Some(ring[12]));
    assert_eq!(memory.node(after).and_then(|node| node.predecessor()), Some(ring[10]));
}

#[test]
fn a_node_cannot_choose_its_place_if_identifiers_belong_to_addresses() {
    let bound = RingConfig { ids: IdRule::OfAddress, ..config() };
    let mut memory = Memory::new(66, 12);
    memory.bind_identifiers();
    memory.link(64, bound);
    let (ring, before) = (memory.members(), memory.tables());
    // The node joins with an identifier just before that of its victim.
    let (victim, _) = at(&ring, 10);
    let chosen = Peer { id: victim.id.add(Distance::MAX), ..memory.peer(64) };
    memory.put(64, |_, rng| RingNode::new(chosen, bound, rng));
    memory.with(64, |node, cx| node.join(cx, &[ring[0], ring[1]]));
    memory.inject(chosen, victim, &Message::Ping { request: RequestId(7) });
    memory.run_for(Duration::from_secs(20));
    assert!(memory.dropped(FOREIGN_ID) > 2);
    assert!(memory.events().any(|event| event == (64, Event::JoinFailed)));
    assert_eq!(memory.tables(), before);
    // With its own identifier, a node joins.
    memory.insert(65, bound);
    memory.with(65, |node, cx| node.join(cx, &[ring[0]]));
    memory.run_for(Duration::from_secs(5));
    assert!(memory.events().any(|event| event == (65, Event::Joined)));
    assert_eq!(memory.members().len(), 65);
}

#[test]
fn messages_reserved_to_neighbours_are_refused_from_others() {
    let still = RingConfig { stabilize: None, fix_fingers: None, ..config() };
    let mut memory = Memory::linked(64, still, 7);
    let (tables, ring) = (memory.tables(), memory.members());
    let id = ring[10].id.add(Distance::multiple_of_power(1, 0));
    let stranger = Peer { id: ring[11].id, address: STRANGER };
    let messages = [
        Message::Leave { predecessor: None, successors: Peers::Table(&ring[20..23]) },
        Message::Introduce { peer: Peer { id, address: STRANGER } },
    ];
    for (count, message) in (1..).zip(&messages) {
        memory.inject(stranger, ring[10], message);
        memory.run_for(A_MOMENT);
        assert_eq!(memory.dropped(DropReason::UnknownPeer), count, "{message:?}");
    }
    assert_eq!(memory.counters().messages.iter().sum::<u64>(), 2);
    assert_eq!(memory.tables(), tables);
}

#[test]
fn an_old_notification_does_not_bring_back_the_dead() {
    let mut memory = Memory::linked(64, config(), 8);
    memory.run_for(Duration::from_secs(5));
    let ring = memory.members();
    let (crashed, crashed_node) = at(&ring, 11);
    let (after, _) = at(&ring, 12);
    // Records a genuine notification of the node, to replay it later.
    let mut notification = None;
    while notification.is_none() {
        let is_it = |datagram: &Datagram<'_>| {
            let messages = RingCodec::default().parse(datagram.bytes);
            datagram.from == crashed.address
                && messages.expect("nodes send valid datagrams").any(|(envelope, message)| {
                    message == Message::Notify && envelope.to_prefix == Some(after.id.prefix())
                })
        };
        notification = memory.in_flight().find(is_it).map(|datagram| datagram.bytes.to_vec());
        memory.run_for(DELAY);
    }
    memory.remove(crashed_node);
    memory.run_for(Duration::from_secs(60));
    let tables = memory.tables();
    memory.inject_bytes(crashed.address, after.address, &notification.expect("it was found"));
    for _ in 0..100 {
        memory.run_for(Duration::from_millis(10));
        assert_eq!(memory.tables(), tables);
    }
}

#[test]
fn strangers_cannot_fill_the_table_of_requests() {
    let still = RingConfig { stabilize: None, fix_fingers: None, ..config() };
    let mut memory = Memory::linked(64, still, 9);
    let ring = memory.members();
    let (victim, node) = at(&ring, 10);
    // Each claims to be the predecessor, so the victim probes it, all within one probe timeout.
    let id = victim.id.add(Distance::MAX);
    for slot in 0..=u16::MAX {
        let peer = Peer { id, address: Address { slot, ..STRANGER } };
        memory.inject(peer, victim, &Message::Notify);
        if slot % 1024 == 0 {
            memory.run_for(DELAY);
        }
    }
    memory.run_for(Duration::from_millis(1));
    let probes = memory.requests_in_flight();
    assert!(probes <= 2, "{probes} of them are probed at a time");
    let begun = memory.with(node, |node, cx| node.lookup(cx, victim.id.add(half_way()), 0));
    assert_eq!(begun, Some(true), "there is room for the node's own lookup");
    memory.run_for(config().deadline);
    let events: Vec<_> = memory.events().map(|(_, event)| event).collect();
    assert!(matches!(events[..], [Event::LookupDone(_)]), "{events:?}");
}

/// The distance halfway round the circle.
fn half_way() -> Distance {
    Distance::multiple_of_power(1, 159)
}
