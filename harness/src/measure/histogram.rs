//! Histograms of latencies.
//!
//! **Invariant:** histograms of the same precision have the same bounds, so they can be added.

use std::time::Duration;

use hdrhistogram::Histogram;
use hdrhistogram::serialization::{Deserializer, Serializer as _, V2Serializer};

use crate::base::nanoseconds::as_ns;

/// The largest value. Longer latencies are recorded as this.
pub const LATENCY_MAX: Duration = Duration::from_secs(60);

/// A histogram of nanoseconds up to [`LATENCY_MAX`], with `digits` significant digits.
pub(crate) fn histogram(digits: u8) -> Histogram<u64> {
    Histogram::new_with_bounds(1, as_ns(LATENCY_MAX), digits).expect("the bounds are valid")
}

/// Latencies of one interval, in nanoseconds with three digits. They are packed once no more come: a
/// histogram takes 200 KiB, and a run has thousands of intervals.
#[derive(Clone, Debug, Default)]
pub(crate) enum Latencies {
    /// There are none.
    #[default]
    Empty,
    /// More may come.
    Open(Box<Histogram<u64>>),
    /// No more come: HdrHistogram's V2 format.
    Packed(Vec<u8>),
}

impl Latencies {
    /// Adds a latency.
    pub(crate) fn record(&mut self, ns: u64) {
        self.open().saturating_record(ns);
    }

    /// Packs the latencies.
    pub(crate) fn pack(&mut self) {
        if matches!(self, Latencies::Open(_)) {
            *self = Latencies::Packed(self.packed());
        }
    }

    /// The latencies in HdrHistogram's V2 format; empty if there are none.
    pub(crate) fn packed(&self) -> Vec<u8> {
        match self {
            Latencies::Empty => Vec::new(),
            Latencies::Open(all) => {
                let mut bytes = Vec::new();
                let written = V2Serializer::new().serialize(all, &mut bytes);
                written.expect("writing to memory does not fail");
                bytes.shrink_to_fit();
                bytes
            }
            Latencies::Packed(bytes) => bytes.clone(),
        }
    }

    /// The latencies that [`packed`](Latencies::packed) gave.
    pub(crate) fn of_packed(bytes: &[u8]) -> Latencies {
        if bytes.is_empty() { Latencies::Empty } else { Latencies::Packed(bytes.to_vec()) }
    }

    /// The histogram, if there are latencies.
    pub(crate) fn unpacked(&self) -> Option<Histogram<u64>> {
        match self {
            Latencies::Empty => None,
            Latencies::Open(all) => Some(Histogram::clone(all)),
            Latencies::Packed(bytes) => {
                let all = Deserializer::new().deserialize(&mut bytes.as_slice());
                Some(all.expect("it was packed here"))
            }
        }
    }

    /// Adds the latencies of another shard.
    pub(crate) fn merge(&mut self, other: &Latencies) {
        if let Some(others) = other.unpacked() {
            self.open().add(others).expect("all latencies have the same bounds");
        }
    }

    fn open(&mut self) -> &mut Histogram<u64> {
        if !matches!(self, Latencies::Open(_)) {
            let all = self.unpacked().unwrap_or_else(|| histogram(3));
            *self = Latencies::Open(Box::new(all));
        }
        let Latencies::Open(all) = self else { unreachable!("it was opened above") };
        all
    }
}
