//! A ready-made truth for answers that name nodes: when each node was a member.
//!
//! **Invariant:** asks no node.

use std::fmt;

use hopwise_kernel::{Id, Time};

use super::Truth;
use crate::base::hash::FixedHashMap;

type IsAnswer<Q> = dyn Fn(&Q, Id) -> bool + Send;

/// Judges answers that name a node: the node must be a correct answer to the question `Q`, and must
/// have been a member at some instant between question and answer.
pub struct Presence<Q> {
    is_answer: Box<IsAnswer<Q>>,
    members: FixedHashMap<Id, Stay>,
}

/// A node is a member from `joined` on and before `left`.
#[derive(Clone, Copy, Debug)]
struct Stay {
    joined: Time,
    left: Time,
}

impl<Q> Presence<Q> {
    /// Creates the truth at time `at`, with these members and their hosts. `is_answer` says whether a
    /// node is a correct answer to a question while it is a member.
    pub fn new(
        members: impl Iterator<Item = (Id, u32)>,
        at: Time,
        is_answer: impl Fn(&Q, Id) -> bool + Send + 'static,
    ) -> Presence<Q> {
        let stay = Stay { joined: at, left: Time::NEVER };
        let members = members.map(|(id, _)| (id, stay)).collect();
        Presence { is_answer: Box::new(is_answer), members }
    }
}

impl<Q> Truth<Q, Id> for Presence<Q> {
    fn join(&mut self, id: Id, _host: u32, at: Time) {
        self.members.insert(id, Stay { joined: at, left: Time::NEVER });
    }

    fn leave(&mut self, id: Id, at: Time) {
        self.members.entry(id).and_modify(|stay| stay.left = at);
    }

    fn judge(&mut self, question: &Q, node: &Id, issued: Time, answered: Time) -> bool {
        let was_there = |stay: &Stay| stay.joined <= answered && stay.left > issued;
        (self.is_answer)(question, *node) && self.members.get(node).is_some_and(was_there)
    }

    fn forget_before(&mut self, t: Time) {
        self.members.retain(|_, stay| stay.left > t);
    }
}

impl<Q> fmt::Debug for Presence<Q> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Presence").field("members", &self.members.len()).finish_non_exhaustive()
    }
}
