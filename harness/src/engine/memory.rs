//! The memory that a run needs, estimated before it starts.
//!
//! **Invariant:** a refusal names a value that fits.

use std::time::Duration;

use crate::Scenario;
use crate::churn::NodesPerHost;
use crate::measure::EngineError;
use crate::scenario::{Amount, ChurnModel, FaultKind, Load, Measure};

/// Memory per node outside the node: its place, events, requests in flight, and the truth about it.
const BESIDE_NODE_BYTES: u64 = 300;
/// A lookup in flight: its request at the origin, the message on its way, and what the director knows.
const LOOKUP_BYTES: f64 = 600.0;
/// A lookup that has ended while its costs may still grow, in two shards.
const KEPT_BYTES: f64 = 48.0;
/// An interval of the series, with its packed latencies.
const INTERVAL_BYTES: f64 = 1000.0;
/// A node that waits until it may join.
const WAITING_BYTES: f64 = 64.0;
/// A past lifetime, as long as a lookup may need it.
const LIFETIME_BYTES: f64 = 200.0;
/// Of so many members, one joins or departs per second, at most: joins take time, and few run at once.
const MEMBERS_PER_CHANGE: f64 = 4.0;
/// The most nodes that an engine can hold, besides spare places.
const NODES_MAX: u64 = 1 << 24;
/// The most places.
const PLACES_MAX: u64 = NODES_MAX + NODES_MAX / 32;

/// What the engine knows of the memory that a run needs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Demand {
    /// Places for hosts, those included that churn needs.
    pub(super) places: u64,
    /// The nodes of each host.
    pub(super) per_host: NodesPerHost,
    /// The places for hosts that churn adds.
    pub(super) growth: u64,
    /// The lookups in flight at a time, at most.
    pub(super) lookups: f64,
    /// The lookups whose costs are kept at a time, at most.
    pub(super) kept: f64,
    /// What is needed whatever the scenario says.
    pub(super) fixed_bytes: u64,
}

/// The length of the warm-up and the measured phase.
pub(super) fn planned_length(scenario: &Scenario) -> Duration {
    let peak_per_s = scenario.workload.peak_per_s(scenario.nodes);
    let measure = match (scenario.phases.measure, peak_per_s) {
        (Measure::Lasting(length), _) => length,
        (Measure::Lookups(count), Some(per_s)) => {
            Duration::try_from_secs_f64(count as f64 / per_s).unwrap_or(Duration::MAX)
        }
        (Measure::Lookups(_), None) => Duration::ZERO,
    };
    scenario.phases.warmup.saturating_add(measure)
}

/// The nodes that churn adds.
pub(super) fn planned_growth(scenario: &Scenario) -> u64 {
    let churn = &scenario.churn;
    let per_s = match churn.model {
        ChurnModel::Poisson => (churn.joins_per_s - churn.departures_per_s).max(0.0),
        ChurnModel::Off | ChurnModel::Sessions | ChurnModel::Trace => 0.0,
    };
    (per_s * planned_length(scenario).as_secs_f64()) as u64
}

