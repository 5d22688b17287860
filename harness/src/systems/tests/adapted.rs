//! Defaults that do not fit adapt, and values that the user wrote are taken as they are.
//!
//! **Invariant:** a scenario that adapted reads back as itself, with nothing left to adapt.

use std::fs;

use super::*;
use crate::systems::flood::Flood;
use crate::systems::ring::Ring;

fn named(name: &str, pairs: &[(&str, &str)]) -> Result<Scenario, ScenarioError> {
    schema().load(name, &overrides(pairs))
}

fn adapted(scenario: &Scenario) -> Vec<String> {
    scenario.adapted.iter().map(ToString::to_string).collect()
}

fn assert_settled(scenario: &Scenario) {
    let again = schema().from_toml(&scenario.to_toml(), "another", &[]).expect("it was resolved");
    assert_eq!(&again, scenario);
    assert_eq!(adapted(&again), [""; 0]);
}

#[test]
fn every_scenario_runs_with_few_nodes_and_for_a_few_seconds() {
    for scenario in BUILT_IN {
        for nodes in ["2", "3", "5", "10", "1e2"] {
            for system in schema().system_names() {
                for duration in ["1s", "5s", "7min"] {
                    let set = [("nodes", nodes), ("system", system), ("phases.measure", duration)];
                    // Only the ring comes with a checker, and only its nodes can lie.
                    let refused = match scenario.name {
                        "check" | "swarm" if system != "ring" => Some("check = true"),
                        "malicious" if system != "ring" => Some("fault.0.kind = \"malicious\""),
                        _ => None,
                    };
                    match (named(scenario.name, &set), refused) {
                        (Ok(scenario), None) => assert_settled(&scenario),
                        (Err(error), Some(what)) => {
                            assert!(error.to_string().starts_with(what), "{error}");
                        }
                        (other, _) => panic!("{} with {set:?}: {other:?}", scenario.name),
                    }
                }
            }
        }
    }
}

#[test]
fn a_scenario_that_fits_stays_as_it_is() {
    for scenario in BUILT_IN {
        assert_eq!(adapted(&named(scenario.name, &[]).expect("it comes along")), [""; 0]);
    }
    let steady = named("steady", &[("nodes", "64"), ("phases.measure", "1h")]);
    assert_eq!(adapted(&steady.expect("it fits")), [""; 0]);
}

#[test]
fn a_default_adapts_and_says_so() {
    let small = with(&[("nodes", "10")]).expect("the default adapts");
    assert_eq!(small.section::<Ring>().successors, 9);
    assert_eq!(
        adapted(&small),
        [
            "ring.successors = 9 instead of 16: it takes a whole number from 1 to 9 (less than nodes = \
          10)"
        ]
    );
    // Two rules, one after the other, and the first value is the one that did not fit.
    let narrow = with(&[("nodes", "2"), ("udp.datagram", "576")]).expect("the default adapts");
    let Adaptation { from, to, .. } = &narrow.adapted[0];
    assert_eq!((narrow.adapted.len(), from.as_str(), to.as_str()), (1, "16", "1"));

    let walk = [("system", "flood"), ("flood.strategy", "random-walk"), ("nodes", "3")];
    let flood = with(&walk).expect("the defaults adapt");
    let Flood { degree, walkers, .. } = flood.section();
    let replicas = flood.items.as_ref().map(|items| items.replicas);
    assert_eq!((*degree, *walkers, replicas), (2.0, 3, Some(3.0)));
    let central = with(&[("system", "central"), ("nodes", "3")]).expect("the default adapts");
    assert_eq!(central.items.map(|items| items.replicas), Some(2.0), "a server shares nothing");
}

