//! The truth about values: a model of every write, and what reads may return.
//!
//! A write takes effect at an instant between its start and its end. One that ended without an
//! acknowledgement has no end: it may take effect late or never. A read is judged by the intervals of
//! the writes of its key:
//!
//! ```text
//! phantom  it returned a value that no write had begun to write when it ended, or damaged bytes
//! stale    it returned a write that had ended before an acknowledged write began, which had ended before
//!          the read began
//! lost     it found nothing, though an acknowledged write had ended before the read began, and no value
//!          that was acknowledged by then had expired when the read ended
//! correct  otherwise
//! ```
//!
//! A value that stays with its writer, while the store keeps a reference, is gone when that node leaves or
//! fails. A read that finds the reference alone is correct then, and counted as *not provided*. It is
//! stale if a higher version had been acknowledged before it began, and lost if the provider was there
//! all the time.
//!
//! A stale or lost read is *excused* if all holders of what was acknowledged last were gone before one of
//! them could copy it on ([`loss`](super::loss)). A value that is returned after its lifetime counts as
//! correct.
//!
//! A write is kept for the whole run, in about 60 bytes.
//!
//! **Invariant:** asks no node.

use std::time::Duration;

use hopwise_kernel::store::Version;
use hopwise_kernel::{Id, Time};
use smallvec::SmallVec;

use super::history::History;
use super::loss::{Crash, expected_losses, is_excused};
use super::question::{Answer, Content, Question};
use super::value::{PRELOADED, initial_stamp, key_of};
use crate::base::hash::FixedHashMap;
use crate::churn::NodesPerHost;
use crate::measure::stored::{Contents, ValueVerdicts};
use crate::workload::{OwnerTruth, Truth};

/// What the truth must know of the scenario.
#[derive(Clone, Copy, Debug)]
pub(super) struct Terms {
    /// The keys with lower numbers have a value from the start.
    pub(super) preloaded: u32,
    pub(super) value_bytes: u16,
    pub(super) lifetime: Duration,
    /// The nodes that keep a value.
    pub(super) replicas: usize,
    /// The nodes of each host. If there are several, a value is kept on different hosts.
    pub(super) per_host: NodesPerHost,
    /// The number of nodes after an owner among which it chooses the others that keep a value.
    pub(super) successors: usize,
}

/// The truth about values: judges reads by all writes of their keys.
#[derive(Debug)]
pub struct ValueTruth {
    terms: Terms,
    /// Never forgets: at the end of the run, the holders of any acknowledged write may matter.
    members: OwnerTruth,
    /// The host of each node, if hosts have several.
    hosts: FixedHashMap<Id, u32>,
    /// Crashes of hosts, and when each of them crashed last.
    crashes: Vec<Crash>,
    crashed: FixedHashMap<u32, Time>,
    /// By key and stamp.
    writes: FixedHashMap<(u32, u64), Span>,
    /// By number of the key.
    histories: Vec<History>,
    forgotten: Time,
    /// The first time at which something was asked, or the instant before the first departure: the members of
    /// the start were there by then.
    began: Time,
    verdicts: ValueVerdicts,
}

/// The interval in which a write took effect.
#[derive(Clone, Copy, Debug)]
struct Span {
    start: Time,
    /// [`Time::NEVER`] if it is not acknowledged.
    end: Time,
}

impl ValueTruth {
    /// Creates the truth of a system with these members since `at`.
    pub(super) fn new(
        terms: Terms,
        members: impl Iterator<Item = (Id, u32)>,
        at: Time,
    ) -> ValueTruth {
        let mut hosts = FixedHashMap::default();
        let members = members.map(|(id, host)| {
            if !terms.per_host.is_one() {
                hosts.insert(id, host);
            }
            id
        });
        ValueTruth {
            terms,
            members: OwnerTruth::of_members(members, at),
            hosts,
            crashes: Vec::new(),
            crashed: FixedHashMap::default(),
            writes: FixedHashMap::default(),
            histories: Vec::new(),
            forgotten: Time::ZERO,
            began: Time::NEVER,
            verdicts: ValueVerdicts::default(),
        }
    }

    /// Judges what a read from `start` to `end` found.
    fn judge_found(&mut self, key: u32, content: Content, start: Time, end: Time) -> bool {
        let Content { stamp, bytes } = content;
        let written = self.span_of(key, stamp).filter(|span| span.start <= end);
        let Some(written) = written.filter(|_| bytes == self.terms.value_bytes) else {
            self.verdicts.phantom += 1;
            return false;
        };
        if self.latest_start_before(key, start).is_none_or(|latest| written.end >= latest) {
            return true;
        }
        if self.is_excused(key, start, end) {
            self.verdicts.excused += 1;
        } else {
            self.verdicts.stale += 1;
        }
        false
    }

