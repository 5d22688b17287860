//! Laws of the truth about values, on small histories with known verdicts and beside a naive model.

use std::time::Duration;

use hopwise_kernel::store::Version;
use hopwise_kernel::{Distance, Id, Time};
use proptest::prelude::*;

use super::truth::{Terms, ValueTruth};
use super::{Act, Answer, Content, PRELOADED, Question, initial_stamp, key_of};
use crate::churn::NodesPerHost;
use crate::measure::stored::{Contents, ValueVerdicts};
use crate::workload::Truth;

const BYTES: u16 = 100;
const LIFETIME: Duration = Duration::from_secs(1000);
/// The key of most tests: it has no value at the start.
const KEY: u32 = 1;
const NODES: u32 = 8;

fn at(s: u64) -> Time {
    Time::from_ns(s * 1_000_000_000)
}

/// The member at `place`, counted clockwise from `key`.
fn holder(key: u32, place: u32) -> Id {
    key_of(key).add(Distance::multiple_of_power(place, 150))
}

fn version(number: u64) -> Version {
    Version { number, writer: number }
}

/// A truth of members right behind the key, and what it is told. The key 0 has a value at the start.
struct Told {
    truth: ValueTruth,
    stored: Contents,
}

impl Told {
    fn new() -> Told {
        Told::on_hosts_of(1)
    }

    /// Each host has so many nodes in a row.
    fn on_hosts_of(nodes: u32) -> Told {
        let members = (0..NODES).map(|place| (holder(KEY, place), place / nodes));
        let truth = ValueTruth::new(terms(nodes), members, Time::ZERO);
        Told { truth, stored: Contents::default() }
    }

    fn issue(&mut self, stamp: u64, s: u64) {
        self.truth.issue(&Question { key: KEY, act: Act::Write { stamp } }, at(s));
    }

    fn end(&mut self, stamp: u64, answer: Option<Answer>, s: u64) {
        self.truth.end(&Question { key: KEY, act: Act::Write { stamp } }, answer.as_ref(), at(s));
    }

    /// A write that was acknowledged, with its stamp as version.
    fn written(&mut self, stamp: u64, from: u64, to: u64) {
        self.issue(stamp, from);
        self.end(stamp, Some(Answer::Written { version: version(stamp) }), to);
    }

    fn crashes(&mut self, place: u32, s: u64) {
        self.truth.crash(holder(KEY, place), at(s));
    }

    /// The verdict of a read that found this stamp.
    fn found(&mut self, stamp: u64, from: u64, to: u64) -> &'static str {
        self.read(KEY, found(stamp, BYTES), from, to)
    }

    fn absent(&mut self, from: u64, to: u64) -> &'static str {
        self.read(KEY, Answer::Absent, from, to)
    }

    fn read(&mut self, key: u32, answer: Answer, from: u64, to: u64) -> &'static str {
        let before = self.verdicts();
        let question = Question { key, act: Act::Read };
        let is_correct = self.truth.judge(&question, &answer, at(from), at(to));
        let after = self.verdicts();
        let counts = [
            ("stale", after.stale - before.stale),
            ("lost", after.lost - before.lost),
            ("phantom", after.phantom - before.phantom),
            ("excused", after.excused - before.excused),
            ("not provided", after.not_provided - before.not_provided),
        ];
        let verdicts: Vec<_> = counts.into_iter().filter(|(_, count)| *count > 0).collect();
        match (is_correct, verdicts.as_slice()) {
            (true, []) => "correct",
            (true, &[("not provided", 1)]) => "not provided",
            (false, &[(verdict, 1)]) => verdict,
            other => panic!("{other:?}"),
        }
    }

    fn verdicts(&self) -> ValueVerdicts {
        self.truth.verdicts(&self.stored, at(900)).expect("it judges values")
    }
}

fn found(stamp: u64, bytes: u16) -> Answer {
    Answer::Found { content: Some(Content { stamp, bytes }), version: version(stamp) }
}

/// A read that found a reference of this version to the member at `place`, but not the value.
fn not_provided(number: u64, place: u32) -> Answer {
    Answer::NotProvided { version: version(number), provider: Some(holder(KEY, place)) }
}

