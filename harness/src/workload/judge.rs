//! Judges every answer against the truth, apart from the message path.
//!
//! Directors report membership and answers. An answer is judged only once all changes up to its
//! time have been reported; the engine knows when that is.
//!
//! **Invariant:** each answer is judged once, with the complete history up to its time.

use std::collections::VecDeque;
use std::time::Duration;

use hopwise_kernel::{Id, Time};

use super::deaths::{Death, Deaths};
use super::truth::OwnerTruth;
use super::{Truth, Workload};
use crate::measure::event_log::{EventLog, LoggedLookup};
use crate::measure::outcome::Deaths as DeathFigures;
use crate::measure::stored::{Contents, ValueVerdicts};
use crate::measure::trace::{Ended, Selection};

/// The interval between two calls of [`Truth::forget_before`].
const FORGET_EVERY: Duration = Duration::from_secs(1);

/// An event that the judge must know.
#[derive(Clone, Copy, Debug)]
pub enum Record<W: Workload> {
    /// A node became a member.
    Joined {
        /// Its identifier.
        id: Id,
        /// Its host, as numbered by the engine.
        host: u32,
        /// When.
        at: Time,
        /// Whether it was a member from the start.
        is_initial: bool,
    },
    /// A member left or crashed.
    Gone {
        /// Its identifier.
        id: Id,
        /// When.
        at: Time,
        /// Whether it announced its departure.
        announced: bool,
        /// Whether it departed in the measured phase.
        counted: bool,
    },
    /// A member declared another node dead.
    DeclaredDead {
        /// The member.
        by: Id,
        /// The other node.
        peer: Id,
        /// When.
        at: Time,
        /// Whether it did so in the measured phase.
        counted: bool,
    },
    /// A member took back that it had declared another node dead.
    Refuted {
        /// The member.
        by: Id,
        /// The other node.
        peer: Id,
        /// When.
        at: Time,
    },
    /// A question that [changes](Workload::is_change) something was issued.
    Issued {
        /// The question.
        question: W::Question,
        /// When.
        at: Time,
    },
    /// Such a question ended.
    Ended {
        /// The question.
        question: W::Question,
        /// The answer; `None`: there was none.
        answer: Option<W::Answer>,
        /// When.
        at: Time,
    },
    /// A question was answered.
    Answered(Answered<W>),
    /// A question of the measured phase ended without an answer. Recorded only for a log.
    Unanswered {
        /// The question.
        question: W::Question,
        /// `failed`, `shed` or `orphaned`.
        how: &'static str,
        /// When.
        at: Time,
        /// What else the log tells.
        facts: Facts,
    },
    /// Questions of the measured phase were refused before they were drawn. Recorded only for a log.
    Refused {
        /// The interval of the series in which they were due.
        interval: Time,
        /// How many.
        count: u64,
    },
}

/// What a log and a tracer tell of a question, and the judge does not need.
#[derive(Clone, Copy, Debug)]
pub struct Facts {
    /// The number under which its costs become known; 0 if they do not.
    pub number: u32,
    /// When it was due.
    pub intended: Time,
    /// When it was issued.
    pub issued: Time,
    /// The node that was asked.
    pub origin: Id,
    /// Hops to the node that answered; 0 without an answer.
    pub hops: u32,
    /// Times that a contact did not answer in time, as far as the origin knows.
    pub timeouts: u32,
}

/// A question with its answer.
#[derive(Clone, Copy, Debug)]
pub struct Answered<W: Workload> {
    /// The question.
    pub question: W::Question,
    /// The answer.
    pub answer: W::Answer,
    /// The interval of the series in which the question was due.
    pub interval: Time,
    /// When the question was issued.
    pub issued: Time,
    /// When the answer arrived.
    pub answered: Time,
    /// Whether another question [follows](super::Next::Ask): judged, but not counted as a lookup.
    pub is_part: bool,
    /// What else the log tells, if there is one.
    pub facts: Option<Facts>,
}

