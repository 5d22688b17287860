//! `hopwise stress` on tiny loads.

use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use serde_json::Value;

use super::{Workplace, status, stderr};

/// Sixteen nodes and short steps, which any machine holds.
const TINY: &str = "stress --nodes 16 --from 100 --to 300 --step 200ms --hold 1s --max-time 1min \
                    --slo p99<10s,success>50% --out out";

fn findings(here: &Workplace) -> Value {
    serde_json::from_str(&here.read("out/stress.json")).expect("it is JSON")
}

#[test]
fn loads_are_raised_held_and_reported() {
    let here = Workplace::new("stress");
    let ran = here.hopwise(TINY);
    assert_eq!(status(&ran), 0, "{}", stderr(&ran));
    let found = findings(&here);
    assert_eq!(found["knee"]["per_s"], 300.0, "no load breaks the level: {found:#}");
    assert!(found["knee"]["broke_per_s"].is_null());
    let loads = found["steps"].as_array().expect("a list").iter();
    let loads: Vec<f64> = loads.filter_map(|step| step["planned_per_s"].as_f64()).collect();
    assert_eq!(loads, [100.0, 200.0, 300.0]);
    let stages = found["held"]["stages"].as_array().expect("a list").iter();
    let stages: Vec<&str> = stages.filter_map(|stage| stage["name"].as_str()).collect();
    assert_eq!(stages, ["hold", "beyond", "beyond", "back"]);
    // Beside other programs, nodes that are not heard of for seconds may be taken for dead.
    let of_all = |name: &str| found["held"][name].as_f64().expect("a number");
    assert!(of_all("incorrect") <= 0.1 * of_all("completed"), "{found:#}");
    for cost in ["lookup_us", "get_us", "put_us", "node_us_per_s"] {
        assert!(found["costs"][cost].as_f64().is_some_and(|us| us > 0.0), "{cost}: {found:#}");
    }
    let files = ["latency-curve.csv", "runs", "stress.json", "stress.txt"];
    assert_eq!(here.names_in("out"), files);
    let runs = here.names_in("out/runs");
    assert_eq!(runs[..4], ["01-step", "02-step", "03-step", "04-hold"], "{runs:?}");
    for run in &runs {
        let outcome = here.read(&format!("out/runs/{run}/outcome.json"));
        assert!(outcome.contains("\"schema_version\""), "{run}");
    }
    let printed = String::from_utf8_lossy(&ran.stdout).into_owned();
    let report = here.read("out/stress.txt");
    for text in [&printed, &report] {
        assert!(text.contains("capacity      300 lookups/s with 16 nodes"), "{text}");
        assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
    }
    assert_eq!(here.read("out/latency-curve.csv").lines().count(), 4);
}

#[test]
fn nodes_are_raised_with_the_same_load_each() {
    let here = Workplace::new("stress-nodes");
    let ran = here.hopwise(
        "stress --ramp nodes --nodes 16 --to 32 --set workload.lookups_per_s=160 --step 200ms --hold 1s \
         --max-time 1min --slo p99<10s,success>50% --out out --quiet --json -",
    );
    assert_eq!(status(&ran), 0, "{}", stderr(&ran));
    let printed: Value = serde_json::from_slice(&ran.stdout).expect("only the document is printed");
    assert_eq!(printed, findings(&here));
    assert_eq!((&printed["knee"]["nodes"], &printed["knee"]["per_s"]), (&32.into(), &320.0.into()));
}

#[test]
fn what_is_asserted_and_does_not_hold_is_named() {
    let here = Workplace::new("stress-assert");
    let ran =
        here.hopwise(&format!("{TINY} --assert stress.capacity>1e6/s --assert latency.p99<20"));
    assert_eq!(status(&ran), 2, "a time has a unit: {}", stderr(&ran));
    let asserted =
        "--assert stress.capacity>1e6/s --assert latency.p99<20s --assert latency.p50<1ns";
    let ran = here.hopwise(&format!("{TINY} {asserted}"));
    assert_eq!(status(&ran), 3, "{}", stderr(&ran));
    let expected = "stress.capacity: more than 1000000/s was expected, but got 300/s";
    assert!(stderr(&ran).contains(expected), "{}", stderr(&ran));
    assert!(stderr(&ran).contains("latency.p50: less than"), "{}", stderr(&ran));
    assert!(!stderr(&ran).contains("latency.p99"), "{}", stderr(&ran));
    let verdicts = findings(&here)["expectations"].clone();
    let held: Vec<bool> =
        verdicts.as_array().expect("a list").iter().filter_map(|it| it["held"].as_bool()).collect();
    assert_eq!(held, [false, true, false]);
}

#[test]
fn a_level_that_never_holds_is_said_to_break_at_once() {
    let here = Workplace::new("stress-breaks");
    let ran = here.hopwise(
        "stress --nodes 16 --from 100 --step 100ms --hold 1s --max-time 1min --slo goodput>1e8/s --out out",
    );
    assert_eq!(status(&ran), 3, "{}", stderr(&ran));
    assert!(stderr(&ran).contains("no load held the service level"), "{}", stderr(&ran));
    assert!(findings(&here)["knee"].is_null());
}

#[test]
fn the_first_interrupt_ends_it_with_what_is_known() {
    let here = Workplace::new("stress-interrupt");
    let endless = "stress --nodes 16 --from 100 --to 300 --step 200ms --hold 1h --max-time 3h \
                   --slo p99<10s,success>50% --out out";
    let mut command = here.command(endless);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
    // The steps are over, and the hold has begun or begins.
    while !here.path().join("out/runs/03-step/outcome.json").exists() {
        thread::sleep(Duration::from_millis(20));
    }
    let sent = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    assert!(sent.is_ok_and(|sent| sent.success()));
    let ran = child.wait_with_output().expect("it ends");
    assert_eq!(status(&ran), 130, "{}", stderr(&ran));
    let found = findings(&here);
    assert_eq!((&found["interrupted"], &found["knee"]["per_s"]), (&true.into(), &300.0.into()));
    assert!(here.read("out/stress.txt").contains("\ninterrupted"));
}

#[test]
fn wrong_requests_say_what_is_accepted() {
    let here = Workplace::new("stress-wrong");
    for (wrong, right) in [
        ("--slo p98<1s", "write one of p50, p90, p99"),
        ("--slo p99", "write for instance p99<50ms"),
        ("--slo success>lots", "a share such as"),
        ("--ramp words", "load, nodes"),
        ("--ramp nodes --workload ycsb-b", "workload.lookup_interval"),
        ("--ramp nodes --target 127.0.0.1:1", "--ramp load"),
        ("--max-time 10s", "write --max-time"),
        ("--max-memory 1MiB", "before it starts any node"),
        ("--max-memory lots", "a size such as"),
        ("--step 0s", "--step"),
        ("--hold 0s", "--hold"),
        ("--from -3", "above 0"),
        ("--from 5 --to 4", "--to 4"),
        ("--workload nothing", "there is no scenario"),
        ("--workload overload", "workload.profile"),
        ("--set engine=sim", "write engine"),
        ("--nodes 0", "a whole number from 1"),
        ("--target nowhere", "nowhere"),
        ("--assert p99<3s", "there is no figure"),
    ] {
        let ran = here.hopwise(&format!("stress {wrong}"));
        assert_eq!(status(&ran), 2, "{wrong}: {}", stderr(&ran));
        assert!(stderr(&ran).contains(right), "{wrong}: {}", stderr(&ran));
        assert!(ran.stdout.is_empty(), "{wrong}");
    }
    assert_eq!(here.names_in("results/runs"), Vec::<String>::new());
}
