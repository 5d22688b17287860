//! The arguments of `hopwise sweep`.
//!
//! **Invariant:** nothing is run here.

use std::num::NonZeroUsize;

use clap::Args;

use super::values::{DEFAULT_SCENARIO, Values, count};
use crate::commands::assertion::Assertions;
use crate::commands::options::RunOptions;
use crate::commands::sweep::{Plan, PlanError, REPEATS_MAX, Vary};
use crate::systems::Registry;

/// `hopwise sweep`.
#[derive(Args, Debug, Default)]
#[command(mut_arg("json", |json| json.help("Write the table as JSON to a file, or with - to \
    standard output instead of a line per run")))]
#[command(mut_arg("out", |out| out.help("The folder for the results; complete runs in it are not \
    repeated [default: results/runs/TIME-sweep-SCENARIO]")))]
pub struct Sweep {
    /// A named scenario (see list) or a file [default: default]
    #[arg(value_name = "SCENARIO | FILE.toml")]
    scenario: Option<String>,
    /// A key and its values; the sweep runs every combination. Values are written as for --set. A
    /// comma within brackets, braces or quotes is part of a value
    #[arg(long = "vary", value_name = "KEY=VALUE,VALUE,...")]
    vary: Vec<Vary>,
    /// Run each combination N times, with seeds seed, seed + 1, ...
    #[arg(long, value_name = "N", default_value_t = 1)]
    #[arg(value_parser = |text: &str| count(text, 1..=REPEATS_MAX))]
    repeat: u32,
    #[command(flatten)]
    values: Values,
    /// The number of runs at a time [default: one per core]; always 1 over UDP
    #[arg(long, value_name = "T")]
    threads: Option<NonZeroUsize>,
    #[command(flatten)]
    assertions: Assertions,
    #[command(flatten)]
    options: RunOptions,
}

impl Sweep {
    /// Plans the runs.
    ///
    /// # Errors
    ///
    /// If any of them is invalid.
    pub fn plan(&self, registry: &Registry) -> Result<Plan, PlanError> {
        let source = self.scenario.as_deref().unwrap_or(DEFAULT_SCENARIO);
        let values = self.values.overrides();
        let load = |varied: &[_]| registry.load(source, &[&values, varied].concat());
        let meant = |Vary { key, values }: &Vary| Vary {
            key: registry.schema().meant(key).into_owned(),
            values: values.clone(),
        };
        Plan::new(load, &self.vary.iter().map(meant).collect::<Vec<_>>(), self.repeat)
    }

    /// What each run must reach.
    #[must_use]
    pub fn assertions(&self) -> &Assertions {
        &self.assertions
    }

    /// Runs at a time, if that was asked for.
    #[must_use]
    pub fn threads(&self) -> Option<NonZeroUsize> {
        self.threads
    }

    /// What to do with the result.
    #[must_use]
    pub fn options(&self) -> &RunOptions {
        &self.options
    }
}