    /// Judges that a read from `start` to `end` found nothing.
    fn judge_absent(&mut self, key: u32, start: Time, end: Time) -> bool {
        let latest = self.latest_start_before(key, start);
        if latest.is_none_or(|latest| latest + self.terms.lifetime <= end) {
            return true;
        }
        if self.is_excused(key, start, end) {
            self.verdicts.excused += 1;
        } else {
            self.verdicts.lost += 1;
        }
        false
    }

    /// Judges that a read from `start` to `end` found a reference of this version, but not the value.
    fn judge_not_provided(
        &mut self,
        key: u32,
        version: Version,
        provider: Option<Id>,
        start: Time,
        end: Time,
    ) -> bool {
        let Some(provider) = provider else {
            self.verdicts.phantom += 1;
            return false;
        };
        let history = self.histories.get(key as usize);
        let written = history.and_then(|history| history.highest_before(start));
        let is_stale = written.is_some_and(|written| version < written);
        let since = self.latest_start_before(key, start).unwrap_or(start);
        if !is_stale && self.has_departed(provider, since, start, end) {
            self.verdicts.not_provided += 1;
            return true;
        }
        if self.is_excused(key, start, end) {
            self.verdicts.excused += 1;
        } else if is_stale {
            self.verdicts.stale += 1;
        } else {
            self.verdicts.lost += 1;
        }
        false
    }

    /// Whether a provider was not a member all the time from `start` to `end`, or has left or failed since
    /// `written`, about when it wrote the value, and returned under its identifier.
    fn has_departed(&self, provider: Id, written: Time, start: Time, end: Time) -> bool {
        let written = written.max(self.began.min(start));
        let stayed_from = |from| {
            let first = self.members.first_from(provider, from).next();
            first.is_some_and(|(id, left)| id == provider && left > end)
        };
        let returned = self.members.was_member(provider, written) && !stayed_from(written);
        returned || !stayed_from(start)
    }

    fn span_of(&self, key: u32, stamp: u64) -> Option<Span> {
        let initial = self.is_preloaded(key) && stamp == initial_stamp(key);
        let initial = initial.then_some(Span { start: Time::ZERO, end: Time::ZERO });
        initial.or_else(|| self.writes.get(&(key, stamp)).copied())
    }

    fn is_preloaded(&self, key: u32) -> bool {
        key < self.terms.preloaded
    }

    /// The latest start of the acknowledged writes that ended before `t`.
    fn latest_start_before(&self, key: u32, t: Time) -> Option<Time> {
        let history = self.histories.get(key as usize);
        let written = history.and_then(|history| history.latest_start_before(t));
        written.or_else(|| (self.is_preloaded(key) && t > Time::ZERO).then_some(Time::ZERO))
    }

    /// Whether the holders of what was acknowledged last before `start` were gone by `end`, all at about
    /// the same time.
    fn is_excused(&self, key: u32, start: Time, end: Time) -> bool {
        let history = self.histories.get(key as usize);
        let acknowledged = history.and_then(|history| history.last_end_before(start));
        self.are_holders_gone(key, acknowledged.unwrap_or(Time::ZERO), end)
    }

    /// Whether the holders of `key` at `acknowledged` were gone by `t`, all at about the same time.
    fn are_holders_gone(&self, key: u32, acknowledged: Time, t: Time) -> bool {
        let acknowledged = acknowledged.max(self.began.min(t));
        let next = self.members.first_from(key_of(key), acknowledged);
        let departures: SmallVec<[Time; 8]> = if self.terms.per_host.is_one() {
            next.take(self.terms.replicas).map(|(_, left)| left).collect()
        } else {
            self.on_different_hosts(next.take(1 + self.terms.successors))
        };
        is_excused(&departures, t)
    }

    /// When those depart that keep a value, of the nodes from its owner on: nodes of different hosts, as
    /// far as there are so many.
    fn on_different_hosts(&self, next: impl Iterator<Item = (Id, Time)>) -> SmallVec<[Time; 8]> {
        let mut hosts: SmallVec<[Option<&u32>; 8]> = SmallVec::new();
        let (mut departures, mut others) = (SmallVec::new(), SmallVec::<[Time; 8]>::new());
        for (id, left) in next {
            let host = self.hosts.get(&id);
            let is_first = !hosts.contains(&host);
            if is_first { &mut departures } else { &mut others }.push(left);
            hosts.extend(is_first.then_some(host));
            if departures.len() == self.terms.replicas {
                return departures;
            }
        }
        let missing = self.terms.replicas - departures.len();
        departures.extend(others.into_iter().take(missing));
        departures
    }

