//! Figures of nodes: their maintenance traffic, state, load and membership.
//!
//! **Invariant:** units are in the names, and every figure is 0 where nothing was counted.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::join_us::JoinUs;
use super::statistics::per;
use super::store::PerNode;
use crate::measure::metrics::Traffic;

/// Maintenance traffic (everything but lookups and storage) per node and second. With virtual nodes: per
/// host.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Maintenance {
    /// Bytes, IPv4 and UDP headers of each message included.
    pub bytes_per_node_s: f64,
    /// Messages.
    pub messages_per_node_s: f64,
    /// The same by kind of message.
    pub by_kind: BTreeMap<String, KindRate>,
}

/// Traffic of one kind of message per node and second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct KindRate {
    /// Bytes, IPv4 and UDP headers of each message included.
    pub bytes_per_node_s: f64,
    /// Messages.
    pub messages_per_node_s: f64,
}

/// Size of a node's state. With virtual nodes: of a host's, the sum of its ring nodes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// Distinct peers in a node's tables, on average.
    pub entries_mean: f64,
    /// The most distinct peers in one node's tables.
    pub entries_max: u64,
    /// Mean memory of a node.
    pub bytes_per_node: u64,
    /// The most memory of one node; 0 in results that lack it.
    #[serde(default)]
    pub bytes_max: u64,
}

/// Load per node. With virtual nodes: per host, with all its ring nodes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Load {
    /// Messages that the busiest node received in the measured phase, whether or not it was still
    /// there at the end.
    pub messages_max: u64,
    /// Keys per node, where there is a population of keys.
    #[serde(flatten)]
    pub keys: Option<Keys>,
}

/// Keys that a node owns in the exact ring of the members at the end of the run. Percentiles use the
/// nearest rank.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Keys {
    /// Mean.
    pub keys_mean: f64,
    /// 1st percentile.
    pub p1: u64,
    /// Median.
    pub p50: u64,
    /// 99th percentile.
    pub p99: u64,
    /// Maximum.
    pub max: u64,
    /// The maximum divided by the mean.
    pub max_per_mean: f64,
}

/// Joins and departures of hosts: all ring nodes of a host join and depart together, and count once.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Membership {
    /// Nodes that joined.
    pub joins: u64,
    /// Nodes that left and announced it.
    pub leaves: u64,
    /// Nodes that crashed.
    pub crashes: u64,
    /// What the steps of joining took; `None` if no node joined, and in results that lack it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub join_us: Option<JoinUs>,
    /// Live nodes, time average.
    pub live_mean: f64,
}

impl Keys {
    /// Summarizes the numbers of keys of all hosts.
    #[must_use]
    pub fn new(keys_of_hosts: Vec<u64>) -> Keys {
        let PerNode { mean, p1, p50, p99, max, max_per_mean } =
            PerNode::new(keys_of_hosts.into_iter());
        Keys { keys_mean: mean, p1, p50, p99, max, max_per_mean }
    }
}

impl KindRate {
    /// Divides totals by `node_s` node-seconds.
    pub(super) fn new(messages: u64, bytes: u64, node_s: f64) -> KindRate {
        KindRate {
            bytes_per_node_s: per(bytes as f64, node_s),
            messages_per_node_s: per(messages as f64, node_s),
        }
    }
}

impl Maintenance {
    /// Divides `traffic`, which is maintenance only, by `node_s` node-seconds.
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
