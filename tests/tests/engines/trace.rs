//! Churn from a trace: the director and both engines, compared with the file.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::time::Duration;

use hopwise_harness::churn::trace::Trace;
use hopwise_harness::churn::{NodesPerHost, Share};
use hopwise_harness::director::{Agreement, Director, NodeControl, Setup};
use hopwise_harness::live::Progress;
use hopwise_harness::measure::{EngineError, Measured};
use hopwise_harness::plug::NodeEvent;
use hopwise_harness::scenario::Engine;
use hopwise_harness::systems::Registry;
use hopwise_harness::workload::{KeyWorkload, Workload};
use hopwise_kernel::{Address, Id, Peer, Rng, Time};

fn at(ms: u64) -> Time {
    Time::ZERO + Duration::from_millis(ms)
}

/// Records the actions of a director.
#[derive(Default)]
struct Diary(Vec<String>, Vec<Peer>);

impl NodeControl<Id> for Diary {
    fn busiest(&mut self, _fault: u32) -> Option<u32> {
        None
    }

    fn address_of(&self, place: u32) -> Address {
        Address::from_bits(u64::from(place) + 1)
    }

    fn insert(&mut self, _at: Time, place: u32, peer: Peer) {
        self.0.push(format!("insert {place}"));
        self.1.push(peer);
    }

    fn join(&mut self, _at: Time, place: u32, _bootstraps: &[Peer]) {
        self.0.push(format!("join {place}"));
    }

    fn choose_place(&mut self, _at: Time, _place: u32, _bootstraps: &[Peer]) {}

    fn depart(&mut self, at: Time, place: u32, graceful: bool) {
        let ms = at.since(Time::ZERO).as_millis();
        self.0.push(format!("{} {place} at {ms}", if graceful { "leave" } else { "crash" }));
    }

    fn ask(&mut self, _at: Time, _place: u32, _key: Id, _token: u64, _number: u32) -> bool {
        false
    }
}

