//! Checks after every event whether the ring keeps the promises of its protocol.
//!
//! The promises (Zave, *Reasoning about identifier spaces*, IEEE TSE 2017): once the [`Invariant`]
//! holds, no action of a node breaks it, and once joins and departures stop, the ring becomes
//! exact. The protocol does not promise to survive these failures:
//!
//! * a departure that leaves too few members that no list skips. A list in flight to the node that
//!   requested it may still skip a member, because the proof assumes that requests take no time;
//! * a member without a live successor, if at least r members departed within the time in which a
//!   list is refilled;
//! * a ring that has shrunk to r members or fewer;
//! * a network or nodes that are disturbed, and the quiet time after.
//!
//! After any of these nothing is checked until the invariant holds again. At the end of the run the ring
//! must be exact, if for the quiet time no member joined or departed and nothing was disturbed, and if no
//! message is lost otherwise. Everything else counts:
//!
//! | regime | the invariant breaks | a member is still skipped after the quiet time | a live predecessor gives way to one that is not nearer |
//! |---|---|---|---|
//! | exact detection | violation | violation | violation |
//! | suspicion | violation if it is not repaired within the quiet time | | |
//!
//! The quiet time is [`ROUNDS`] rounds of stabilize, two more for each entry of a list, because
//! news travels back one member per round, and the time to detect some dead peers. Several
//! departures at one instant are checked together.
//!
//! **Invariant:** only looks. A run behaves the same with and without it.

use std::collections::{BTreeSet, VecDeque};
use std::mem;
use std::ops::Bound;
use std::time::Duration;

use hopwise_kernel::ring::RingNode;
use hopwise_kernel::{Id, Node, Peer, Time};

use super::Ring;
use super::invariant::{Invariant, Violation, pairs};
use crate::Scenario;
use crate::measure::outcome::{Check, Finding, Regime};
use crate::network::{Disturbances, Network};
use crate::plug::Checker;
use crate::scenario::Timeout;

/// Rounds of stabilize within which the ring must be repaired, besides two for each entry of a
/// list.
const ROUNDS: u32 = 20;
/// Dead peers that may have to be detected one after another meanwhile.
const DEAD_PEERS: u32 = 4;
/// Time until a peer is declared dead, in timeouts: three attempts, each twice as long as the one
/// before.
const TIMEOUTS_TO_DEATH: u32 = 1 + 2 + 4;

/// Checks a ring after every event: see the [invariant](super::invariant).
#[derive(Debug)]
pub struct RingChecker {
    successors: usize,
    regime: Regime,
    /// The quiet time; `None` without stabilize, because then the ring is never repaired.
    quiet_time: Option<Duration>,
    invariant: Invariant,
    /// By place: the node, if it is a member.
    members: Vec<Option<Seen>>,
    member_count: usize,
    disturbances: Disturbances,
    /// Whether live nodes can be declared dead while nothing is disturbed: messages are lost, or are later than
    /// any bound that nodes know.
    is_lossy: bool,
    /// By place: since when a node is there that is no member.
    outside_since: Vec<Option<Time>>,
    /// The longest time a list is in flight.
    flight_time: Duration,
    /// Recently replaced lists, their members, and when they were replaced.
    replaced: VecDeque<(Time, Id, Vec<Id>)>,
    /// The member whose list changed last.
    changed: Option<Id>,
    /// Times of recent departures.
    departures: VecDeque<Time>,
    /// Whether departures of this instant are still to be checked.
    has_departures: bool,
    /// When a member joined or departed last.
    changed_at: Time,
    /// Whether as many members as a list has entries departed within the quiet time, and the invariant has not
    /// held since.
    is_beyond_repair: bool,
    now: Time,
    state: State,
    /// The end of the present quiet time.
    quiet_at: Time,
    found: Check,
}

/// A member as an event left it.
#[derive(Clone, Debug)]
struct Seen {
    id: Id,
    /// Its successor list: hardly any event changes it, and comparing it costs no search.
    list: Vec<Peer>,
    predecessor: Option<Peer>,
}

/// The state of the invariant.
#[derive(Clone, Copy, Debug)]
enum State {
    /// It has not held yet, or not since failures broke it. Nothing is checked.
    Unarmed,
    Holds,
    /// With suspicion: broken since then.
    Broken {
        since: Time,
        first: Violation,
    },
}

