//! One part of a command: the calls that it makes, one after the other.
//!
//! What must not change between a read and a write is written under the condition that the item still
//! has the version that was read. If it has another one, the part begins again.
//!
//! A `SET` that is not confirmed, because the owner or a holder changed meanwhile, is confirmed if the value
//! is read within a while: who reads it cannot tell that it was not this `SET`. It is not written again,
//! because others may have seen it and written since.
//!
//! **Invariant:** a part makes at most 2 × [`TRIES`] + [`LOOKS`] calls.

use std::time::Duration;

use hopwise_kernel::store::{
    Change, Condition, Lifetime, Name, ReadOutcome, Version, Write, WriteOutcome,
};

use super::nodes::{Call, End};
use super::outcome::{Effect, EffectKind, Found, Life, Outcome, refusal};
use super::{EXPIRES, KEPT, UNREACHABLE};
use crate::serve::command::{Action, Part, Put};

/// How often a part begins, at most.
const TRIES: u8 = 16;
/// How often a value that is not confirmed is looked for, and the pause before.
const LOOKS: u8 = 20;
const PAUSE: Duration = Duration::from_millis(150);

/// The state of a part.
#[derive(Debug, Default)]
pub(super) struct Progress {
    /// What was read.
    read: Option<Read>,
    /// How often it has begun.
    tries: u8,
    /// Why a write is not confirmed, and how often its value was looked for.
    unconfirmed: Option<(String, u8)>,
}

/// What was read before a write.
#[derive(Debug)]
struct Read {
    version: Version,
    /// `None` if there was no value.
    value: Option<Vec<u8>>,
}

/// What follows from the end of a call.
#[derive(Debug)]
pub(super) enum Step {
    /// Another call.
    Again,
    /// Another call, after a pause.
    Later(Duration),
    /// The part has ended, and may have changed the store.
    Done(Outcome, Option<Effect>),
}

impl Step {
    fn done(outcome: Outcome) -> Step {
        Step::Done(outcome, None)
    }

    fn failed(why: impl Into<String>) -> Step {
        Step::done(Outcome::Failed(why.into()))
    }
}