/// A director of a trace, with its members in places 0, 1, …
fn director(trace: &str, extra: &str) -> (Director<KeyWorkload>, Vec<Peer>) {
    let trace = Trace::parse(trace, "test").expect("it is a trace");
    let toml = format!(
        "nodes = {}
         ring = {{ successors = 1 }}
         churn = {{ model = \"trace\", file = \"test\", graceful = 1.0 {extra} }}
         workload = {{ lookups_per_s = 1e-9 }}
         phases = {{ warmup = \"1s\" }}",
        trace.members()
    );
    let scenario =
        Registry::built_in().from_toml(&toml, "test", &[]).expect("the scenario is valid");
    let mut rng = Rng::new(1, 0);
    let peer = |place| Peer { id: Id::random(&mut rng), address: Address::from_bits(place + 1) };
    let ring: Vec<Peer> = (0..trace.members() as u64).map(peer).collect();
    let seeds = Arc::new(ring.clone());
    let mut director = {
        let (places, to_join, trace) = (8, 0, Some(&trace));
        let workload = KeyWorkload::new(&scenario, &[]).expect("a key workload needs no data");
        let setup = Setup {
            places,
            per_host: NodesPerHost::ONE,
            to_join,
            agreement: Arc::new(Agreement::new(1)),
            seeds,
            trace,
            workload,
            has_server: false,
            chooses_place: false,
            binds_ids: false,
            admitted: None,
            starts_per_turn: usize::MAX,
            knows_costs: false,
            is_logged: false,
            feed: None,
        };
        Director::new(&scenario, Share::WHOLE, setup)
    };
    for peer in &ring {
        director.enter_member(peer.id, Time::ZERO);
    }
    // The warm-up, and with it the trace, begins at 0.
    director.set_phase(at(1000), at(100_000));
    (director, ring)
}

#[test]
fn a_director_does_what_the_trace_says() {
    // b and d come first, so they take places 0 and 1, and a takes 2.
    let trace = "1 a down\n 2 a up\n 3 b down\n 3.5 c up\n 4 c down\n 0 b up\n 0 d up";
    for (extra, same) in [(", rejoin = \"same-id\"", true), ("", false)] {
        let (mut director, ring) = director(trace, extra);
        let mut diary = Diary::default();
        assert_eq!(director.next_due(), at(1000));
        director.turn(&mut diary, at(0), at(999));
        assert!(diary.0.is_empty());
        director.turn(&mut diary, at(999), at(2500));
        assert_eq!(diary.0, ["leave 2 at 1000", "insert 2", "join 2"]);
        assert_eq!(diary.1[0].id == ring[2].id, same, "{extra}");
        assert_eq!(director.live(), 2);
        director.on_event(at(2600), 2, NodeEvent::Joined);
        assert_eq!(director.live(), 3);
        diary.0.clear();
        // c departs before it has joined.
        director.turn(&mut diary, at(2600), at(3700));
        director.turn(&mut diary, at(3700), at(4100));
        assert_eq!(diary.0, ["leave 0 at 3000", "insert 0", "join 0", "crash 0 at 4000"]);
        director.on_event(at(3990), 0, NodeEvent::Joined);
        assert_eq!(director.live(), 2, "an event from before its departure is ignored");
    }
}

#[test]
fn the_last_member_waits_until_another_has_joined() {
    let (mut director, _) = director("0 a up\n 0 b up\n 1 b down\n 2 c up\n 2.1 a down", "");
    let mut diary = Diary::default();
    director.turn(&mut diary, at(0), at(2500));
    assert_eq!(diary.0, ["leave 1 at 1000", "insert 1", "join 1"]);
    director.turn(&mut diary, at(2500), at(2600));
    director.on_event(at(2700), 1, NodeEvent::Joined);
    director.turn(&mut diary, at(2700), at(2800));
    assert_eq!(diary.0.last().map(String::as_str), Some("leave 0 at 2800"));
    assert!(director.members().eq([1]));
}

/// A temporary file. It is removed on drop.
struct File(PathBuf);

impl File {
    fn new(name: &str, text: &str) -> File {
        let path = std::env::temp_dir().join(format!("hopwise-{}-{name}", std::process::id()));
        fs::write(&path, text).expect("the temporary folder can be written");
        File(path)
    }
}

impl Drop for File {
    fn drop(&mut self) {
        fs::remove_file(&self.0).expect("the file can be removed");
    }
}

fn run(engine: Engine, file: &File, toml: &str) -> Result<Measured, EngineError> {
    let toml = format!(
        "churn = {{ model = \"trace\", file = {:?}, rejoin = \"same-id\" }}\n{toml}",
        file.0.display().to_string()
    );
    let scenario =
        Registry::built_in().from_toml(&toml, "test", &[]).expect("the scenario is valid");
    assert_eq!(scenario.engine, engine);
    let (interrupts, progress) = (AtomicU32::new(0), Progress::new(true, Duration::ZERO));
    Registry::built_in().run(&scenario, &interrupts, &progress)
}

/// A random trace, with the number of live nodes at each second and the numbers of joins and
/// departures. Half of 30 nodes and six more come and go. No join is in flight at a whole second.
fn random_trace(seed: u64) -> (String, Vec<usize>, [u64; 2]) {
    let mut rng = Rng::new(seed, 0);
    let mut is_up = [true; 36];
    is_up[30..].fill(false);
    let mut text: String = (15..30).map(|node| format!("0 n{node} up\n")).collect();
    let (mut counts, mut moves) = (vec![30], [0, 0]);
    for second in 0..10 {
        for node in (0..15).chain(30..36) {
            if rng.unit() < 0.1 {
                let away = if is_up[node] { "down" } else { "up" };
                text += &format!("{second}.{:03} n{node} {away}\n", rng.below(400) + 100);
                moves[usize::from(is_up[node])] += 1;
                is_up[node] = !is_up[node];
            }
        }
        counts.push(is_up.iter().filter(|up| **up).count());
    }
    // Nodes that were never down are not in the trace yet.
    let is_named = |node: &usize| text.contains(&format!(" n{node} "));
    let others: Vec<usize> = (0..15).filter(|node| !is_named(node)).collect();
    text.extend(others.iter().map(|node| format!("0 n{node} up\n")));
    (text, counts, moves)
}

#[test]
fn a_simulation_has_the_members_of_the_trace() {
    for seed in 1..4 {
        let (text, counts, [came, gone]) = random_trace(seed);
        let file = File::new(&format!("sim-{seed}.txt"), &text);
        let digest = |threads: u32| {
            let measured = run(
                Engine::Sim,
                &file,
                &format!(
                    "engine = \"sim\"
                     nodes = 30
                     threads = {threads}
                     ring = {{ successors = 8, stabilize = \"200ms\" }}
                     network = {{ latency = {{ model = \"constant\", one_way = \"5ms\" }} }}
                     workload = {{ lookups_per_s = 100.0 }}
                     phases = {{ warmup = \"0s\", measure = \"10s\" }}"
                ),
            )
            .expect("the scenario runs");
            for row in &measured.series {
                let expected = counts[(row.t_s.round() as usize).min(counts.len() - 1)];
                // A node is a member when its successor knows it, which takes a moment.
                let live = expected - 2..=expected;
                assert!(live.contains(&row.live_nodes), "seed {seed} at {}: {row:?}", row.t_s);
            }
            assert!(measured.series.len() >= 9);
            let membership = &measured.membership;
            assert!((came - 2..=came).contains(&membership.joins), "seed {seed}: {membership:?}");
            assert_eq!(membership.leaves + membership.crashes, gone, "seed {seed}");
            assert!(membership.leaves > 0 && membership.crashes > 0);
            let metrics = &measured.metrics;
            // A tenth of the movable nodes move each second, but most answers are still correct.
            assert!(metrics.correct * 10 > metrics.issued * 8, "{} correct", metrics.correct);
            measured.simulation.expect("a simulation").trace_digest
        };
        assert_eq!(digest(1), digest(2));
    }
}

#[test]
fn real_nodes_follow_the_trace() {
    let text = "0 a up\n0 b up\n0 c up\n0 d up\n0 e up\n0 f up\n0.3 a down\n0.4 b down\n\
                0.5 g up\n0.6 h up\n0.9 a up\n1.2 c down\n";
    let file = File::new("udp.txt", text);
    let toml = "nodes = 6\nthreads = 2\nring = { successors = 4, stabilize = \"100ms\" }\n\
                workload = { lookups_per_s = 200.0 }\n\
                phases = { warmup = \"200ms\", measure = \"8s\" }\n";
    // A node that joins beside one that has crashed is a member once that has been noticed.
    let measured = run(Engine::Udp, &file, toml).expect("the scenario runs");
    let membership = &measured.membership;
    assert_eq!(membership.joins, 3);
    assert_eq!(membership.leaves + membership.crashes, 3);
    assert_eq!(measured.series.last().map(|row| row.live_nodes), Some(6));
    assert!(measured.metrics.completed * 10 > measured.metrics.issued * 8);
}

#[test]
fn a_trace_that_does_not_fit_is_a_clear_request_error() {
    let file = File::new("misfit.txt", "0 a up\n0 b up\n0 c up\n1 a down\n2 c down\n");
    let ring = "ring = { successors = 1 }";
    let request = |result: Result<Measured, EngineError>| match result {
        Err(EngineError::Request(message)) => message,
        other => panic!("a request error was expected, not {:?}", other.map(|_| ())),
    };
    let sim = request(run(Engine::Sim, &file, &format!("engine = \"sim\"\nnodes = 4\n{ring}")));
    let udp = request(run(Engine::Udp, &file, &format!("nodes = 4\n{ring}")));
    assert!(sim.ends_with("3 nodes are up at the start, but nodes = 4: write nodes = 3"), "{sim}");
    assert_eq!(sim, udp);
    let alone = request(run(Engine::Udp, &file, &format!("nodes = 3\nthreads = 2\n{ring}")));
    assert!(alone.contains("misfit.txt:5: no node is up among"), "{alone}");
    assert!(alone.contains("write threads = 1"), "{alone}");
}
