//! The guarantees of references on a ring, in memory.
//!
//! **Invariant:** every answer is compared with the items that nodes really hold.

use std::sync::Arc;
use std::time::Duration;

use hopwise_kernel::codec::Body;
use hopwise_kernel::directory::{DirectoryCodec, DirectoryNode, MessageWith as Message};
use hopwise_kernel::drive::memory::DELAY;
use hopwise_kernel::drive::{Memory, TICK_NS};
use hopwise_kernel::items::event::Event as ItemsEvent;
use hopwise_kernel::items::protocol::INDEX_FULL;
use hopwise_kernel::items::{self, Hit, HitList, Holdings, Match, Topic};
use hopwise_kernel::node::{Context, Cookie, DropReason, LookupEnd, RequestId, Router};
use hopwise_kernel::ring::{self, AnswerRule, LookupMode, Ring, RingConfig, RingNode};
use hopwise_kernel::{Address, Codec, Id, Node, Peer, Protocol, Rng};
use hopwise_tests::central::{query, text};
use hopwise_tests::directory::{
    A_MOMENT, Config, DEADLINE, Directory, Event, HEALING, ITEMS, LIFETIME, NODES, PLACES, REFRESH,
    REPLICAS, SPREAD, all_references, attack, by_words, config, items_of, name, name_of,
    published_once,
};
use hopwise_tests::ring::{owner_in, sorted};
use proptest::collection::vec;
use proptest::prelude::*;

/// The attacker's own socket.
const STRANGER: Address = Address::new([127, 0, 0, 2], 9, 0);
pub(super) const MODES: [LookupMode; 2] = [LookupMode::Recursive, LookupMode::Iterative];
/// Longest delay of a timer.
pub(super) const A_TICK: Duration = Duration::from_nanos(TICK_NS);
/// Time after which a crash is detected by the node's neighbours.
pub(super) const NOTICED: Duration = Duration::from_secs(4);

/// Changes the configuration of the underlying ring.
pub(super) fn with_ring(mut config: Config, change: impl FnOnce(&mut RingConfig)) -> Config {
    change(&mut config.ring);
    config
}

/// Sets the number of nodes that keep each reference.
fn with_replicas(mut config: Config, replicas: u8) -> Config {
    config.store.replicas = replicas;
    config
}

#[test]
fn published_items_are_found_and_fetched_from_everywhere() {
    for (seed, lookup) in (1..).zip(MODES) {
        let config = with_ring(config(), |ring| ring.lookup = lookup);
        let mut stored = Directory::published(config, seed);
        stored.assert_kept_exactly();
        (0..ITEMS).for_each(|item| stored.assert_found(item, A_MOMENT));
        let entries: usize = (0..NODES).filter_map(|it| stored.memory.node(it)).map(keeps).sum();
        assert_eq!(entries, all_references() * usize::from(REPLICAS));
    }
}

fn keeps(node: &DirectoryNode<RingNode>) -> usize {
    node.index().len()
}

/// The ring cannot match parts of names, and finds none by chance.
#[test]
fn only_whole_names_are_found_with_any_kind_of_match() {
    let mut stored = Directory::published(config(), 3);
    for how in Match::ALL {
        for (piece, is_name) in [("the item 1", false), ("item", false), ("the item 107", true)] {
            for (asker, events) in stored.ask_all(query(how, piece), A_MOMENT) {
                let Some(Event::Items(ItemsEvent::Found(found))) = events.first() else {
                    panic!("{piece:?}, asked at {asker}: {events:?}")
                };
                assert_eq!(found.best.map(|hit| hit.name), is_name.then(|| text(piece)));
                assert!(is_name || events.len() == 1, "{events:?}");
            }
        }
    }
}

#[test]
fn renewed_references_stay_at_their_keepers() {
    let mut stored = Directory::published(config(), 4);
    stored.memory.run_for(LIFETIME * 3);
    stored.assert_kept_exactly();
    (0..ITEMS).for_each(|item| stored.assert_found(item, A_MOMENT));
}

