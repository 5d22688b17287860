//! Values as they are written on the command line.
//!
//! **Invariant:** whether a key exists is not decided here.

use std::ops::RangeInclusive;

use clap::Args;

use crate::scenario::count_of;

/// The scenario that runs if none is named.
pub(super) const DEFAULT_SCENARIO: &str = "default";

/// Values of the scenario that are set from the command line.
#[derive(Args, Debug, Default)]
pub(super) struct Values {
    /// How many nodes there are at the start (nodes)
    #[arg(long, value_name = "N", allow_hyphen_values = true)]
    nodes: Option<String>,
    /// The system to run (system)
    #[arg(long, value_name = "S")]
    system: Option<String>,
    /// Where the nodes run (engine): udp, sim
    #[arg(long, value_name = "E")]
    engine: Option<String>,
    /// How long to measure (phases.measure), such as 30s
    #[arg(long, value_name = "D", allow_hyphen_values = true)]
    duration: Option<String>,
    /// Lookups per second, system-wide (workload.lookups_per_s)
    #[arg(long, value_name = "R", allow_hyphen_values = true)]
    rate: Option<String>,
    /// The seed of all random choices (seed)
    #[arg(long, value_name = "S", allow_hyphen_values = true)]
    seed: Option<String>,
    /// Set any value of the scenario, such as ring.successors=8
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = assignment)]
    set: Vec<(String, String)>,
}

impl Values {
    /// All values as overrides. `--set` comes last, so it overrides the shorthands.
    pub(super) fn overrides(&self) -> Vec<(String, String)> {
        let shorthands = [
            ("nodes", &self.nodes),
            ("system", &self.system),
            ("engine", &self.engine),
            ("phases.measure", &self.duration),
            ("workload.lookups_per_s", &self.rate),
            ("seed", &self.seed),
        ];
        overrides(&shorthands, &self.set)
    }
}

/// Values of the scenario of a single run, with the threads that run its nodes.
#[derive(Args, Debug, Default)]
pub(super) struct RunValues {
    #[command(flatten)]
    values: Values,
    /// Threads that run nodes (threads); 0: as many as help, one per core at most
    #[arg(long, value_name = "T", allow_hyphen_values = true)]
    threads: Option<String>,
}

impl RunValues {
    /// All values as overrides; see [`Values::overrides`].
    pub(super) fn overrides(&self) -> Vec<(String, String)> {
        let threads = overrides(&[("threads", &self.threads)], &[]);
        threads.into_iter().chain(self.values.overrides()).collect()
    }
}

/// The shorthands that were given, and then what was `set`.
pub(super) fn overrides(
    shorthands: &[(&str, &Option<String>)],
    set: &[(String, String)],
) -> Vec<(String, String)> {
    let given = shorthands
        .iter()
        .filter_map(|(key, value)| value.as_ref().map(|value| ((*key).to_owned(), value.clone())));
    given.chain(set.iter().cloned()).collect()
}

/// Reads `KEY=VALUE`.
pub(super) fn assignment(text: &str) -> Result<(String, String), String> {
    let example = "write KEY=VALUE, such as ring.successors=8";
    let (key, value) = text.split_once('=').ok_or(example)?;
    match key.trim() {
        "" => Err(format!("the key is missing: {example}")),
        key => Ok((key.to_owned(), value.trim().to_owned())),
    }
}

/// Reads a count within `range`, written as in a scenario: `1e4` is one.
pub(super) fn count(text: &str, range: RangeInclusive<u32>) -> Result<u32, String> {
    let whole = count_of(text).and_then(|count| u32::try_from(count).ok());
    whole.filter(|count| range.contains(count)).ok_or_else(|| match *range.end() {
        u32::MAX => format!("write a whole number, at least {}", range.start()),
        end => format!("write a whole number from {} to {end}", range.start()),
    })
}
