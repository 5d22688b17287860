//! What the network does to messages.
//!
//! **Invariant:** over UDP, these delays and losses add to those of the loopback interface.

use core::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::impossible::{Verdict, is_share, require, require_that};
use super::key::{DURATION, DURATION_ABOVE_ZERO, Key, Kind};
use super::{Engine, Latency, Scenario, Section, duration};

/// What the network does to messages. Over UDP, this adds to what the loopback interface does.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Network {
    /// One-way delay of a message.
    pub latency: Latency,
    /// Share of messages lost, 0 … 1.
    pub loss: f64,
    /// Share of messages that arrive twice, 0 … 1. The second copy has a second delay. Simulator
    /// only.
    pub duplication: f64,
    /// Share of messages that have a second delay, 0 … 1, so that later messages overtake them.
    pub reordering: f64,
    /// How long a node waits for an answer.
    pub timeout: Timeout,
    /// Messages per second that one node can process, above 0; `None`: any number. Simulator only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node_rate: Option<f64>,
    /// Messages that can wait at a busy node. Without `node_rate`, no node is busy.
    pub node_queue: u32,
}

impl Default for Network {
    fn default() -> Network {
        Network {
            latency: Latency::None,
            loss: 0.0,
            duplication: 0.0,
            reordering: 0.0,
            timeout: Timeout::Adaptive,
            node_rate: None,
            node_queue: 256,
        }
    }
}

/// How long a node waits for an answer: `"adaptive"` or a duration.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Timeout {
    /// Mean + 4 mean deviations of measured round trips, bounded (Rhea et al., *Handling churn in
    /// a DHT*, USENIX ATC 2004).
    Adaptive,
    /// Always this long.
    Fixed(Duration),
}

/// The shortest fixed timeout: a few round trips over the loopback interface.
const TIMEOUT_MIN: Duration = Duration::from_micros(100);
const HOST_FILES: &[&str] = &["coordinates", "matrix"];

impl Section for Network {
    const NAME: &'static str = "network";

    const KEYS: &'static [Key] = &[
        Key::table(
            "network",
            "What happens to messages on the way. Over UDP it comes on top of what loopback does.",
        ),
        Key::new(
            "network.latency",
            Kind::Table,
            "a table such as { model = \"constant\", one_way = \"50ms\" }",
            "One-way delay of each message.",
        ),
        Key::word(
            "network.latency.model",
            &[
                "none",
                "constant",
                "uniform",
                "exponential",
                "euclidean",
                "king",
                "coordinates",
                "matrix",
            ],
            "How delays are drawn. In the first four models every message draws its own. In the \
             others the delay depends on the two hosts (simulator only): euclidean places hosts at \
             random in a square; king draws from round trips measured between DNS servers; \
             coordinates and matrix read a file, whose hosts are dealt to nodes at random.",
        ),
        Key::duration("network.latency.one_way", DURATION, "The delay of every message.")
            .only_with("model", &["constant"]),
        Key::duration("network.latency.min", DURATION, "The smallest delay.")
            .only_with("model", &["uniform"]),
        Key::duration("network.latency.max", DURATION, "The greatest delay.")
            .only_with("model", &["uniform"]),
        Key::duration("network.latency.mean", DURATION, "The mean delay.")
            .only_with("model", &["exponential"]),
        Key::duration(
            "network.latency.side",
            DURATION_ABOVE_ZERO,
            "The delay that corresponds to one side of the square.",
        )
        .only_with("model", &["euclidean"]),
        Key::duration(
            "network.latency.base",
            DURATION,
            "The delay between two hosts at the same point, added to every distance.",
        )
        .only_with("model", &["euclidean"]),
        Key::path(
            "network.latency.file",
            "the path of a text file with delays (matrix) or places (coordinates)",
            "The file with the delays between hosts, or with their places.",
        )
        .only_with("model", HOST_FILES),
        Key::word(
            "network.latency.unit",
            &["us", "ms", "s"],
            "The unit of the figures in the file.",
        )
        .only_with("model", HOST_FILES),
        Key::word(
            "network.latency.reuse",
            &["never", "modulo"],
            "What happens if there are more nodes than hosts in the file. never: the run is \
             refused. modulo: node n is on host n modulo the number of hosts.",
        )
        .only_with("model", HOST_FILES),
        Key::share("network.loss", "Share of messages that are lost."),
        Key::share("network.duplication", "Share of messages that arrive twice. Simulator only."),
        Key::share(
            "network.reordering",
            "Share of messages that take a second delay, so that later messages overtake them.",
        ),
        Key::new(
            "network.timeout",
            Kind::DurationOr("adaptive"),
            "\"adaptive\" or a duration, at least \"100us\", such as \"500ms\"",
            "How long a node waits for an answer. adaptive: mean plus four deviations of the round \
             trips it measured, within bounds.",
        ),
        Key::number(
            "network.node_rate",
            "a number above 0, at most 1e9, with engine = \"sim\", or leave it out: nodes are then \
             infinitely fast",
            "Messages per second that one node can process, one after the other. Simulator only. A \
             message that arrives at a busy node waits. Replies and maintenance are served before \
             messages that start work for a lookup. Of the latter, those that have waited over 100 \
             ms are dropped once such waits have lasted for 500 ms.",
        ),
        Key::integer(
            "network.node_queue",
            "a whole number from 4 to 1000000",
            "Messages that can wait at a busy node. Those that start work for a lookup may take \
             three quarters of the places. Without network.node_rate, no node is busy.",
        ),
    ];

    fn check(&self, all: &Scenario) -> Verdict {
        self.latency.check()?;
        require(is_share(self.loss), "network.loss")?;
        require(is_share(self.duplication), "network.duplication")?;
        require(is_share(self.reordering), "network.reordering")?;
        if let Timeout::Fixed(timeout) = self.timeout {
            require(timeout >= TIMEOUT_MIN, "network.timeout")?;
        }
        if let Some(rate) = self.node_rate {
            require(rate > 0.0 && rate <= 1e9, "network.node_rate")?;
            require_that(all.engine == Engine::Sim, "network.node_rate", || {
                "engine = \"sim\" as well, or leave network.node_rate out".to_owned()
            })?;
        }
        require((4..=1_000_000).contains(&self.node_queue), "network.node_queue")
    }
}

impl Serialize for Timeout {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Timeout::Adaptive => to.serialize_str("adaptive"),
            Timeout::Fixed(timeout) => duration::serialize(timeout, to),
        }
    }
}

impl<'de> Deserialize<'de> for Timeout {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Timeout, D::Error> {
        match String::deserialize(from)?.as_str() {
            "adaptive" => Ok(Timeout::Adaptive),
            text => duration::parse(text).map(Timeout::Fixed),
        }
    }
}