/// Each copy requests fewer further copies than the one before, goes to the next node, and never
/// returns to the first, even if there are fewer nodes than replicas.
#[test]
fn copies_strictly_decrease_and_end() {
    for (count, replicas) in [(24, 3), (24, 1), (24, 6), (2, 3), (3, 3), (3, 16), (5, 16)] {
        let mut stored = Directory::new(count, with_replicas(config(), replicas), 5);
        stored.memory.run_for(SPREAD + REFRESH);
        let ring = stored.ring();
        let references: usize = (0..count).map(|node| items_of(node).len()).sum();
        let mut copies = 0;
        let end = stored.memory.now() + REFRESH * 3;
        while stored.memory.now() < end {
            for (from, to, left) in copies_on_their_way(&stored.memory) {
                let at = |slot: u16| {
                    ring.iter().position(|it| it.address.slot == slot).expect("a member")
                };
                assert_eq!((at(from) + 1) % ring.len(), at(to), "to the successor");
                assert!(left < replicas - 1, "{left} further copies");
                copies += 1;
            }
            stored.memory.run_for(DELAY);
        }
        let each = usize::from(replicas).min(ring.len()) - 1;
        assert_eq!(copies, 3 * references * each, "{count} nodes, {replicas} replicas");
        stored.assert_kept_exactly();
    }
}

/// The copies in flight: sender's slot, receiver's slot, and number of further copies.
fn copies_on_their_way(memory: &Memory<DirectoryNode<RingNode>>) -> Vec<(u16, u16, u8)> {
    let mut copies = Vec::new();
    for datagram in memory.in_flight() {
        for (envelope, message) in DirectoryCodec::<Ring>::default()
            .parse(datagram.bytes)
            .expect("nodes send valid datagrams")
        {
            if let Message::Copy { copies: left, .. } = message {
                copies.push((datagram.from.slot, envelope.to_slot, left));
            }
        }
    }
    copies
}

/// The next owner already has a copy. Nothing is published meanwhile.
#[test]
fn the_successor_of_a_crashed_owner_answers() {
    for (seed, lookup) in (10..).zip(MODES) {
        for item in [3, 8] {
            let config = with_ring(published_once(), |ring| ring.lookup = lookup);
            let mut stored = Directory::published(config, seed);
            stored.memory.remove(stored.keepers(item)[0].address.slot.into());
            assert_found_and_fetched(&mut stored, item);
            stored.memory.remove(stored.keepers(item)[0].address.slot.into());
            assert_found_and_fetched(&mut stored, item);
        }
    }
}

/// Asserts that every member finds a holder and fetches the item. References to crashed holders
/// have not expired, so some members may try those first.
fn assert_found_and_fetched(stored: &mut Directory, item: u32) {
    assert!(stored.live_holders(item).len() > 1, "a live node still has it");
    for (asker, events) in stored.ask_all(query(Match::Exact, &name(item)), DEADLINE) {
        let [Event::Items(ItemsEvent::Found(found)), Event::Items(fetched)] = events[..] else {
            panic!("asked at {asker}: {events:?}")
        };
        assert!(found.hits > 0, "asked at {asker}: {found:?}");
        assert!(matches!(fetched, ItemsEvent::Fetched { .. }), "asked at {asker}: {fetched:?}");
    }
}

#[test]
fn references_lost_with_all_their_keepers_return_after_a_refresh() {
    let mut stored = Directory::published(config(), 12);
    let item = (0..ITEMS)
        .find(|&item| {
            let (keepers, holders) = (stored.keepers(item), stored.live_holders(item));
            !holders.is_empty() && !holders.iter().any(|holder| keepers.contains(holder))
        })
        .expect("keepers and holders are few");
    for keeper in stored.keepers(item) {
        stored.memory.remove(keeper.address.slot.into());
    }
    let ring = stored.ring();
    assert!(ring.iter().all(|&peer| stored.known_holders(peer, item).is_empty()), "all are lost");
    stored.memory.run_for(NOTICED + REFRESH + A_MOMENT);
    stored.assert_found(item, A_MOMENT);
    assert_eq!(stored.known_holders(stored.keepers(item)[0], item), stored.live_holders(item));
}

