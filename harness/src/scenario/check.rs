//! Which values are possible, alone and together.
//!
//! **Invariant:** what passes here can be run on some machine; what only this machine cannot do
//! (ports taken, too few descriptors) shows when the engine starts.

use core::time::Duration;

use hopwise_kernel::flood::message::{MAX_TTL, MAX_WALK};
use hopwise_kernel::node::MAX_PAYLOAD;
use hopwise_kernel::ring::wire::max_successors;

use super::{
    Amount, ChurnModel, Downtime, Engine, Fault, FaultKind, Flood, Graph, Items, Keys, Latency,
    Lengths, Load, Measure, Scenario, Sockets, Start, Strategy, System, Target, Timeout,
};

/// Latest deadline of a lookup: latencies are counted in histograms of fixed bounds.
const DEADLINE_MAX: Duration = Duration::from_secs(60);
/// Nodes behind one socket, at most: slots are 16 bits.
const NODES_PER_SOCKET: u64 = 65_535;
/// Nodes and lookups in flight, at most.
const POPULATION_MAX: u32 = 1 << 24;
const THREADS_MAX: u32 = 1024;
/// A run of which either phase takes longer never ends: time is 64 bits of nanoseconds.
const PHASE_MAX: Duration = Duration::from_secs(YEAR_S * 10);
const YEAR_S: u64 = 31_557_600;
/// Lookups of a run, at most.
const LOOKUPS_MAX: u64 = 1_000_000_000_000;
const NAME_MAX: usize = 64;
/// Items, at most.
const ITEMS_MAX: u32 = 1_000_000;
/// Copies of items, at most: who holds what is kept in tables.
const COPIES_MAX: f64 = 268_435_456.0;
/// Searches that a flooding peer remembers, at most.
const SEARCHES_MAX: u32 = 1 << 16;

/// A value that cannot be.
pub(super) struct Impossible {
    /// Where it is, dotted, with indices: `fault.0.at`.
    pub(super) path: String,
    /// What is accepted here, if that is narrower than what the key always says.
    pub(super) accepted: Option<String>,
}

type Verdict = Result<(), Impossible>;

/// Finds the first impossible value.
pub(super) fn check(scenario: &Scenario) -> Verdict {
    check_top(scenario)?;
    match scenario.system {
        System::Ring => check_ring(scenario)?,
        System::Central => {}
        System::Flood => check_flood(scenario)?,
    }
    check_items(scenario)?;
    check_network(scenario)?;
    if scenario.engine == Engine::Udp {
        check_sockets(scenario)?;
    }
    check_churn(scenario)?;
    check_workload(scenario)?;
    check_phases(scenario)?;
    check_expect(scenario)?;
    (0..scenario.faults.len()).try_for_each(|index| check_fault(scenario, index))
}

fn check_top(scenario: &Scenario) -> Verdict {
    let Scenario { name, nodes, threads, udp, .. } = scenario;
    let fits_a_folder = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let named = (1..=NAME_MAX).contains(&name.len())
        && name.chars().all(fits_a_folder)
        && !name.starts_with('.');
    require(named, "name")?;
    require((2..=POPULATION_MAX).contains(nodes), "nodes")?;
    require(*threads <= THREADS_MAX, "threads")?;
    let can_be_checked = scenario.engine == Engine::Sim && scenario.system == System::Ring;
    require(can_be_checked || scenario.check != Some(true), "check")?;
    require((576..=65_507).contains(&udp.datagram), "udp.datagram")
}

fn check_ring(Scenario { ring, nodes, udp, .. }: &Scenario) -> Verdict {
    require((1..=16).contains(&ring.replicas), "ring.replicas")?;
    require(ring.base.is_power_of_two() && (2..=256).contains(&ring.base), "ring.base")?;
    let successors = "ring.successors";
    require(ring.successors >= 1, successors)?;
    require_that(ring.successors < *nodes, successors, || {
        format!("a whole number from 1 to {} (less than nodes = {nodes})", nodes - 1)
    })?;
    let fit = max_successors(udp.datagram as usize) as u32;
    require_that(ring.successors <= fit, successors, || {
        format!("{fit} at most: a list must fit udp.datagram = {}", udp.datagram)
    })?;
    require(ring.stabilize != Some(Duration::ZERO), "ring.stabilize")?;
    require(ring.fix_fingers != Some(Duration::ZERO), "ring.fix_fingers")
}

