//! The UDP engine: nodes on real sockets, one thread per core.
//!
//! ```text
//!   control thread: bring-up, calibration, phases, judging, progress
//!        │ atomics            ▲ bounded queue of records
//!   ┌────┴─────┐ ┌────────────┴┐
//!   │ shard 0  │ │ shard 1 …   │   each: a reactor, a director and counters
//!   └──────────┘ └─────────────┘
//! ```
//!
//! **Invariant:** nothing is shared between shards on the way of a message.

mod calibrate;
mod control;
mod disturbed_nodes;
mod scan;
mod shard_driver;
mod shard_end;
mod shared;
mod tables;

use std::net::SocketAddrV4;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use hopwise_kernel::reactor::{BindError, Clock, Layout, Shard, Sockets, available_cores, pin_to};
use hopwise_kernel::store::Hosts;
use hopwise_kernel::{Id, Peer, Protocol, Rng};

use self::control::{Control, assemble};
use self::disturbed_nodes::DisturbedNodes;
use self::shard_driver::ShardDriver;
use self::shard_end::Conduct;
use self::shared::Shared;
use crate::Scenario;
use crate::churn::trace::Trace;
use crate::churn::{NodesPerHost, Share};
use crate::director::{Admitted, Agreement, Director, Setup};
use crate::engine::interruption::Interruption;
use crate::engine::memory::{self, Demand};
use crate::engine::planned_nodes::planned_nodes;
use crate::engine::totals::Sums;
use crate::live::Progress;
use crate::measure::provenance::available_bytes;
use crate::measure::{EngineError, Measured, Observers};
use crate::network::{Disturbances, Network};
use crate::plug::{ProtocolOf, Runner, Setting, System};
use crate::scenario::{Amount, ChurnModel, FaultKind, Sockets as SocketsKey};
use crate::workload::Workload;

/// Capacity for requests in flight per shard.
const REQUESTS: usize = 65_536;
/// Requests in flight reserved for each admitted lookup: at its origin, at the hops that have not been
/// acknowledged yet, and spare ones for maintenance. With fewer, a busy thread refuses to forward.
const REQUESTS_PER_LOOKUP: usize = 16;
/// The most lookups that a shard starts in one turn.
const STARTS_PER_TURN: usize = 512;
/// Room for a request in flight, and its timer.
const REQUEST_BYTES: u64 = 300;
/// The most nodes behind one socket.
const NODES_PER_SOCKET: usize = 65_535;
/// Spare places in each shard under churn, which is uneven.
const SPARE_PLACES: usize = 64;

/// The UDP engine.
#[derive(Clone, Copy, Debug, Default)]
pub struct UdpEngine;

