//! A store of values on top of any system that routes.
//!
//! **Invariant:** the system below is configured as it is without a store.

use std::sync::{Arc, OnceLock};

use hopwise_kernel::codec::Body;
use hopwise_kernel::node::{EventOf, Secret};
use hopwise_kernel::store::{
    self, Change, Condition, Hosts, Lifetime, MAX_REPLICAS, Name, REFERENCE_BYTES, ReadOutcome,
    Reference, StoreCodec, StoreConfig, StoreCounts, StoreLimits, StoreNode,
    Stored as StoredProtocol, Version, Write, WriteOutcome, is_holder,
};
use hopwise_kernel::{Context, Id, Node as _, Peer, Rng, Router, Time};

use super::arcs::{in_order, within};
use super::items::timeout;
use super::place;
use super::room::keys_of_one_node;
use super::router_checker::RouterChecker;
use crate::Scenario;
use crate::churn::NodesPerHost;
use crate::measure::growth::{Figure, Law};
use crate::measure::stored::{Contents, NodeLoad};
use crate::network::Network;
use crate::plug::{Halves, Neighborhood, NodeEvent, Placing, ProtocolOf, Setting, System};
use crate::scenario::{Store, StoreKind};
use crate::workload::values::value::{content_of, fill};
use crate::workload::values::{Act, Answer, PRELOADED, Question, initial_stamp, key_of};
use crate::workload::{ValueWorkload, Workload};

/// The epoch lies this long before the start, so that no version of the run is as low as [`PRELOADED`].
const START_US: u64 = 1_000_000;
/// Copies are looked for on nodes this many mean arcs after their keys. None belongs farther away.
const ARCS: u64 = 32;
/// Values being overwritten for which a small node has room, and a large one for a quarter of its items.
const OVERWRITTEN: u32 = 8;
/// A node has room for the values of so many times the keys that it may own, and for this many at least.
const WRITTEN_SHARES: u32 = 4;
const WRITTEN_MIN: u32 = 256;
/// The longest value.
const VALUE_MAX: usize = store::MAX_VALUE;

/// The system `S` with a store.
#[derive(Clone, Debug)]
pub struct Stored<S> {
    router: S,
    workload: ValueWorkload,
    config: Arc<StoreConfig>,
    placing: Option<Placing>,
    /// The number of nodes after an owner among which it chooses holders.
    successors: usize,
    value_bytes: usize,
    kind: StoreKind,
    /// The keys that have a value from the start, in the order of their identifiers.
    preloaded: Arc<Vec<(Id, u32)>>,
    /// All keys at the end of the run, in the order of their identifiers.
    all: Arc<OnceLock<Vec<(Id, u32)>>>,
}

/// The protocol of a store over `S`.
type ProtocolOver<S> = StoredProtocol<ProtocolOf<S>>;

