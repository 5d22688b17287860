//! The central index as a system: a server at host 0 and peers at all other hosts.
//!
//! **Invariant:** to an engine the server is a node like any other. It starts no lookups and is never
//! chosen at random.

use std::sync::Arc;

use hopwise_kernel::central::{Central, CentralCodec, CentralConfig, CentralNode};
use hopwise_kernel::items::{Event, Holdings, IndexLimits, ResponderConfig, Text};
use hopwise_kernel::{Context, Id, Peer, Rng};

use super::items::{ROUNDS_OF_LIFE, copies, holdings, item_event, items, publishing, transfers};
use crate::Scenario;
use crate::measure::growth::{Figure, Law};
use crate::plug::{NoChecker, NodeEvent, Setting, System};
use crate::scenario::Items;
use crate::workload::ItemWorkload;
use crate::workload::items::Catalogue;
use crate::workload::items::Wanted;

/// A server that indexes the items of all peers, and the peers.
#[derive(Clone, Debug)]
pub struct CentralSystem {
    server: Peer,
    catalogue: Arc<Catalogue>,
    config: Arc<CentralConfig>,
}

impl System for CentralSystem {
    type Node = CentralNode;
    type Codec = CentralCodec;
    type Workload = ItemWorkload;
    type Checker = NoChecker;
    type Section = ();

    const NAME: &'static str = "central";
    const HAS_SERVER: bool = true;
    // Wehrle, Götz and Rieche, Distributed Hash Tables, 2005.
    const GROWTH: &'static [(Figure, Law)] =
        &[(Figure::StateMax, Law::Linear), (Figure::MessagesPerQuery, Law::Constant)];

    fn memory_needed_bytes(scenario: &Scenario, nodes: usize) -> u64 {
        let Some(items) = &scenario.items else { return 0 };
        let (rng, config) = (&mut Rng::light(0), config(scenario, items));
        let (nobody, holdings) = (Peer::default(), Holdings::default());
        let server = CentralNode::server(nobody, config.clone(), rng).memory_bytes();
        let peer = CentralNode::peer(nobody, nobody, holdings, config, rng).memory_bytes();
        (server + nodes * peer) as u64
    }

    fn new(setting: &Setting<'_, ItemWorkload>) -> Result<CentralSystem, String> {
        let items = items(setting.scenario)?;
        Ok(CentralSystem {
            server: setting.first,
            catalogue: setting.workload.catalogue().clone(),
            config: config(setting.scenario, items),
        })
    }

    fn node(&self, host: u32, peer: Peer, rng: &mut Rng) -> CentralNode {
        if host == 0 {
            return CentralNode::server(peer, self.config.clone(), rng);
        }
        let holdings = holdings(&self.catalogue, host);
        CentralNode::peer(peer, self.server, holdings, self.config.clone(), rng)
    }

    fn start_linked(
        &self,
        node: &mut CentralNode,
        cx: &mut Context<'_, Central>,
        _members: &[Peer],
        _rank: usize,
    ) {
        node.start_linked(cx);
    }

    fn join(&self, node: &mut CentralNode, cx: &mut Context<'_, Central>, _bootstraps: &[Peer]) {
        node.join(cx);
    }

    fn leave(&self, node: &mut CentralNode, cx: &mut Context<'_, Central>) {
        node.leave(cx);
    }

    fn ask(
        &self,
        node: &mut CentralNode,
        cx: &mut Context<'_, Central>,
        wanted: Wanted,
        token: u64,
    ) -> bool {
        node.ask(cx, self.catalogue.query(wanted), token)
    }

    fn node_event(event: Event, _payload: &[u8]) -> Option<NodeEvent<Option<(Text, Id)>>> {
        Some(item_event(event))
    }

    fn entries(&self, node: &CentralNode) -> usize {
        node.entries()
    }

    fn memory_bytes(&self, node: &CentralNode) -> usize {
        node.memory_bytes()
    }
}

fn config(scenario: &Scenario, items: &Items) -> Arc<CentralConfig> {
    // The server has room for all items of all peers.
    let limits = IndexLimits {
        names: items.population,
        entries: copies(items) as u32,
        entries_per_name: scenario.nodes.max(1),
    };
    Arc::new(CentralConfig {
        transfers: transfers(scenario, items),
        responder: ResponderConfig { limits, lifetime: items.refresh * ROUNDS_OF_LIFE },
        publishing: publishing(items),
        deadline: scenario.workload.deadline,
    })
}
