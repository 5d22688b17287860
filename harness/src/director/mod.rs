//! Drives churn and load: decides which nodes join, leave or crash, and which lookups start. Shared
//! by both engines.
//!
//! A director controls some places for hosts: all places in the simulator, those of one shard over
//! UDP. A host runs one node, in the same place, or several [virtual nodes](NodesPerHost), which join,
//! leave and crash with it. It is a member once all of them are. Its engine calls [`Director::turn`] repeatedly, each time with the end of the next period,
//! passes what nodes report to [`Director::on_event`], and implements [`NodeControl`].
//!
//! **Invariant:** every decision follows from the scenario, the seed and the reports of nodes.

mod admission;
mod agreement;
mod arrival;
pub mod calibration;
mod fault_schedule;
mod faults;
mod figures;
mod ledger;
mod load;
mod lookups;
mod membership;
mod node_control;
mod node_time;
mod setup;
#[cfg(test)]
mod tests;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use hopwise_kernel::{Id, Peer, Rng, Time};

use self::admission::Admission;
pub use self::agreement::Agreement;
use self::arrival::Join;
use self::calibration::Calibration;
use self::fault_schedule::FaultSchedule;
use self::ledger::Ledger;
use self::lookups::Lookups;
pub use self::node_control::NodeControl;
use self::node_time::NodeTime;
pub use self::setup::{Admitted, MembershipChanges, Setup};
use crate::Scenario;
use crate::base::hash::FixedHashMap;
use crate::churn::session_lengths::LengthSource;
use crate::churn::trace_schedule::TraceSchedule;
use crate::churn::{NodesPerHost, Share};
use crate::live::Feed;
use crate::measure::join_times::JoinTimes;
use crate::measure::metrics::Metrics;
use crate::measure::series::Series;
use crate::plug::NodeEvent;
use crate::scenario::{ChurnModel, Downtime, Load};
use crate::workload::Workload;
use crate::workload::arrivals::Arrivals;
use crate::workload::judge::Record;
use crate::workload::rate_curve::RateCurve;

/// Limits concurrent joins to one for this many members.
const JOINS_PER_MEMBER: usize = 4;
/// Concurrent joins that are always allowed.
const MIN_JOINS: usize = 8;
/// Time that a run may take beyond the measured phase and the deadline of its last lookups.
const DRAIN_SLACK: Duration = Duration::from_secs(10);
/// No position.
const NONE: u32 = u32::MAX;

/// See the [module](self).
#[derive(Debug)]
pub struct Director<W: Workload> {
    scenario: Scenario,
    share: Share,
    agreement: Arc<Agreement>,
    rng: Rng,
    workload: W,
    /// Start and end of the measured phase.
    phase: Option<(Time, Time)>,
    /// Members of the start that joining nodes may contact, in the order of their hosts.
    seeds: Arc<Vec<Peer>>,
    per_host: NodesPerHost,
    /// By place of a node: the identifier of the present or the last one.
    ids: Vec<Id>,
    /// The places of all hosts that are members, except the server.
    members: Vec<u32>,
    /// The places of nodes that are members while others of their hosts still join.
    early: BTreeSet<u32>,
    server: Option<Server>,
    /// Nodes that faults crashed and that have not returned, by the number of the crash.
    crashed: BTreeMap<u64, PendingJoin>,
    crashes: u64,
    /// By place: its index in `members`, or [`NONE`].
    position: Vec<u32>,
    /// Places that are free again. They are used before `untouched` ones.
    free: Vec<u32>,
    untouched: Range<u32>,
    /// Whether joining nodes take random free places. If some hosts are away at the start, all hosts
    /// are then up as often as each other.
    returns_anywhere: bool,
    /// Nodes that are still to join.
    to_join: Vec<PendingJoin>,
    /// The joins in progress, by place.
    joining: FixedHashMap<u32, Join>,
    /// The places of nodes whose join failed and is tried again.
    retry: Vec<u32>,
    /// Whether nodes that join with new identifiers choose these.
    chooses_place: bool,
    binds_ids: bool,
    /// The places of nodes that have chosen their identifiers, and these.
    chosen: Vec<(u32, Id)>,
    /// The places of nodes that departed in the last turn.
    departed: Vec<u32>,
    lookups: Lookups<W::Question>,
    /// Lookups whose next question is to be asked.
    next: Vec<u64>,
    admission: Admission,
    calibration: Option<Calibration>,
    /// The result of all directors' calibrations; 0 without one.
    capacity_per_s: f64,
    arrivals: Option<Arrivals>,
    churn_joins: Option<Arrivals>,
    churn_departures: Option<Arrivals>,
    sessions: Option<LengthSource>,
    downtimes: Option<LengthSource>,
    schedule: Option<TraceSchedule>,
    /// Sessions that end later than this are not stored.
    horizon: Time,
    /// Ends of sessions: the place, and the number of nodes that were in it before.
    ends: BinaryHeap<Reverse<(Time, u32, u32)>>,
    generations: Vec<u32>,
    /// Returns of departed nodes: the identifier, and the number of the crash if a fault caused it.
    returns: BinaryHeap<Reverse<(Time, Id, Option<u64>)>>,
    faults: FaultSchedule,
    records: Vec<Record<W>>,
    metrics: Metrics,
    /// Lookups of late, measured or not, for the display of progress.
    recent: Metrics,
    series: Series,
    life: NodeTime,
    /// Only if the driver knows what each lookup costs.
    ledger: Option<Ledger>,
    is_logged: bool,
    /// The feed of a live page, if there is one.
    feed: Option<Arc<Feed>>,
    changes: MembershipChanges,
    join_times: JoinTimes,
    starts_per_turn: usize,
    /// The start of this turn. What was due before is carried out now.
    now: Time,
}

