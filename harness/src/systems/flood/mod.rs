//! Flooding as a system: peers linked by a graph.
//!
//! **Invariant:** the graph at the start follows from the scenario and the seed.

pub mod graph;
mod section;

use std::sync::Arc;

use hopwise_kernel::flood::{self, Flood as FloodProtocol, FloodCodec, FloodConfig, FloodNode};
use hopwise_kernel::items::{Event, Holdings, Text, TransferConfig};
use hopwise_kernel::{Context, Id, Peer, Rng};

use self::graph::{EdgeList, Graph};
pub use self::section::{Flood, GraphModel, Strategy};
use crate::Scenario;
use crate::measure::growth::{Figure, Law};
use crate::plug::{NoChecker, NodeEvent, Setting, System};
use crate::scenario::Start;
use crate::systems::items::{holdings, item_event, items, transfers};
use crate::workload::ItemWorkload;
use crate::workload::items::Catalogue;
use crate::workload::items::Wanted;

/// The random generator of the graph. Generators 16 · n + 1 … 6 belong to directors and engines, 7
/// to the catalogue.
const STREAM: u64 = 8;

/// Peers that search by flooding or random walks.
#[derive(Clone, Debug)]
pub struct FloodSystem {
    graph: Arc<Graph>,
    catalogue: Arc<Catalogue>,
    config: Arc<FloodConfig>,
    transfers: Arc<TransferConfig>,
    warnings: Arc<[String]>,
}

impl System for FloodSystem {
    type Node = FloodNode;
    type Codec = FloodCodec;
    type Workload = ItemWorkload;
    type Checker = NoChecker;
    type Section = Flood;

    const NAME: &'static str = "flood";
    // Wehrle, Götz and Rieche, Distributed Hash Tables, 2005.
    const GROWTH: &'static [(Figure, Law)] =
        &[(Figure::StateMean, Law::Constant), (Figure::MessagesPerQuery, Law::Linear)];

    fn members_at_start(scenario: &Scenario) -> usize {
        match scenario.start {
            Start::Linked => scenario.nodes_at_start() as usize,
            // A joining peer finds as many neighbours as it wants.
            Start::Joined => {
                let first = wanted(scenario.section()) as usize + 1;
                first.min(scenario.nodes_at_start() as usize)
            }
        }
    }

    fn memory_needed_bytes(scenario: &Scenario, nodes: usize) -> u64 {
        let Some(items) = &scenario.items else { return 0 };
        let (config, transfers) = (Arc::new(config(scenario)), transfers(scenario, items));
        let holdings = Holdings::default();
        let node = FloodNode::new(Peer::default(), holdings, config, transfers, &mut Rng::light(0));
        (nodes * node.memory_bytes()) as u64
    }

    fn new(setting: &Setting<'_, ItemWorkload>) -> Result<FloodSystem, String> {
        let items = items(setting.scenario)?;
        let scenario = setting.scenario;
        let (graph, corrections) = graph(scenario, setting.members.len())?;
        let warnings = corrections.into_iter().chain(crowding(scenario));
        Ok(FloodSystem {
            graph: Arc::new(graph),
            warnings: warnings.collect(),
            catalogue: setting.workload.catalogue().clone(),
            config: Arc::new(config(scenario)),
            transfers: transfers(scenario, items),
        })
    }

    fn warnings(&self) -> &[String] {
        &self.warnings
    }

    fn node(&self, host: u32, peer: Peer, rng: &mut Rng) -> FloodNode {
        let holdings = holdings(&self.catalogue, host);
        FloodNode::new(peer, holdings, self.config.clone(), self.transfers.clone(), rng)
    }

    fn start_linked(
        &self,
        node: &mut FloodNode,
        cx: &mut Context<'_, FloodProtocol>,
        members: &[Peer],
        rank: usize,
    ) {
        let neighbors = self.graph.neighbors(rank).iter();
        let neighbors: Vec<Peer> = neighbors.map(|&rank| members[rank as usize]).collect();
        node.start_linked(cx, &neighbors);
    }

