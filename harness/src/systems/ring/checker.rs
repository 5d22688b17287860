//! Whether the ring keeps what the protocol promises, asked after every event.
//!
//! What is promised (Zave, *Reasoning about identifier spaces*, IEEE TSE 2017): once the
//! [`Invariant`] holds, whatever nodes do by themselves keeps it, and once nobody comes or goes any
//! more, the ring becomes exact. Failures can break it all the same, and that is not held against
//! the protocol:
//!
//! * a departure that leaves too few principals; a member that is still skipped by a list on its way
//!   to whoever asked for it is none yet, for the proof takes asking to be instantaneous;
//! * a member without a live successor, where at least r members have departed within the time in
//!   which a list is filled up again;
//! * a ring that has shrunk to r members or fewer.
//!
//! After any of these nothing is judged until the invariant holds again. What else breaks it:
//!
//! | regime | a broken invariant | a member still skipped after a quiet time |
//! |---|---|---|
//! | exact detection | is a violation | is a violation |
//! | suspicion | must heal within the same time, or is a violation | |
//!
//! That time is [`ROUNDS`] rounds of stabilize and as many as twice the list has entries, for what
//! is new travels back one member in a round; and as long as it takes to find some dead peers. Of
//! several departures at one instant only what they leave together is judged.
//!
//! **Invariant:** only looks; a run that is checked goes as it would unchecked.

use std::collections::VecDeque;
use std::mem;
use std::time::Duration;

use hopwise_kernel::ring::RingNode;
use hopwise_kernel::{Id, Node, Time};

use super::Ring;
use super::invariant::{Invariant, Violation, pairs};
use crate::Scenario;
use crate::measure::outcome::{Check, Finding, Regime};
use crate::network::Network;
use crate::plug::Checker;
use crate::scenario::Timeout;

/// Rounds of stabilize in which the ring must heal, beside two for each entry of a list.
const ROUNDS: u32 = 20;
/// Dead peers that may have to be found out one after the other meanwhile.
const DEAD_PEERS: u32 = 4;
/// From asking a peer to holding it dead, in timeouts: three attempts, each twice as long as the
/// one before.
const TIMEOUTS_TO_DEATH: u32 = 1 + 2 + 4;

/// Keeps the truth of a ring whose nodes all are in one shard.
#[derive(Debug)]
pub struct RingChecker {
    successors: usize,
    regime: Regime,
    /// Within which the ring heals; none without stabilize, for then it never does.
    heals_within: Option<Duration>,
    invariant: Invariant,
    /// Who is a member, by place.
    members: Vec<Option<Id>>,
    member_count: usize,
    /// How long a list may be on its way.
    under_way: Duration,
    /// The lists that members held until lately, and when they were replaced.
    replaced: VecDeque<(Time, Id, Vec<Id>)>,
    /// Whose list is being judged.
    changed: Option<Id>,
    /// When members have departed, lately.
    departures: VecDeque<Time>,
    /// Departures of this instant are still to be judged together.
    departing: bool,
    now: Time,
    state: State,
    /// When a quiet time will have been long enough.
    quiet_at: Time,
    found: Check,
}

/// How things stand with the invariant.
#[derive(Clone, Copy, Debug)]
enum State {
    /// It has not held yet, or not since failures broke it: nothing is judged.
    Unarmed,
    Holds,
    /// Under suspicion, since then.
    Broken {
        since: Time,
        first: Violation,
    },
}

impl RingChecker {
    /// A checker of a run in which nobody has been looked at yet.
    pub(in super::super) fn new(
        scenario: &Scenario,
        network: &Network,
        places: u32,
    ) -> RingChecker {
        let regime = network.failure_detection(scenario.network.timeout);
        let greatest_delay = network.greatest_delay();
        let ring = scenario.section::<Ring>();
        let successors = ring.successors as usize;
        let timeout = match scenario.network.timeout {
            Timeout::Fixed(timeout) => timeout,
            Timeout::Adaptive => Duration::ZERO,
        };
        let heals_within = ring.stabilize.map(|period| {
            period * (ROUNDS + 2 * ring.successors) + timeout * (DEAD_PEERS * TIMEOUTS_TO_DEATH)
        });
        RingChecker {
            successors,
            regime,
            heals_within,
            invariant: Invariant::new(successors),
            members: vec![None; places as usize],
            member_count: 0,
            under_way: greatest_delay.unwrap_or_default(),
            replaced: VecDeque::new(),
            changed: None,
            departures: VecDeque::new(),
            departing: false,
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
            if mem::take(&mut self.departing) {
                self.judge(true);
            }
            self.now = now;
            let under_way = self.under_way;
            while self.replaced.pop_front_if(|(at, ..)| *at + under_way < now).is_some() {}
            if let State::Broken { .. } = self.state {
                self.judge(false);
            }
            if now >= self.quiet_at {
                self.judge_quiet();
            }
        }
    }

