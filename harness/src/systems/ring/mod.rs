//! The ring as a system.
//!
//! **Invariant:** knows no engine and no other system.

mod checker;
#[cfg(feature = "defects")]
mod defects;
pub mod invariant;
mod liar;
mod model;
mod neighborhood;
mod section;

use std::sync::Arc;

use hopwise_kernel::ring::fingers::Shape;
use hopwise_kernel::ring::{self as kernel, Event, Message, Ring as RingProtocol, RingCodec};
use hopwise_kernel::ring::{RingConfig, RingNode};
use hopwise_kernel::{Context, Id, Peer, Rng};

pub use self::checker::RingChecker;
#[cfg(feature = "defects")]
pub use self::defects::run_with_defect;
pub use self::section::{AnswerRule, IdRule, LookupMode, Place, Ring};

pub(crate) use self::neighborhood::neighborhood;

/// The shares of lookups by hops that the [model](model::expected_hops) expects.
pub(crate) fn expected_hops(nodes: u64, base: u32, successors: u32) -> Option<Vec<f64>> {
    model::expected_hops(nodes, base, successors)
}
use super::{items, place};
use crate::Scenario;
use crate::churn::NodesPerHost;
use crate::measure::growth::{Figure, Law};
use crate::network::Network;
use crate::plan::Model;
use crate::plug::{Halves, Neighborhood, NodeEvent, Placing, Setting, System};
use crate::scenario::{Lie, Start};
use crate::workload::KeyWorkload;

/// The distributed hash table of the kernel's ring.
#[derive(Clone, Debug)]
pub struct RingSystem {
    config: Arc<RingConfig>,
    place_samples: u8,
}

impl System for RingSystem {
    type Node = RingNode;
    type Codec = RingCodec;
    type Workload = KeyWorkload;
    type Checker = RingChecker;
    type Section = Ring;

    const NAME: &'static str = "ring";
    const IS_RING: bool = true;
    const CAN_LIE: bool = true;
    // Wehrle, Götz and Rieche, Distributed Hash Tables, 2005.
    const GROWTH: &'static [(Figure, Law)] =
        &[(Figure::StateMean, Law::Logarithmic), (Figure::MessagesPerQuery, Law::Logarithmic)];