impl Progress {
    /// The next call.
    pub(super) fn call<'p>(&self, part: &'p Part) -> Call<'p> {
        let name = Name::value(part.key);
        let always = Condition::Always;
        if self.unconfirmed.is_some() {
            return Call::Read(name);
        }
        match &part.action {
            Action::Read => Call::Read(name),
            Action::Put(put) if put.wants_old && self.read.is_none() => Call::Read(name),
            Action::Put(put) => {
                let condition = self.as_read().unwrap_or(put.condition);
                let write = write(name, Change::Put, condition, put.lifetime);
                Call::Write(write, &put.value)
            }
            Action::Delete => {
                Call::Write(write(name, Change::Delete, always, Lifetime::Default), &[])
            }
            Action::Add(number) => {
                Call::Write(write(name, Change::Add(*number), always, Lifetime::Keep), &[])
            }
            Action::Expire(length) => {
                let lifetime = Lifetime::Of(*length);
                Call::Write(write(name, Change::Touch, Condition::Present, lifetime), &[])
            }
            Action::Persist | Action::Renew => match self.as_read() {
                None => Call::Read(name),
                Some(as_read) => {
                    Call::Write(write(name, Change::Touch, as_read, Lifetime::Default), &[])
                }
            },
            Action::Announce(address) => {
                let name = Name::reference(part.key, *address);
                let write = write(name, Change::Put, always, Lifetime::Default);
                Call::Write(Write { tag: EXPIRES, ..write }, &[])
            }
            Action::List => Call::List(part.key),
            Action::Lookup => Call::Lookup(part.key),
            Action::Send(message) => Call::Send(part.key, message),
        }
    }

    /// Handles the end of a call that took so long.
    pub(super) fn on_end(&mut self, part: &Part, end: End, took: Duration) -> Step {
        if self.unconfirmed.is_some() {
            return self.on_look(part, end);
        }
        match end {
            End::Read(ReadOutcome::Refused(why), _)
            | End::Wrote(WriteOutcome::Refused(why))
            | End::Listed(Err(why), _) => Step::failed(refusal(why)),
            End::Read(outcome, value) => self.on_read(part, outcome, value),
            End::Wrote(WriteOutcome::Done { version, sum, existed }) => {
                self.on_written(part, version, sum, existed)
            }
            End::Wrote(WriteOutcome::ConditionFailed { .. }) => self.on_unmet(part),
            End::Wrote(WriteOutcome::Unknown { answered, needed }) => {
                let nodes = format!("{answered} of {needed} nodes have it");
                self.on_unconfirmed(part, format!("TRYAGAIN the write is not confirmed: {nodes}"))
            }
            End::Listed(Ok(_), addresses) => Step::done(Outcome::Providers(addresses)),
            End::Found(owner, hops) => Step::done(Outcome::Owner(owner, hops, took)),
            End::Sent => Step::done(Outcome::Did(true)),
            End::Failed => Step::failed(UNREACHABLE),
            End::OriginCrashed => self.on_origin_crashed(part),
        }
    }

    /// The condition that nothing has changed since the read.
    fn as_read(&self) -> Option<Condition> {
        self.read.as_ref().map(|read| match read.value {
            Some(_) => Condition::Version(read.version),
            None => Condition::Absent,
        })
    }

    fn on_read(&mut self, part: &Part, outcome: ReadOutcome, value: Vec<u8>) -> Step {
        let found = match outcome {
            ReadOutcome::Found { version, remaining, tag } => {
                Some((version, Found { value, remaining, tag }))
            }
            _ => None,
        };
        match (&part.action, found) {
            (Action::Put(put), found) => {
                let is_present = found.is_some();
                let (version, value) =
                    found.map_or((Version::NONE, None), |(at, found)| (at, Some(found.value)));
                if is_met(put, is_present) {
                    self.read = Some(Read { version, value });
                    Step::Again
                } else {
                    Step::done(Outcome::Old(value))
                }
            }
            (Action::Persist | Action::Renew, Some((version, found)))
                if (found.tag == KEPT) == (part.action == Action::Renew) =>
            {
                self.read = Some(Read { version, value: Some(Vec::new()) });
                Step::Again
            }
            (Action::Persist | Action::Renew, _) => Step::done(Outcome::Did(false)),
            (_, found) => Step::done(Outcome::Value(found.map(|(_, found)| found))),
        }
    }

    fn on_written(&mut self, part: &Part, version: Version, sum: i64, existed: bool) -> Step {
        let effect = |kind| Some(Effect { key: part.key, version, kind });
        match &part.action {
            Action::Put(put) => {
                let life = match put.lifetime {
                    Lifetime::Keep if existed => Life::AsBefore,
                    Lifetime::Of(length) => Life::For(length),
                    _ => Life::Kept,
                };
                let outcome = match self.read.take() {
                    Some(read) => Outcome::Old(read.value),
                    None => Outcome::Did(true),
                };
                Step::Done(outcome, effect(EffectKind::Stored(put.value.len() as u64, life)))
            }
            Action::Delete => Step::Done(Outcome::Did(existed), effect(EffectKind::Deleted)),
            Action::Add(_) => {
                let life = if existed { Life::AsBefore } else { Life::Kept };
                let digits = sum.to_string().len() as u64;
                Step::Done(Outcome::Sum(sum), effect(EffectKind::Stored(digits, life)))
            }
            Action::Expire(length) => {
                let kind = EffectKind::Touched(Life::For(*length));
                Step::Done(Outcome::Did(true), effect(kind))
            }
            Action::Persist | Action::Renew => {
                Step::Done(Outcome::Did(true), effect(EffectKind::Touched(Life::Kept)))
            }
            _ => Step::done(Outcome::Did(true)),
        }
    }

    fn on_unmet(&mut self, part: &Part) -> Step {
        if self.read.take().is_some() {
            return self.begin_again("TRYAGAIN the value kept changing");
        }
        Step::done(match part.action {
            Action::Put(_) => Outcome::Unmet,
            _ => Outcome::Did(false),
        })
    }

    /// A write may have taken effect or not. Looks for its value if it is a plain one.
    fn on_unconfirmed(&mut self, part: &Part, why: String) -> Step {
        match &part.action {
            Action::Put(put) if put.condition == Condition::Always && !put.wants_old => {
                self.unconfirmed = Some((why, 0));
                Step::Later(PAUSE)
            }
            _ => Step::failed(why),
        }
    }

    /// Handles the end of a read that looks for the value of a write.
    fn on_look(&mut self, part: &Part, end: End) -> Step {
        if let (Action::Put(put), End::Read(ReadOutcome::Found { version, tag, .. }, value)) =
            (&part.action, &end)
            && (value, *tag) == (&put.value, tag_of(put.lifetime))
        {
            self.unconfirmed = None;
            return self.on_written(part, *version, 0, true);
        }
        let Some((why, looks)) = &mut self.unconfirmed else { return Step::Again };
        *looks += 1;
        if *looks < LOOKS { Step::Later(PAUSE) } else { Step::failed(std::mem::take(why)) }
    }

    /// What only reads is asked again at another node.
    fn on_origin_crashed(&mut self, part: &Part) -> Step {
        let writes = match part.action {
            Action::Read | Action::List | Action::Lookup => false,
            Action::Put(ref put) => !put.wants_old || self.read.is_some(),
            Action::Persist | Action::Renew => self.read.is_some(),
            _ => true,
        };
        if writes {
            let why = "TRYAGAIN the write is not confirmed: its origin has crashed";
            return self.on_unconfirmed(part, why.to_owned());
        }
        self.begin_again("TRYAGAIN the nodes that were asked have crashed")
    }

    fn begin_again(&mut self, otherwise: &str) -> Step {
        self.tries += 1;
        if self.tries < TRIES { Step::Again } else { Step::failed(otherwise) }
    }
}

fn write(name: Name, change: Change, condition: Condition, lifetime: Lifetime) -> Write {
    Write { name, change, condition, lifetime, tag: tag_of(lifetime) }
}

fn tag_of(lifetime: Lifetime) -> u8 {
    if matches!(lifetime, Lifetime::Of(_)) { EXPIRES } else { KEPT }
}

fn is_met(put: &Put, is_present: bool) -> bool {
    match put.condition {
        Condition::Absent => !is_present,
        Condition::Present => is_present,
        _ => true,
    }
}
