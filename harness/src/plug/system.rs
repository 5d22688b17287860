//! What a system of nodes must give its engines.
//!
//! **Invariant:** engines reach nodes through the kernel's [`Node`] and through [`System`] alone.

use std::fmt::Debug;
use std::sync::Arc;

use hopwise_kernel::{Context, Node, Peer, Rng};

use super::Checker;
use crate::Scenario;
use crate::network::Network;
use crate::workload::Question;
use crate::workload::items::Catalogue;

/// Nodes of one kind: how they are built and what they can be told. Every shard has its own clone,
/// so what is large lies behind an `Arc`.
pub trait System: Clone + Debug + Send + Sync + 'static {
    /// What lives in a place.
    type Node: Node + Debug + Send + 'static;

    /// What watches over the nodes' invariant in a simulator; [`NoChecker`](super::NoChecker) if they
    /// have none.
    type Checker: Checker<Self::Node>;

    /// Whether the node at host 0 serves all others. It asks nothing itself, holds no items, and comes
    /// and goes only by faults that strike it.
    const HAS_SERVER: bool = false;

    /// How many nodes are members from the start, at least 1; the others join through the protocol.
    fn members_at_start(scenario: &Scenario) -> usize;

    /// Memory that so many nodes take as built, about. Asked before anything is built.
    fn memory_needed_bytes(scenario: &Scenario, nodes: usize) -> u64;

    /// The system of a run.
    ///
    /// # Errors
    ///
    /// Why there can be none: what in the scenario, and what to write instead.
    fn new(setting: &Setting<'_>) -> Result<Self, String>;

    /// What in the scenario is worth telling, but no error.
    fn warnings(&self) -> &[String] {
        &[]
    }

    /// A node as it is built for `host`: it is nobody's peer yet. Hosts are numbered over all shards
    /// and outlast their nodes: who comes next to the same place has the same number.
    fn node(&self, host: u32, peer: Peer, rng: &mut Rng) -> Self::Node;

    /// Makes `node` a member from the start: the one at `rank` of `members`, which are all of them,
    /// sorted by identifier.
    fn start_linked(
        &self,
        node: &mut Self::Node,
        cx: &mut Context<'_>,
        members: &[Peer],
        rank: usize,
    );

    /// Has `node` join those whom `bootstrap` belongs to. Ends in
    /// [`Event::Joined`](hopwise_kernel::Event::Joined) or
    /// [`Event::JoinFailed`](hopwise_kernel::Event::JoinFailed).
    fn join(&self, node: &mut Self::Node, cx: &mut Context<'_>, bootstrap: Peer);

    /// Has `node` say that it leaves; it is taken away afterwards.
    fn leave(&self, node: &mut Self::Node, cx: &mut Context<'_>);

    /// Asks; false if there is no room. `token` comes back with the answer.
    fn ask(
        &self,
        node: &mut Self::Node,
        cx: &mut Context<'_>,
        question: Question,
        token: u64,
    ) -> bool;

    /// What `node` keeps about others: distinct peers, and whatever else grows with the system.
    fn entries(&self, node: &Self::Node) -> usize;

    /// Memory that `node` takes now.
    fn memory_bytes(&self, node: &Self::Node) -> usize;

    /// The checker of a run with so many `places`, if nodes of this system keep an invariant. Asked
    /// only if the scenario has it checked.
    fn checker(_scenario: &Scenario, _network: &Network, _places: u32) -> Option<Self::Checker> {
        None
    }
}

/// What a system is made from.
#[derive(Clone, Copy, Debug)]
pub struct Setting<'a> {
    /// What is to be run.
    pub scenario: &'a Scenario,
    /// Most nodes there are at a time by plan, other churn aside.
    pub most_nodes: usize,
    /// The members at the start, sorted by identifier.
    pub members: &'a [Peer],
    /// The one of them that lives at host 0.
    pub first: Peer,
    /// The items that are shared, if any are.
    pub catalogue: Option<&'a Arc<Catalogue>>,
}

/// The items of a run with nodes of `S`: in the hands of the hosts that nodes live on at the start.
pub(crate) fn catalogue<S: System>(scenario: &Scenario) -> Option<Arc<Catalogue>> {
    let items = scenario.items.as_ref()?;
    let without: &[u32] = if S::HAS_SERVER { &[0] } else { &[] };
    Some(Arc::new(Catalogue::new(items, scenario.nodes, without, scenario.seed)))
}
