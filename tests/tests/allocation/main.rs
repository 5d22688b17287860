//! Nodes do not allocate, neither in normal operation nor under attack. This is a separate binary
//! because the counting allocator serves the whole process.
//!
//! **Invariant:** each test counts only its own thread's allocations.

mod spoofed;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::hint::black_box;
use std::sync::atomic::AtomicU32;
use std::time::Duration;

use hopwise_harness::live::Progress;
use hopwise_harness::systems::Registry;
use hopwise_harness::systems::flood::graph::Graph;
use hopwise_kernel::directory::Event as StoreEvent;
use hopwise_kernel::drive::Memory;
use hopwise_kernel::flood::{FloodConfig, Strategy};
use hopwise_kernel::items::{Event as ItemsEvent, Match, Query};
use hopwise_kernel::ring::fingers::Shape;
use hopwise_kernel::ring::{Event as RingEvent, LookupMode, Ring, RingConfig, RingNode};
use hopwise_kernel::store::{ReadOutcome, Stored, WriteOutcome};
use hopwise_kernel::{Address, Id, Peer, Rng, central, directory as kernel_directory};
use hopwise_tests::central::{Central, NAMES, PEERS, text};
use hopwise_tests::flooding::NAMES as FLOODED_NAMES;
use hopwise_tests::forge::{Forge, Script};
use hopwise_tests::ring::owner_in;
use hopwise_tests::{Attack, Directory, Flooding, LinkedRing, StoreRing, directory, store};

const NODES: u32 = 64;
/// Number of turns. Each takes one second: about one stabilize round per node.
const TURNS: u64 = 1_700;
const LOOKUPS_PER_TURN: u64 = 64;
const WARM_UP_TURNS: u64 = 50;
/// Enough for thousands of hostile datagrams.
const SCRIPT_BYTES: usize = 1 << 20;

#[test]
fn lookups_and_stabilize_rounds_allocate_nothing() {
    for lookup in [LookupMode::Recursive, LookupMode::Iterative] {
        let shape = Shape::for_ring(1, NODES as usize, 8);
        let config = RingConfig { shape, successors: 8, lookup, ..RingConfig::default() };
        let mut memory = Memory::linked(NODES as usize, config, 1);
        memory.make_room();
        let ring = memory.members();
        let mut turns = |count: u64| {
            let before = memory.sent("stabilize");
            let mut done = 0;
            for token in 0..count * LOOKUPS_PER_TURN {
                let key = Id::random(memory.rng());
                let node = memory.rng().below(NODES.into()) as u32;
                memory.with(node, |node, cx| node.lookup(cx, key, token));
                memory.run_for(Duration::from_secs(1) / LOOKUPS_PER_TURN as u32);
                for (_, event) in memory.events() {
                    let RingEvent::LookupDone(answer) = event else { panic!("{event:?}") };
                    assert_eq!(answer.owner, owner_in(&ring, answer.key));
                    done += 1;
                }
            }
            // A round is a request, its reply, and a notification.
            (done, (memory.sent("stabilize") - before) / 3)
        };
        turns(WARM_UP_TURNS);
        COUNTING.set(true);
        let (lookups, rounds) = turns(TURNS);
        COUNTING.set(false);
        assert_eq!(COUNT.take(), 0, "heap allocations with {lookup:?} lookups");
        assert!(lookups >= 100_000, "{lookups} lookups");
        assert!(rounds >= 100_000, "{rounds} stabilize rounds");
    }
    assert_counting_works();
}

