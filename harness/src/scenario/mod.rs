//! The description of a run: one typed, validated value, written as TOML.
//!
//! A [`Scenario`] comes from a named scenario or a file, with values set from the command line on
//! top ([`Schema::load`]). Every value has a default, so an empty file is a scenario. What
//! [`Scenario::to_toml`] writes reads back as an equal scenario. Values of a system or a model that
//! is not the chosen one are kept and have no effect.
//!
//! ```text
//!   text ─▶ tree of values ─▶ overrides ─▶ known keys? ─▶ types ─▶ rules ─▶ Scenario
//!                                              └──────── Schema ───────┘
//! ```
//!
//! A [`Section`] is a table of keys in one file: its type with its defaults, its keys with their
//! meanings, its rules. Sections of systems come from outside this folder.
//!
//! **Invariant:** a loaded `Scenario` is valid; no other module checks it again.

mod adapt;
mod churn;
mod defaults;
pub mod duration;
mod error;
mod fault;
mod files;
mod impossible;
mod items;
mod key;
mod latency;
mod lengths;
mod named;
mod network;
mod phases;
mod profile;
mod rate;
mod read;
mod schema;
mod section;
mod shortened;
mod source;
mod store;
mod subject;
mod tree;
mod udp;
mod workload;

use serde::{Deserialize, Serialize};
use toml::{Table, Value};

pub use self::adapt::{Adaptation, Adaptations};
pub use self::churn::{Churn, ChurnModel, ChurnStart, Rejoin};
pub use self::error::ScenarioError;
pub use self::fault::{Amount, Direction, DisturbanceKind, Fault, FaultKind, Groups, Lie, Target};
use self::impossible::Verdict;
pub use self::impossible::{Impossible, is_share, require, require_or_adapt, require_that};
pub use self::items::{Items, Publish, Replication};
pub(crate) use self::key::quoted;
pub use self::key::{
    Choice, DURATION, DURATION_ABOVE_ZERO, Key, Kind, PERIOD, PERIOD_MIN, PERIOD_OR_OFF, SHARE,
};
pub use self::latency::{DelayUnit, HostFile, Latency, Reuse};
pub use self::lengths::{Downtime, Lengths};
pub use self::named::{BUILT_IN, Named};
pub use self::network::{Network, Timeout};
pub use self::phases::{Expect, Measure, Phases};
pub use self::rate::{Rate, RateChange};
pub use self::schema::{Schema, SystemSchema};
pub use self::section::{Section, SectionType, Sections};
use self::section::{WrongType, read};
pub(crate) use self::shortened::shortened;
pub(crate) use self::source::count_of;
pub use self::store::{Operations, Popularity, Store, StoreKind};
pub use self::subject::Subject;
pub(crate) use self::tree::{ends_in, is_within, paths_of, value_of, without_indices};
pub use self::udp::{Sockets, Udp};
pub use self::workload::{Keys, Load, Workload};

/// A run with more nodes is checked only if its scenario says so.
pub const CHECKED_NODES_MAX: u32 = 10_000;

/// Nodes and lookups in flight, at most.
const POPULATION_MAX: u32 = 1 << 24;
const THREADS_MAX: u32 = 1024;
/// A second thread gains nothing in a simulation with fewer nodes for each.
const SIMULATED_PER_THREAD: u32 = 1000;
const NAME_MAX: usize = 64;

/// The whole description of a run.
///
/// A [`Schema`] makes one: it knows the systems, and so the sections.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Scenario {
    /// The name of the run: letters, digits, `-`, `_` and `.`, as it names a folder. By default the
    /// name of the file.
    pub name: String,
    /// The name of the system that runs.
    pub system: String,
    /// Where the nodes run.
    pub engine: Engine,
    /// Number of nodes at the start, or of hosts: see [`Scenario::nodes_at_start`].
    pub nodes: u32,
    /// The seed of all random choices; at most `i64::MAX`, the largest TOML integer.
    pub seed: u64,
    /// How the nodes become members.
    pub start: Start,
    /// Threads that run nodes; 0: one per core, or fewer. See [`Scenario::thread_count`].
    pub threads: u32,
    /// Whether the simulator writes each message as bytes and reads it again at its destination. Over
    /// UDP that is always so.
    pub wire: bool,
    /// Whether the invariant of the system is checked after every event. By default it is, in the
    /// simulator, up to [`CHECKED_NODES_MAX`] nodes. See [`Scenario::is_checked`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub check: Option<bool>,
    /// Sockets and datagrams.
    pub udp: Udp,
    /// The sections of systems: [`Scenario::section`].
    #[serde(flatten)]
    pub sections: Sections,
    /// The items that nodes share and ask for; `None`: keys are looked up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub items: Option<Items>,
    /// The values that nodes store; `None`: nothing is stored.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub store: Option<Store>,
    /// What the network does to messages.
    pub network: Network,
    /// Which nodes join, leave and crash.
    pub churn: Churn,
    /// How many lookups, and of what.
    pub workload: Workload,
    /// How long the run is.
    pub phases: Phases,
    /// What must hold at the end.
    pub expect: Expect,
    /// What goes wrong at a stated time, in the order written.
    #[serde(rename = "fault")]
    pub faults: Vec<Fault>,
    /// Values that were changed because they did not fit.
    #[serde(skip)]
    pub adapted: Adaptations,
}

/// Where nodes run.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Engine {
    /// Real sockets, real time.
    Udp,
    /// The simulator: virtual time.
    Sim,
}