fn check_flood(Scenario { flood, nodes, start, .. }: &Scenario) -> Verdict {
    let Flood { graph, degree, file, ttl, strategy, round_wait, walkers, .. } = flood;
    let Flood { walk_ttl, check_every, ping, remember, remember_room, .. } = flood;
    require(*graph != Graph::File || file.is_some(), "flood.file")?;
    require_that(*graph != Graph::File || *start == Start::Linked, "start", || {
        "\"linked\", or another flood.graph: a graph from a file is that of the start".to_owned()
    })?;
    let most = f64::from(nodes - 1);
    require_that(*graph == Graph::File || (1.0..=most).contains(degree), "flood.degree", || {
        format!("a number from 1 to {most} (less than nodes = {nodes})")
    })?;
    require((1..=MAX_TTL).contains(ttl), "flood.ttl")?;
    require(!round_wait.is_zero(), "flood.round_wait")?;
    require(*walkers >= 1, "flood.walkers")?;
    let walks = *strategy == Strategy::RandomWalk;
    require_that(!walks || walkers <= nodes, "flood.walkers", || {
        format!("a whole number from 1 to {nodes}, as many as there are peers (nodes = {nodes})")
    })?;
    require((1..=MAX_WALK).contains(walk_ttl), "flood.walk_ttl")?;
    require(*check_every >= 1, "flood.check_every")?;
    require(!ping.is_zero(), "flood.ping")?;
    require(!remember.is_zero(), "flood.remember")?;
    require((1..=SEARCHES_MAX).contains(remember_room), "flood.remember_room")
}

fn check_items(Scenario { items, workload, nodes, system, .. }: &Scenario) -> Verdict {
    let Some(items) = items else { return Ok(()) };
    let Items { population, exponent, replicas, fuzzy, bytes, refresh, .. } = items;
    require((1..=ITEMS_MAX).contains(population), "items.population")?;
    require((0.0..=20.0).contains(exponent), "items.exponent")?;
    // A central server shares nothing.
    let sharers = nodes - u32::from(*system == System::Central);
    let most = f64::from(sharers);
    require_that((1.0..=most).contains(replicas), "items.replicas", || {
        format!("a number from 1 to {sharers}, as many as there are who share (nodes = {nodes})")
    })?;
    require_that(f64::from(*population) * replicas <= COPIES_MAX, "items.replicas", || {
        format!("{COPIES_MAX} copies at most: fewer replicas, or a smaller items.population")
    })?;
    require(is_share(*fuzzy), "items.fuzzy")?;
    require((1..=MAX_PAYLOAD as u32).contains(bytes), "items.bytes")?;
    require(!refresh.is_zero(), "items.refresh")?;
    require_that(workload.keys == Keys::Uniform, "workload.keys", || {
        "{ distribution = \"uniform\" }, or nothing: with items these are what is asked for, and \
         items.exponent says how skewed that is"
            .to_owned()
    })
}

fn check_network(Scenario { network, .. }: &Scenario) -> Verdict {
    match &network.latency {
        Latency::Uniform { min, max } => require_that(min <= max, "network.latency.min", || {
            format!("a duration not above network.latency.max = {:?}", human(*max))
        })?,
        Latency::Euclidean { side, .. } => require(!side.is_zero(), "network.latency.side")?,
        Latency::Coordinates(hosts) | Latency::Matrix(hosts) => {
            require(!hosts.file.is_empty(), "network.latency.file")?;
        }
        Latency::None | Latency::Constant { .. } | Latency::Exponential { .. } | Latency::King => {}
    }
    require(is_share(network.loss), "network.loss")?;
    require(is_share(network.duplication), "network.duplication")?;
    require(is_share(network.reordering), "network.reordering")?;
    require(network.timeout != Timeout::Fixed(Duration::ZERO), "network.timeout")
}