/// What the truth knows of a scenario in which each host has so many nodes.
fn terms(nodes: u32) -> Terms {
    Terms {
        preloaded: 1,
        value_bytes: BYTES,
        lifetime: LIFETIME,
        replicas: 3,
        per_host: NodesPerHost::new(nodes),
        successors: 6,
    }
}

#[test]
fn a_value_may_be_gone_with_its_provider_only() {
    let mut told = Told::new();
    told.written(7, 10, 20);
    told.written(8, 30, 40);
    assert_eq!(told.read(KEY, not_provided(8, 6), 50, 51), "lost", "the provider is there");
    assert_eq!(told.read(KEY, not_provided(7, 6), 50, 51), "stale", "8 was acknowledged");
    assert_eq!(told.read(KEY, not_provided(7, 6), 35, 51), "lost", "8 was not, when it began");
    let none = Answer::NotProvided { version: version(8), provider: None };
    assert_eq!(told.read(KEY, none, 50, 51), "phantom", "nobody wrote anything else");
    told.crashes(6, 60);
    assert_eq!(told.read(KEY, not_provided(8, 6), 50, 55), "lost", "it was there until later");
    assert_eq!(told.read(KEY, not_provided(8, 6), 50, 60), "not provided");
    assert_eq!(told.read(KEY, not_provided(8, 6), 61, 70), "not provided");
    assert_eq!(told.read(KEY, not_provided(7, 6), 61, 70), "stale");
    assert_eq!(told.read(KEY, not_provided(8, 5), 61, 70), "lost", "another is there");
    // It returns under its identifier, without the value.
    told.truth.join(holder(KEY, 6), 0, at(80));
    assert_eq!(told.read(KEY, not_provided(8, 6), 90, 91), "not provided");
    // With a value that it has written since, it has no excuse.
    told.written(9, 100, 110);
    assert_eq!(told.read(KEY, not_provided(9, 6), 120, 121), "lost");
    // A value may be in use before its write is acknowledged.
    told.issue(10, 130);
    assert_eq!(told.read(KEY, not_provided(10, 5), 131, 132), "lost");
    told.crashes(5, 133);
    assert_eq!(told.read(KEY, not_provided(10, 5), 134, 135), "not provided");
}

/// The holders of the value that is there from the start are those of the start.
#[test]
fn holders_that_were_gone_before_anything_was_asked_excuse_a_loss() {
    let owner = |place| holder(0, place);
    let told = |gone: u32| {
        let truth = ValueTruth::new(terms(1), (0..NODES).map(|place| (owner(place), place)), at(1));
        let mut told = Told { truth, stored: Contents::default() };
        (0..gone).for_each(|place| told.truth.crash(owner(place), at(5)));
        told
    };
    assert_eq!(told(3).read(0, Answer::Absent, 20, 21), "excused");
    assert_eq!(told(2).read(0, Answer::Absent, 20, 21), "lost", "one holder was left");
}

#[test]
fn reads_after_a_write_must_see_it() {
    let mut told = Told::new();
    assert_eq!(told.absent(1, 2), "correct");
    told.written(7, 10, 20);
    assert_eq!(told.found(7, 30, 31), "correct");
    assert_eq!(told.absent(30, 31), "lost");
    assert_eq!(told.found(8, 30, 31), "phantom");
    assert_eq!(told.found(7, 5, 9), "phantom", "nobody had begun to write it");
}

#[test]
fn reads_beside_a_write_may_see_it_or_not() {
    let mut told = Told::new();
    told.issue(7, 10);
    assert_eq!(told.found(7, 9, 10), "correct");
    assert_eq!(told.absent(11, 12), "correct");
    told.end(7, Some(Answer::Written { version: version(7) }), 20);
    assert_eq!(told.absent(20, 21), "correct", "they touch");
    assert_eq!(told.absent(21, 22), "lost");
}

