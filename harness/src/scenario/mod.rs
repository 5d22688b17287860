//! What is to be run: one typed, validated description of a run, written as TOML.
//!
//! A [`Scenario`] comes from a named scenario or a file, with values set from the command line on
//! top ([`Scenario::load`]). Every value has a default, so an empty file is a scenario. What
//! [`Scenario::to_toml`] writes reads back as an equal scenario. What is said of a system or a model
//! that is not the chosen one is kept, and has no effect.
//!
//! **Invariant:** a `Scenario` that was loaded holds no impossible value; nobody checks again.

mod check;
mod duration;
mod error;
mod flood;
mod form;
mod items;
mod keys;
pub mod library;
mod parse;
#[cfg(test)]
mod tests;

use core::net::{Ipv4Addr, SocketAddrV4};
use core::time::Duration;
use std::path::Path;

use serde::{Deserialize, Serialize};

pub use error::ScenarioError;
pub use flood::{Flood, Graph, Strategy};
pub use items::{Items, Replication};
pub(crate) use parse::value_of;

/// Runs of more nodes than this are checked only if they say so.
pub const CHECKED_NODES_MAX: u32 = 10_000;

/// The whole description of a run. Missing values take the defaults of [`Scenario::default`].
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Scenario {
    /// What the run is called: letters, digits, `-`, `_` and `.`, as it names a folder. A file that
    /// does not say is called by its file name.
    pub name: String,
    /// What kind of nodes.
    pub system: System,
    /// The world they run in.
    pub engine: Engine,
    /// How many nodes there are at the start.
    pub nodes: u32,
    /// Everything drawn at random is drawn from this; at most `i64::MAX`, the largest TOML integer.
    pub seed: u64,
    /// How the nodes come to know each other.
    pub start: Start,
    /// Threads that run nodes; 0: one per core. See [`Scenario::thread_count`].
    pub threads: u32,
    /// Whether the simulator writes each message as bytes and reads it again at its destination. Over
    /// UDP that is always so.
    pub wire: bool,
    /// Whether the ring's invariant is checked after every event, of a ring in the simulator only;
    /// unless told, up to [`CHECKED_NODES_MAX`] nodes. See [`Scenario::is_checked`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub check: Option<bool>,
    /// Sockets and datagrams.
    pub udp: Udp,
    /// What each ring node is built with.
    pub ring: Ring,
    /// How flooding peers search.
    pub flood: Flood,
    /// What the nodes share and ask for; without, plain keys are looked up. A system that is not the
    /// ring always has items.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub items: Option<Items>,
    /// What the network does to messages.
    pub network: Network,
    /// Who comes and goes.
    pub churn: Churn,
    /// What is asked of the nodes.
    pub workload: Workload,
    /// How long.
    pub phases: Phases,
    /// What must hold in the end.
    pub expect: Expect,
    /// What goes wrong at a stated time, in the order written.
    #[serde(rename = "fault")]
    pub faults: Vec<Fault>,
}

impl Scenario {
    /// Loads a named scenario, or a file if `source` ends in `.toml`, with `overrides` (dotted key,
    /// value) on top; of two overrides of one key the later holds. A value is read as TOML, or as a
    /// bare string if it is not TOML, so that `500ms` needs no quotes. Setting one of several
    /// alternatives (`workload.in_flight`) replaces the others (`workload.lookups_per_s`).
    ///
    /// # Errors
    ///
    /// Whatever is wrong with the request, as one message for whoever wrote it.
    pub fn load(source: &str, overrides: &[(String, String)]) -> Result<Scenario, ScenarioError> {
        let path = Path::new(source);
        if path.extension().is_some_and(|extension| extension == "toml") {
            let text = std::fs::read_to_string(path)
                .map_err(|why| ScenarioError::unreadable(source, &why))?;
            let stem = path.file_stem().unwrap_or_default().to_string_lossy();
            return parse::parse(&text, Some(source), &stem, overrides);
        }
        let named = library::find(source).ok_or_else(|| ScenarioError::unknown_name(source))?;
        parse::parse(named.source, None, named.name, overrides)
    }

    /// Reads a scenario from TOML text; `name` is used if the text gives none.
    ///
    /// # Errors
    ///
    /// As [`Scenario::load`].
    pub fn from_toml(
        text: &str,
        name: &str,
        overrides: &[(String, String)],
    ) -> Result<Scenario, ScenarioError> {
        parse::parse(text, None, name, overrides)
    }

