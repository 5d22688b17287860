//! The central index as a system: a server at host 0, and peers at all others.
//!
//! **Invariant:** the server is a node like any other to its engine; only who is asked and who is
//! chosen at random leaves it out.

use std::sync::Arc;

use hopwise_kernel::central::{CentralConfig, CentralNode};
use hopwise_kernel::items::{IndexLimits, RegistrarConfig};
use hopwise_kernel::{Context, Peer, Rng};

use super::sharing::{ROUNDS_OF_LIFE, copies, items, publishing, sharing, shelf};
use crate::Scenario;
use crate::plug::{NoChecker, Setting, System};
use crate::scenario::{Items, Start};
use crate::workload::Question;
use crate::workload::items::Catalogue;

/// One server that knows who has what, and its peers.
#[derive(Clone, Debug)]
pub struct CentralSystem {
    server: Peer,
    catalogue: Arc<Catalogue>,
    config: Arc<CentralConfig>,
}

impl System for CentralSystem {
    type Node = CentralNode;
    type Checker = NoChecker;

    const HAS_SERVER: bool = true;

    fn members_at_start(scenario: &Scenario) -> usize {
        match scenario.start {
            Start::Linked => scenario.nodes as usize,
            Start::Joined => 1,
        }
    }

    fn memory_needed_bytes(scenario: &Scenario, nodes: usize) -> u64 {
        let Some(items) = &scenario.items else { return 0 };
        let (rng, config) = (&mut Rng::light(0), config(scenario, items));
        let (nobody, shelf) = (Peer::default(), hopwise_kernel::items::Shelf::default());
        let server = CentralNode::server(nobody, config.clone(), rng).memory_bytes();
        let peer = CentralNode::peer(nobody, nobody, shelf, config, rng).memory_bytes();
        (server + nodes * peer) as u64
    }

    fn new(setting: &Setting<'_>) -> Result<CentralSystem, String> {
        let (items, catalogue) = items(setting)?;
        Ok(CentralSystem {
            server: setting.first,
            catalogue: catalogue.clone(),
            config: config(setting.scenario, items),
        })
    }

    fn node(&self, host: u32, peer: Peer, rng: &mut Rng) -> CentralNode {
        if host == 0 {
            return CentralNode::server(peer, self.config.clone(), rng);
        }
        let shelf = shelf(&self.catalogue, host);
        CentralNode::peer(peer, self.server, shelf, self.config.clone(), rng)
    }

    fn start_linked(
        &self,
        node: &mut CentralNode,
        cx: &mut Context<'_>,
        _members: &[Peer],
        _rank: usize,
    ) {
        node.start_linked(cx);
    }

    fn join(&self, node: &mut CentralNode, cx: &mut Context<'_>, _bootstrap: Peer) {
        node.join(cx);
    }

    fn leave(&self, node: &mut CentralNode, cx: &mut Context<'_>) {
        node.leave(cx);
    }

    fn ask(
        &self,
        node: &mut CentralNode,
        cx: &mut Context<'_>,
        question: Question,
        token: u64,
    ) -> bool {
        match question {
            Question::Item(wanted) => node.ask(cx, self.catalogue.query(wanted), token),
            // It has no keys.
            Question::Key(_) => false,
        }
    }

    fn entries(&self, node: &CentralNode) -> usize {
        node.entries()
    }

    fn memory_bytes(&self, node: &CentralNode) -> usize {
        node.memory_bytes()
    }
}

fn config(scenario: &Scenario, items: &Items) -> Arc<CentralConfig> {
    // All that there is, from as many as there are.
    let limits = IndexLimits {
        names: items.population,
        entries: copies(items) as u32,
        entries_per_name: scenario.nodes.max(1),
    };
    Arc::new(CentralConfig {
        sharing: sharing(scenario, items),
        registrar: RegistrarConfig { limits, lifetime: items.refresh * ROUNDS_OF_LIFE },
        publishing: publishing(items),
        deadline: scenario.workload.deadline,
    })
}
