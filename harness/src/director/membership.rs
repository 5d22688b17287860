//! Membership: churn, traces, and joins through the protocol.
//!
//! **Invariant:** the last member of a director never departs, because no node could join after that.

use std::cmp::Reverse;
use std::time::Duration;

use hopwise_kernel::node::MAX_BOOTSTRAPS;
use hopwise_kernel::{Address, Id, Peer, Time};
use smallvec::SmallVec;

use super::arrival::Join;
use super::{Director, JOINS_PER_MEMBER, MIN_JOINS, NONE, NodeControl, PendingJoin, take_due};
use crate::churn::trace::State;
use crate::churn::trace_schedule::TraceSchedule;
use crate::scenario::{ChurnModel, Rejoin};
use crate::workload::Workload;

impl<W: Workload> Director<W> {
    /// Starts the joins and departures of churn that are due by `until`.
    pub(super) fn turn_churn(&mut self, nodes: &mut dyn NodeControl<W::Question>, until: Time) {
        self.turn_trace(nodes, until);
        if self.phase.is_none() {
            return;
        }
        while take_due(&mut self.churn_joins, until).is_some() {
            self.to_join.push(PendingJoin::default());
        }
        while let Some(at) = take_due(&mut self.churn_departures, until) {
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
            self.to_join.push(PendingJoin { id, trace_node: None, place: None });
        }
    }

    /// Applies the transitions of the trace that are due by `until`.
    fn turn_trace(&mut self, nodes: &mut dyn NodeControl<W::Question>, until: Time) {
        let Some(mut schedule) = self.schedule.take() else { return };
        while let Some((at, node, to)) = schedule.take_due(until) {
            match to {
                State::Up
                    if schedule.cancel_postponed(node) || schedule.place_of(node).is_some() => {}
                State::Up => {
                    self.crashed.retain(|_, pending| pending.trace_node != Some(node));
                    let same = self.scenario.churn.rejoin == Rejoin::SameId;
                    let id = schedule.id_of(node).filter(|_| same);
                    self.to_join.push(PendingJoin { id, trace_node: Some(node), place: None });
                }
                State::Down => self.take_down(nodes, &mut schedule, at, node),
            }
        }
        while self.members.len() > 1
            && let Some(node) = schedule.take_postponed()
        {
            self.take_down(nodes, &mut schedule, until, node);
        }
        self.schedule = Some(schedule);
    }

    /// Takes a node of the trace down. The departure of the last member is postponed until another
    /// node has joined.
    fn take_down(
        &mut self,
        nodes: &mut dyn NodeControl<W::Question>,
        schedule: &mut TraceSchedule,
        at: Time,
        node: u32,
    ) {
        let Some(place) = schedule.place_of(node) else {
            self.to_join.retain(|pending| pending.trace_node != Some(node));
            return;
        };
        if self.position[place as usize] == NONE {
            schedule.exit(place);
            self.abort_join(nodes, at, place);
        } else if self.members.len() > 1 {
            schedule.exit(place);
            let graceful = self.draws_graceful();
            self.depart(nodes, at, place, graceful);
        } else {
            schedule.postpone(node);
        }
    }

    /// Removes a host that is still joining.
    fn abort_join(&mut self, nodes: &mut dyn NodeControl<W::Question>, at: Time, place: u32) {
        for node in self.per_host.nodes_of(place) {
            nodes.depart(at, node, false);
            self.joining.remove(&node);
            self.retry.retain(|&other| other != node);
            self.chosen.retain(|&(other, _)| other != node);
            if self.early.remove(&node) {
                // It was there until now.
                let at = at.max(self.now);
                let (id, counted) = (self.ids[node as usize], self.is_measured(at));
                self.record_gone(id, at, false, counted);
            }
        }
        self.free.push(place);
    }

    /// Draws whether a departure is announced.
    pub(super) fn draws_graceful(&mut self) -> bool {
        self.rng.unit() < self.scenario.churn.graceful
    }

    /// Removes a random member, unless it is the last.
    pub(super) fn depart_random(
        &mut self,
        nodes: &mut dyn NodeControl<W::Question>,
        at: Time,
        graceful: bool,
    ) {
        if self.members.len() > 1
            && let Some(place) = self.random_member()
        {
            self.depart(nodes, at, place, graceful);
        }
    }

    /// Removes a member that departs through churn or a trace.
    pub(super) fn depart(
        &mut self,
        nodes: &mut dyn NodeControl<W::Question>,
        at: Time,
        place: u32,
        graceful: bool,
    ) {
        self.remove_member(nodes, at, place, graceful, None);
    }

    /// Removes a member. `crash` is the number of the crash if it is due to a fault.
    pub(super) fn remove_member(
        &mut self,
        nodes: &mut dyn NodeControl<W::Question>,
        at: Time,
        place: u32,
        graceful: bool,
        crash: Option<u64>,
    ) {
        let id = self.id_of_host(place);
        match &mut self.server {
            Some(server) if server.place == place => server.is_live = false,
            _ => {
                self.forget_member(place);
                self.free.push(place);
                self.plan_return(id, at, crash);
            }
        }
        // The node was there until now, even if its departure was due before.
        let at = at.max(self.now);
        self.life.departed(at);
        let counted = self.is_measured(at);
        if counted {
            *(if graceful { &mut self.changes.leaves } else { &mut self.changes.crashes }) += 1;
        }
        for node in self.per_host.nodes_of(place) {
            nodes.depart(at, node, graceful);
            let id = self.ids[node as usize];
            self.record_gone(id, at, graceful, counted);
            self.departed.push(node);
        }
        if let Some(schedule) = &mut self.schedule {
            schedule.exit(place);
        }
        self.generations[place as usize] += 1;
    }