impl RingChecker {
    /// Creates the checker of a run.
    pub(in super::super) fn new(
        scenario: &Scenario,
        network: &Network,
        places: u32,
    ) -> RingChecker {
        let regime = network.undisturbed_detection(scenario.network.timeout);
        let greatest_delay = network.greatest_delay();
        let ring = scenario.section::<Ring>();
        let successors = ring.successors as usize;
        let timeout = match scenario.network.timeout {
            Timeout::Fixed(timeout) => timeout,
            Timeout::Adaptive => Duration::ZERO,
        };
        let quiet_time = ring.stabilize.map(|period| {
            period * (ROUNDS + 2 * ring.successors) + timeout * (DEAD_PEERS * TIMEOUTS_TO_DEATH)
        });
        RingChecker {
            successors,
            regime,
            quiet_time,
            invariant: Invariant::new(successors),
            members: vec![None; places as usize],
            member_count: 0,
            disturbances: network.disturbances().clone(),
            is_lossy: match scenario.network.timeout {
                Timeout::Fixed(_) => regime != Regime::ExactDetection,
                Timeout::Adaptive => network.loss() > 0.0 || greatest_delay.is_none(),
            },
            outside_since: vec![None; places as usize],
            flight_time: greatest_delay.unwrap_or_default(),
            replaced: VecDeque::new(),
            changed: None,
            departures: VecDeque::new(),
            has_departures: false,
            changed_at: Time::ZERO,
            is_beyond_repair: false,
            now: Time::ZERO,
            state: State::Unarmed,
            quiet_at: Time::NEVER,
            found: Check::default(),
        }
    }
}

impl Checker<RingNode> for RingChecker {
    #[inline]
    fn time_is(&mut self, now: Time) {
        if now > self.now {
            if mem::take(&mut self.has_departures) {
                self.update(true);
            }
            self.now = now;
            let flight_time = self.flight_time;
            while self.replaced.pop_front_if(|(at, ..)| *at + flight_time < now).is_some() {}
            if let State::Broken { .. } = self.state {
                self.update(false);
            }
            if now >= self.quiet_at {
                self.check_quiet();
            }
        }
    }

    #[inline]
    fn look(&mut self, now: Time, place: u32, node: Option<&RingNode>) {
        self.check_rectified(now, place, node);
        let seen = &mut self.members[place as usize];
        match (&mut *seen, node.filter(|node| node.is_member())) {
            (None, None) => {
                let since = &mut self.outside_since[place as usize];
                *since = node.map(|_| since.unwrap_or(now));
                return;
            }
            (Some(Seen { id, list, .. }), Some(node)) => {
                if *list == node.successors() {
                    return;
                }
                let id = *id;
                node.successors().clone_into(list);
                let list = ids_of(node);
                let old = self.invariant.list(id);
                if old.iter().copied().eq(list.clone()) {
                    return; // Only an address is new.
                }
                self.replaced.push_back((now, id, old.to_vec()));
                self.invariant.list_changed(id, list);
            }
            (None, Some(node)) => {
                let id = node.peer().id;
                let (list, predecessor) = (node.successors().to_vec(), node.predecessor());
                *seen = Some(Seen { id, list, predecessor });
                self.outside_since[place as usize] = None;
                self.member_count += 1;
                self.invariant.join(id, ids_of(node));
                self.restart_quiet_time(now);
            }
            (Some(Seen { id, .. }), None) => {
                let id = *id;
                *seen = None;
                self.member_count -= 1;
                self.replaced.push_back((now, id, self.invariant.list(id).to_vec()));
                self.invariant.gone(id);
                self.has_departures = true;
                self.departures.push_back(now);
                self.forget_departures(now);
                self.is_beyond_repair |= self.departures.len() >= self.successors;
                self.restart_quiet_time(now);
            }
        }
        if !self.has_departures {
            self.changed = node.map(|node| node.peer().id);
            self.update(false);
        }
    }

