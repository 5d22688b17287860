//! The health of a ring: figures that can be worked out from identifiers alone, and the figures of a
//! ring over UDP.
//!
//! **Invariant:** what is expected is computed from the definitions, not by the harness.

use std::sync::Mutex;
use std::sync::atomic::AtomicU32;
use std::time::Duration;

use hopwise_harness::engine::sim::SimEngine;
use hopwise_harness::live::Progress;
use hopwise_harness::measure::outcome::Check;
use hopwise_harness::measure::{Measured, Observers};
use hopwise_harness::plug::{Checker, Neighborhood, NodeEvent, Runner, Setting, System};
use hopwise_harness::scenario::Scenario;
use hopwise_harness::systems::ring::Ring;
use hopwise_harness::systems::{Registry, RingSystem};
use hopwise_harness::workload::KeyWorkload;
use hopwise_kernel::ring::fingers::Shape;
use hopwise_kernel::ring::{Event, Ring as RingProtocol, RingCodec, RingNode};
use hopwise_kernel::{Context, Id, Peer, Rng, Time};

/// The ring, with a checker that lists the crashed nodes, and which reports each owner that a lookup
/// finds as dead.
#[derive(Clone, Debug)]
struct Alarmist(RingSystem);

/// The places of nodes that are gone, of the only test that crashes any.
static GONE: Mutex<Vec<u32>> = Mutex::new(Vec::new());

#[derive(Debug)]
struct GoneNodes;

impl Checker<RingNode> for GoneNodes {
    fn look(&mut self, _now: Time, place: u32, node: Option<&RingNode>) {
        let mut gone = GONE.lock().expect("no test has panicked with it");
        if node.is_none() && !gone.contains(&place) {
            gone.push(place);
        }
    }

    fn findings(self, _now: Time, _nodes: &mut dyn Iterator<Item = &RingNode>) -> Check {
        Check::default()
    }
}

impl System for Alarmist {
    type Node = RingNode;
    type Codec = RingCodec;
    type Workload = KeyWorkload;
    type Checker = GoneNodes;
    type Section = Ring;

    const NAME: &'static str = "ring";
    const IS_RING: bool = true;

    fn new(setting: &Setting<'_, KeyWorkload>) -> Result<Alarmist, String> {
        RingSystem::new(setting).map(Alarmist)
    }

    fn node(&self, host: u32, peer: Peer, rng: &mut Rng) -> RingNode {
        self.0.node(host, peer, rng)
    }

    fn start_linked(
        &self,
        node: &mut RingNode,
        cx: &mut Context<'_, RingProtocol>,
        members: &[Peer],
        rank: usize,
    ) {
        self.0.start_linked(node, cx, members, rank);
    }

    fn join(&self, node: &mut RingNode, cx: &mut Context<'_, RingProtocol>, bootstraps: &[Peer]) {
        self.0.join(node, cx, bootstraps);
    }

    fn ask(
        &self,
        node: &mut RingNode,
        cx: &mut Context<'_, RingProtocol>,
        key: Id,
        token: u64,
    ) -> bool {
        self.0.ask(node, cx, key, token)
    }

    fn node_event(event: Event, payload: &[u8]) -> Option<NodeEvent<Id>> {
        match event {
            Event::LookupDone(done) => Some(NodeEvent::DeclaredDead { peer: done.owner.id }),
            event => RingSystem::node_event(event, payload),
        }
    }

    fn entries(&self, node: &RingNode) -> usize {
        self.0.entries(node)
    }

    fn neighborhood<'a>(&self, node: &'a RingNode) -> Option<Neighborhood<'a>> {
        self.0.neighborhood(node)
    }

    fn checker(
        _scenario: &Scenario,
        _network: &hopwise_harness::network::Network,
        _places: u32,
    ) -> Option<GoneNodes> {
        Some(GoneNodes)
    }
}

fn scenario(toml: &str) -> Scenario {
    Registry::built_in().from_toml(toml, "test", &[]).expect("the scenario is valid")
}

fn run(toml: &str) -> Measured {
    let progress = Progress::new(true, Duration::ZERO);
    let measured = Registry::built_in().run(&scenario(toml), &AtomicU32::new(0), &progress);
    measured.expect("the scenario runs")
}

fn run_alarmist(toml: &str) -> Measured {
    let progress = Progress::new(true, Duration::ZERO);
    let measured = SimEngine.run_system::<Alarmist>(
        &scenario(toml),
        &AtomicU32::new(0),
        &progress,
        Observers::default(),
    );
    measured.expect("the scenario runs")
}