impl Runner for UdpEngine {
    fn run_system<S: System>(
        &self,
        scenario: &Scenario,
        interrupts: &AtomicU32,
        progress: &Progress,
        observers: Observers<'_>,
    ) -> Result<Measured, EngineError> {
        let scenario = &scenario.with_swarms_drawn();
        let network = Network::on_top(&scenario.network).map_err(EngineError::Request)?;
        let network = network.with_disturbances(Disturbances::new(scenario));
        let clock = Clock::start();
        // Each thread needs at least one node besides the server.
        let at_start = scenario.nodes_at_start() as usize;
        let most_threads = (at_start - usize::from(S::HAS_SERVER)).max(1);
        let threads = scenario.thread_count().clamp(1, most_threads);
        let trace = Trace::of(scenario, threads).map_err(EngineError::Request)?.map(Arc::new);
        let per_host = S::nodes_per_host(scenario);
        let mut plan = Plan::new::<S>(scenario, threads, trace.as_deref())?;
        let mut rng = Rng::new(scenario.seed, 0);
        let most_nodes = plan.most_nodes * per_host.count() as usize;
        let without: &[u32] = if S::HAS_SERVER { &[0] } else { &[] };
        let workload = S::Workload::new(scenario, without).map_err(EngineError::Request)?;
        let workload = workload
            .with_replicas(S::replicas(scenario))
            .with_nodes_per_host(per_host, S::successors(scenario));
        let count = S::members_at_start(scenario);
        let ids = S::initial_ids(scenario, &workload, count, &mut rng);
        let (members, shares) =
            plan.initial_members(ids.map_err(EngineError::Request)?, S::binds_ids(scenario));
        let setting = Setting {
            scenario,
            most_nodes,
            hosts: if per_host.is_one() {
                Hosts::Nodes
            } else {
                Hosts::SlotBlocks(per_host.count() as u16)
            },
            members: &members,
            first: shares[0][0],
            workload: &workload,
        };
        let system = S::new(&setting).map_err(EngineError::Request)?;
        let members = Arc::new(members);
        let seeds = Arc::new(in_order_of_hosts(&shares));
        let shared = Arc::new(Shared::new(plan.threads));
        let agreement = Arc::new(Agreement::new(plan.threads));
        let cores = available_cores();

        let is_logged = observers.log.is_some();
        if let Some(feed) = progress.feed() {
            feed.expect(most_nodes);
            feed.begin(<ProtocolOf<S>>::CLASSES, S::IS_RING);
        }
        let mut handles = Vec::new();
        for (index, (sockets, share)) in
            std::mem::take(&mut plan.sockets).into_iter().zip(shares).enumerate()
        {
            let (scenario, shared, members) = (scenario.clone(), shared.clone(), members.clone());
            let system = system.clone();
            let workload = workload.clone();
            let network = network.clone();
            let core = cores[index % cores.len()];
            let capacity = plan.capacity;
            let node_capacity = capacity * per_host.count() as usize;
            let feed = progress.feed().cloned();
            let part = Share { index, of: plan.threads };
            let (trace, agreement, seeds) = (trace.clone(), agreement.clone(), seeds.clone());
            let to_join = part.part(at_start) - share.len() / per_host.count() as usize;
            let away = part.part(scenario.nodes as usize) - part.part(at_start);
            let run = move || -> std::io::Result<(Sums, Conduct)> {
                let pinned = !scenario.udp.pin || pin_to(core);
                let rng = Rng::new(scenario.seed, 16 * index as u64 + 5);
                let datagram = scenario.udp.datagram as usize;
                let mut shard: Shard<S::Node, S::Codec> =
                    Shard::new(sockets, node_capacity, REQUESTS, datagram, clock, rng)?;
                if !network.is_perfect() {
                    let mut rng = Rng::new(scenario.seed, 16 * index as u64 + 6);
                    // Delays do not depend on the hosts.
                    let network = network.clone();
                    shard.emulate(move |from, to| {
                        let (now, from, to) = (clock.now(), (from.id, 0), (to.id, 0));
                        let transit = network.fate(from, to, now, &mut rng);
                        network.disturbances().hold(transit, to.0, now)
                    });
                }
                let disturbances = network.disturbances();
                if disturbances.strike_nodes() {
                    shard.disturb_nodes(DisturbedNodes(disturbances.clone()));
                }
                let setup = Setup {
                    places: capacity,
                    per_host,
                    to_join,
                    agreement,
                    seeds,
                    trace: trace.as_deref(),
                    workload,
                    has_server: S::HAS_SERVER,
                    chooses_place: S::placing(&scenario).is_some(),
                    binds_ids: S::binds_ids(&scenario),
                    admitted: Some(Admitted::up_to(REQUESTS / REQUESTS_PER_LOOKUP, capacity)),
                    starts_per_turn: STARTS_PER_TURN,
                    knows_costs: false,
                    is_logged,
                    feed: feed.clone(),
                };
                let director = Director::new(&scenario, part, setup);
                let nodes = scenario.nodes as usize * per_host.count() as usize;
                let mut driver = ShardDriver::new(shared, index, system, director, nodes, per_host);
                driver.disturb(disturbances.clone());
                if let Some(feed) = feed {
                    driver.feed(feed);
                }
                driver.start_linked(&mut shard, &members, &share);
                driver.add_away(away, shard.now());
                shard.run(&mut driver)?;
                let sums = driver.sums(&shard);
                Ok((sums, Conduct { pinned, unjudged: driver.unjudged() }))
            };
            let handle = thread::Builder::new()
                .name(format!("shard-{index}"))
                .spawn(run)
                .map_err(|error| EngineError::Broken(format!("cannot start a thread: {error}")))?;
            handles.push(handle);
        }
        let interruption = Interruption::new(interrupts);
        let control = Control::<S> {
            scenario,
            shared: &shared,
            clock,
            interruption,
            progress,
            network: &network,
            workload: workload.clone(),
        };
        let watched = control.watch(&handles, observers.log);
        shared.stop.store(true, Ordering::Release);
        let mut ends = Vec::new();
        for handle in handles {
            let end = handle
                .join()
                .map_err(|_| EngineError::Broken("a shard's thread panicked".into()))?
                .map_err(|error| EngineError::Broken(format!("a shard stopped: {error}")))?;
            ends.push(end);
        }
        let mut measured = assemble::<S>(watched?, &shared, &workload, ends);
        measured.warnings.extend_from_slice(system.warnings());
        measured.disturbances = network.disturbances().strikes().collect();
        Ok(measured)
    }
}

