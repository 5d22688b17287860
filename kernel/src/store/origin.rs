//! The asking side: operations of the application.
//!
//! ```text
//! LookingUp ──▶ Asking ──▶ the end
//!     ▲           │ no answer, or the owner is not ready
//!     └─ Pausing ─┘
//! ```
//!
//! An operation is one request from start to end. All attempts, at whichever owner, have its name. So an
//! owner recognizes an attempt at a write that it has carried out.
//!
//! A read is repeated at another owner. A write is not, once a node may have carried it out: if it then
//! took effect a second time, it could undo a later write. It ends as unknown.
//!
//! **Invariant:** an operation that was started ends in one event with its token, by its deadline.

use core::time::Duration;

use crate::base::{Id, Peer};
use crate::node::{DropReason, LookupEnd, LookupPurpose, RequestId, RequestTables, Router};
use crate::store::event::Event;
use crate::store::message::{Answer, Found, MessageWith, Question};
use crate::store::node::{Cx, StoreNode};
use crate::store::operation::{
    Change, ListEnd, MAX_VALUE, Name, ReadEnd, ReadOutcome, Refusal, Write, WriteEnd, WriteOutcome,
};
use crate::store::request::{Kind, Operation, Request, Stage};

/// A request that waits for a lookup times out this long after the deadline, by which the lookup ends.
const LOOKUP_GRACE: Duration = Duration::from_secs(1);
/// The first pause before an owner that is not ready is looked up again. It doubles each time.
const FIRST_PAUSE: Duration = Duration::from_millis(10);
/// The pause doubles at most so often.
const MAX_DOUBLINGS: u8 = 5;
/// How long to wait for the answer of an owner that has said that it is at work, in timeouts.
const PATIENCE: u32 = 8;

impl<R: Router> StoreNode<R> {
    /// Writes an item. `value` is empty unless the change is a [`Change::Put`]. Ends in
    /// [`Event::Wrote`] with `token`, by the configured deadline, and possibly during this call.
    ///
    /// Returns whether the write was started. It is refused if the value is longer than
    /// [`MAX_VALUE`], if too many requests are in flight, or if the node is not a member.
    pub fn write(&mut self, cx: &mut Cx<'_, R>, write: &Write, value: &[u8], token: u64) -> bool {
        self.write_as(cx, write, value, false, token)
    }

    /// As [`write`](Self::write). If it is `by_reference`, the value is a reference to one that this node
    /// provides.
    pub(super) fn write_as(
        &mut self,
        cx: &mut Cx<'_, R>,
        write: &Write,
        value: &[u8],
        by_reference: bool,
        token: u64,
    ) -> bool {
        let is_put = write.change == Change::Put;
        if value.len() > MAX_VALUE || (!is_put && !value.is_empty()) {
            return false;
        }
        let payload = match value {
            [] => None,
            _ => match cx.requests.own_mut().keep_payload(value) {
                Some(payload) => Some(payload),
                None => {
                    cx.world.count_drop(DropReason::Overload);
                    return false;
                }
            },
        };
        let operation = self.operation(cx, Question::Write(*write), token);
        let operation = Operation { payload, by_reference, ..operation };
        let is_started = self.begin(cx, operation);
        if let Some(payload) = payload.filter(|_| !is_started) {
            cx.requests.own_mut().free_payload(payload);
        }
        is_started
    }

    /// Reads an item. Ends in [`Event::Read`] with `token`, otherwise as [`write`](Self::write).
    pub fn read(&mut self, cx: &mut Cx<'_, R>, name: Name, token: u64) -> bool {
        self.read_as(cx, name, false, token)
    }

    /// As [`read`](Self::read). If it is `by_reference`, the item is a reference, and the value is fetched
    /// from its provider.
    pub(super) fn read_as(
        &mut self,
        cx: &mut Cx<'_, R>,
        name: Name,
        by_reference: bool,
        token: u64,
    ) -> bool {
        let question = Question::Read { name, found: Found::ByLookup };
        let operation = self.operation(cx, question, token);
        let operation = Operation { by_reference, ..operation };
        match self.popular.assigned(cx.now, name.key).filter(|_| name.provider.is_none()) {
            Some(holder) => self.read_at(cx, operation, holder),
            None => self.begin(cx, operation),
        }
    }

    /// As [`read`](Self::read), but asks `owner` without a lookup, because it owned the key lately. If it
    /// does not any more, the owner is looked up.
    pub fn read_from(&mut self, cx: &mut Cx<'_, R>, owner: Peer, name: Name, token: u64) -> bool {
        let operation = self.operation(cx, Question::Read { name, found: Found::ByGuess }, token);
        self.read_at(cx, operation, owner)
    }