    /// The scenario with every value spelled out, as TOML that reads back as an equal scenario.
    #[must_use]
    pub fn to_toml(&self) -> String {
        toml::to_string(self).expect("a validated scenario holds only what TOML can say")
    }

    /// Threads that run nodes: what was asked for, or the cores this process may use.
    #[must_use]
    pub fn thread_count(&self) -> usize {
        match self.threads {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            threads => threads as usize,
        }
    }

    /// Whether the ring's invariant is checked after every event.
    #[must_use]
    pub fn is_checked(&self) -> bool {
        let can_be = self.engine == Engine::Sim && self.system == System::Ring;
        self.check.unwrap_or(can_be && self.nodes <= CHECKED_NODES_MAX)
    }
}

impl Default for Scenario {
    fn default() -> Scenario {
        Scenario {
            name: "default".into(),
            system: System::Ring,
            engine: Engine::Udp,
            nodes: 4096,
            seed: 1,
            start: Start::Linked,
            threads: 0,
            wire: false,
            check: None,
            udp: Udp::default(),
            ring: Ring::default(),
            flood: Flood::default(),
            items: None,
            network: Network::default(),
            churn: Churn::default(),
            workload: Workload::default(),
            phases: Phases::default(),
            expect: Expect::default(),
            faults: Vec::new(),
        }
    }
}

/// What kind of nodes run.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum System {
    /// The distributed hash table of `hopwise_kernel`'s ring.
    Ring,
    /// One server that knows who has what, and peers that ask it.
    Central,
    /// Peers that pass queries on to their neighbours.
    Flood,
}

impl System {
    /// Every system, in the order in which they are compared.
    pub const ALL: [System; 3] = [System::Central, System::Flood, System::Ring];

    /// As it is written.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            System::Ring => "ring",
            System::Central => "central",
            System::Flood => "flood",
        }
    }
}

/// The world the nodes run in.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Engine {
    /// Real sockets, real time.
    Udp,
    /// Virtual time.
    Sim,
}

/// How the nodes come to know each other.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Start {
    /// All begin with exact tables.
    Linked,
    /// Each joins through the protocol.
    Joined,
}

/// How the UDP engine uses sockets.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Udp {
    /// Who shares a socket.
    pub sockets: Sockets,
    /// The endpoint of the first socket; the others take the ports after it, or any free ones if
    /// the port is 0.
    pub bind: SocketAddrV4,
    /// Bytes of a datagram's payload, at most: 576 … 65,507.
    pub datagram: u32,
    /// Whether each thread is pinned to a core.
    pub pin: bool,
}

impl Default for Udp {
    fn default() -> Udp {
        Udp {
            sockets: Sockets::PerCore,
            bind: SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0),
            datagram: 1472,
            pin: true,
        }
    }
}

/// Who shares a socket.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sockets {
    /// All nodes of a thread, and their messages share datagrams.
    PerCore,
    /// Nobody: each node has its own port and sends one message per datagram.
    PerNode,
}

/// What each ring node is built with.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Ring {
    /// A power of two, 2 … 256; a level has base − 1 fingers.
    pub base: u32,
    /// Length of the successor list (r); fewer than nodes.
    pub successors: u32,
    /// Who contacts the next hop.
    pub lookup: LookupMode,
    /// Mean period of stabilize; `None` ("off"): no repair at all.
    #[serde(with = "duration::or_off")]
    pub stabilize: Option<Duration>,
    /// Mean period in which one finger is refreshed; `None` ("off"): never.
    #[serde(with = "duration::or_off")]
    pub fix_fingers: Option<Duration>,
    /// Whether a contact that did not answer is avoided by later lookups too.
    pub remember_failures: bool,
    /// Nodes that keep a reference to an item, or an item: its owner and those that follow it,
    /// 1 … 16.
    pub replicas: u32,
}

impl Default for Ring {
    fn default() -> Ring {
        Ring {
            base: 2,
            successors: 16,
            lookup: LookupMode::Recursive,
            stabilize: Some(Duration::from_secs(1)),
            fix_fingers: Some(Duration::from_secs(1)),
            remember_failures: true,
            replicas: 3,
        }
    }
}

/// Who contacts the next hop of a lookup.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LookupMode {
    /// Each hop forwards.
    Recursive,
    /// The origin asks each hop.
    Iterative,
}

