//! What came of questions for items.
//!
//! **Invariant:** as for the whole document: units in the names, and 0 where nothing was counted.

use hdrhistogram::Histogram;
use hopwise_kernel::message::Class;
use serde::{Deserialize, Serialize};

use super::{KindRate, quantile_us};
use crate::measure::metrics::Traffic;
use crate::measure::tally::{self, Tally};

/// Questions for items, and the transfers that followed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Items {
    /// Questions that name the item.
    pub exact: Asked,
    /// Prefixes, pieces and words of a name.
    pub fuzzy: Asked,
    /// Answers, right or wrong, that nothing fits.
    pub found_none: u64,
    /// What it took to make known who holds what, and to keep it known, per second that a node lived.
    #[serde(default)]
    pub publishing: KindRate,
    /// Items on their way from holders to who found them.
    pub transfers: Transfers,
}

/// What came of questions of one kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// Handed to a node.
    pub issued: u64,
    /// Of those, answered within their deadline with an item that fits and somebody who really held
    /// it at some instant between issue and answer; or with nothing, where at some such instant
    /// nobody held anything that fits.
    pub correct: u64,
    /// Of those issued, ended with an item in the hands of who asked; where items are not fetched,
    /// with one named.
    pub obtained: u64,
}

/// What came of fetching items.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Transfers {
    /// Items that came.
    pub completed: u64,
    /// Items that none of the holders named gave.
    pub failed: u64,
    /// From asking the first holder to having the item.
    pub latency_us: TransferLatency,
    /// Size of the items that came.
    pub bytes: u64,
}

/// Microseconds per transfer; 0 if none completed.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct TransferLatency {
    /// Mean.
    pub mean: f64,
    /// Median.
    pub p50: f64,
    /// 99th percentile.
    pub p99: f64,
    /// The longest.
    pub max: f64,
}

impl Items {
    /// What `tally` counted, and what of `traffic` was publishing, over `node_s` seconds of nodes'
    /// lives.
    #[must_use]
    pub fn new(tally: &Tally, traffic: &Traffic, node_s: f64) -> Items {
        let publishing = traffic.iter().find(|sent| sent.kind == Class::Publish.name());
        let (messages, bytes) = publishing.map_or((0, 0), |sent| (sent.messages, sent.bytes));
        Items {
            publishing: KindRate::new(messages, bytes, node_s),
            exact: Asked::new(tally.exact),
            fuzzy: Asked::new(tally.fuzzy),
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
    /// Share of those issued that ended with an item in the hands of who asked; nothing if none were
    /// issued.
    #[must_use]
    pub fn success(&self) -> Option<f64> {
        (self.issued > 0).then(|| self.obtained as f64 / self.issued as f64)
    }

    const fn new(tally::Asked { issued, correct, obtained }: tally::Asked) -> Asked {
        Asked { issued, correct, obtained }
    }
}

impl TransferLatency {
    /// From a histogram of nanoseconds.
    fn new(ns: &Histogram<u64>) -> TransferLatency {
        let at = |quantile| quantile_us(ns, quantile);
        TransferLatency { mean: ns.mean() / 1e3, p50: at(0.5), p99: at(0.99), max: at(1.0) }
    }
}
