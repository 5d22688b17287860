//! A few nodes of a system in memory, asked questions, while nodes join, leave and crash.
//!
//! **Invariant:** everything follows from the seed.

use std::time::Duration;

use hopwise_kernel::drive::Memory;
use hopwise_kernel::store::Hosts;
use hopwise_kernel::{Node, Peer, Rng};

use crate::Scenario;
use crate::plug::{Setting, System};
use crate::scenario::Subject;
use crate::systems::{Registered, Registry};
use crate::workload::Workload;

/// Nodes that are members from the start, at least.
const MEMBERS: u32 = 16;
/// Places for nodes that join.
const SPARE: u32 = 4;
/// Share of fuzzy queries, for systems that have items.
pub(super) const FUZZY: f64 = 0.25;

/// See the [module](self).
pub(super) struct SmallNetwork<S: System> {
    pub(super) memory: Memory<S::Node, S::Codec>,
    system: S,
    workload: S::Workload,
    rng: Rng,
    /// Places of the members that can be asked.
    members: Vec<u32>,
    next_token: u64,
}

impl<S: System> SmallNetwork<S> {
    /// A network whose nodes know each other.
    pub(super) fn linked(seed: u64) -> Result<SmallNetwork<S>, String> {
        let scenario = scenario::<S>("", FUZZY)?;
        let mut memory = Memory::<S::Node, S::Codec>::new((MEMBERS + SPARE) as usize, seed);
        let mut members: Vec<Peer> = (0..MEMBERS).map(|place| memory.peer(place)).collect();
        members.sort_unstable_by_key(|peer| peer.id);
        let without: &[u32] = if S::HAS_SERVER { &[0] } else { &[] };
        let workload = S::Workload::new(&scenario, without)?;
        let setting = Setting {
            scenario: &scenario,
            most_nodes: (MEMBERS + SPARE) as usize,
            hosts: Hosts::Nodes,
            members: &members,
            first: memory.peer(0),
            workload: &workload,
        };
        let system = S::new(&setting)?;
        for place in 0..MEMBERS {
            memory.put(place, |peer, rng| system.node(place, peer, rng));
            let rank = members.partition_point(|member| member.id < memory.peer(place).id);
            memory.with(place, |node, cx| system.start_linked(node, cx, &members, rank));
        }
        let askable = u32::from(S::HAS_SERVER)..MEMBERS;
        let (rng, members) = (Rng::new(seed, 1), askable.collect());
        Ok(SmallNetwork { memory, system, workload, rng, members, next_token: 0 })
    }

    /// Asks a member a question and lets a little time pass.
    pub(super) fn ask(&mut self) {
        let place = self.members[self.rng.below(self.members.len() as u64) as usize];
        let (question, token) = (self.workload.draw(&mut self.rng), self.next_token);
        self.next_token += 1;
        let system = &self.system;
        self.memory.with(place, |node, cx| system.ask(node, cx, question, token));
    }

    /// Lets time pass. Returns what nodes reported.
    pub(super) fn run_for(&mut self, length: Duration) -> usize {
        self.memory.run_for(length);
        self.memory.events().count()
    }

    /// A node joins, one leaves and one crashes.
    pub(super) fn change_members(&mut self, round: u32) {
        let system = &self.system;
        let newcomer = MEMBERS + round % SPARE;
        let bootstraps = [self.memory.peer(self.members[0])];
        self.memory.put(newcomer, |peer, rng| system.node(newcomer, peer, rng));
        self.memory.with(newcomer, |node, cx| system.join(node, cx, &bootstraps));
        for graceful in [true, false] {
            if self.members.len() > 6
                && let Some(place) = self.members.pop()
            {
                if graceful {
                    self.memory.with(place, |node, cx| system.leave(node, cx));
                }
                self.memory.remove(place);
            }
        }
    }

    /// Randomness, for damage to datagrams.
    pub(super) fn rng(&mut self) -> &mut Rng {
        &mut self.rng
    }

    /// Whether every node that is there still has the identifier of its place.
    pub(super) fn is_whole(&self) -> bool {
        let places = 0..MEMBERS + SPARE;
        places
            .filter_map(|place| Some((place, self.memory.node(place)?)))
            .all(|(place, node)| node.peer() == self.memory.peer(place))
    }
}

/// A small scenario of the system, with `more` lines of TOML on top. If it has items, this share of
/// queries is `fuzzy`.
pub(super) fn scenario<S: System>(more: &str, fuzzy: f64) -> Result<Scenario, String> {
    let registry = Registry::new(&[&[Registered::<S>::ANY]], &[]);
    let subject = match Registered::<S>::ANY.schema().subject() {
        Subject::Keys => String::new(),
        Subject::Items => format!("items = {{ population = 40, fuzzy = {fuzzy:?} }}\n"),
        Subject::Values => "store = { population = 40 }\n".to_owned(),
    };
    let text = format!("system = \"{}\"\nnodes = {MEMBERS}\n{subject}{more}", S::NAME);
    registry.from_toml(&text, "conformance", &[]).map_err(|error| error.to_string())
}
