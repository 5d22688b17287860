//! The coordinator of a simulated run: phases, the director, the judge, and the ends of windows.
//!
//! **Invariant:** decisions depend on simulated time and the summaries of shards, never on the clock or
//! the number of threads. Only interrupts come from outside.

use std::mem;
use std::time::Duration;

use hopwise_kernel::drive::Counters;
use hopwise_kernel::{Address, Peer, Time};

use super::busiest::Busiest;
use super::costs::{self, Cost, LookupNumber};
use super::exchange::{Exchange, Report, Window};
use super::looks::Looks;
use super::partition::{Partition, address_of};
use super::queue::{Command, EventKind, Key, source};
use super::tracing::Tracing;
use crate::Scenario;
use crate::base::wall_clock::WallClock;
use crate::director::{Director, NodeControl, calibration};
use crate::engine::interruption::Interruption;
use crate::engine::totals::{Course, Sums, ring_at_end, sent};
use crate::live::{Progress, Snapshot};
use crate::measure::health::{Sample, TableCourse};
use crate::network::Network;
use crate::plug::{ProtocolOf, QuestionOf, System};
use crate::scenario::{Load, Measure};
use crate::workload::Workload;
use crate::workload::judge::Judge;

const SECOND: Duration = Duration::from_secs(1);
/// The longest bring-up through the protocol.
const BRING_UP_MAX: Duration = Duration::from_secs(3600);
/// Members entered at the start between two drops of their records.
const RECORDS_AT_ONCE: usize = 1024;
/// The longest window. It bounds the delay until the director reacts to a join or an answer.
const WINDOW_MAX: Duration = Duration::from_millis(5);

/// See the [module](self).
pub(super) struct Control<'a, S: System> {
    scenario: &'a Scenario,
    interruption: &'a Interruption<'a>,
    progress: &'a Progress,
    partition: Partition,
    director: Director<S::Workload>,
    judge: Judge<S::Workload>,
    /// Commands issued so far.
    commands: u64,
    /// Windows so far.
    windows: u64,
    /// The end of the last window.
    now: Time,
    window: Duration,
    network: &'a Network,
    phase: Phase,
    bring_up: Duration,
    capacity_per_s: Option<f64>,
    interrupted: bool,
    at_from: Counters,
    at_to: Counters,
    /// Runs since the start of the measured phase.
    measured_since: Option<WallClock>,
    measured_wall: Duration,
    /// The real time for which viewers have held the run, in all and in the measured phase.
    held: Duration,
    held_measured: Duration,
    second_at: Time,
    /// Bytes of maintenance up to the last second.
    maintenance_shown: u64,
    samples: Vec<(Time, Sample)>,
    /// The costs of lookups with lower numbers are taken in the next window.
    costs_before: Option<LookupNumber>,
    /// The costs of lookups with lower numbers have been taken.
    costs_end: LookupNumber,
    /// The costs of lookups with lower numbers have been entered.
    costs_entered: LookupNumber,
    looks: Looks,
    tables: TableCourse,
    reports: Vec<Report<S>>,
    tracing: Tracing<'a>,
    failure: Option<String>,
}

/// The phase of the run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Phase {
    BringUp,
    Calibrate { to: Time },
    Warmup { from: Time, to: Time },
    Measure { from: Time, to: Time },
    Drain { from: Time, to: Time },
}

impl Phase {
    const fn name(self) -> &'static str {
        match self {
            Phase::BringUp => "bring-up",
            Phase::Calibrate { .. } => "calibrate",
            Phase::Warmup { .. } => "warmup",
            Phase::Measure { .. } => "measure",
            Phase::Drain { .. } => "drain",
        }
    }
}

