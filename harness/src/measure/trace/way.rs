//! The way of a lookup to its answer, found from its steps.
//!
//! The way is found from the end: each reception has a message, which was sent because of an earlier
//! reception. Of equal messages between the same nodes, the first one sent is taken to arrive first. So where
//! a node handled the same lookup several times, a hop may be one of another attempt.
//!
//! **Invariant:** looks at steps only.

use std::collections::{BTreeMap, VecDeque};

use super::{LookupTrace, StepKind, TracedStep};

/// A reception on the way to an answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OnWay {
    /// The index of its step.
    pub step: usize,
    /// Whether it is a hop towards the answer, not one of the way back.
    pub is_hop: bool,
}

impl LookupTrace {
    /// The receptions that led to the answer, from the first hop to the origin; empty without an answer.
    /// Hops of earlier attempts are no part of it.
    #[must_use]
    pub fn way(&self) -> Vec<OnWay> {
        let causes = self.causes();
        let Some(&first) = causes.first() else { return Vec::new() };
        // The way may lead over the origin, so the message tells hops and replies apart.
        let is_hop = |step: usize| self.steps[step].message == self.steps[first].message;
        let mut way: Vec<OnWay> =
            causes.into_iter().map(|step| OnWay { step, is_hop: is_hop(step) }).collect();
        // Only where the origin asks all hops itself may it start again without a message.
        let is_reply = |on: &&OnWay| !on.is_hop && self.steps[on.step].node == self.origin;
        if way.iter().filter(is_reply).count() > 1 {
            let hops: Vec<usize> = way.iter().filter(|on| on.is_hop).map(|on| on.step).collect();
            let earlier = hops.len().saturating_sub(self.hops.unwrap_or(0) as usize);
            let from = hops.get(earlier).copied().unwrap_or(0);
            way.retain(|on| on.step >= from);
        }
        way
    }

    /// The steps in which messages were sent, by the steps in which they were handled or dropped.
    #[must_use]
    pub fn senders(&self) -> BTreeMap<usize, usize> {
        type Way<'a> = (&'a str, &'a str, Option<&'a str>);
        let mut under_way: BTreeMap<Way<'_>, VecDeque<usize>> = BTreeMap::new();
        let mut senders = BTreeMap::new();
        for (at, step) in self.steps.iter().enumerate() {
            let Some(peer) = &step.peer else { continue };
            let (node, name) = (step.node.as_str(), step.message.as_deref());
            let sent = match step.kind {
                StepKind::Sent => {
                    under_way.entry((node, peer, name)).or_default().push_back(at);
                    continue;
                }
                // It is lost in the instant in which it is sent.
                StepKind::Lost => under_way.entry((node, peer, name)).or_default().pop_back(),
                kind if kind.is_drop() || kind == StepKind::Received => {
                    under_way.entry((peer, node, name)).or_default().pop_front()
                }
                _ => continue,
            };
            senders.extend(sent.map(|sent| (at, sent)));
        }
        senders
    }

    /// The receptions that led to the answer, each the cause of the next.
    fn causes(&self) -> Vec<usize> {
        let senders = self.senders();
        let mut way = Vec::new();
        let answered = self.steps.iter().rposition(|it| it.kind == StepKind::Answered);
        let mut next = answered.and_then(|answered| self.cause_of(answered));
        while let Some(received) = next {
            way.push(received);
            let sent = senders.get(&received).copied().or_else(|| self.sent_before(received));
            next = sent.and_then(|sent| self.cause_of(sent));
        }
        way.reverse();
        way
    }

    /// The reception because of which a node sent a message or answered, in step `at`.
    fn cause_of(&self, at: usize) -> Option<usize> {
        let node = &self.steps[at].node;
        let mut of_node =
            (0..at).rev().filter(|&earlier| self.steps[earlier].node == *node).peekable();
        let same_time = |step: &TracedStep| step.at_ns == self.steps[at].at_ns;
        while let Some(earlier) = of_node.next_if(|&earlier| same_time(&self.steps[earlier])) {
            let step = &self.steps[earlier];
            if step.kind == StepKind::Received && !step.is_ack() {
                return Some(earlier);
            }
            if step.kind == StepKind::TimedOut {
                // It sends for the same reason for which it had asked the silent peer.
                let asked = of_node.find(|&it| {
                    let asked = &self.steps[it];
                    asked.kind == StepKind::Sent && asked.peer == step.peer
                })?;
                return self.cause_of(asked);
            }
        }
        of_node.find(|&it| self.steps[it].kind == StepKind::Received && !self.steps[it].is_ack())
    }

    /// The last step before `received` in which its message may have been sent: of a message that arrives twice.
    fn sent_before(&self, received: usize) -> Option<usize> {
        let step = &self.steps[received];
        self.steps[..received].iter().rposition(|sent| {
            sent.kind == StepKind::Sent
                && Some(&sent.node) == step.peer.as_ref()
                && sent.peer.as_ref() == Some(&step.node)
                && sent.message == step.message
        })
    }
}