/// Buffers may still grow to their maximum. Events themselves allocate nothing.
#[test]
fn simulated_events_allocate_nothing() {
    let allocations_of = |simulated_s: u64| {
        let toml = format!(
            "engine = \"sim\"
             nodes = 500
             threads = 1
             network = {{ latency = {{ model = \"constant\", one_way = \"20ms\" }} }}
             phases = {{ warmup = \"3s\", measure = \"{simulated_s}s\" }}"
        );
        let scenario =
            Registry::built_in().from_toml(&toml, "test", &[]).expect("the scenario is sound");
        let progress = Progress::new(true, Duration::ZERO);
        COUNTING.set(true);
        let measured = Registry::built_in().run(&scenario, &AtomicU32::new(0), &progress);
        COUNTING.set(false);
        let events = measured.ok().and_then(|it| it.simulation).expect("it runs").events;
        (COUNT.take(), events)
    };
    let (short, long) = (allocations_of(10), allocations_of(30));
    let (more, events) = (long.0.saturating_sub(short.0), long.1 - short.1);
    assert!(events > 200_000, "{events} events");
    // Once a second the engine looks at all tables, for the figures of health.
    assert!(more <= 20 * 10, "{more} allocations in {events} events");
    assert_counting_works();
}

#[test]
fn floods_and_walks_allocate_nothing() {
    let round_wait = Duration::from_millis(20);
    let strategies = [
        Strategy::Flood,
        Strategy::ExpandingRing { round_wait },
        Strategy::RandomWalk { walkers: 4, check_every: 4 },
    ];
    let graph = Graph::random(NODES as usize, 6.0, &mut Rng::new(1, 0));
    for strategy in strategies {
        let remember = Duration::from_secs(2);
        let config = FloodConfig { strategy, remember, ..FloodConfig::default() };
        let rows = (0..NODES as usize).map(|node| graph.neighbors(node));
        let mut peers = Flooding::linked(rows, config, &[7, 50], 1);
        peers.memory.make_room();
        let mut turns = |count: u64| {
            let before = peers.memory.sent("probe");
            let mut answers = 0;
            for token in 0..count {
                let node = peers.memory.rng().below(NODES.into()) as u32;
                peers.ask(node, Match::Exact, FLOODED_NAMES[0], token);
                peers.memory.run_for(Duration::from_millis(100));
                let found = |(_, event): &(u32, ItemsEvent)| matches!(event, ItemsEvent::Found(_));
                answers += peers.memory.events().filter(found).count();
            }
            (answers, peers.memory.sent("probe") - before)
        };
        turns(500);
        COUNTING.set(true);
        let (answers, probes) = turns(2_000);
        COUNTING.set(false);
        assert_eq!(COUNT.take(), 0, "heap allocations with {strategy:?}");
        assert!(answers > 1_800 && probes > 1_000, "{answers} answers, {probes} probes");
    }
    assert_counting_works();
}

#[test]
fn hostile_datagrams_allocate_nothing() {
    let mut scripts = [vec![0; SCRIPT_BYTES], vec![0; SCRIPT_BYTES]];
    let mut rng = Rng::new(2, 0);
    scripts.iter_mut().for_each(|script| rng.fill(script));
    let mut attack = Attack::new();
    attack.make_room();
    attack.play(&scripts[0]);
    COUNTING.set(true);
    attack.play(&scripts[1]);
    COUNTING.set(false);
    assert_eq!(COUNT.take(), 0, "heap allocations under attack");
    assert_counting_works();
}

/// Publications, queries, transfers, expiry and hostile datagrams, at a server and its peers.
#[test]
fn a_central_index_allocates_nothing() {
    const TURN: Duration = Duration::from_millis(50);
    let mut central = Central::published(3);
    let memory = &mut central.memory;
    memory.make_room();
    let nodes: Vec<Peer> = (0..=PEERS).map(|node| memory.peer(node)).collect();
    let stranger = Address::new([127, 0, 0, 2], 9, 0);
    let forge = Forge { ring: &nodes, stranger, genuine: &[] };
    let mut bytes = vec![0; SCRIPT_BYTES];
    Rng::new(3, 0).fill(&mut bytes);
    let (mut script, mut datagram) = (Script::new(&bytes), Vec::with_capacity(16 * 1024));
    let names = NAMES.map(text);
    let mut turns = |count: u64| {
        let (mut found, mut fetched) = (0, 0);
        for turn in 0..count {
            // One peer after the other is absent for longer than the lifetime of its entries.
            let absent = (turn / 2_000 % u64::from(PEERS)) as u32 + 1;
            if turn % 2_000 == 0 {
                memory.with(absent, |it, cx| it.leave(cx));
            } else if turn % 2_000 == 1_900 {
                memory.with(absent, |it, cx| it.start_linked(cx));
            }
            let how = Match::ALL[turn as usize % 4];
            let query = Query { how, text: names[memory.rng().below(names.len() as u64) as usize] };
            let node = memory.rng().below(PEERS.into()) as u32 + 1;
            memory.with(node, |it, cx| it.ask(cx, query, turn));
            let from = forge.datagram::<central::Central>(&mut script, &mut datagram);
            memory.inject_bytes(from, nodes[0].address, &datagram);
            memory.run_for(TURN);
            for (_, event) in memory.events() {
                found += u32::from(matches!(event, ItemsEvent::Found(_)));
                fetched += u32::from(matches!(event, ItemsEvent::Fetched { .. }));
            }
        }
        (found, fetched)
    };
    turns(4_000);
    COUNTING.set(true);
    let (found, fetched) = turns(30_000);
    COUNTING.set(false);
    assert_eq!(COUNT.take(), 0, "heap allocations of a central index");
    assert!(found > 25_000 && fetched > 25_000, "{found} found, {fetched} fetched");
    assert_counting_works();
}

/// Publications, queries, transfers, copies, hostile datagrams, and handovers when nodes leave and
/// rejoin.
#[test]
fn references_on_a_ring_allocate_nothing() {
    const TURN: Duration = Duration::from_millis(20);
    let mut stored = Directory::published(directory::config(), 4);
    stored.memory.make_room();
    let nodes: Vec<Peer> = (0..directory::NODES).map(|node| stored.memory.peer(node)).collect();
    let stranger = Address::new([127, 0, 0, 2], 9, 0);
    let forge = Forge { ring: &nodes, stranger, genuine: &[] };
    let mut bytes = vec![0; SCRIPT_BYTES];
    Rng::new(4, 0).fill(&mut bytes);
    let (mut script, mut datagram) = (Script::new(&bytes), Vec::with_capacity(16 * 1024));
    let names: Vec<_> = (0..directory::ITEMS).map(directory::name_of).collect();
    let mut turns = |count: u64| {
        let (mut found, mut joined) = (0, 0);
        for turn in 0..count {
            // One node after the other is absent for a while.
            let absent = (turn / 1_000 % u64::from(directory::NODES)) as u32;
            if turn % 1_000 == 0 {
                stored.leave(absent);
            } else if turn % 1_000 == 500 {
                let bootstrap = nodes[(absent as usize + 1) % nodes.len()];
                stored.join(absent, bootstrap);
            }
            let memory = &mut stored.memory;
            let text = names[memory.rng().below(names.len() as u64) as usize];
            let query = Query { how: Match::ALL[turn as usize % 4], text };
            let node = memory.rng().below(nodes.len() as u64) as u32;
            memory.with(node, |it, cx| it.ask(cx, query, turn));
            let from =
                forge.datagram::<kernel_directory::Directory<Ring>>(&mut script, &mut datagram);
            memory.inject_bytes(from, nodes[0].address, &datagram);
            memory.run_for(TURN);
            for (_, event) in memory.events() {
                found += u32::from(matches!(event, StoreEvent::Items(ItemsEvent::Found(_))));
                joined += u32::from(matches!(event, StoreEvent::Router(RingEvent::Joined)));
            }
        }
        (found, joined)
    };
    turns(4_000);
    COUNTING.set(true);
    let (found, joined) = turns(26_000);
    COUNTING.set(false);
    assert_eq!(COUNT.take(), 0, "heap allocations of references on a ring");
    assert!(found > 20_000 && joined > 20, "{found} found, {joined} joined");
    assert_counting_works();
}

/// Puts, reads, sums, deletions, lists and hostile datagrams, and handovers and repairs when nodes leave
/// and rejoin.
#[test]
fn a_store_allocates_nothing() {
    const TURN: Duration = Duration::from_millis(20);
    let mut ring = StoreRing::new(store::NODES, store::config(), 5);
    ring.memory.make_room();
    let nodes: Vec<Peer> = (0..store::NODES).map(|node| ring.memory.peer(node)).collect();
    let stranger = Address::new([127, 0, 0, 2], 9, 0);
    let forge = Forge { ring: &nodes, stranger, genuine: &[] };
    let mut bytes = vec![0; SCRIPT_BYTES];
    Rng::new(5, 0).fill(&mut bytes);
    let (mut script, mut datagram) = (Script::new(&bytes), Vec::with_capacity(16 * 1024));
    let keys = store::keys(50);
    let mut turns = |count: u64| {
        let (mut done, mut arrived) = (0, 0);
        for turn in 0..count {
            // One node after the other is absent for a while.
            let absent = (turn / 1_000 % u64::from(store::NODES)) as u32;
            if turn % 1_000 == 0 {
                ring.memory.with(absent, |it, cx| it.leave(cx, RingNode::leave));
            } else if turn % 1_000 == 500 {
                ring.join(absent, (absent + 1) % store::NODES);
            }
            for _ in 0..2 {
                let mut choices = [0; 8];
                ring.memory.rng().fill(&mut choices);
                let node = ring.memory.rng().below(nodes.len() as u64) as u32;
                ring.begin_any(node, &keys, &mut Script::new(&choices));
            }
            let from = forge.datagram::<Stored<Ring>>(&mut script, &mut datagram);
            ring.memory.inject_bytes(from, nodes[0].address, &datagram);
            ring.memory.run_for(TURN);
            for (_, event) in ring.memory.events() {
                done += u32::from(match event {
                    store::Event::Wrote(end) => matches!(end.outcome, WriteOutcome::Done { .. }),
                    store::Event::Read(end) => !matches!(end.outcome, ReadOutcome::Refused(_)),
                    store::Event::Listed(end) => end.outcome.is_ok(),
                    _ => false,
                });
                arrived += u32::from(matches!(event, store::Event::Arrived { .. }));
            }
        }
        (done, arrived)
    };
    turns(4_000);
    COUNTING.set(true);
    let (done, arrived) = turns(21_000);
    COUNTING.set(false);
    assert_eq!(COUNT.take(), 0, "heap allocations of a store");
    assert!(done > 30_000 && arrived > 15, "{done} done, {arrived} arrived");
    assert_counting_works();
}

/// The number of heap allocations of this thread in `run`.
fn allocations_in(run: impl FnOnce()) -> u64 {
    COUNTING.set(true);
    run();
    COUNTING.set(false);
    COUNT.take()
}

/// Asserts that the allocator counts; otherwise, a count of zero would mean nothing.
fn assert_counting_works() {
    COUNTING.set(true);
    drop(black_box(Box::new(0)));
    COUNTING.set(false);
    assert_eq!(COUNT.take(), 1);
}

thread_local! {
    static COUNTING: Cell<bool> = const { Cell::new(false) };
    static COUNT: Cell<u64> = const { Cell::new(0) };
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The system's allocator. Counts this thread's allocations while `COUNTING` is set.
struct Counting;

impl Counting {
    fn count() {
        if COUNTING.get() {
            COUNT.set(COUNT.get() + 1);
        }
    }
}

// SAFETY: every call goes to the system's allocator unchanged. The counters need no allocation:
// they are constants at first and have no destructors.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        Counting::count();
        // SAFETY: the caller keeps `alloc`'s contract.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        Counting::count();
        // SAFETY: the caller keeps `alloc_zeroed`'s contract.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        Counting::count();
        // SAFETY: the caller keeps `realloc`'s contract.
        unsafe { System.realloc(pointer, layout, size) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps `dealloc`'s contract.
        unsafe { System.dealloc(pointer, layout) }
    }
}