impl<S: System> System for Stored<S>
where
    S::Node: Router,
    ProtocolOf<S>: Body,
{
    type Node = StoreNode<S::Node>;
    type Codec = StoreCodec<ProtocolOf<S>>;
    type Workload = ValueWorkload;
    type Checker = RouterChecker<S, StoreNode<S::Node>>;
    type Section = S::Section;

    const NAME: &'static str = S::NAME;
    const IS_RING: bool = S::IS_RING;
    const STORES: bool = true;
    const GROWTH: &'static [(Figure, Law)] = S::GROWTH;

    fn nodes_per_host(scenario: &Scenario) -> NodesPerHost {
        S::nodes_per_host(scenario)
    }

    fn members_at_start(scenario: &Scenario) -> usize {
        S::members_at_start(scenario)
    }

    fn memory_needed_bytes(scenario: &Scenario, nodes: usize) -> u64 {
        let Some(store) = &scenario.store else { return 0 };
        let config = config::<S>(scenario, store, &mut Rng::light(0));
        let beside = StoreNode::<S::Node>::memory_beside_router(&config);
        S::memory_needed_bytes(scenario, nodes) + (nodes * beside) as u64
    }

    fn new(setting: &Setting<'_, ValueWorkload>) -> Result<Stored<S>, String> {
        let &Setting { scenario, most_nodes, hosts, members, first, workload } = setting;
        let Some(store) = &scenario.store else {
            return Err("there are no values to store: write a [store] section".to_owned());
        };
        let keys = S::Workload::new(scenario, &[])?;
        let below = Setting { scenario, most_nodes, hosts, members, first, workload: &keys };
        let preloaded = if store.preload { store.population } else { 0 };
        Ok(Stored {
            router: S::new(&below)?,
            workload: workload.clone(),
            config: Arc::new(StoreConfig {
                hosts,
                ..config::<S>(scenario, store, &mut Rng::new(scenario.seed, 7))
            }),
            placing: S::placing(scenario),
            successors: S::successors(scenario) as usize,
            value_bytes: store.value_bytes as usize,
            kind: store.kind,
            preloaded: Arc::new(in_order(preloaded)),
            all: Arc::default(),
        })
    }

    fn warnings(&self) -> &[String] {
        self.router.warnings()
    }

    fn node(&self, host: u32, peer: Peer, rng: &mut Rng) -> Self::Node {
        StoreNode::new(self.router.node(host, peer, rng), self.config.clone())
    }

    fn start_linked(
        &self,
        node: &mut Self::Node,
        cx: &mut Context<'_, ProtocolOver<S>>,
        members: &[Peer],
        rank: usize,
    ) {
        let mut value = [0; VALUE_MAX];
        let value = &mut value[..self.value_bytes];
        for (after, until) in self.arcs_kept(members, rank) {
            for &(id, key) in within(&self.preloaded, after, until).into_iter().flatten() {
                let stamp = initial_stamp(key);
                fill(stamp, value);
                let provider = members[key as usize % members.len()];
                let reference = Reference { provider, serial: stamp }.to_bytes();
                let value = match self.kind {
                    StoreKind::Direct => &*value,
                    StoreKind::Reference => &reference,
                };
                node.preload(cx.now, Name::value(id), PRELOADED, value);
            }
        }
        if self.kind == StoreKind::Reference {
            for key in (rank..self.preloaded.len()).step_by(members.len()) {
                let stamp = initial_stamp(key as u32);
                fill(stamp, value);
                node.preload_provided(cx.now, key_of(key as u32), stamp, value);
            }
        }
        node.with_router(cx, |router, cx| self.router.start_linked(router, cx, members, rank));
    }

    fn join(
        &self,
        node: &mut Self::Node,
        cx: &mut Context<'_, ProtocolOver<S>>,
        bootstraps: &[Peer],
    ) {
        node.with_router(cx, |router, cx| self.router.join(router, cx, bootstraps));
    }

    fn placing(scenario: &Scenario) -> Option<Placing> {
        S::placing(scenario)
    }

    fn binds_ids(scenario: &Scenario) -> bool {
        S::binds_ids(scenario)
    }

    fn choose_place(
        &self,
        node: &mut Self::Node,
        cx: &mut Context<'_, ProtocolOver<S>>,
        bootstraps: &[Peer],
    ) {
        match self.placing {
            Some(Placing { halves: Halves::MostItems, samples }) => {
                node.choose_place(cx, bootstraps, samples);
            }
            _ => {
                node.with_router(cx, |router, cx| self.router.choose_place(router, cx, bootstraps))
            }
        }
    }

    fn initial_ids(
        scenario: &Scenario,
        workload: &ValueWorkload,
        count: usize,
        rng: &mut Rng,
    ) -> Result<Vec<Id>, String> {
        match S::placing(scenario) {
            Some(Placing { halves: Halves::MostItems, samples }) => {
                let keys = in_order(workload.keys());
                Ok(place::halving_fullest(count, samples, &keys, rng))
            }
            _ => S::initial_ids(scenario, &S::Workload::new(scenario, &[])?, count, rng),
        }
    }

    fn leave(&self, node: &mut Self::Node, cx: &mut Context<'_, ProtocolOver<S>>) {
        node.leave(cx, |router, cx| self.router.leave(router, cx));
    }

    fn ask(
        &self,
        node: &mut Self::Node,
        cx: &mut Context<'_, ProtocolOver<S>>,
        Question { key, act }: Question,
        token: u64,
    ) -> bool {
        let name = Name::value(key_of(key));
        let (stamp, condition) = match act {
            Act::Read | Act::Modify { .. } => {
                return match self.kind {
                    StoreKind::Direct => node.read(cx, name, token),
                    StoreKind::Reference => node.fetch(cx, name.key, token),
                };
            }
            Act::Write { stamp } => (stamp, Condition::Always),
            Act::Replace { stamp, version } => {
                (stamp, version.map_or(Condition::Absent, Condition::Version))
            }
        };
        let mut value = [0; VALUE_MAX];
        let value = &mut value[..self.value_bytes];
        fill(stamp, value);
        let (change, lifetime) = (Change::Put, Lifetime::Default);
        let write = Write { name, change, condition, lifetime, tag: 0 };
        match self.kind {
            StoreKind::Direct => node.write(cx, &write, value, token),
            StoreKind::Reference => node.publish(cx, &write, value, token),
        }
    }

    fn node_event(event: EventOf<ProtocolOver<S>>, payload: &[u8]) -> Option<NodeEvent<Answer>> {
        let (token, answer, hops, timeouts) = match event {
            store::Event::Read(end) => {
                let answer = match end.outcome {
                    ReadOutcome::Found { version, .. } => {
                        Answer::Found { content: content_of(payload), version }
                    }
                    ReadOutcome::Absent => Answer::Absent,
                    ReadOutcome::NotProvided { version, provider } => {
                        Answer::NotProvided { version, provider: provider.map(|peer| peer.id) }
                    }
                    ReadOutcome::Refused(refusal) => Answer::Refused(refusal),
                };
                (end.token, answer, end.hops, end.timeouts)
            }
            store::Event::Wrote(end) => {
                let answer = match end.outcome {
                    WriteOutcome::Done { version, .. } => Answer::Written { version },
                    WriteOutcome::ConditionFailed { .. } => Answer::ConditionFailed,
                    WriteOutcome::Refused(refusal) => Answer::Refused(refusal),
                    WriteOutcome::Unknown { .. } => Answer::Unknown,
                };
                (end.token, answer, end.hops, end.timeouts)
            }
            store::Event::Router(event) => {
                return S::node_event(event, payload)?.beside_questions();
            }
            store::Event::Placed { id } => return Some(NodeEvent::Placed { id }),
            store::Event::Arrived { took, .. } => return Some(NodeEvent::Arrived { took }),
            store::Event::Listed(_) | store::Event::LookupEnded(_) => return None,
        };
        let (hops, timeouts) = (hops.into(), timeouts.into());
        Some(NodeEvent::Answered { token, answer, hops, timeouts, under_suspicion: false })
    }

    fn replicas(scenario: &Scenario) -> u32 {
        S::replicas(scenario).clamp(1, MAX_REPLICAS as u32)
    }

    fn successors(scenario: &Scenario) -> u32 {
        S::successors(scenario)
    }

    fn entries(&self, node: &Self::Node) -> usize {
        self.router.entries(node.router()) + (node.items() + node.provided()) as usize
    }

    fn store_counts(&self, node: &Self::Node) -> StoreCounts {
        node.counts()
    }

    fn add_stored(&self, node: &Self::Node, now: Time, live: usize, contents: &mut Contents) {
        let StoreCounts { reads, writes, fetches, .. } = node.counts();
        contents.add(NodeLoad {
            items: (node.items() + node.provided()).into(),
            bytes: (node.bytes() + node.provided_bytes()).into(),
            requests: reads + writes + fetches,
        });
        let all = self.all.get_or_init(|| in_order(self.workload.keys()));
        let id = node.peer().id;
        let keys = match ARCS.checked_mul(u64::MAX / live.max(1) as u64) {
            Some(reach) => {
                let from = id.prefix().wrapping_sub(reach);
                within(all, Id::from_parts(from, Id::ZERO.tail()), id)
            }
            None => [&all[..], &[]],
        };
        for &(id, key) in keys.into_iter().flatten() {
            let version = node.version_of(now, Name::value(id));
            contents.hold(key, version.unwrap_or(Version::NONE));
        }
    }

    fn neighborhood<'a>(&self, node: &'a Self::Node) -> Option<Neighborhood<'a>> {
        self.router.neighborhood(node.router())
    }

    fn memory_bytes(&self, node: &Self::Node) -> usize {
        self.router.memory_bytes(node.router()) + node.memory_bytes()
    }

    fn checker(scenario: &Scenario, network: &Network, places: u32) -> Option<Self::Checker> {
        let below = S::checker(scenario, network, places)?;
        Some(RouterChecker::new(below, StoreNode::router))
    }
}

