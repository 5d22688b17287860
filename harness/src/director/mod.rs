//! Who comes, who goes, and what is asked, whatever world the nodes live in.
//!
//! A director has charge of some places for nodes: all of them in a simulator, one shard's over
//! UDP. Its engine calls [`Director::turn`] again and again, each time for the stretch of time up
//! to `until`, passes every event of a node to [`Director::on_event`], and carries out what the
//! director wants through its [`NodeControl`].
//!
//! **Invariant:** latency counts from the intended start of a lookup, whenever it was really issued;
//! and everything decided follows from the scenario, the seed and the events.

mod faults;
mod load;
mod lookups;
mod membership;
mod node_control;
mod setup;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashMap};
use std::iter::Peekable;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use hopwise_kernel::{Id, Peer, Rng, Time};

use self::lookups::Lookups;
pub use self::node_control::NodeControl;
pub use self::setup::{Moves, Setup};
use crate::Scenario;
use crate::churn::Share;
use crate::churn::session_lengths::LengthSource;
use crate::churn::trace_schedule::Cast;
use crate::measure::metrics::Metrics;
use crate::plug::Told;
use crate::scenario::{Amount, ChurnModel, Downtime, Fault, FaultKind, Load};
use crate::workload::Workload;
use crate::workload::arrivals::Arrivals;
use crate::workload::judge::Record;

/// Lookups begun in one turn, so that a turn ends.
const LOOKUPS_PER_TURN: usize = 512;
/// Most joins in flight at a time, as a share of the members.
const JOINS_PER_MEMBER: usize = 4;
const MIN_JOINS: usize = 8;
/// How much longer than its phase and the deadline of its last lookups a run may go on.
const DRAIN_SLACK: Duration = Duration::from_secs(10);
const NONE: u32 = u32::MAX;

/// Decides what happens to the nodes of some places.
#[derive(Debug)]
pub struct Director<W: Workload> {
    scenario: Scenario,
    share: Share,
    rng: Rng,
    workload: W,
    /// Start and end of the measured phase.
    phase: Option<(Time, Time)>,
    /// Members of the start, for nodes that know nobody.
    seeds: Arc<Vec<Peer>>,
    /// Who is or was last in a place.
    ids: Vec<Id>,
    /// The places of all members but the server.
    members: Vec<u32>,
    server: Option<Server>,
    /// Those whom faults have crashed and who have not come back, by the number of the crash.
    crashed: BTreeMap<u64, Newcomer>,
    crashes: u64,
    /// Where in `members` a place stands, or [`NONE`].
    position: Vec<u32>,
    /// Places given back, to be used again before those that nobody has been in yet.
    free: Vec<u32>,
    untouched: Range<u32>,
    /// Nodes still to be brought up through the protocol.
    to_join: Vec<Newcomer>,
    /// The places whose nodes are joining, and since when.
    joining: HashMap<u32, Time>,
    /// Nodes whose join failed and is to be tried again.
    retry: Vec<u32>,
    /// Places whose nodes have departed in the last turn.
    departed: Vec<u32>,
    lookups: Lookups<W::Question>,
    arrivals: Option<Peekable<Arrivals>>,
    churn_joins: Option<Peekable<Arrivals>>,
    churn_departures: Option<Peekable<Arrivals>>,
    sessions: Option<LengthSource>,
    downtimes: Option<LengthSource>,
    cast: Option<Cast>,
    /// Sessions that end later than this need not be kept in mind.
    horizon: Time,
    /// Ends of sessions: a place, and how many nodes it has had before this one.
    ends: BinaryHeap<Reverse<(Time, u32, u32)>>,
    generations: Vec<u32>,
    /// Returns of nodes that are away: who it was, and the number of the crash if a fault did it.
    returns: BinaryHeap<Reverse<(Time, Id, Option<u64>)>>,
    /// Latest first.
    faults: Vec<Strike>,
    records: Vec<Record<W>>,
    metrics: Metrics,
    interval: Metrics,
    moves: Moves,
}

/// A node that is still to be brought up through the protocol.
#[derive(Clone, Copy, Debug, Default)]
struct Newcomer {
    /// As whom; nothing: as somebody new.
    id: Option<Id>,
    /// Who of the trace it is.
    name: Option<u32>,
    /// Where it was before.
    place: Option<u32>,
}

/// The node that serves all others.
#[derive(Clone, Copy, Debug)]
struct Server {
    place: u32,
    is_live: bool,
}

/// A fault that is to come.
#[derive(Clone, Copy, Debug)]
struct Strike {
    at: Time,
    over: Duration,
    kind: FaultKind,
    amount: Amount,
}

