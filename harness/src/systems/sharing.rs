//! What a scenario says of items, as nodes of every system take it.
//!
//! **Invariant:** the same for every engine and every system.

use std::sync::Arc;

use hopwise_kernel::items::{PublishingConfig, SharingConfig, Shelf};
use hopwise_kernel::rpc::TimeoutPolicy;

use crate::Scenario;
use crate::plug::Setting;
use crate::scenario::{Items, Timeout};
use crate::workload::items::Catalogue;

/// An entry that is not renewed lapses after so many rounds of publishing: it outlives a lost
/// message or two.
pub(super) const ROUNDS_OF_LIFE: u32 = 3;

/// The items of a run and what is said of them. Systems that share items always have some.
pub(super) fn items<'a>(setting: &Setting<'a>) -> Result<(&'a Items, &'a Arc<Catalogue>), String> {
    let items = setting.scenario.items.as_ref().zip(setting.catalogue);
    items.ok_or_else(|| "there is nothing to ask for: write an [items] section".to_owned())
}

/// What `host` holds.
pub(super) fn shelf(catalogue: &Catalogue, host: u32) -> Shelf {
    Shelf::new(catalogue.names().clone(), catalogue.shelf(host))
}

pub(super) fn sharing(scenario: &Scenario, items: &Items) -> Arc<SharingConfig> {
    let (item_bytes, fetch) = (items.bytes as u16, items.fetch);
    Arc::new(SharingConfig { item_bytes, fetch, timeout: timeout(scenario) })
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