    #[inline]
    fn look(&mut self, now: Time, place: u32, node: Option<&RingNode>) {
        let known = self.members[place as usize];
        match (known, node.filter(|node| node.is_member())) {
            (None, None) => return,
            (Some(id), Some(node)) => {
                let list = node.successors().iter().map(|peer| peer.id);
                let old = self.invariant.list(id);
                if old.iter().copied().eq(list.clone()) {
                    return;
                }
                self.replaced.push_back((now, id, old.to_vec()));
                self.invariant.list_changed(id, list);
            }
            (None, Some(node)) => {
                let id = node.peer().id;
                self.members[place as usize] = Some(id);
                self.member_count += 1;
                self.invariant.join(id, node.successors().iter().map(|peer| peer.id));
                self.moved(now);
            }
            (Some(id), None) => {
                self.members[place as usize] = None;
                self.member_count -= 1;
                self.replaced.push_back((now, id, self.invariant.list(id).to_vec()));
                self.invariant.gone(id);
                self.departing = true;
                self.departures.push_back(now);
                self.forget_departures(now);
                self.moved(now);
            }
        }
        if !self.departing {
            self.changed = node.map(|node| node.peer().id);
            self.judge(false);
        }
    }

    fn findings(mut self, now: Time) -> Check {
        self.time_is(now);
        if let State::Broken { since, .. } = self.state {
            self.end_episode(since);
        }
        self.found
    }
}

impl RingChecker {
    /// A member has come or gone.
    fn moved(&mut self, now: Time) {
        if let (Regime::ExactDetection, Some(length)) = (self.regime, self.heals_within) {
            self.quiet_at = now + length;
        }
    }

    /// Takes in what the invariant says now, after members have departed or without that.
    #[inline]
    fn judge(&mut self, departed: bool) {
        let is_whole = self.member_count > self.successors;
        match (self.state, self.invariant.violation()) {
            (State::Unarmed, None) if is_whole => self.state = State::Holds,
            (State::Unarmed, _) => {}
            (State::Holds, None) if is_whole => {}
            (State::Broken { since, .. }, None) if is_whole => {
                self.end_episode(since);
                self.state = State::Holds;
            }
            (_, None) => self.state = State::Unarmed,
            (state, Some(violation)) => self.judge_violation(state, violation, departed),
        }
    }

    fn judge_violation(&mut self, state: State, violation: Violation, departed: bool) {
        let is_new = match state {
            State::Broken { first, .. } => {
                mem::discriminant(&first) != mem::discriminant(&violation)
            }
            State::Unarmed | State::Holds => true,
        };
        if is_new && self.is_excused(violation, departed) {
            self.found.beyond_promise += 1;
            self.state = State::Unarmed;
            return;
        }
        match (state, self.regime) {
            (State::Broken { since, first }, _) => {
                if self.heals_within.is_some_and(|limit| self.now.since(since) > limit) {
                    self.end_episode(since);
                    self.fail(since, &format!("{first}; and it did not heal"));
                }
            }
            (_, Regime::ExactDetection) => self.fail(self.now, &violation.to_string()),
            (_, Regime::Suspicion) => {
                self.state = State::Broken { since: self.now, first: violation };
            }
        }
    }

    /// Whether failures alone account for a violation that appears now.
    fn is_excused(&mut self, violation: Violation, departed: bool) -> bool {
        match violation {
            Violation::Stranger { .. } => true,
            Violation::TooFewPrincipals { .. } => departed || self.was_under_way(),
            Violation::NoLiveSuccessor { .. } => {
                self.forget_departures(self.now);
                self.departures.len() >= self.successors
            }
        }
    }

    /// Forgets the departures that lists have long been filled up after; without stabilize, none.
    fn forget_departures(&mut self, now: Time) {
        let Some(window) = self.heals_within else { return };
        while self.departures.pop_front_if(|at| *at + window < now).is_some() {}
    }

    /// Whether the list that has just changed skips a member as a list did that was replaced while
    /// this one may have been under way.
    fn was_under_way(&self) -> bool {
        let Some(id) = self.changed else { return false };
        let held_lately = |pair: (Id, Id)| {
            self.replaced.iter().any(|(_, by, list)| pairs(*by, list).any(|held| held == pair))
        };
        let skips = |(from, to): (Id, Id)| {
            self.members.iter().flatten().any(|member| member.is_between(from, to))
        };
        pairs(id, self.invariant.list(id)).any(|pair| skips(pair) && held_lately(pair))
    }

    /// Nobody has come or gone for so long that the ring must be exact.
    fn judge_quiet(&mut self) {
        self.quiet_at = Time::NEVER;
        if let (State::Holds, Some(skip)) = (self.state, self.invariant.skip()) {
            let quiet = self.heals_within.unwrap_or_default();
            self.fail(
                self.now,
                &format!("{skip}, though nobody came or went for {} s", quiet.as_secs_f64()),
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