/// The members at the start, which shard by shard are in their places, in the order of their hosts.
fn in_order_of_hosts(shares: &[Vec<Peer>]) -> Vec<Peer> {
    let places = shares.iter().map(Vec::len).max().unwrap_or(0);
    let at = |place| shares.iter().filter_map(move |share| share.get(place).copied());
    (0..places).flat_map(at).collect()
}

/// The division of hosts and sockets among threads.
struct Plan {
    threads: usize,
    per_host: NodesPerHost,
    sockets: Vec<Sockets>,
    /// Places for hosts in each shard.
    capacity: usize,
    /// The most hosts at a time by plan.
    most_nodes: usize,
}

impl Plan {
    fn new<S: System>(
        scenario: &Scenario,
        threads: usize,
        trace: Option<&Trace>,
    ) -> Result<Plan, EngineError> {
        let uneven = if scenario.churn.model == ChurnModel::Off { 0 } else { SPARE_PLACES };
        let most_nodes = planned_nodes(scenario, trace, threads);
        let fractions = scenario.faults.iter().filter(|fault| {
            fault.kind == FaultKind::Join && matches!(fault.amount, Amount::Fraction(_))
        });
        // Each may bring one node more to some threads than to others.
        let capacity = most_nodes.div_ceil(threads) + uneven + fractions.count();
        let per_host = S::nodes_per_host(scenario);
        let demand = Demand {
            places: (capacity * threads) as u64,
            per_host,
            growth: 0,
            // Others are refused at their origins.
            lookups: (threads * REQUESTS / REQUESTS_PER_LOOKUP) as f64,
            kept: 0.0,
            fixed_bytes: threads as u64 * REQUESTS as u64 * REQUEST_BYTES,
        };
        let nodes_bytes = |nodes| S::memory_needed_bytes(scenario, nodes);
        memory::check(scenario, &demand, nodes_bytes, available_bytes())?;
        let layout = match scenario.udp.sockets {
            SocketsKey::PerCore => Layout::PerCore,
            SocketsKey::PerNode => Layout::PerNode,
        };
        let nodes = capacity * per_host.count() as usize;
        if layout == Layout::PerCore && nodes > NODES_PER_SOCKET {
            return Err(EngineError::Request(format!(
                "{capacity} hosts of {} nodes each on one socket, but it takes {NODES_PER_SOCKET} nodes: \
                 write fewer nodes, a lower ring.virtual_nodes or more threads",
                per_host.count()
            )));
        }
        let per_shard = if layout == Layout::PerCore { 1 } else { nodes };
        let request = |error: BindError| EngineError::Request(error.to_string());
        Sockets::check_limit(layout, (per_shard * threads) as u64).map_err(request)?;
        let mut sockets = Vec::new();
        for index in 0..threads {
            let port = match scenario.udp.bind.port() {
                0 => 0,
                port => port + (index * per_shard) as u16,
            };
            let first = SocketAddrV4::new(*scenario.udp.bind.ip(), port);
            sockets.push(Sockets::bind(layout, first, nodes).map_err(request)?);
        }
        Ok(Plan { threads, per_host, sockets, capacity, most_nodes })
    }

    /// Distributes the hosts at the start, whose first nodes have these identifiers, or those that belong to
    /// their addresses. Returns all nodes, sorted by identifier, and those of each shard, by place.
    fn initial_members(&self, ids: Vec<Id>, binds_ids: bool) -> (Vec<Peer>, Vec<Vec<Peer>>) {
        let (count, mut ids) = (ids.len(), ids.into_iter());
        let mut shares = Vec::new();
        for (shard, sockets) in self.sockets.iter().enumerate() {
            let part = Share { index: shard, of: self.threads }.part(count);
            let nodes = ids.by_ref().take(part).flat_map(|id| self.per_host.ids(id));
            let peer = |(place, id)| {
                let address = sockets.address_of(place);
                if binds_ids { Peer::of_address(address) } else { Peer { id, address } }
            };
            shares.push((0..).zip(nodes).map(peer).collect::<Vec<Peer>>());
        }
        let mut all: Vec<Peer> = shares.concat();
        all.sort_unstable_by_key(|peer| peer.id);
        (all, shares)
    }
}