/// What the network does to messages; over UDP, on top of what loopback really takes.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Network {
    /// How long a message takes.
    pub latency: Latency,
    /// Share of messages lost, 0 … 1.
    pub loss: f64,
    /// Share of messages that arrive twice, 0 … 1: the second time a further delay after the first.
    /// Not over UDP.
    pub duplication: f64,
    /// Share of messages that a further delay holds up, 0 … 1, so that later ones overtake them.
    pub reordering: f64,
    /// How long a node waits for an answer.
    pub timeout: Timeout,
}

impl Default for Network {
    fn default() -> Network {
        Network {
            latency: Latency::None,
            loss: 0.0,
            duplication: 0.0,
            reordering: 0.0,
            timeout: Timeout::Adaptive,
        }
    }
}

/// One-way delay of a message. In TOML a table: `{ model = "constant", one_way = "50ms" }`.
///
/// In the first four models it does not matter who sends to whom. In the others it is all that
/// matters; over UDP they are refused.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(from = "form::LatencyForm", into = "form::LatencyForm")]
pub enum Latency {
    /// None is added.
    None,
    /// Always the same.
    Constant {
        /// The delay.
        one_way: Duration,
    },
    /// Uniform from `min` to `max`.
    Uniform {
        /// The least delay.
        min: Duration,
        /// The greatest delay.
        max: Duration,
    },
    /// Exponential.
    Exponential {
        /// The mean delay.
        mean: Duration,
    },
    /// Hosts lie uniformly in a square: `base`, and the distance.
    Euclidean {
        /// The delay that an edge of the square stands for.
        side: Duration,
        /// The delay between two hosts at one point.
        base: Duration,
    },
    /// As measured between DNS servers of the Internet; see [`network`](crate::network).
    King,
    /// Hosts on a plane, from a file: the distance, and the heights of both.
    Coordinates(HostFile),
    /// The delay from each host to each, from a file.
    Matrix(HostFile),
}

/// A file that tells delays between hosts. What it may hold: [`network`](crate::network).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HostFile {
    /// Its path, from the folder that the run is started in.
    pub file: String,
    /// What its figures count.
    pub unit: DelayUnit,
    /// Which host a node is on that comes after the last.
    pub reuse: Reuse,
}

/// What the figures of a [`HostFile`] count.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DelayUnit {
    /// Microseconds.
    Us,
    /// Milliseconds.
    Ms,
    /// Seconds.
    S,
}

/// Which host of a [`HostFile`] a node is on if there are more nodes than hosts.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reuse {
    /// None: such a run is refused.
    Never,
    /// Node n is on host n modulo the number of hosts.
    Modulo,
}

/// How long a node waits for an answer: `"adaptive"` or a duration.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Timeout {
    /// Mean + 4 mean deviations of measured round trips, bounded (Rhea et al., *Handling churn in
    /// a DHT*, USENIX ATC 2004).
    Adaptive,
    /// Always as long.
    Fixed(Duration),
}

/// Who comes and goes. What the chosen model does not use is kept, and has no effect.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Churn {
    /// What decides who comes and goes.
    pub model: ChurnModel,
    /// Model `trace`: the path of the file, from the folder that the run is started in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// Model `poisson`: joins per second, system-wide.
    pub joins_per_s: f64,
    /// Model `poisson`: departures per second, system-wide.
    pub departures_per_s: f64,
    /// Model `sessions`: how long a node stays.
    pub session: Lengths,
    /// Model `sessions`: how long it stays away.
    pub downtime: Downtime,
    /// Share of departures that are announced, 0 … 1.
    pub graceful: f64,
    /// As whom a node returns.
    pub rejoin: Rejoin,
}

impl Default for Churn {
    fn default() -> Churn {
        let hour = Lengths::Exponential { mean: Duration::from_secs(3600) };
        Churn {
            model: ChurnModel::Off,
            file: None,
            joins_per_s: 1.0,
            departures_per_s: 1.0,
            session: hour,
            downtime: Downtime::Lasts(hour),
            graceful: 0.5,
            rejoin: Rejoin::NewId,
        }
    }
}

/// What decides who comes and goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ChurnModel {
    /// Nobody does.
    Off,
    /// Two Poisson processes over the whole system.
    Poisson,
    /// Each node stays for a session, is away for a downtime, and returns.
    Sessions,
    /// Nodes come and go at the times that a file tells; see [`trace`](crate::churn::trace).
    Trace,
}