#[test]
fn a_value_of_the_user_is_refused_not_adapted() {
    let refused = |result: Result<Scenario, ScenarioError>, expected: &str| {
        let error = result.expect_err(expected).to_string();
        assert!(error.contains(expected), "{error}");
    };
    let successors = "ring.successors = 16 is not accepted: write a whole number from 1 to 9";
    for ring in ["ring.successors = 16", "ring = { successors = 16 }"] {
        refused(schema().from_toml(&format!("nodes = 10\n{ring}"), "test", &[]), successors);
    }
    refused(named("steady", &[("nodes", "10"), ("ring.successors", "16")]), successors);
    refused(named("steady", &[("nodes", "10"), ("ring", "{ successors = 16 }")]), successors);
    // The rest of a section that the user wrote adapts.
    let base = named("steady", &[("nodes", "10"), ("ring", "{ base = 4 }")]).expect("it adapts");
    assert_eq!((base.section::<Ring>().base, base.adapted.len()), (4, 1));

    let late = "[{ kind = \"crash\", count = 1, at = \"20s\" }]";
    let set = [("fault", late), ("phases.measure", "5s")];
    refused(named("steady", &set), "fault.0.at = \"20s\" is not accepted");
    let file = format!("phases.measure = \"30s\"\nfault = {late}");
    let shorter = overrides(&[("phases.measure", "5s")]);
    refused(schema().from_toml(&file, "test", &shorter), "fault.0.at = \"20s\" is not accepted");
}

#[test]
fn faults_of_a_named_scenario_move_with_its_phase() {
    let times = |set: &[(&str, &str)]| {
        let scenario = named("napster", set).expect("its faults move");
        let times = scenario.faults.iter().map(|fault| fault.at.as_millis()).collect::<Vec<_>>();
        (times, scenario.adapted.len())
    };
    assert_eq!(times(&[("phases.measure", "6s")]), (vec![2000, 4000], 2));
    assert_eq!(times(&[("phases.measure", "50s")]), (vec![20_000, 40_000], 0), "they fit");
    assert_eq!(times(&[("phases.measure", "30s")]), (vec![10_000, 20_000], 2), "all or none");
    let own = [("phases.measure", "6s"), ("fault.1.at", "5s")];
    assert_eq!(times(&own), (vec![2000, 5000], 1), "not the one that the user wrote");

    let divided = named("partition", &[("phases.measure", "8s")]).expect("its fault moves");
    let fault = &divided.faults[0];
    assert_eq!((fault.at.as_secs(), fault.over.as_secs()), (2, 3));

    let crowd = named("flash-crowd", &[("phases.measure", "5s")]).expect("its fault moves");
    let over = duration::text(crowd.faults[0].over);
    assert_eq!((duration::text(crowd.faults[0].at), over), ("500ms".into(), "1s 250ms".into()));
    assert!(adapted(&crowd)[0].ends_with("from \"20s\" to \"5s\""), "{:?}", adapted(&crowd));
}

#[test]
fn the_profile_of_a_named_scenario_moves_with_its_phase() {
    let times = |set: &[(&str, &str)]| {
        let scenario = named("overload", set).expect("its profile moves");
        let changes = scenario.workload.profile.clone().expect("it has one");
        let times = changes.iter().map(|change| change.at.as_millis()).collect::<Vec<_>>();
        (times, adapted(&scenario).len())
    };
    assert_eq!(times(&[("phases.measure", "6s")]), (vec![0, 4000], 1));
    assert_eq!(times(&[("phases.measure", "25s")]), (vec![0, 20_000], 0), "it fits");
    assert_eq!(times(&[("phases.measure", "6s"), ("workload.profile.1.at", "5s")]).0, [0, 5000]);
}

#[test]
fn another_load_replaces_the_profile() {
    let load = |set: (&str, &str)| named("overload", &[set]).expect("it is sound").workload;
    let closed = load(("workload.in_flight", "8"));
    assert_eq!((closed.load, closed.profile), (Load::InFlight(8), None));
    let rate = load(("workload.lookups_per_s", "0.5x"));
    assert_eq!(rate.load, Load::PerSecond(Rate::OfCapacity(0.5)));
    assert_eq!(rate.profile.map(|changes| changes.len()), Some(2), "it goes on from there");
}

