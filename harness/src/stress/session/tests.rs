//! Sessions of a system that is only made up.

use std::cell::{Cell, RefCell};

use super::*;
use crate::measure::outcome::example;
use crate::measure::provenance::Build;
use crate::scenario::{Load as Offered, Measure};
use crate::stress::plan::Options;
use crate::stress::service::tests::row;
use crate::systems::Registry;

/// A system that completes so many operations per second and sheds the others.
struct Fake<'a> {
    capacity_per_s: f64,
    /// Memory per node.
    node_bytes: u64,
    /// In which run the user wants no more.
    interrupts_at: u32,
    user: &'a AtomicU32,
    runs: Cell<u32>,
    kept: RefCell<Vec<String>>,
    said: RefCell<String>,
}

impl<'a> Fake<'a> {
    fn new(user: &'a AtomicU32) -> Fake<'a> {
        Fake {
            capacity_per_s: 5000.0,
            node_bytes: 1000,
            interrupts_at: u32::MAX,
            user,
            runs: Cell::new(0),
            kept: RefCell::default(),
            said: RefCell::default(),
        }
    }
}

impl World for Fake<'_> {
    fn run(&self, scenario: &Scenario, stop: &AtomicU32) -> Result<Ran, EngineError> {
        self.runs.set(self.runs.get() + 1);
        if self.runs.get() == self.interrupts_at {
            self.user.store(1, Ordering::Relaxed);
            while stop.load(Ordering::Relaxed) == 0 {
                std::thread::sleep(Duration::from_millis(1));
            }
        }
        let Measure::Lasting(measured) = scenario.phases.measure else {
            return Err(EngineError::Broken("every run has a length".to_owned()));
        };
        let rate = match scenario.workload.load {
            Offered::PerSecond(rate) => rate.per_s(self.capacity_per_s * 1.2),
            _ => self.capacity_per_s.min(1e4),
        };
        let due = |per_s: f64, length_s: f64| {
            let due = (per_s * length_s).round() as u64;
            (due, due.saturating_sub((self.capacity_per_s * length_s) as u64))
        };
        let changes = scenario.workload.profile.as_deref().unwrap_or_default();
        let series = (0..measured.as_millis() / 500).map(|nth| {
            let at = Duration::from_millis(nth as u64 * 500);
            let last = changes.iter().rev().find(|change| change.at <= at);
            let per_s = last.map_or(rate, |change| change.lookups_per_s.per_s(1.0));
            let (due, shed) = due(per_s, 0.5);
            row(1.5 + at.as_secs_f64(), 0.5, due, shed, 2)
        });
        let mut outcome = example::outcome();
        let (due, shed) = due(rate, measured.as_secs_f64());
        let lookups = &mut outcome.lookups;
        (lookups.issued, lookups.shed, lookups.completed) = (due, shed, due - shed);
        (lookups.incorrect, lookups.failed, lookups.orphaned) = (0, 0, 0);
        lookups.correct = lookups.completed;
        lookups.latency_us.p99 = 2000.0;
        lookups.capacity_per_s =
            scenario.workload.needs_capacity().then_some(self.capacity_per_s * 1.2);
        outcome.engine.peak_rss_bytes = Some(self.node_bytes * u64::from(scenario.nodes));
        Ok(Ran { outcome, series: series.collect(), measured })
    }

    fn keep(&self, folder: &str, _: &Scenario, _: &Ran) -> Result<(), EngineError> {
        self.kept.borrow_mut().push(folder.to_owned());
        Ok(())
    }

    fn packets_per_s(&self) -> Option<f64> {
        Some(10_000.0)
    }

    fn say(&self, text: &str) {
        self.said.borrow_mut().push_str(text);
    }
}

fn options() -> Options {
    Options {
        workload: None,
        values: Vec::new(),
        level: "p99<50ms,success>99.9%".parse().expect("a level"),
        ramp: crate::stress::Ramp::Load,
        from: None,
        to: None,
        step: Duration::from_secs(2),
        hold: Duration::from_secs(4),
        max_memory: None,
        max_time: Duration::from_secs(3600),
    }
}

/// Stresses a fake system. Returns what was found.
fn stress(fake: &Fake<'_>, options: &Options, memory: u64) -> Findings {
    let registry = Registry::built_in();
    let plan = Plan::new(&registry, options, None).expect("it can run");
    let findings = Findings {
        ramp: if options.ramp == crate::stress::Ramp::Nodes { "nodes" } else { "load" }.into(),
        ..Findings::new(Build::here(), "now".to_owned(), &options.level)
    };
    let limits = (memory, options.max_time);
    let mut session = Session::new(fake, &plan, &options.level, limits, fake.user, findings);
    session.run().expect("no run fails");
    session.findings
}