/// Judges answers in the order in which they are reported.
#[derive(Debug)]
pub struct Judge<W: Workload> {
    truth: W::Truth,
    waiting: VecDeque<Answered<W>>,
    deaths: Option<Deaths>,
    log: Option<EventLog>,
    ends: Option<Ends>,
    /// The history of membership, if `deaths` needs it and the truth does not keep it.
    members: OwnerTruth,
    /// No lookup takes longer than this.
    deadline: Duration,
    forgotten: Time,
    /// Correct answers.
    pub correct: u64,
    /// Correct answers to [fuzzy](Workload::is_fuzzy) questions.
    pub correct_fuzzy: u64,
    /// Incorrect answers.
    pub incorrect: u64,
    /// The intervals in which the questions with incorrect answers were due.
    incorrect_in: Vec<Time>,
}

/// How lookups of the measured phase ended.
#[derive(Debug)]
struct Ends {
    /// Those whose questions and answers are told, too.
    selection: Selection,
    /// Those that have not been taken.
    ended: Vec<Ended>,
}

impl<W: Workload> Judge<W> {
    /// Creates a judge that starts with `truth`. No lookup takes longer than `deadline`.
    #[must_use]
    pub fn new(truth: W::Truth, deadline: Duration) -> Judge<W> {
        Judge {
            truth,
            waiting: VecDeque::new(),
            deaths: None,
            log: None,
            ends: None,
            members: OwnerTruth::new(),
            deadline,
            forgotten: Time::ZERO,
            correct: 0,
            correct_fuzzy: 0,
            incorrect: 0,
            incorrect_in: Vec::new(),
        }
    }

    /// Says when the measured phase begins.
    pub fn begin_phase(&mut self, from: Time) {
        self.truth.begin_phase(from);
    }

    /// Judges what nodes declare dead, too. `members` are the members that the truth started with,
    /// since `at`.
    pub fn judge_deaths(&mut self, members: impl Iterator<Item = Id>, at: Time) {
        self.deaths = Some(Deaths::default());
        if self.truth.members().is_none() {
            self.members = OwnerTruth::of_members(members, at);
        }
    }

    /// Writes all that it learns to `log`, too.
    pub fn log_to(&mut self, log: EventLog) {
        self.log = Some(log);
    }

    /// Keeps from now on how each lookup of the measured phase ended, until that is
    /// [taken](Judge::take_ends).
    pub fn keep_ends(&mut self) {
        self.ends = Some(Ends { selection: Selection::NONE, ended: Vec::new() });
    }

    /// Tells the questions and answers of the selected lookups, if ends are kept.
    pub fn select(&mut self, selection: Selection) {
        if let Some(ends) = &mut self.ends {
            ends.selection = selection;
        }
    }

    /// Takes how lookups ended, in the order in which that became known.
    pub fn take_ends(&mut self) -> Vec<Ended> {
        self.ends.as_mut().map(|ends| std::mem::take(&mut ends.ended)).unwrap_or_default()
    }

    /// The log, if there is one.
    pub fn log(&mut self) -> Option<&mut EventLog> {
        self.log.as_mut()
    }

    /// Takes back the log, if there was one.
    pub fn take_log(&mut self) -> Option<EventLog> {
        self.log.take()
    }

    /// Adds a record.
    pub fn take(&mut self, record: Record<W>) {
        if let Some(log) = &mut self.log {
            write(log, &record);
        }
        match record {
            Record::Joined { id, host, at, .. } => {
                self.truth.join(id, host, at);
                self.take_death(at, Death::Joined { id });
            }
            Record::Gone { id, at, announced, counted } => {
                if announced {
                    self.truth.leave(id, at);
                } else {
                    self.truth.crash(id, at);
                }
                self.take_death(at, Death::Gone { id, announced, counted });
            }
            Record::DeclaredDead { by, peer, at, counted } => {
                self.take_death(at, Death::Declared { by, peer, counted });
            }
            Record::Refuted { by, peer, at } => self.take_death(at, Death::Refuted { by, peer }),
            Record::Issued { question, at } => self.truth.issue(&question, at),
            Record::Ended { question, answer, at } => {
                self.truth.end(&question, answer.as_ref(), at);
            }
            Record::Answered(answered) => self.waiting.push_back(answered),
            Record::Unanswered { question, how, at, facts } => {
                self.tell(&question, None, how, at, &facts);
            }
            Record::Refused { .. } => {}
        }
    }

