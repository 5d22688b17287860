//! A directory of named items on top of any system that routes.
//!
//! **Invariant:** the system below is configured as it is without a directory.

use std::sync::Arc;

use hopwise_kernel::codec::Body;
use hopwise_kernel::directory::{
    self, Directory as DirectoryProtocol, DirectoryCodec, DirectoryConfig, DirectoryNode,
};
use hopwise_kernel::items::index::MAX_LISTED_HOLDERS;
use hopwise_kernel::items::{IndexLimits, ResponderConfig, Text, WordIndex, WordLimits};
use hopwise_kernel::node::EventOf;
use hopwise_kernel::{Context, Id, Peer, Rng, Router};

use super::items::{ROUNDS_OF_LIFE, copies, holdings, item_event, items, publishing, transfers};
use super::room::keys_of_one_node;
use super::router_checker::RouterChecker;
use crate::Scenario;
use crate::churn::NodesPerHost;
use crate::measure::growth::{Figure, Law};
use crate::network::Network;
use crate::plug::{Neighborhood, NodeEvent, Placing, ProtocolOf, Setting, System};
use crate::scenario::{Items, Publish};
use crate::workload::items::{Catalogue, WORDS_PER_NAME, Wanted, vocabulary_size};
use crate::workload::{ItemWorkload, Workload};

/// The most holders that an owner stores for one name: those that an answer lists, which are the most
/// recent. Any other entry expires before these.
const HOLDERS_KEPT: u32 = MAX_LISTED_HOLDERS as u32;

/// The system `S` with a directory.
#[derive(Clone, Debug)]
pub struct Directory<S> {
    router: S,
    catalogue: Arc<Catalogue>,
    config: Arc<DirectoryConfig>,
}

/// The protocol of a directory over `S`.
type ProtocolOver<S> = DirectoryProtocol<ProtocolOf<S>>;

impl<S: System> System for Directory<S>
where
    S::Node: Router,
    ProtocolOf<S>: Body,
{
    type Node = DirectoryNode<S::Node>;
    type Codec = DirectoryCodec<ProtocolOf<S>>;
    type Workload = ItemWorkload;
    type Checker = RouterChecker<S, DirectoryNode<S::Node>>;
    type Section = S::Section;

    const NAME: &'static str = S::NAME;
    const IS_RING: bool = S::IS_RING;
    const GROWTH: &'static [(Figure, Law)] = S::GROWTH;

    fn nodes_per_host(scenario: &Scenario) -> NodesPerHost {
        S::nodes_per_host(scenario)
    }

    fn members_at_start(scenario: &Scenario) -> usize {
        S::members_at_start(scenario)
    }

    fn memory_needed_bytes(scenario: &Scenario, nodes: usize) -> u64 {
        let Some(items) = &scenario.items else { return 0 };
        let beside = DirectoryNode::<S::Node>::memory_beside_router(&config::<S>(scenario, items));
        S::memory_needed_bytes(scenario, nodes) + (nodes * beside) as u64
    }

    fn new(setting: &Setting<'_, ItemWorkload>) -> Result<Directory<S>, String> {
        let &Setting { scenario, most_nodes, hosts, members, first, workload } = setting;
        let keys = S::Workload::new(scenario, &[])?;
        let below = Setting { scenario, most_nodes, hosts, members, first, workload: &keys };
        Ok(Directory {
            router: S::new(&below)?,
            catalogue: workload.catalogue().clone(),
            config: Arc::new(config::<S>(scenario, items(scenario)?)),
        })
    }

    fn warnings(&self) -> &[String] {
        self.router.warnings()
    }

    fn node(&self, host: u32, peer: Peer, rng: &mut Rng) -> Self::Node {
        let router = self.router.node(host, peer, rng);
        DirectoryNode::new(router, holdings(&self.catalogue, host), self.config.clone(), rng)
    }

    fn start_linked(
        &self,
        node: &mut Self::Node,
        cx: &mut Context<'_, ProtocolOver<S>>,
        members: &[Peer],
        rank: usize,
    ) {
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
        node.with_router(cx, |router, cx| self.router.choose_place(router, cx, bootstraps));
    }

    fn initial_ids(
        scenario: &Scenario,
        _workload: &ItemWorkload,
        count: usize,
        rng: &mut Rng,
    ) -> Result<Vec<Id>, String> {
        S::initial_ids(scenario, &S::Workload::new(scenario, &[])?, count, rng)
    }

    fn leave(&self, node: &mut Self::Node, cx: &mut Context<'_, ProtocolOver<S>>) {
        node.leave(cx, |router, cx| self.router.leave(router, cx));
    }

    fn ask(
        &self,
        node: &mut Self::Node,
        cx: &mut Context<'_, ProtocolOver<S>>,
        wanted: Wanted,
        token: u64,
    ) -> bool {
        node.ask(cx, self.catalogue.query(wanted), token)
    }

    fn node_event(
        event: EventOf<ProtocolOver<S>>,
        payload: &[u8],
    ) -> Option<NodeEvent<Option<(Text, Id)>>> {
        match event {
            directory::Event::Items(event) => Some(item_event(event)),
            directory::Event::LookupEnded(_) => None,
            directory::Event::Router(event) => S::node_event(event, payload)?.beside_questions(),
        }
    }

    fn successors(scenario: &Scenario) -> u32 {
        S::successors(scenario)
    }

    fn entries(&self, node: &Self::Node) -> usize {
        self.router.entries(node.router())
            + node.index().len()
            + node.words().map_or(0, WordIndex::len)
    }

    fn neighborhood<'a>(&self, node: &'a Self::Node) -> Option<Neighborhood<'a>> {
        self.router.neighborhood(node.router())
    }

    fn memory_bytes(&self, node: &Self::Node) -> usize {
        self.router.memory_bytes(node.router()) + node.memory_bytes()
    }

    fn checker(scenario: &Scenario, network: &Network, places: u32) -> Option<Self::Checker> {
        let below = S::checker(scenario, network, places)?;
        Some(RouterChecker::new(below, DirectoryNode::router))
    }
}

