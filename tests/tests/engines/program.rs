//! A third-party program with its own system, keys and scenario. Every command works for it as for
//! the ring.
//!
//! **Invariant:** uses only the public interface of the harness.

use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;

use hopwise_harness::app::Program;
use hopwise_harness::commands::options::Exit;
use hopwise_harness::measure::growth::{Figure, Law};
use hopwise_harness::plug::{NoChecker, NodeEvent, Setting, System};
use hopwise_harness::scenario::{
    Impossible, Key, Named, Scenario, Schema, Section, require, require_or_adapt,
};
use hopwise_harness::systems::ring::Ring;
use hopwise_harness::systems::{AnySystem, Registry, RingSystem};
use hopwise_harness::workload::KeyWorkload;
use hopwise_kernel::ring::{Event, Ring as RingProtocol, RingCodec, RingNode};
use hopwise_kernel::{Context, Id, Peer, Rng};
use serde::{Deserialize, Serialize};

/// A ring with its own configuration keys.
#[derive(Clone, Debug)]
struct Own(RingSystem);

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct OwnSection {
    list: u32,
}

impl Default for OwnSection {
    fn default() -> OwnSection {
        OwnSection { list: 12 }
    }
}

impl Section for OwnSection {
    const NAME: &'static str = "own";
    const KEYS: &'static [Key] = &[
        Key::table("own", "A ring of one's own."),
        Key::integer("own.list", "a whole number from 1 to 40", "Length of the list."),
    ];

    fn check(&self, all: &Scenario) -> Result<(), Impossible> {
        require((1..=40).contains(&self.list), "own.list")?;
        require_or_adapt(self.list < all.nodes, "own.list", all.nodes - 1, || {
            format!("a whole number from 1 to {}", all.nodes - 1)
        })
    }
}

/// The scenario as the ring understands it.
fn ring_like(scenario: &Scenario) -> Scenario {
    let mut ring = scenario.clone();
    ring.section_mut::<Ring>().successors = scenario.section::<OwnSection>().list;
    ring
}

impl System for Own {
    type Node = RingNode;
    type Codec = RingCodec;
    type Workload = KeyWorkload;
    type Checker = NoChecker;
    type Section = OwnSection;

    const NAME: &'static str = "own";
    const GROWTH: &'static [(Figure, Law)] = &[(Figure::MessagesPerQuery, Law::Logarithmic)];

    fn members_at_start(scenario: &Scenario) -> usize {
        RingSystem::members_at_start(&ring_like(scenario))
    }

    fn memory_needed_bytes(scenario: &Scenario, nodes: usize) -> u64 {
        RingSystem::memory_needed_bytes(&ring_like(scenario), nodes)
    }