    fn findings(mut self, now: Time, nodes: &mut dyn Iterator<Item = &RingNode>) -> Check {
        self.time_is(now);
        if let State::Broken { since, .. } = self.state {
            self.end_episode(since);
        }
        if let Some(quiet) = self.quiet_time.filter(|&quiet| self.must_be_exact(quiet)) {
            self.found.exact += 1;
            if let Some(wrong) = self.inexact(nodes, quiet) {
                let quiet = quiet.as_secs_f64();
                let why = format!("{wrong}, although nothing disturbed the ring for {quiet} s");
                self.fail(now, &why);
            }
        }
        self.found
    }
}

impl RingChecker {
    /// Checks the rule of rectify: a node gives up a predecessor that lives only for one that lies nearer.
    #[inline]
    fn check_rectified(&mut self, now: Time, place: u32, node: Option<&RingNode>) {
        let (Some(seen), Some(node)) = (&mut self.members[place as usize], node) else { return };
        if seen.predecessor == node.predecessor() {
            return;
        }
        let before = mem::replace(&mut seen.predecessor, node.predecessor());
        let (Some(before), Some(after)) = (before, seen.predecessor) else { return };
        let id = seen.id;
        let is_member = |it: &Seen| it.id == before.id && it.id != id;
        let is_live = self.members.iter().flatten().any(is_member);
        let slack = self.quiet_time.unwrap_or_default();
        if is_live
            && !after.id.is_between(before.id, id)
            && self.regime == Regime::ExactDetection
            && !self.disturbances.disturb(now, slack)
        {
            let (before, after) = (before.id, after.id);
            self.fail(now, &format!("node {id} gave up its live predecessor {before} for {after}"));
        }
    }

    /// Whether the ring must be exact after so long without a disturbance.
    fn must_be_exact(&self, quiet: Duration) -> bool {
        !self.is_lossy
            && !self.is_beyond_repair
            && self.now.since(self.changed_at) >= quiet
            && !self.disturbances.disturb(self.now, quiet)
    }

    /// What one of the `nodes` has instead of what it has in the exact ring, if there is such a node.
    fn inexact(
        &self,
        nodes: &mut dyn Iterator<Item = &RingNode>,
        quiet: Duration,
    ) -> Option<String> {
        if self.outside_since.iter().flatten().any(|&since| self.now.since(since) >= quiet) {
            return Some("a node has not joined".to_owned());
        }
        let ring: BTreeSet<Id> = self.members.iter().flatten().map(|member| member.id).collect();
        nodes
            .filter(|node| node.is_member())
            .map(|node| self.inexact_table(node, &ring))
            .find(Option::is_some)
            .flatten()
    }

    fn inexact_table(&self, node: &RingNode, ring: &BTreeSet<Id>) -> Option<String> {
        let id = node.peer().id;
        let after = ring.range((Bound::Excluded(id), Bound::Unbounded));
        let others = after.chain(ring.range(..id)).copied();
        let before = others.clone().next_back().unwrap_or(id);
        let named = node.predecessor().map(|peer| peer.id);
        if named != Some(before) {
            let named = named.map_or("none".to_owned(), |id| id.to_string());
            return Some(format!("the predecessor of node {id} is {named}, not {before}"));
        }
        let wanted: Vec<Id> = others.take(self.successors).collect();
        let list: Vec<Id> = ids_of(node).collect();
        let length = wanted.len().max(list.len());
        let place = (0..length).find(|&place| list.get(place) != wanted.get(place))?;
        let [named, wanted] = [list.get(place), wanted.get(place)]
            .map(|id| id.map_or("nothing".to_owned(), Id::to_string));
        Some(format!("the list of node {id} has {named} in the place of {wanted}"))
    }

    /// Restarts the quiet time after a join or departure.
    fn restart_quiet_time(&mut self, now: Time) {
        self.changed_at = now;
        if let (Regime::ExactDetection, Some(length)) = (self.regime, self.quiet_time) {
            self.quiet_at = now + length;
        }
    }

    /// Updates the state from the invariant. `departed` says whether members have just departed.
    #[inline]
    fn update(&mut self, departed: bool) {
        let is_whole = self.member_count > self.successors;
        match (self.state, self.invariant.violation()) {
            (State::Unarmed, Some(_)) => {}
            (state, None) if is_whole => {
                if let State::Broken { since, .. } = state {
                    self.end_episode(since);
                }
                self.state = State::Holds;
                self.is_beyond_repair = false;
            }
            (_, None) => self.state = State::Unarmed,
            (state, Some(violation)) => self.handle_violation(state, violation, departed),
        }
    }

