//! What came of a run, as one document: all that reports, comparisons and plans read.
//!
//! The paths and units of its JSON are a contract with whoever reads saved results; a change that
//! an older reader would misunderstand raises [`SCHEMA_VERSION`].
//!
//! **Invariant:** a saved outcome holds everything a report needs; nothing is looked up elsewhere.

mod items;

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::{Deserializer, Serializer, V2DeflateSerializer};
use serde::{Deserialize, Serialize};

pub use self::items::{Asked, Items, TransferLatency, Transfers};
use crate::measure::histogram::LATENCY_MAX;
use crate::measure::metrics::{Metrics, Traffic};
use crate::measure::provenance::{Build, Machine};

/// The version of the document that this program writes and reads.
pub const SCHEMA_VERSION: u32 = 1;

/// The result of one run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// [`SCHEMA_VERSION`] of the program that wrote it.
    pub schema_version: u32,
    /// The scenario, every value resolved: given back to `run`, it repeats the run.
    pub scenario: toml::Table,
    /// What every random choice was drawn from.
    pub seed: u64,
    /// The machine it ran on.
    pub machine: Machine,
    /// The program that ran it.
    pub build: Build,
    /// When it started: RFC 3339, UTC.
    pub started_at: String,
    /// Seconds it took.
    pub wall_s: f64,
    /// Seconds of virtual time that passed, in the simulator.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub simulated_s: Option<f64>,
    /// Whether it was stopped before its end, so that all figures are of a part of it.
    pub interrupted: bool,
    /// What the nodes could know of each other's failures.
    pub regime: Regime,
    /// What checking after every event found, where that was done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub check: Option<Check>,
    /// The lookups of the measured phase.
    pub lookups: Lookups,
    /// What came of questions for items, where there are items. `lookups` counts these questions
    /// too.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub items: Option<Items>,
    /// What it took to keep the system together.
    pub maintenance: Maintenance,
    /// What each node keeps.
    pub state: State,
    /// How load is spread over nodes; nothing in results that do not tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub load: Option<Load>,
    /// What churn did.
    pub membership: Membership,
    /// How hard the engine worked.
    pub engine: Engine,
    /// What the scenario expected, and what came.
    #[serde(default)]
    pub expectations: Vec<Expectation>,
}

/// What nodes can know of each other's failures, and so which promises hold.
///
/// Zave (*Reasoning about identifier spaces*, IEEE TSE 2017) proves the ring correct while failures
/// are detected exactly; with delays and loss, a violation may pass and must heal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Regime {
    /// No live node was taken for dead.
    ExactDetection,
    /// Some live node was, or may have been, taken for dead.
    Suspicion,
}

/// What the checks of the ring's invariant found. What they ask: `engine::sim`'s `check` module.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Check {
    /// Violations of what the protocol promises. Any is a failure of the run.
    pub violations: u64,
    /// Violations that the failures of nodes alone account for.
    pub beyond_promise: u64,
    /// Under suspicion: times that the invariant was broken, and the protocol had to heal it.
    pub episodes: u64,
    /// The longest of these, in seconds.
    pub longest_s: f64,
    /// The first violation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first: Option<Finding>,
}

/// A violation of what the protocol promises.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// When, in seconds of simulated time.
    pub at_s: f64,
    /// The rule that is broken, and by which nodes.
    pub broken: String,
    /// The command line that shows it again, once the result lies in its folder.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replay: Option<String>,
}

/// What became of lookups.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Lookups {
    /// Handed to a node.
    pub issued: u64,
    /// Answered within their deadline.
    pub completed: u64,
    /// Of those, with the key's true owner at some instant between issue and answer; of questions for
    /// items, see [`Asked::correct`].
    pub correct: u64,
    /// Of those, with anything else.
    pub incorrect: u64,
    /// Not answered within their deadline.
    pub failed: u64,
    /// Due, but never handed to a node for want of room.
    pub shed: u64,
    /// Completed per second.
    pub per_s: f64,
    /// Hops of completed lookups.
    pub hops: Hops,
    /// Contacts per ended lookup that did not answer in time.
    pub timeouts: Timeouts,
    /// From the intended start to the answer, of completed lookups.
    pub latency_us: Latency,
    /// How late lookups were issued: how far the load generator lagged behind its schedule.
    pub lag_us: Lag,
    /// All messages that ended lookups caused.
    pub messages: Messages,
}

