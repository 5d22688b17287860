//! The arguments of `hopwise compare`.
//!
//! **Invariant:** nothing is run here.

use clap::{Args, ValueEnum};

use super::values::{assignment, count, overrides};
use crate::commands::compare::{self, Subject, storage};
use crate::commands::options::RunOptions;
use crate::scenario::{Scenario, ScenarioError};
use crate::systems::Registry;

/// The scenario that is compared if none is named, in which engine, and with how many nodes.
const COMPARE_SCENARIO: &str = "compare";
const COMPARE_STORAGE_SCENARIO: &str = "compare-storage";
const COMPARE_ENGINE: &str = "sim";
const COMPARED_NODES: [u32; 4] = [256, 1024, 4096, 16384];

/// `hopwise compare`.
#[derive(Args, Debug, Default)]
#[command(mut_arg("json", |json| json.help("Write the comparison as JSON to a file, or with - to \
    standard output instead of the table")))]
#[command(mut_arg("out", |out| out.help("The folder for the results [default: \
    results/runs/TIME-compare]")))]
pub struct Compare {
    /// A named scenario (see list) or a file that says what all runs have in common
    /// [default: compare, compare-storage]
    #[arg(value_name = "SCENARIO | FILE.toml")]
    scenario: Option<String>,
    /// What is compared: systems, or the two ways to store a value (at the owner of its key, or at its
    /// writer with a reference at the owner)
    #[arg(long, value_name = "WHAT", value_enum, default_value_t)]
    what: What,
    /// The numbers of nodes to compare at; each run of a system has as many items as nodes. One number with
    /// --what storage [default: 256,1024,4096,16384; as the scenario says]
    #[arg(long, value_name = "N,N,...", value_delimiter = ',')]
    #[arg(value_parser = |text: &str| count(text, 8..=u32::MAX))]
    nodes: Option<Vec<u32>>,
    /// The sizes of values in bytes, with --what storage [default: 16,64,256,1000]
    #[arg(long, value_name = "N,N,...", value_delimiter = ',')]
    #[arg(value_parser = |text: &str| count(text, 16..=1000))]
    sizes: Option<Vec<u32>>,
    /// The systems to compare, in the order of the table [default: central,flood,ring]
    #[arg(long, value_name = "S,S,...", value_delimiter = ',')]
    systems: Vec<String>,
    /// Where the nodes run (engine): udp, sim [default: sim, whatever the scenario says]
    #[arg(long, value_name = "E")]
    engine: Option<String>,
    /// The seed of all random choices (seed)
    #[arg(long, value_name = "S", allow_hyphen_values = true)]
    seed: Option<String>,
    /// Set any value of the scenario that runs have in common, such as items.replicas=8
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = assignment)]
    set: Vec<(String, String)>,
    #[command(flatten)]
    options: RunOptions,
}

/// What is compared.
#[derive(ValueEnum, Clone, Copy, Default, Debug)]
enum What {
    #[default]
    Systems,
    Storage,
}

impl Compare {
    /// Plans the runs.
    ///
    /// # Errors
    ///
    /// If any of them is invalid.
    pub fn plan(&self, registry: &Registry) -> Result<Subject, compare::PlanError> {
        match self.what {
            What::Systems => self.plan_systems(registry).map(Subject::Systems),
            What::Storage => self.plan_storage(registry).map(Subject::Storage),
        }
    }

    fn plan_systems(&self, registry: &Registry) -> Result<compare::Plan, compare::PlanError> {
        if self.sizes.is_some() {
            let instead = "values have sizes with --what storage only; leave it out";
            return Err(compare::PlanError::NotWith { flag: "--sizes", instead });
        }
        compare::refuse_planned(registry, &self.set)?;
        let nodes = self.nodes.as_deref().unwrap_or(&COMPARED_NODES);
        compare::Plan::new(registry, &self.systems, nodes, |planned| {
            self.load(registry, COMPARE_SCENARIO, planned)
        })
    }

    fn plan_storage(&self, registry: &Registry) -> Result<storage::Plan, compare::PlanError> {
        let not_with = |flag, instead| Err(compare::PlanError::NotWith { flag, instead });
        if !self.systems.is_empty() {
            return not_with(
                "--systems",
                "--what storage compares ways to store on a ring; leave it out",
            );
        }
        let nodes = match self.nodes.as_deref() {
            None => None,
            Some(&[nodes]) => Some(nodes),
            Some(_) => {
                return not_with(
                    "--nodes",
                    "--what storage has one number of nodes; write --nodes N",
                );
            }
        };
        storage::refuse_planned(registry, &self.set)?;
        let sizes = self.sizes.as_deref().unwrap_or(&storage::DEFAULT_SIZES);
        storage::Plan::new(sizes, nodes, |planned| {
            self.load(registry, COMPARE_STORAGE_SCENARIO, planned)
        })
    }

    /// Loads the scenario that runs have in common, by default `usual`, with the values of one run.
    fn load(
        &self,
        registry: &Registry,
        usual: &str,
        planned: &[(String, String)],
    ) -> Result<Scenario, ScenarioError> {
        let source = self.scenario.as_deref().unwrap_or(usual);
        let engine = Some(self.engine.clone().unwrap_or_else(|| COMPARE_ENGINE.to_owned()));
        let shorthands = [("engine", &engine), ("seed", &self.seed)];
        let values = overrides(&shorthands, &self.set);
        // The planned values come last, so they override the others.
        registry.load(source, &[&values, planned].concat())
    }

    /// What to do with the result.
    #[must_use]
    pub fn options(&self) -> &RunOptions {
        &self.options
    }
}