/// A node that is still to join.
#[derive(Clone, Copy, Debug, Default)]
struct PendingJoin {
    /// Its identifier; `None` for a new one.
    id: Option<Id>,
    /// Its number in the trace, if it is a node of one.
    trace_node: Option<u32>,
    /// The place it had before, if it returns.
    place: Option<u32>,
}

/// The server of all other nodes.
#[derive(Clone, Copy, Debug)]
struct Server {
    place: u32,
    is_live: bool,
}

impl<W: Workload> Director<W> {
    /// A director of empty places.
    #[must_use]
    pub fn new(scenario: &Scenario, share: Share, setup: Setup<'_, W>) -> Director<W> {
        let Setup { places, to_join, seeds, trace, workload, has_server, .. } = setup;
        let Setup { starts_per_turn, knows_costs, is_logged, per_host, feed, .. } = setup;
        let node_places = places * per_host.count() as usize;
        let sessions = (scenario.churn.model == ChurnModel::Sessions)
            .then(|| LengthSource::new(scenario.churn.session));
        let downtimes = match scenario.churn.downtime {
            Downtime::Lasts(lengths) => Some(LengthSource::new(lengths)),
            Downtime::None => None,
        };
        Director {
            share,
            agreement: setup.agreement,
            scenario: scenario.clone(),
            rng: Rng::new(scenario.seed, stream(share, Stream::Choices)),
            workload,
            phase: None,
            seeds,
            per_host,
            ids: vec![Id::ZERO; node_places],
            members: Vec::with_capacity(places),
            early: BTreeSet::new(),
            server: (has_server && share.index == 0).then_some(Server { place: 0, is_live: false }),
            crashed: BTreeMap::new(),
            crashes: 0,
            position: vec![NONE; places],
            free: Vec::new(),
            untouched: 0..places as u32,
            returns_anywhere: false,
            to_join: vec![PendingJoin::default(); to_join],
            joining: FixedHashMap::default(),
            retry: Vec::new(),
            chooses_place: setup.chooses_place,
            binds_ids: setup.binds_ids,
            chosen: Vec::new(),
            departed: Vec::new(),
            lookups: Lookups::new(node_places),
            next: Vec::new(),
            admission: Admission::new(setup.admitted),
            calibration: None,
            capacity_per_s: 0.0,
            arrivals: None,
            churn_joins: None,
            churn_departures: None,
            sessions,
            downtimes,
            schedule: trace.map(|trace| TraceSchedule::new(trace, share, places)),
            horizon: Time::NEVER,
            ends: BinaryHeap::new(),
            generations: vec![0; places],
            returns: BinaryHeap::new(),
            faults: FaultSchedule::default(),
            records: Vec::new(),
            metrics: Metrics::new(),
            recent: Metrics::new(),
            series: Series::new(),
            life: NodeTime::default(),
            ledger: knows_costs.then(Ledger::new),
            is_logged,
            feed,
            changes: MembershipChanges::default(),
            join_times: JoinTimes::default(),
            starts_per_turn,
            now: Time::ZERO,
        }
    }

