//! What a smaller scenario of a failing seed is like, as the result of a campaign and its lines say it.
//!
//! **Invariant:** the command line in it repeats the failure.

use std::fmt;

use serde::Serialize;

use super::shrink::Shrunk;
use crate::Scenario;
use crate::scenario::{Measure, duration};

/// A failing seed whose scenario got smaller.
#[derive(Debug)]
pub(super) struct ShrunkSeed {
    /// The seed.
    pub(super) of: u64,
    pub(super) entry: Entry,
}

/// A smaller scenario that fails in the same way.
#[derive(Debug, Serialize)]
pub(super) struct Entry {
    /// Its own seed: usually that of the failing run.
    seed: u64,
    nodes: u32,
    /// How many faults it has.
    faults: usize,
    /// The length of its measured phase in seconds, unless it ends after so many lookups.
    #[serde(skip_serializing_if = "Option::is_none")]
    measure_s: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lookups: Option<u64>,
    /// How its run failed.
    reason: String,
    /// The runs that it took.
    runs: u32,
    /// Whether no smaller one that was tried failed. Otherwise the runs ran out, or the user ended them.
    is_smallest: bool,
    /// The command line that runs it.
    replay: String,
    /// What it was shrunk from and to.
    #[serde(skip)]
    sizes: [Sizes; 2],
}

/// The sizes of a scenario.
#[derive(Debug)]
struct Sizes {
    nodes: u32,
    faults: usize,
    length: String,
}

impl Sizes {
    fn of(scenario: &Scenario) -> Sizes {
        let length = match scenario.phases.measure {
            Measure::Lasting(length) => duration::text(length),
            Measure::Lookups(count) => format!("{count} lookups"),
        };
        Sizes { nodes: scenario.nodes, faults: scenario.faults.len(), length }
    }
}

impl ShrunkSeed {
    /// What `scenario` became, which `replay` repeats.
    pub(super) fn new(scenario: &Scenario, shrunk: &Shrunk, replay: String) -> ShrunkSeed {
        let Shrunk { scenario: smaller, failure, runs, is_done } = shrunk;
        let (measure_s, lookups) = match smaller.phases.measure {
            Measure::Lasting(length) => (Some(length.as_secs_f64()), None),
            Measure::Lookups(count) => (None, Some(count)),
        };
        let entry = Entry {
            seed: smaller.seed,
            nodes: smaller.nodes,
            faults: smaller.faults.len(),
            measure_s,
            lookups,
            reason: failure.reason.clone(),
            runs: *runs,
            is_smallest: *is_done,
            replay,
            sizes: [Sizes::of(&scenario.with_swarms_drawn()), Sizes::of(smaller)],
        };
        ShrunkSeed { of: scenario.seed, entry }
    }
}

impl Entry {
    /// The runs that it took.
    pub(super) fn runs(&self) -> u32 {
        self.runs
    }
}

/// `shrunk in 31 runs to 9 of 64 nodes, 1 of 12 faults, 14s of 10m: hopwise run …`.
impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Entry { runs, replay, sizes: [from, to], .. } = self;
        write!(f, "shrunk in {runs} runs to {} of {} nodes, ", to.nodes, from.nodes)?;
        if from.faults > 0 {
            write!(f, "{} of {} faults, ", to.faults, from.faults)?;
        }
        write!(f, "{} of {}: {replay}", to.length, from.length)
    }
}
