//! The trace of one lookup.
//!
//! **Invariant:** steps are in order: by time, then by place, then as their node made them.

use std::borrow::Cow;
use std::collections::BTreeMap;

use hopwise_kernel::{Id, Time};
use serde::{Deserialize, Serialize};

use super::{Ended, Step, StepKind};
use crate::base::skip::is_zero;

/// What a lookup did and what happened to it. Identifiers have 40 hexadecimal digits.
#[derive(Clone, PartialEq, Serialize, Deserialize, Debug)]
pub struct LookupTrace {
    /// Its number, as in a log of events.
    pub number: u32,
    /// What was asked.
    pub question: String,
    /// What was answered; empty without an answer.
    pub answer: String,
    /// The identifier that was looked up, if the question has one.
    pub key: Option<String>,
    /// The node that was asked.
    pub origin: String,
    /// The owner of the key by the truth, when the lookup ended.
    pub owner: Option<String>,
    /// When it was due, in nanoseconds since the start of the run.
    pub intended_ns: u64,
    /// When it ended, in nanoseconds since the start of the run.
    pub ended_ns: Option<u64>,
    /// `correct`, `incorrect`, `failed`, `shed` or `orphaned`; `None`: it was not measured.
    pub verdict: Option<Cow<'static, str>>,
    /// Hops to the node that answered.
    pub hops: Option<u32>,
    /// All its messages.
    pub messages: u32,
    /// Contacts that did not answer in time.
    pub timeouts: u32,
    /// Whether steps are missing after those below, because there were too many.
    pub is_cut: bool,
    /// Its steps.
    pub steps: Vec<TracedStep>,
}

/// A step of a lookup.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, Debug)]
pub struct TracedStep {
    /// When, in nanoseconds since the start of the run.
    pub at_ns: u64,
    /// What happened.
    pub kind: StepKind,
    /// Where.
    pub node: String,
    /// The node at the other end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peer: Option<String>,
    /// The name of the message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<Cow<'static, str>>,
    /// How long a received message waited at the node and was processed there.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub waited_ns: u64,
}

/// What a collector knows of a lookup.
#[derive(Debug, Default)]
pub(super) struct Parts {
    pub(super) steps: Vec<Step>,
    pub(super) is_cut: bool,
    pub(super) ended: Option<Ended>,
    /// Messages and timeouts.
    pub(super) costs: Option<(u32, u32)>,
}

impl LookupTrace {
    pub(super) fn new(number: u32, parts: Parts) -> LookupTrace {
        let Parts { steps, is_cut, ended, costs } = parts;
        let whole = whole_ids(&steps, ended.as_ref());
        let text = |id: Id| whole.get(&id.prefix()).unwrap_or(&id).to_string();
        let of_kind = |kind| steps.iter().filter(|step| step.kind == kind).count() as u32;
        let counted = || (of_kind(StepKind::Sent), of_kind(StepKind::TimedOut));
        let (messages, timeouts) = costs.unwrap_or_else(counted);
        let asked = steps.iter().find(|step| step.kind == StepKind::Asked);
        let origin = ended.as_ref().map(|it| it.lookup.origin).or(asked.map(|it| it.node));
        let intended = ended.as_ref().map(|it| it.lookup.intended).or(asked.map(|it| it.at));
        let (key, owner) = ended.as_ref().map_or((None, None), |it| (it.key, it.owner));
        let lookup = ended.map(|it| it.lookup);
        LookupTrace {
            number,
            key: key.map(|key| key.to_string()),
            origin: origin.map(text).unwrap_or_default(),
            owner: owner.map(text),
            intended_ns: intended.unwrap_or(Time::ZERO).as_ns(),
            ended_ns: lookup.as_ref().map(|it| it.ended.as_ns()),
            verdict: lookup.as_ref().map(|it| it.verdict.into()),
            hops: lookup.as_ref().and_then(|it| it.hops),
            question: lookup.as_ref().map(|it| it.key.clone()).unwrap_or_default(),
            answer: lookup.map(|it| it.answer).unwrap_or_default(),
            messages,
            timeouts,
            is_cut,
            steps: steps.iter().map(|step| traced(step, text)).collect(),
        }
    }

    /// The time from when it was due to its end.
    #[must_use]
    pub fn latency_ns(&self) -> Option<u64> {
        Some(self.ended_ns?.saturating_sub(self.intended_ns))
    }
}

impl TracedStep {
    /// Whether it is about an acknowledgement, which moves no lookup.
    #[must_use]
    pub fn is_ack(&self) -> bool {
        self.message.as_deref() == Some("ack")
    }
}

fn traced(step: &Step, text: impl Fn(Id) -> String) -> TracedStep {
    TracedStep {
        at_ns: step.at.as_ns(),
        kind: step.kind,
        node: text(step.node),
        peer: step.peer.map(text),
        message: step.message.map(Cow::Borrowed),
        waited_ns: u64::try_from(step.waited.as_nanos()).unwrap_or(u64::MAX),
    }
}

/// The whole identifiers of nodes by their first 64 bits. Tables of nodes have no more, so steps name some
/// nodes by these.
fn whole_ids(steps: &[Step], ended: Option<&Ended>) -> BTreeMap<u64, Id> {
    let known = ended.into_iter().flat_map(|it| it.owner.into_iter().chain([it.lookup.origin]));
    let named = steps.iter().flat_map(|step| step.peer.into_iter().chain([step.node]));
    let is_whole = |id: &Id| *id != Id::from_parts(id.prefix(), Id::ZERO.tail());
    named.chain(known).filter(is_whole).map(|id| (id.prefix(), id)).collect()
}
