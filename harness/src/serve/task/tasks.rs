//! All tasks of a shard.
//!
//! **Invariant:** at most [`MAX_TASKS`] tasks, [`MAX_CALLS`] calls in progress, and
//! [`PARTS_AT_A_TIME`] of one task.

use std::collections::VecDeque;

use hopwise_kernel::{Id, Time};

use super::DEADLINE;
use super::nodes::{End, Nodes};
use super::outcome::{Effect, Outcome, reply};
use super::part::{Progress, Step};
use crate::resp::Reply;
use crate::serve::command::Keyed;
use crate::serve::slab::Slab;

/// The most tasks of a shard.
const MAX_TASKS: usize = 65_536;
/// The most calls in progress. Further ones wait.
const MAX_CALLS: usize = 4096;
/// The most parts of one task that are in progress.
pub(super) const PARTS_AT_A_TIME: usize = 64;
/// The most parts whose calls are started in one turn.
const STARTS_PER_TURN: usize = 1024;
/// How many nodes are asked to start a call.
const ORIGINS_TRIED: usize = 3;

/// The request that a task answers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Caller {
    /// The token of the connection; `None` if the server itself asks.
    pub(crate) connection: Option<u64>,
    /// The number of the request on its connection.
    pub(crate) sequence: u64,
    /// The user.
    pub(crate) user: u32,
    /// The bytes that the user has reserved for it.
    pub(crate) reserved: u64,
}

/// A task that has ended.
#[derive(Debug)]
pub(crate) struct Finished {
    /// The request that it answers.
    pub(crate) caller: Caller,
    /// The keys that it worked on.
    pub(crate) keys: Vec<Id>,
    /// The reply.
    pub(crate) reply: Reply,
    /// What it has changed.
    pub(crate) effects: Vec<Effect>,
}

/// The tasks of a shard.
#[derive(Debug, Default)]
pub(crate) struct Tasks {
    tasks: Slab<Task>,
    calls: Slab<InProgress>,
    /// Parts to start: tasks and indexes. Those of tasks that have ended are skipped.
    waiting: VecDeque<(u64, u32)>,
    /// Parts that pause, and until when.
    pausing: Vec<(Time, u64, u32)>,
    /// When tasks end at the latest, in order.
    deadlines: VecDeque<(Time, u64)>,
    finished: Vec<Finished>,
}

#[derive(Debug)]
struct Task {
    caller: Caller,
    command: Keyed,
    parts: Vec<Progress>,
    outcomes: Vec<Option<Outcome>>,
    effects: Vec<Effect>,
    /// The index of the next part to queue.
    next: usize,
    ended: usize,
}

#[derive(Clone, Copy, Debug)]
struct InProgress {
    task: u64,
    part: u32,
    origin: u32,
    since: Time,
}

impl Tasks {
    /// Whether another task may begin.
    pub(crate) fn has_room(&self) -> bool {
        self.tasks.len() < MAX_TASKS
    }

    /// How many calls are in progress.
    #[cfg(test)]
    pub(super) fn calls(&self) -> usize {
        self.calls.len()
    }

    /// How many tasks there are.
    pub(crate) fn len(&self) -> usize {
        self.tasks.len()
    }

    /// Begins a task.
    pub(crate) fn begin(&mut self, now: Time, caller: Caller, command: Keyed) {
        let count = command.parts.len();
        let task = Task {
            caller,
            parts: (0..count).map(|_| Progress::default()).collect(),
            outcomes: vec![None; count],
            effects: Vec::new(),
            next: count.min(PARTS_AT_A_TIME),
            ended: 0,
            command,
        };
        let (first, token) = (task.next, self.tasks.insert(task));
        self.waiting.extend((0..first as u32).map(|part| (token, part)));
        self.deadlines.push_back((now + DEADLINE, token));
    }

