//! The ring with references to items as a system.
//!
//! **Invariant:** the ring beneath is that of [`RingSystem`], configured alike.

use std::sync::Arc;

use hopwise_kernel::items::{IndexLimits, RegistrarConfig};
use hopwise_kernel::store::{StoreConfig, StoreNode};
use hopwise_kernel::{Context, Peer, Rng, Time};

use super::ring::{self, RingChecker, RingSystem};
use super::sharing::{ROUNDS_OF_LIFE, copies, items, publishing, sharing, shelf};
use crate::Scenario;
use crate::measure::outcome::Check;
use crate::network::Network;
use crate::plug::{Checker, Setting, System};
use crate::scenario::Items;
use crate::workload::Question;
use crate::workload::items::Catalogue;

/// Holders of one name that its owner keeps, the freshest.
const HOLDERS_KEPT: u32 = 16;

/// The ring, whose nodes keep references to items.
#[derive(Clone, Debug)]
pub struct StoreSystem {
    catalogue: Arc<Catalogue>,
    config: Arc<StoreConfig>,
}

impl System for StoreSystem {
    type Node = StoreNode;
    type Checker = StoreChecker;

    fn members_at_start(scenario: &Scenario) -> usize {
        RingSystem::members_at_start(scenario)
    }

    fn memory_needed_bytes(scenario: &Scenario, nodes: usize) -> u64 {
        let Some(items) = &scenario.items else { return 0 };
        let config = Arc::new(config(scenario, items, nodes));
        let shelf = hopwise_kernel::items::Shelf::default();
        let node = StoreNode::new(Peer::default(), shelf, config, &mut Rng::light(0));
        (nodes * node.memory_bytes()) as u64
    }

    fn new(setting: &Setting<'_>) -> Result<StoreSystem, String> {
        let (items, catalogue) = items(setting)?;
        let config = config(setting.scenario, items, setting.most_nodes);
        Ok(StoreSystem { catalogue: catalogue.clone(), config: Arc::new(config) })
    }

    fn node(&self, host: u32, peer: Peer, rng: &mut Rng) -> StoreNode {
        StoreNode::new(peer, shelf(&self.catalogue, host), self.config.clone(), rng)
    }

    fn start_linked(
        &self,
        node: &mut StoreNode,
        cx: &mut Context<'_>,
        members: &[Peer],
        _rank: usize,
    ) {
        node.start_linked(cx, members);
    }

    fn join(&self, node: &mut StoreNode, cx: &mut Context<'_>, bootstrap: Peer) {
        node.join(cx, bootstrap);
    }

    fn leave(&self, node: &mut StoreNode, cx: &mut Context<'_>) {
        node.leave(cx);
    }

    fn ask(
        &self,
        node: &mut StoreNode,
        cx: &mut Context<'_>,
        question: Question,
        token: u64,
    ) -> bool {
        match question {
            Question::Key(key) => node.lookup(cx, key, token),
            Question::Item(wanted) => node.ask(cx, self.catalogue.query(wanted), token),
        }
    }

    fn entries(&self, node: &StoreNode) -> usize {
        node.entries()
    }

    fn memory_bytes(&self, node: &StoreNode) -> usize {
        node.memory_bytes()
    }

    fn checker(scenario: &Scenario, network: &Network, places: u32) -> Option<StoreChecker> {
        RingSystem::checker(scenario, network, places).map(StoreChecker)
    }
}

/// Checks the ring below.
#[derive(Debug)]
pub struct StoreChecker(RingChecker);

impl Checker<StoreNode> for StoreChecker {
    #[inline]
    fn time_is(&mut self, now: Time) {
        self.0.time_is(now);
    }

    #[inline]
    fn look(&mut self, now: Time, place: u32, node: Option<&StoreNode>) {
        self.0.look(now, place, node.map(StoreNode::ring));
    }

    fn findings(self, now: Time) -> Check {
        self.0.findings(now)
    }
}

fn config(scenario: &Scenario, items: &Items, nodes: usize) -> StoreConfig {
    let replicas = scenario.ring.replicas.clamp(1, 16) as u8;
    StoreConfig {
        ring: Arc::new(ring::config(scenario, nodes)),
        sharing: sharing(scenario, items),
        registrar: RegistrarConfig {
            limits: limits(items, replicas, scenario.nodes),
            lifetime: items.refresh * ROUNDS_OF_LIFE,
        },
        publishing: publishing(items),
        replicas,
    }
}

/// Room for what one node may come to keep. Arcs of a ring are about exponential: the longest of N
/// is ln N times the mean, and seldom a few more.
fn limits(items: &Items, replicas: u8, nodes: u32) -> IndexLimits {
    const MEANS_BEYOND: f64 = 4.0;
    const AT_LEAST: f64 = 64.0;
    let most = (f64::from(nodes).ln() + MEANS_BEYOND) * f64::from(replicas) / f64::from(nodes);
    let names = (f64::from(items.population) * most + AT_LEAST).min(f64::from(items.population));
    let per_name = (copies(items) / f64::from(items.population)).min(f64::from(HOLDERS_KEPT));
    IndexLimits {
        names: names.ceil() as u32,
        entries: (names * per_name).ceil() as u32,
        entries_per_name: HOLDERS_KEPT,
    }
}