/// Hops per lookup. A hop is a transfer between two distinct live nodes on the way from the origin
/// to the node that knows the answer. Percentiles are by nearest rank; 0 if nothing was counted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Hops {
    /// Mean.
    pub mean: f64,
    /// 1st percentile.
    pub p1: u64,
    /// Median.
    pub p50: u64,
    /// 99th percentile.
    pub p99: u64,
    /// The most.
    pub max: u64,
    /// `histogram[i]`: lookups with `i` hops; ends at the most.
    pub histogram: Vec<u64>,
}

/// Timeouts per lookup. Percentiles are by nearest rank; 0 if nothing was counted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Timeouts {
    /// Mean.
    pub mean: f64,
    /// 1st percentile.
    pub p1: u64,
    /// Median.
    pub p50: u64,
    /// 99th percentile.
    pub p99: u64,
}

/// Latencies in microseconds; 0 if nothing was recorded.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Latency {
    /// Mean.
    pub mean: f64,
    /// Median.
    pub p50: f64,
    /// 90th percentile.
    pub p90: f64,
    /// 99th percentile.
    pub p99: f64,
    /// 99.9th percentile.
    pub p99_9: f64,
    /// The longest.
    pub max: f64,
    /// All of them, in whole microseconds: HdrHistogram's V2 format, deflated, in base64.
    pub histogram: String,
}

/// Delays of the load generator in microseconds; 0 if nothing was recorded.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Lag {
    /// Median.
    pub p50: f64,
    /// 99th percentile.
    pub p99: f64,
    /// The longest.
    pub max: f64,
}

/// Messages per lookup.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Messages {
    /// Mean.
    pub mean: f64,
}

/// Everything sent but for lookups and storage, per second that a node lived.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Maintenance {
    /// Bytes, with the headers of IPv4 and UDP for each message.
    pub bytes_per_node_s: f64,
    /// Messages.
    pub messages_per_node_s: f64,
    /// The same, by kind of message.
    pub by_kind: BTreeMap<String, KindRate>,
}

/// One kind of message, per second that a node lived.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct KindRate {
    /// Bytes, with the headers of IPv4 and UDP for each message.
    pub bytes_per_node_s: f64,
    /// Messages.
    pub messages_per_node_s: f64,
}

/// What a node keeps about others.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// Distinct peers in a node's tables, on average.
    pub entries_mean: f64,
    /// The most distinct peers in one node's tables.
    pub entries_max: u64,
    /// Memory per node as built.
    pub bytes_per_node: u64,
    /// The most memory of one node; 0 in results that do not tell.
    #[serde(default)]
    pub bytes_max: u64,
}

/// Load per node.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Load {
    /// Messages that the busiest node got in the measured phase, gone by its end or not.
    pub messages_max: u64,
    /// Keys per node, beside that, where a population of keys exists.
    #[serde(flatten)]
    pub keys: Option<Keys>,
}

/// Keys per node.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Keys {
    /// Mean.
    pub keys_mean: f64,
    /// 1st percentile.
    pub p1: u64,
    /// 99th percentile.
    pub p99: u64,
    /// The most.
    pub max: u64,
}

/// Who came and went.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Membership {
    /// Nodes that joined.
    pub joins: u64,
    /// Nodes that left and said so.
    pub leaves: u64,
    /// Nodes that vanished.
    pub crashes: u64,
    /// Live nodes, averaged over time.
    pub live_mean: f64,
}

