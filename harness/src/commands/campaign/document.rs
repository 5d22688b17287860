//! The result of a campaign, `campaign.json`.
//!
//! **Invariant:** a run that the user ended counts nowhere.

use std::collections::BTreeMap;

use serde::Serialize;

use super::seeds::Seeds;
use super::shrunk_seed::{Entry, ShrunkSeed};
use crate::Scenario;
use crate::commands::Environment;
use crate::commands::options::Exit;
use crate::measure::outcome::{Check, Membership, Outcome};
use crate::measure::provenance::{Build, Machine};
use crate::report::units::micros;

/// The version of the JSON document.
const SCHEMA_VERSION: u32 = 1;

/// A run that ended or was interrupted.
#[derive(Debug)]
pub(super) struct Ran {
    pub(super) is_interrupted: bool,
    simulated_s: f64,
    check: Check,
    strikes: BTreeMap<String, u64>,
}

impl Ran {
    /// What a campaign counts of a run with this outcome.
    pub(super) fn new(outcome: &Outcome) -> Ran {
        Ran {
            is_interrupted: outcome.interrupted,
            simulated_s: outcome.simulated_s.unwrap_or_default(),
            check: outcome.check.clone().unwrap_or_default(),
            strikes: strikes(outcome),
        }
    }
}

/// A seed whose run failed.
#[derive(Debug, Serialize)]
pub(super) struct Failing {
    pub(super) seed: u64,
    /// The exit status of `hopwise run` with this seed.
    pub(super) status: i32,
    pub(super) reason: String,
    /// The command line that repeats it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) replay: Option<String>,
    /// A smaller scenario that fails in the same way.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) shrunk: Option<Entry>,
}

impl Failing {
    /// One line about it: with the smallest scenario that repeats it, if there is one.
    pub(super) fn line(&self) -> String {
        let Failing { seed, status, reason, replay, shrunk } = self;
        let replay = match (shrunk, replay) {
            (Some(shrunk), _) => format!("; {shrunk}"),
            (None, Some(replay)) => format!("; to reproduce it: {replay}"),
            (None, None) => String::new(),
        };
        format!("seed {seed}: status {status}: {reason}{replay}")
    }
}

/// The result of a campaign.
#[derive(Debug, Serialize)]
pub(super) struct Document {
    schema_version: u32,
    /// The scenario. Only the seed differs between runs.
    scenario: toml::Table,
    machine: Machine,
    build: Build,
    /// When it started: RFC 3339, UTC.
    started_at: String,
    /// Wall time in seconds.
    pub(super) wall_s: f64,
    /// Simulated time of all runs together, in seconds.
    simulated_s: f64,
    /// Whether the user stopped it early.
    pub(super) interrupted: bool,
    /// The first seed and the one after the last.
    seeds: [u64; 2],
    /// Runs that ended.
    pub(super) ran: usize,
    /// Findings of the checks of all runs.
    check: Check,
    /// How often faults of each kind that the scenario has struck, in all runs.
    faults: BTreeMap<String, u64>,
    pub(super) failing: Vec<Failing>,
}

impl Document {
    pub(super) fn new(
        env: &Environment,
        scenario: &Scenario,
        seeds: &Seeds,
        started_at: String,
    ) -> Document {
        Document {
            schema_version: SCHEMA_VERSION,
            scenario: scenario.to_table(),
            machine: Machine::here(),
            build: Build::of(env.program),
            started_at,
            wall_s: 0.0,
            simulated_s: 0.0,
            interrupted: false,
            seeds: [seeds.0.start, seeds.0.end],
            ran: 0,
            check: Check::default(),
            faults: scenario.fault_words().map(|word| (joined(word).to_owned(), 0)).collect(),
            failing: Vec::new(),
        }
    }

    /// Adds a run, if it `ran` to its end, and how it failed, if it did; returns the entry of a failing
    /// one. Interrupted runs do not count.
    pub(super) fn take(&mut self, ran: Option<Ran>, failing: Option<Failing>) -> Option<&Failing> {
        if let Some(Ran { is_interrupted, simulated_s, check, strikes }) = ran {
            if is_interrupted {
                return None;
            }
            self.simulated_s += simulated_s;
            self.check.merge(&check);
            for (kind, count) in &mut self.faults {
                *count += strikes.get(kind).copied().unwrap_or_default();
            }
        }
        self.ran += 1;
        self.failing.push(failing?);
        self.failing.last()
    }

    /// Adds what became of a failing seed that was shrunk.
    pub(super) fn add_shrunk(&mut self, ShrunkSeed { of, entry }: ShrunkSeed) {
        if let Some(failing) = self.failing.iter_mut().find(|failing| failing.seed == of) {
            failing.shrunk = Some(entry);
        }
    }

    /// The kinds of faults that never struck.
    pub(super) fn idle_faults(&self) -> Vec<&str> {
        self.faults
            .iter()
            .filter(|(_, count)| **count == 0)
            .map(|(kind, _)| kind.as_str())
            .collect()
    }

    pub(super) fn summary(&self) -> String {
        let Document { seeds: [from, to], ran, simulated_s, wall_s, check, failing, .. } = self;
        let stopped = if self.interrupted { ", interrupted" } else { "" };
        let exact = match check.exact {
            0 => String::new(),
            exact => format!(", {exact} had to end with an exact ring"),
        };
        format!(
            "{ran} of {} seeds run, {} failed{stopped}: {} violations, {} explained by node failures{exact}; \
             {simulated_s:.0} s simulated in {}\n",
            to - from,
            failing.len(),
            check.violations,
            check.beyond_promise,
            micros(wall_s * 1e6),
        )
    }

    /// The exit status: that of the worst run.
    pub(super) fn verdict(&self) -> Exit {
        let any = |exit: Exit| self.failing.iter().any(|failing| failing.status == exit as i32);
        if self.interrupted {
            Exit::Interrupted
        } else if any(Exit::BadRequest) {
            Exit::BadRequest
        } else if any(Exit::Failure) {
            Exit::Failure
        } else if self.failing.is_empty() && self.idle_faults().is_empty() {
            Exit::Success
        } else {
            Exit::Unmet
        }
    }
}

/// The word under which faults of a kind are counted. A node that returns joins.
fn joined(word: &'static str) -> &'static str {
    if word == "return" { "join" } else { word }
}

/// How often each kind of fault struck in a run. Churn counts, too.
fn strikes(outcome: &Outcome) -> BTreeMap<String, u64> {
    let mut strikes = outcome.engine.disturbances.clone();
    let Membership { joins, leaves, crashes, .. } = outcome.membership;
    let of_members = [("join", joins), ("leave", leaves), ("crash", crashes)];
    strikes.extend(of_members.map(|(kind, count)| (kind.to_owned(), count)));
    strikes
}