    fn handle_violation(&mut self, state: State, violation: Violation, departed: bool) {
        let is_new = match state {
            State::Broken { first, .. } => {
                mem::discriminant(&first) != mem::discriminant(&violation)
            }
            State::Unarmed | State::Holds => true,
        };
        let slack = self.quiet_time.unwrap_or_default();
        let is_disturbed = self.disturbances.disturb(self.now, slack);
        if is_disturbed || is_new && self.is_excused(violation, departed) {
            self.found.beyond_promise += 1;
            self.state = State::Unarmed;
            return;
        }
        match (state, self.regime) {
            (State::Broken { since, first }, _) => {
                if self.quiet_time.is_some_and(|limit| self.now.since(since) > limit) {
                    self.end_episode(since);
                    self.fail(since, &format!("{first}; it was not repaired in time"));
                }
            }
            (_, Regime::ExactDetection) => self.fail(self.now, &violation.to_string()),
            (_, Regime::Suspicion) => {
                self.state = State::Broken { since: self.now, first: violation };
            }
        }
    }

    /// Whether failures alone explain a new violation.
    fn is_excused(&mut self, violation: Violation, departed: bool) -> bool {
        match violation {
            Violation::UnknownMember { .. } => true,
            Violation::TooFewUnskipped { .. } => departed || self.skipped_in_flight(),
            Violation::NoLiveSuccessor { .. } => {
                self.forget_departures(self.now);
                self.departures.len() >= self.successors
            }
        }
    }

    /// Forgets departures older than the quiet time. Without stabilize, none is forgotten.
    fn forget_departures(&mut self, now: Time) {
        let Some(window) = self.quiet_time else { return };
        while self.departures.pop_front_if(|at| *at + window < now).is_some() {}
    }

    /// Whether the list that changed last skips a member as a recently replaced list did, which may
    /// have been in flight: to a node that stabilizes, or to one that has joined after the node that had it.
    fn skipped_in_flight(&self) -> bool {
        let Some(id) = self.changed else { return false };
        let held_lately = |(from, to): (Id, Id)| {
            let is_it =
                |held: (Id, Id)| held.1 == to && (held.0 == from || from.is_between(held.0, to));
            self.replaced.iter().any(|(_, by, list)| pairs(*by, list).any(is_it))
        };
        let skips = |(from, to): (Id, Id)| {
            self.members.iter().flatten().any(|member| member.id.is_between(from, to))
        };
        pairs(id, self.invariant.list(id)).any(|pair| skips(pair) && held_lately(pair))
    }

    /// Checks at the end of the quiet time that no member is skipped.
    fn check_quiet(&mut self) {
        self.quiet_at = Time::NEVER;
        if let Some(quiet) = self.quiet_time
            && self.disturbances.disturb(self.now, quiet)
        {
            self.quiet_at = self.now + quiet;
            return;
        }
        if let (State::Holds, Some(skip)) = (self.state, self.invariant.skip()) {
            let quiet = self.quiet_time.unwrap_or_default();
            self.fail(
                self.now,
                &format!(
                    "{skip}, although no member joined or departed for {} s",
                    quiet.as_secs_f64()
                ),
            );
        }
    }

    fn fail(&mut self, at: Time, broken: &str) {
        self.found.violations += 1;
        self.state = State::Unarmed;
        let at_s = at.since(Time::ZERO).as_secs_f64();
        let finding = || Finding { at_s, broken: broken.to_owned(), replay: None };
        self.found.first.get_or_insert_with(finding);
    }

    fn end_episode(&mut self, since: Time) {
        let lasted = self.now.since(since).as_secs_f64();
        self.found.episodes += 1;
        self.found.longest_s = self.found.longest_s.max(lasted);
    }
}

/// The identifiers in the successor list of `node`.
fn ids_of(node: &RingNode) -> impl Iterator<Item = Id> + Clone {
    node.successors().iter().map(|peer| peer.id)
}
