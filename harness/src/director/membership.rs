//! Who comes and who goes: churn, the trace, and joins through the protocol.
//!
//! **Invariant:** the last member stays: nobody could join a ring without members.

use std::cmp::Reverse;
use std::time::Duration;

use hopwise_kernel::{Id, Peer, Time};

use super::{Director, JOINS_PER_MEMBER, MIN_JOINS, NONE, Newcomer, NodeControl, next_due};
use crate::churn::trace::State;
use crate::churn::trace_schedule::Cast;
use crate::scenario::{ChurnModel, Rejoin};
use crate::workload::Workload;
use crate::workload::judge::Record;

impl<W: Workload> Director<W> {
    pub(super) fn turn_churn(&mut self, nodes: &mut impl NodeControl<W::Question>, until: Time) {
        self.turn_cast(nodes, until);
        while next_due(&mut self.churn_joins, until).is_some() {
            self.to_join.push(Newcomer::default());
        }
        while let Some(at) = next_due(&mut self.churn_departures, until) {
            let graceful = self.draws_graceful();
            self.depart_random(nodes, at, graceful);
        }
        while let Some(&Reverse((end, place, generation))) = self.ends.peek()
            && end <= until
        {
            self.ends.pop();
            if self.generations[place as usize] == generation && self.members.len() > 1 {
                let graceful = self.draws_graceful();
                self.depart(nodes, end, place, graceful);
            }
        }
        while let Some(&Reverse((at, id, crash))) = self.returns.peek()
            && at <= until
        {
            self.returns.pop();
            if crash.is_some_and(|crash| self.crashed.remove(&crash).is_none()) {
                continue; // A fault has brought it back already.
            }
            let id = (self.scenario.churn.rejoin == Rejoin::SameId).then_some(id);
            self.to_join.push(Newcomer { id, name: None, place: None });
        }
    }

    /// Does what the trace says is due.
    fn turn_cast(&mut self, nodes: &mut impl NodeControl<W::Question>, until: Time) {
        let Some(mut cast) = self.cast.take() else { return };
        while let Some((at, name, to)) = cast.take_due(until) {
            match to {
                State::Up if cast.calls_off(name) || cast.place_of(name).is_some() => {}
                State::Up => {
                    self.crashed.retain(|_, newcomer| newcomer.name != Some(name));
                    let same = self.scenario.churn.rejoin == Rejoin::SameId;
                    let id = cast.id_of(name).filter(|_| same);
                    self.to_join.push(Newcomer { id, name: Some(name), place: None });
                }
                State::Down => self.take_down(nodes, &mut cast, at, name),
            }
        }
        while self.members.len() > 1
            && let Some(name) = cast.take_overdue()
        {
            self.take_down(nodes, &mut cast, until, name);
        }
        self.cast = Some(cast);
    }

    /// Takes a node of the trace down, wherever it is. The last member waits until another has
    /// joined: nobody could join a ring without members.
    fn take_down(
        &mut self,
        nodes: &mut impl NodeControl<W::Question>,
        cast: &mut Cast,
        at: Time,
        name: u32,
    ) {
        let Some(place) = cast.place_of(name) else {
            self.to_join.retain(|newcomer| newcomer.name != Some(name));
            return;
        };
        if self.position[place as usize] == NONE {
            cast.exit(place);
            self.give_up_join(nodes, at, place);
        } else if self.members.len() > 1 {
            cast.exit(place);
            let graceful = self.draws_graceful();
            self.depart(nodes, at, place, graceful);
        } else {
            cast.put_off(name);
        }
    }

    fn give_up_join(&mut self, nodes: &mut impl NodeControl<W::Question>, at: Time, place: u32) {
        nodes.depart(at, place, false);
        self.joining.remove(&place);
        self.retry.retain(|&other| other != place);
        self.free.push(place);
    }

    pub(super) fn draws_graceful(&mut self) -> bool {
        self.rng.unit() < self.scenario.churn.graceful
    }

