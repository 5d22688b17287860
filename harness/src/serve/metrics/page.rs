//! The page.
//!
//! **Invariant:** a client of the page changes nothing.

use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;

use crate::serve::figures::FIGURES;
use crate::serve::shared::Shared;
use crate::serve::users::Counts;

/// What is shown of each user: its name, what it counts, whether it never falls, and its value.
type OfUser = (&'static str, &'static str, bool, fn(&Counts) -> u64);

const OF_USERS: [OfUser; 5] = [
    ("user_requests", "Requests of a user", true, |counts| counts.requests),
    ("user_bytes_in", "Bytes received from a user", true, |counts| counts.bytes_in),
    ("user_bytes_out", "Bytes sent to a user", true, |counts| counts.bytes_out),
    ("user_refused", "Requests refused for the rate or the quota of a user", true, |counts| {
        counts.refused
    }),
    ("user_bytes_stored", "Bytes of the values that a user has stored", false, |counts| {
        counts.stored
    }),
];

/// The page as it is now.
pub(super) fn page(shared: &Arc<Shared>) -> String {
    let mut registry = Registry::with_prefix("hopwise");
    registry.register_collector(Box::new(Published(Arc::clone(shared))));
    let mut text = String::new();
    // Writing to memory cannot fail.
    let _ = encode(&mut text, &registry);
    text
}

#[derive(Debug)]
struct Published(Arc<Shared>);

impl Collector for Published {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> std::fmt::Result {
        for about in FIGURES {
            let kind = kind(about.is_counter);
            let mut metric = encoder.encode_descriptor(about.name, about.help, None, kind)?;
            for (shard, figures) in self.0.figures.iter().enumerate() {
                let labels = [("shard", shard.to_string())];
                let value = figures.of(about.figure);
                write(metric.encode_family(&labels)?, about.is_counter, value)?;
            }
        }
        for (name, help, is_counter, value) in OF_USERS {
            let mut metric = encoder.encode_descriptor(name, help, None, kind(is_counter))?;
            for user in self.0.users.all() {
                let labels = [("user", user.name.clone())];
                let value = value(&user.account.counts());
                write(metric.encode_family(&labels)?, is_counter, value)?;
            }
        }
        Ok(())
    }
}

fn kind(is_counter: bool) -> MetricType {
    if is_counter { MetricType::Counter } else { MetricType::Gauge }
}

fn write(
    encoder: prometheus_client::encoding::MetricEncoder<'_>,
    is_counter: bool,
    value: u64,
) -> std::fmt::Result {
    if is_counter {
        ConstCounter::new(value).encode(encoder)
    } else {
        ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX)).encode(encoder)
    }
}