const NODES: usize = 200;
const SUCCESSORS: usize = 8;

/// Wrong and dead entries of some places.
#[derive(Default)]
struct Expected {
    places: f64,
    wrong: f64,
    dead: f64,
}

impl Expected {
    fn add(&mut self, entry: Option<usize>, right: Option<usize>, is_live: impl Fn(usize) -> bool) {
        if entry.is_some() || right.is_some() {
            self.places += 1.0;
            self.wrong += f64::from(entry != right);
            self.dead += f64::from(entry.is_some_and(|rank| !is_live(rank)));
        }
    }

    fn shares(&self) -> (f64, f64) {
        (self.wrong / self.places, self.dead / self.places)
    }
}

/// A fifth crashes and nobody repairs anything, so each table is what it was at the start: exact for
/// all members, live or not.
#[test]
fn frozen_tables_after_a_crash_are_as_wrong_as_their_identifiers_say() {
    let measured = run_alarmist(&format!(
        "engine = \"sim\"
         nodes = {NODES}
         seed = 5
         ring.successors = {SUCCESSORS}
         ring.stabilize = \"off\"
         ring.fix_fingers = \"off\"
         ring.remember_failures = false
         network.latency = {{ model = \"constant\", one_way = \"10ms\" }}
         network.timeout = \"500ms\"
         workload = {{ lookups_per_s = 1e-3 }}
         phases = {{ warmup = \"1s\", measure = \"3s\" }}
         fault = [{{ at = \"100ms\", kind = \"crash\", fraction = 0.2 }}]"
    ));
    let gone = GONE.lock().expect("no test has panicked with it").clone();
    assert_eq!(gone.len(), NODES / 5);

    // The members at the start, in the places of their ranks.
    let mut rng = Rng::new(5, 0);
    let mut ids: Vec<Id> = (0..NODES).map(|_| Id::random(&mut rng)).collect();
    ids.sort_unstable();
    let is_live = |rank: usize| !gone.contains(&(rank as u32));
    let after = |rank: usize| (1..NODES).map(move |steps| (rank + steps) % NODES);
    let shape = Shape::for_ring(1, NODES, SUCCESSORS);
    let (mut first, mut lists, mut fingers) =
        (Expected::default(), Expected::default(), Expected::default());
    for me in (0..NODES).filter(|&rank| is_live(rank)) {
        let list: Vec<usize> = after(me).take(SUCCESSORS).collect();
        let right: Vec<usize> = after(me).filter(|&rank| is_live(rank)).take(SUCCESSORS).collect();
        first.add(Some(list[0]), Some(right[0]), is_live);
        list.iter()
            .zip(&right)
            .for_each(|(&entry, &right)| lists.add(Some(entry), Some(right), is_live));
        let slot_of = |rank: usize| shape.slot_of(ids[me].distance_to(ids[rank]));
        for slot in slot_of(list[SUCCESSORS - 1]) + 1..shape.slots() {
            let entry = after(me).find(|&rank| slot_of(rank) == slot);
            let right = after(me).find(|&rank| slot_of(rank) == slot && is_live(rank));
            fingers.add(entry, right, is_live);
        }
    }
    let tables = measured.health.tables.expect("the phase has samples");
    assert_eq!((tables.samples, tables.nodes), (3, 200));
    // The first sample, at the start of the phase, is before the crash.
    for (found, expected) in [
        (tables.first_successors, first.shares()),
        (tables.successors, lists.shares()),
        (tables.fingers, fingers.shares()),
    ] {
        assert_eq!((found.wrong.max, found.dead.max), expected);
        let mean = (found.wrong.mean * 1.5, found.dead.mean * 1.5);
        assert!((mean.0 - expected.0).abs() < 1e-12 && (mean.1 - expected.1).abs() < 1e-12);
        assert!(0.1 < expected.1 && expected.1 <= expected.0, "{expected:?}");
    }
    // All lists still have a live entry, so there is one ring.
    assert_eq!(tables.rings.map(|rings| (rings.max, rings.last)), Some((1, 1)));
    // Each claims what it did: nobody claims the arcs of those that are gone.
    let arc = |&place: &u32| {
        let before = ids[(place as usize + NODES - 1) % NODES];
        before.distance_to(ids[place as usize]).prefix() as f64 / 2_f64.powi(64)
    };
    let unclaimed: f64 = gone.iter().map(arc).sum();
    let ownership = tables.ownership.expect("all members were looked at");
    assert!((ownership.none.worst - unclaimed).abs() < 1e-9, "{ownership:?}, not {unclaimed}");
    assert!((ownership.one.worst - (1.0 - unclaimed)).abs() < 1e-9);
    assert_eq!((ownership.two.worst, ownership.more.worst), (0.0, 0.0));
    // The rows of the series are of single seconds.
    let rows = measured.series.iter().filter_map(|row| row.tables);
    let dead: Vec<f64> = rows.map(|sample| sample.successors.dead_share()).collect();
    assert_eq!(dead, [0.0, lists.shares().1, lists.shares().1, lists.shares().1][..dead.len()]);
    // Nobody looks at anybody, so nobody knows.
    let deaths = measured.health.deaths.expect("a ring");
    assert_eq!((deaths.false_deaths, deaths.detected), (0, 0));
    assert!(deaths.undetected >= gone.len() as u64, "{deaths:?}");
}

#[test]
fn a_live_member_that_is_declared_dead_is_a_false_death() {
    let measured = run_alarmist(
        "engine = \"sim\"
         nodes = 50
         check = false
         ring.successors = 4
         network.latency = { model = \"constant\", one_way = \"1ms\" }
         workload = { lookups_per_s = 100.0, deadline = \"1s\" }
         phases = { warmup = \"1s\", measure = \"10s\" }",
    );
    let deaths = measured.health.deaths.expect("a ring");
    let issued = measured.metrics.issued;
    // Lookups of the last milliseconds end after the phase.
    assert!(deaths.false_deaths.abs_diff(issued) < 10, "{} of {issued}", deaths.false_deaths);
    let per_million = deaths.false_deaths as f64 / measured.node_s * 1e6;
    assert!((deaths.false_deaths_per_million_node_s / per_million - 1.0).abs() < 1e-9);
    assert_eq!((deaths.refuted, deaths.detected, deaths.undetected), (0, 0, 0));
    // Declared by one node several times, it stands once.
    assert!(deaths.unrefuted > 0 && deaths.unrefuted <= deaths.false_deaths);
    assert_eq!(measured.health.goodput.correct_per_s, 0.0);
}

#[test]
fn a_steady_ring_over_udp_is_exact() {
    for nodes in [64, 1000] {
        let measured = run(&format!(
            "nodes = {nodes}
             threads = 2
             workload = {{ lookups_per_s = 500.0 }}
             phases = {{ warmup = \"500ms\", measure = \"3s\" }}"
        ));
        let health = measured.health;
        let tables = health.tables.expect("the phase has samples");
        assert!((2..=4).contains(&tables.samples), "{} samples", tables.samples);
        assert_eq!(tables.nodes, nodes);
        assert_eq!(tables.rings.map(|rings| (rings.max, rings.last)), Some((1, 1)));
        assert_eq!(tables.ownership.expect("all were looked at").one.worst, 1.0);
        for flaws in [tables.first_successors, tables.successors, tables.fingers] {
            assert_eq!((flaws.wrong.max, flaws.dead.max), (0.0, 0.0));
        }
        let deaths = health.deaths.expect("a ring");
        assert_eq!((deaths.false_deaths, deaths.detected, deaths.undetected), (0, 0, 0));
        assert!(health.cpu_us_per_lookup.is_some_and(|us| (1.0..1e6).contains(&us)));
        let goodput = health.goodput;
        assert!((400.0..600.0).contains(&goodput.offered_per_s), "{goodput:?}");
        assert!(measured.series.iter().any(|row| row.tables.is_some()));
    }
}

#[test]
fn only_rings_have_figures_of_rings() {
    for (system, is_ring) in [("ring", true), ("central", false), ("flood", false)] {
        let measured = run(&format!(
            "engine = \"sim\"
             system = \"{system}\"
             nodes = 40
             items.population = 100
             ring.successors = 4
             network.latency = {{ model = \"constant\", one_way = \"10ms\" }}
             phases = {{ warmup = \"1s\", measure = \"2s\" }}"
        ));
        let health = measured.health;
        assert_eq!(
            (health.tables.is_some(), health.deaths.is_some()),
            (is_ring, is_ring),
            "{system}"
        );
        assert!(health.goodput.offered_per_s > 0.0 && health.cpu_us_per_lookup.is_none());
    }
}