#[test]
fn churn_of_a_named_scenario_slows_down_with_its_nodes() {
    let rates = |set: &[(&str, &str)]| {
        let churn = named("default", set).expect("its churn adapts").churn;
        (churn.joins_per_s, churn.departures_per_s)
    };
    assert_eq!(rates(&[("nodes", "64")]), (0.125, 0.125));
    assert_eq!(rates(&[("nodes", "256")]), (8.0, 8.0), "each stays for half a minute");
    assert_eq!(rates(&[("nodes", "64"), ("churn.joins_per_s", "8")]), (8.0, 8.0));
    let own = "nodes = 64\nchurn = { model = \"poisson\", joins_per_s = 8, departures_per_s = 8 }";
    let own = schema().from_toml(own, "test", &[]).expect("the user may want that");
    assert_eq!(own.churn.departures_per_s, 8.0);
}

#[test]
fn counts_may_be_written_with_an_exponent() {
    let file = "nodes = 1e6\nengine = \"sim\"\nring.successors = 8.0\nworkload.in_flight = 2e3\n\
                phases.lookups = 1e12\nseed = 1e1\n";
    let scenario = schema().from_toml(file, "test", &[]).expect("these are whole numbers");
    assert_eq!((scenario.nodes, scenario.seed), (1_000_000, 10));
    assert_eq!(scenario.section::<Ring>().successors, 8);
    assert_eq!(scenario.workload.load, Load::InFlight(2000));
    assert_eq!(scenario.phases.measure, Measure::Lookups(1_000_000_000_000));
    let set = [("items.population", "1e5"), ("nodes", "1e4")];
    assert_eq!(with(&set).expect("whole numbers").items.map(|it| it.population), Some(100_000));
    for (value, expected) in [
        ("1e-1", "nodes = 0.1 is not accepted: write a whole number"),
        ("1e300", "is not accepted: write a whole number"),
        ("-1e3", "nodes = -1000 is not accepted: write a whole number"),
        ("nan", "nodes = nan is not accepted: write a whole number"),
    ] {
        let error = with(&[("nodes", value)]).expect_err(value).to_string();
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn paths_in_a_file_are_relative_to_it_and_others_to_the_working_directory() {
    let folder = std::env::temp_dir().join(format!("hopwise-paths-{}", std::process::id()));
    fs::create_dir_all(&folder).expect("the temporary folder can be written");
    let file = folder.join("mine.toml");
    let text = "system = \"flood\"\n\
                churn = { model = \"trace\", file = \"traces/one.txt\" }\n\
                flood = { graph = \"file\", file = \"/elsewhere/graph.txt\" }\n\
                network.latency = { model = \"matrix\", file = \"delays.txt\" }\n";
    fs::write(&file, text).expect("it can be written");
    let load = |set: &[(&str, &str)]| {
        schema().load(file.to_str().expect("it is UTF-8"), &overrides(set)).expect("it is sound")
    };
    let delays = |scenario: &Scenario| match &scenario.network.latency {
        Latency::Matrix(hosts) => hosts.file.clone(),
        other => panic!("{other:?}"),
    };
    let below = |name: &str| folder.join(name).display().to_string();
    let scenario = load(&[]);
    assert_eq!(scenario.churn.file, Some(below("traces/one.txt")));
    assert_eq!(scenario.section::<Flood>().file.as_deref(), Some("/elsewhere/graph.txt"));
    assert_eq!(delays(&scenario), below("delays.txt"));
    assert_settled(&scenario);

    let here = std::env::current_dir().expect("there is one").join("delays.txt");
    let set = [("network.latency.file", "delays.txt")];
    let overridden = load(&set);
    assert_eq!(delays(&overridden), here.display().to_string());
    assert_eq!(overridden.churn.file, Some(below("traces/one.txt")));
    fs::remove_dir_all(folder).expect("it is ours");
}