    pub(super) fn depart_random(
        &mut self,
        nodes: &mut impl NodeControl<W::Question>,
        at: Time,
        graceful: bool,
    ) {
        if self.members.len() > 1
            && let Some(place) = self.random_member()
        {
            self.depart(nodes, at, place, graceful);
        }
    }

    /// Takes a member away, by its own will.
    pub(super) fn depart(
        &mut self,
        nodes: &mut impl NodeControl<W::Question>,
        at: Time,
        place: u32,
        graceful: bool,
    ) {
        self.take_away(nodes, at, place, graceful, None);
    }

    /// Takes a member away; `crash` is the number of the crash if a fault does it.
    pub(super) fn take_away(
        &mut self,
        nodes: &mut impl NodeControl<W::Question>,
        at: Time,
        place: u32,
        graceful: bool,
        crash: Option<u64>,
    ) {
        let id = self.ids[place as usize];
        match &mut self.server {
            Some(server) if server.place == place => server.is_live = false,
            _ => {
                self.take_out(place);
                self.free.push(place);
                self.plan_return(id, at, crash);
            }
        }
        if self.is_measured(at) {
            *(if graceful { &mut self.moves.leaves } else { &mut self.moves.crashes }) += 1;
        }
        nodes.depart(at, place, graceful);
        self.records.push(Record::Gone { id, at });
        if let Some(cast) = &mut self.cast {
            cast.exit(place);
        }
        self.generations[place as usize] += 1;
        self.departed.push(place);
    }

    /// `place` has no member any more.
    fn take_out(&mut self, place: u32) {
        let position = std::mem::replace(&mut self.position[place as usize], NONE);
        self.members.swap_remove(position as usize);
        if let Some(&moved) = self.members.get(position as usize) {
            self.position[moved as usize] = position;
        }
    }

    /// Sessions: who has gone comes back, as itself or as another.
    pub(super) fn plan_return(&mut self, id: Id, now: Time, crash: Option<u64>) {
        if self.scenario.churn.model != ChurnModel::Sessions {
            return;
        }
        let away = self.downtimes.map_or(Duration::ZERO, |downtimes| downtimes.draw(&mut self.rng));
        self.returns.push(Reverse((now + away, id, crash)));
    }

    pub(super) fn turn_joins(&mut self, nodes: &mut impl NodeControl<W::Question>, at: Time) {
        for place in std::mem::take(&mut self.retry) {
            self.send_join(nodes, at, place);
        }
        while self.joining.len() < self.most_joining()
            && let Some(&Newcomer { id, name, place }) = self.to_join.last()
            && let Some(place) =
                place.and_then(|place| self.take_back(place)).or_else(|| self.free_place())
        {
            self.to_join.pop();
            let id = id.unwrap_or_else(|| Id::random(&mut self.rng));
            let peer = Peer { id, address: nodes.address_of(place) };
            self.ids[place as usize] = id;
            if let Some(cast) = &mut self.cast
                && let Some(name) = name.or_else(|| cast.next_starter())
            {
                cast.enter(name, place, id);
            }
            nodes.insert(at, place, peer);
            self.joining.insert(place, at);
            self.send_join(nodes, at, place);
        }
    }

    /// A place that is wanted again, unless somebody else is there by now.
    fn take_back(&mut self, place: u32) -> Option<u32> {
        if self.is_server(place) {
            return Some(place);
        }
        let at = self.free.iter().position(|&free| free == place)?;
        Some(self.free.swap_remove(at))
    }

    pub(super) fn most_joining(&self) -> usize {
        MIN_JOINS.max(self.members.len() / JOINS_PER_MEMBER)
    }

    fn send_join(&mut self, nodes: &mut impl NodeControl<W::Question>, at: Time, place: u32) {
        let far = self.seeds[self.rng.below(self.seeds.len() as u64) as usize];
        let near = self.random_member().map(|member| Peer {
            id: self.ids[member as usize],
            address: nodes.address_of(member),
        });
        nodes.join(at, place, near.unwrap_or(far));
    }
}