/// How hard the engine worked.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Engine {
    /// Messages and timeouts that nodes handled.
    pub events: u64,
    /// The same, per second of wall time.
    pub events_per_s: f64,
    /// Messages sent, per second of wall time.
    pub messages_per_s: f64,
    /// Datagrams sent.
    pub datagrams: u64,
    /// What was thrown away, by reason.
    pub drops: BTreeMap<String, u64>,
    /// The most memory that was resident at a time.
    pub peak_rss_bytes: u64,
    /// Threads that ran nodes.
    pub threads: usize,
    /// What the simulator did, in one number that any number of threads must reproduce.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trace_digest: Option<String>,
}

/// One thing that the scenario expected of the run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Expectation {
    /// The path of the figure, such as `lookups.failed`.
    pub name: String,
    /// What it had to be, such as `≤ 0`.
    pub wanted: String,
    /// What it was.
    pub got: String,
    /// Whether that is what was wanted.
    pub held: bool,
}

/// Why a text is no outcome.
#[derive(Debug)]
pub enum OutcomeError {
    /// It is not the JSON of an outcome: a field is missing or of another type.
    Malformed(serde_json::Error),
    /// Another version of the program wrote it: run the scenario again, or read it with that.
    Version {
        /// Its `schema_version`.
        found: u32,
    },
}

impl Outcome {
    /// Reads what [`to_json`](Outcome::to_json) wrote.
    ///
    /// # Errors
    /// If the text is no outcome, or one of another [`SCHEMA_VERSION`].
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

    /// The document, indented, with a final newline.
    #[must_use]
    pub fn to_json(&self) -> String {
        let json = serde_json::to_string_pretty(self);
        json.expect("every key is a string and every number has a JSON form") + "\n"
    }

    /// Whether everything that was expected came true, and no promise was broken.
    #[must_use]
    pub fn held(&self) -> bool {
        let kept = self.check.as_ref().is_none_or(|check| check.violations == 0);
        kept && self.expectations.iter().all(|expectation| expectation.held)
    }

    /// The first violation of what the protocol promises, if there was any.
    #[must_use]
    pub fn first_violation(&self) -> Option<&Finding> {
        self.check.as_ref()?.first.as_ref()
    }

    /// Names the folder that this result is in, from which its first violation can be replayed.
    pub fn name_folder(&mut self, folder: &Path) {
        if let Some(first) = self.check.as_mut().and_then(|check| check.first.as_mut()) {
            first.replay = Some(replay_command(folder));
        }
    }
}

impl Check {
    /// Adds the figures of another run; its first violation stays its own.
    pub fn merge(&mut self, other: &Check) {
        self.violations += other.violations;
        self.beyond_promise += other.beyond_promise;
        self.episodes += other.episodes;
        self.longest_s = self.longest_s.max(other.longest_s);
    }
}

impl Lookups {
    /// What `metrics` counted over a phase that took `measured`.
    #[must_use]
    pub fn new(metrics: &Metrics, measured: Duration) -> Lookups {
        Lookups {
            issued: metrics.issued,
            completed: metrics.completed,
            correct: metrics.correct,
            incorrect: metrics.incorrect,
            failed: metrics.failed,
            shed: metrics.shed,
            per_s: per(metrics.completed as f64, measured.as_secs_f64()),
            hops: Hops::new(metrics.hops()),
            timeouts: Timeouts::new(metrics.timeouts()),
            latency_us: Latency::new(metrics.latency()),
            lag_us: Lag::new(metrics.lag()),
            messages: Messages {
                mean: per(metrics.messages as f64, (metrics.completed + metrics.failed) as f64),
            },
        }
    }
}

impl Hops {
    /// From counts: `counts[i]` lookups had `i` hops.
    #[must_use]
    pub fn new(counts: &[u64]) -> Hops {
        let len = counts.iter().rposition(|&count| count > 0).map_or(0, |last| last + 1);
        Hops {
            mean: mean(counts),
            p1: nearest_rank(counts, 1),
            p50: nearest_rank(counts, 50),
            p99: nearest_rank(counts, 99),
            max: len.saturating_sub(1) as u64,
            histogram: counts[..len].to_vec(),
        }
    }
}

impl Timeouts {
    /// From counts: `counts[i]` lookups had `i` timeouts.
    #[must_use]
    pub fn new(counts: &[u64]) -> Timeouts {
        Timeouts {
            mean: mean(counts),
            p1: nearest_rank(counts, 1),
            p50: nearest_rank(counts, 50),
            p99: nearest_rank(counts, 99),
        }
    }
}

