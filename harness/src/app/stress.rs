//! The arguments of `hopwise stress`.
//!
//! **Invariant:** nothing is run here.

use std::time::Duration;

use clap::Args;

use super::target::TargetFlags;
use super::values::{assignment, overrides};
use crate::commands::assertion::Assertions;
use crate::commands::options::RunOptions;
use crate::{stress, target};

/// `hopwise stress`.
#[derive(Args, Debug)]
#[command(mut_arg("json", |json| json.help("Write the findings as JSON to a file, or with - to \
    standard output instead of the report")))]
#[command(mut_arg("out", |out| out.help("The folder for the results [default: \
    results/runs/TIME-stress-WORKLOAD]")))]
#[command(mut_arg("target", |target| target.help("Drive the reads and writes of the workload into servers \
    that run, as run does")))]
pub struct Stress {
    /// A named scenario (see list) or a file: what is asked, and of which nodes [default: lookups of a ring,
    /// 1,000 nodes; with --target ycsb-a]
    #[arg(long, value_name = "NAME | FILE.toml")]
    workload: Option<String>,
    /// The service level: bounds on p50, p90, p99, p99.9, max, success, shed, failed or goodput. success is the
    /// share of right answers among all that was due
    #[arg(long, value_name = "LEVEL", default_value = "p99<50ms,success>99.9%")]
    slo: stress::Level,
    /// What grows: the load, with the same nodes, or the nodes, with the same load per node
    #[arg(long, value_name = "WHAT", value_enum, default_value_t)]
    ramp: stress::Ramp,
    /// The first load, in operations per second, or the first number of nodes [default: 0.7 of what a closed
    /// loop completes; the nodes of the workload]
    #[arg(long, value_name = "N", allow_hyphen_values = true)]
    from: Option<f64>,
    /// The highest load, or the highest number of nodes [default: no limit]
    #[arg(long, value_name = "N", allow_hyphen_values = true)]
    to: Option<f64>,
    /// How long each step is measured, after a warm-up of a third of it
    #[arg(long, value_name = "D", default_value = "3s", value_parser = humantime::parse_duration)]
    step: Duration,
    /// How long the knee is held, under churn
    #[arg(long, value_name = "D", default_value = "60s", value_parser = humantime::parse_duration)]
    hold: Duration,
    /// Let this process use no more memory, such as 4GiB [default: 80 % of what is free]
    #[arg(long, value_name = "SIZE")]
    max_memory: Option<String>,
    /// Take no longer
    #[arg(long, value_name = "D", default_value = "5min", value_parser = humantime::parse_duration)]
    max_time: Duration,
    /// How many nodes there are at the start (nodes)
    #[arg(long, value_name = "N", allow_hyphen_values = true)]
    nodes: Option<String>,
    #[command(flatten)]
    target: TargetFlags,
    /// Set any value of the workload, such as ring.successors=8
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = assignment)]
    set: Vec<(String, String)>,
    #[command(flatten)]
    assertions: Assertions,
    #[command(flatten)]
    options: RunOptions,
}

impl Stress {
    /// What the user wants to know, and how it is found out.
    ///
    /// # Errors
    ///
    /// If the memory is not a size.
    pub fn options(&self) -> Result<stress::Options, String> {
        let max_memory = self.max_memory.as_deref().map(stress::memory_of).transpose();
        Ok(stress::Options {
            workload: self.workload.clone(),
            values: overrides(&[("nodes", &self.nodes)], &self.set),
            level: self.slo.clone(),
            ramp: self.ramp,
            from: self.from,
            to: self.to,
            step: self.step,
            hold: self.hold,
            max_memory: max_memory.map_err(|why| format!("--max-memory: {why}"))?,
            max_time: self.max_time,
        })
    }

    /// Where the load goes, if nodes run elsewhere.
    ///
    /// # Errors
    ///
    /// If an address is wrong.
    pub fn target(&self) -> Result<Option<target::Options>, String> {
        self.target.options()
    }

    /// What the knee must reach, when it is held.
    #[must_use]
    pub fn assertions(&self) -> &Assertions {
        &self.assertions
    }

    /// What to do with the findings.
    #[must_use]
    pub fn output(&self) -> &RunOptions {
        &self.options
    }
}
