//! The arguments of `hopwise run`.
//!
//! **Invariant:** nothing is run here.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;

use super::target::TargetFlags;
use super::values::{DEFAULT_SCENARIO, RunValues, count};
use crate::commands::assertion::Assertions;
use crate::commands::campaign::Seeds;
use crate::commands::options::RunOptions;
use crate::commands::run::Request;
use crate::measure::trace::LOOKUPS_MAX;
use crate::scenario::{Scenario, ScenarioError};
use crate::systems::Registry;
use crate::target;

/// The scenario whose load goes to `--target` if none is named.
const TARGET_SCENARIO: &str = "ycsb-a";

/// `hopwise run`.
#[derive(Args, Debug, Default)]
#[command(mut_arg("target", |target| {
    target.conflicts_with_all(["seeds", "events", "watch", "trace_lookups"])
}))]
pub struct Run {
    /// A named scenario (see list) or a file [default: default]
    #[arg(value_name = "SCENARIO | FILE.toml")]
    scenario: Option<String>,
    #[command(flatten)]
    values: RunValues,
    /// Run once with each seed from A to B - 1 and list the seeds that fail; simulator only. The scenarios of
    /// the first ones are then shrunk. --json lists the failing seeds, and only their results are kept
    #[arg(long, value_name = "A..B", conflicts_with = "seed")]
    seeds: Option<Seeds>,
    /// Write all that happens to a CSV file: who joined and departed, and each lookup of the measured
    /// phase. Compressed if the name ends in .gz
    #[arg(long, value_name = "FILE", conflicts_with = "seeds")]
    events: Option<PathBuf>,
    /// Serve a live page of the run, for this machine only, by default at a free port. A simulation starts
    /// when the page is open, and can be paused there, slowed down and stepped
    #[arg(long, value_name = "ADDR", num_args = 0..=1, require_equals = true, conflicts_with = "seeds")]
    #[arg(default_missing_value = "127.0.0.1:0")]
    watch: Option<SocketAddr>,
    /// Trace the first N lookups of the measured phase, 1 to 1000: hop by hop, into traces.json beside the
    /// outcome; without --out also as text. Simulator only
    #[arg(long, value_name = "N", value_parser = lookups, conflicts_with = "seeds")]
    trace_lookups: Option<u32>,
    #[command(flatten)]
    target: TargetFlags,
    #[command(flatten)]
    assertions: Assertions,
    #[command(flatten)]
    options: RunOptions,
}

impl Run {
    /// Loads the scenario.
    ///
    /// # Errors
    ///
    /// If it is invalid.
    pub fn scenario(&self, registry: &Registry) -> Result<Scenario, ScenarioError> {
        let default = if self.target.is_unused() { DEFAULT_SCENARIO } else { TARGET_SCENARIO };
        let source = self.scenario.as_deref().unwrap_or(default);
        registry.load(source, &self.values.overrides())
    }

    /// Where the load goes, if nodes run elsewhere.
    ///
    /// # Errors
    ///
    /// If an address is wrong.
    pub fn target(&self) -> Result<Option<target::Options>, String> {
        self.target.options()
    }

    /// The seeds to run with, if several were asked for.
    #[must_use]
    pub fn seeds(&self) -> Option<&Seeds> {
        self.seeds.as_ref()
    }

    /// What each run must reach.
    #[must_use]
    pub fn assertions(&self) -> &Assertions {
        &self.assertions
    }

    /// How the scenario is run, with the load on `target` if there is one.
    #[must_use]
    pub fn request<'a>(&'a self, target: Option<&'a target::Options>) -> Request<'a> {
        Request {
            assertions: &self.assertions,
            options: &self.options,
            events: self.events.as_deref(),
            traced_lookups: self.trace_lookups,
            target,
            watch: self.watch,
        }
    }

    /// What to do with the result.
    #[must_use]
    pub fn options(&self) -> &RunOptions {
        &self.options
    }
}

/// Reads the number of lookups to trace.
fn lookups(text: &str) -> Result<u32, String> {
    count(text, 1..=LOOKUPS_MAX)
}
