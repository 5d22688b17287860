//! The truth of workloads whose answers name nodes: when each node was there.
//!
//! **Invariant:** nothing here asks a node.

use std::collections::BTreeMap;
use std::fmt::Debug;

use hopwise_kernel::{Id, Time};

use super::{Truth, Workload};

/// A workload whose answers name nodes, by their identifiers.
pub trait NamesNodes: Workload<Answer = Id> {
    /// Whether `node` is a right answer to `question` while it is there.
    fn is_answer(&self, question: &Self::Question, node: Id) -> bool;
}

/// When each node was a member, from `joined` on and before `left`.
#[derive(Clone, Debug)]
pub struct Presence<W> {
    workload: W,
    members: BTreeMap<Id, Stay>,
}

#[derive(Clone, Copy, Debug)]
struct Stay {
    joined: Time,
    left: Time,
}

impl<W: NamesNodes> Presence<W> {
    /// The truth at `at`, when these are the members.
    pub fn new(workload: W, members: impl Iterator<Item = (Id, u32)>, at: Time) -> Presence<W> {
        let stay = Stay { joined: at, left: Time::NEVER };
        Presence { workload, members: members.map(|(id, _)| (id, stay)).collect() }
    }
}

impl<W: NamesNodes> Truth<W::Question, Id> for Presence<W> {
    fn join(&mut self, id: Id, _host: u32, at: Time) {
        self.members.insert(id, Stay { joined: at, left: Time::NEVER });
    }

    fn leave(&mut self, id: Id, at: Time) {
        self.members.entry(id).and_modify(|stay| stay.left = at);
    }

    fn judge(&mut self, question: &W::Question, node: &Id, issued: Time, answered: Time) -> bool {
        let was_there = |stay: &Stay| stay.joined <= answered && stay.left > issued;
        self.workload.is_answer(question, *node) && self.members.get(node).is_some_and(was_there)
    }

    fn forget_before(&mut self, t: Time) {
        self.members.retain(|_, stay| stay.left > t);
    }
}