/// Checks that the run fits into `available` bytes; 0 means that they are not known. `nodes_bytes` says
/// how much so many nodes need.
pub(super) fn check(
    scenario: &Scenario,
    demand: &Demand,
    nodes_bytes: impl Fn(usize) -> u64,
    available: u64,
) -> Result<(), EngineError> {
    let &Demand { places, per_host, growth, lookups, kept, fixed_bytes } = demand;
    let nodes = places - growth;
    let per_host = u64::from(per_host.count());
    let (nodes_max, places_max) = (NODES_MAX / per_host, PLACES_MAX / per_host);
    let bytes_of = |hosts: u64| {
        let nodes = hosts.min(nodes_max) * per_host;
        (nodes_bytes(nodes as usize) + nodes * BESIDE_NODE_BYTES) as f64
    };
    let parts = [
        bytes_of(nodes) + fixed_bytes as f64,
        bytes_of(growth) + churn_bytes(scenario, places),
        lookups * LOOKUP_BYTES + kept * KEPT_BYTES,
        planned_length(scenario).as_secs_f64() * INTERVAL_BYTES,
    ];
    let needed: f64 = parts.iter().sum();
    let fits = available == 0 || needed <= available as f64;
    if fits && places <= places_max {
        return Ok(());
    }
    // The greatest part must become smaller, so that all fits.
    let greatest = (0..parts.len()).max_by(|&a, &b| parts[a].total_cmp(&parts[b])).unwrap_or(0);
    let greatest = if places > places_max { usize::from(growth > nodes) } else { greatest };
    let (is, others) = (parts[greatest], needed - parts[greatest]);
    let room = if available == 0 { needed } else { available as f64 };
    let mut share = ((room - others) / is).clamp(0.0, 1.0);
    if places > places_max {
        share = share
            .min(nodes_max.saturating_sub(nodes.min(growth)) as f64 / nodes.max(growth) as f64);
    }
    let what = match greatest {
        0 => format!("{nodes} nodes"),
        1 => format!("{places} nodes, of which churn adds {growth}, and those that wait to join"),
        2 => format!("{lookups:.0} lookups in flight"),
        _ => "a row of the series for each second".to_owned(),
    };
    let instead = match greatest {
        0 => fewer_nodes(scenario, nodes, share),
        1 => format!("churn.joins_per_s = {}", rounded_down(less_churn(scenario, share))),
        2 => less_load(scenario, share),
        _ => "a shorter phases.measure".to_owned(),
    };
    let gib = |bytes: f64| bytes / f64::from(1 << 30);
    let problem = if fits {
        match per_host {
            1 => format!("{NODES_MAX} nodes are the most"),
            _ => format!("{nodes_max} with {per_host} virtual nodes each are the most"),
        }
    } else {
        format!("about {:.1} GiB are needed, but {:.1} GiB are free", gib(needed), gib(room))
    };
    Err(EngineError::Request(format!("{what}: {problem}: write {instead} or less")))
}

/// What churn needs besides the nodes that it adds: nodes that wait to join, and past lifetimes.
fn churn_bytes(scenario: &Scenario, places: u64) -> f64 {
    let churn = &scenario.churn;
    if churn.model != ChurnModel::Poisson {
        return 0.0;
    }
    let deadline_s = scenario.workload.deadline.as_secs_f64();
    let length_s = planned_length(scenario).as_secs_f64() + deadline_s;
    let changes_per_s = places as f64 / MEMBERS_PER_CHANGE;
    let waiting = (churn.joins_per_s - changes_per_s).max(0.0) * length_s;
    let past = churn.departures_per_s.min(changes_per_s) * (deadline_s + 1.0);
    waiting * WAITING_BYTES + past * LIFETIME_BYTES
}

/// Fewer `nodes`: those of the start, or of the fault that adds most.
fn fewer_nodes(scenario: &Scenario, nodes: u64, share: f64) -> String {
    let joining = scenario.joining_in_faults(scenario.nodes.into());
    if joining <= scenario.nodes.into() {
        let part = f64::from(scenario.nodes) / nodes.max(1) as f64;
        return format!("nodes = {:.0}", (nodes as f64 * share * part).floor().max(1.0));
    }
    let joins = scenario.faults.iter().enumerate().filter(|(_, it)| it.kind == FaultKind::Join);
    let counts = joins.map(|(index, fault)| match fault.amount {
        Amount::Count(count) => (f64::from(count), index, "count"),
        Amount::Fraction(share) => (share * f64::from(scenario.nodes), index, "fraction"),
    });
    let most = counts.max_by(|a, b| a.0.total_cmp(&b.0));
    let (count, index, key) = most.unwrap_or((0.0, 0, "count"));
    let left = (count - nodes as f64 * (1.0 - share)).max(1.0);
    match key {
        "count" => format!("fault.{index}.count = {:.0}", left.floor()),
        _ => format!("fault.{index}.fraction = {:.3}", left / f64::from(scenario.nodes)),
    }
}

/// Joins per second of which only this `share` makes the network grow or wait.
fn less_churn(scenario: &Scenario, share: f64) -> f64 {
    let churn = &scenario.churn;
    let steady = churn.departures_per_s.min(churn.joins_per_s);
    steady * share.min(1.0) + (churn.joins_per_s - steady) * share
}

