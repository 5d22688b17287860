//! The result of a run as one JSON document. Reports, comparisons and plans read nothing else.
//!
//! The paths and units of the JSON are a contract with all readers of saved results. A change that
//! an older reader would misunderstand raises [`SCHEMA_VERSION`].
//!
//! **Invariant:** a saved outcome holds everything a report needs.

mod check;
#[cfg(test)]
pub(crate) mod example;
pub mod figures;
mod health;
mod items;
mod join_us;
mod lookups;
mod nodes;
mod statistics;
mod store;
mod target;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, absolute};
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

pub use self::check::{Check, Finding};
pub use self::figures::{Better, Figure, Unit};
pub use self::health::{
    Deaths, Flaws, Goodput, Health, MeanMax, MeanWorst, Ownership, Rings, Tables, Times,
};
pub use self::items::{Asked, Items, Obtained, TransferLatency, Transfers};
pub use self::join_us::{JoinUs, StepTimes};
pub use self::lookups::{Hops, Lag, Latency, Lookups, Messages, Timeouts};
pub use self::nodes::{Keys, KindRate, Load, Maintenance, Membership, State};
pub use self::store::{Durability, Failures, Operations, PerNode, Reads, Store, Upkeep, Writes};
pub use self::target::Target;
use crate::measure::provenance::{Build, Machine};
pub use crate::scenario::Adaptation;

/// The version of the document that this program writes and reads.
pub const SCHEMA_VERSION: u32 = 1;

/// The result of one run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// [`SCHEMA_VERSION`] of the program that wrote it.
    pub schema_version: u32,
    /// The scenario with every value resolved. Running it repeats the run.
    pub scenario: toml::Table,
    /// Values of the scenario that were changed because they did not fit.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub adapted: Vec<Adaptation>,
    /// Digests of the contents of the files that the scenario names, by key.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub files: BTreeMap<String, String>,
    /// The seed of all random choices.
    pub seed: u64,
    /// The machine that ran it.
    pub machine: Machine,
    /// The program that ran it.
    pub build: Build,
    /// When it started: RFC 3339, UTC.
    pub started_at: String,
    /// Wall time in seconds.
    pub wall_s: f64,
    /// Simulated time in seconds, in the simulator.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub simulated_s: Option<f64>,
    /// Whether the user stopped it before its end. All figures then cover only a part of it.
    pub interrupted: bool,
    /// Whether one node serves all others. These others then watch no peers.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub has_server: bool,
    /// How reliably nodes could detect each other's failures.
    pub regime: Regime,
    /// Findings of the invariant checks, if there were any checks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub check: Option<Check>,
    /// The lookups of the measured phase.
    pub lookups: Lookups,
    /// Item queries and transfers, if there are items. `lookups` counts the queries as well.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub items: Option<Items>,
    /// Reads and writes of values, if nodes store any. `lookups` counts these operations as well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub store: Option<Store>,
    /// The servers, if the nodes run elsewhere. Figures of nodes are then 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<Target>,
    /// Maintenance traffic.
    pub maintenance: Maintenance,
    /// Size of the nodes' state.
    pub state: State,
    /// Load per node; `None` in results that lack it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub load: Option<Load>,
    /// Joins and departures in the measured phase.
    pub membership: Membership,
    /// How well the system is; `None` in results that lack it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health: Option<Health>,
    /// Work done by the engine.
    pub engine: Engine,
    /// The scenario's expectations and how they turned out.
    #[serde(default)]
    pub expectations: Vec<Expectation>,
}

/// How reliably nodes detect each other's failures, which decides what the protocol can promise.
///
/// Zave (*Reasoning about identifier spaces*, IEEE TSE 2017) proves the ring correct while failures
/// are detected exactly. With delays and loss, the invariant may break for a while and must be
/// repaired.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Regime {
    /// No live node was declared dead.
    ExactDetection,
    /// Live nodes were, or may have been, declared dead.
    Suspicion,
}

/// Work done by the engine in the measured phase.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Engine {
    /// Messages and timeouts handled by nodes.
    pub events: u64,
    /// The same per second of wall time.
    pub events_per_s: f64,
    /// Messages sent, per second of wall time.
    pub messages_per_s: f64,
    /// Datagrams sent.
    pub datagrams: u64,
    /// Messages dropped, by reason.
    pub drops: BTreeMap<String, u64>,
    /// How often disturbances struck a message or a node, by kind.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub disturbances: BTreeMap<String, u64>,
    /// Peak resident memory of the process during the run; `None` if other runs shared the process at
    /// the same time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peak_rss_bytes: Option<u64>,
    /// Threads that ran nodes.
    pub threads: usize,
    /// A digest of all simulated events, since the start of the run. It does not depend on the number
    /// of threads.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trace_digest: Option<String>,
}