impl<W: Workload> Director<W> {
    /// A director of places in which nobody is yet.
    #[must_use]
    pub fn new(scenario: &Scenario, share: Share, setup: Setup<'_, W>) -> Director<W> {
        let Setup { places, to_join, seeds, trace, workload, has_server } = setup;
        let sessions = (scenario.churn.model == ChurnModel::Sessions)
            .then(|| LengthSource::new(scenario.churn.session));
        let downtimes = match scenario.churn.downtime {
            Downtime::Lasts(lengths) => Some(LengthSource::new(lengths)),
            Downtime::None => None,
        };
        Director {
            share,
            scenario: scenario.clone(),
            rng: Rng::new(scenario.seed, stream(share, Stream::Choices)),
            workload,
            phase: None,
            seeds,
            ids: vec![Id::ZERO; places],
            members: Vec::with_capacity(places),
            server: (has_server && share.index == 0).then_some(Server { place: 0, is_live: false }),
            crashed: BTreeMap::new(),
            crashes: 0,
            position: vec![NONE; places],
            free: Vec::new(),
            untouched: 0..places as u32,
            to_join: vec![Newcomer::default(); to_join],
            joining: HashMap::new(),
            retry: Vec::new(),
            departed: Vec::new(),
            lookups: Lookups::new(places),
            arrivals: None,
            churn_joins: None,
            churn_departures: None,
            sessions,
            downtimes,
            cast: trace.map(|trace| Cast::new(trace, share, places)),
            horizon: Time::NEVER,
            ends: BinaryHeap::new(),
            generations: vec![0; places],
            returns: BinaryHeap::new(),
            faults: Vec::new(),
            records: Vec::new(),
            metrics: Metrics::new(),
            interval: Metrics::new(),
            moves: Moves::default(),
        }
    }

    /// The next free place has a node that was a member from the start, at `now`.
    pub fn enter_member(&mut self, peer: Peer, now: Time) -> Option<u32> {
        let place = self.free_place()?;
        self.ids[place as usize] = peer.id;
        if self.is_server(place) {
            self.add_server(place, now);
            return Some(place);
        }
        if let Some(cast) = &mut self.cast
            && let Some(name) = cast.next_starter()
        {
            cast.enter(name, place, peer.id);
        }
        let length = self.sessions.map(|sessions| sessions.draw_residual(&mut self.rng));
        self.add_member(place, now, length);
        Some(place)
    }

    /// The measured phase lies between these; may be called again to end it sooner. With the first
    /// call the load, the churn and the clock of the faults begin, a warm-up before `from`.
    pub fn set_phase(&mut self, from: Time, to: Time) {
        let begins = self.phase.is_none();
        self.phase = Some((from, to));
        if begins {
            self.plan(from);
            // Of a million sessions of an hour, few end within a minute.
            self.horizon = to + self.scenario.workload.deadline + DRAIN_SLACK;
            self.ends.retain(|&Reverse((end, ..))| end <= self.horizon);
            self.ends.shrink_to_fit();
        }
    }

    /// Does all that is due by `until`; `now` is when the turn begins, and no later. Lookups,
    /// departures and faults get their exact times; who joins does so at `until`.
    pub fn turn(&mut self, nodes: &mut impl NodeControl<W::Question>, now: Time, until: Time) {
        self.end_lookups_of_departed();
        self.turn_faults(nodes, until);
        self.turn_churn(nodes, until);
        self.turn_joins(nodes, until);
        self.turn_load(nodes, now, until);
    }

    /// When the next thing happens of its own accord.
    #[must_use]
    pub fn next_due(&mut self) -> Time {
        let mut next = Time::NEVER;
        for stream in [&mut self.arrivals, &mut self.churn_joins, &mut self.churn_departures] {
            let due = stream.as_mut().and_then(|stream| stream.peek().copied());
            next = next.min(due.unwrap_or(Time::NEVER));
        }
        let end = self.ends.peek().map_or(Time::NEVER, |&Reverse((at, ..))| at);
        let back = self.returns.peek().map_or(Time::NEVER, |&Reverse((at, ..))| at);
        let fault = self.faults.last().map_or(Time::NEVER, |strike| strike.at);
        let cast = self.cast.as_ref().map_or(Time::NEVER, Cast::next_due);
        next.min(end).min(back).min(fault).min(cast)
    }

    /// Whether a turn would do something whatever the time: after an event that calls for one.
    #[must_use]
    pub fn is_waiting(&self) -> bool {
        let closed_loop = matches!(self.scenario.workload.load, Load::InFlight(_));
        !self.retry.is_empty()
            || !self.departed.is_empty()
            || (!self.to_join.is_empty() && self.joining.len() < self.most_joining())
            || (closed_loop && self.phase.is_some())
    }