#[test]
fn the_knee_is_found_and_held() {
    let user = AtomicU32::new(0);
    let fake = Fake::new(&user);
    let found = stress(&fake, &options(), u64::MAX);
    let knee = found.knee.expect("there is one");
    assert!(knee.per_s <= 5010.0 && knee.per_s > 4780.0, "{knee:?}");
    assert_eq!(found.closed_loop_per_s, Some(6000.0));
    assert_eq!(found.capacity_per_packet, Some(knee.per_s / 10_000.0));
    let held = found.held.as_ref().expect("it holds");
    assert_eq!((held.per_s, held.churn_per_s, held.recovery_s), (knee.per_s, Some(2.0), Some(0.0)));
    assert_eq!(held.stages.len(), 4);
    assert!(held.stage("beyond", 5.0).is_some_and(|it| it.service.shed > 0.7));
    assert!(held.stage("hold", 1.0).is_some_and(|it| it.broken.is_empty()));
    assert!(found.steps.len() < 16, "{}", found.steps.len());
    assert!(found.costs.lookup_us.is_some() && found.costs.node_us_per_s.is_some());
    assert_eq!(fake.kept.borrow().len(), found.steps.len() + 1 + 4);
    let text = text::all(&found);
    assert!(text.contains("capacity") && text.contains("2 ×") && text.contains("recovery"));
    let longest = text.lines().map(|line| line.chars().count()).max();
    assert!(longest <= Some(100), "{text}");
    // What was said on the way is the first part of the report.
    let said = fake.said.borrow();
    let steps = said.lines().filter(|line| !line.contains("holding"));
    assert!(steps.zip(text.lines()).all(|(said, line)| said == line), "{said}");
}

#[test]
fn what_is_known_when_the_user_wants_no_more_is_kept() {
    for at in 1..12 {
        let user = AtomicU32::new(0);
        let fake = Fake { interrupts_at: at, ..Fake::new(&user) };
        let found = stress(&fake, &options(), u64::MAX);
        assert!(found.interrupted);
        assert_eq!(found.steps.len() as u32, fake.runs.get().min(at) - 1, "run {at}");
        assert_eq!(found.knee.is_some(), at > 1);
        assert!(text::all(&found).contains("interrupted"));
    }
}

#[test]
fn more_memory_than_allowed_is_never_tried() {
    let user = AtomicU32::new(0);
    // Far more than this process has: the watch looks at the real memory.
    let fake = Fake { capacity_per_s: 1e9, node_bytes: 1 << 30, ..Fake::new(&user) };
    let options = Options { ramp: crate::stress::Ramp::Nodes, ..options() };
    let found = stress(&fake, &options, 5000 << 30);
    let knee = found.knee.expect("there is one");
    assert!(knee.nodes <= 5000 && knee.nodes > 4700, "{knee:?}");
    // There is no memory for more nodes than these.
    let held = found.held.as_ref().expect("it holds");
    assert_eq!((held.stages.len(), held.recovery_s), (1, None));
    let why = found.beyond_note.as_ref().expect("it says so");
    assert!(why.starts_with("no more nodes") && why.contains("memory"), "{why}");
    let bottleneck = found.bottleneck.expect("there is one");
    assert_eq!(bottleneck.name(), "memory");
    assert!(found.steps.iter().filter(|step| step.nodes > 5000).all(|it| it.figures.is_none()));
}

#[test]
fn nodes_grow_beyond_the_knee_as_far_as_memory_allows() {
    let user = AtomicU32::new(0);
    let fake = Fake { node_bytes: 1 << 30, ..Fake::new(&user) };
    let options = Options { ramp: crate::stress::Ramp::Nodes, ..options() };
    for (memory, multiples) in [(1 << 50, &[2.0, 5.0][..]), (15_000 << 30, &[2.0, 3.0])] {
        let found = stress(&fake, &options, memory);
        let knee = found.knee.expect("there is one");
        assert!((4700..=5010).contains(&knee.nodes), "{knee:?}");
        let held = found.held.as_ref().expect("it holds");
        let beyond = held.stages.iter().filter(|stage| stage.name == "beyond");
        let tried: Vec<f64> = beyond.map(|stage| stage.multiple.round()).collect();
        assert_eq!(tried, multiples);
        assert_eq!(found.beyond_note.is_some(), multiples.last() < Some(&5.0));
        let text = text::all(&found);
        assert!(text.contains("live nodes"), "{text}");
        assert!(fake.said.borrow().contains("times as many, and back"));
    }
}

#[test]
fn a_system_that_holds_nothing_has_no_capacity() {
    let user = AtomicU32::new(0);
    let fake = Fake { capacity_per_s: 0.0, ..Fake::new(&user) };
    let found = stress(&fake, &Options { from: Some(100.0), ..options() }, u64::MAX);
    assert_eq!((found.knee, found.held.is_some()), (None, false));
    assert!(found.search_note.as_ref().is_some_and(|why| why.contains("lowest")));
    assert!(text::all(&found).contains("not known"));
}

#[test]
fn a_search_without_time_ends_early() {
    let user = AtomicU32::new(0);
    let fake = Fake::new(&user);
    let registry = Registry::built_in();
    let options = options();
    let plan = Plan::new(&registry, &options, None).expect("it can run");
    let findings = Findings::new(Build::here(), "now".to_owned(), &options.level);
    let little = (u64::MAX, plan.reserve());
    let mut session = Session::new(&fake, &plan, &options.level, little, &user, findings);
    session.run().expect("no run fails");
    let found = session.findings;
    assert!(found.search_note.is_some_and(|why| why.contains("time")));
    assert!(found.steps.len() <= 1);
}