fn check_sockets(scenario: &Scenario) -> Verdict {
    let Scenario { udp, nodes, .. } = scenario;
    let threads = scenario.thread_count() as u64;
    let population = u64::from(*nodes) + joining(scenario);
    let (sockets, most, instead) = match udp.sockets {
        Sockets::PerCore => (
            threads,
            NODES_PER_SOCKET * threads,
            format!("65,535 per socket and {threads} sockets, one per thread (more with threads)"),
        ),
        Sockets::PerNode => (
            population,
            NODES_PER_SOCKET,
            "one port each (more with udp.sockets = \"per-core\")".to_owned(),
        ),
    };
    require_that(population <= most, "nodes", || {
        format!("so many that with those who join in faults they are {most} at most: {instead}")
    })?;
    let port = u64::from(udp.bind.port());
    require_that(port == 0 || port + sockets <= 65_536, "udp.bind", || {
        format!("a port from 1 to {}, or 0: {sockets} sockets follow it", 65_536 - sockets)
    })
}

fn check_churn(Scenario { churn, .. }: &Scenario) -> Verdict {
    require(churn.model != ChurnModel::Trace || churn.file.is_some(), "churn.file")?;
    let is_rate = |rate: f64| (0.0..=1e6).contains(&rate);
    require(is_rate(churn.joins_per_s), "churn.joins_per_s")?;
    require(is_rate(churn.departures_per_s), "churn.departures_per_s")?;
    let idle = churn.joins_per_s == 0.0 && churn.departures_per_s == 0.0;
    require(churn.model != ChurnModel::Poisson || !idle, "churn.joins_per_s")?;
    check_lengths(churn.session, "churn.session")?;
    if let Downtime::Lasts(lengths) = churn.downtime {
        check_lengths(lengths, "churn.downtime")?;
    }
    require(is_share(churn.graceful), "churn.graceful")
}

fn check_lengths(lengths: Lengths, path: &str) -> Verdict {
    let (mean, shape_holds) = match lengths {
        Lengths::Exponential { mean } => (mean, true),
        Lengths::Weibull { mean, shape } => (mean, (0.1..=100.0).contains(&shape)),
        Lengths::Pareto { mean, shape } => (mean, shape > 1.0 && shape <= 100.0),
    };
    require(mean > Duration::ZERO, &format!("{path}.mean"))?;
    require(shape_holds, &format!("{path}.shape"))
}

fn check_workload(Scenario { workload, .. }: &Scenario) -> Verdict {
    match workload.load {
        Load::PerSecond(rate) => require(rate > 0.0 && rate <= 1e9, "workload.lookups_per_s"),
        Load::PerNode(interval) => require(interval > Duration::ZERO, "workload.lookup_interval"),
        Load::InFlight(count) => {
            require((1..=POPULATION_MAX).contains(&count), "workload.in_flight")
        }
    }?;
    let deadline = workload.deadline;
    require(deadline > Duration::ZERO && deadline <= DEADLINE_MAX, "workload.deadline")?;
    match workload.keys {
        Keys::Uniform => Ok(()),
        Keys::Zipf { exponent, population } => {
            require((0.0..=20.0).contains(&exponent), "workload.keys.exponent")?;
            // Ranks are drawn as floating point, exact up to here.
            require((1..=10u64.pow(15)).contains(&population), "workload.keys.population")
        }
    }
}