    /// Removes `place` from the list of members.
    fn forget_member(&mut self, place: u32) {
        let position = std::mem::replace(&mut self.position[place as usize], NONE);
        self.members.swap_remove(position as usize);
        self.agreement.remove_member(self.share.index);
        if let Some(&moved) = self.members.get(position as usize) {
            self.position[moved as usize] = position;
        }
    }

    /// Schedules the return of a departed node, if churn follows sessions.
    pub(super) fn plan_return(&mut self, id: Id, now: Time, crash: Option<u64>) {
        if self.scenario.churn.model != ChurnModel::Sessions {
            return;
        }
        let away = self.downtimes.map_or(Duration::ZERO, |downtimes| downtimes.draw(&mut self.rng));
        self.returns.push(Reverse((now + away, id, crash)));
    }

    /// Starts pending joins, as many as may be in progress at a time.
    pub(super) fn turn_joins(&mut self, nodes: &mut dyn NodeControl<W::Question>, at: Time) {
        for (place, id) in std::mem::take(&mut self.chosen) {
            self.replace(nodes, at, place, id);
        }
        for place in std::mem::take(&mut self.retry) {
            self.send_join(nodes, at, place);
        }
        while self.joining.len() < self.max_joining()
            && let Some(&PendingJoin { id, trace_node, place }) = self.to_join.last()
            && let Some(place) =
                place.and_then(|place| self.reclaim(place)).or_else(|| self.place_to_join())
        {
            self.to_join.pop();
            let is_choosing = id.is_none() && self.chooses_place;
            let id = match self.binds_ids {
                true => Peer::of_address(nodes.address_of(place)).id,
                false => id.unwrap_or_else(|| Id::random(&mut self.rng)),
            };
            self.set_ids(place, id);
            if let Some(schedule) = &mut self.schedule
                && let Some(node) = trace_node.or_else(|| schedule.next_initial())
            {
                schedule.enter(node, place, id);
            }
            for node in self.per_host.nodes_of(place) {
                nodes.insert(at, node, self.peer(nodes, node));
                self.joining.insert(node, Join::new(at, is_choosing));
                self.send_join(nodes, at, node);
            }
        }
    }

    /// The peer of the node in `place`.
    fn peer(&self, nodes: &dyn NodeControl<W::Question>, place: u32) -> Peer {
        Peer { id: self.ids[place as usize], address: nodes.address_of(place) }
    }

    /// Takes `place` from the free places. `None` if another node is in it.
    fn reclaim(&mut self, place: u32) -> Option<u32> {
        if self.is_server(place) {
            return Some(place);
        }
        let at = self.free.iter().position(|&free| free == place)?;
        Some(self.free.swap_remove(at))
    }

    /// The most joins of nodes in progress at a time. The last host to start may exceed it.
    pub(super) fn max_joining(&self) -> usize {
        let members = self.members.len() * self.per_host.count() as usize;
        MIN_JOINS.max(members / JOINS_PER_MEMBER)
    }

    /// Starts the join of the node in `place`.
    fn send_join(&mut self, nodes: &mut dyn NodeControl<W::Question>, at: Time, place: u32) {
        let mut known = self.known_bootstraps(nodes.address_of(place));
        if known.is_empty() {
            known.push(self.any_member(nodes));
        }
        let join = self.joining.get(&place);
        // The one that has answered before comes first.
        if let Some(through) = join.and_then(Join::through) {
            known.retain(|&mut peer| peer != through);
            known.truncate(MAX_BOOTSTRAPS - 1);
            known.insert(0, through);
        }
        if join.is_some_and(|join| join.is_choosing) {
            nodes.choose_place(at, place, &known);
        } else {
            nodes.join(at, place, &known);
        }
    }

    /// Puts a node with the identifier `id` in the place of the one that has chosen it, and starts its join.
    fn replace(&mut self, nodes: &mut dyn NodeControl<W::Question>, at: Time, place: u32, id: Id) {
        let Some(join) = self.joining.get_mut(&place) else { return };
        join.on_replaced(at);
        self.ids[place as usize] = id;
        if let Some(schedule) = &mut self.schedule
            && let Some(node) = schedule.node_in(place)
        {
            schedule.enter(node, place, id);
        }
        nodes.depart(at, place, false);
        nodes.insert(at, place, Peer { id, address: nodes.address_of(place) });
        self.send_join(nodes, at, place);
    }

    /// The well-known bootstraps, if the scenario has any, in random order and without that at `own`.
    fn known_bootstraps(&mut self, own: Address) -> SmallVec<[Peer; MAX_BOOTSTRAPS]> {
        let count = (self.scenario.churn.bootstraps as usize).min(self.seeds.len());
        let mut known: SmallVec<[Peer; MAX_BOOTSTRAPS]> = SmallVec::new();
        let mut left: Vec<usize> = (0..count).collect();
        while known.len() < MAX_BOOTSTRAPS && !left.is_empty() {
            let at = self.rng.below(left.len() as u64) as usize;
            let peer = self.seeds[left.swap_remove(at)];
            if peer.address != own {
                known.push(peer);
            }
        }
        known
    }

    /// A random member; one of the start if there is none now.
    fn any_member(&mut self, nodes: &mut dyn NodeControl<W::Question>) -> Peer {
        let far = self.seeds[self.rng.below(self.seeds.len() as u64) as usize];
        let near = self.random_node().map(|member| self.peer(nodes, member));
        near.unwrap_or(far)
    }
}