impl<S> Stored<S> {
    /// The arcs whose keys the member at `rank` keeps at the start, each from after one member until
    /// another: those that it owns, and those whose owner has it for a holder.
    fn arcs_kept(&self, members: &[Peer], rank: usize) -> Vec<(Id, Id)> {
        let count = members.len();
        let member = |steps: usize| members[(rank + count - steps % count) % count];
        let (replicas, hosts, me) = (self.config.replicas(), self.config.hosts, members[rank]);
        if hosts == Hosts::Nodes {
            // The keys of the members before it are all on one arc.
            let after = if count <= replicas { me } else { member(replicas) };
            return vec![(after.id, me.id)];
        }
        let mut arcs = vec![(member(1).id, me.id)];
        for steps in 1..=self.successors.min(count - 1) {
            let next: Vec<Peer> = (1..=self.successors.min(count - 1))
                .map(|after| members[(rank + count - steps + after) % count])
                .collect();
            if is_holder(me, member(steps), replicas, hosts, &next) {
                arcs.push((member(steps + 1).id, member(steps).id));
            }
        }
        arcs
    }
}

fn config<S: System>(scenario: &Scenario, store: &Store, rng: &mut Rng) -> StoreConfig {
    let replicas = S::replicas(scenario).clamp(1, MAX_REPLICAS as u32) as u8;
    let nodes = scenario.nodes.saturating_mul(S::nodes_per_host(scenario).count());
    let defaults = StoreConfig { secret: Secret::random(rng), ..StoreConfig::default() };
    StoreConfig {
        replicas,
        hosts: Hosts::Nodes,
        limits: limits(store, arcs::<S>(scenario, replicas), nodes),
        provided: provided_limits(store, nodes),
        lifetime: store.lifetime,
        deadline: scenario.workload.deadline,
        timeout: timeout(scenario),
        popular_reads_per_s: (store.popular_reads_per_s > 0).then_some(store.popular_reads_per_s),
        repair: store.repair,
        repair_bytes_per_s: store.repair_bytes_per_s,
        start_us: START_US,
        ..defaults
    }
}