/// An expectation of the scenario.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Expectation {
    /// The name of the figure, such as `failed`.
    pub name: String,
    /// The bound, such as `at least 0.99`.
    pub wanted: String,
    /// The measured value, or [`NOTHING_MEASURED`](Expectation::NOTHING_MEASURED).
    pub got: String,
    /// Whether there is a value and it is within the bound.
    pub held: bool,
}

impl Expectation {
    /// The value of a share of no lookups.
    pub const NOTHING_MEASURED: &'static str = "nothing was measured";

    /// Whether there was anything to judge.
    #[must_use]
    pub fn was_measured(&self) -> bool {
        self.got != Self::NOTHING_MEASURED
    }
}

/// `expect.failed: at most 0.01 was expected, but got 0.250000`; without `expect.` if it names a
/// [figure](Figure).
impl fmt::Display for Expectation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Expectation { name, wanted, got, .. } = self;
        let verb = if self.was_measured() { "got " } else { "" };
        let section = if name.contains('.') { "" } else { "expect." };
        write!(f, "{section}{name}: {wanted} was expected, but {verb}{got}")
    }
}

/// Why a text is not an outcome.
#[derive(Debug)]
pub enum OutcomeError {
    /// It is not the JSON of an outcome: a field is missing or has another type.
    Malformed(serde_json::Error),
    /// Another version of the program wrote it. Read it with that version, or run the scenario
    /// again.
    Version {
        /// Its `schema_version`.
        found: u32,
    },
}

impl Outcome {
    /// Parses what [`to_json`](Outcome::to_json) wrote.
    ///
    /// # Errors
    ///
    /// If the text is not an outcome, or has another [`SCHEMA_VERSION`].
    pub fn from_json(text: &str) -> Result<Outcome, OutcomeError> {
        #[derive(Deserialize)]
        struct Version {
            schema_version: u32,
        }
        let Version { schema_version } =
            serde_json::from_str(text).map_err(OutcomeError::Malformed)?;
        if schema_version != SCHEMA_VERSION {
            return Err(OutcomeError::Version { found: schema_version });
        }
        serde_json::from_str(text).map_err(OutcomeError::Malformed)
    }

    /// The document as indented JSON with a final newline.
    #[must_use]
    pub fn to_json(&self) -> String {
        let json = serde_json::to_string_pretty(self);
        json.expect("every key is a string and every number has a JSON form") + "\n"
    }

    /// Whether all expectations held and the protocol broke no promise.
    #[must_use]
    pub fn held(&self) -> bool {
        let kept = self.check.as_ref().is_none_or(|check| check.violations == 0);
        kept && self.expectations.iter().all(|expectation| expectation.held)
    }

    /// Why not [`held`](Outcome::held): the first broken promise and every expectation that did not
    /// hold.
    pub fn unmet(&self) -> impl Iterator<Item = String> {
        let broken = self.expectations.iter().filter(|expectation| !expectation.held);
        let first = self.first_violation().map(ToString::to_string);
        first.into_iter().chain(broken.map(ToString::to_string))
    }

    /// The first broken promise of the protocol, if there is one.
    #[must_use]
    pub fn first_violation(&self) -> Option<&Finding> {
        self.check.as_ref()?.first.as_ref()
    }

    /// Records the folder of this result, so that its first violation says how to reproduce it.
    pub fn name_folder(&mut self, folder: &Path) {
        if let Some(first) = self.check.as_mut().and_then(|check| check.first.as_mut()) {
            first.replay = Some(replay_command(&self.build.program, folder));
        }
    }
}

/// The command line of `program` that repeats the run whose result is in `folder`.
/// It works in any working directory.
#[must_use]
pub fn replay_command(program: &str, folder: &Path) -> String {
    run_command(program, &folder.join("scenario.toml"))
}

/// The command line of `program` that runs the scenario in `file`. It works in any working directory.
#[must_use]
pub fn run_command(program: &str, file: &Path) -> String {
    // Without a working directory, the path stays relative.
    let file = absolute(file).unwrap_or_else(|_| file.to_owned()).display().to_string();
    let is_plain = |c: char| c.is_alphanumeric() || "/._-+=,@%:".contains(c);
    if file.chars().all(is_plain) {
        format!("{program} run {file}")
    } else {
        format!("{program} run '{}'", file.replace('\'', r"'\''"))
    }
}

/// Formats a date as outcomes do: RFC 3339, UTC, whole seconds.
#[must_use]
pub fn rfc3339(date: SystemTime) -> String {
    humantime::format_rfc3339_seconds(date).to_string()
}

impl fmt::Display for OutcomeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            OutcomeError::Malformed(cause) => write!(f, "not an outcome of a run: {cause}"),
            OutcomeError::Version { found } => write!(
                f,
                "schema_version = {found}: this program reads outcomes of version {SCHEMA_VERSION}"
            ),
        }
    }
}

impl std::error::Error for OutcomeError {}
