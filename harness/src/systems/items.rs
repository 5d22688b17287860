//! The items section of a scenario as configurations of nodes.
//!
//! **Invariant:** the same for every engine and every system.

use std::sync::Arc;

use hopwise_kernel::Id;
use hopwise_kernel::items::{Event, Holdings, PublishingConfig, Text, TransferConfig};
use hopwise_kernel::node::TimeoutPolicy;

use crate::Scenario;
use crate::plug::NodeEvent;
use crate::scenario::{Items, Timeout};
use crate::workload::items::Catalogue;

/// An entry expires after this many rounds of publishing without a refresh, so it survives one or
/// two lost messages.
pub(super) const ROUNDS_OF_LIFE: u32 = 3;

/// The items of a scenario.
///
/// # Errors
///
/// If there are none.
pub(super) fn items(scenario: &Scenario) -> Result<&Items, String> {
    let items = scenario.items.as_ref();
    items.ok_or_else(|| "there are no items to query: write an [items] section".to_owned())
}

/// The items of `host`.
pub(super) fn holdings(catalogue: &Catalogue, host: u32) -> Holdings {
    Holdings::new(catalogue.names().clone(), catalogue.holdings(host))
}

pub(super) fn transfers(scenario: &Scenario, items: &Items) -> Arc<TransferConfig> {
    let (item_bytes, fetch) = (items.bytes as u16, items.fetch);
    Arc::new(TransferConfig { item_bytes, fetch, timeout: timeout(scenario) })
}

pub(super) fn publishing(items: &Items) -> PublishingConfig {
    PublishingConfig { spread: items.publish_within, refresh: items.refresh }
}

/// How long nodes wait for replies.
pub(super) fn timeout(scenario: &Scenario) -> TimeoutPolicy {
    match scenario.network.timeout {
        Timeout::Adaptive => TimeoutPolicy::Adaptive,
        Timeout::Fixed(timeout) => TimeoutPolicy::Fixed(timeout),
    }
}

/// The number of copies on all hosts together.
pub(super) fn copies(items: &Items) -> f64 {
    (f64::from(items.population) * items.replicas).round()
}

/// Converts an event about items for the director.
pub(super) fn item_event(event: Event) -> NodeEvent<Option<(Text, Id)>> {
    match event {
        Event::Joined => NodeEvent::Joined,
        Event::JoinFailed => NodeEvent::JoinFailed,
        Event::Found(found) => NodeEvent::Answered {
            token: found.token,
            answer: found.best.map(|hit| (hit.name, hit.holder.id)),
            hops: found.hops.into(),
            timeouts: found.timeouts.into(),
            under_suspicion: false,
        },
        Event::NotFound { token, timeouts } => {
            NodeEvent::Failed { token, timeouts: timeouts.into() }
        }
        Event::Fetched { token, bytes, took, .. } => {
            NodeEvent::Obtained { token, took, bytes: bytes.into() }
        }
        Event::FetchFailed { token } => NodeEvent::NotObtained { token },
    }
}