    /// Enters a host that is a member at the start, with the identifier of its first node, in the next
    /// free place, which is returned.
    pub fn enter_member(&mut self, id: Id, now: Time) -> Option<u32> {
        let place = self.free_place()?;
        self.set_ids(place, id);
        if self.is_server(place) {
            self.add_server(place);
            self.record_host_joined(place, now);
            return Some(place);
        }
        if let Some(schedule) = &mut self.schedule
            && let Some(node) = schedule.next_initial()
        {
            schedule.enter(node, place, id);
        }
        let length = self.sessions.map(|sessions| sessions.draw_residual(&mut self.rng));
        self.add_member(place, now, length);
        self.record_host_joined(place, now);
        Some(place)
    }

    /// Adds hosts that are away at the start, when all members have been entered. Each returns after
    /// what is left of its downtime.
    pub fn add_away(&mut self, hosts: usize, now: Time) {
        let Some(downtimes) = self.downtimes.filter(|_| hosts > 0) else { return };
        let from = self.churn_time(now);
        for _ in 0..hosts {
            let id = Id::random(&mut self.rng);
            let back = from + downtimes.draw_residual(&mut self.rng);
            self.returns.push(Reverse((back, id, None)));
        }
        self.free.extend(self.untouched.by_ref().take(hosts));
        self.returns_anywhere = true;
    }

    /// Sets the measured phase. The first call starts load, churn and the times of faults, one
    /// warm-up before `from`. A later call may end the phase sooner.
    pub fn set_phase(&mut self, from: Time, to: Time) {
        let begins = self.phase.is_none();
        if self.phase == Some((from, to)) {
            return;
        }
        if begins {
            self.plan(from);
        }
        self.phase = Some((from, to));
        self.life.set_phase(from, to, self.live());
        if begins {
            self.series.begin_phase(from - self.scenario.phases.warmup, "warmup");
            self.series.begin_phase(from, "measure");
            // Of a million sessions of an hour, few end within a minute. The others are not stored.
            self.horizon = to + self.scenario.workload.deadline + DRAIN_SLACK;
            self.ends.retain(|&Reverse((end, ..))| end <= self.horizon);
            self.ends.shrink_to_fit();
            self.returns.retain(|&Reverse((at, ..))| at <= self.horizon);
            self.returns.shrink_to_fit();
        }
        self.series.begin_phase(to, "drain");
    }

    /// Does everything that is due by `until`. `now`, the start of the turn, is not later. Lookups,
    /// departures and faults happen at their exact times, or at `now` if they are late; joins happen at
    /// `until`.
    pub fn turn(&mut self, nodes: &mut dyn NodeControl<W::Question>, now: Time, until: Time) {
        self.now = now;
        self.end_lookups_of_departed();
        self.turn_faults(nodes, until);
        self.turn_churn(nodes, until);
        self.turn_joins(nodes, until);
        self.turn_next(nodes, now);
        self.turn_load(nodes, now, until);
    }

    /// When the next turn is due, apart from reports.
    #[must_use]
    pub fn next_due(&mut self) -> Time {
        let mut next = Time::NEVER;
        for stream in [&mut self.arrivals, &mut self.churn_joins, &mut self.churn_departures] {
            next = next.min(stream.as_mut().map_or(Time::NEVER, Arrivals::next_due));
        }
        let end = self.ends.peek().map_or(Time::NEVER, |&Reverse((at, ..))| at);
        let back = self.returns.peek().map_or(Time::NEVER, |&Reverse((at, ..))| at);
        let fault = self.faults.next_due();
        let schedule = self.schedule.as_ref().map_or(Time::NEVER, TraceSchedule::next_due);
        next.min(end).min(back).min(fault).min(schedule)
    }

