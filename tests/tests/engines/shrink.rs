//! A campaign shrinks the scenarios of failing seeds.
//!
//! **Invariant:** every shrunk scenario is run again, from its file, and fails as the seed did.

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicU32;
use std::time::Duration;
use std::{fs, process};

use hopwise_harness::Scenario;
use hopwise_harness::commands::Environment;
use hopwise_harness::commands::assertion::Assertions;
use hopwise_harness::commands::campaign::campaign;
use hopwise_harness::commands::options::{Exit, RunOptions};
use hopwise_harness::live::Progress;
use hopwise_harness::measure::growth::{Figure, Law};
use hopwise_harness::measure::{EngineError, Measured, Observers};
use hopwise_harness::plan::Model;
use hopwise_harness::scenario::{Fault, FaultKind, Measure, SystemSchema};
use hopwise_harness::systems::ring::run_with_defect;
use hopwise_harness::systems::{AnySystem, Registered, Registry, RingSystem};
use hopwise_kernel::ring::Defect;
use serde_json::Value;

/// Runs a campaign of `seeds`, and reads its document. Its folder is left.
fn campaign_of(registry: Registry, toml: &str, name: &str, seeds: &str) -> (Value, PathBuf) {
    let env = Environment { registry, ..Environment::hopwise() };
    let scenario = env.registry.from_toml(toml, "test", &[]).expect("it is valid");
    let out = std::env::temp_dir().join(format!("hopwise-{name}-{}", process::id()));
    let options = RunOptions { quiet: true, out: Some(out.clone()), ..RunOptions::default() };
    let seeds = seeds.parse().expect("a range");
    let exit = campaign(&env, &scenario, &seeds, &Assertions::default(), &options);
    assert!(matches!(exit, Exit::Unmet | Exit::Failure), "{exit:?}");
    let text = fs::read_to_string(out.join("campaign.json")).expect("it was written");
    (serde_json::from_str(&text).expect("it is JSON"), out)
}

fn load(file: &Path) -> Scenario {
    Registry::built_in().load(file.to_str().expect("it is UTF-8"), &[]).expect("it is valid")
}

fn length(scenario: &Scenario) -> Duration {
    let Measure::Lasting(length) = scenario.phases.measure else { panic!("it lasts") };
    length
}

fn words(scenario: &Scenario) -> Vec<&'static str> {
    scenario.faults.iter().map(|fault: &Fault| fault.kind.word()).collect()
}