    /// Starts the calls that wait, and returns whether it started any.
    pub(crate) fn start(&mut self, now: Time, nodes: &mut impl Nodes) -> bool {
        let mut has_started = false;
        for _ in 0..STARTS_PER_TURN {
            if self.calls.len() >= MAX_CALLS {
                break;
            }
            let Some((token, part)) = self.waiting.pop_front() else { break };
            let Some(task) = self.tasks.at(token) else { continue };
            let index = part as usize;
            let call = task.parts[index].call(&task.command.parts[index]);
            let in_progress = InProgress { task: token, part, origin: u32::MAX, since: now };
            let call_token = self.calls.insert(in_progress);
            let origin = (0..ORIGINS_TRIED).find_map(|_| nodes.start(call, call_token));
            match (origin, self.calls.at_mut(call_token)) {
                (Some(origin), Some(call)) => {
                    call.origin = origin;
                    has_started = true;
                }
                _ => {
                    self.calls.remove(call_token);
                    let why = "TRYAGAIN the nodes here have too many operations in progress";
                    self.part_done(token, index, Outcome::Failed(why.to_owned()), None);
                }
            }
        }
        has_started
    }

    /// Whether calls wait that could be started now.
    pub(crate) fn has_work(&self) -> bool {
        !self.waiting.is_empty() && self.calls.len() < MAX_CALLS
    }

    /// Handles the end of a call.
    pub(crate) fn on_end(&mut self, now: Time, token: u64, end: End) {
        let Some(call) = self.calls.remove(token) else { return };
        let Some(task) = self.tasks.at_mut(call.task) else { return };
        let index = call.part as usize;
        let took = now.since(call.since);
        match task.parts[index].on_end(&task.command.parts[index], end, took) {
            Step::Again => self.waiting.push_back((call.task, call.part)),
            Step::Later(pause) => self.pausing.push((now + pause, call.task, call.part)),
            Step::Done(outcome, effect) => self.part_done(call.task, index, outcome, effect),
        }
    }

    /// Ends the calls of a node that has crashed.
    pub(crate) fn on_crash(&mut self, now: Time, origin: u32) {
        let calls = self.calls.iter().filter(|(_, call)| call.origin == origin);
        let tokens: Vec<u64> = calls.map(|(token, _)| token).collect();
        tokens.into_iter().for_each(|token| self.on_end(now, token, End::OriginCrashed));
    }

    /// Ends the tasks whose deadline has passed, and the pauses that are over. Returns when to look again.
    pub(crate) fn expire(&mut self, now: Time) -> Time {
        let waiting = &mut self.waiting;
        self.pausing.retain(|&(until, task, part)| {
            if until <= now {
                waiting.push_back((task, part));
            }
            until > now
        });
        let paused = self.pausing.iter().map(|&(until, ..)| until).min().unwrap_or(Time::NEVER);
        paused.min(self.end_late_tasks(now))
    }

    fn end_late_tasks(&mut self, now: Time) -> Time {
        while let Some(&(deadline, token)) = self.deadlines.front() {
            if self.tasks.at(token).is_none() {
                self.deadlines.pop_front();
            } else if deadline <= now {
                self.finish(token);
            } else {
                return deadline;
            }
        }
        Time::NEVER
    }

    /// The tasks that have ended since the last call.
    pub(crate) fn take_finished(&mut self) -> Vec<Finished> {
        std::mem::take(&mut self.finished)
    }

    fn part_done(&mut self, token: u64, index: usize, outcome: Outcome, effect: Option<Effect>) {
        let Some(task) = self.tasks.at_mut(token) else { return };
        task.outcomes[index] = Some(outcome);
        task.effects.extend(effect);
        task.ended += 1;
        if task.next < task.parts.len() {
            self.waiting.push_back((token, task.next as u32));
            task.next += 1;
        } else if task.ended == task.parts.len() {
            self.finish(token);
        }
    }

    /// Ends a task. Parts that have not ended have failed.
    fn finish(&mut self, token: u64) {
        let Some(task) = self.tasks.remove(token) else { return };
        let (ended, count) = (task.ended, task.parts.len());
        let late = || {
            let seconds = DEADLINE.as_secs();
            Outcome::Failed(format!(
                "TRYAGAIN the command did not end within {seconds} s: {ended} of {count} keys are done"
            ))
        };
        let outcomes = task.outcomes.into_iter().map(|outcome| outcome.unwrap_or_else(late));
        self.finished.push(Finished {
            reply: reply(task.command.shape, outcomes.collect()),
            caller: task.caller,
            keys: task.command.parts.iter().map(|part| part.key).collect(),
            effects: task.effects,
        });
    }
}