fn config<S: System>(scenario: &Scenario, items: &Items) -> DirectoryConfig {
    let replicas = S::replicas(scenario).clamp(1, 16) as u8;
    DirectoryConfig {
        transfers: transfers(scenario, items),
        responder: ResponderConfig {
            limits: limits(items, replicas, scenario.nodes),
            lifetime: items.refresh * ROUNDS_OF_LIFE,
        },
        words: (items.publish == Publish::Words)
            .then(|| word_limits(items, replicas, scenario.nodes)),
        publishing: publishing(items),
        replicas,
        deadline: scenario.workload.deadline,
    }
}

/// Capacity for what one node may have to store.
fn limits(items: &Items, replicas: u8, nodes: u32) -> IndexLimits {
    let names = keys_of_one_node(items.population, replicas, nodes);
    let per_name = (copies(items) / f64::from(items.population)).min(f64::from(HOLDERS_KEPT));
    IndexLimits {
        names,
        entries: (f64::from(names) * per_name).ceil() as u32,
        entries_per_name: HOLDERS_KEPT,
    }
}

/// Capacity for the references by word that one node may have to store.
fn word_limits(items: &Items, replicas: u8, nodes: u32) -> WordLimits {
    let vocabulary = vocabulary_size(items.population) as u32;
    let words = f64::from(keys_of_one_node(vocabulary, replicas, nodes));
    let names = words * WORDS_PER_NAME * f64::from(items.population) / f64::from(vocabulary);
    // Words occur in more or fewer names than on average: five standard deviations.
    let names = names + 5.0 * names.sqrt();
    let holders = (copies(items) / f64::from(items.population)).min(f64::from(HOLDERS_KEPT));
    let per_word = items.references_per_word;
    let references = (names * holders).ceil().min(words * f64::from(per_word));
    WordLimits { references: references as u32, per_word }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_has_room_for_the_longest_arcs_it_may_get() {
        let items = Items { population: 1024, replicas: 4.0, ..Items::default() };
        let limits = limits(&items, 3, 1024);
        // Of three arcs with 1.5 names each on average.
        assert!((25..40).contains(&limits.names), "{limits:?}");
        assert_eq!(limits.entries, 3 * limits.names, "no more than an answer lists");
        let one = super::limits(&items, 3, 1);
        assert_eq!(one.names, 1024, "one node has all");
    }

    #[test]
    fn a_node_has_room_for_the_words_it_may_get() {
        let items = Items { population: 1024, replicas: 2.0, ..Items::default() };
        // 96 words, each in 32 names with two holders. One node has all of them.
        let one = word_limits(&items, 3, 1).references;
        assert!((6144..7000).contains(&one), "{one}");
        // Three arcs with a tenth of a word each on average, and some with several.
        let many = word_limits(&items, 3, 1024).references;
        assert!((4 * 64..10 * 64).contains(&many), "{many}");
        let few = Items { references_per_word: 5, ..items };
        let words = keys_of_one_node(96, 3, 1024);
        assert_eq!(word_limits(&few, 3, 1024), WordLimits { references: 5 * words, per_word: 5 });
    }
}