/// Lookups fail while most messages are lost, whatever else happens.
const FIVE_FAULTS: &str = "
    engine = \"sim\"
    nodes = 32
    ring.successors = 4
    network.latency = { model = \"uniform\", min = \"10ms\", max = \"90ms\" }
    workload.lookups_per_s = 20
    phases = { warmup = \"1s\", measure = \"60s\" }
    expect.completed = 0.8
    fault = [
      { at = \"3s\", kind = \"join\", fraction = 0.2 },
      { at = \"5s\", until = \"12s\", kind = \"duplicate\", fraction = 0.2 },
      { at = \"20s\", until = \"50s\", kind = \"loss\", fraction = 0.9 },
      { at = \"32s\", until = \"38s\", kind = \"reorder\", fraction = 0.3 },
      { at = \"50s\", until = \"55s\", kind = \"delay\", fraction = 0.2 },
    ]
";

#[test]
fn of_five_faults_the_one_that_matters_is_left() {
    let of_threads = |threads: u32| {
        let toml = format!("threads = {threads}\n{FIVE_FAULTS}");
        let name = format!("shrink-{threads}");
        campaign_of(Registry::built_in(), &toml, &name, "1..6")
    };
    let (document, out) = of_threads(1);
    let failing = document["failing"].as_array().expect("a list");
    assert_eq!(failing.len(), 5);
    let shrunk = |it: &Value| !it["shrunk"].is_null();
    assert_eq!(failing.iter().map(shrunk).collect::<Vec<_>>(), [true, true, true, true, false]);
    for failing in &failing[..4] {
        let entry = &failing["shrunk"];
        let folder = out.join(format!("seed-{}", failing["seed"]));
        let (large, small) =
            (load(&folder.join("scenario.toml")), load(&folder.join("shrunk.toml")));
        assert_eq!(words(&small), ["loss"]);
        assert_eq!(entry["faults"], 1);
        assert!(small.nodes < large.nodes && length(&small) < length(&large), "{entry}");
        assert!(entry["runs"].as_u64().is_some_and(|runs| (1..=60).contains(&runs)), "{entry}");
        let command = entry["replay"].as_str().expect("a command");
        assert!(
            command.starts_with("hopwise run ") && command.ends_with("/shrunk.toml"),
            "{command}"
        );

        let progress = Progress::new(true, Duration::ZERO);
        let measured = Registry::built_in().run(&small, &AtomicU32::new(0), &progress);
        let metrics = measured.expect("it runs").metrics;
        let answered = (metrics.correct + metrics.incorrect) as f64;
        let counted = (metrics.issued - metrics.shed - metrics.orphaned) as f64;
        assert!(answered < 0.8 * counted, "{answered} of {counted}");
    }
    // Two threads for each run leave room for fewer runs at a time.
    let (other, other_out) = of_threads(2);
    for seed in 1..=4 {
        let file = |out: &Path| out.join(format!("seed-{seed}")).join("shrunk.toml");
        let (one, two) = (load(&file(&out)), load(&file(&other_out)));
        assert_eq!(Scenario { threads: 2, ..one }, two);
    }
    let runs = |document: &Value| -> Vec<Value> {
        let failing = document["failing"].as_array().expect("a list");
        failing.iter().map(|failing| failing["shrunk"]["runs"].clone()).collect()
    };
    assert_eq!(runs(&document), runs(&other));
    [out, other_out].iter().for_each(|out| fs::remove_dir_all(out).expect("it is there"));
}

/// A ring whose runs are not those of the ring.
#[derive(Debug)]
struct Odd(fn(&Scenario) -> Result<Measured, EngineError>);

impl AnySystem for Odd {
    fn schema(&self) -> SystemSchema {
        Registered::<RingSystem>::ANY.schema()
    }

    fn growth(&self) -> &'static [(Figure, Law)] {
        &[]
    }

    fn model(&self) -> Option<&'static dyn Model> {
        None
    }

    fn run(
        &self,
        scenario: &Scenario,
        _interrupts: &AtomicU32,
        _progress: &Progress,
        _observers: Observers<'_>,
    ) -> Result<Measured, EngineError> {
        (self.0)(scenario)
    }
}

fn registry_of(system: &'static Odd) -> Registry {
    Registry::new(&[&[system]], &[])
}

#[test]
fn a_violation_is_still_a_violation() {
    static DEFECTIVE: Odd = Odd(|scenario| run_with_defect(scenario, Defect::SelfAsSuccessor));
    let toml = "
        engine = \"sim\"
        nodes = 16
        ring = { successors = 3, stabilize = \"1s\" }
        network = { latency = { model = \"uniform\", min = \"10ms\", max = \"90ms\" }, timeout = \"200ms\" }
        churn = { model = \"poisson\", joins_per_s = 0.06, departures_per_s = 0.04 }
        workload.lookups_per_s = 0.5
        phases = { warmup = \"0s\", measure = \"2min\" }
        fault = [
          { at = \"1s\", kind = \"join\", count = 2 },
          { at = \"20s\", kind = \"leave\", count = 2 },
          { at = \"70s\", kind = \"join\", count = 8 },
          { at = \"80s\", over = \"30s\", kind = \"leave\", count = 8 },
        ]";
    let (document, out) = campaign_of(registry_of(&DEFECTIVE), toml, "shrink-violation", "1..4");
    let failing = document["failing"].as_array().expect("a list");
    assert!(!failing.is_empty(), "the defect was not found: {document}");
    for failing in failing {
        assert_eq!(failing["status"], 3);
        let folder = out.join(format!("seed-{}", failing["seed"]));
        let small = load(&folder.join("shrunk.toml"));
        assert!(small.nodes < 16 && small.faults.len() < 4, "{}", small.to_toml());
        assert!(length(&small) < Duration::from_secs(60), "{:?}", length(&small));
        let measured = run_with_defect(&small, Defect::SelfAsSuccessor).expect("it runs");
        let found = measured.simulation.and_then(|it| it.check).and_then(|it| it.first);
        let found = found.expect("a violation").to_string();
        assert_eq!(failing["shrunk"]["reason"], found);
    }
    fs::remove_dir_all(out).expect("it is there");
}

#[test]
fn a_run_that_does_not_end_is_shrunk_too() {
    static PANICKING: Odd = Odd(|scenario| {
        let has_leave = scenario.faults.iter().any(|fault| fault.kind == FaultKind::Leave);
        assert!(!has_leave || scenario.nodes < 11, "index {} is out of bounds", scenario.nodes);
        Err(EngineError::Broken("too small for this failure".to_owned()))
    });
    static BROKEN: Odd = Odd(|scenario| {
        let count = scenario.faults.len();
        let what = if count >= 2 { "too many" } else { "few" };
        Err(EngineError::Broken(format!("{what} faults: {count}")))
    });
    let toml = "
        engine = \"sim\"
        nodes = 40
        ring.successors = 2
        fault = [
          { at = \"1s\", kind = \"join\", count = 4 },
          { at = \"2s\", kind = \"leave\", count = 4 },
          { at = \"3s\", kind = \"crash\", count = 4 },
        ]";
    let (document, out) = campaign_of(registry_of(&PANICKING), toml, "shrink-panic", "7..8");
    let failing = &document["failing"][0];
    assert_eq!((&failing["status"], &failing["shrunk"]["nodes"]), (&1.into(), &11.into()));
    assert_eq!(failing["reason"], "the run panicked: index 40 is out of bounds");
    let folder = out.join("seed-7");
    assert_eq!(words(&load(&folder.join("shrunk.toml"))), ["leave"]);
    assert_eq!(load(&folder.join("scenario.toml")).seed, 7);
    fs::remove_dir_all(out).expect("it is there");

    let (document, out) = campaign_of(registry_of(&BROKEN), toml, "shrink-broken", "7..8");
    let shrunk = &document["failing"][0]["shrunk"];
    assert_eq!((&shrunk["faults"], &shrunk["nodes"]), (&2.into(), &3.into()), "{shrunk}");
    fs::remove_dir_all(out).expect("it is there");
}
