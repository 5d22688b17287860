//! A small sweep over real UDP: its files, and its continuation.

use std::fs;
use std::path::Path;

use hopwise_harness::commands::Environment;
use hopwise_harness::commands::assertion::Assertions;
use hopwise_harness::commands::options::{Exit, RunOptions};
use hopwise_harness::commands::sweep::{Plan, sweep};
use hopwise_harness::measure::outcome::Outcome;

const SMALL: &str = "
    nodes = 8
    workload = { lookups_per_s = 500.0 }
    phases = { warmup = \"50ms\", measure = \"200ms\" }
    ring = { successors = 4 }
    threads = 1
";

#[test]
fn a_sweep_writes_its_runs_and_figures_and_is_not_repeated() {
    let folder = std::env::temp_dir().join(format!("hopwise-sweep-udp-{}", std::process::id()));
    let vary = ["ring.successors=2,4".parse().expect("two values")];
    let env = Environment::hopwise();
    let plan = Plan::new(|values| env.registry.from_toml(SMALL, "small", values), &vary, 2);
    let plan = plan.expect("every point is valid");
    let options = RunOptions { out: Some(folder.clone()), quiet: true, ..RunOptions::default() };
    // A busy host may issue lookups late. That is no failure of the sweep.
    let ran = |exit| assert!([Exit::Success, Exit::LoadTooHigh].contains(&exit), "{exit:?}");
    ran(sweep(&env, &plan, None, &Assertions::default(), &options));

    let read = |path: &Path| fs::read_to_string(folder.join(path)).expect("it was written");
    let names = ["ring.successors=2,seed=1", "ring.successors=4,seed=2"];
    let outcomes = names.map(|name| read(&Path::new("runs").join(name).join("outcome.json")));
    let successors = outcomes.each_ref().map(|text| {
        let outcome = Outcome::from_json(text).expect("an outcome");
        outcome.scenario["ring"]["successors"].as_integer()
    });
    assert_eq!(successors, [Some(2), Some(4)]);
    let (csv, json) = (read(Path::new("sweep.csv")), read(Path::new("sweep.json")));
    assert_eq!(csv.lines().count(), 3, "{csv}");
    assert!(csv.contains("\n2,2,1,0,") && csv.contains("\n4,2,1,0,"), "all completed: {csv}");
    assert!(json.contains("\"failures\": []") && json.contains("\"interrupted\": false"));

    ran(sweep(&env, &plan, None, &Assertions::default(), &options));
    assert_eq!(read(Path::new("sweep.csv")), csv);
    let again = names.map(|name| read(&Path::new("runs").join(name).join("outcome.json")));
    assert!(again == outcomes, "a complete run is not repeated");
    fs::remove_dir_all(folder).expect("the folder can be removed");
}