    /// Whether a turn is due now, because of what nodes reported.
    #[must_use]
    pub fn is_waiting(&self) -> bool {
        let closed_loop = self.phase.is_some()
            && matches!(self.scenario.workload.load, Load::InFlight(_))
            || self.calibration.as_ref().is_some_and(Calibration::is_open);
        !self.retry.is_empty()
            || !self.chosen.is_empty()
            || !self.departed.is_empty()
            || !self.next.is_empty()
            || (!self.to_join.is_empty() && self.joining.len() < self.max_joining())
            || closed_loop
    }

    /// Whether a fault that is still to come hits the busiest node.
    #[must_use]
    pub fn may_ask_for_busiest(&self) -> bool {
        self.faults.may_ask_for_busiest()
    }

    /// Handles what the node in `place` reported at `now`.
    pub fn on_event(&mut self, now: Time, place: u32, event: NodeEvent<W::Answer>) {
        match event {
            // A report of the previous node in this place.
            NodeEvent::Contacted { .. }
            | NodeEvent::Placed { .. }
            | NodeEvent::Joined
            | NodeEvent::JoinFailed
                if self.joining.get(&place).is_none_or(|join| now < join.inserted) => {}
            NodeEvent::Contacted { through } => {
                if let Some(join) = self.joining.get_mut(&place) {
                    join.on_contacted(now, through);
                }
            }
            NodeEvent::Placed { id } => {
                if let Some(join) = self.joining.get_mut(&place) {
                    join.on_placed(now);
                    self.chosen.push((place, id));
                }
            }
            NodeEvent::Joined => self.on_joined(now, place),
            NodeEvent::JoinFailed => {
                if let Some(join) = self.joining.get_mut(&place) {
                    join.on_failed();
                }
                self.retry.push(place);
            }
            NodeEvent::Arrived { took } => self.record_arrived(now, took),
            NodeEvent::Answered { token, answer, hops, timeouts, under_suspicion } => {
                if under_suspicion {
                    self.record_under_suspicion(token);
                }
                self.on_answered(now, token, answer, hops, timeouts);
            }
            NodeEvent::Refused { token } => self.end_refused(now, token),
            NodeEvent::Failed { token, timeouts } => self.end_failed(now, token, None, timeouts),
            NodeEvent::Obtained { token, took, bytes } => {
                self.end_follow_up(token, Some((took, bytes)));
            }
            NodeEvent::NotObtained { token } => self.end_follow_up(token, None),
            NodeEvent::DeclaredDead { peer } => self.record_death(now, place, peer, true),
            NodeEvent::Refuted { peer } => self.record_death(now, place, peer, false),
        }
    }

    /// Handles that the node in `place` became a member.
    fn on_joined(&mut self, now: Time, place: u32) {
        if let Some(join) = self.joining.remove(&place) {
            self.record_join_times(now, &join);
        }
        self.record_joined(place, now, false);
        let host = self.per_host.host_of(place);
        if self.per_host.nodes_of(host).any(|node| self.joining.contains_key(&node)) {
            self.early.insert(place);
            return;
        }
        if !self.per_host.is_one() {
            self.per_host.nodes_of(host).for_each(|node| _ = self.early.remove(&node));
        }
        if self.is_measured(now) {
            self.changes.joins += 1;
        }
        self.life.joined(now);
        if self.is_server(host) {
            self.add_server(host);
            return;
        }
        // What the measured phase begins with has been there for a while.
        let has_begun = self.returns_anywhere && self.phase.is_none();
        let length = self.sessions.map(|sessions| match has_begun {
            true => sessions.draw_residual(&mut self.rng),
            false => sessions.draw(&mut self.rng),
        });
        self.add_member(host, now, length);
    }

    /// Ends all lookups in progress at the end of a run. They are orphaned if it was interrupted.
    /// Otherwise they have had their time, and failed.
    pub fn end_lookups(&mut self, now: Time, is_interrupted: bool) {
        self.now = now;
        self.departed.extend(0..self.ids.len() as u32);
        if !is_interrupted {
            for place in std::mem::take(&mut self.departed) {
                while let Some(token) = self.lookups.first_of(place) {
                    self.end_failed(now, token, None, 0);
                }
            }
        }
        self.end_lookups_of_departed();
    }

