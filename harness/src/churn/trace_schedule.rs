//! Who of a [`Trace`] is where: a director's part of it.
//!
//! **Invariant:** a node of the trace is in one place at most.

use std::collections::VecDeque;

use hopwise_kernel::{Id, Time};

use crate::churn::Share;
use crate::churn::trace::{State, Trace, Transition};

const NONE: u32 = u32::MAX;

/// The nodes of a trace that fall to one director, and what is to come of them.
#[derive(Debug)]
pub(crate) struct Cast {
    /// Those of the start that have not entered yet.
    starters: VecDeque<u32>,
    transitions: VecDeque<Transition>,
    /// The start of the warm-up, once it is known.
    start: Option<Time>,
    /// By number of the node.
    players: Vec<Player>,
    /// Who is in a place, or [`NONE`].
    names: Vec<u32>,
    /// Who should have gone, but nobody would have been left.
    overdue: Vec<u32>,
}

#[derive(Clone, Copy, Debug)]
struct Player {
    place: u32,
    /// As whom it was last there.
    id: Option<Id>,
}

impl Cast {
    pub(crate) fn new(trace: &Trace, share: Share, places: usize) -> Cast {
        let starters: VecDeque<u32> = trace.members_of(share).collect();
        let transitions: VecDeque<Transition> = trace.transitions_of(share).collect();
        let numbers = starters.iter().copied().chain(transitions.iter().map(|it| it.node));
        let count = numbers.max().map_or(0, |last| last as usize + 1);
        Cast {
            starters,
            transitions,
            start: None,
            players: vec![Player { place: NONE, id: None }; count],
            names: vec![NONE; places],
            overdue: Vec::new(),
        }
    }

    /// The next node of the start.
    pub(crate) fn next_starter(&mut self) -> Option<u32> {
        self.starters.pop_front()
    }

    /// Times count from `start`.
    pub(crate) fn begin(&mut self, start: Time) {
        self.start = Some(start);
    }

    /// When the next move is due.
    pub(crate) fn next_due(&self) -> Time {
        let due = self.start.zip(self.transitions.front()).map(|(start, it)| start + it.at);
        due.unwrap_or(Time::NEVER)
    }

    /// Takes the next move that is due by `until`.
    pub(crate) fn take_due(&mut self, until: Time) -> Option<(Time, u32, State)> {
        let at = self.next_due();
        if at > until {
            return None;
        }
        self.transitions.pop_front().map(|it| (at, it.node, it.to))
    }

    /// `node` is in `place` from now on, as `id`.
    pub(crate) fn enter(&mut self, node: u32, place: u32, id: Id) {
        self.players[node as usize] = Player { place, id: Some(id) };
        self.names[place as usize] = node;
    }

    /// Whoever is in `place` goes.
    pub(crate) fn exit(&mut self, place: u32) {
        let name = std::mem::replace(&mut self.names[place as usize], NONE);
        if let Some(player) = self.players.get_mut(name as usize) {
            player.place = NONE;
        }
    }

    /// Where `node` is, if it is anywhere.
    pub(crate) fn place_of(&self, node: u32) -> Option<u32> {
        let place = self.players[node as usize].place;
        (place != NONE).then_some(place)
    }

    /// Who is in `place`.
    pub(crate) fn name_in(&self, place: u32) -> Option<u32> {
        Some(self.names[place as usize]).filter(|&name| name != NONE)
    }

    /// As whom `node` was last there.
    pub(crate) fn id_of(&self, node: u32) -> Option<Id> {
        self.players[node as usize].id
    }

    /// Puts off the departure of `node`.
    pub(crate) fn put_off(&mut self, node: u32) {
        self.overdue.push(node);
    }

    /// Takes back that the departure of `node` was put off; false if it was not.
    pub(crate) fn calls_off(&mut self, node: u32) -> bool {
        let found = self.overdue.iter().position(|&other| other == node);
        found.map(|at| self.overdue.remove(at)).is_some()
    }

    /// Who should have gone the longest ago.
    pub(crate) fn take_overdue(&mut self) -> Option<u32> {
        (!self.overdue.is_empty()).then(|| self.overdue.remove(0))
    }
}