impl<'a, S: System> Control<'a, S> {
    /// Creates the coordinator. `director` and `judge` know the members of the start.
    #[expect(clippy::too_many_arguments, reason = "each part of a run once")]
    pub(super) fn new(
        scenario: &'a Scenario,
        interruption: &'a Interruption<'a>,
        progress: &'a Progress,
        partition: Partition,
        director: Director<S::Workload>,
        judge: Judge<S::Workload>,
        network: &'a Network,
        tracing: Tracing<'a>,
    ) -> Control<'a, S> {
        Control {
            scenario,
            interruption,
            progress,
            partition,
            director,
            judge,
            commands: 0,
            windows: 0,
            now: Time::ZERO,
            window: network.least_delay().min(WINDOW_MAX),
            network,
            phase: Phase::BringUp,
            bring_up: Duration::ZERO,
            capacity_per_s: None,
            interrupted: false,
            at_from: Counters::default(),
            at_to: Counters::default(),
            measured_since: None,
            measured_wall: Duration::ZERO,
            held: Duration::ZERO,
            held_measured: Duration::ZERO,
            second_at: Time::ZERO + SECOND,
            maintenance_shown: 0,
            samples: Vec::new(),
            costs_before: None,
            costs_end: 1,
            costs_entered: 1,
            looks: Looks::default(),
            tables: TableCourse::default(),
            reports: Vec::new(),
            tracing,
            failure: None,
        }
    }

    /// The simulated time.
    pub(super) fn now(&self) -> Time {
        self.now
    }

    /// The places of all members.
    pub(super) fn members(&self) -> impl Iterator<Item = u32> {
        self.director.members()
    }

    /// The number after that of the last lookup.
    pub(super) fn lookups_end(&self) -> LookupNumber {
        self.director.lookups_end()
    }

    /// The sums, the judge and the course of the run, or why it failed. `costs` are those of all
    /// lookups whose costs were not entered before.
    pub(super) fn finish(
        mut self,
        exchange: &Exchange<S>,
        threads: usize,
        costs: &[Cost],
    ) -> Result<(Sums, Judge<S::Workload>, Course), String> {
        if let Some(failure) = self.failure {
            return Err(failure);
        }
        if self.phase == Phase::BringUp {
            self.bring_up = self.now.since(Time::ZERO);
        }
        self.director.end_lookups(self.now, self.interrupted);
        self.director.take_records().for_each(|record| self.judge.take(record));
        let (from, to) = match self.phase {
            Phase::Drain { from, to } => (from, to),
            _ => (self.now, self.now),
        };
        self.judge.settle(Time::NEVER);
        self.enter_costs(costs);
        self.tracing.take_ends(&mut self.judge);
        let total = exchange.counters();
        let live = self.director.live();
        self.director.series().end(self.now, sent::<ProtocolOf<S>>(&total), live);
        let sums = Sums {
            metrics: self.director.metrics().clone(),
            counters: self.at_to.since(&self.at_from),
            total,
            changes: self.director.membership_changes(),
            joins: self.director.join_times().clone(),
            node_s: self.director.node_s(),
            series: self.director.series().clone(),
            ring: ring_at_end::<S>(&self.director),
            ..Sums::new()
        };
        let course = Course {
            end: self.now,
            samples: self.samples,
            measured_wall: self.measured_wall,
            bring_up: self.bring_up,
            capacity_per_s: self.capacity_per_s,
            measured: to.since(from),
            interrupted: self.interrupted,
            threads,
            tables: self.tables,
            cpu: None,
        };
        Ok((sums, self.judge, course))
    }

    /// Reads the summaries and sends commands. Returns the next window, or `None` when the run is over.
    pub(super) fn next_window(&mut self, exchange: &Exchange<S>) -> Option<Window> {
        let next_due = self.handle_summaries(exchange);
        self.end_look(exchange);
        self.end_costs(exchange);
        if !self.turn_phase(exchange) {
            return None;
        }
        self.turn_series(exchange);
        self.turn_second(exchange);
        self.progress.advance(self.phase.name(), self.now.since(Time::ZERO));
        let start = if self.director.is_waiting() {
            self.now
        } else {
            self.now.max(next_due.min(self.director.next_due()))
        };
        // There are no events before `start`, but a mark may be earlier.
        let until = (start + self.window).min(self.next_mark());
        self.show(start.min(until));
        if start <= until {
            let mut nodes =
                CommandSender { exchange, partition: self.partition, commands: &mut self.commands };
            self.director.turn(&mut nodes, start.max(self.now), until);
            self.director.take_records().for_each(|record| self.judge.take(record));
        }
        let traced = self.tracing.next(&mut self.judge, self.director.lookup_numbers());
        let is_measured = matches!(self.phase, Phase::Measure { .. });
        self.now = until;
        // A closed loop always waits for answers.
        let is_closed = matches!(self.scenario.workload.load, Load::InFlight(_));
        let is_gapless = is_closed && self.phase != Phase::BringUp;
        debug_assert!(!is_gapless || self.director.is_waiting(), "a gapless window after a gap");
        self.windows += 1;
        let number = self.windows;
        let looks_at = self.looks.members();
        let costs_before = self.costs_before.take().unwrap_or(0);
        Some(Window { number, until, is_measured, is_gapless, looks_at, costs_before, traced })
    }

    /// Shows viewers what has happened, and waits as they wish before `next`.
    fn show(&mut self, next: Time) {
        let Some(feed) = self.progress.feed() else { return };
        feed.turn(self.now, self.phase.name());
        let is_over = || self.interruption.is_requested();
        let held = feed.hold(self.now, next, self.phase.name(), is_over);
        self.held += held;
        if matches!(self.phase, Phase::Measure { .. }) {
            self.held_measured += held;
        }
    }

    /// The real time for which viewers have held the run.
    pub(super) fn held(&self) -> Duration {
        self.held
    }

    /// Handles the summaries of all shards. Returns when their next event is due.
    fn handle_summaries(&mut self, exchange: &Exchange<S>) -> Time {
        let mut next_due = Time::NEVER;
        self.tracing.take_steps(exchange);
        let mut reports = std::mem::take(&mut self.reports);
        for summary in &exchange.summaries {
            let mut summary = summary.lock();
            reports.append(&mut summary.reports);
            next_due = next_due.min(summary.next_due);
        }
        if exchange.summaries.len() > 1 {
            // A stable sort keeps the reports of each node in order.
            reports.sort_by_key(|&(time, place, _)| (time, place));
        }
        for (time, place, event) in reports.drain(..) {
            self.director.on_event(time, place, event);
        }
        self.reports = reports;
        if self.interruption.is_over() {
            // A window that was broken off ended where the next event is due.
            self.now = self.now.min(next_due);
        }
        self.director.take_records().for_each(|record| self.judge.take(record));
        self.judge.settle(self.now - Duration::from_nanos(1));
        next_due
    }

    /// Advances through all phases that are due. Returns false when the run is over.
    fn turn_phase(&mut self, exchange: &Exchange<S>) -> bool {
        if !self.interrupted && self.interruption.is_requested() {
            self.interrupted = true;
            match self.phase {
                Phase::BringUp | Phase::Calibrate { .. } => return false,
                // Nothing has been measured.
                Phase::Warmup { from, .. } => {
                    self.at_from = exchange.counters();
                    self.end_measuring(exchange, from, from);
                }
                Phase::Measure { from, .. } => self.end_measuring(exchange, from, self.now),
                Phase::Drain { .. } => {}
            }
        }
        if self.phase == Phase::BringUp
            && self.director.live() >= self.scenario.nodes_at_start() as usize
        {
            self.bring_up = self.now.since(Time::ZERO);
            if self.scenario.workload.needs_capacity() {
                self.director.calibrate(self.now);
                self.phase = Phase::Calibrate { to: self.now + calibration::LENGTH };
            } else {
                self.begin_warmup();
            }
        }
        if let Phase::Calibrate { to } = self.phase
            && self.has_calibrated(to)
        {
            match calibration::capacity_per_s(self.director.calibrated()) {
                Ok(capacity) => {
                    self.capacity_per_s = Some(capacity);
                    self.director.set_capacity(capacity);
                    self.begin_warmup();
                }
                Err(failure) => {
                    self.failure = Some(failure);
                    return false;
                }
            }
        }
        if let Phase::Warmup { from, to } = self.phase
            && self.now >= from
        {
            self.at_from = exchange.counters();
            self.measured_since = Some(WallClock::start());
            self.phase = Phase::Measure { from, to };
        }
        if let Phase::Measure { from, to } = self.phase
            && (self.now >= to || self.all_issued_ended())
        {
            self.end_measuring(exchange, from, to.min(self.now));
        }
        match self.phase {
            Phase::BringUp if self.now.since(Time::ZERO) >= BRING_UP_MAX => {
                self.failure = Some(format!(
                    "bring-up: after {} simulated seconds only {} of {} nodes are members",
                    BRING_UP_MAX.as_secs(),
                    self.director.live(),
                    self.scenario.nodes_at_start(),
                ));
                false
            }
            Phase::Drain { to, .. } => {
                self.director.outstanding() > 0
                    && !self.interruption.is_over()
                    && self.now <= to + self.scenario.workload.deadline + SECOND
            }
            _ => true,
        }
    }

    /// Plans the measured phase, one warm-up from now.
    fn begin_warmup(&mut self) {
        let from = self.now + self.scenario.phases.warmup;
        let to = match self.scenario.phases.measure {
            Measure::Lasting(length) => from + length,
            Measure::Lookups(_) => Time::from_ns(Time::NEVER.as_ns() - 1),
        };
        self.director.set_phase(from, to);
        self.network.disturbances().begin_phase(from);
        self.judge.begin_phase(from);
        self.phase = Phase::Warmup { from, to };
    }

    /// Whether the calibration, whose last lookups started before `to`, is over.
    fn has_calibrated(&self, to: Time) -> bool {
        let drained = to + self.scenario.workload.deadline + SECOND;
        self.now > drained || (self.now >= to && self.director.in_progress() == 0)
    }

    fn end_measuring(&mut self, exchange: &Exchange<S>, from: Time, to: Time) {
        self.director.set_phase(from, to);
        self.at_to = exchange.counters();
        let wall = self.measured_since.as_ref().map(WallClock::elapsed);
        self.measured_wall = wall.unwrap_or_default().saturating_sub(self.held_measured);
        self.phase = Phase::Drain { from, to };
    }

    fn all_issued_ended(&self) -> bool {
        let Measure::Lookups(wanted) = self.scenario.phases.measure else { return false };
        self.director.issued() >= wanted && self.director.outstanding() == 0
    }

    /// The next time at which a window must end, whatever happens.
    fn next_mark(&self) -> Time {
        let phase = match self.phase {
            Phase::BringUp | Phase::Drain { .. } => Time::NEVER,
            Phase::Calibrate { to } if self.now < to => to,
            Phase::Calibrate { .. } => Time::NEVER,
            Phase::Warmup { from, .. } => from,
            Phase::Measure { to, .. } => to,
        };
        phase.min(self.second_at)
    }

    /// Ends the intervals of the series that are over.
    fn turn_series(&mut self, exchange: &Exchange<S>) {
        if self.now >= self.director.series().next_due() {
            let (sent, live) = (sent::<ProtocolOf<S>>(&exchange.counters()), self.director.live());
            self.director.series().advance(self.now, sent, live);
        }
    }

    /// Shows the progress if a second is over, and has a look at the nodes.
    fn turn_second(&mut self, exchange: &Exchange<S>) {
        if self.now < self.second_at {
            return;
        }
        self.second_at = self.second_at + SECOND;
        // Nothing is in flight for lookups that are so old.
        let old = self.now - costs_kept_for(self.scenario);
        let end = self.director.first_open_lookup(old);
        self.costs_before = (end > self.costs_end).then_some(end);
        self.costs_end = end;
        let live_nodes = self.director.live();
        let counters = exchange.counters();
        let maintenance = sent::<ProtocolOf<S>>(&counters).maintenance_bytes;
        let lookups = self.director.recent();
        self.progress.update(&Snapshot::of_interval(
            self.phase.name(),
            self.now.since(Time::ZERO),
            live_nodes,
            lookups,
            maintenance - self.maintenance_shown,
            SECOND,
        ));
        lookups.clear();
        self.maintenance_shown = maintenance;
        let received = counters.received;
        let members = live_nodes * self.partition.per_host.count() as usize;
        if S::IS_RING && self.looks.are_due(members, received) {
            let peer = |place| Peer { id: self.director.id_of(place), address: address_of(place) };
            let members = self.director.members().map(peer);
            let is_measured = matches!(self.phase, Phase::Measure { .. });
            self.looks.begin(self.now, members, is_measured, received);
        }
    }

    /// Enters the costs that shards took in the last window.
    fn end_costs(&mut self, exchange: &Exchange<S>) {
        if self.costs_entered == self.costs_end {
            return;
        }
        let mut costs = Vec::new();
        for summary in &exchange.summaries {
            costs::merge(&mut costs, &mem::take(&mut summary.lock().costs));
        }
        self.enter_costs(&costs);
    }

    fn enter_costs(&mut self, costs: &[Cost]) {
        for (cost, number) in costs.iter().zip(self.costs_entered..) {
            self.director.enter_costs(cost.messages, cost.timeouts);
            if let Some(log) = self.judge.log() {
                log.costs(number, cost.messages, cost.timeouts);
            }
            self.tracing.take_costs(number, *cost);
        }
        self.costs_entered += costs.len() as LookupNumber;
    }

    /// Ends the look that shards had at their nodes in the last window, and enters what it found.
    fn end_look(&mut self, exchange: &Exchange<S>) {
        let Some((at, sample, is_measured)) = self.looks.end(exchange) else { return };
        if is_measured {
            self.tables.add(&sample);
        }
        self.samples.push((at, sample));
    }
}

