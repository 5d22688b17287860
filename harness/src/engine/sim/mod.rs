//! The simulator: the same nodes in simulated time, exact and repeatable.
//!
//! *Time* is a number that jumps from one event to the next. An event is a message that arrives, a
//! timer that fires, or a command of the director. Handling it takes no simulated time.
//!
//! *Order.* Events at different nodes are independent, so only the order at each node matters. It is
//! exact: by time, then by source (the director, the node's own timers, other nodes by place), then
//! by a number that each source counts up. Shards hold the nodes. They run side by side, on the threads
//! of a `crew`, through windows no longer than the least delay of the network: see `exchange`. Between
//! windows, `control` runs the director, the judge and the phases.
//!
//! *Rates.* With `network.node_rate`, a message that arrives waits until its node has processed those
//! before it; see `shard::inbox`. The node handles it when its own processing ends, which is an event.
//!
//! *Randomness.* Each node draws from its own generator, and what the network does to a message
//! follows from its sender and its number. So neither other nodes nor the number of threads change
//! what a node does: a seed always gives the same outcome and the same digest of all events.
//!
//! *Traces.* A `Tracer` may follow single lookups. Shards record their steps where they happen, by
//! the number that travels with all that a lookup causes; see `costs` and `step_recorder`.
//!
//! *Checks.* With `check` on, all nodes are in one shard, and the system's
//! [`Checker`] looks at the node of every event.
//!
//! **Invariant:** the clock is read only to measure the speed of a simulation.

mod busiest;
mod control;
mod costs;
mod crew;
mod exchange;
mod looks;
mod partition;
mod queue;
mod request_timers;
mod shard;
mod step_recorder;
mod tracing;
mod wire;
mod world;

use std::mem;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::thread;
use std::time::Duration;

use hopwise_kernel::store::Hosts;
use hopwise_kernel::{Id, Peer, Protocol, Rng, Time};
use parking_lot::Mutex;

use self::control::Control;
use self::crew::with_crew;
use self::exchange::{Exchange, WindowExchange};
use self::partition::{Partition, address_of, place_of};
use self::shard::Shard;
use self::tracing::Tracing;
use crate::Scenario;
use crate::base::wall_clock::WallClock;
use crate::churn::trace::Trace;
use crate::churn::{NodesPerHost, Share};
use crate::director::{Admitted, Agreement, Director, Setup};
use crate::engine::interruption::Interruption;
use crate::engine::memory::{self, Demand, planned_growth};
use crate::engine::planned_nodes::planned_nodes;
use crate::engine::totals::Tables;
use crate::live::Progress;
use crate::measure::provenance::available_bytes;
use crate::measure::stored::Contents;
use crate::measure::trace::Tracer;
use crate::measure::{EngineError, Measured, Observers, Simulation};
use crate::network::{Disturbances, Network};
use crate::plug::{Checker, ProtocolOf, Runner, Setting, System};
use crate::scenario::{ChurnModel, Load};
use crate::workload::Workload;
use crate::workload::judge::Judge;

/// Shards for each core, at most. Further threads of a scenario have no core to run on.
const SHARDS_PER_CORE: usize = 2;
/// Members of the start that joining nodes may contact.
const SEEDS: usize = 1024;
/// Lookups of an open loop in progress at a time, at most, if nodes have a rate.
const ADMITTED_MAX: usize = 16_384;
/// Spare places under churn.
const SPARE_PLACES: usize = 64;
/// One more spare place for this many nodes.
const SPARE_SHARE: usize = 64;

/// A delay that is seldom exceeded, where delays have no bound.
const DELAY: Duration = Duration::from_millis(300);

/// The simulator.
#[derive(Clone, Copy, Debug, Default)]
pub struct SimEngine;