impl Latency {
    /// From a histogram of nanoseconds.
    #[must_use]
    pub fn new(ns: &Histogram<u64>) -> Latency {
        let at = |quantile| quantile_us(ns, quantile);
        Latency {
            mean: ns.mean() / 1e3,
            p50: at(0.5),
            p90: at(0.9),
            p99: at(0.99),
            p99_9: at(0.999),
            max: at(1.0),
            histogram: encode(&in_microseconds(ns)),
        }
    }

    /// The histogram, in whole microseconds.
    ///
    /// # Errors
    /// If what is saved is no histogram; the message says why.
    pub fn decode_histogram(&self) -> Result<Histogram<u64>, String> {
        let bytes = BASE64.decode(&self.histogram).map_err(|e| e.to_string())?;
        Deserializer::new().deserialize(&mut bytes.as_slice()).map_err(|e| e.to_string())
    }
}

impl Lag {
    /// From a histogram of nanoseconds.
    #[must_use]
    pub fn new(ns: &Histogram<u64>) -> Lag {
        let at = |quantile| quantile_us(ns, quantile);
        Lag { p50: at(0.5), p99: at(0.99), max: at(1.0) }
    }
}

impl KindRate {
    /// So much over `node_s` seconds of nodes' lives.
    fn new(messages: u64, bytes: u64, node_s: f64) -> KindRate {
        KindRate {
            bytes_per_node_s: per(bytes as f64, node_s),
            messages_per_node_s: per(messages as f64, node_s),
        }
    }
}

impl Maintenance {
    /// What `traffic` (of maintenance alone) comes to over `node_s` seconds of nodes' lives.
    #[must_use]
    pub fn new(traffic: &Traffic, node_s: f64) -> Maintenance {
        let rate = |messages, bytes| KindRate::new(messages, bytes, node_s);
        let all = rate(traffic.messages(), traffic.bytes());
        Maintenance {
            bytes_per_node_s: all.bytes_per_node_s,
            messages_per_node_s: all.messages_per_node_s,
            by_kind: traffic
                .iter()
                .map(|sent| (sent.kind.to_owned(), rate(sent.messages, sent.bytes)))
                .collect(),
        }
    }
}

/// The command line that repeats the run whose result lies in `folder`.
#[must_use]
pub fn replay_command(folder: &Path) -> String {
    format!("hopwise run {}", folder.join("scenario.toml").display())
}

/// A date as an outcome has it: RFC 3339, UTC, whole seconds.
#[must_use]
pub fn rfc3339(date: SystemTime) -> String {
    humantime::format_rfc3339_seconds(date).to_string()
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "violation at {:.6} s: {}", self.at_s, self.broken)?;
        self.replay.as_ref().map_or(Ok(()), |replay| write!(f, "; to see it again: {replay}"))
    }
}

impl fmt::Display for OutcomeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            OutcomeError::Malformed(cause) => write!(f, "not the outcome of a run: {cause}"),
            OutcomeError::Version { found } => write!(
                f,
                "schema_version = {found}: this program reads outcomes of version {SCHEMA_VERSION}"
            ),
        }
    }
}

impl std::error::Error for OutcomeError {}

/// A ratio that is 0 where nothing was counted: JSON has no word for 0/0.
fn per(sum: f64, count: f64) -> f64 {
    if count > 0.0 { sum / count } else { 0.0 }
}

fn mean(counts: &[u64]) -> f64 {
    let sum: u64 = (0..).zip(counts).map(|(value, count)| value * count).sum();
    per(sum as f64, counts.iter().sum::<u64>() as f64)
}

/// The smallest value that at least `percent` of all are no larger than.
fn nearest_rank(counts: &[u64], percent: u64) -> u64 {
    let rank = (counts.iter().sum::<u64>() * percent).div_ceil(100);
    let sums = counts.iter().scan(0, |sum, count| {
        *sum += count;
        Some(*sum)
    });
    (0..).zip(sums).find(|&(_, sum)| sum >= rank.max(1)).map_or(0, |(value, _)| value)
}

