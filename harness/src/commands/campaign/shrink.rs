//! Shrinks the scenario of a failing run: fewer faults, no churn, fewer nodes, a shorter measured phase.
//!
//! Delta debugging (Zeller and Hildebrandt, TSE 2002), greedy: a smaller scenario is kept if its run fails in
//! the same way.
//!
//! ```text
//!                                                             yes
//!                   ┌───────────────────────────────────────────────────────────────────────┐
//!   swarms drawn ─▶ up to the violation ─▶ faults ─▶ churn ─▶ nodes ─▶ times ─▶ length ─▶ smaller?
//!                                                                                           └ no: done
//! ```
//!
//! **Invariant:** at most [`RUNS_MAX`] runs, each of a valid scenario; the result depends on no thread and no
//! clock.

use std::collections::HashSet;
use std::time::Duration;

use super::failure::Failure;
use super::smaller::{
    Length, TICK, earlier, rounded, steady, with_length, with_nodes, without_faults,
};
use crate::Scenario;
use crate::scenario::{FaultKind, Schema};

/// The most runs for one seed.
pub(super) const RUNS_MAX: u32 = 60;
/// Other seeds that are tried if a network of fewer nodes, or with earlier faults, does not fail.
const OTHER_SEEDS: u64 = 2;
/// The largest seed that a scenario can hold.
const SEED_MAX: u64 = i64::MAX as u64;
/// Numbers are exact up to this; larger ones to one part in so many.
const PARTS: u64 = 100;

/// The smallest scenario that was found.
#[derive(Debug)]
pub(super) struct Shrunk {
    pub(super) scenario: Scenario,
    /// How its run failed.
    pub(super) failure: Failure,
    /// The runs that it took.
    pub(super) runs: u32,
    /// Whether there was nothing left to try.
    pub(super) is_done: bool,
}

/// How a run of a scenario ended, as far as shrinking is concerned.
#[derive(Debug)]
pub(super) enum Trial {
    Held,
    Failed(Failure),
    /// The user wants no more runs.
    Interrupted,
}

/// Shrinks `scenario`, whose run failed with `failure`; `run` runs a scenario. Returns `None` if it did not
/// get smaller.
pub(super) fn shrink(
    schema: &Schema,
    scenario: &Scenario,
    failure: &Failure,
    run: impl FnMut(&Scenario) -> Trial,
) -> Option<Shrunk> {
    let mut best = scenario.clone();
    if !best.is_checked() {
        // A smaller network would be checked, and then fail in other ways.
        best.check = Some(false);
    }
    let best = Candidate { scenario: best, failure: failure.clone() };
    let mut search = Search { schema, best, run, runs: 0, tried: HashSet::new(), is_over: false };
    search.draw_swarms();
    let mut is_done = false;
    while !is_done && !search.is_over {
        let before = search.best.scenario.clone();
        search.end_at_violation();
        search.drop_faults();
        search.attempt(steady(&search.best.scenario));
        search.drop_nodes();
        search.pull_faults();
        search.shorten();
        is_done = search.best.scenario == before && !search.is_over;
    }
    search.attempt(rounded(&search.best.scenario));
    let Search { best: Candidate { scenario: best, failure }, runs, .. } = search;
    let has_changed = Scenario { check: scenario.check, ..best.clone() } != *scenario;
    has_changed.then_some(Shrunk { scenario: best, failure, runs, is_done })
}

/// A scenario whose run failed.
struct Candidate {
    scenario: Scenario,
    failure: Failure,
}

/// A search for the smallest scenario that fails in the same way.
struct Search<'s, R> {
    schema: &'s Schema,
    best: Candidate,
    run: R,
    runs: u32,
    /// The scenarios that were tried, as TOML.
    tried: HashSet<String>,
    /// Whether no more runs are allowed.
    is_over: bool,
}