    /// The newest acknowledged version of a key, and when it was acknowledged.
    fn newest(&self, key: u32) -> Option<(Version, Time)> {
        let written = self.histories.get(key as usize).and_then(History::newest);
        written.or_else(|| self.is_preloaded(key).then_some((PRELOADED, Time::ZERO)))
    }

    /// When each key got its first value.
    fn first_acknowledged(&self) -> Vec<Time> {
        let keys = (0..self.keys()).filter_map(|key| {
            let written = self.histories.get(key as usize).and_then(History::first);
            if self.is_preloaded(key) { Some(Time::ZERO) } else { written }
        });
        keys.collect()
    }

    fn keys(&self) -> u32 {
        (self.histories.len() as u32).max(self.terms.preloaded)
    }

    fn history(&mut self, key: u32) -> &mut History {
        let key = key as usize;
        if self.histories.len() <= key {
            self.histories.resize_with(key + 1, History::default);
        }
        &mut self.histories[key]
    }
}

impl Truth<Question, Answer> for ValueTruth {
    fn join(&mut self, id: Id, host: u32, at: Time) {
        if !self.terms.per_host.is_one() {
            self.hosts.insert(id, host);
        }
        self.members.join(id, at);
    }

    fn leave(&mut self, id: Id, at: Time) {
        self.began = self.began.min(just_before(at));
        self.members.leave(id, at);
    }

    fn crash(&mut self, id: Id, at: Time) {
        // All nodes of a host crash at the same time.
        let host = self.hosts.get(&id).copied();
        let is_first = host.is_none_or(|host| self.crashed.insert(host, at) != Some(at));
        if is_first {
            let live = self.members.live_count().div_ceil(self.terms.per_host.count() as usize);
            self.crashes.push(Crash { at, live });
        }
        self.leave(id, at);
    }

    fn issue(&mut self, question: &Question, at: Time) {
        self.began = self.began.min(at);
        if let Some(stamp) = question.act.written() {
            self.writes.insert((question.key, stamp), Span { start: at, end: Time::NEVER });
        }
    }

    fn end(&mut self, question: &Question, answer: Option<&Answer>, at: Time) {
        let Some(stamp) = question.act.written() else { return };
        let written = (question.key, stamp);
        match answer {
            Some(&Answer::Written { version }) => {
                let Some(span) = self.writes.get_mut(&written) else { return };
                span.end = at;
                let (start, forgotten) = (span.start, self.forgotten);
                let history = self.history(question.key);
                history.acknowledge(version, start, at);
                history.forget_before(forgotten);
            }
            // Nothing was written.
            Some(Answer::ConditionFailed | Answer::Refused(_)) => {
                self.writes.remove(&written);
            }
            Some(
                Answer::Unknown
                | Answer::Found { .. }
                | Answer::Absent
                | Answer::NotProvided { .. },
            )
            | None => {}
        }
    }

    fn judge(
        &mut self,
        question: &Question,
        answer: &Answer,
        issued: Time,
        answered: Time,
    ) -> bool {
        self.began = self.began.min(issued);
        match *answer {
            Answer::Found { content: Some(content), .. } => {
                self.judge_found(question.key, content, issued, answered)
            }
            Answer::Found { content: None, .. } => {
                self.verdicts.phantom += 1;
                false
            }
            Answer::Absent => self.judge_absent(question.key, issued, answered),
            Answer::NotProvided { version, provider } => {
                self.judge_not_provided(question.key, version, provider, issued, answered)
            }
            _ => true,
        }
    }

    fn forget_before(&mut self, t: Time) {
        self.forgotten = t;
    }

    fn members(&self) -> Option<&OwnerTruth> {
        Some(&self.members)
    }

    fn verdicts(&self, stored: &Contents, end: Time) -> Option<ValueVerdicts> {
        let mut verdicts = self.verdicts;
        for key in 0..self.keys() {
            let Some((version, acknowledged)) = self.newest(key) else { continue };
            let latest = self.latest_start_before(key, Time::NEVER).unwrap_or(Time::ZERO);
            if latest + self.terms.lifetime <= end {
                continue; // It may have expired.
            }
            verdicts.keys += 1;
            if stored.version_of(key) < version {
                verdicts.lost_for_good += 1;
                let is_excused = self.are_holders_gone(key, acknowledged, end);
                verdicts.excused_for_good += u64::from(is_excused);
            }
        }
        verdicts.expected =
            expected_losses(self.crashes.clone(), self.first_acknowledged(), self.terms.replicas);
        Some(verdicts)
    }
}

fn just_before(at: Time) -> Time {
    Time::from_ns(at.as_ns().saturating_sub(1))
}