fn quantile_us(ns: &Histogram<u64>, quantile: f64) -> f64 {
    ns.value_at_quantile(quantile) as f64 / 1e3
}

/// The unit that the document states; what is shorter counts as 1.
fn in_microseconds(ns: &Histogram<u64>) -> Histogram<u64> {
    let max = LATENCY_MAX.as_micros() as u64;
    let mut us = Histogram::new_with_bounds(1, max, 3).expect("the bounds are valid");
    for step in ns.iter_recorded() {
        let value = ns.median_equivalent(step.value_iterated_to());
        let rounded = (value + 500) / 1000;
        us.saturating_record_n(rounded.max(1), step.count_at_value());
    }
    us
}

fn encode(histogram: &Histogram<u64>) -> String {
    let mut bytes = Vec::new();
    let written = V2DeflateSerializer::new().serialize(histogram, &mut bytes);
    written.expect("writing to memory does not fail");
    BASE64.encode(bytes)
}

/// Made-up outcomes for tests of what reads them.
#[cfg(test)]
pub(crate) mod example {
    use hopwise_kernel::items::Match;

    use super::*;
    use crate::measure::tally::Tally;

    /// A plausible run of 4,096 nodes.
    pub(crate) fn outcome() -> Outcome {
        let scenario = "name = 'default'\nsystem = 'ring'\nengine = 'udp'\nnodes = 4096\n\
                        [workload]\nlookups_per_s = 1000.0\n";
        let traffic = traffic();
        let drops = [("malformed", 12), ("shed", 3)];
        Outcome {
            schema_version: SCHEMA_VERSION,
            scenario: scenario.parse().unwrap(),
            seed: 1,
            machine: Machine {
                cpu: "AMD EPYC 7B13".into(),
                cores: 2,
                memory_bytes: 8 << 30,
                kernel: "6.1.0".into(),
            },
            build: Build {
                commit: "d2250302f2b1c5e0a9c3b1f7f0e6d4c2b1a09f8e".into(),
                rustc: "rustc 1.95.0 (abcdef012 2026-04-14)".into(),
                profile: "release".into(),
            },
            started_at: rfc3339(SystemTime::UNIX_EPOCH + Duration::from_secs(1_790_000_000)),
            wall_s: 16.25,
            simulated_s: None,
            interrupted: false,
            regime: Regime::Suspicion,
            check: None,
            lookups: Lookups::new(&metrics(), Duration::from_secs(10)),
            items: None,
            maintenance: Maintenance::new(&traffic, 40_960.0),
            state: State {
                entries_mean: 27.3,
                entries_max: 29,
                bytes_per_node: 1_496,
                bytes_max: 1_496,
            },
            load: Some(Load { messages_max: 68_213, keys: None }),
            membership: Membership { joins: 41, leaves: 19, crashes: 22, live_mean: 4_095.7 },
            engine: Engine {
                events: 5_123_456,
                events_per_s: 315_289.6,
                messages_per_s: 298_000.4,
                datagrams: 812_345,
                drops: drops.map(|(reason, n)| (reason.to_owned(), n)).into(),
                peak_rss_bytes: 23 << 20,
                threads: 2,
                trace_digest: None,
            },
            expectations: vec![
                expectation("lookups.correct", "≥ 99.9 %", "99.99 %", true),
                expectation("lookups.failed", "≤ 0.1 %", "0.01 %", true),
            ],
        }
    }

    pub(crate) fn expectation(name: &str, wanted: &str, got: &str, held: bool) -> Expectation {
        Expectation { name: name.into(), wanted: wanted.into(), got: got.into(), held }
    }