    /// Takes the records that the judge needs, since the last call.
    pub fn take_records(&mut self) -> std::vec::Drain<'_, Record<W>> {
        self.records.drain(..)
    }

    /// The workload.
    #[must_use]
    pub fn workload(&self) -> &W {
        &self.workload
    }

    /// The number of hosts that are members.
    #[must_use]
    pub fn live(&self) -> usize {
        self.members.len() + usize::from(self.server.is_some_and(|server| server.is_live))
    }

    /// The places of all nodes that are members. Those of a host follow each other.
    pub fn members(&self) -> impl Iterator<Item = u32> {
        let server = self.server.filter(|server| server.is_live).map(|server| server.place);
        let hosts = self.members.iter().copied().chain(server);
        hosts.flat_map(|host| self.per_host.nodes_of(host)).chain(self.early.iter().copied())
    }

    /// The identifiers of all nodes that are members, each with the number of its host over all
    /// directors.
    pub fn ring(&self) -> impl Iterator<Item = (Id, u32)> {
        let host = |node| self.share.host(self.per_host.host_of(node));
        self.members().map(move |node| (self.ids[node as usize], host(node)))
    }

    /// The identifier of the present or the last node in `place`.
    #[must_use]
    pub fn id_of(&self, place: u32) -> Id {
        self.ids[place as usize]
    }

    fn is_measured(&self, at: Time) -> bool {
        is_within(self.phase, at)
    }

    fn add_member(&mut self, place: u32, now: Time, session: Option<Duration>) {
        self.position[place as usize] = self.members.len() as u32;
        self.members.push(place);
        self.agreement.add_member(self.share.index);
        let from = self.churn_time(now);
        if let Some(length) = session
            && from + length <= self.horizon
        {
            self.ends.push(Reverse((from + length, place, self.generations[place as usize])));
        }
    }

    fn add_server(&mut self, place: u32) {
        self.server = Some(Server { place, is_live: true });
    }

    fn is_server(&self, place: u32) -> bool {
        self.server.is_some_and(|server| server.place == place)
    }

    /// Sets the identifiers of the nodes of the host in `place`.
    fn set_ids(&mut self, place: u32, first: Id) {
        let nodes = self.per_host.nodes_of(place);
        for (node, id) in nodes.zip(self.per_host.ids(first)) {
            self.ids[node as usize] = id;
        }
    }

    /// The identifier of the first node of the host in `place`.
    fn id_of_host(&self, place: u32) -> Id {
        self.ids[self.per_host.nodes_of(place).start as usize]
    }

    /// Records that the host in `place` is a member from the start.
    fn record_host_joined(&mut self, place: u32, at: Time) {
        self.life.joined(at);
        self.per_host.nodes_of(place).for_each(|node| self.record_joined(node, at, true));
    }

    /// Records that the node in `place` became a member.
    fn record_joined(&mut self, place: u32, at: Time, is_initial: bool) {
        let host = self.share.host(self.per_host.host_of(place));
        let id = self.ids[place as usize];
        self.records.push(Record::Joined { id, host, at, is_initial });
        if let Some(feed) = &self.feed {
            feed.joined(id);
        }
    }

    /// Records that a member departed.
    fn record_gone(&mut self, id: Id, at: Time, announced: bool, counted: bool) {
        self.records.push(Record::Gone { id, at, announced, counted });
        if let Some(feed) = &self.feed {
            feed.gone(id, announced);
        }
    }

    /// Whether the node in `place` is a member.
    fn is_member(&self, place: u32) -> bool {
        let host = self.per_host.host_of(place);
        self.position[host as usize] != NONE || self.early.contains(&place)
    }

    /// Records that the member in `place` declared `peer` dead, or took that back. What a node
    /// reported before it departed, or before it is a member, does not count.
    fn record_death(&mut self, at: Time, place: u32, peer: Id, is_declared: bool) {
        if !self.is_member(place) {
            return;
        }
        let by = self.ids[place as usize];
        let counted = self.is_measured(at);
        self.records.push(match is_declared {
            true => Record::DeclaredDead { by, peer, at, counted },
            false => Record::Refuted { by, peer, at },
        });
    }

    /// A free place for a host that joins.
    fn place_to_join(&mut self) -> Option<u32> {
        if !self.returns_anywhere || self.free.is_empty() {
            return self.free_place();
        }
        let at = self.rng.below(self.free.len() as u64) as usize;
        Some(self.free.swap_remove(at))
    }

    fn free_place(&mut self) -> Option<u32> {
        self.free.pop().or_else(|| self.untouched.next())
    }

    /// A random host among the members.
    fn random_member(&mut self) -> Option<u32> {
        let at = self.rng.below(self.members.len() as u64) as usize;
        self.members.get(at).copied()
    }

    /// A random node of a random host among the members.
    fn random_node(&mut self) -> Option<u32> {
        let host = self.random_member()?;
        if self.per_host.is_one() {
            return Some(host);
        }
        let index = self.rng.below(self.per_host.count().into()) as u32;
        Some(self.per_host.nodes_of(host).start + index)
    }

    /// `now` as churn sees it: its clock stands still until the warm-up, so that bring-up ends.
    fn churn_time(&self, now: Time) -> Time {
        if self.phase.is_some() { now } else { Time::ZERO }
    }

    /// Schedules what depends on the measured phase.
    fn plan(&mut self, from: Time) {
        self.faults = FaultSchedule::new(&self.scenario, self.share, from);
        let changes = self.scenario.workload.profile.iter().flatten();
        self.series.cut(changes.flat_map(|change| [from + change.at, from + change.end()]));
        let start = from - self.scenario.phases.warmup;
        let shift = start.since(Time::ZERO);
        self.ends =
            self.ends.drain().map(|Reverse((at, a, b))| Reverse((at + shift, a, b))).collect();
        let returns = self.returns.drain();
        self.returns = returns.map(|Reverse((at, a, b))| Reverse((at + shift, a, b))).collect();
        if let Some(schedule) = &mut self.schedule {
            schedule.set_start(start);
        }
        let (share, seed) = (self.share, self.scenario.seed);
        let of = share.of as f64;
        let arrivals = |curve: RateCurve, which| {
            Some(Arrivals::new(curve, start, Rng::new(seed, stream(share, which))))
        };
        let workload = &self.scenario.workload;
        let capacity_per_s = self.capacity_per_s;
        self.arrivals = match workload.load {
            Load::PerSecond(rate) => {
                let changes = workload.profile.as_deref().unwrap_or_default();
                let curve = RateCurve::level(rate.per_s(capacity_per_s) / of).with_changes(
                    changes,
                    from,
                    |change| change.lookups_per_s.per_s(capacity_per_s) / of,
                );
                arrivals(curve, Stream::Lookups)
            }
            Load::PerNode(interval) => {
                let nodes = f64::from(self.scenario.nodes_at_start());
                let rate = nodes / interval.as_secs_f64();
                arrivals(RateCurve::level(rate / of), Stream::Lookups)
            }
            Load::InFlight(_) => None,
        };
        if self.scenario.churn.model == ChurnModel::Poisson {
            let churn = &self.scenario.churn;
            self.churn_joins = arrivals(RateCurve::level(churn.joins_per_s / of), Stream::Joins);
            self.churn_departures =
                arrivals(RateCurve::level(churn.departures_per_s / of), Stream::Departures);
        }
    }
}

/// Whether `at` lies in `phase`.
fn is_within(phase: Option<(Time, Time)>, at: Time) -> bool {
    phase.is_some_and(|(from, to)| at >= from && at < to)
}

/// The separate random generators of a director.
#[derive(Clone, Copy)]
enum Stream {
    Choices = 1,
    Lookups = 2,
    Joins = 3,
    Departures = 4,
}

const fn stream(share: Share, which: Stream) -> u64 {
    16 * share.index as u64 + which as u64
}

/// Takes the next arrival, if it is due by `until`.
fn take_due(arrivals: &mut Option<Arrivals>, until: Time) -> Option<Time> {
    arrivals.as_mut()?.take_due(until)
}