    fn model() -> Option<&'static dyn Model> {
        Some(&model::RingModel)
    }

    fn nodes_per_host(scenario: &Scenario) -> NodesPerHost {
        NodesPerHost::new(scenario.section::<Ring>().virtual_nodes)
    }

    fn members_at_start(scenario: &Scenario) -> usize {
        match scenario.start {
            Start::Linked => scenario.nodes_at_start() as usize,
            // A ring starts with r + 1 nodes that know each other.
            Start::Joined => {
                let ring = scenario.section::<Ring>();
                let first = (ring.successors + 1).div_ceil(ring.virtual_nodes);
                scenario.nodes_at_start().min(first) as usize
            }
        }
    }

    fn memory_needed_bytes(scenario: &Scenario, nodes: usize) -> u64 {
        let config = config(scenario, nodes);
        let node = RingNode::new(Peer::default(), config, &mut Rng::light(0));
        nodes as u64 * node.memory_bytes() as u64
    }

    fn new(setting: &Setting<'_, KeyWorkload>) -> Result<RingSystem, String> {
        let place_samples = section::place_samples(setting.scenario);
        let config = Arc::new(config(setting.scenario, setting.most_nodes));
        Ok(RingSystem { config, place_samples })
    }

    #[inline]
    fn node(&self, _host: u32, peer: Peer, rng: &mut Rng) -> RingNode {
        RingNode::new(peer, self.config.clone(), rng)
    }

    fn start_linked(
        &self,
        node: &mut RingNode,
        cx: &mut Context<'_, RingProtocol>,
        members: &[Peer],
        _rank: usize,
    ) {
        node.start_linked(cx, members);
    }

    fn join(&self, node: &mut RingNode, cx: &mut Context<'_, RingProtocol>, bootstraps: &[Peer]) {
        node.join(cx, bootstraps);
    }

    fn placing(scenario: &Scenario) -> Option<Placing> {
        section::placing(scenario)
    }

    fn binds_ids(scenario: &Scenario) -> bool {
        scenario.section::<Ring>().ids == IdRule::Address
    }

    fn choose_place(
        &self,
        node: &mut RingNode,
        cx: &mut Context<'_, RingProtocol>,
        bootstraps: &[Peer],
    ) {
        node.choose_place(cx, bootstraps, self.place_samples);
    }

    fn initial_ids(
        scenario: &Scenario,
        _workload: &KeyWorkload,
        count: usize,
        rng: &mut Rng,
    ) -> Result<Vec<Id>, String> {
        Ok(match section::placing(scenario) {
            Some(Placing { halves: Halves::LongestArc, samples }) => {
                place::halving_longest(count, samples, rng)
            }
            _ => place::random(count, rng),
        })
    }

    fn leave(&self, node: &mut RingNode, cx: &mut Context<'_, RingProtocol>) {
        node.leave(cx);
    }

    #[inline]
    fn ask(
        &self,
        node: &mut RingNode,
        cx: &mut Context<'_, RingProtocol>,
        key: Id,
        token: u64,
    ) -> bool {
        node.lookup(cx, key, token)
    }

    fn lie(
        &self,
        lie: Lie,
        node: &RingNode,
        cx: &mut Context<'_, RingProtocol>,
        from: Peer,
        message: &Message<'_>,
        is_accomplice: &dyn Fn(Id) -> bool,
    ) -> bool {
        liar::Liar { node, is_accomplice }.lie(lie, cx, from, message)
    }

    #[inline]
    fn node_event(event: Event, _payload: &[u8]) -> Option<NodeEvent<Id>> {
        match event {
            Event::Contacted { through } => Some(NodeEvent::Contacted { through }),
            Event::Placed { id } => Some(NodeEvent::Placed { id }),
            Event::Joined => Some(NodeEvent::Joined),
            Event::JoinFailed => Some(NodeEvent::JoinFailed),
            Event::LookupDone(done) => Some(NodeEvent::Answered {
                token: done.token,
                answer: done.owner.id,
                hops: done.hops.into(),
                timeouts: done.timeouts.into(),
                under_suspicion: done.under_suspicion,
            }),
            Event::LookupFailed { token, timeouts } => {
                Some(NodeEvent::Failed { token, timeouts: timeouts.into() })
            }
            Event::DeclaredDead { peer } => Some(NodeEvent::DeclaredDead { peer: peer.id }),
            Event::Refuted { peer } => Some(NodeEvent::Refuted { peer: peer.id }),
            Event::Received { .. } | Event::Sent { .. } | Event::SendFailed { .. } => None,
        }
    }

    fn replicas(scenario: &Scenario) -> u32 {
        scenario.section::<Ring>().replicas
    }

    fn successors(scenario: &Scenario) -> u32 {
        scenario.section::<Ring>().successors
    }

    fn entries(&self, node: &RingNode) -> usize {
        node.entries()
    }

    fn neighborhood<'a>(&self, node: &'a RingNode) -> Option<Neighborhood<'a>> {
        Some(neighborhood(node, self.config.successors.into()))
    }

    fn memory_bytes(&self, node: &RingNode) -> usize {
        node.memory_bytes()
    }

    fn checker(scenario: &Scenario, network: &Network, places: u32) -> Option<RingChecker> {
        Some(RingChecker::new(scenario, network, places))
    }
}

/// The configuration of each node in a ring of at most `nodes` nodes.
pub(super) fn config(scenario: &Scenario, nodes: usize) -> RingConfig {
    let ring = scenario.section::<Ring>();
    RingConfig {
        shape: Shape::for_ring(ring.base.trailing_zeros(), nodes, ring.successors as usize),
        ids: match ring.ids {
            IdRule::Random => kernel::IdRule::Any,
            IdRule::Address => kernel::IdRule::OfAddress,
        },
        successors: ring.successors as u8,
        lookup: match ring.lookup {
            LookupMode::Recursive => kernel::LookupMode::Recursive,
            LookupMode::Iterative => kernel::LookupMode::Iterative,
        },
        answer: match ring.answer {
            AnswerRule::Owner => kernel::AnswerRule::Owner,
            AnswerRule::Predecessor => kernel::AnswerRule::Predecessor,
        },
        stabilize: ring.stabilize,
        fix_fingers: ring.fix_fingers,
        remember_failures: ring.remember_failures,
        first_hops: ring.first_hops as u8,
        timeout: items::timeout(scenario),
        deadline: scenario.workload.deadline,
        #[cfg(feature = "defects")]
        defect: None,
    }
}