    /// Tells the log how a question ended, and keeps it if ends are kept.
    fn tell(
        &mut self,
        question: &W::Question,
        answer: Option<&W::Answer>,
        verdict: &'static str,
        ended: Time,
        facts: &Facts,
    ) {
        let &Facts { number, intended, issued, origin, hops, timeouts } = facts;
        let is_selected = self.ends.as_ref().is_some_and(|ends| ends.selection.contains(number));
        let (mut key, mut text) = (String::new(), String::new());
        if self.log.is_some() || is_selected {
            key = format!("{question:?}");
            text = answer.map(|answer| format!("{answer:?}")).unwrap_or_default();
        }
        let hops = answer.map(|_| hops);
        let lookup = LoggedLookup {
            intended,
            issued,
            ended,
            origin,
            key,
            answer: text,
            hops,
            timeouts,
            verdict,
            number,
        };
        if let Some(ends) = &mut self.ends {
            let members = self.truth.members().unwrap_or(&self.members);
            let key = W::key(question).filter(|_| is_selected);
            let owner = key.and_then(|key| members.first_from(key, ended).next());
            let owner = owner.map(|(id, _)| id);
            ends.ended.push(Ended { lookup: lookup.clone(), key, owner });
        }
        if let Some(log) = &mut self.log {
            log.lookup(lookup);
        }
    }

    fn take_death(&mut self, at: Time, death: Death) {
        let Some(deaths) = &mut self.deaths else { return };
        deaths.take(at, death);
        if self.truth.members().is_none() {
            match death {
                Death::Joined { id } => self.members.join(id, at),
                Death::Gone { id, .. } => self.members.leave(id, at),
                Death::Declared { .. } | Death::Refuted { .. } => {}
            }
        }
    }

    /// What nodes declared dead in a phase of `node_s` node-seconds, if that is judged.
    #[must_use]
    pub fn deaths(&self, node_s: f64) -> Option<DeathFigures> {
        let members = self.truth.members().unwrap_or(&self.members);
        self.deaths.as_ref().map(|deaths| deaths.figures(node_s, members))
    }

    /// What the truth found out about values, if it judges values; see [`Truth::verdicts`].
    #[must_use]
    pub fn verdicts(&self, stored: &Contents, end: Time) -> Option<ValueVerdicts> {
        self.truth.verdicts(stored, end)
    }

    /// The intervals of the series in which the questions with incorrect answers were due.
    #[must_use]
    pub fn incorrect_in(&self) -> &[Time] {
        &self.incorrect_in
    }

    /// Judges all answers up to `t`. Everything up to then must have been reported.
    pub fn settle(&mut self, t: Time) {
        while let Some(waiting) = self.waiting.pop_front_if(|waiting| waiting.answered <= t) {
            let Answered { question, answer, interval, issued, answered, facts, is_part } = waiting;
            let is_correct = self.truth.judge(&question, &answer, issued, answered);
            if is_part {
                continue;
            }
            if let Some(facts) = facts {
                let verdict = if is_correct { "correct" } else { "incorrect" };
                self.tell(&question, Some(&answer), verdict, answered, &facts);
            }
            if is_correct {
                self.correct += 1;
                self.correct_fuzzy += u64::from(W::is_fuzzy(&question));
            } else {
                self.incorrect += 1;
                self.incorrect_in.push(interval);
            }
        }
        if let Some(deaths) = &mut self.deaths {
            deaths.settle(t, self.truth.members().unwrap_or(&self.members));
        }
        if t.since(self.forgotten) > self.deadline + FORGET_EVERY && t != Time::NEVER {
            self.forgotten = t - self.deadline;
            self.truth.forget_before(self.forgotten);
            self.members.forget_before(self.forgotten);
        }
    }
}