    /// What a run with items adds: questions of both kinds, and transfers.
    pub(crate) fn items() -> Items {
        let mut tally = Tally::default();
        for n in 0..10_001_u64 {
            let how = Match::ALL[(n % 4) as usize];
            tally.record_issued(how);
            if n % 100 > 0 {
                tally.record_correct(how);
                tally.record_obtained(how);
                tally.record_transfer(Duration::from_micros(90 + n % 30), 1024);
            } else if n % 200 == 0 {
                tally.record_found_none();
            } else {
                tally.record_transfer_failed();
            }
        }
        let mut sent = Traffic::new();
        sent.record("publish", 41_000, 41_000 * 90);
        Items::new(&tally, &sent, 40_960.0)
    }

    /// 10,001 lookups: 10,000 completed, one of them wrongly, and one failed.
    fn metrics() -> Metrics {
        let mut metrics = Metrics::new();
        // Binomial over 12 fingers: what an exact ring of 2^12 nodes gives.
        let weights: [u64; 13] = [2, 29, 161, 537, 1208, 1934, 2257, 1934, 1208, 537, 161, 29, 3];
        let mut n = 0;
        for (hops, weight) in (0..).zip(weights) {
            for _ in 0..weight {
                let latency = Duration::from_nanos(18_000 * u64::from(hops + 1) + 37 * (n % 997));
                metrics.record_issued(Duration::from_micros(n % 40));
                metrics.record_completed(latency, hops, u32::from(n % 100 == 0), 2 * hops + 1);
                metrics.record_judged(n != 5_000);
                n += 1;
            }
        }
        metrics.record_issued(Duration::from_micros(80));
        metrics.record_failed(3, 9);
        metrics
    }