/// The holders are the nodes in the places 0, 2 and 4, one of each host.
#[test]
fn holders_are_on_different_hosts() {
    let gone = |places: &[u32]| {
        let mut told = Told::on_hosts_of(2);
        told.written(7, 10, 20);
        places.iter().for_each(|&place| told.crashes(place, 30));
        told.absent(31, 32)
    };
    assert_eq!(gone(&[0, 2, 4]), "excused");
    assert_eq!(gone(&[0, 1, 2, 3, 4, 5]), "excused");
    assert_eq!(gone(&[0, 1, 2, 3, 5]), "lost", "the third holder is there");
    // All on one host: the first three keep it.
    let mut told = Told::on_hosts_of(8);
    told.written(7, 10, 20);
    (0..3).for_each(|place| told.crashes(place, 30));
    assert_eq!(told.absent(31, 32), "excused");
}

/// Three of four hosts crash: of the keys that all three kept, as many are expected to be lost as of four
/// nodes of which three crash.
#[test]
fn the_crash_of_a_host_counts_once() {
    let expected = |nodes: u32, places: &[u32]| {
        let mut told = Told::on_hosts_of(nodes);
        places.iter().for_each(|&place| told.crashes(place, 30));
        told.verdicts().expected
    };
    // One key, kept by three of four hosts.
    assert!((expected(2, &[0, 1, 2, 3, 4, 5]) - 0.25).abs() < 1e-9);
    // Of eight nodes, six crash: C(6, 3) / C(8, 3).
    assert!((expected(1, &[0, 1, 2, 3, 4, 5]) - 20.0 / 56.0).abs() < 1e-9);
}

#[test]
fn an_overwritten_value_is_stale() {
    let mut told = Told::new();
    told.written(7, 10, 20);
    told.written(8, 20, 30);
    assert_eq!(told.found(7, 40, 41), "correct", "both writes may have been the last");
    told.written(9, 31, 35);
    assert_eq!(told.found(7, 36, 37), "stale");
    assert_eq!(told.found(8, 36, 37), "stale");
    assert_eq!(told.found(8, 35, 37), "correct", "the last write may end later");
    assert_eq!(told.found(9, 36, 37), "correct");
}

#[test]
fn a_write_without_an_acknowledgement_may_take_effect_late_or_never() {
    let mut told = Told::new();
    told.issue(7, 10);
    told.end(7, Some(Answer::Unknown), 15);
    assert_eq!(told.absent(20, 21), "correct");
    told.written(8, 30, 31);
    assert_eq!(told.found(7, 40, 41), "correct", "late");
    assert_eq!(told.found(8, 40, 41), "correct", "never");
    assert_eq!(told.absent(40, 41), "lost");
    told.issue(9, 50);
    told.end(9, None, 60);
    assert_eq!(told.found(9, 70, 71), "correct", "its origin has departed");
}

#[test]
fn what_was_refused_was_never_written() {
    let mut told = Told::new();
    for (stamp, answer) in
        [(7, Answer::ConditionFailed), (8, Answer::Refused(hopwise_kernel::store::Refusal::Full))]
    {
        told.issue(stamp, 10);
        told.end(stamp, Some(answer), 20);
        assert_eq!(told.found(stamp, 30, 31), "phantom");
    }
}

#[test]
fn a_damaged_value_is_a_phantom() {
    let mut told = Told::new();
    told.written(7, 10, 20);
    assert_eq!(told.read(KEY, found(7, BYTES - 1), 30, 31), "phantom", "too short");
    let damaged = Answer::Found { content: None, version: version(7) };
    assert_eq!(told.read(KEY, damaged, 30, 31), "phantom");
    assert_eq!(told.read(KEY + 1, found(7, BYTES), 30, 31), "phantom", "of another key");
}

#[test]
fn a_value_from_the_start_is_there_until_it_is_overwritten() {
    let mut told = Told::new();
    let initial = found(initial_stamp(0), BYTES);
    assert_eq!(told.read(0, initial, 1, 2), "correct");
    assert_eq!(told.read(0, Answer::Absent, 1, 2), "lost");
    let write = Question { key: 0, act: Act::Write { stamp: 7 } };
    told.truth.issue(&write, at(10));
    told.truth.end(&write, Some(&Answer::Written { version: version(7) }), at(20));
    assert_eq!(told.read(0, initial, 15, 16), "correct");
    assert_eq!(told.read(0, initial, 21, 22), "stale");
    assert_eq!(told.read(KEY, found(initial_stamp(KEY), BYTES), 21, 22), "phantom");
}