/// References to a crashed holder expire, however often ownership changes meanwhile.
#[test]
fn references_to_a_crashed_holder_expire() {
    let mut stored = Directory::published(config(), 13);
    let gone = 4;
    let its_items = items_of(gone);
    assert!(!its_items.is_empty());
    let crashed = stored.memory.peer(gone);
    stored.memory.remove(gone);
    // The newcomers join and leave in turn, again and again.
    let end = stored.memory.now() + LIFETIME;
    let mut newcomer = NODES;
    while stored.memory.now() + Duration::from_secs(5) < end {
        join(&mut stored, newcomer);
        stored.memory.run_for(Duration::from_secs(2));
        leave(&mut stored, newcomer);
        stored.memory.run_for(Duration::from_secs(2));
        newcomer = NODES + (newcomer + 1) % (PLACES - NODES);
    }
    let knows_it = |stored: &Directory| {
        let ring = stored.ring();
        let knows = |&item: &u32| {
            ring.iter().any(|&peer| stored.known_holders(peer, item).contains(&crashed))
        };
        its_items.iter().any(knows)
    };
    assert!(knows_it(&stored), "it has not expired yet");
    stored.memory.run_for(Duration::from_secs(5) + A_MOMENT);
    assert!(!knows_it(&stored));
    stored.memory.run_for(REFRESH);
    (0..ITEMS).for_each(|item| stored.assert_found(item, A_MOMENT));
}

pub(super) fn join(stored: &mut Directory, node: u32) {
    let bootstrap = stored.ring()[0];
    stored.put(node);
    stored.join(node, bootstrap);
}

pub(super) fn leave(stored: &mut Directory, node: u32) {
    stored.leave(node);
    stored.memory.remove(node);
}

/// Nothing is published again, so newcomers answer only with references they received.
#[test]
fn newcomers_receive_the_references_they_own() {
    for replicas in [1, REPLICAS] {
        let mut stored = Directory::published(with_replicas(published_once(), replicas), 14);
        let mut moved = 0;
        for node in NODES..PLACES {
            let before: Vec<Peer> = (0..ITEMS).map(|item| stored.keepers(item)[0]).collect();
            join(&mut stored, node);
            stored.memory.run_for(NOTICED);
            let newcomer = stored.memory.peer(node);
            for item in 0..ITEMS {
                let owner = stored.keepers(item)[0];
                moved += usize::from(owner != before[item as usize]);
                assert!(owner == before[item as usize] || owner == newcomer);
                assert_known_at_all_keepers(&stored, item);
            }
        }
        assert!(moved > 5, "{moved} items have changed their owner");
        (0..ITEMS).for_each(|item| stored.assert_found(item, A_MOMENT));
    }
}

/// A leaving node hands over the references it owned, even if there are no copies.
#[test]
fn a_leaving_node_hands_over_its_keys() {
    for replicas in [1, REPLICAS] {
        let mut stored = Directory::published(with_replicas(published_once(), replicas), 15);
        for node in (0..NODES).step_by(3) {
            leave(&mut stored, node);
            stored.memory.run_for(NOTICED);
        }
        for item in 0..ITEMS {
            let (owner, live) = (stored.keepers(item)[0], stored.live_holders(item));
            let known = stored.known_holders(owner, item);
            assert!(live.iter().all(|holder| known.contains(holder)), "item {item}");
        }
    }
}

fn assert_known_at_all_keepers(stored: &Directory, item: u32) {
    let live = stored.live_holders(item);
    for (rank, keeper) in stored.keepers(item).into_iter().enumerate() {
        assert!(stored.known_holders(keeper, item) == live, "item {item} at its keeper {rank}");
    }
}

/// Every query from any node succeeds while newcomers join one after the other.
#[test]
fn nothing_is_missed_while_newcomers_join() {
    let mut stored = Directory::published(published_once(), 16);
    let (mut asked, mut found) = (0, 0);
    for node in NODES..PLACES {
        join(&mut stored, node);
        for _ in 0..500 {
            let asker = stored.memory.rng().below(NODES.into()) as u32;
            let item = stored.memory.rng().below(ITEMS.into()) as u32;
            let query = query(Match::Exact, &name(item));
            asked +=
                u64::from(stored.memory.with(asker, |it, cx| it.ask(cx, query, 0)) == Some(true));
            stored.memory.run_for(Duration::from_millis(2));
            for (_, event) in stored.memory.events() {
                if let Event::Items(ItemsEvent::Found(it)) = event {
                    assert!(it.best.is_some(), "{it:?}");
                    found += 1;
                }
            }
        }
    }
    stored.memory.run_for(A_MOMENT);
    let is_found = |(_, it): &(u32, Event)| matches!(it, Event::Items(ItemsEvent::Found(_)));
    found += stored.memory.events().filter(is_found).count() as u64;
    assert_eq!((asked, found), (4_000, 4_000));
}