fn check_phases(Scenario { phases, workload, nodes, .. }: &Scenario) -> Verdict {
    require(phases.warmup <= PHASE_MAX, "phases.warmup")?;
    let count = match phases.measure {
        Measure::Lasting(length) => {
            return require(!length.is_zero() && length <= PHASE_MAX, "phases.measure");
        }
        Measure::Lookups(count) => count,
    };
    require((1..=LOOKUPS_MAX).contains(&count), "phases.lookups")?;
    let (load, rate_per_s) = match workload.load {
        Load::PerSecond(rate) => (format!("workload.lookups_per_s = {rate:?}"), rate),
        Load::PerNode(interval) => (
            format!("workload.lookup_interval = {:?} and nodes = {nodes}", human(interval)),
            f64::from(*nodes) / interval.as_secs_f64(),
        ),
        Load::InFlight(_) => return Ok(()),
    };
    let most = PHASE_MAX.as_secs_f64() * rate_per_s;
    require_that(count as f64 <= most, "phases.lookups", || {
        format!(
            "{most:.0} at most, or more load, or phases.measure instead: with {load} a phase of \
             more lookups takes over 10 years, and never ends"
        )
    })
}

fn check_expect(Scenario { expect, .. }: &Scenario) -> Verdict {
    require(expect.completed.is_none_or(is_share), "expect.completed")?;
    require(expect.correct.is_none_or(is_share), "expect.correct")?;
    require(expect.failed.is_none_or(is_share), "expect.failed")
}

fn check_fault(scenario: &Scenario, index: usize) -> Verdict {
    let fault = &scenario.faults[index];
    let path = |key: &str| format!("fault.{index}.{key}");
    require_that(
        fault.kind != FaultKind::Return || follows_a_crash(scenario, index),
        &path("kind"),
        || {
            "\"crash\", \"leave\" or \"join\", or an earlier fault of kind \"crash\": only those whom \
         faults have crashed return"
            .to_owned()
        },
    )?;
    let only_one = fault.kind == FaultKind::Crash(Target::Busiest);
    require_that(!only_one || fault.amount == Amount::Count(1), &path("target"), || {
        format!("\"random\", or fault.{index}.count = 1: only one node is the busiest")
    })?;
    match fault.amount {
        Amount::Fraction(fraction) => require(is_share(fraction), &path("fraction"))?,
        Amount::Count(count) => {
            require((1..=POPULATION_MAX).contains(&count), &path("count"))?;
            let present = u64::from(scenario.nodes) + joining(scenario);
            let possible = fault.kind == FaultKind::Join || u64::from(count) <= present;
            require_that(possible, &path("count"), || {
                format!("a whole number from 1 to {present}, as many nodes as there are")
            })?;
        }
    }
    if let Measure::Lasting(end) = scenario.phases.measure {
        let end_is = || format!("phases.measure = {:?}", human(end));
        require_that(fault.at < end, &path("at"), || format!("a duration below {}", end_is()))?;
        require_that(fault.over <= end - fault.at, &path("over"), || {
            format!("a duration that, after at, ends within {}", end_is())
        })?;
    }
    Ok(())
}

/// Whether a fault before this one crashes nodes: of those that begin together, one that is written
/// before it.
fn follows_a_crash(scenario: &Scenario, index: usize) -> bool {
    let begins = |index: usize, fault: &Fault| (fault.at, index);
    let this = begins(index, &scenario.faults[index]);
    scenario.faults.iter().enumerate().any(|(other, fault)| {
        matches!(fault.kind, FaultKind::Crash(_)) && begins(other, fault) < this
    })
}

/// Nodes that faults let join.
fn joining(scenario: &Scenario) -> u64 {
    let joins = scenario.faults.iter().filter(|fault| fault.kind == FaultKind::Join);
    joins
        .map(|fault| match fault.amount {
            Amount::Count(count) => u64::from(count),
            Amount::Fraction(fraction) => (fraction * f64::from(scenario.nodes)).ceil() as u64,
        })
        .sum()
}

fn is_share(share: f64) -> bool {
    (0.0..=1.0).contains(&share)
}

fn human(duration: Duration) -> String {
    humantime::format_duration(duration).to_string()
}

fn require(holds: bool, path: &str) -> Verdict {
    if holds { Ok(()) } else { Err(Impossible { path: path.to_owned(), accepted: None }) }
}

fn require_that(holds: bool, path: &str, accepted: impl FnOnce() -> String) -> Verdict {
    require(holds, path).map_err(|wrong| Impossible { accepted: Some(accepted()), ..wrong })
}
