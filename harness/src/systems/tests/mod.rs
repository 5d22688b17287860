//! Laws of scenarios: what is written reads back, and what is wrong is answered in one message.
//!
//! **Invariant:** every key of the table of known keys is exercised.

mod adapted;
mod messages;

use std::time::Duration;

use super::Registry;
use crate::scenario::*;

/// Keys and values to set.
type Pairs = &'static [(&'static str, &'static str)];

fn schema() -> Schema {
    Registry::built_in().schema().clone()
}

fn overrides(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

fn with(pairs: &[(&str, &str)]) -> Result<Scenario, ScenarioError> {
    schema().from_toml("", "test", &overrides(pairs))
}

fn assert_reads_back(scenario: &Scenario) {
    let text = scenario.to_toml();
    let again = schema().from_toml(&text, "another", &[]);
    assert_eq!(again.as_ref(), Ok(scenario), "{text}");
}

#[test]
fn an_empty_text_is_the_default() {
    let empty = with(&[]).expect("every value has a default");
    assert_eq!(empty, Scenario { name: "test".into(), ..schema().default_scenario() });
    assert_reads_back(&empty);
}

#[test]
fn named_scenarios_load_and_read_back() {
    for named in BUILT_IN {
        let scenario = schema().load(named.name, &[]).expect(named.name);
        assert_eq!(scenario.name, named.name);
        assert!(named.source.starts_with("# ") && named.description().len() > 20);
        assert_reads_back(&scenario);
    }
}

#[test]
fn json_reads_back_too() {
    for named in BUILT_IN {
        let scenario = schema().load(named.name, &[]).expect(named.name);
        let json = serde_json::to_string(&scenario).expect("plain data");
        let table: toml::Table = serde_json::from_str(&json).expect("plain data");
        let again = schema().from_toml(&table.to_string(), "another", &[]);
        assert_eq!(again, Ok(scenario), "{json}");
    }
}

const MATRIX: Pairs =
    &[("network.latency.model", "matrix"), ("network.latency.file", "delays.txt")];

const CHANGE: Pairs =
    &[("workload.profile.0.at", "5s"), ("workload.profile.0.lookups_per_s", "2x")];

const FLOODS: (&str, &str) = ("system", "flood");
const FLOOD: Pairs = &[FLOODS];
const STORE: Pairs = &[("store.population", "10")];

/// A value for every key, none of them the default, and what else must be set for it.
const EXAMPLES: &[(&str, &str, Pairs)] = &[
    ("name", "other", &[]),
    ("system", "central", &[]),
    ("engine", "udp", &[]),
    ("nodes", "100", &[]),
    ("seed", "9223372036854775807", &[]),
    ("start", "joined", &[]),
    ("threads", "64", &[]),
    ("wire", "true", &[]),
    ("check", "false", &[("engine", "sim")]),
    ("udp", "{ pin = false }", &[]),
    ("udp.sockets", "per-node", &[]),
    ("udp.bind", "127.0.0.2:4000", &[]),
    ("udp.datagram", "9000", &[]),
    ("udp.pin", "false", &[]),
    ("ring", "{ base = 4 }", &[]),
    ("ring.base", "256", &[]),
    ("ring.successors", "8", &[]),
    ("ring.ids", "address", &[]),
    ("ring.lookup", "iterative", &[]),
    ("ring.answer", "predecessor", &[]),
    ("ring.stabilize", "off", &[]),
    ("ring.fix_fingers", "250ms", &[]),
    ("ring.remember_failures", "false", &[]),
    ("ring.first_hops", "4", &[]),
    ("ring.replicas", "5", &[]),
    ("ring.place", "split-largest", &[]),
    ("ring.place_samples", "3", &[]),
    ("ring.virtual_nodes", "20", &[]),
    ("flood", "{ ttl = 5 }", &[]),
    ("flood.graph", "power-law", FLOOD),
    ("flood.degree", "8.5", FLOOD),
    ("flood.file", "some folder/graph.txt", FLOOD),
    ("flood.ttl", "3", FLOOD),
    ("flood.strategy", "random-walk", FLOOD),
    ("flood.round_wait", "500ms", FLOOD),
    ("flood.walkers", "32", FLOOD),
    ("flood.walk_ttl", "100", FLOOD),
    ("flood.check_every", "1", FLOOD),
    ("flood.ping", "3s", FLOOD),
    ("flood.remember", "1m", FLOOD),
    ("flood.remember_room", "16", FLOOD),
    ("items", "{ population = 10 }", &[]),
    ("items.population", "1000000", &[]),
    ("items.exponent", "0.6", &[("system", "central")]),
    ("items.replicas", "1", &[]),
    ("items.replication", "square-root", FLOOD),
    ("items.fuzzy", "0.0", &[]),
    ("items.bytes", "1", &[]),
    ("items.fetch", "false", &[]),
    ("items.refresh", "10s", &[]),
    ("items.publish_within", "0s", &[]),
    ("items.publish", "words", &[]),
    ("items.references_per_word", "65536", &[]),
    ("store", "{ population = 10 }", &[]),
    ("store.kind", "reference", &[]),
    ("store.operations", "ycsb-f", &[]),
    ("store.reads", "0.9", STORE),
    ("store.population", "1000000", &[]),
    ("store.value_bytes", "16", &[]),
    ("store.lifetime", "1s", &[]),
    ("store.preload", "false", &[]),
    ("store.popular_reads_per_s", "0", &[]),
    ("store.repair", "off", &[]),
    ("store.repair_bytes_per_s", "1000", &[]),
    ("store.node_items", "100", &[]),
    ("store.node_bytes", "1", &[]),
    ("store.keys", "{ distribution = \"zipf\" }", &[]),
    ("store.keys.distribution", "latest", &[]),
    ("store.keys.exponent", "0.5", &[("store.keys.distribution", "zipf")]),
    ("network", "{ loss = 0.5 }", &[]),
    ("network.latency", "{ model = \"constant\", one_way = \"7ms\" }", &[]),
    ("network.latency.model", "constant", &[]),
    ("network.latency.one_way", "20ms", &[("network.latency.model", "constant")]),
    ("network.latency.min", "5ms", &[("network.latency.model", "uniform")]),
    ("network.latency.max", "5s", &[("network.latency.model", "uniform")]),
    ("network.latency.mean", "30us", &[("network.latency.model", "\"exponential\"")]),
    ("network.latency.side", "20ms", &[("network.latency.model", "euclidean")]),
    ("network.latency.base", "0s", &[("network.latency.model", "euclidean")]),
    ("network.latency.file", "hosts.txt", &[("network.latency.model", "coordinates")]),
    ("network.latency.unit", "us", MATRIX),
    ("network.latency.reuse", "modulo", MATRIX),
    ("network.loss", "0.25", &[]),
    ("network.duplication", "0.01", &[]),
    ("network.reordering", "0.1", &[]),
    ("network.timeout", "500ms", &[]),
    ("network.node_rate", "1000", &[("engine", "sim")]),
    ("network.node_queue", "64", &[]),
    ("churn", "{ model = \"poisson\" }", &[]),
    ("churn.model", "sessions", &[]),
    ("churn.file", "some folder/trace.txt", &[("churn.model", "off")]),
    ("churn.joins_per_s", "3", &[]),
    ("churn.departures_per_s", "0", &[]),
    ("churn.session", "{ distribution = \"pareto\", mean = \"2h\", shape = 1.5 }", &[]),
    ("churn.session.distribution", "weibull", &[]),
    ("churn.session.mean", "90s", &[]),
    ("churn.session.shape", "0.4", &[("churn.session.distribution", "weibull")]),
    ("churn.downtime", "none", &[]),
    ("churn.downtime.distribution", "pareto", &[]),
    ("churn.downtime.mean", "10min", &[]),
    ("churn.downtime.shape", "3", &[("churn.downtime.distribution", "pareto")]),
    ("churn.graceful", "1", &[]),
    ("churn.rejoin", "same-id", &[]),
    ("churn.start", "all-up", &[]),
    ("churn.bootstraps", "3", &[]),
    ("workload", "{ in_flight = 7 }", &[]),
    ("workload.lookups_per_s", "12.5", &[]),
    ("workload.lookup_interval", "10min", &[]),
    ("workload.in_flight", "64", &[]),
    ("workload.profile", "[{ at = \"1s\", lookups_per_s = 9, over = \"2s\" }]", &[]),
    ("workload.profile.0.at", "2s", &[("workload.profile.0.lookups_per_s", "5")]),
    ("workload.profile.0.lookups_per_s", "0", &[("workload.profile.0.at", "5s")]),
    ("workload.profile.0.over", "1s", CHANGE),
    ("workload.deadline", "1m", &[]),
    ("workload.keys", "{ distribution = \"zipf\", exponent = 0.8 }", &[]),
    ("workload.keys.distribution", "zipf", &[]),
    ("workload.keys.exponent", "1.2", &[("workload.keys.distribution", "zipf")]),
    ("workload.keys.population", "10", &[("workload.keys.distribution", "zipf")]),
    ("phases", "{ warmup = \"0s\" }", &[]),
    ("phases.warmup", "1s 500ms", &[]),
    ("phases.measure", "1h", &[]),
    ("phases.lookups", "10000", &[]),
    ("expect", "{ failed = 0.0 }", &[]),
    ("expect.completed", "0.9", &[]),
    ("expect.correct", "1.0", &[]),
    ("expect.failed", "0.1", &[]),
    ("expect.anomalies", "0", STORE),
    ("fault", "[{ kind = \"leave\", count = 3 }]", &[]),
    ("fault.0.at", "2s", &[("fault.0.kind", "crash"), ("fault.0.count", "1")]),
    ("fault.0.over", "3s", &[("fault.0.kind", "crash"), ("fault.0.count", "1")]),
    ("fault.0.kind", "join", &[("fault.0.fraction", "0.5")]),
    ("fault.0.until", "4s", &[("fault.0.kind", "partition"), ("fault.0.fraction", "0.5")]),
    (
        "fault.0.direction",
        "in",
        &[("fault.0.kind", "partition"), ("fault.0.fraction", "0.5"), ("fault.0.until", "4s")],
    ),
    ("fault.0.groups", "[0.5, 0.3]", &[("fault.0.kind", "partition"), ("fault.0.until", "4s")]),
    (
        "fault.0.beyond",
        "30ms",
        &[
            ("network.latency.model", "king"),
            ("fault.0.kind", "partition"),
            ("fault.0.until", "4s"),
        ],
    ),
    (
        "fault.0.by",
        "300ms",
        &[("fault.0.kind", "delay"), ("fault.0.fraction", "0.5"), ("fault.0.until", "4s")],
    ),
    (
        "fault.0.drift",
        "0.05",
        &[
            ("engine", "sim"),
            ("fault.0.kind", "clock"),
            ("fault.0.fraction", "0.5"),
            ("fault.0.until", "4s"),
        ],
    ),
    (
        "fault.0.lie",
        "claim",
        &[("fault.0.kind", "malicious"), ("fault.0.fraction", "0.5"), ("fault.0.until", "4s")],
    ),
    ("fault.0.target", "busiest", &[("fault.0.kind", "crash"), ("fault.0.count", "1")]),
    ("fault.0.fraction", "0.5", &[("fault.0.kind", "leave")]),
    ("fault.0.count", "5", &[("fault.0.kind", "crash")]),
];

#[test]
fn every_key_can_be_set_and_reads_back() {
    let schema = schema();
    let exercised: Vec<String> = EXAMPLES.iter().map(|(key, ..)| key.replace(".0", "")).collect();
    let known: Vec<&str> = schema.keys().map(|key| key.path).collect();
    assert_eq!(exercised, known, "one example per known key, in order");

    let only_choices = ["engine"];
    for (key, value, context) in EXAMPLES {
        let before = with(context).ok();
        let mut pairs = context.to_vec();
        pairs.push((key, value));
        let scenario = with(&pairs).unwrap_or_else(|error| panic!("{error}"));
        assert!(only_choices.contains(key) || before.as_ref() != Some(&scenario), "{key} is inert");
        assert_reads_back(&scenario);
    }
}

#[test]
fn a_value_of_another_type_is_refused_with_the_types_own_words() {
    let schema = schema();
    for (path, _, context) in EXAMPLES {
        let key = schema.find_key(&without_indices(path)).expect("a known key");
        let wrong: &[&str] = match key.kind {
            Kind::Table => &["3", "a-word", "[1, 2]"],
            Kind::TableOr(_) | Kind::DurationOr(_) => &["3", "another-word", "[1, 2]"],
            Kind::Tables => &["3", "a-word", "{}", "[[1, 2]]"],
            Kind::Word(_) => &["3", "another-word", "true", "{}"],
            Kind::Text | Kind::Path => &["true", "[1, 2]", "{}"],
            Kind::Boolean => &["3", "a-word"],
            Kind::Integer => &["2.5", "a-word", "true"],
            Kind::Number => &["a-word", "true", "{}"],
            Kind::Numbers => &["3", "a-word", "[true]", "[[1, 2]]", "[-1]"],
            Kind::Rate => &["a-word", "x", "3 x", "-3x", "infx", "true", "{}"],
            Kind::Duration => &["3", "a-word", "true"],
        };
        for value in wrong {
            let mut pairs = context.to_vec();
            pairs.push((path, value));
            let error = with(&pairs).expect_err(&format!("{path} = {value}")).to_string();
            assert!(error.contains(&*schema.accepted(key)), "{path} = {value}: {error}");
        }
    }
}

#[test]
fn every_word_and_no_other_is_taken_where_a_word_is() {
    let schema = schema();
    for (path, _, context) in EXAMPLES {
        let key = schema.find_key(&without_indices(path)).expect("a known key");
        let words = match key.kind {
            Kind::Word(words) => words,
            Kind::TableOr(word) | Kind::DurationOr(word) => &[word],
            _ => continue,
        };
        for word in words {
            let context = context.iter().copied().filter(|(other, _)| other != path);
            let pairs: Vec<_> = context.chain([(*path, *word)]).collect();
            let Err(error) = with(&pairs) else { continue };
            let refused = format!("{path} = {word:?} is not accepted: write {}", key.accepted());
            assert!(!error.to_string().contains(&refused), "{error}");
        }
    }
}

#[test]
fn an_override_replaces_the_alternatives_that_a_file_chose() {
    for group in [Workload::ALTERNATIVES, Phases::ALTERNATIVES].concat() {
        let value = |key: &str| {
            EXAMPLES.iter().find(|(example, ..)| *example == key).map_or("", |example| example.1)
        };
        for chosen in group {
            for instead in group {
                let text = with(&[(chosen, value(chosen))]).expect(chosen).to_toml();
                let pair = (*instead, value(instead));
                let changed = schema().from_toml(&text, "test", &overrides(&[pair]));
                assert_eq!(changed, with(&[pair]), "{chosen} then {instead}");
            }
        }
    }
    let uniform = "network.latency = { model = \"uniform\", min = \"1ms\", max = \"2ms\" }";
    let changed = overrides(&[("network.latency.model", "constant")]);
    let latency = schema().from_toml(uniform, "test", &changed).expect("details go").network;
    assert_eq!(latency.latency, Latency::Constant { one_way: Duration::from_millis(50) });
}

#[test]
fn of_two_overrides_the_later_holds() {
    assert_eq!(with(&[("nodes", "64"), ("nodes", "128")]).map(|scenario| scenario.nodes), Ok(128));
}

#[test]
fn durations_are_written_as_people_do() {
    let scenario = with(&[("phases.measure", "3600s"), ("ring.stabilize", "500ms")]);
    let text = scenario.expect("these are durations").to_toml();
    assert!(text.contains("measure = \"1h\"") && text.contains("stabilize = \"500ms\""), "{text}");
}

#[test]
fn systems_other_than_the_ring_always_have_items() {
    let items = |system| with(&[("system", system)]).expect("every value has a default").items;
    assert_eq!(items("ring"), None);
    for system in ["central", "flood"] {
        assert_eq!(items(system), Some(Items::default()));
    }
}

#[test]
fn the_section_of_another_system_has_no_effect() {
    assert!(with(&[("flood.ttl", "0")]).is_ok(), "a ring does not flood");
    let few = [("system", "flood"), ("nodes", "8"), ("ring.successors", "16")];
    assert!(with(&few).is_ok(), "a flooding peer has no successors");
}

#[test]
fn crashed_nodes_may_return() {
    let faults = "[{ kind = \"return\", at = \"2s\", fraction = 1.0 }, \
                   { kind = \"crash\", target = \"busiest\", count = 1 }, \
                   { kind = \"leave\", at = \"1s\", count = 2 }]";
    let scenario = with(&[("fault", faults)]).expect("the crash comes first");
    let kinds = scenario.faults.iter().map(|fault| fault.kind).collect::<Vec<_>>();
    assert!(
        kinds == [FaultKind::Return, FaultKind::Crash(Target::Busiest), FaultKind::Leave],
        "{kinds:?}"
    );
    assert_reads_back(&scenario);
}

#[test]
fn partitions_say_when_they_end_and_whom_they_strike() {
    let partition = |rest: &str| {
        let fault = format!("[{{ kind = \"partition\", at = \"1s\", {rest} }}]");
        with(&[("fault", &fault), ("phases.measure", "9s")])
    };
    for (direction, wanted) in
        [("both", Direction::Both), ("in", Direction::In), ("out", Direction::Out)]
    {
        let rest = format!("until = \"3s\", fraction = 0.5, direction = \"{direction}\"");
        let scenario = partition(&rest).expect("it is whole");
        let fault = &scenario.faults[0];
        let wanted = FaultKind::Disturbance(DisturbanceKind::Partition(wanted));
        assert_eq!((fault.kind, fault.over.as_secs()), (wanted, 2));
        assert_reads_back(&scenario);
    }
    for (rest, wanted) in [
        ("fraction = 0.5", "fault.0.until"),
        ("fraction = 0.5, until = \"1s\"", "a duration above \"1s\""),
        ("fraction = 0.5, until = \"10s\"", "write \"9s\" at most"),
        ("count = 5, until = \"2s\"", "write fraction instead"),
        ("fraction = 2.0, until = \"2s\"", "fault.0.fraction"),
        ("until = \"2s\"", "fault.0 lacks fraction or count"),
        ("groups = [0.7, 0.4], until = \"2s\"", "write a list of 1 to 8 numbers above 0"),
        ("groups = [], until = \"2s\"", "fault.0.groups = [] is not accepted"),
        ("groups = [0.5], fraction = 0.5, until = \"2s\"", "write one of them"),
        ("groups = [0.5], direction = \"in\", until = \"2s\"", "write one of them"),
        ("beyond = \"30ms\", until = \"2s\"", "write fraction or groups instead, or a network"),
        ("beyond = \"0s\", until = \"2s\"", "write a duration above zero"),
    ] {
        let refused = partition(rest).expect_err(rest).to_string();
        assert!(refused.contains(wanted), "{rest}: {refused}");
    }
}

#[test]
fn partitions_into_groups_and_by_distance_read_back() {
    let partition = |rest: &str| {
        let fault = format!("[{{ kind = \"partition\", until = \"3s\", {rest} }}]");
        with(&[("fault", &fault), ("network.latency.model", "king")]).expect("it is whole")
    };
    let FaultKind::Disturbance(DisturbanceKind::Groups(groups)) =
        partition("groups = [0.34, 0.33, 0.33]").faults[0].kind
    else {
        panic!("another kind")
    };
    assert_eq!(groups.count(), 3);
    let beyond = FaultKind::Disturbance(DisturbanceKind::Beyond(Duration::from_millis(30)));
    assert_eq!(partition("beyond = \"30ms\"").faults[0].kind, beyond);
    for rest in ["groups = [0.34, 0.33, 0.33]", "groups = [1]", "beyond = \"30ms\""] {
        let scenario = partition(rest);
        assert_eq!(scenario.faults[0].kind.word(), "partition");
        assert_reads_back(&scenario);
    }
}

#[test]
fn every_disturbance_reads_back_and_refuses_what_makes_no_sense() {
    let disturb = |kind: &str, rest: &str, more: &[(&str, &str)]| {
        let fault =
            format!("[{{ kind = {kind:?}, at = \"1s\", until = \"3s\", fraction = 0.5{rest} }}]");
        let all =
            [&[("fault", &fault[..]), ("phases.measure", "9s"), ("engine", "sim")], more].concat();
        with(&all)
    };
    for kind in FaultKind::WORDS.into_iter().skip(4) {
        let scenario = disturb(kind, "", &[]).expect(kind);
        let read = scenario.faults[0].kind;
        assert!(read.word() == kind && read.lasts(), "{kind}");
        assert_reads_back(&scenario);
    }
    for (kind, rest, more, wanted) in [
        ("delay", ", by = \"0s\"", &[][..], "write a duration above zero"),
        ("clock", ", drift = 0.2", &[], "write a number above 0 and at most 0.1"),
        ("loss", ", by = \"1s\"", &[], "fault.0.by"),
        ("loss", ", over = \"1s\"", &[], "fault.0.over"),
        ("clok", "", &[], "fault.0.kind = \"clok\" is not accepted"),
        ("pause", "", &[("network.node_rate", "100")], "leave out network.node_rate"),
    ] {
        let refused = disturb(kind, rest, more).expect_err(kind).to_string();
        assert!(refused.contains(wanted), "{kind}{rest}: {refused}");
    }
}

#[test]
fn every_model_of_latency_reads_back() {
    for (model, file) in [
        ("none", false),
        ("constant", false),
        ("uniform", false),
        ("exponential", false),
        ("euclidean", false),
        ("king", false),
        ("coordinates", true),
        ("matrix", true),
    ] {
        let mut pairs = vec![("network.latency.model", model)];
        pairs.extend(file.then_some(("network.latency.file", "some folder/hosts.txt")));
        let scenario = with(&pairs).expect(model);
        assert!(scenario.to_toml().contains(&format!("model = \"{model}\"")), "{model}");
        assert_reads_back(&scenario);
    }
}
