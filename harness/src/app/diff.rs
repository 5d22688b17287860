//! The arguments of `hopwise diff`.
//!
//! **Invariant:** nothing is compared here.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;

use super::values::{DEFAULT_SCENARIO, assignment};
use crate::commands::diff::{self, Alternation, Tolerance, Tolerances};
use crate::commands::options::RunOptions;

/// `hopwise diff`.
#[derive(Args, Debug)]
pub struct Diff {
    /// Two outcomes or folders of runs, the old one first. With --run: two programs, and a scenario
    /// [default: default]
    #[arg(value_name = "A B | OLD NEW [SCENARIO]", num_args = 2..=3, required = true)]
    sides: Vec<String>,
    /// Run both programs in turn, and compare what they measure
    #[arg(long)]
    run: bool,
    /// By how much any figure may be worse, or a certain one: 5%, latency.p99=10% [default: 2%]
    #[arg(long, value_name = "SHARE | FIGURE=SHARE")]
    tolerance: Vec<Tolerance>,
    /// Figures of simulations with the same seeds must be equal
    #[arg(long)]
    exact: bool,
    /// List the figures that have not changed, too
    #[arg(long)]
    all: bool,
    /// How to write it
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t)]
    format: diff::Format,
    /// With --run: begin no run after this time
    #[arg(long, value_name = "D", default_value = "5min", value_parser = humantime::parse_duration)]
    time: Duration,
    /// With --run: set any value of the scenario, such as ring.successors=8
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = assignment, requires = "run")]
    set: Vec<(String, String)>,
    /// With --run: the folder for the results [default: results/runs/TIME-diff-SCENARIO]
    #[arg(long, value_name = "DIR", requires = "run")]
    out: Option<PathBuf>,
    /// Show no progress
    #[arg(long)]
    quiet: bool,
}

impl Diff {
    /// The results to compare; `None` if programs run.
    ///
    /// # Errors
    ///
    /// If there are not two.
    pub fn sides(&self) -> Result<Option<[&Path; 2]>, String> {
        match &*self.sides {
            _ if self.run => Ok(None),
            [a, b] => Ok(Some([Path::new(a), Path::new(b)])),
            more => Err(format!("{} is one too many: write two results, or --run", more[2])),
        }
    }

    /// The programs that run, and what.
    #[must_use]
    pub fn alternation(&self) -> Alternation {
        Alternation {
            programs: [0, 1].map(|which| PathBuf::from(&self.sides[which])),
            scenario: self.sides.get(2).map_or(DEFAULT_SCENARIO, String::as_str).to_owned(),
            set: self.set.clone(),
            time: self.time,
            options: RunOptions { json: None, out: self.out.clone(), quiet: self.quiet },
        }
    }

    /// How the comparison is judged and shown.
    #[must_use]
    pub fn options(&self) -> diff::Options {
        diff::Options {
            tolerances: Tolerances(self.tolerance.clone()),
            exact: self.exact,
            lists_all: self.all,
            format: self.format,
        }
    }
}