    fn traffic() -> Traffic {
        let mut traffic = Traffic::new();
        let kinds = ["stabilize", "neighbours", "notify", "fix-fingers", "finger", "ping", "join"];
        for (i, kind) in (1..).zip(kinds) {
            traffic.record(kind, 41_000 / i, 41_000 * 90 / i);
        }
        traffic
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::Value;

    #[test]
    fn json_and_back_is_the_same() {
        let mut outcome = example::outcome();
        assert_eq!(Outcome::from_json(&outcome.to_json()).unwrap(), outcome);
        outcome.simulated_s = Some(0.1 + 0.2);
        let keys = Some(Keys { keys_mean: 1.5, p1: 0, p99: 9, max: 11 });
        outcome.load = Some(Load { messages_max: 77, keys });
        outcome.items = Some(example::items());
        outcome.engine.trace_digest = Some("00ff".into());
        let finding = Finding { at_s: 1.5, broken: "a rule".into(), replay: None };
        outcome.check = Some(Check { violations: 1, first: Some(finding), ..Check::default() });
        assert!(!outcome.held());
        outcome.name_folder(Path::new("there"));
        let first = outcome.first_violation().and_then(|first| first.replay.as_deref());
        assert_eq!(first, Some("hopwise run there/scenario.toml"));
        assert_eq!(Outcome::from_json(&outcome.to_json()).unwrap(), outcome);
    }

    #[test]
    fn has_the_paths_of_the_contract() {
        let json = example::outcome().to_json();
        assert!(json.starts_with("{\n  \"schema_version\": 1,\n"));
        let root: Value = serde_json::from_str(&json).unwrap();
        for path in "
            /scenario/name /machine/cpu /machine/cores /machine/memory_bytes /machine/kernel
            /build/commit /build/rustc /build/profile /started_at /wall_s /seed /regime
            /interrupted /lookups/issued /lookups/completed /lookups/correct /lookups/incorrect
            /lookups/failed /lookups/hops/mean /lookups/hops/p1 /lookups/hops/p50
            /lookups/hops/p99 /lookups/hops/max /lookups/hops/histogram/12
            /lookups/timeouts/mean /lookups/timeouts/p1 /lookups/timeouts/p50
            /lookups/timeouts/p99 /lookups/latency_us/mean /lookups/latency_us/p50
            /lookups/latency_us/p90 /lookups/latency_us/p99 /lookups/latency_us/p99_9
            /lookups/latency_us/max /lookups/latency_us/histogram /lookups/messages/mean
            /lookups/per_s /maintenance/bytes_per_node_s /maintenance/messages_per_node_s
            /maintenance/by_kind/notify/bytes_per_node_s /state/entries_mean /state/entries_max
            /state/bytes_per_node /state/bytes_max /load/messages_max /membership/joins /membership/leaves /membership/crashes
            /membership/live_mean /engine/events /engine/events_per_s /engine/messages_per_s
            /engine/datagrams /engine/drops/shed /engine/peak_rss_bytes /engine/threads
        "
        .split_whitespace()
        {
            assert!(root.pointer(path).is_some_and(|value| !value.is_null()), "{path}");
        }
        for path in
            ["/items", "/load/keys_mean", "/load/max", "/simulated_s", "/engine/trace_digest"]
        {
            assert!(root.pointer(path).is_none(), "{path}");
        }
    }

    #[test]
    fn has_a_section_for_items_where_there_are_any() {
        let items = Some(example::items());
        let json = Outcome { items, ..example::outcome() }.to_json();
        let root: Value = serde_json::from_str(&json).unwrap();
        for (path, expected) in [
            ("/items/exact/issued", 2_501),
            ("/items/fuzzy/issued", 7_500),
            ("/items/exact/correct", 2_400),
            ("/items/exact/obtained", 2_400),
            ("/items/fuzzy/correct", 7_500),
            ("/items/fuzzy/obtained", 7_500),
            ("/items/found_none", 51),
            ("/items/transfers/completed", 9_900),
            ("/items/transfers/failed", 50),
            ("/items/transfers/bytes", 9_900 * 1024),
        ] {
            assert_eq!(root.pointer(path).and_then(Value::as_u64), Some(expected), "{path}");
        }
        for path in ["mean", "p50", "p99", "max"] {
            let latency = root.pointer(&format!("/items/transfers/latency_us/{path}"));
            let latency = latency.and_then(Value::as_f64);
            assert!(latency.is_some_and(|us| (90.0..121.0).contains(&us)), "{path}: {latency:?}");
        }
    }

    #[test]
    fn refuses_what_it_cannot_read() {
        let other = example::outcome().to_json().replacen(": 1,", ": 9,", 1);
        let message = Outcome::from_json(&other).unwrap_err().to_string();
        assert_eq!(message, "schema_version = 9: this program reads outcomes of version 1");
        let message = Outcome::from_json("{}").unwrap_err().to_string();
        assert!(message.contains("missing field `schema_version`"), "{message}");
    }

    #[test]
    fn latencies_keep_their_unit() {
        let outcome = example::outcome();
        let latency = &outcome.lookups.latency_us;
        let histogram = latency.decode_histogram().unwrap();
        assert_eq!(histogram.len(), outcome.lookups.completed);
        assert!((histogram.value_at_quantile(0.5) as f64 - latency.p50).abs() <= 1.0);
        assert!((histogram.max() as f64 - latency.max).abs() <= 1.0);
    }

    #[test]
    fn nothing_counted_is_all_zeros() {
        let lookups = Lookups::new(&Metrics::new(), Duration::ZERO);
        assert_eq!((lookups.per_s, lookups.messages.mean, lookups.hops.mean), (0.0, 0.0, 0.0));
        assert_eq!((lookups.latency_us.max, lookups.hops.histogram.len()), (0.0, 0));
        assert_eq!(Maintenance::new(&Traffic::new(), 0.0).bytes_per_node_s, 0.0);
    }

    proptest! {
        #[test]
        fn counts_give_what_the_sorted_list_gives(
            mut values in prop::collection::vec(0..20u64, 1..200),
        ) {
            let mut counts = [0; 20];
            values.iter().for_each(|&value| counts[value as usize] += 1);
            values.sort_unstable();
            let rank = |percent: usize| values[(values.len() * percent).div_ceil(100) - 1];
            let hops = Hops::new(&counts);
            prop_assert_eq!((hops.p1, hops.p50, hops.p99), (rank(1), rank(50), rank(99)));
            prop_assert_eq!(hops.max, *values.last().unwrap());
            let mean = values.iter().sum::<u64>() as f64 / values.len() as f64;
            prop_assert!((hops.mean - mean).abs() < 1e-9);
        }
    }
}