    /// Lists the references to `key`. Ends in [`Event::Listed`] with `token`, otherwise as
    /// [`write`](Self::write).
    pub fn list(&mut self, cx: &mut Cx<'_, R>, key: Id, token: u64) -> bool {
        let operation = self.operation(cx, Question::List(key), token);
        self.begin(cx, operation)
    }

    fn operation(&self, cx: &Cx<'_, R>, question: Question, token: u64) -> Operation {
        Operation {
            token,
            question,
            deadline: cx.now + self.config.deadline,
            payload: None,
            asked: None,
            is_unsure: false,
            by_reference: false,
            stage: Stage::LookingUp,
            pauses: 0,
            hops: 0,
            timeouts: 0,
        }
    }

    fn begin(&mut self, cx: &mut Cx<'_, R>, operation: Operation) -> bool {
        if !self.router.is_member() {
            return false;
        }
        let id = RequestId::first(cx.rng.next_u64());
        let is_started = self.look_up_owner(cx, id, operation);
        self.arm(cx);
        is_started
    }

    /// Begins a read at a node that is likely to answer.
    fn read_at(&mut self, cx: &mut Cx<'_, R>, operation: Operation, node: Peer) -> bool {
        if !self.router.is_member() {
            return false;
        }
        let id = RequestId::first(cx.rng.next_u64());
        let operation = Operation {
            question: operation.question.found(Found::ByGuess),
            asked: Some(node),
            stage: Stage::Asking,
            hops: u8::from(node.id != self.me.id),
            ..operation
        };
        self.ask(cx, id, node, operation);
        self.arm(cx);
        true
    }

    /// Looks up the owner to ask. Returns false if too many requests are in flight; then nothing waits.
    fn look_up_owner(&mut self, cx: &mut Cx<'_, R>, id: RequestId, operation: Operation) -> bool {
        let (key, deadline) = (operation.question.key(), operation.deadline);
        let waiting = Kind::Operation(Operation { stage: Stage::LookingUp, ..operation });
        let wait = deadline.since(cx.now) + LOOKUP_GRACE;
        if cx.request_as(id, self.me, 0, waiting, wait).is_none() {
            return false;
        }
        let started = self
            .route(cx, |router, cx| router.look_up(cx, key, id.0, LookupPurpose::User, deadline));
        if !started {
            self.take_waiting(cx, id.0);
        }
        started
    }

    /// As [`look_up_owner`](Self::look_up_owner), for an operation that was started before.
    fn look_up_again(&mut self, cx: &mut Cx<'_, R>, id: RequestId, operation: &Operation) {
        if !self.look_up_owner(cx, id, *operation) {
            self.end_unreachable(cx, operation);
        }
    }

    /// The lookup of an operation's owner has ended.
    pub(super) fn on_owner_found(
        &mut self,
        cx: &mut Cx<'_, R>,
        id: RequestId,
        operation: Operation,
        end: LookupEnd,
    ) {
        match end {
            LookupEnd::Failed { timeouts, .. } => {
                let timeouts = operation.timeouts.saturating_add(timeouts);
                self.end_unreachable(cx, &Operation { timeouts, ..operation });
            }
            LookupEnd::Done(done) => {
                let is_write = matches!(operation.question, Question::Write(_));
                let is_another = operation.asked.is_some_and(|asked| asked != done.owner);
                if is_write && is_another {
                    return self.end_unreachable(cx, &operation);
                }
                let is_remote = done.owner.id != self.me.id;
                let found =
                    if done.under_suspicion { Found::InPlaceOfOwner } else { Found::ByLookup };
                let operation = Operation {
                    question: operation.question.found(found),
                    asked: Some(done.owner),
                    stage: Stage::Asking,
                    hops: done.hops.saturating_add(is_remote.into()),
                    timeouts: operation.timeouts.saturating_add(done.timeouts),
                    ..operation
                };
                self.ask(cx, id, done.owner, operation);
            }
        }
    }

    fn ask(&mut self, cx: &mut Cx<'_, R>, id: RequestId, owner: Peer, operation: Operation) {
        let left = operation.deadline.since(cx.now);
        let is_local = owner.id == self.me.id;
        let wait = self.wait_for_answer(cx, &operation.question, 0).min(left);
        let wait = if is_local { left } else { wait };
        if cx.request_as(id, owner, 0, Kind::Operation(operation), wait).is_none() {
            // It was not asked.
            let stage = Stage::LookingUp;
            return self.end_unreachable(cx, &Operation { stage, ..operation });
        }
        if is_local {
            let mut room = [0; MAX_VALUE];
            let value = Self::value_of(cx, &operation, &mut room);
            self.on_ask(cx, self.me, id, Duration::ZERO, &operation.question, value);
        } else {
            self.send_question(cx, owner, id, &operation);
        }
    }

