//! Figures of item queries and transfers.
//!
//! **Invariant:** units are in the names, and every figure is 0 where nothing was counted.

use hdrhistogram::Histogram;
use hopwise_kernel::Protocol;
use hopwise_kernel::items::{Items as ItemProtocol, TrafficClass};
use serde::{Deserialize, Serialize};

use super::KindRate;
use super::statistics::quantile_us;
use crate::measure::metrics::Traffic;
use crate::measure::tally::{self, Tally};

/// Item queries and the transfers that followed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Items {
    /// Queries for an exact name.
    pub exact: Asked,
    /// Queries for a prefix, a substring or words of a name.
    pub fuzzy: Asked,
    /// The part of `fuzzy` that asked for words.
    #[serde(default)]
    pub words: Obtained,
    /// Answers, correct or not, that no item matches.
    pub found_none: u64,
    /// Traffic for publishing and refreshing references to items, per node and second.
    #[serde(default)]
    pub publishing: KindRate,
    /// Transfers of items from their holders.
    pub transfers: Transfers,
}

/// Results of queries of one kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// Queries that were answered or failed. Shed and orphaned ones do not count.
    pub issued: u64,
    /// Queries answered correctly before their deadline: with a matching item and a node that held
    /// it at some instant between issue and answer, or with no item if at some such instant no node
    /// held a matching one.
    pub correct: u64,
    /// Queries after which the requester obtained an item; where items are not fetched, learnt of
    /// one.
    pub obtained: u64,
}

/// Some of the queries, and what came of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Obtained {
    /// Queries that were answered or failed.
    pub issued: u64,
    /// Queries after which the requester obtained an item; where items are not fetched, learnt of one.
    pub obtained: u64,
}

/// Results of fetching items.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Transfers {
    /// Items received.
    pub completed: u64,
    /// Items that none of the named holders provided.
    pub failed: u64,
    /// Time from the request to the first holder until the item arrives.
    pub latency_us: TransferLatency,
    /// Total size of the items received.
    pub bytes: u64,
}

/// Microseconds per completed transfer; 0 if there was none.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct TransferLatency {
    /// Mean.
    pub mean: f64,
    /// Median.
    pub p50: f64,
    /// 99th percentile.
    pub p99: f64,
    /// Maximum.
    pub max: f64,
}

impl Items {
    /// Summarizes `tally` and the publishing part of `traffic` over `node_s` node-seconds.
    #[must_use]
    pub fn new(tally: &Tally, traffic: &Traffic, node_s: f64) -> Items {
        let publish = ItemProtocol::CLASSES[TrafficClass::Publish as usize].name;
        let publishing = traffic.iter().find(|sent| sent.kind == publish);
        let (messages, bytes) = publishing.map_or((0, 0), |sent| (sent.messages, sent.bytes));
        Items {
            publishing: KindRate::new(messages, bytes, node_s),
            exact: Asked::new(tally.exact),
            fuzzy: Asked::new(tally.fuzzy),
            words: Obtained { issued: tally.words.issued, obtained: tally.words.obtained },
            found_none: tally.found_none,
            transfers: Transfers {
                completed: tally.transfers,
                failed: tally.transfers_failed,
                latency_us: TransferLatency::new(tally.transfer_latency()),
                bytes: tally.transfer_bytes,
            },
        }
    }
}

impl Asked {
    /// The fraction of issued queries that obtained an item; `None` if none was issued.
    #[must_use]
    pub fn success(&self) -> Option<f64> {
        Obtained { issued: self.issued, obtained: self.obtained }.success()
    }

    const fn new(tally::Asked { issued, correct, obtained }: tally::Asked) -> Asked {
        Asked { issued, correct, obtained }
    }
}

impl Obtained {
    /// The fraction of issued queries that obtained an item; `None` if none was issued.
    #[must_use]
    pub fn success(&self) -> Option<f64> {
        (self.issued > 0).then(|| self.obtained as f64 / self.issued as f64)
    }

    /// The queries of `all` that are not these.
    #[must_use]
    pub const fn rest_of(&self, all: &Asked) -> Obtained {
        let issued = all.issued.saturating_sub(self.issued);
        Obtained { issued, obtained: all.obtained.saturating_sub(self.obtained) }
    }
}

impl TransferLatency {
    /// Summarizes a histogram of nanoseconds.
    fn new(ns: &Histogram<u64>) -> TransferLatency {
        let at = |quantile| quantile_us(ns, quantile);
        TransferLatency { mean: ns.mean() / 1e3, p50: at(0.5), p99: at(0.99), max: at(1.0) }
    }
}