/// How long after its start a lookup may still cause messages, at most.
pub(super) fn costs_kept_for(scenario: &Scenario) -> Duration {
    2 * scenario.workload.deadline + SECOND
}

/// Enters the hosts that are members at the start into `director`, of each the first node, in the order
/// of their places. The judge knows them already.
pub(super) fn enter_members<W: Workload>(
    director: &mut Director<W>,
    firsts: &[Peer],
    interruption: &Interruption<'_>,
) {
    let chunks = firsts.chunks(RECORDS_AT_ONCE);
    for firsts in chunks.take_while(|_| !interruption.is_requested()) {
        for first in firsts {
            director.enter_member(first.id, Time::ZERO);
        }
        director.take_records();
    }
}

/// Sends the director's actions to the shards as events.
struct CommandSender<'a, S: System> {
    exchange: &'a Exchange<S>,
    partition: Partition,
    commands: &'a mut u64,
}

impl<S: System> CommandSender<'_, S> {
    fn command(&mut self, at: Time, place: u32, command: Command<QuestionOf<S>>) {
        let key = self.next_key(at, place);
        self.exchange.commands[self.partition.shard_of(place)].lock().push_command(key, command);
    }

    fn send_join(&mut self, at: Time, place: u32, bootstraps: &[Peer], chooses_place: bool) {
        let key = self.next_key(at, place);
        let mut commands = self.exchange.commands[self.partition.shard_of(place)].lock();
        commands.push_join(key, bootstraps, chooses_place);
    }

    fn next_key(&mut self, at: Time, place: u32) -> Key {
        *self.commands += 1;
        Key {
            time: at,
            place,
            source: source::DIRECTOR,
            sequence: *self.commands,
            kind: EventKind::NodeTimer,
        }
    }
}

impl<S: System> NodeControl<QuestionOf<S>> for CommandSender<'_, S> {
    fn address_of(&self, place: u32) -> Address {
        address_of(place)
    }

    fn insert(&mut self, at: Time, place: u32, peer: Peer) {
        self.command(at, place, Command::Insert { peer });
    }

    fn join(&mut self, at: Time, place: u32, bootstraps: &[Peer]) {
        self.send_join(at, place, bootstraps, false);
    }

    fn choose_place(&mut self, at: Time, place: u32, bootstraps: &[Peer]) {
        self.send_join(at, place, bootstraps, true);
    }

    fn depart(&mut self, at: Time, place: u32, graceful: bool) {
        self.command(at, place, Command::Depart { graceful });
    }

    fn busiest(&mut self, _fault: u32) -> Option<u32> {
        let busiest = self.exchange.summaries.iter().map(|summary| summary.lock().busiest);
        Busiest::of_all(busiest).map(|busiest| busiest.place)
    }

    fn ask(
        &mut self,
        at: Time,
        place: u32,
        question: QuestionOf<S>,
        token: u64,
        lookup: LookupNumber,
    ) -> bool {
        self.command(at, place, Command::Ask { question, token, lookup });
        true
    }
}