    /// Takes in what the node in `place` has reported at `now`.
    pub fn on_told(&mut self, now: Time, place: u32, told: Told<W::Answer>) {
        match told {
            // From before its place was given to another.
            Told::Joined | Told::JoinFailed
                if self.joining.get(&place).is_none_or(|&since| now < since) => {}
            Told::Joined => {
                self.joining.remove(&place);
                if self.is_measured(now) {
                    self.moves.joins += 1;
                }
                if self.is_server(place) {
                    self.add_server(place, now);
                    return;
                }
                let length = self.sessions.map(|sessions| sessions.draw(&mut self.rng));
                self.add_member(place, now, length);
            }
            Told::JoinFailed => self.retry.push(place),
            Told::Answered { token, answer, hops, timeouts } => {
                self.on_answered(now, token, answer, hops, timeouts);
            }
            Told::Failed { token, timeouts } => self.end_failed(token, timeouts),
            Told::Obtained { token, took, bytes } => {
                self.end_follow_up(token, Some((took, bytes)));
            }
            Told::NotObtained { token } => self.end_follow_up(token, None),
        }
    }

    /// What has to be known to judge answers, since this was last called.
    pub fn take_records(&mut self) -> std::vec::Drain<'_, Record<W>> {
        self.records.drain(..)
    }

    /// Members now.
    #[must_use]
    pub fn live(&self) -> usize {
        self.members.len() + usize::from(self.server.is_some_and(|server| server.is_live))
    }

    /// The places of all members now.
    pub fn members(&self) -> impl Iterator<Item = u32> {
        let server = self.server.filter(|server| server.is_live).map(|server| server.place);
        self.members.iter().copied().chain(server)
    }

    /// Measured lookups begun, or that should have been.
    #[must_use]
    pub fn issued(&self) -> u64 {
        self.metrics.issued
    }

    /// Measured lookups that have not ended.
    #[must_use]
    pub fn outstanding(&self) -> usize {
        self.lookups.counted()
    }

    /// Lookups of the measured phase.
    #[must_use]
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// Lookups since the interval was last [cleared](Metrics::clear), measured or not.
    pub fn interval(&mut self) -> &mut Metrics {
        &mut self.interval
    }

    /// Who came and went in the measured phase.
    #[must_use]
    pub fn moves(&self) -> Moves {
        self.moves
    }

    fn is_measured(&self, at: Time) -> bool {
        self.phase.is_some_and(|(from, to)| at >= from && at < to)
    }

    fn add_member(&mut self, place: u32, now: Time, session: Option<Duration>) {
        self.position[place as usize] = self.members.len() as u32;
        self.members.push(place);
        if let Some(length) = session
            && now + length <= self.horizon
        {
            self.ends.push(Reverse((now + length, place, self.generations[place as usize])));
        }
        self.tell_joined(place, now);
    }

    fn add_server(&mut self, place: u32, now: Time) {
        self.server = Some(Server { place, is_live: true });
        self.tell_joined(place, now);
    }

    fn is_server(&self, place: u32) -> bool {
        self.server.is_some_and(|server| server.place == place)
    }

    fn tell_joined(&mut self, place: u32, at: Time) {
        let (id, host) = (self.ids[place as usize], self.share.host(place));
        self.records.push(Record::Joined { id, host, at });
    }

    fn free_place(&mut self) -> Option<u32> {
        self.free.pop().or_else(|| self.untouched.next())
    }

    fn random_member(&mut self) -> Option<u32> {
        let at = self.rng.below(self.members.len() as u64) as usize;
        self.members.get(at).copied()
    }

    /// Begins what waits for the measured phase to be known.
    fn plan(&mut self, from: Time) {
        self.faults = self
            .scenario
            .faults
            .iter()
            .rev()
            .map(|fault| {
                let Fault { at, over, kind, amount } = fault.clone();
                Strike { at: from + at, over, kind, amount }
            })
            .collect();
        self.faults.sort_by_key(|strike| Reverse(strike.at));
        let start = from - self.scenario.phases.warmup;
        if let Some(cast) = &mut self.cast {
            cast.begin(start);
        }
        let (share, seed) = (self.share, self.scenario.seed);
        let arrivals = |rate: f64, which| {
            let rng = Rng::new(seed, stream(share, which));
            Some(Arrivals::new(rate / share.of as f64, start, rng).peekable())
        };
        self.arrivals = match self.scenario.workload.load {
            Load::PerSecond(rate) => arrivals(rate, Stream::Lookups),
            Load::PerNode(interval) => {
                let rate = f64::from(self.scenario.nodes) / interval.as_secs_f64();
                arrivals(rate, Stream::Lookups)
            }
            Load::InFlight(_) => None,
        };
        if self.scenario.churn.model == ChurnModel::Poisson {
            self.churn_joins = arrivals(self.scenario.churn.joins_per_s, Stream::Joins);
            self.churn_departures =
                arrivals(self.scenario.churn.departures_per_s, Stream::Departures);
        }
    }
}

/// What a director draws from separate generators.
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

fn next_due(arrivals: &mut Option<Peekable<Arrivals>>, until: Time) -> Option<Time> {
    arrivals.as_mut()?.next_if(|&at| at <= until)
}