fn less_load(scenario: &Scenario, share: f64) -> String {
    match scenario.workload.load {
        Load::InFlight(count) => {
            format!("workload.in_flight = {:.0}", (f64::from(count) * share).floor().max(1.0))
        }
        Load::PerNode(interval) => {
            let longer = interval.div_f64(share.max(1e-9));
            format!(
                "workload.lookup_interval = \"{}s\" or more, or a load",
                longer.as_secs_f64().ceil()
            )
        }
        Load::PerSecond(_) => {
            let peak = scenario.workload.peak_per_s(scenario.nodes).unwrap_or(0.0);
            format!("workload.lookups_per_s = {}", rounded_down(peak * share))
        }
    }
}

/// The number with two digits, rounded down.
fn rounded_down(number: f64) -> f64 {
    let unit = 10_f64.powf(number.max(1e-9).log10().floor() - 1.0);
    if unit >= 1.0 { (number / unit).floor() * unit } else { (number * 10.0).floor() / 10.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::{Schema, SectionType, SystemSchema};
    use crate::workload::{KeyWorkload, Workload};

    const GIB: u64 = 1 << 30;

    /// A scenario without a system.
    fn scenario(text: &str) -> Scenario {
        let section = SectionType::of::<()>();
        let (name, workload) = ("none", KeyWorkload::NAME);
        let system = SystemSchema::plain(name, section, workload);
        let schema = Schema::new(vec![system], Vec::new(), "none");
        schema.from_toml(text, "test", &[]).expect("the scenario is valid")
    }

    fn demand(scenario: &Scenario, lookups: f64) -> Demand {
        let growth = planned_growth(scenario);
        let nodes = u64::from(scenario.nodes);
        let nodes = nodes + scenario.joining_in_faults(nodes);
        let (places, per_host) = (nodes + growth, NodesPerHost::ONE);
        Demand { places, per_host, growth, lookups, kept: 0.0, fixed_bytes: 0 }
    }

    fn message(scenario: &Scenario, lookups: f64) -> String {
        match check(scenario, &demand(scenario, lookups), |nodes| nodes as u64 * 1700, 4 * GIB) {
            Err(EngineError::Request(message)) => message,
            Err(EngineError::Broken(message)) => panic!("{message}"),
            Ok(()) => "it fits".to_owned(),
        }
    }

    /// The number after `key`.
    fn instead(message: &str, key: &str) -> f64 {
        let (_, rest) = message.split_once(&format!("write {key} = ")).expect(message);
        rest.split(' ').next().and_then(|word| word.parse().ok()).expect(message)
    }

    #[test]
    fn what_is_refused_fits_with_what_is_written_instead() {
        let text = |key: &str, value: f64| match key {
            "nodes" => format!("engine = \"sim\"\nnodes = {value}"),
            "fault.1.count" => format!(
                "engine = \"sim\"\nfault = [{{ kind = \"join\", count = 5 }}, \
                 {{ kind = \"join\", count = {value} }}]"
            ),
            "churn.joins_per_s" => format!(
                "engine = \"sim\"\nchurn = {{ model = \"poisson\", joins_per_s = {value:.1} }}"
            ),
            _ => format!("engine = \"sim\"\nworkload.lookups_per_s = {value:.1}"),
        };
        for (key, absurd) in [
            ("nodes", 9e6),
            ("fault.1.count", 9e6),
            ("churn.joins_per_s", 1e6),
            ("workload.lookups_per_s", 1e9),
        ] {
            let lookups = |value: f64| if key.starts_with("workload") { value } else { 100.0 };
            let refused = message(&scenario(&text(key, absurd)), lookups(absurd));
            let value = instead(&refused, key);
            assert!(value < absurd && value >= 1.0, "{refused}");
            let fits = message(&scenario(&text(key, value)), lookups(value));
            assert_eq!(fits, "it fits", "{refused}");
            let more = message(&scenario(&text(key, (value * 1.3).ceil())), lookups(value * 1.3));
            assert_ne!(more, "it fits", "{refused}");
        }
    }

    #[test]
    fn more_nodes_than_there_are_addresses_are_refused_with_any_memory() {
        let text = "engine = \"sim\"\nchurn = { model = \"poisson\", joins_per_s = 1e6 }\n\
                    phases.measure = \"1h\"";
        let scenario = scenario(text);
        let demand = demand(&scenario, 0.0);
        let refused = check(&scenario, &demand, |_| 0, 0).expect_err("3.6e9 nodes");
        let refused = format!("{refused:?}");
        assert!(refused.contains("16777216 nodes are the most"), "{refused}");
        assert!(refused.contains("write churn.joins_per_s = "), "{refused}");
    }
}
