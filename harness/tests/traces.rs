//! Traces of lookups against what else is known of the same lookups: the log of events, the costs, the digest
//! of the run.
//!
//! **Invariant:** uses only what programs on top of the harness can use.

use std::collections::BTreeMap;
use std::fs;
use std::sync::atomic::AtomicU32;
use std::time::Duration;

use hopwise_harness::live::Progress;
use hopwise_harness::measure::event_log::EventLog;
use hopwise_harness::measure::trace::{
    Collector, Ended, LookupTrace, Numbers, STEPS_MAX, Selection, Step, StepKind, Tracer, Wanted,
};
use hopwise_harness::measure::{EngineError, Measured, Observers};
use hopwise_harness::systems::Registry;

/// Bad weather on the ring: lookups meet losses, crashes and old tables.
const STORM: &str = "nodes=256 network.loss=0.02 network.duplication=0.01 \
                     churn.session={distribution='exponential',mean='15s'} workload.lookups_per_s=400";

/// Delays that reorder messages.
const EXPONENTIAL: &str = "network.latency={model='exponential',mean='20ms'}";

/// Runs `scenario` in the simulator for two seconds with these values, while `observers` look on.
fn run(scenario: &str, values: &str, observers: Observers<'_>) -> Result<Measured, EngineError> {
    let short = "engine=sim phases.warmup=1s phases.measure=2s";
    let values = short.split_whitespace().chain(values.split_whitespace());
    let overrides: Vec<(String, String)> = values
        .filter_map(|value| value.split_once('='))
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect();
    let registry = Registry::built_in();
    let scenario = registry.load(scenario, &overrides).expect("these values are right");
    let progress = Progress::new(true, Duration::ZERO);
    registry.run_observed(&scenario, &AtomicU32::new(0), &progress, observers)
}

/// The traces of the first `count` lookups, and the run.
fn traced(scenario: &str, values: &str, count: u32) -> (Vec<LookupTrace>, Measured) {
    let mut collector = Collector::new(Wanted::First(count));
    let observers = Observers { tracer: Some(&mut collector), ..Observers::default() };
    let measured = run(scenario, values, observers).expect("it runs");
    (collector.traces(), measured)
}

fn count(trace: &LookupTrace, kind: StepKind) -> u32 {
    trace.steps.iter().filter(|step| step.kind == kind).count() as u32
}

/// Hops on the way to the answer.
fn hops(trace: &LookupTrace) -> u32 {
    trace.way().iter().filter(|on| on.is_hop).count() as u32
}

/// The rows of the lookups of a log, by number.
fn logged(name: &str) -> BTreeMap<u32, csv::StringRecord> {
    let mut file = csv::Reader::from_path(name).expect("it was written");
    let rows = file.records().map(|row| row.expect("a row"));
    let lookups = rows.filter(|row| &row[0] == "lookup");
    lookups.map(|row| (row[11].parse().expect("a number"), row)).collect()
}

#[test]
fn traces_agree_with_the_log_in_every_weather() {
    let path = std::env::temp_dir().join(format!("hopwise-traces-{}.csv", std::process::id()));
    let name = path.to_str().expect("a plain name");
    for more in ["", "ring.lookup=iterative", "network.node_rate=400", EXPONENTIAL] {
        let mut collector = Collector::new(Wanted::First(500));
        let log = EventLog::create(&path, u64::MAX).expect("it can be created");
        let observers = Observers { log: Some(log), tracer: Some(&mut collector) };
        run("churn-heavy", &format!("{STORM} {more}"), observers).expect("it runs");
        let (traces, rows) = (collector.traces(), logged(name));
        assert_eq!(traces.len(), 500, "{more}");
        let (mut trouble, mut others) = (0, 0);
        for trace in &traces {
            let number = trace.number;
            assert_eq!(trace.steps[0].kind, StepKind::Asked, "{more}: {number}");
            assert_eq!(count(trace, StepKind::Sent), trace.messages, "{more}: {number}");
            assert_eq!(count(trace, StepKind::TimedOut), trace.timeouts, "{more}: {number}");
            assert!(trace.steps.is_sorted_by_key(|step| step.at_ns), "{more}: {number}");
            trouble += trace.steps.iter().filter(|step| step.kind.is_trouble()).count();
            let Some(row) = rows.get(&number) else {
                assert_eq!(trace.verdict, None, "{more}: {number} is not in the log");
                continue;
            };
            assert_eq!(trace.verdict.as_deref(), Some(&row[3]), "{more}: {number}");
            assert_eq!(trace.messages.to_string(), row[9], "{more}: {number}");
            let timeouts: u32 = row[10].parse().expect("a number");
            // An origin may know of fewer timeouts, never of more.
            assert_eq!(trace.timeouts, timeouts, "{more}: {number}");
            assert_eq!(trace.origin, row[2], "{more}: {number}");
            assert_eq!(trace.ended_ns.unwrap_or_default().to_string(), row[1], "{more}: {number}");
            let Some(answered) = trace.hops else { continue };
            assert_eq!(answered.to_string(), row[8], "{more}: {number}");
            others += usize::from(hops(trace) != answered);
            if &row[3] == "correct" && trace.verdict.is_some() {
                assert_eq!(trace.key.as_deref(), Some(&row[4]), "{more}: {number}");
            }
        }
        // Where messages wait or overtake each other, nodes handle a lookup several times, and a hop may be one of
        // another attempt.
        let most = if more.starts_with("network") { 10 } else { 0 };
        assert!(others <= most, "{more}: {others} ways have another length");
        assert!(trouble > 50, "{more}: {trouble} losses, timeouts and the like");
    }
    fs::remove_file(path).expect("it is ours");
}