/// The owner is dead and, without repair, remains the owner. No query outlives its deadline, and
/// none leaves a request behind.
#[test]
fn a_query_ends_by_its_deadline_and_leaves_nothing_behind() {
    for (seed, lookup) in (20..).zip(MODES) {
        let config = with_ring(published_once(), |ring| {
            let answer = AnswerRule::Predecessor;
            *ring = RingConfig { lookup, answer, stabilize: None, fix_fingers: None, ..*ring };
        });
        let mut stored = Directory::published(config, seed);
        assert_eq!(stored.memory.requests_in_flight(), 0);
        let item = 4;
        stored.memory.remove(stored.keepers(item)[0].address.slot.into());
        let told = stored.ask_all(query(Match::Exact, &name(item)), DEADLINE + A_TICK);
        for (asker, events) in told {
            let [Event::Items(ItemsEvent::NotFound { timeouts, .. })] = events[..] else {
                panic!("asked at {asker}: {events:?}")
            };
            assert!(timeouts > 0, "requests to the owner timed out");
        }
        stored.memory.run_for(DEADLINE);
        assert_eq!(stored.memory.events().count(), 0, "nothing comes after the end");
        assert_eq!(stored.memory.requests_in_flight(), 0);
    }
}

/// All other nodes crash one by one, so that lookups fail as well.
#[test]
fn a_query_without_other_live_nodes_ends_by_its_deadline() {
    for (seed, lookup) in (24..).zip(MODES) {
        let config = with_ring(published_once(), |ring| {
            let answer = AnswerRule::Predecessor;
            *ring = RingConfig { lookup, answer, stabilize: None, fix_fingers: None, ..*ring };
        });
        let mut stored = Directory::published(config, seed);
        let asker = stored.ring()[0];
        let far = |item: &u32| stored.keepers(*item)[0] == stored.ring()[NODES as usize / 2];
        let item = (0..ITEMS).find(far).expect("every node owns something");
        stored.memory.remove(stored.keepers(item)[0].address.slot.into());
        let node = asker.address.slot.into();
        stored.memory.with(node, |it, cx| it.ask(cx, query(Match::Exact, &name(item)), 1));
        for peer in stored.ring().into_iter().filter(|&peer| peer != asker) {
            stored.memory.run_for(DEADLINE / 40);
            stored.memory.remove(peer.address.slot.into());
        }
        stored.memory.run_for(DEADLINE - DEADLINE / 40 * (NODES - 2) + A_TICK);
        let events: Vec<_> = stored.memory.events().collect();
        assert!(
            matches!(events[..], [(_, Event::Items(ItemsEvent::NotFound { token: 1, .. }))]),
            "{events:?}"
        );
        stored.memory.run_for(DEADLINE * 2);
        assert_eq!(stored.memory.events().count(), 0, "nothing comes after the end");
        assert_eq!(stored.memory.requests_in_flight(), 0);
    }
}

/// Nodes are removed at every stage of queries and publications.
#[test]
fn a_removed_node_leaves_no_requests() {
    let config = with_ring(config(), |ring| (ring.stabilize, ring.fix_fingers) = (None, None));
    let mut stored = Directory::new(NODES, config, 22);
    for node in 0..NODES {
        for token in 0..20 {
            let asker = stored.memory.rng().below(NODES.into()) as u32;
            let item = stored.memory.rng().below(ITEMS.into()) as u32;
            let query = query(Match::Exact, &name(item));
            stored.memory.with(asker, |it, cx| it.ask(cx, query, token));
            stored.memory.run_for(DELAY / 3);
        }
        stored.memory.remove(node);
    }
    assert_eq!(stored.memory.requests_in_flight(), 0);
}

/// A lookup of the application ends normally, whatever its token, even if there are two such
/// lookups.
#[test]
fn lookups_of_the_application_are_independent_of_queries() {
    let mut stored = Directory::published(config(), 23);
    let ring = stored.ring();
    for token in [0, 1, u64::MAX] {
        for node in 0..NODES {
            let key = Id::random(stored.memory.rng());
            for _ in 0..2 {
                stored
                    .memory
                    .with(node, |it, cx| it.with_router(cx, |it, cx| it.lookup(cx, key, token)));
            }
            stored.memory.run_for(A_MOMENT);
            let events: Vec<_> = stored.memory.events().collect();
            assert_eq!(events.len(), 2);
            for (who, event) in events {
                let Event::LookupEnded(LookupEnd::Done(done)) = event else { panic!("{event:?}") };
                assert_eq!((who, done.token, done.owner), (node, token, owner_in(&ring, key)));
            }
        }
    }
}

