//! The interface of systems.
//!
//! **Invariant:** engines reach nodes only through the kernel's [`Node`] and through [`System`].

use std::fmt::Debug;

use hopwise_kernel::node::{EventOf, MessageOf};
use hopwise_kernel::store::{Hosts, StoreCounts};
use hopwise_kernel::{Codec, Context, Id, Node, Peer, Rng, Time};

use super::{Checker, NodeEvent, Placing};
use crate::Scenario;
use crate::churn::NodesPerHost;
use crate::measure::growth::{Figure, Law};
use crate::measure::health::Neighborhood;
use crate::measure::stored::Contents;
use crate::network::Network;
use crate::plan::Model;
use crate::scenario::{Lie, Section, Start};
use crate::workload::Workload;

/// The protocol of a system's nodes.
pub type ProtocolOf<S> = <<S as System>::Node as Node>::Protocol;
/// A question to a node of a system.
pub type QuestionOf<S> = <<S as System>::Workload as Workload>::Question;
/// An answer of a node of a system.
pub type AnswerOf<S> = <<S as System>::Workload as Workload>::Answer;

/// A kind of node: how nodes are built, started, asked and measured. Every shard has its own clone,
/// so large parts belong behind an `Arc`.
pub trait System: Clone + Debug + Send + Sync + 'static {
    /// The node.
    type Node: Node + Debug + Send + 'static;

    /// The wire format of its messages.
    type Codec: Codec<Protocol = ProtocolOf<Self>>;

    /// The questions to its nodes, and how answers are judged.
    type Workload: Workload;

    /// The checker of its invariant in the simulator; [`NoChecker`](super::NoChecker) if it has
    /// none.
    type Checker: Checker<Self::Node>;

    /// Its section of the scenario; `()` if it has no keys.
    type Section: Section;

    /// Its name, as in the scenario's `system`. Systems may share a name if their workloads differ: one
    /// has items, one values, one neither. The scenario's sections `items` and `store` then decide
    /// between them.
    const NAME: &'static str;

    /// Whether the node at host 0 is a server for all others. A server starts no lookups and holds
    /// no items, and only faults remove it or bring it back.
    const HAS_SERVER: bool = false;

    /// Whether its nodes form a ring. If so, [`neighborhood`](System::neighborhood) tells of each
    /// member, nodes report whom they declare dead, and the outcome has figures of both.
    const IS_RING: bool = false;

    /// Whether its nodes can be malicious. If so, [`lie`](System::lie) is theirs.
    const CAN_LIE: bool = false;

    /// Whether its nodes store values. If so, [`store_counts`](System::store_counts) and
    /// [`add_stored`](System::add_stored) tell of them.
    const STORES: bool = false;

    /// The growth of its figures with the number of nodes, as stated in the literature.
    const GROWTH: &'static [(Figure, Law)] = &[];

    /// The model of its figures, for plans; `None`: it cannot be planned.
    fn model() -> Option<&'static dyn Model> {
        None
    }

    /// The number of nodes that each host runs. They join and depart with it.
    ///
    /// By default one: hosts and nodes are the same.
    fn nodes_per_host(_scenario: &Scenario) -> NodesPerHost {
        NodesPerHost::ONE
    }

    /// The number of hosts that are members at the start, at least 1. The others join through the
    /// protocol.
    ///
    /// By default all hosts, or one if the scenario says that the others join.
    fn members_at_start(scenario: &Scenario) -> usize {
        match scenario.start {
            Start::Linked => scenario.nodes_at_start() as usize,
            Start::Joined => 1,
        }
    }

    /// The approximate memory of so many nodes. Called before any node is built.
    ///
    /// By default the size of the node, without memory on the heap.
    fn memory_needed_bytes(_scenario: &Scenario, nodes: usize) -> u64 {
        (nodes * size_of::<Self::Node>()) as u64
    }

    /// Creates the system of a run.
    ///
    /// # Errors
    ///
    /// If the scenario is impossible for it. The message says what to write instead.
    fn new(setting: &Setting<'_, Self::Workload>) -> Result<Self, String>;

    /// Warnings about the scenario.
    fn warnings(&self) -> &[String] {
        &[]
    }

    /// Creates a node of `host`, which is not a member yet. Hosts are numbered over all shards.
    /// The next node in the same place has the same host.
    fn node(&self, host: u32, peer: Peer, rng: &mut Rng) -> Self::Node;

    /// Makes `node` a member at the start. `members` are all members, sorted by identifier, and
    /// `rank` is the index of `node`.
    fn start_linked(
        &self,
        node: &mut Self::Node,
        cx: &mut Context<'_, ProtocolOf<Self>>,
        members: &[Peer],
        rank: usize,
    );

    /// Makes `node` join through one of `bootstraps`: at least one, at most
    /// [`MAX_BOOTSTRAPS`](hopwise_kernel::node::MAX_BOOTSTRAPS), to be tried in this order. They were
    /// members at some time and may be gone. Ends with [`NodeEvent::Joined`] or
    /// [`NodeEvent::JoinFailed`].
    fn join(
        &self,
        node: &mut Self::Node,
        cx: &mut Context<'_, ProtocolOf<Self>>,
        bootstraps: &[Peer],
    );

    /// How nodes that join with new identifiers choose these; `None`: they are drawn at random.
    fn placing(_scenario: &Scenario) -> Option<Placing> {
        None
    }

    /// Makes `node`, which has a random identifier and will not join with it, choose a better one. It looks
    /// at the members through one of `bootstraps`, as in [`join`](System::join). Ends with
    /// [`NodeEvent::Placed`] or [`NodeEvent::JoinFailed`]. Called only if there is a
    /// [`placing`](System::placing).
    fn choose_place(
        &self,
        _node: &mut Self::Node,
        _cx: &mut Context<'_, ProtocolOf<Self>>,
        _bootstraps: &[Peer],
    ) {
    }

    /// Whether identifiers [belong to addresses](Peer::of_address), so that none is chosen or drawn. Each host
    /// then runs one node.
    fn binds_ids(_scenario: &Scenario) -> bool {
        false
    }

    /// The identifiers of `count` members at the start, as if they had arrived one after the other, in this
    /// order.
    ///
    /// By default they are drawn at random. Not called if the system [binds](System::binds_ids) them.
    ///
    /// # Errors
    ///
    /// If the scenario is impossible for the system. The message says what to write instead.
    fn initial_ids(
        _scenario: &Scenario,
        _workload: &Self::Workload,
        count: usize,
        rng: &mut Rng,
    ) -> Result<Vec<Id>, String> {
        Ok((0..count).map(|_| Id::random(rng)).collect())
    }

    /// Makes `node` announce its departure. The node is removed afterwards.
    ///
    /// By default nothing is announced.
    fn leave(&self, _node: &mut Self::Node, _cx: &mut Context<'_, ProtocolOf<Self>>) {}

    /// Asks `node`. Returns false if it has no room for the question. `token` comes back with the
    /// answer.
    fn ask(
        &self,
        node: &mut Self::Node,
        cx: &mut Context<'_, ProtocolOf<Self>>,
        question: QuestionOf<Self>,
        token: u64,
    ) -> bool;

    /// Lets the malicious `node` handle a message. Returns whether it has told a lie; otherwise it handles the
    /// message as any other node. `is_accomplice` tells whether a node is malicious. Called only if nodes
    /// [can lie](System::CAN_LIE).
    fn lie(
        &self,
        _lie: Lie,
        _node: &Self::Node,
        _cx: &mut Context<'_, ProtocolOf<Self>>,
        _from: Peer,
        _message: &MessageOf<'_, ProtocolOf<Self>>,
        _is_accomplice: &dyn Fn(Id) -> bool,
    ) -> bool {
        false
    }

    /// Converts an event for the director; `None` if the director does not need it. `payload`
    /// belongs to the event.
    fn node_event(
        event: EventOf<ProtocolOf<Self>>,
        payload: &[u8],
    ) -> Option<NodeEvent<AnswerOf<Self>>>;

    /// The number of nodes on which a store on top of this system keeps a key: the owner and its
    /// successors.
    fn replicas(_scenario: &Scenario) -> u32 {
        1
    }

    /// The number of nodes after its own place that a node knows: those among which a store on top of this
    /// system chooses the others that keep a key.
    fn successors(_scenario: &Scenario) -> u32 {
        0
    }

    /// The number of entries in the tables of `node`: distinct peers, and what else grows with the
    /// system.
    fn entries(&self, node: &Self::Node) -> usize;

    /// What `node` has done for the values that it stores, since it was built.
    fn store_counts(&self, _node: &Self::Node) -> StoreCounts {
        StoreCounts::default()
    }

    /// Adds what `node`, one of `live` members, stores at `now`.
    fn add_stored(&self, _node: &Self::Node, _now: Time, _live: usize, _contents: &mut Contents) {}

    /// What `node`, a member of a ring, believes about its neighborhood; `None` if nodes form no
    /// ring.
    fn neighborhood<'a>(&self, _node: &'a Self::Node) -> Option<Neighborhood<'a>> {
        None
    }

    /// The memory of `node`.
    ///
    /// By default its size, without memory on the heap.
    fn memory_bytes(&self, _node: &Self::Node) -> usize {
        size_of::<Self::Node>()
    }

    /// Creates the checker of a run with so many `places`. Called only if the scenario says that
    /// the invariant is checked.
    fn checker(_scenario: &Scenario, _network: &Network, _places: u32) -> Option<Self::Checker> {
        None
    }
}

/// The parameters of a system.
#[derive(Clone, Copy, Debug)]
pub struct Setting<'a, W> {
    /// The scenario.
    pub scenario: &'a Scenario,
    /// The most nodes at a time by plan. Churn is not counted.
    pub most_nodes: usize,
    /// How the addresses of nodes show that they are on the same host.
    pub hosts: Hosts,
    /// The members at the start, sorted by identifier.
    pub members: &'a [Peer],
    /// The member at host 0.
    pub first: Peer,
    /// The workload.
    pub workload: &'a W,
}
