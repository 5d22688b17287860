//! One director's share of a [`Trace`]: the transitions to come, and the places of its nodes.
//!
//! **Invariant:** a node of the trace is in at most one place.

use std::collections::VecDeque;

use hopwise_kernel::{Id, Time};

use crate::churn::Share;
use crate::churn::trace::{State, Trace, Transition};

const NONE: u32 = u32::MAX;

/// The schedule of one director's share of a trace.
#[derive(Debug)]
pub(crate) struct TraceSchedule {
    /// Nodes that are up at the start and have no place yet.
    initial: VecDeque<u32>,
    transitions: VecDeque<Transition>,
    /// The start of the warm-up, once it is known.
    start: Option<Time>,
    /// By number of the node in the trace.
    nodes: Vec<TraceNode>,
    /// By place: the number of the node in it, or [`NONE`].
    occupants: Vec<u32>,
    /// Nodes whose departure is postponed because no other member was left.
    postponed: Vec<u32>,
}

#[derive(Clone, Copy, Debug)]
struct TraceNode {
    place: u32,
    /// Its identifier when it was last there.
    id: Option<Id>,
}

impl TraceSchedule {
    pub(crate) fn new(trace: &Trace, share: Share, places: usize) -> TraceSchedule {
        let initial: VecDeque<u32> = trace.members_of(share).collect();
        let transitions: VecDeque<Transition> = trace.transitions_of(share).collect();
        let numbers = initial.iter().copied().chain(transitions.iter().map(|it| it.node));
        let count = numbers.max().map_or(0, |last| last as usize + 1);
        TraceSchedule {
            initial,
            transitions,
            start: None,
            nodes: vec![TraceNode { place: NONE, id: None }; count],
            occupants: vec![NONE; places],
            postponed: Vec::new(),
        }
    }

    /// Takes the next node that is up at the start.
    pub(crate) fn next_initial(&mut self) -> Option<u32> {
        self.initial.pop_front()
    }

    /// Sets the start of the warm-up, from which the times of the trace count.
    pub(crate) fn set_start(&mut self, start: Time) {
        self.start = Some(start);
    }

    /// When the next transition is due.
    pub(crate) fn next_due(&self) -> Time {
        let due = self.start.zip(self.transitions.front()).map(|(start, it)| start + it.at);
        due.unwrap_or(Time::NEVER)
    }

    /// Takes the next transition that is due by `until`.
    pub(crate) fn take_due(&mut self, until: Time) -> Option<(Time, u32, State)> {
        let at = self.next_due();
        if at > until {
            return None;
        }
        self.transitions.pop_front().map(|it| (at, it.node, it.to))
    }

    /// Puts `node` in `place`, with the identifier `id`.
    pub(crate) fn enter(&mut self, node: u32, place: u32, id: Id) {
        self.nodes[node as usize] = TraceNode { place, id: Some(id) };
        self.occupants[place as usize] = node;
    }

    /// Clears `place`.
    pub(crate) fn exit(&mut self, place: u32) {
        let number = std::mem::replace(&mut self.occupants[place as usize], NONE);
        if let Some(node) = self.nodes.get_mut(number as usize) {
            node.place = NONE;
        }
    }

    /// The place of `node`, if it has one.
    pub(crate) fn place_of(&self, node: u32) -> Option<u32> {
        let place = self.nodes[node as usize].place;
        (place != NONE).then_some(place)
    }

    /// The node in `place`, if there is one.
    pub(crate) fn node_in(&self, place: u32) -> Option<u32> {
        Some(self.occupants[place as usize]).filter(|&number| number != NONE)
    }

    /// The identifier that `node` had last.
    pub(crate) fn id_of(&self, node: u32) -> Option<Id> {
        self.nodes[node as usize].id
    }

    /// Postpones the departure of `node`.
    pub(crate) fn postpone(&mut self, node: u32) {
        self.postponed.push(node);
    }

    /// Cancels the postponed departure of `node`. Returns false if there is none.
    pub(crate) fn cancel_postponed(&mut self, node: u32) -> bool {
        let found = self.postponed.iter().position(|&other| other == node);
        found.map(|at| self.postponed.remove(at)).is_some()
    }

    /// Takes the node whose departure has been postponed the longest.
    pub(crate) fn take_postponed(&mut self) -> Option<u32> {
        (!self.postponed.is_empty()).then(|| self.postponed.remove(0))
    }
}