    fn new(setting: &Setting<'_, KeyWorkload>) -> Result<Own, String> {
        let scenario = ring_like(setting.scenario);
        RingSystem::new(&Setting { scenario: &scenario, ..*setting }).map(Own)
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

    fn leave(&self, node: &mut RingNode, cx: &mut Context<'_, RingProtocol>) {
        self.0.leave(node, cx);
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
        RingSystem::node_event(event, payload)
    }

    fn entries(&self, node: &RingNode) -> usize {
        self.0.entries(node)
    }

    fn memory_bytes(&self, node: &RingNode) -> usize {
        self.0.memory_bytes(node)
    }
}

const SYSTEMS: &[&dyn AnySystem] = hopwise_harness::systems![Own];
const SCENARIOS: &[Named] = &[Named {
    name: "small",
    source: "# Fifty nodes for half a second\n\
             nodes = 50\nthreads = 1\nown.list = 5\nring.successors = 2\nexpect.failed = 0.9\n\
             workload.lookups_per_s = 200.0\nphases = { warmup = \"200ms\", measure = \"500ms\" }\n",
}];

fn schema() -> Schema {
    Registry::with(SYSTEMS, SCENARIOS).schema().clone()
}

/// Runs `own` with these arguments and writes its results to a folder.
fn own(folder: &str, arguments: &str) -> (PathBuf, Exit) {
    let folder = std::env::temp_dir().join(format!("hopwise-own-{folder}-{}", std::process::id()));
    let words = ["own"].into_iter().chain(arguments.split_whitespace());
    let out = ["--out".into(), folder.clone().into_os_string(), "--quiet".into()];
    let program = Program::new("own", "2.5.0").systems(SYSTEMS).scenarios(SCENARIOS);
    let exit = program.run(words.map(OsString::from).chain(out));
    (folder, exit)
}

/// Reads a command's JSON document, and removes its folder.
fn document((folder, exit): (PathBuf, Exit), name: &str) -> serde_json::Value {
    let fine = [Exit::Success, Exit::LoadTooHigh];
    assert!(fine.contains(&exit), "only a late start on a busy host is acceptable: {exit:?}");
    let text = fs::read_to_string(folder.join(name)).expect("it was written");
    fs::remove_dir_all(folder).expect("the folder can be removed");
    serde_json::from_str(&text).expect("it is JSON")
}

#[test]
fn it_runs_on_both_engines_under_its_own_name() {
    for engine in ["udp", "sim"] {
        let ran = own(engine, &format!("run small --engine {engine}"));
        let outcome = document(ran, "outcome.json");
        let at = |path: &str| outcome.pointer(path).unwrap_or_else(|| panic!("{path}"));
        assert_eq!(at("/scenario/system"), "own", "the first system of a program is its default");
        assert_eq!(at("/scenario/own/list"), 5);
        assert_eq!((at("/build/program"), at("/build/version")), (&"own".into(), &"2.5.0".into()));
        assert!(at("/lookups/correct").as_u64() > Some(10), "{engine}: {}", at("/lookups"));
    }
}

#[test]
fn it_is_swept_and_repeated_with_seeds() {
    let table =
        document(own("sweep", "sweep small --engine sim --vary own.list=3,6"), "sweep.json");
    assert_eq!(table["points"][1]["parameters"]["own.list"], 6);
    assert_eq!(table["build"]["program"], "own");
    let (folder, exit) = own("seeds", "run small --engine sim --seeds 1..4 --set expect.correct=2");
    assert_eq!(exit, Exit::BadRequest, "2 is not a fraction: {folder:?}");
    let campaign = own("seeds", "run small --engine sim --seeds 1..4");
    assert_eq!(document(campaign, "campaign.json")["ran"], 3);
}

#[test]
fn a_system_without_items_is_compared_by_keys() {
    let compared = own("compare", "compare --systems own,ring --nodes 16,32");
    let comparison = document(compared, "compare.json");
    let rows = comparison["rows"].as_array().expect("rows");
    let systems: Vec<&str> = rows.iter().filter_map(|row| row["system"].as_str()).collect();
    assert_eq!(systems, ["own", "own", "ring", "ring"]);
    assert!(rows.iter().all(|row| row["success"].as_f64() > Some(0.9)), "{rows:?}");
    assert_eq!(comparison["items"], false);
    let growth = comparison["growth"].as_array().expect("fits");
    assert!(growth.iter().any(|fit| fit["system"] == "own" && fit["expected"] == "O(log N)"));
    let verdict = comparison["verdicts"][0].as_str().expect("a line");
    assert!(
        verdict.starts_with("own: ") && verdict.contains("are answered correctly"),
        "{verdict}"
    );

    let (_, exit) = own("nothing", "compare --systems own,central --nodes 16");
    assert_eq!(exit, Exit::BadRequest, "one knows only keys, the other only items");
}

#[test]
fn its_keys_are_read_checked_and_written_like_all_others() {
    let schema = schema();
    let set = |key: &str, value: &str| schema.load("small", &[(key.to_owned(), value.to_owned())]);
    let scenario = set("own.list", "7").expect("the scenario is valid");
    assert_eq!(scenario.section::<OwnSection>().list, 7);
    let again = schema.from_toml(&scenario.to_toml(), "another", &[]);
    assert_eq!(again, Ok(scenario));
    for (key, value, expected) in [
        ("own.lits", "7", "the nearest is own.list"),
        ("own.list", "0", "own.list = 0 is not accepted: write a whole number from 1 to 40"),
        ("own.list", "many", "own.list = \"many\" is not accepted: write a whole number"),
        ("system", "onw", "\"own\", \"ring\", \"central\" or \"flood\" (the nearest is \"own\")"),
        ("items.population", "5", "items is not accepted with system = \"own\""),
    ] {
        let error = set(key, value).expect_err(expected).to_string();
        assert!(error.contains(expected), "{error}");
    }
    let of_items = [("system".to_owned(), "own".to_owned())];
    let napster = schema.load("napster", &of_items).expect("its items are left out");
    assert_eq!(napster.items, None);
}
