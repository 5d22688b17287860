//! What a scenario says of items, as nodes of every system take it.
//!
//! **Invariant:** the same for every engine and every system.

use std::sync::Arc;

use hopwise_kernel::Id;
use hopwise_kernel::items::{Event, Holdings, PublishingConfig, Text, TransferConfig};
use hopwise_kernel::node::TimeoutPolicy;

use crate::Scenario;
use crate::plug::Told;
use crate::scenario::{Items, Timeout};
use crate::workload::items::Catalogue;

/// An entry that is not renewed lapses after so many rounds of publishing: it outlives a lost
/// message or two.
pub(super) const ROUNDS_OF_LIFE: u32 = 3;

/// What a scenario says of items. Systems that share items always have some.
pub(super) fn items(scenario: &Scenario) -> Result<&Items, String> {
    let items = scenario.items.as_ref();
    items.ok_or_else(|| "there is nothing to ask for: write an [items] section".to_owned())
}

/// What `host` holds.
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

/// How long replies are waited for.
pub(super) fn timeout(scenario: &Scenario) -> TimeoutPolicy {
    match scenario.network.timeout {
        Timeout::Adaptive => TimeoutPolicy::Adaptive,
        Timeout::Fixed(timeout) => TimeoutPolicy::Fixed(timeout),
    }
}

/// Items in the hands of all hosts together.
pub(super) fn copies(items: &Items) -> f64 {
    (f64::from(items.population) * items.replicas).round()
}

/// What an event about items means to the director.
pub(super) fn told(event: Event) -> Told<Option<(Text, Id)>> {
    match event {
        Event::Joined => Told::Joined,
        Event::JoinFailed => Told::JoinFailed,
        Event::Found(found) => Told::Answered {
            token: found.token,
            answer: found.best.map(|hit| (hit.name, hit.holder.id)),
            hops: found.hops.into(),
            timeouts: found.timeouts.into(),
        },
        Event::NotFound { token, timeouts } => Told::Failed { token, timeouts: timeouts.into() },
        Event::Fetched { token, bytes, took, .. } => {
            Told::Obtained { token, took, bytes: bytes.into() }
        }
        Event::FetchFailed { token } => Told::NotObtained { token },
    }
}