impl<R: FnMut(&Scenario) -> Trial> Search<'_, R> {
    /// Runs `scenario` unless it is invalid or was tried before. Keeps it if it fails in the same way.
    fn attempt(&mut self, scenario: Scenario) -> bool {
        let toml = scenario.to_toml();
        if self.is_over || scenario == self.best.scenario || !self.tried.insert(toml.clone()) {
            return false;
        }
        // What is read back is what a user who repeats the run gets.
        let Ok(scenario) = self.schema.from_toml(&toml, &scenario.name, &[]) else { return false };
        if self.runs == RUNS_MAX {
            self.is_over = true;
            return false;
        }
        self.runs += 1;
        match (self.run)(&scenario) {
            Trial::Failed(failure) if failure.is_like(&self.best.failure) => {
                self.best = Candidate { scenario, failure };
                true
            }
            Trial::Failed(_) | Trial::Held => false,
            Trial::Interrupted => {
                self.is_over = true;
                false
            }
        }
    }

    /// As [`attempt`](Search::attempt), also with other seeds.
    fn attempt_with_seeds(&mut self, scenario: &Scenario) -> bool {
        let last = scenario.seed.saturating_add(OTHER_SEEDS).min(SEED_MAX);
        (scenario.seed..=last).any(|seed| self.attempt(Scenario { seed, ..scenario.clone() }))
    }

    /// Replaces swarms by the faults that the seed makes of them, with rounded times if they do.
    fn draw_swarms(&mut self) {
        let scenario = &self.best.scenario;
        if !scenario.faults.iter().any(|fault| fault.kind == FaultKind::Swarm) {
            return;
        }
        let drawn = scenario.with_swarms_drawn();
        if !self.attempt(rounded(&drawn)) {
            self.attempt(drawn);
        }
    }

    /// Ends the measured phase soon after the first violation.
    fn end_at_violation(&mut self) {
        let Candidate { scenario, failure } = &self.best;
        let Some(broken_at) = failure.broken_at else { return };
        let from_start = broken_at.saturating_sub(scenario.phases.warmup);
        let length = Length::lasting(from_start + Duration::from_secs(1));
        let (now, then) = (Length::of(scenario), length);
        if let (Length::Lasting(now, unit), Length::Lasting(then, its)) = (now, then)
            && its.saturating_mul(then as u32) < unit.saturating_mul(now as u32)
        {
            self.attempt(with_length(&self.best.scenario, length));
        }
    }

    /// Leaves out faults: all, then halves, quarters, and so on, and at last each alone.
    fn drop_faults(&mut self) {
        let mut size = self.best.scenario.faults.len();
        while size > 0 && !self.is_over {
            let mut first = 0;
            while first < self.best.scenario.faults.len() {
                let end = (first + size).min(self.best.scenario.faults.len());
                if !self.attempt(without_faults(&self.best.scenario, first..end)) {
                    first = end;
                }
            }
            size /= 2;
        }
    }

    /// Finds the least number of nodes.
    fn drop_nodes(&mut self) {
        let now = self.best.scenario.nodes;
        self.lessen(now.into(), |search, nodes| {
            let nodes = u32::try_from(nodes).unwrap_or(now);
            search.attempt_with_seeds(&with_nodes(&search.best.scenario, nodes))
        });
    }

    /// Lets all faults begin as early as possible.
    fn pull_faults(&mut self) {
        let first = self.best.scenario.faults.iter().map(|fault| fault.at).min();
        let Some(first) = first.filter(|first| *first >= TICK) else { return };
        let ticks = |time: Duration| (time.as_nanos() / TICK.as_nanos()) as u64;
        self.lessen(ticks(first), |search, at| {
            let now = search.best.scenario.faults.iter().map(|fault| fault.at).min();
            let by = now.unwrap_or_default().saturating_sub(TICK.saturating_mul(at as u32));
            let sooner = earlier(&search.best.scenario, by);
            sooner.is_some_and(|sooner| search.attempt_with_seeds(&sooner))
        });
    }

    /// Finds the shortest measured phase.
    fn shorten(&mut self) {
        let now = Length::of(&self.best.scenario);
        self.lessen(now.units(), |search, units| {
            search.attempt(with_length(&search.best.scenario, now.with_units(units)))
        });
    }

    /// Finds the least number with which runs fail, if they fail with all larger ones up to `now`, too.
    fn lessen(&mut self, now: u64, mut attempt: impl FnMut(&mut Self, u64) -> bool) {
        let (mut holds, mut fails) = (0, now);
        while fails - holds > 1 + fails / PARTS && !self.is_over {
            let middle = holds + (fails - holds) / 2;
            match attempt(self, middle) {
                true => fails = middle,
                false => holds = middle,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::EngineError;
    use crate::scenario::{ChurnModel, DisturbanceKind, Fault, Measure};
    use crate::systems::Registry;

    /// Forty-eight nodes for a minute, and some faults.
    const LARGE: &str = "engine = \"sim\"
        nodes = 48
        ring.successors = 2
        churn.model = \"poisson\"
        phases.measure = \"60s\"
        fault = [
          { at = \"3s\", kind = \"crash\", count = 8 },
          { at = \"4s\", until = \"50s\", kind = \"loss\", fraction = 0.1 },
          { at = \"20s\", until = \"30s\", kind = \"partition\", fraction = 0.5 },
          { at = \"21s\", kind = \"return\", fraction = 1.0 },
          { at = \"40s\", until = \"60s\", kind = \"clog\", fraction = 0.2 },
        ]";

    fn scenario(toml: &str) -> Scenario {
        Registry::built_in().from_toml(toml, "test", &[]).expect("it is valid")
    }

    fn failure(why: &str) -> Failure {
        Failure::of_error(EngineError::Broken(why.to_owned()))
    }

    /// Shrinks `scenario`, whose runs fail with these words.
    fn shrunk(scenario: &Scenario, fails: impl Fn(&Scenario) -> Option<&'static str>) -> Shrunk {
        let first = failure(fails(scenario).expect("it fails"));
        let run =
            |tried: &Scenario| fails(tried).map_or(Trial::Held, |why| Trial::Failed(failure(why)));
        let registry = Registry::built_in();
        shrink(registry.schema(), scenario, &first, run).expect("it gets smaller")
    }

    fn is(fault: &Fault, kind: DisturbanceKind) -> bool {
        fault.kind == FaultKind::Disturbance(kind)
    }

    #[test]
    fn what_the_failure_needs_is_left() {
        let clog = |it: &Scenario| it.faults.iter().any(|fault| is(fault, DisturbanceKind::Clog));
        let loss = |it: &Scenario| it.faults.iter().any(|fault| is(fault, DisturbanceKind::Loss));
        let long = |it: &Scenario| matches!(it.phases.measure, Measure::Lasting(length) if length.as_secs() >= 7);
        let why =
            |it: &Scenario| (it.nodes >= 13 && clog(it) && loss(it) && long(it)).then_some("it");
        let Shrunk { scenario: least, runs, is_done, .. } = shrunk(&scenario(LARGE), why);
        assert_eq!(
            (least.nodes, least.faults.len(), is_done),
            (13, 2, true),
            "{}",
            least.to_toml()
        );
        assert_eq!(least.churn.model, ChurnModel::Off);
        let Measure::Lasting(length) = least.phases.measure else { panic!("it lasts") };
        // Of the 36 s between both faults and the rest, all can go but what tells them apart.
        assert!((7..=37).contains(&length.as_secs()), "{length:?}");
        assert!(runs <= RUNS_MAX, "{runs}");
        assert_eq!(least.seed, 1);
    }

    #[test]
    fn another_failure_is_not_kept() {
        let why = |it: &Scenario| Some(if it.faults.len() >= 3 { "three faults" } else { "fewer" });
        let least = shrunk(&scenario(LARGE), why).scenario;
        assert_eq!((least.faults.len(), least.nodes), (3, 3), "two successors need three nodes");
    }

    #[test]
    fn a_swarm_becomes_the_faults_that_its_seed_draws() {
        let swarm = "engine = \"sim\"
            nodes = 32
            seed = 5
            phases.measure = \"60s\"
            fault = [{ at = \"5s\", until = \"50s\", kind = \"swarm\", fraction = 0.6 }]";
        let drawn = scenario(swarm).with_swarms_drawn();
        let word = drawn.faults.first().expect("some kinds take part").kind.word();
        let why = |it: &Scenario| {
            let drawn = it.with_swarms_drawn();
            drawn.faults.iter().any(|fault| fault.kind.word() == word).then_some("it")
        };
        let least = shrunk(&scenario(swarm), why).scenario;
        assert_eq!(least.faults.len(), 1);
        assert_eq!(least.faults[0].kind.word(), word);
    }

    #[test]
    fn runs_are_bounded_and_an_interrupt_ends_them() {
        let large = scenario(LARGE);
        let registry = Registry::built_in();
        // It fails by chance: another search would never end.
        let mut runs = 0;
        let by_chance = |it: &Scenario| {
            runs += 1;
            let bytes = it
                .to_toml()
                .bytes()
                .fold(0_u32, |sum, byte| sum.wrapping_mul(31) + u32::from(byte));
            if bytes % 3 == 0 { Trial::Failed(failure("it")) } else { Trial::Held }
        };
        let first = shrink(registry.schema(), &large, &failure("it"), by_chance).map(|it| it.runs);
        assert_eq!(first.unwrap_or(runs), runs);
        assert!(runs <= RUNS_MAX, "{runs}");

        let mut left = 3;
        let soon = |_: &Scenario| {
            left -= 1;
            if left == 0 { Trial::Interrupted } else { Trial::Failed(failure("it")) }
        };
        let cut = shrink(registry.schema(), &large, &failure("it"), soon).expect("it got smaller");
        assert_eq!((cut.runs, cut.is_done, left), (3, false, 0));
        let never = |_: &Scenario| Trial::Interrupted;
        assert!(shrink(registry.schema(), &large, &failure("it"), never).is_none());
    }

    #[test]
    fn the_phase_ends_soon_after_a_violation() {
        use crate::measure::outcome::{Check, Finding, Outcome, example};
        let violated = |at_s| {
            let first = Some(Finding { at_s, broken: "a rule".into(), replay: None });
            let check = Some(Check { violations: 1, first, ..Check::default() });
            let outcome = Outcome { check, ..example::outcome() };
            Failure::of_outcome(&outcome).expect("it failed")
        };
        let mut lengths = Vec::new();
        let run = |it: &Scenario| {
            lengths.push(Length::of(it));
            Trial::Failed(violated(20.5))
        };
        let large = scenario(LARGE);
        shrink(Registry::built_in().schema(), &large, &violated(20.5), run)
            .expect("it got smaller");
        // The warm-up lasts 5 s.
        assert_eq!(lengths[0], Length::Lasting(17, Duration::from_secs(1)));
    }
}
