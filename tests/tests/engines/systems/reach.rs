//! Floods, compared with a model of their graph.

use std::path::PathBuf;

use hopwise_harness::measure::{EngineError, Measured};
use hopwise_harness::scenario::Engine;
use hopwise_harness::systems::flood::graph::Graph;
use hopwise_kernel::Rng;

use super::run::{simulate, try_run};

const NODES: usize = 40;

/// A temporary file. It is removed on drop.
struct GraphFile(PathBuf);

impl GraphFile {
    fn new(name: &str, text: &str) -> GraphFile {
        let path = std::env::temp_dir().join(format!("hopwise-{}-{name}", std::process::id()));
        std::fs::write(&path, text).expect("the folder can be written to");
        GraphFile(path)
    }

    fn of(name: &str, graph: &Graph) -> GraphFile {
        let edge = |a: usize, b: u32| format!("{a} {b}\n");
        let edges = (0..graph.nodes())
            .flat_map(|a| graph.neighbors(a).iter().map(move |&b| (a, b)))
            .filter(|&(a, b)| a < b as usize);
        let text: String = edges.map(|(a, b)| edge(a, b)).collect();
        GraphFile::new(name, &text)
    }
}

impl Drop for GraphFile {
    fn drop(&mut self) {
        std::fs::remove_file(&self.0).ok();
    }
}

/// Runs floods with this TTL in the graph of `file`. Returns the number of queries and the number
/// of search messages.
///
/// Each item has one holder, so each successful query has one hit, and each hop of a hit is one
/// message. Holders that query their own items find nothing, and wait until the deadline, long
/// after the flood has ended.
fn searches(file: &GraphFile, ttl: u8) -> (u64, u64) {
    let floods = format!(
        "nodes = {NODES}
         threads = 1
         flood = {{ graph = \"file\", file = {:?}, ttl = {ttl}, ping = \"1h\",
                    remember_room = 8192 }}
         items = {{ population = 500, exponent = 0.0, replicas = 1.0, fuzzy = 0.0, fetch = false }}
         network = {{ latency = {{ model = \"constant\", one_way = \"10ms\" }} }}
         workload = {{ lookups_per_s = 20.0, deadline = \"60s\" }}
         phases = {{ warmup = \"0s\", lookups = 3000 }}",
        file.0
    );
    let measured = simulate(&["system = \"flood\"", &floods]);
    let metrics = &measured.metrics;
    assert_eq!((metrics.issued, metrics.incorrect), (3000, 0));
    assert!(metrics.failed > 0, "holders query their own items");
    assert!(measured.drops.iter().all(|&(reason, _)| reason == "repeat"), "{:?}", measured.drops);
    let hits: u64 = metrics.hops().iter().zip(0..).map(|(count, hops)| count * hops).sum();
    (metrics.issued, metrics.messages - hits)
}

#[test]
fn a_full_flood_sends_two_messages_per_edge_less_one_per_peer() {
    let graph = Graph::random(NODES, 5.0, &mut Rng::new(7, 0));
    let reached = |source| graph.reach(source, 32).last().map_or(0, |reach| reach.peers as usize);
    assert!((0..NODES).all(|source| reached(source) == NODES - 1), "the graph is connected");
    let file = GraphFile::of("full", &graph);
    let (floods, sent) = searches(&file, 32);
    assert_eq!(sent, floods * (2 * graph.edges() - (NODES - 1)) as u64);
}

#[test]
fn a_flood_reaches_as_far_as_its_ttl() {
    let graph = Graph::power_law(NODES, 4.0, &mut Rng::new(7, 0));
    let file = GraphFile::of("near", &graph);
    for ttl in 1..=4 {
        let (floods, sent) = searches(&file, ttl);
        let messages = |source| {
            let reach = graph.reach(source, ttl);
            reach.last().map_or(0.0, |reach| reach.messages as f64)
        };
        let all: Vec<f64> = (0..NODES).map(messages).collect();
        let mean = all.iter().sum::<f64>() / NODES as f64;
        let variance = all.iter().map(|it| (it - mean).powi(2)).sum::<f64>() / NODES as f64;
        let error = (variance / floods as f64).sqrt();
        let found = sent as f64 / floods as f64;
        assert!((found - mean).abs() <= 5.0 * error, "TTL {ttl}: {found}, not {mean} ± {error}");
    }
}

/// Runs floods in the graph that `text` describes, with this many nodes.
fn in_graph(name: &str, text: &str, nodes: u32) -> Result<Measured, EngineError> {
    let file = GraphFile::new(name, text);
    let floods = format!(
        "system = \"flood\"
         engine = \"sim\"
         nodes = {nodes}
         threads = 1
         flood = {{ graph = \"file\", file = {:?} }}
         items = {{ population = 4, replicas = 2.0 }}
         network = {{ latency = {{ model = \"constant\", one_way = \"10ms\" }} }}
         workload = {{ lookups_per_s = 10.0 }}
         phases = {{ warmup = \"0s\", lookups = 10 }}",
        file.0
    );
    try_run(Engine::Sim, &[&floods])
}

#[test]
fn corrections_to_a_graph_are_reported() {
    let measured = in_graph("odd", "0 1\n1 2\n2 2\n2 1\n# no more\n5 0\n", 4).expect("4 peers");
    let [warning] = &measured.warnings[..] else { panic!("{:?}", measured.warnings) };
    for part in ["to itself (1)", "repeated edges (1)", "no edge uses (2)"] {
        assert!(warning.contains(part), "{warning}");
    }
    let measured = in_graph("sound", "0 1\n1 2\n", 3).expect("3 peers");
    assert!(measured.warnings.is_empty(), "{:?}", measured.warnings);
}

#[test]
fn an_impossible_graph_is_refused() {
    for (name, text, nodes, part) in [
        ("line", "0 1\n1 x\n", 2, ":2: \"1 x\" is no edge"),
        ("size", "0 1\n1 2\n", 5, "write nodes = 3"),
        ("empty", "# nothing\n", 2, "0 edges"),
    ] {
        let Err(EngineError::Request(why)) = in_graph(name, text, nodes) else {
            panic!("{name}: a request error was expected");
        };
        assert!(why.contains(part), "{why}");
    }
}