/// Writes what is no end of a question.
fn write<W: Workload>(log: &mut EventLog, record: &Record<W>) {
    match record {
        &Record::Joined { id, host, at, is_initial } => log.joined(at, id, host, is_initial),
        &Record::Gone { id, at, announced, .. } => log.departed(at, id, announced),
        &Record::Refused { interval, count } => log.refused(interval, count),
        Record::Unanswered { .. }
        | Record::DeclaredDead { .. }
        | Record::Refuted { .. }
        | Record::Issued { .. }
        | Record::Ended { .. }
        | Record::Answered(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use hopwise_kernel::Distance;
    use hopwise_kernel::items::Match;

    use super::*;
    use crate::scenario::Items;
    use crate::workload::ItemWorkload;
    use crate::workload::items::{Catalogue, ItemTruth, Wanted};

    const HOSTS: u32 = 4;
    const DEADLINE: Duration = Duration::from_secs(2);

    fn id(host: u32) -> Id {
        Id::ZERO.add(Distance::multiple_of_power(host, 157))
    }

    fn at(s: u64) -> Time {
        Time::from_ns(s * 1_000_000_000)
    }

    #[test]
    fn answers_about_items_are_counted_by_kind() {
        let items = Items { population: 20, replicas: 1.0, ..Items::default() };
        let catalogue = Arc::new(Catalogue::new(&items, HOSTS, &[], 1));
        let members = (0..HOSTS).map(|host| (id(host), host));
        let truth = ItemTruth::of_members(catalogue.clone(), members, at(1));
        let mut judge: Judge<ItemWorkload> = Judge::new(truth, DEADLINE);
        let found = |how, holder: Option<u32>, t| {
            Record::Answered(Answered {
                question: Wanted { item: 0, how },
                answer: holder.map(|host| (catalogue.names().name(0).expect("named"), id(host))),
                interval: at(t),
                issued: at(t),
                answered: at(t + 1),
                facts: None,
                is_part: false,
            })
        };
        let holder = catalogue.holders(0)[0];
        let other = (holder + 1) % HOSTS;
        judge.take(found(Match::Exact, Some(holder), 10));
        judge.take(found(Match::Words, Some(holder), 11));
        judge.take(found(Match::Exact, Some(other), 12));
        judge.take(found(Match::Exact, None, 13));
        judge.settle(at(12));
        assert_eq!((judge.correct, judge.correct_fuzzy, judge.incorrect), (2, 1, 0));
        judge.settle(at(14));
        assert_eq!((judge.correct, judge.correct_fuzzy, judge.incorrect), (2, 1, 2));
        assert_eq!(judge.incorrect_in(), [at(12), at(13)]);
        // Once its only holder has left, `None` is correct and the holder is not.
        let (announced, counted) = (true, true);
        judge.take(Record::Gone { id: id(holder), at: at(20), announced, counted });
        judge.take(found(Match::Exact, None, 19));
        judge.take(found(Match::Exact, Some(holder), 21));
        judge.settle(at(30));
        assert_eq!((judge.correct, judge.correct_fuzzy, judge.incorrect), (3, 1, 3));
        // It returns on another host, where it does not hold the item.
        let (id_of_it, is_initial) = (id(holder), false);
        judge.take(Record::Joined { id: id_of_it, host: other, at: at(31), is_initial });
        judge.take(found(Match::Exact, Some(holder), 32));
        judge.settle(Time::NEVER);
        assert_eq!((judge.correct, judge.correct_fuzzy, judge.incorrect), (3, 1, 4));
    }
}