/// How the nodes become members.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Start {
    /// All start with exact tables.
    Linked,
    /// Each joins through the protocol.
    Joined,
}

/// The top-level keys.
const GENERAL_KEYS: &[Key] = &[
    Key::text(
        "name",
        "letters, digits, '-', '_' and '.', 64 at most and not a '.' first",
        "The name of the run. By default, the name of its file.",
    ),
    Key::text("system", "the name of a system", "The system to run."),
    Key::word(
        "engine",
        &["udp", "sim"],
        "Where the nodes run. udp: on real sockets, in real time. sim: in a deterministic simulator.",
    ),
    Key::integer(
        "nodes",
        "a whole number from 1 to 16777216",
        "Number of nodes at the start. With downtimes, the number of hosts: see churn.start.",
    ),
    Key::integer(
        "seed",
        "a whole number from 0 to 9223372036854775807",
        "The seed of all random choices.",
    ),
    Key::word(
        "start",
        &["linked", "joined"],
        "How the nodes become members. linked: all start with exact tables. joined: each joins \
         through the protocol.",
    ),
    Key::integer(
        "threads",
        "a whole number from 0 (one per core) to 1024",
        "Threads that run nodes. A simulation on 0 uses at most one for 1,000 nodes, and never more \
         than there are cores; its result does not depend on them.",
    ),
    Key::boolean(
        "wire",
        "Simulator: write each message as bytes and read it again at its destination. Over UDP \
         that is always so.",
    ),
    Key::boolean(
        "check",
        "Simulator: check the invariant of the system after every event. Unless set, it is checked \
         up to 10,000 nodes.",
    ),
];

/// Why a scenario can always be written.
const HOLDS_TOML: &str = "a scenario is read from TOML and holds only what TOML can say";

impl Scenario {
    /// The default scenario, without the sections of systems.
    fn general(system: &str) -> Scenario {
        Scenario {
            name: "default".into(),
            system: system.into(),
            engine: Engine::Udp,
            nodes: 4096,
            seed: 1,
            start: Start::Linked,
            threads: 0,
            wire: false,
            check: None,
            udp: Udp::default(),
            sections: Sections::default(),
            items: None,
            store: None,
            network: Network::default(),
            churn: Churn::default(),
            workload: Workload::default(),
            phases: Phases::default(),
            expect: Expect::default(),
            faults: Vec::new(),
            adapted: Adaptations::default(),
        }
    }

    /// The scenario with every value spelled out, as TOML that reads back as an equal scenario.
    #[must_use]
    pub fn to_toml(&self) -> String {
        toml::to_string(self.erased()).expect(HOLDS_TOML)
    }

    /// The scenario with every value spelled out, as a table of TOML.
    #[must_use]
    pub fn to_table(&self) -> Table {
        Table::try_from(self.erased()).expect(HOLDS_TOML)
    }

    /// The scenario as a trait object. Generic code would be compiled again for every type of
    /// serializer.
    fn erased(&self) -> &dyn erased_serde::Serialize {
        self
    }

    /// Number of threads that run nodes: as set, or the cores this process may use. A small simulation
    /// uses fewer.
    #[must_use]
    pub fn thread_count(&self) -> usize {
        if self.threads > 0 {
            return self.threads as usize;
        }
        let most = match self.engine {
            Engine::Udp => usize::MAX,
            Engine::Sim => (self.nodes / SIMULATED_PER_THREAD).max(1) as usize,
        };
        std::thread::available_parallelism().map_or(1, usize::from).min(most)
    }

    /// Whether the invariant of the system is checked after every event, if the system has one.
    #[must_use]
    pub fn is_checked(&self) -> bool {
        let is_small = self.engine == Engine::Sim && self.nodes <= CHECKED_NODES_MAX;
        self.check.unwrap_or(is_small)
    }

    /// Sets a top-level key or a section that belongs to no system.
    fn set(&mut self, name: &str, value: Value) -> Result<(), WrongType> {
        match name {
            "name" => self.name = read(value)?,
            "system" => self.system = read(value)?,
            "engine" => self.engine = read(value)?,
            "nodes" => self.nodes = read(value)?,
            "seed" => self.seed = read(value)?,
            "start" => self.start = read(value)?,
            "threads" => self.threads = read(value)?,
            "wire" => self.wire = read(value)?,
            "check" => self.check = Some(read(value)?),
            "udp" => self.udp = read(value)?,
            "items" => self.items = Some(read(value)?),
            "store" => self.store = Some(read(value)?),
            "network" => self.network = read(value)?,
            "churn" => self.churn = read(value)?,
            "workload" => self.workload = read(value)?,
            "phases" => self.phases = read(value)?,
            "expect" => self.expect = read(value)?,
            "fault" => self.faults = read(value)?,
            _ => unreachable!("{name} is in the table of keys and no field"),
        }
        Ok(())
    }

    /// Checks the top-level keys, except those that depend on the system.
    fn check_general(&self) -> Verdict {
        let Scenario { name, nodes, threads, .. } = self;
        let fits_a_folder = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        let is_name = (1..=NAME_MAX).contains(&name.len())
            && name.chars().all(fits_a_folder)
            && !name.starts_with('.');
        require(is_name, "name")?;
        require((1..=POPULATION_MAX).contains(nodes), "nodes")?;
        require(*threads <= THREADS_MAX, "threads")
    }
}