#[test]
fn a_trace_changes_nothing_and_does_not_depend_on_threads() {
    let digest = |measured: &Measured| {
        let simulation = measured.simulation.as_ref().expect("a simulation");
        (simulation.trace_digest, simulation.events, measured.metrics.completed)
    };
    let more = format!("{STORM} network.node_rate=500");
    let alone =
        run("churn-heavy", &format!("{more} threads=1"), Observers::default()).expect("it runs");
    let (one, with_one) = traced("churn-heavy", &format!("{more} threads=1"), 300);
    let (two, with_two) = traced("churn-heavy", &format!("{more} threads=2"), 300);
    assert_eq!(digest(&alone), digest(&with_one));
    assert_eq!(digest(&alone), digest(&with_two));
    assert_eq!(one, two);
    assert!(one.iter().flat_map(|trace| &trace.steps).any(|step| step.waited_ns > 0));
}

#[test]
fn every_system_has_traces() {
    let small = "nodes=100 workload.lookups_per_s=20";
    for (scenario, values) in [
        ("napster", small),
        ("gnutella", small),
        ("compare", small),
        ("store-crash", "nodes=100 store.population=1000 workload.lookups_per_s=50"),
    ] {
        let (traces, _) = traced(scenario, values, 20);
        assert_eq!(traces.len(), 20, "{scenario}");
        for trace in &traces {
            let number = trace.number;
            assert_eq!(count(trace, StepKind::Asked).min(1), 1, "{scenario}: {number}");
            assert!(trace.is_cut || count(trace, StepKind::Sent) == trace.messages, "{scenario}");
        }
        let answered = traces.iter().filter(|trace| count(trace, StepKind::Answered) > 0).count();
        assert!(answered > 0, "{scenario}");
    }
}

#[test]
fn the_steps_of_a_lookup_are_bounded() {
    let values = "nodes=3000 flood.ttl=7 flood.degree=8 workload.lookups_per_s=2 phases.measure=1s";
    let traces = |threads| traced("gnutella", &format!("{values} threads={threads}"), 2).0;
    let one = traces(1);
    assert!(one.iter().any(|trace| trace.is_cut), "a flood has many steps");
    for trace in &one {
        assert!(trace.steps.len() <= STEPS_MAX);
        assert_eq!(trace.is_cut, trace.steps.len() == STEPS_MAX);
    }
    assert_eq!(one, traces(2), "what is cut off does not depend on threads");
}

/// Follows ten of each hundred lookups.
#[derive(Default)]
struct Sampler {
    asked: u32,
    ended: u32,
    costs: u32,
}

impl Tracer for Sampler {
    fn selection(&mut self, numbers: Numbers) -> Selection {
        let first = numbers.end / 100 * 100;
        Selection::range(first, first + 10)
    }

    fn take_steps(&mut self, steps: &[Step]) {
        assert!(steps.is_sorted_by_key(|step| (step.at, step.place)) && !steps.is_empty());
        self.asked += steps.iter().filter(|step| step.kind == StepKind::Asked).count() as u32;
    }

    fn take_end(&mut self, ended: Ended) {
        self.ended += u32::from(!ended.lookup.key.is_empty());
    }

    fn take_costs(&mut self, _number: u32, _messages: u32, _timeouts: u32) {
        self.costs += 1;
    }
}

#[test]
fn a_selection_may_move_on_while_a_run_goes_on() {
    let mut sampler = Sampler::default();
    let observers = Observers { tracer: Some(&mut sampler), ..Observers::default() };
    run("steady", "nodes=64 workload.lookups_per_s=1000", observers).expect("it runs");
    assert!((250..=350).contains(&sampler.asked), "{} of 3,000 lookups", sampler.asked);
    assert!(sampler.ended > 100, "{} of 2,000 measured lookups", sampler.ended);
}

#[test]
fn real_sockets_have_no_traces() {
    let mut collector = Collector::new(Wanted::First(1));
    let observers = Observers { tracer: Some(&mut collector), ..Observers::default() };
    let refused = run("steady", "engine=udp nodes=8", observers);
    let Err(EngineError::Request(why)) = refused else { panic!("{refused:?}") };
    assert!(why.contains("--engine sim"), "{why}");
}
