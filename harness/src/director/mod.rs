//! Who comes, who goes, and what is asked, whatever world the nodes live in.
//!
//! A director has charge of some places for nodes: all of them in a simulator, one shard's over
//! UDP. Its engine calls [`Director::turn`] again and again, each time for the stretch of time up
//! to `until`, passes every event of a node to [`Director::on_event`], and carries out what the
//! director wants through its [`Stage`].
//!
//! **Invariant:** latency counts from the intended start of a lookup, whenever it was really issued;
//! and everything decided follows from the scenario, the seed and the events.

mod faults;
mod load;
mod lookups;
mod membership;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashMap};
use std::iter::Peekable;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use hopwise_kernel::{Address, Event, Id, Peer, Rng, Time};

use self::lookups::Lookups;
use crate::Scenario;
use crate::churn::Share;
use crate::churn::session_lengths::LengthSource;
use crate::churn::trace::Trace;
use crate::churn::trace_schedule::Cast;
use crate::measure::metrics::Metrics;
use crate::scenario::{Amount, ChurnModel, Downtime, Fault, FaultKind, Load};
use crate::workload::Question;
use crate::workload::arrivals::Arrivals;
use crate::workload::items::{Catalogue, Draw};
use crate::workload::judge::Record;
use crate::workload::keys::KeySource;

/// Lookups begun in one turn, so that a turn ends.
const LOOKUPS_PER_TURN: usize = 512;
/// Most joins in flight at a time, as a share of the members.
const JOINS_PER_MEMBER: usize = 4;
const MIN_JOINS: usize = 8;
/// How much longer than its phase and the deadline of its last lookups a run may go on.
const DRAIN_SLACK: Duration = Duration::from_secs(10);
const NONE: u32 = u32::MAX;

/// Where nodes live, in places numbered from 0. Everything happens at the time given, which is not
/// before the turn's.
pub trait Stage {
    /// Where the node in `place` receives messages.
    fn address_of(&self, place: u32) -> Address;

    /// Puts a new node, no member of any ring, in `place`.
    fn insert(&mut self, at: Time, place: u32, peer: Peer);

    /// Has the node in `place` join the ring that `bootstrap` is a member of.
    fn join(&mut self, at: Time, place: u32, bootstrap: Peer);

    /// Takes the node in `place` away; announced if `graceful`.
    fn depart(&mut self, at: Time, place: u32, graceful: bool);

    /// Who has received most messages of late, if anybody has: of several, who is in the first place.
    fn busiest(&self) -> Option<u32>;

    /// Asks the node in `place`; false if there is no room for it. `token` comes back with the
    /// answer.
    fn ask(&mut self, at: Time, place: u32, question: Question, token: u64) -> bool;
}

/// What a director begins with.
#[derive(Clone, Debug)]
pub struct Setup<'a> {
    /// Places, all of them empty.
    pub places: usize,
    /// Nodes to be brought up through the protocol.
    pub to_join: usize,
    /// Members of the start, for nodes that know nobody.
    pub seeds: Arc<Vec<Peer>>,
    /// Whom it follows, if it follows a trace.
    pub trace: Option<&'a Trace>,
    /// What is asked for, if not keys.
    pub catalogue: Option<Arc<Catalogue>>,
    /// Whether the node of the first host serves all others: it is asked nothing, and only a fault
    /// takes it away.
    pub has_server: bool,
}

/// How often members came and went in the measured phase.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Moves {
    /// Joined through the protocol.
    pub joins: u64,
    /// Left, announced.
    pub leaves: u64,
    /// Crashed.
    pub crashes: u64,
}

/// Decides what happens to the nodes of some places.
#[derive(Debug)]
pub struct Director {
    scenario: Scenario,
    share: Share,
    rng: Rng,
    questions: Questions,
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
    lookups: Lookups,
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
    records: Vec<Record>,
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

/// Where questions come from.
#[derive(Debug)]
enum Questions {
    Keys(KeySource),
    Items(Draw),
}

/// A fault that is to come.
#[derive(Clone, Copy, Debug)]
struct Strike {
    at: Time,
    over: Duration,
    kind: FaultKind,
    amount: Amount,
}

impl Director {
    /// A director of places in which nobody is yet.
    #[must_use]
    pub fn new(scenario: &Scenario, share: Share, setup: Setup<'_>) -> Director {
        let Setup { places, to_join, seeds, trace, catalogue, has_server } = setup;
        let questions = match (&scenario.items, catalogue) {
            (Some(items), Some(_)) => Questions::Items(Draw::new(items)),
            _ => Questions::Keys(KeySource::new(scenario.workload.keys)),
        };
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
            questions,
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
    pub fn turn(&mut self, stage: &mut impl Stage, now: Time, until: Time) {
        self.end_lookups_of_departed();
        self.turn_faults(stage, until);
        self.turn_churn(stage, until);
        self.turn_joins(stage, until);
        self.turn_load(stage, now, until);
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

    /// The node in `place` has told something at `now`.
    pub fn on_event(&mut self, now: Time, place: u32, event: Event<'_>) {
        match event {
            // From before its place was given to another.
            Event::Joined | Event::JoinFailed
                if self.joining.get(&place).is_none_or(|&since| now < since) => {}
            Event::Joined => {
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
            Event::JoinFailed => self.retry.push(place),
            Event::LookupDone(done) => {
                let Some(lookup) = self.lookups.end(done.token) else { return };
                let latency = now.since(lookup.intended);
                let (hops, timeouts) = (done.hops.into(), done.timeouts.into());
                self.interval.record_completed(latency, hops, timeouts, 0);
                if lookup.counted
                    && let Question::Key(key) = lookup.question
                {
                    self.metrics.record_completed(latency, hops, timeouts, 0);
                    self.records.push(Record::Answered {
                        key,
                        owner: done.owner.id,
                        issued: lookup.intended,
                        answered: now,
                    });
                }
            }
            Event::LookupFailed { token, timeouts } => self.end_failed(token, timeouts),
            Event::Found(found) => self.on_found(now, &found),
            Event::Fetched { token, bytes, took, .. } => {
                self.end_transfer(token, Some((took, bytes.into())));
            }
            Event::FetchFailed { token } => self.end_transfer(token, None),
            Event::Received { .. } | Event::Sent { .. } | Event::SendFailed { .. } => {}
        }
    }

    /// What has to be known to judge answers, since this was last called.
    pub fn take_records(&mut self) -> std::vec::Drain<'_, Record> {
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