    pub(super) fn send_question(
        &self,
        cx: &mut Cx<'_, R>,
        to: Peer,
        request: RequestId,
        operation: &Operation,
    ) {
        let (cookie, question) = (self.cookies.of(to), operation.question);
        let mut room = [0; MAX_VALUE];
        let value = Self::value_of(cx, operation, &mut room);
        let age = self.config.deadline.saturating_sub(operation.deadline.since(cx.now));
        let age_ms = u16::try_from(age.as_millis()).unwrap_or(u16::MAX);
        self.send(cx, to, &MessageWith::Ask { request, cookie, age_ms, question, value });
    }

    /// Copies the value that goes beside a question to the start of `room`. Returns it.
    fn value_of<'a>(
        cx: &Cx<'_, R>,
        operation: &Operation,
        room: &'a mut [u8; MAX_VALUE],
    ) -> &'a [u8] {
        let Some(payload) = operation.payload else { return &[] };
        let value = cx.own_requests().payload(payload);
        let room = &mut room[..value.len().min(MAX_VALUE)];
        room.copy_from_slice(&value[..room.len()]);
        room
    }

    /// Handles the answer of the node that was asked, also if it is asked no more.
    pub(super) fn on_answer(
        &mut self,
        cx: &mut Cx<'_, R>,
        from: Peer,
        id: RequestId,
        answer: Answer,
        value: &[u8],
    ) {
        let found = cx.own_requests().find(id).and_then(|handle| {
            let request = cx.own_requests().at(handle)?;
            match request.kind {
                Kind::Operation(operation)
                    if request.node == cx.node
                        && fits(&operation.question, &answer)
                        && operation.asked.is_some_and(|it| it.is_same_destination(from)) =>
                {
                    Some((handle, operation, request.retries))
                }
                _ => None,
            }
        });
        let Some((handle, operation, retries)) = found else {
            return cx.world.count_drop(DropReason::Unmatched);
        };
        if answer == Answer::InProgress {
            let left = operation.deadline.since(cx.now);
            let wait = (self.wait_for_answer(cx, &operation.question, 0) * PATIENCE).min(left);
            if operation.stage == Stage::Asking {
                cx.world.arm_request(handle, cx.now + wait);
            }
            return;
        }
        // An answer after a cookie says little about a round trip.
        let is_prompt = operation.stage == Stage::Asking
            && (operation.is_unsure || retries == 0)
            && from.id != self.me.id;
        let is_write = matches!(operation.question, Question::Write(_));
        let sent = cx.own_requests().at(handle).and_then(|it| it.round_trip(id, cx.now));
        if let Some(round_trip) = sent.filter(|_| is_write && is_prompt) {
            self.write_round_trips.record(round_trip);
        }
        self.take_replied(cx, handle, id, is_prompt && !is_write);
        if answer == Answer::NotHere {
            if operation.question.is_guess() {
                self.popular.unassign(operation.question.key(), from);
                let again = Operation { asked: None, ..operation };
                return self.look_up_again(cx, id.with_attempt(0), &again);
            }
            let asked = operation.asked.filter(|_| operation.is_unsure);
            self.pause(cx, id.with_attempt(0), Operation { asked, ..operation });
        } else if matches!(answer, Answer::Refused(Refusal::Overloaded | Refusal::Full))
            && operation.is_unsure
        {
            // This attempt was refused; an earlier one may have been carried out.
            self.end_unreachable(cx, &operation);
        } else {
            self.end(cx, &operation, answer, value);
        }
    }

    /// Waits before the owner is looked up again.
    fn pause(&mut self, cx: &mut Cx<'_, R>, id: RequestId, operation: Operation) {
        let wait = FIRST_PAUSE * (1 << operation.pauses.min(MAX_DOUBLINGS));
        let left = operation.deadline.since(cx.now);
        let pauses = operation.pauses.saturating_add(1);
        let waiting = Kind::Operation(Operation { stage: Stage::Pausing, pauses, ..operation });
        let wait = wait.max(self.wait(cx, 0)).min(left);
        if cx.request_as(id, self.me, 0, waiting, wait).is_none() {
            self.end_unreachable(cx, &operation);
        }
    }

    /// The request of an operation, which is no longer in flight, has timed out.
    pub(super) fn on_operation_silence(
        &mut self,
        cx: &mut Cx<'_, R>,
        request: &Request,
        operation: Operation,
    ) {
        let id = request.id.with_attempt(0);
        if cx.now >= operation.deadline || !self.router.is_member() {
            return self.end_unreachable(cx, &operation);
        }
        match operation.stage {
            Stage::LookingUp => self.end_unreachable(cx, &operation),
            Stage::Pausing => self.look_up_again(cx, id, &operation),
            Stage::Asking => {
                self.popular.unassign(operation.question.key(), request.to);
                self.round_trips.record_timeout();
                // A guess says nothing about the nodes that the router knows.
                if !operation.question.is_guess() {
                    self.route(cx, |router, cx| router.suspect(cx, request.to));
                }
                let timeouts = operation.timeouts.saturating_add(1);
                let question = operation.question.found(Found::ByLookup);
                let operation = Operation { question, timeouts, is_unsure: true, ..operation };
                self.look_up_again(cx, id, &operation);
            }
        }
    }

    /// Ends an operation that no owner has answered.
    fn end_unreachable(&mut self, cx: &mut Cx<'_, R>, operation: &Operation) {
        let is_write = matches!(operation.question, Question::Write(_));
        let is_asking = operation.stage == Stage::Asking;
        let answer = if is_write && (operation.is_unsure || is_asking) {
            Answer::Unknown { answered: 0, needed: self.config.replicas() as u8 }
        } else {
            Answer::Refused(Refusal::Unreachable)
        };
        self.end(cx, operation, answer, &[]);
    }

    /// Ends an operation: reports the answer to the application.
    fn end(&mut self, cx: &mut Cx<'_, R>, operation: &Operation, answer: Answer, value: &[u8]) {
        let &Operation { token, hops, timeouts, payload, asked, by_reference, .. } = operation;
        if by_reference {
            if matches!(answer, Answer::Found { .. }) {
                return self.fetch_value(cx, operation, answer, value);
            }
            let mut room = [0; MAX_VALUE];
            let reference = Self::value_of(cx, operation, &mut room);
            self.on_reference_written(cx, operation, answer, reference);
        }
        if let Some(payload) = payload {
            cx.requests.own_mut().free_payload(payload);
        }
        let event = match operation.question {
            Question::Write(_) => {
                let outcome = match answer {
                    Answer::Done { version, sum, existed } => {
                        WriteOutcome::Done { version, sum, existed }
                    }
                    Answer::ConditionFailed { version } => {
                        WriteOutcome::ConditionFailed { version }
                    }
                    Answer::Unknown { answered, needed } => {
                        WriteOutcome::Unknown { answered, needed }
                    }
                    Answer::Refused(refusal) => WriteOutcome::Refused(refusal),
                    _ => WriteOutcome::Refused(Refusal::Unreachable),
                };
                Event::Wrote(WriteEnd { token, outcome, hops, timeouts })
            }
            Question::Read { name, .. } => {
                let outcome = match answer {
                    Answer::Found { version, remaining_ms, tag } => {
                        let remaining = Duration::from_millis(remaining_ms);
                        ReadOutcome::Found { version, remaining, tag }
                    }
                    Answer::Absent => ReadOutcome::Absent,
                    Answer::Refused(refusal) => ReadOutcome::Refused(refusal),
                    _ => ReadOutcome::Refused(Refusal::Unreachable),
                };
                let is_answered = !matches!(outcome, ReadOutcome::Refused(_));
                let owner = asked.filter(|_| is_answered && !operation.question.is_guess());
                Event::Read(ReadEnd { token, key: name.key, outcome, owner, hops, timeouts })
            }
            Question::List(_) => {
                let outcome = match answer {
                    Answer::Listed { count } => Ok(count),
                    Answer::Refused(refusal) => Err(refusal),
                    _ => Err(Refusal::Unreachable),
                };
                Event::Listed(ListEnd { token, outcome, hops, timeouts })
            }
        };
        cx.world.report(cx.node, event, value);
    }
}

/// Whether an owner may answer so.
const fn fits(question: &Question, answer: &Answer) -> bool {
    match answer {
        Answer::Refused(_) | Answer::NotHere | Answer::InProgress => true,
        Answer::Done { .. } | Answer::ConditionFailed { .. } | Answer::Unknown { .. } => {
            matches!(question, Question::Write(_))
        }
        Answer::Found { .. } | Answer::Absent => matches!(question, Question::Read { .. }),
        Answer::Listed { .. } => matches!(question, Question::List(_)),
    }
}