/// The number of arcs whose keys a node keeps, at most. If hosts are nodes, those of `replicas` owners.
/// Otherwise an owner passes over nodes of the same host. The chance that d nodes in a row are on fewer
/// than r of H hosts is at most C(H, r - 1) ((r - 1) / H)^d.
fn arcs<S: System>(scenario: &Scenario, replicas: u8) -> u8 {
    const SELDOM: f64 = 1e-6;
    if S::nodes_per_host(scenario).is_one() {
        return replicas;
    }
    let most = S::successors(scenario).clamp(replicas.into(), u8::MAX.into());
    let (hosts, others) = (f64::from(scenario.nodes), f64::from(replicas) - 1.0);
    if others < 1.0 || hosts <= others {
        return if others < 1.0 { 1 } else { most as u8 };
    }
    let choices: f64 =
        (0..replicas - 1).map(|i| (hosts - f64::from(i)) / f64::from(i + 1)).product();
    let passed_over = (SELDOM / choices).ln() / (others / hosts).ln();
    passed_over.ceil().clamp(replicas.into(), most.into()) as u8
}

/// The room of one node: as the scenario says, or as the population needs on so many `arcs`.
fn limits(store: &Store, arcs: u8, nodes: u32) -> StoreLimits {
    let growth = if store.operations.inserts() { 2 } else { 1 };
    let needed = || growth * keys_of_one_node(store.population, arcs, nodes).max(1);
    let items = store.node_items.unwrap_or_else(needed);
    // While an item is overwritten, its old value is there beside the new one.
    let values = items.saturating_add(items / 4 + OVERWRITTEN);
    let value_bytes = match store.kind {
        StoreKind::Direct => store.value_bytes,
        StoreKind::Reference => REFERENCE_BYTES as u32,
    };
    let bytes = store.node_bytes.unwrap_or(values.saturating_mul(value_bytes));
    StoreLimits { items, bytes }
}

/// The room of one node for the values that it writes. It keeps a value also if another node overwrites
/// the key, so it may need several times its share of the keys.
fn provided_limits(store: &Store, nodes: u32) -> Option<StoreLimits> {
    let most = store.population.saturating_mul(if store.operations.inserts() { 2 } else { 1 });
    let share = || keys_of_one_node(store.population, 1, nodes).max(1);
    let needed = || share().saturating_mul(WRITTEN_SHARES).max(WRITTEN_MIN).min(most);
    let items = store.node_items.unwrap_or_else(needed);
    let values = items.saturating_add(items / 4 + OVERWRITTEN);
    let bytes = store.node_bytes.unwrap_or(values.saturating_mul(store.value_bytes));
    (store.kind == StoreKind::Reference).then_some(StoreLimits { items: values, bytes })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_has_room_for_its_share_and_for_new_keys() {
        use crate::scenario::Operations;
        let store = Store { population: 1024, ..Store::default() };
        let few = limits(&store, 3, 1024);
        // Of three arcs with 1.5 keys each on average.
        assert!((25..40).contains(&few.items), "{few:?}");
        assert_eq!(few.bytes, (few.items + few.items / 4 + OVERWRITTEN) * 100);
        let growing = Store { operations: Operations::YcsbD, ..store.clone() };
        assert_eq!(limits(&growing, 3, 1024).items, 2 * few.items);
        assert_eq!(provided_limits(&store, 1024), None);
        let kept = Store { kind: StoreKind::Reference, ..store.clone() };
        assert_eq!(limits(&kept, 3, 1024).items, few.items);
        assert!(limits(&kept, 3, 1024).bytes < few.bytes, "references are shorter");
        let own = provided_limits(&kept, 1024).expect("nodes keep values");
        assert!(own.items >= WRITTEN_MIN && own.bytes == 100 * own.items, "{own:?}");
        let set = Store { node_items: Some(7), node_bytes: Some(99), ..store };
        assert_eq!(limits(&set, 3, 1024), StoreLimits { items: 7, bytes: 99 });
    }
}
