//! What a system of nodes must give its engines.
//!
//! **Invariant:** engines reach nodes through the kernel's [`Node`] and through [`System`] alone.

use std::fmt::Debug;

use hopwise_kernel::node::EventOf;
use hopwise_kernel::{Codec, Context, Node, Peer, Rng};

use super::{Checker, Told};
use crate::Scenario;
use crate::measure::growth::{Figure, Law};
use crate::network::Network;
use crate::scenario::{Section, Start};
use crate::workload::Workload;

/// What the nodes of a system speak.
pub type ProtocolOf<S> = <<S as System>::Node as Node>::Protocol;
/// What nodes of a system are asked.
pub type QuestionOf<S> = <<S as System>::Workload as Workload>::Question;
/// What nodes of a system answer.
pub type AnswerOf<S> = <<S as System>::Workload as Workload>::Answer;

/// Nodes of one kind: how they are built and what they can be told. Every shard has its own clone,
/// so what is large lies behind an `Arc`.
pub trait System: Clone + Debug + Send + Sync + 'static {
    /// What lives in a place.
    type Node: Node + Debug + Send + 'static;

    /// How its messages look on the wire.
    type Codec: Codec<Protocol = ProtocolOf<Self>>;

    /// What its nodes are asked, and how answers are judged.
    type Workload: Workload;

    /// What watches over the nodes' invariant in a simulator; [`NoChecker`](super::NoChecker) if they
    /// have none.
    type Checker: Checker<Self::Node>;

    /// Its section of the scenario; `()` if it has no keys.
    type Section: Section;

    /// Its name: the value of the scenario's `system`. One name can stand for a system that is asked
    /// for items and one that is not; the scenario's `items` decides between them.
    const NAME: &'static str;

    /// Whether the node at host 0 serves all others. It asks nothing itself, holds no items, and comes
    /// and goes only by faults that strike it.
    const HAS_SERVER: bool = false;

    /// How its figures grow with the number of nodes, as the literature says.
    const GROWTH: &'static [(Figure, Law)] = &[];

    /// How many nodes are members from the start, at least 1; the others join through the protocol.
    ///
    /// Unless a system says otherwise, all nodes, or one where the scenario has the others join.
    fn members_at_start(scenario: &Scenario) -> usize {
        match scenario.start {
            Start::Linked => scenario.nodes as usize,
            Start::Joined => 1,
        }
    }

    /// About the memory that so many nodes take as built. Called before anything is built.
    ///
    /// Unless a system says otherwise, the size of its node without tables on the heap.
    fn memory_needed_bytes(_scenario: &Scenario, nodes: usize) -> u64 {
        (nodes * size_of::<Self::Node>()) as u64
    }

    /// The system of a run.
    ///
    /// # Errors
    ///
    /// Why there can be none: what in the scenario, and what to write instead.
    fn new(setting: &Setting<'_, Self::Workload>) -> Result<Self, String>;

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
        cx: &mut Context<'_, ProtocolOf<Self>>,
        members: &[Peer],
        rank: usize,
    );

    /// Has `node` join the members that `bootstrap` belongs to. Ends in [`Told::Joined`] or
    /// [`Told::JoinFailed`].
    fn join(&self, node: &mut Self::Node, cx: &mut Context<'_, ProtocolOf<Self>>, bootstrap: Peer);

    /// Has `node` announce its departure; it is taken away afterwards.
    ///
    /// Unless a system says otherwise, nothing is announced.
    fn leave(&self, _node: &mut Self::Node, _cx: &mut Context<'_, ProtocolOf<Self>>) {}

    /// Asks `node`. Returns false if there is no room. `token` comes back with the answer.
    fn ask(
        &self,
        node: &mut Self::Node,
        cx: &mut Context<'_, ProtocolOf<Self>>,
        question: QuestionOf<Self>,
        token: u64,
    ) -> bool;

    /// What an event means to the director; `None` if it is not the director's concern. `payload` is
    /// what belongs to the event.
    fn told(event: EventOf<ProtocolOf<Self>>, payload: &[u8]) -> Option<Told<AnswerOf<Self>>>;

    /// Nodes that keep what a store on top of this system keeps under one key: the owner of the key and
    /// those that follow it.
    fn replicas(_scenario: &Scenario) -> u32 {
        1
    }

    /// What `node` keeps about others: distinct peers, and whatever else grows with the system.
    fn entries(&self, node: &Self::Node) -> usize;

    /// Memory that `node` takes now.
    ///
    /// Unless a system says otherwise, its size without tables on the heap.
    fn memory_bytes(&self, _node: &Self::Node) -> usize {
        size_of::<Self::Node>()
    }

    /// The checker of a run with so many `places`, if nodes of this system keep an invariant. Asked
    /// only if the scenario has it checked.
    fn checker(_scenario: &Scenario, _network: &Network, _places: u32) -> Option<Self::Checker> {
        None
    }
}

/// What a system is made from.
#[derive(Clone, Copy, Debug)]
pub struct Setting<'a, W> {
    /// What is to be run.
    pub scenario: &'a Scenario,
    /// Most nodes there are at a time by plan, other churn aside.
    pub most_nodes: usize,
    /// The members at the start, sorted by identifier.
    pub members: &'a [Peer],
    /// The member that lives at host 0.
    pub first: Peer,
    /// What is asked.
    pub workload: &'a W,
}