impl Runner for SimEngine {
    fn run_system<S: System>(
        &self,
        scenario: &Scenario,
        interrupts: &AtomicU32,
        progress: &Progress,
        observers: Observers<'_>,
    ) -> Result<Measured, EngineError> {
        simulate(scenario, S::new, interrupts, progress, observers)
    }
}

/// Runs `scenario` with nodes of the system that `system` creates.
///
/// # Errors
///
/// If the scenario cannot run; see [`EngineError`].
pub(crate) fn simulate<S: System>(
    scenario: &Scenario,
    system: impl FnOnce(&Setting<'_, S::Workload>) -> Result<S, String>,
    interrupts: &AtomicU32,
    progress: &Progress,
    observers: Observers<'_>,
) -> Result<Measured, EngineError> {
    let scenario = &scenario.with_swarms_drawn();
    let interruption = Interruption::new(interrupts);
    let trace = Trace::of(scenario, 1).map_err(EngineError::Request)?;
    let network = Network::new(&scenario.network, scenario.seed).map_err(EngineError::Request)?;
    let network = network.with_disturbances(Disturbances::new(scenario));
    // A checker must see all nodes, so they are in one shard.
    let is_checked = S::Checker::EXISTS && scenario.is_checked();
    let wanted = if is_checked { 1 } else { scenario.thread_count() };
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let per_host = S::nodes_per_host(scenario);
    let most_nodes = planned_nodes(scenario, trace.as_ref(), 1);
    let growth = planned_growth(scenario);
    let places = (most_nodes + spare_places(scenario, most_nodes)) as u64 + growth;
    let lookups = lookups_in_flight(scenario, &network, per_host);
    let kept = lookups_kept(scenario);
    let demand = Demand { places, per_host, growth, lookups, kept, fixed_bytes: 0 };
    let nodes_bytes = |nodes| S::memory_needed_bytes(scenario, nodes);
    memory::check(scenario, &demand, nodes_bytes, available_bytes())?;
    let places = places as usize;
    let partition = Partition::new(wanted.min(SHARDS_PER_CORE * cores), places, per_host);
    let shards = partition.shards as usize;
    let threads = shards.min(cores);
    let too_many_threads = (wanted > cores).then(|| {
        format!(
            "threads = {wanted}, but this process may use {cores} cores: {threads} ran the nodes"
        )
    });
    network.check_hosts(places).map_err(EngineError::Request)?;
    let hosts_at_start = S::members_at_start(scenario);
    let without: &[u32] = if S::HAS_SERVER { &[0] } else { &[] };
    let workload = S::Workload::new(scenario, without).map_err(EngineError::Request)?;
    let workload = workload
        .with_replicas(S::replicas(scenario))
        .with_nodes_per_host(per_host, S::successors(scenario));
    let members = initial_members::<S>(scenario, &workload, hosts_at_start, per_host);
    let members = members.map_err(EngineError::Request)?;
    let are_in_places = per_host.is_one() && !S::binds_ids(scenario);
    let mut firsts = Vec::new(); // For nodes in the places of their ranks, it would be a copy of the members.
    if !are_in_places {
        firsts = first_nodes(&members, per_host);
    }
    let firsts = if are_in_places { &members[..] } else { &firsts };
    let setting = Setting {
        scenario,
        most_nodes: most_nodes * per_host.count() as usize,
        hosts: if per_host.is_one() {
            Hosts::Nodes
        } else {
            Hosts::NumberBlocks(per_host.count() as u16)
        },
        members: &members,
        first: firsts[0],
        workload: &workload,
    };
    let system = system(&setting).map_err(EngineError::Request)?;
    let at_start = scenario.nodes_at_start() as usize;
    let to_join = at_start - hosts_at_start;
    let regime = network.failure_detection(scenario.network.timeout);

    let exchange = Exchange::<S>::new(shards);
    let seeds = Arc::new(members[..members.len().min(SEEDS)].to_vec());
    let feed = progress.feed();
    if let Some(feed) = feed {
        feed.expect(places * per_host.count() as usize);
    }
    let setup = Setup {
        places,
        per_host,
        to_join,
        agreement: Arc::new(Agreement::new(1)),
        seeds,
        trace: trace.as_ref(),
        workload: workload.clone(),
        has_server: S::HAS_SERVER,
        chooses_place: S::placing(scenario).is_some(),
        binds_ids: S::binds_ids(scenario),
        admitted: scenario.network.node_rate.map(|_| Admitted::up_to(ADMITTED_MAX, places)),
        starts_per_turn: usize::MAX,
        knows_costs: true,
        is_logged: observers.log.is_some() || observers.tracer.is_some(),
        feed: feed.cloned(),
    };
    let mut director = Director::new(scenario, Share::WHOLE, setup);
    control::enter_members(&mut director, firsts, &interruption);
    if let Some(feed) = feed {
        feed.begin(<ProtocolOf<S>>::CLASSES, S::IS_RING);
    }
    director.add_away(scenario.nodes as usize - at_start, Time::ZERO);
    let with_host =
        |peer: &Peer| (peer.id, place_of(peer.address).map_or(0, |at| per_host.host_of(at)));
    let truth = workload.truth(members.iter().map(with_host), Time::ZERO);
    let mut judge = Judge::new(truth, scenario.workload.deadline);
    if let Some(mut log) = observers.log {
        for (id, host) in members.iter().map(with_host) {
            log.joined(Time::ZERO, id, host, true);
        }
        judge.log_to(log);
    }
    if observers.tracer.is_some() {
        judge.keep_ends();
    }
    if S::IS_RING {
        judge.judge_deaths(members.iter().map(|peer| peer.id), Time::ZERO);
    }
    let tracing = Tracing::new(observers.tracer.map(|tracer| tracer as &mut dyn Tracer));
    let mut control = Control::new(
        scenario,
        &interruption,
        progress,
        partition,
        director,
        judge,
        &network,
        tracing,
    );
    let shards: Vec<_> = (0..shards).map(|_| Mutex::new(None)).collect();
    let members = Mutex::new(members);
    let create = |index: usize| {
        let members = members.lock().clone();
        let mut shard = Shard::new(index, partition, system.clone(), network.clone(), scenario);
        shard.start_linked(&members, &interruption);
        if let Some(feed) = feed {
            shard.feed(feed.clone());
        }
        if is_checked && let Some(checker) = S::checker(scenario, &network, partition.places) {
            shard.check(checker);
        }
        shard
    };
    // The first round creates the shards, each later one runs a window.
    let run_round = |index: usize| {
        let mut shard = shards[index].lock();
        let Some(shard) = &mut *shard else {
            let mut created = create(index);
            exchange.send(index, &mut created);
            *shard = Some(created);
            return 1;
        };
        let window = exchange.receive(index, shard);
        let events = shard.run(window, &interruption);
        exchange.send(index, shard);
        events
    };
    let real = with_crew(threads, shards.len(), run_round, |lead| {
        lead.run_first();
        drop(mem::take(&mut *members.lock())); // With a million nodes it is large.
        if let Some(feed) = feed {
            feed.wait_for_viewer(|| interruption.is_requested());
        }
        let clock = WallClock::start();
        while let Some(window) = control.next_window(&exchange) {
            exchange.open(window);
            lead.run_round();
        }
        clock.elapsed().saturating_sub(control.held())
    });
    let members: Vec<u32> = control.members().collect();
    let numbers = control.lookups_end();
    let (mut tables, mut trace_digest, mut check) = (Tables::default(), 0_u64, None);
    let (mut costs, mut stored) = (Vec::new(), Contents::default());
    for mut shard in shards.into_iter().filter_map(Mutex::into_inner) {
        tables.merge(&shard.tables(&members));
        stored.merge(&shard.stored(control.now(), &members));
        trace_digest = trace_digest.wrapping_add(shard.digest());
        check = check.or(shard.findings(control.now()));
        costs::merge(&mut costs, &shard.costs_before(numbers));
    }
    let simulated = control.now().since(Time::ZERO);
    let (mut sums, mut judge, course) =
        control.finish(&exchange, threads, &costs).map_err(EngineError::Broken)?;
    (sums.tables, sums.stored) = (tables, stored);
    let events = sums.total.received;
    let mut measured = sums.measured::<S>(&mut judge, &workload, course);
    let simulation = Simulation { simulated, real, events, trace_digest, regime, check };
    measured.simulation = Some(simulation);
    measured.disturbances = network.disturbances().strikes().collect();
    measured.warnings.extend_from_slice(system.warnings());
    measured.warnings.extend(too_many_threads);
    Ok(measured)
}

/// Spare places for nodes that join before others have left.
fn spare_places(scenario: &Scenario, nodes: usize) -> usize {
    match scenario.churn.model {
        ChurnModel::Off => 0,
        _ => SPARE_PLACES + nodes / SPARE_SHARE,
    }
}

/// The lookups whose costs are kept at a time, if the rate is known.
fn lookups_kept(scenario: &Scenario) -> f64 {
    let per_s = scenario.workload.peak_per_s(scenario.nodes).unwrap_or(0.0);
    let length = control::costs_kept_for(scenario).min(memory::planned_length(scenario));
    per_s * length.as_secs_f64()
}

/// The lookups in flight at a time, at most: those that start while one is on its way there and back.
fn lookups_in_flight(scenario: &Scenario, network: &Network, per_host: NodesPerHost) -> f64 {
    if scenario.network.node_rate.is_some() {
        return ADMITTED_MAX as f64;
    }
    let per_s = match scenario.workload.load {
        Load::InFlight(count) => return f64::from(count),
        _ => scenario.workload.peak_per_s(scenario.nodes).unwrap_or(0.0),
    };
    let nodes = f64::from(scenario.nodes) * f64::from(per_host.count());
    let hops = nodes.log2() + 2.0;
    let delay = network.greatest_delay().unwrap_or(DELAY).as_secs_f64();
    per_s * (hops * delay).min(scenario.workload.deadline.as_secs_f64())
}

/// The nodes of so many hosts at the start, sorted by identifier. If each host runs one node, whose identifier
/// is free, nodes are in the places of their ranks.
fn initial_members<S: System>(
    scenario: &Scenario,
    workload: &S::Workload,
    hosts: usize,
    per_host: NodesPerHost,
) -> Result<Arc<Vec<Peer>>, String> {
    if S::binds_ids(scenario) {
        let mut members: Vec<Peer> =
            (0..hosts as u32).map(|place| Peer::of_address(address_of(place))).collect();
        members.sort_unstable_by_key(|peer| peer.id);
        return Ok(Arc::new(members));
    }
    let mut rng = Rng::new(scenario.seed, 0);
    let mut ids = S::initial_ids(scenario, workload, hosts, &mut rng)?;
    ids.sort_unstable();
    let peer = |(place, id): (u32, Id)| Peer { id, address: address_of(place) };
    let nodes = ids.into_iter().flat_map(|id| per_host.ids(id));
    let mut members: Vec<Peer> = (0..).zip(nodes).map(peer).collect();
    if !per_host.is_one() {
        members.sort_unstable_by_key(|peer| peer.id);
    }
    Ok(Arc::new(members))
}

/// The first nodes of hosts, in the order of their places.
fn first_nodes(members: &[Peer], per_host: NodesPerHost) -> Vec<Peer> {
    let is_first =
        |peer: &Peer| place_of(peer.address).is_some_and(|place| per_host.first_of(place) == place);
    let mut firsts: Vec<Peer> = members.iter().copied().filter(is_first).collect();
    firsts.sort_unstable_by_key(|peer| peer.address);
    firsts
}