/// How long sessions and downtimes last. In TOML a table:
/// `{ distribution = "weibull", mean = "1h", shape = 0.5 }`.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(from = "form::LengthsForm", into = "form::LengthsForm")]
pub enum Lengths {
    /// Memoryless.
    Exponential {
        /// The mean.
        mean: Duration,
    },
    /// Weibull; heavier than exponential in the tail if the shape is below 1.
    Weibull {
        /// The mean.
        mean: Duration,
        /// The shape, 0.1 … 100.
        shape: f64,
    },
    /// Pareto.
    Pareto {
        /// The mean.
        mean: Duration,
        /// The shape, above 1 (else there is no mean) and at most 100.
        shape: f64,
    },
}

/// How long a node that departed stays away: `"none"` or a table as for [`Lengths`].
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Downtime {
    /// It is replaced at once.
    None,
    /// So long.
    Lasts(Lengths),
}

/// As whom a node returns.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rejoin {
    /// Under a new identifier.
    NewId,
    /// Under the identifier it had.
    SameId,
}

/// What is asked of the nodes.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(from = "form::WorkloadForm", into = "form::WorkloadForm")]
pub struct Workload {
    /// How lookups are offered.
    pub load: Load,
    /// A lookup that is not answered by then has failed; at most 60 s.
    pub deadline: Duration,
    /// Which keys are looked up.
    pub keys: Keys,
}

impl Default for Workload {
    fn default() -> Workload {
        Workload {
            load: Load::PerSecond(1000.0),
            deadline: Duration::from_secs(10),
            keys: Keys::Uniform,
        }
    }
}

/// How lookups are offered.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Load {
    /// `lookups_per_s`: Poisson arrivals, so many per second system-wide, uniform origin.
    PerSecond(f64),
    /// `lookup_interval`: Poisson arrivals at each node, one per interval in the mean.
    PerNode(Duration),
    /// `in_flight`: a closed loop with so many lookups outstanding system-wide.
    InFlight(u32),
}

/// Which keys are looked up. In TOML a table: `{ distribution = "uniform" }`.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(from = "form::KeysForm", into = "form::KeysForm")]
pub enum Keys {
    /// Any identifier.
    Uniform,
    /// One of `population` keys; the one of rank k with probability proportional to
    /// k^(−exponent).
    Zipf {
        /// How skewed, 0 … 20.
        exponent: f64,
        /// How many keys there are.
        population: u64,
    },
}

/// How long the run is.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(from = "form::PhasesForm", into = "form::PhasesForm")]
pub struct Phases {
    /// Before anything is counted; may be zero.
    pub warmup: Duration,
    /// The measured phase.
    pub measure: Measure,
}

impl Default for Phases {
    fn default() -> Phases {
        Phases {
            warmup: Duration::from_secs(5),
            measure: Measure::Lasting(Duration::from_secs(10)),
        }
    }
}

/// When the measured phase ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Measure {
    /// `measure`: after this time.
    Lasting(Duration),
    /// `lookups`: when so many were issued and have ended.
    Lookups(u64),
}

/// What must hold in the end, each a share 0 … 1; what is not stated is not checked.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Expect {
    /// The least share of issued lookups that completed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub completed: Option<f64>,
    /// The least share of completed lookups whose answer was correct.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub correct: Option<f64>,
    /// The greatest share of issued lookups that failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failed: Option<f64>,
}

/// Something that goes wrong at a stated time.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(from = "form::FaultForm", into = "form::FaultForm")]
pub struct Fault {
    /// When it begins, after the start of the measured phase.
    pub at: Duration,
    /// Spread evenly over this time; zero: all at one instant.
    pub over: Duration,
    /// What happens.
    pub kind: FaultKind,
    /// To how many nodes.
    pub amount: Amount,
}

/// What happens to the nodes a [`Fault`] strikes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FaultKind {
    /// They fall silent.
    Crash(Target),
    /// They leave, announced.
    Leave,
    /// New nodes join through the protocol.
    Join,
    /// Those whom earlier faults crashed come back, as themselves and where they were.
    Return,
}

/// Whom a crash strikes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Target {
    /// Anybody.
    #[default]
    Random,
    /// Whoever has handled the most messages.
    Busiest,
}

/// How many nodes a [`Fault`] strikes.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Amount {
    /// `fraction`: this share of the nodes alive when it begins, 0 … 1; of those who return, this
    /// share of all that faults have crashed and that have not come back.
    Fraction(f64),
    /// `count`: so many.
    Count(u32),
}