#[test]
fn expiry_explains_that_nothing_is_found() {
    let mut told = Told::new();
    told.written(7, 10, 20);
    let lifetime = LIFETIME.as_secs();
    assert_eq!(told.absent(lifetime, lifetime + 9), "lost");
    assert_eq!(told.absent(lifetime, lifetime + 10), "correct", "it may have expired");
}

#[test]
fn failures_of_all_holders_at_once_excuse_a_loss() {
    let mut told = Told::new();
    told.written(7, 10, 20);
    told.crashes(0, 30);
    told.crashes(1, 32);
    assert_eq!(told.absent(33, 34), "lost", "one holder is live");
    told.crashes(2, 35);
    assert_eq!(told.absent(36, 37), "excused");
    assert_eq!(told.absent(33, 34), "lost", "one was live then");
    // The holders of a later write are others.
    told.written(8, 40, 41);
    assert_eq!(told.absent(42, 43), "lost");
    assert_eq!(told.found(7, 42, 43), "stale");
    for (place, s) in [(3, 50), (4, 56), (5, 56)] {
        told.crashes(place, s);
    }
    assert_eq!(told.absent(60, 61), "lost", "6 s apart: there was time to copy it");
}

#[test]
fn what_members_hold_at_the_end_decides_what_is_lost_for_good() {
    let mut told = Told::new();
    told.stored.hold(0, PRELOADED);
    told.written(7, 10, 20);
    told.written(8, 30, 40);
    let lost = |told: &Told| {
        let ValueVerdicts { keys, lost_for_good, excused_for_good, .. } = told.verdicts();
        (keys, lost_for_good, excused_for_good)
    };
    assert_eq!(lost(&told), (2, 1, 0));
    told.stored.hold(KEY, version(7));
    assert_eq!(lost(&told), (2, 1, 0), "an older version");
    for place in 0..3 {
        told.crashes(place, 50);
    }
    assert_eq!(lost(&told), (2, 1, 1));
    assert!(told.verdicts().expected > 0.0);
    told.stored.hold(KEY, version(9));
    assert_eq!(lost(&told), (2, 0, 0), "a newer one, which was not confirmed");
}

/// Writes of one key: start, length, and whether it was acknowledged.
type Writes = Vec<(u64, u64, bool)>;

/// A naive verdict of a read from `start` to `end` that found the write `which`; `None`: nothing.
fn naive(writes: &Writes, which: Option<usize>, start: u64, end: u64) -> &'static str {
    let acknowledged =
        |&&(from, length, is_known): &&(u64, u64, bool)| is_known && from + length < start;
    match which.map(|which| writes[which]) {
        None if writes.iter().any(|it| acknowledged(&it)) => "lost",
        None => "correct",
        Some((from, ..)) if from > end => "phantom",
        Some((_, _, false)) => "correct",
        Some((from, length, true)) => {
            let overwrites = |it: &(u64, u64, bool)| it.0 > from + length && acknowledged(&it);
            if writes.iter().any(overwrites) { "stale" } else { "correct" }
        }
    }
}

proptest! {
    #[test]
    fn agrees_with_the_naive_model(
        writes in prop::collection::vec((0..20_u64, 0..8_u64, any::<bool>()), 0..8),
        start in 0..30_u64,
        length in 0..8_u64,
    ) {
        let mut told = Told::new();
        for (stamp, &(from, length, is_known)) in (1..).zip(&writes) {
            told.issue(stamp, from);
            let answer = is_known.then_some(Answer::Written { version: version(stamp) });
            told.end(stamp, answer, from + length);
        }
        let end = start + length;
        prop_assert_eq!(told.absent(start, end), naive(&writes, None, start, end));
        for which in 0..writes.len() {
            let verdict = told.found(which as u64 + 1, start, end);
            prop_assert_eq!(verdict, naive(&writes, Some(which), start, end), "{}", which);
        }
    }
}