/// A ring without stores sends the same datagrams, byte for byte, under the same churn. The seeds are such
/// that no timers of two nodes expire in the same tick: which one is first depends on when they were armed.
#[test]
fn the_underlying_ring_works_as_without_a_directory() {
    for (seed, lookup) in [30, 32].into_iter().zip(MODES) {
        let config = with_ring(config(), |ring| ring.lookup = lookup);
        let stores = play_out::<DirectoryNode<RingNode>>(seed, &config);
        let rings = play_out::<RingNode>(seed, &config);
        assert!(stores.0 > 5_000, "{} datagrams", stores.0);
        assert!(stores == rings, "the same datagrams and the same events");
    }
}

/// The common interface of ring nodes with and without a directory.
trait OnRing: Node {
    fn make(me: Peer, config: &Config, rng: &mut Rng) -> Self;
    fn on_ring<T>(
        &mut self,
        cx: &mut Context<'_, Self::Protocol>,
        command: impl FnOnce(&mut RingNode, &mut Context<'_, Ring>) -> T,
    ) -> T;
    fn go(&mut self, cx: &mut Context<'_, Self::Protocol>);
    fn event(event: <Self::Protocol as Protocol>::Event) -> Event;
}

impl OnRing for DirectoryNode<RingNode> {
    fn make(me: Peer, config: &Config, rng: &mut Rng) -> DirectoryNode<RingNode> {
        let (ring, store) = (RingNode::new(me, config.ring, rng), Arc::new(config.store.clone()));
        DirectoryNode::new(ring, Holdings::default(), store, rng)
    }
    fn on_ring<T>(
        &mut self,
        cx: &mut Context<'_, Self::Protocol>,
        command: impl FnOnce(&mut RingNode, &mut Context<'_, Ring>) -> T,
    ) -> T {
        self.with_router(cx, command)
    }
    fn go(&mut self, cx: &mut Context<'_, Self::Protocol>) {
        self.leave(cx, RingNode::leave);
    }
    fn event(event: Event) -> Event {
        event
    }
}

impl OnRing for RingNode {
    /// Draws as many random numbers as a directory node.
    fn make(me: Peer, config: &Config, rng: &mut Rng) -> RingNode {
        let node = RingNode::new(me, config.ring, &mut rng.clone());
        let _ = DirectoryNode::make(me, config, rng);
        node
    }
    fn on_ring<T>(
        &mut self,
        cx: &mut Context<'_, Ring>,
        command: impl FnOnce(&mut RingNode, &mut Context<'_, Ring>) -> T,
    ) -> T {
        command(self, cx)
    }
    fn go(&mut self, cx: &mut Context<'_, Ring>) {
        self.leave(cx);
    }
    fn event(event: ring::Event) -> Event {
        RingNode::lookup_end(&event).map_or(Event::Router(event), Event::LookupEnded)
    }
}

/// Number of datagrams sent, hash over all of them, and all events.
type Course = (u64, u64, Vec<(u32, Event)>);

fn play_out<N>(seed: u64, config: &Config) -> Course
where
    N: OnRing<Protocol: Body>,
{
    let mut memory: Memory<N> = Memory::new(PLACES as usize, seed);
    let ring = sorted((0..NODES).map(|node| memory.peer(node)));
    for node in 0..NODES {
        memory.put(node, |me, rng| N::make(me, config, rng));
        memory.with(node, |it, cx| it.on_ring(cx, |it, cx| it.start_linked(cx, &ring)));
    }
    let (mut count, mut hash, mut events) = (0, 0_u64, Vec::new());
    for turn in 0..40_u32 {
        match turn % 4 {
            0 => memory.remove(turn / 4 + 1),
            1 => {
                let (node, bootstrap) = (NODES + turn / 4 % (PLACES - NODES), memory.peer(20));
                memory.put(node, |me, rng| N::make(me, config, rng));
                memory.with(node, |it, cx| it.on_ring(cx, |it, cx| it.join(cx, &[bootstrap])));
            }
            2 => {
                memory.with(NODES + turn / 4 % (PLACES - NODES), |it, cx| it.go(cx));
                memory.remove(NODES + turn / 4 % (PLACES - NODES));
            }
            _ => {}
        }
        for _ in 0..2_000 {
            if memory.rng().below(100) == 0 {
                let (node, key) = (memory.rng().below(24) as u32, Id::random(memory.rng()));
                memory
                    .with(node, |it, cx| it.on_ring(cx, |it, cx| it.lookup(cx, key, turn.into())));
            }
            for datagram in memory.in_flight() {
                count += 1;
                let from = datagram.from.to_bits().to_be_bytes();
                for &byte in from.iter().chain(datagram.bytes) {
                    hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
                }
            }
            memory.run_for(DELAY);
            events.extend(memory.events().map(|(node, event)| (node, N::event(event))));
        }
    }
    (count, hash, events)
}

/// A node accepts copies only from neighbours, and limits how far they spread.
#[test]
fn copies_of_strangers_are_dropped_and_counted() {
    let mut stored = Directory::published(published_once(), 40);
    let ring = stored.ring();
    let (before, victim, after) = (ring[9], ring[10], ring[11]);
    let name = text("forged");
    let hit = Hit { holder: Peer { id: Id::ZERO, address: STRANGER }, name };
    let copy = Message::Copy { hit, word: None, copies: 15, lifetime_ms: u32::MAX };
    let strangers = [
        Peer { id: Id::ZERO, address: STRANGER },
        Peer { address: STRANGER, ..before },
        Peer { id: Id::ZERO, ..before },
        // Far away, although it may be in the finger table.
        ring[(10 + ring.len() / 2) % ring.len()],
    ];
    for from in strangers {
        stored.memory.inject(from, victim, &copy);
        stored.memory.run_for(A_MOMENT);
    }
    assert_eq!(stored.memory.dropped(DropReason::UnknownPeer), strangers.len() as u64);
    stored.memory.inject(Peer { address: STRANGER, ..victim }, victim, &copy);
    stored.memory.run_for(A_MOMENT);
    assert_eq!(stored.memory.dropped(DropReason::FromSelf), 1);
    stored.assert_kept_exactly();

    // A copy from a neighbour is accepted, but spreads no further than the ring's own copies.
    let sent = stored.memory.sent("publish");
    for from in [before, after] {
        stored.memory.inject(from, victim, &copy);
        stored.memory.run_for(A_MOMENT);
    }
    assert_eq!(stored.memory.sent("publish") - sent, 2 * u64::from(REPLICAS));
}

/// Unsolicited replies are dropped, and the real answers still arrive.
#[test]
fn forged_answers_change_nothing() {
    let mut stored = Directory::published(published_once(), 41);
    stored.memory.events().for_each(drop);
    let ring = stored.ring();
    let mut lies = HitList::default();
    while lies.push(&Hit { holder: ring[3], name: name_of(5) }) {}
    let (asker, item) = (0, 5);
    stored.memory.with(asker, |it, cx| it.ask(cx, query(Match::Exact, &name(item)), 1));
    let me = stored.memory.peer(asker);
    let mut count = 0;
    for number in 0..50 {
        let request = RequestId(number);
        let mut forged = vec![
            items::Message::Published { request },
            items::Message::Found { request, hits: lies.hits() },
            items::Message::Item { request, payload: &[7; 600] },
        ];
        let (topics, cookie) = ((0..3).filter_map(Topic::from_number), Cookie(number));
        forged.extend(topics.map(|topic| items::Message::CookieReply { request, topic, cookie }));
        for from in [ring[1], Peer { address: STRANGER, ..ring[2] }] {
            for &message in forged.iter().filter(|_| from.id != me.id) {
                stored.memory.inject(from, me, &Message::Items(message));
                count += 1;
            }
        }
        stored.memory.run_for(DELAY / 10);
    }
    stored.memory.run_for(A_MOMENT);
    assert!(stored.memory.dropped(DropReason::Unmatched) >= count, "all of them were dropped");
    let events: Vec<_> = stored.memory.events().collect();
    let [(0, Event::Items(found)), (0, Event::Items(fetched))] = events[..] else {
        panic!("{events:?}")
    };
    assert!(matches!(found, ItemsEvent::Found(_)), "{found:?}");
    assert!(matches!(fetched, ItemsEvent::Fetched { .. }), "{fetched:?}");
    stored.assert_kept_exactly();
}

/// A cookie on its way to `to`.
pub(super) fn cookie_in_flight(stored: &Directory, to: Peer) -> Option<Cookie> {
    let codec = DirectoryCodec::<Ring>::default();
    let mut messages = stored
        .memory
        .in_flight()
        .flat_map(|datagram| codec.parse(datagram.bytes).expect("nodes send valid datagrams"));
    messages.find_map(|(envelope, message)| match message {
        Message::Items(items::Message::CookieReply { cookie, .. })
            if envelope.to_slot == to.address.slot =>
        {
            Some(cookie)
        }
        _ => None,
    })
}

/// Without a valid cookie, nothing is entered. With one, entries fill the index to its limits.
#[test]
fn a_flood_of_publications_fills_an_index_and_no_more() {
    let mut small = published_once();
    small.store.responder.limits.names = 60;
    small.store.responder.limits.entries = 100;
    let mut stored = Directory::published(small, 42);
    let ring = stored.ring();
    let victim = ring[10];
    let entries = |stored: &Directory| {
        let node = stored.memory.node(victim.address.slot.into()).expect("it is there");
        (node.index().len(), node.index().names())
    };
    // Its address is on the nodes' socket, but its place is empty.
    let flooder = stored.memory.peer(NODES);
    let publish = |number: u64, cookie: Cookie| {
        let name = text(&format!("flood {number}"));
        let request = RequestId(number);
        Message::Items(items::Message::Publish { request, cookie, name })
    };
    let before = entries(&stored);
    for number in 0..1_000 {
        stored.memory.inject(flooder, victim, &publish(number, Cookie(number)));
        stored.memory.run_for(DELAY);
    }
    assert_eq!(entries(&stored), before);
    let cookie = cookie_in_flight(&stored, flooder);
    let cookie = cookie.expect("each publication is answered with a cookie");
    for number in 0..1_000 {
        stored.memory.inject(flooder, victim, &publish(number, cookie));
        stored.memory.run_for(DELAY);
    }
    assert_eq!(entries(&stored).1, 60);
    assert!(entries(&stored).0 <= 100);
    assert!(stored.memory.dropped(INDEX_FULL) >= 900);
    // All earlier items are still found.
    (0..ITEMS).for_each(|item| stored.assert_found(item, A_MOMENT));
}

/// A node that has left drops all messages of the directory and accepts no query.
#[test]
fn only_members_keep_references() {
    let mut stored = Directory::published(published_once(), 43);
    let node = 5;
    stored.leave(node);
    let (me, from) = (stored.memory.peer(node), stored.memory.peer(6));
    stored.memory.run_for(NOTICED);
    stored.memory.events().for_each(drop);
    let (request, cookie, name) = (RequestId(1), Cookie(1), text("anything"));
    let hit = Hit { holder: from, name };
    let asked = [
        Message::Items(items::Message::Publish { request, cookie, name }),
        Message::Items(items::Message::Find {
            request,
            cookie,
            query: query(Match::Exact, "anything"),
        }),
        Message::Items(items::Message::Fetch { request, cookie, name }),
        Message::Copy { hit, word: None, copies: 1, lifetime_ms: 1_000 },
    ];
    let before = stored.memory.dropped(DropReason::NotMember);
    for message in &asked {
        stored.memory.inject(from, me, message);
    }
    stored.memory.run_for(DELAY * 2);
    assert_eq!(stored.memory.dropped(DropReason::NotMember) - before, asked.len() as u64);
    let begun = stored.memory.with(node, |it, cx| it.ask(cx, query(Match::Exact, "anything"), 1));
    assert_eq!(begun, Some(false));
    stored.memory.run_for(HEALING);
    assert_eq!(stored.memory.events().count(), 0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn hostile_messages_do_no_lasting_harm(script in vec(any::<u8>(), 0..4096), seed in 0..1000_u64) {
        attack(config(), &script, seed);
        attack(by_words(), &script, seed);
    }
}

#[test]
fn a_long_attack_does_no_lasting_harm() {
    let mut script = vec![0; 1 << 19];
    Rng::new(50, 0).fill(&mut script);
    attack(config(), &script, 50);
}