    fn join(&self, node: &mut FloodNode, cx: &mut Context<'_, FloodProtocol>, bootstraps: &[Peer]) {
        node.join(cx, bootstraps);
    }

    fn leave(&self, node: &mut FloodNode, cx: &mut Context<'_, FloodProtocol>) {
        node.leave(cx);
    }

    #[inline]
    fn ask(
        &self,
        node: &mut FloodNode,
        cx: &mut Context<'_, FloodProtocol>,
        wanted: Wanted,
        token: u64,
    ) -> bool {
        node.ask(cx, self.catalogue.query(wanted), token)
    }

    #[inline]
    fn node_event(event: Event, _payload: &[u8]) -> Option<NodeEvent<Option<(Text, Id)>>> {
        Some(item_event(event))
    }

    fn entries(&self, node: &FloodNode) -> usize {
        node.entries()
    }

    fn memory_bytes(&self, node: &FloodNode) -> usize {
        node.memory_bytes()
    }
}

/// The number of neighbours that a peer wants.
fn wanted(flood: &Flood) -> u16 {
    flood.degree.round().clamp(1.0, 1024.0) as u16
}

fn config(scenario: &Scenario) -> FloodConfig {
    let flood = scenario.section::<Flood>();
    FloodConfig {
        strategy: match flood.strategy {
            Strategy::Flood => flood::Strategy::Flood,
            Strategy::ExpandingRing => {
                flood::Strategy::ExpandingRing { round_wait: flood.round_wait }
            }
            Strategy::RandomWalk => flood::Strategy::RandomWalk {
                walkers: flood.walkers.min(u16::MAX.into()) as u16,
                check_every: flood.check_every,
            },
        },
        ttl: flood.ttl,
        walk_ttl: flood.walk_ttl,
        target_neighbors: wanted(flood),
        max_neighbors: 2 * wanted(flood) + 4,
        remember: flood.remember,
        max_searches: flood.remember_room,
        ping: Some(flood.ping),
        deadline: scenario.workload.deadline,
    }
}

/// The graph over members by rank, and a warning about corrections to it.
fn graph(scenario: &Scenario, members: usize) -> Result<(Graph, Option<String>), String> {
    let flood = scenario.section::<Flood>();
    let mut rng = Rng::new(scenario.seed, STREAM);
    match flood.graph {
        GraphModel::Random => Ok((Graph::random(members, flood.degree, &mut rng), None)),
        GraphModel::PowerLaw => Ok((Graph::power_law(members, flood.degree, &mut rng), None)),
        GraphModel::File => {
            let path = flood.file.as_deref().unwrap_or_default();
            let EdgeList { graph, loops, repeats, gaps } = EdgeList::load(path)?;
            if graph.nodes() != members {
                return Err(format!(
                    "nodes = {members} is not accepted: {path} has {} peers: write nodes = {}",
                    graph.nodes(),
                    graph.nodes(),
                ));
            }
            let corrections = format!(
                "{path}: dropped edges from a peer to itself ({loops}) and repeated edges \
                 ({repeats}), and skipped numbers that no edge uses ({gaps})"
            );
            Ok((graph, Some(corrections).filter(|_| loops + repeats + gaps > 0)))
        }
    }
}

/// Warns if peers may have to remember more searches than they have room for. A search can be in
/// twenty places: in a memory that is half full, one in some thousands finds them all taken; see
/// [`flood::seen`].
fn crowding(scenario: &Scenario) -> Option<String> {
    const FULL: f64 = 0.5;
    let rate_per_s = scenario.workload.peak_per_s(scenario.nodes)?;
    let section = scenario.section::<Flood>();
    // On average, a search is remembered for half of the resolution longer.
    let remembered = section.remember + flood::seen::RESOLUTION / 2;
    let searches = rate_per_s * remembered.as_secs_f64();
    let reaches_most = section.strategy != Strategy::RandomWalk;
    (reaches_most && searches > FULL * f64::from(section.remember_room)).then(|| {
        format!(
            "{searches:.0} searches are remembered at a time with flood.remember = {:?}; a peer that all of \
             them reach drops many, because flood.remember_room = {} should be at least twice as many",
            section.remember, section.remember_room,
        )
    })
}
