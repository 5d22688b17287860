//! The owning side: reads, writes, and the rounds of copies that make writes durable.
//!
//! ```text
//! Write ──▶ owner   body: version 2 ── Copy ──▶ each holder          reads see version 1
//! Write ──▶ owner   queued: version 3, waits for the round
//!                   ◀─ Copied ─ all holders: version 2 is committed   reads see version 2
//!                   body: version 3 ── Copy ──▶ each holder           …
//! ```
//!
//! One round at a time copies one version of an item. Writes that arrive meanwhile replace each other
//! in the queue: only the last one is copied, and all are answered when it is committed.
//!
//! An item that came from another owner may be missing at some holders. It is not settled: before it is
//! read, a round copies it to all. Otherwise a read could return a version that is lost later.
//!
//! **Invariant:** a write is answered as done only once all holders have it or a later one; a read
//! returns only what all holders had at some time.

use alloc::vec::Vec;
use core::fmt::{self, Write as _};
use core::time::Duration;

use crate::base::{Address, Id, Peer, Time};
use crate::node::{RequestId, Router};
use crate::store::holders::{HolderSet, Holders};
use crate::store::message::{Answer, MessageWith, Question};
use crate::store::node::{Cx, StoreNode};
use crate::store::operation::{
    Change, Condition, Lifetime, MAX_LISTED, MAX_VALUE, Name, Refusal, Write,
};
use crate::store::request::{CopyRequest, Kind};
use crate::store::table::{Body, ItemHandle};
use crate::store::version::Version;

/// A repeated request that is not remembered may have been carried out, if answers of the last so many
/// seconds have been forgotten.
const REPEATS_WITHIN: Duration = Duration::from_secs(10);
/// Time between two searches for answers that are overdue.
const SWEEP: Duration = Duration::from_millis(250);

/// The operations in progress at an owner.
#[derive(Debug)]
pub(super) struct Owner {
    rounds: Vec<Round>,
    waiting: Vec<Waiting>,
    answered: Vec<Answered>,
    /// The entry of `answered` that is overwritten next.
    oldest: usize,
    /// When the last entry of `answered` that was overwritten had been answered.
    forgotten: Time,
    sweep_at: Time,
    most: usize,
}

/// A round of copies.
#[derive(Clone, Copy, Debug)]
struct Round {
    item: ItemHandle,
    /// What reads see.
    before: Before,
    queued: Option<Body>,
    acked: HolderSet,
    /// Holders that do not take the copy.
    failed: HolderSet,
}

/// The committed version before a round.
#[derive(Clone, Copy, Debug)]
enum Before {
    /// The item was not settled.
    Unknown,
    /// There was no item.
    Absent,
    Committed(Body),
}

/// An operation that is answered when a version is committed.
#[derive(Clone, Copy, Debug)]
struct Waiting {
    item: ItemHandle,
    /// The number of the version.
    number: u64,
    client: Peer,
    request: RequestId,
    answer: Pending,
    until: Time,
}

/// The answer once the version is committed.
#[derive(Clone, Copy, Debug)]
enum Pending {
    /// A write of this version.
    Write(Answer),
    /// What follows from the version, without a change.
    Fact(Answer),
    /// The value.
    Value,
}

/// An answer that is sent again if the request is repeated.
#[derive(Clone, Copy, Debug)]
struct Answered {
    client: Peer,
    request: RequestId,
    answer: Answer,
    at: Time,
}

impl Owner {
    pub(super) fn new(most: usize) -> Owner {
        Owner {
            rounds: Vec::with_capacity(most),
            waiting: Vec::with_capacity(most),
            answered: Vec::with_capacity(most),
            oldest: 0,
            forgotten: Time::ZERO,
            sweep_at: Time::NEVER,
            most,
        }
    }

    pub(super) const fn sweep_at(&self) -> Time {
        self.sweep_at
    }

    pub(super) const fn heap_bytes(&self) -> usize {
        self.most * (size_of::<Round>() + size_of::<Waiting>() + size_of::<Answered>())
    }

    fn round_of(&self, item: ItemHandle) -> Option<usize> {
        self.rounds.iter().position(|round| round.item == item)
    }

    const fn is_full(&self) -> bool {
        self.waiting.len() >= self.most || self.rounds.len() >= self.most
    }

    fn remember(&mut self, answered: Answered) {
        if self.answered.len() < self.most {
            self.answered.push(answered);
        } else if let Some(oldest) = self.answered.get_mut(self.oldest) {
            self.forgotten = oldest.at;
            *oldest = answered;
            self.oldest = (self.oldest + 1) % self.most;
        }
    }
}

impl<R: Router> StoreNode<R> {
    /// Handles a question of `client`, which may be this node itself.
    pub(super) fn on_ask(
        &mut self,
        cx: &mut Cx<'_, R>,
        client: Peer,
        request: RequestId,
        question: &Question,
        value: &[u8],
    ) {
        let is_here = self.arrival.has(question.key()) && self.router.is_member();
        match question {
            Question::Write(write) => {
                if let Some(answer) = self.answer_of_repeated(client, request, cx.now) {
                    return self.answer(cx, client, request, answer, &[]);
                }
                if !is_here {
                    return self.answer(cx, client, request, Answer::NotHere, &[]);
                }
                self.on_write(cx, client, request, write, value);
            }
            &Question::Read { name, owner_is_silent }
                if !is_here && self.may_stand_in(cx.now, name.key, owner_is_silent) =>
            {
                self.on_read(cx, client, request, &name);
            }
            _ if !is_here => self.answer(cx, client, request, Answer::NotHere, &[]),
            Question::Read { name, .. } => self.on_read(cx, client, request, name),
            Question::List(key) => self.on_list(cx, client, request, *key),
        }
    }

    /// Whether this node may answer reads of `key` for an owner that seems to be gone: it has every write
    /// that the owner has acknowledged.
    fn may_stand_in(&self, now: Time, key: Id, owner_is_silent: bool) -> bool {
        let predecessor = self.router.predecessor();
        let is_heir = predecessor.is_none_or(|predecessor| R::owns(key, self.me, predecessor));
        (owner_is_silent || is_heir) && self.repairs.keeps_all(key, now)
    }

    /// The answer to an attempt at a write of which another attempt has arrived or may have arrived.
    fn answer_of_repeated(&self, client: Peer, request: RequestId, now: Time) -> Option<Answer> {
        let is_it = |peer: Peer, id: RequestId| peer == client && id.is_same_request(request);
        if self.owner.waiting.iter().any(|it| is_it(it.client, it.request)) {
            return Some(Answer::InProgress);
        }
        if let Some(done) = self.owner.answered.iter().find(|it| is_it(it.client, it.request)) {
            return Some(done.answer);
        }
        let is_forgotten = request.attempt() > 0
            && self.owner.forgotten != Time::ZERO
            && now.since(self.owner.forgotten) < REPEATS_WITHIN;
        let needed = self.config.replicas() as u8;
        is_forgotten.then_some(Answer::Unknown { answered: 0, needed })
    }

    fn on_read(&mut self, cx: &mut Cx<'_, R>, client: Peer, request: RequestId, name: &Name) {
        self.counts.reads += 1;
        let Some(handle) = self.table.find(name) else {
            return self.answer(cx, client, request, Answer::Absent, &[]);
        };
        let Some(&item) = self.table.at(handle) else { return };
        let seen = match self.owner.round_of(handle) {
            None if item.settled => Some(Some(item.body)),
            None => None,
            Some(round) => match self.owner.rounds[round].before {
                Before::Unknown => None,
                Before::Absent => Some(None),
                Before::Committed(body) => Some(Some(body)),
            },
        };
        match seen {
            Some(body) => self.answer_value(cx, client, request, body),
            None => self.wait_for(cx, client, request, handle, Pending::Value),
        }
    }

    fn on_list(&mut self, cx: &mut Cx<'_, R>, client: Peer, request: RequestId, key: Id) {
        self.counts.reads += 1;
        let wall_us = self.clock.wall_us(cx.now);
        let mut addresses = [0; MAX_LISTED * size_of::<u64>()];
        let (mut count, mut bytes) = (0_u16, 0);
        let present = self.table.under(key).filter(|item| item.body.is_present(wall_us));
        for address in present.filter_map(|item| item.name.provider) {
            count = count.saturating_add(1);
            if let Some(room) = addresses.get_mut(bytes..bytes + size_of::<u64>()) {
                room.copy_from_slice(&Address::to_bits(address).to_be_bytes());
                bytes += size_of::<u64>();
            }
        }
        self.answer(cx, client, request, Answer::Listed { count }, &addresses[..bytes]);
    }

    fn on_write(
        &mut self,
        cx: &mut Cx<'_, R>,
        client: Peer,
        request: RequestId,
        write: &Write,
        value: &[u8],
    ) {
        if self.owner.is_full() {
            let answer = Answer::Refused(Refusal::Overloaded);
            return self.answer(cx, client, request, answer, &[]);
        }
        let wall_us = self.clock.wall_us(cx.now);
        let handle = self.table.find(&write.name);
        let newest = handle.and_then(|handle| self.newest(handle));
        let present = newest.filter(|body| body.is_present(wall_us));
        let version = present.map_or(Version::NONE, |body| body.version);
        let holds = match write.condition {
            Condition::Always => write.change != Change::Touch || present.is_some(),
            Condition::Absent => present.is_none(),
            Condition::Present => present.is_some(),
            Condition::Version(wanted) => wanted == version,
        };
        if !holds {
            return self.answer_fact(
                cx,
                client,
                request,
                handle,
                Answer::ConditionFailed { version },
            );
        }
        let mut room = [0; MAX_VALUE];
        let (bytes, sum): (&[u8], i64) = match (write.change, present) {
            (Change::Put, _) => (value, 0),
            (Change::Delete, None) => {
                let answer = Answer::Done { version, sum: 0, existed: false };
                return self.answer_fact(cx, client, request, handle, answer);
            }
            (Change::Delete, Some(_)) | (Change::Touch, None) => (&[], 0),
            (Change::Touch, Some(body)) => (self.table.read(body.value, &mut room), 0),
            (Change::Add(term), _) => {
                let before =
                    present.map_or(Some(0), |body| integer(self.table.read(body.value, &mut room)));
                let refusal = match before.map(|before| before.checked_add(term)) {
                    Some(Some(sum)) => Ok(sum),
                    Some(None) => Err(Refusal::Overflow),
                    None => Err(Refusal::NotANumber),
                };
                match refusal {
                    Ok(sum) => (decimal(sum, &mut room), sum),
                    Err(refusal) => {
                        let answer = Answer::Refused(refusal);
                        return self.answer_fact(cx, client, request, handle, answer);
                    }
                }
            }
        };
        let Some(stored) = self.keep(wall_us, bytes) else {
            return self.refuse_full(cx, client, request);
        };
        let deleted = write.change == Change::Delete;
        let tag = match (write.lifetime, present) {
            (Lifetime::Keep, Some(body)) => body.tag,
            _ => write.tag,
        };
        let body = Body {
            version: Version { number: self.clock.next(cx.now), writer: request.with_attempt(0).0 },
            previous: newest.map_or(Version::NONE, |body| body.version),
            expires_us: self.expiry(wall_us, write, present),
            value: stored,
            tag,
            deleted,
        };
        let Some(handle) = self.enter(cx, handle, write.name, body) else {
            self.table.free(stored);
            return self.refuse_full(cx, client, request);
        };
        self.counts.writes += 1;
        let version = body.version;
        let done = Answer::Done { version, sum, existed: present.is_some() };
        self.push_waiting(cx, client, request, handle, version.number, Pending::Write(done));
        self.check_round(cx, handle);
    }

    /// Enters a new version of an item, and begins a round for it unless it has to wait for one. Returns
    /// `None` if there is no room.
    fn enter(
        &mut self,
        cx: &mut Cx<'_, R>,
        handle: Option<ItemHandle>,
        name: Name,
        body: Body,
    ) -> Option<ItemHandle> {
        let Some(handle) = handle else {
            let handle = match self.table.insert(name, body) {
                Some(handle) => handle,
                None => {
                    self.table.purge(self.clock.wall_us(cx.now));
                    self.table.insert(name, body)?
                }
            };
            self.begin_round(cx, handle, Before::Absent);
            return Some(handle);
        };
        if let Some(round) = self.owner.round_of(handle) {
            if let Some(queued) = self.owner.rounds[round].queued.replace(body) {
                self.table.free(queued.value);
            }
            return Some(handle);
        }
        let item = self.table.at_mut(handle)?;
        let old = core::mem::replace(&mut item.body, body);
        let before = if core::mem::take(&mut item.settled) {
            Before::Committed(old)
        } else {
            self.table.free(old.value);
            Before::Unknown
        };
        self.begin_round(cx, handle, before);
        Some(handle)
    }

    /// The version that the next write follows: the queued one, or the newest of the table.
    fn newest(&self, handle: ItemHandle) -> Option<Body> {
        let queued = self.owner.round_of(handle).and_then(|at| self.owner.rounds[at].queued);
        queued.or_else(|| self.table.at(handle).map(|item| item.body))
    }

    /// Answers a write that changes nothing: at once if the newest version is committed, otherwise when it
    /// is. The answer is remembered: another attempt may be on its way, and must not change anything.
    fn answer_fact(
        &mut self,
        cx: &mut Cx<'_, R>,
        client: Peer,
        request: RequestId,
        handle: Option<ItemHandle>,
        answer: Answer,
    ) {
        let item = handle.and_then(|handle| Some((handle, *self.table.at(handle)?)));
        match item {
            Some((handle, item)) if item.in_round || !item.settled => {
                self.wait_for(cx, client, request, handle, Pending::Fact(answer));
            }
            _ => {
                self.owner.remember(Answered { client, request, answer, at: cx.now });
                self.answer(cx, client, request, answer, &[]);
            }
        }
    }

    /// Answers once the newest version is committed. Begins a round if there is none.
    fn wait_for(
        &mut self,
        cx: &mut Cx<'_, R>,
        client: Peer,
        request: RequestId,
        handle: ItemHandle,
        pending: Pending,
    ) {
        let Some(newest) = self.newest(handle) else { return };
        if self.owner.is_full() {
            let answer = Answer::Refused(Refusal::Overloaded);
            return self.answer(cx, client, request, answer, &[]);
        }
        let is_repeated = |it: &Waiting| it.client == client && it.request.is_same_request(request);
        if !self.owner.waiting.iter().any(is_repeated) {
            self.push_waiting(cx, client, request, handle, newest.version.number, pending);
        }
        if self.owner.round_of(handle).is_none() {
            self.begin_round(cx, handle, Before::Unknown);
        }
        self.check_round(cx, handle);
    }

    fn push_waiting(
        &mut self,
        cx: &mut Cx<'_, R>,
        client: Peer,
        request: RequestId,
        item: ItemHandle,
        number: u64,
        answer: Pending,
    ) {
        let until = cx.now + self.config.deadline;
        self.owner.waiting.push(Waiting { item, number, client, request, answer, until });
        self.owner.sweep_at = self.owner.sweep_at.min(cx.now + SWEEP);
    }

    /// Copies the body of an item to all holders. [`check_round`](Self::check_round) must follow.
    fn begin_round(&mut self, cx: &mut Cx<'_, R>, item: ItemHandle, before: Before) {
        let Some(it) = self.table.at_mut(item) else { return };
        it.in_round = true;
        it.settled = false;
        let copy = CopyRequest { item, number: it.body.version.number };
        self.owner.rounds.push(Round { item, before, queued: None, acked: 0, failed: 0 });
        self.copy_to(cx, copy, self.holders.all());
    }

    /// Sends a copy to each of these holders.
    fn copy_to(&mut self, cx: &mut Cx<'_, R>, copy: CopyRequest, to: HolderSet) {
        let holders = self.holders;
        for (place, &holder) in holders.peers().iter().enumerate() {
            if to & 1 << place == 0 {
                continue;
            }
            let wait = self.wait(cx, 0);
            match cx.request(holder, 0, Kind::Copy(copy), wait) {
                Some(id) => self.send_copy(cx, holder, id, copy),
                None => {
                    if let Some(round) = self.owner.round_of(copy.item) {
                        self.owner.rounds[round].failed |= 1 << place;
                    }
                }
            }
        }
    }

    /// Ends the round of an item if all holders have answered.
    fn check_round(&mut self, cx: &mut Cx<'_, R>, item: ItemHandle) {
        let all = self.holders.all();
        while let Some(at) = self.owner.round_of(item) {
            let Round { acked, failed, .. } = self.owner.rounds[at];
            if acked & all == all {
                self.commit(cx, at);
            } else if (acked | failed) & all == all {
                return self.fail_round(cx, at);
            } else {
                return;
            }
        }
    }

    /// All holders have the version of the round.
    fn commit(&mut self, cx: &mut Cx<'_, R>, at: usize) {
        let Round { item: handle, before, queued, .. } = self.owner.rounds.swap_remove(at);
        if let Before::Committed(old) = before {
            self.table.free(old.value);
        }
        let Some(item) = self.table.at_mut(handle) else { return };
        (item.settled, item.in_round) = (true, false);
        let committed = item.body;
        if let Some(next) = queued {
            item.body = next;
            self.begin_round(cx, handle, Before::Committed(committed));
        }
        self.end_waiting(
            cx,
            |it| it.item == handle && it.number <= committed.version.number,
            |it| match it.answer {
                Pending::Write(answer) | Pending::Fact(answer) => (answer, None),
                Pending::Value => (Answer::Absent, Some(committed)),
            },
        );
    }

    /// Some holder cannot take the version of the round. Its fate is unknown.
    fn fail_round(&mut self, cx: &mut Cx<'_, R>, at: usize) {
        let Round { item: handle, before, queued, acked, .. } = self.owner.rounds.swap_remove(at);
        if let Before::Committed(old) = before {
            self.table.free(old.value);
        }
        if let Some(next) = queued {
            self.table.replace(handle, next);
        }
        if let Some(item) = self.table.at_mut(handle) {
            (item.settled, item.in_round) = (false, false);
        }
        let unknown = self.unknown(acked);
        self.end_waiting(cx, |it| it.item == handle, |it| (it.answer.failed(unknown), None));
    }

    /// The answer to a write of which these holders have a copy.
    fn unknown(&self, acked: HolderSet) -> Answer {
        let answered = 1 + acked.count_ones() as u8;
        Answer::Unknown { answered, needed: 1 + self.holders.peers().len() as u8 }
    }

    /// Answers and removes the operations that `is_over`.
    fn end_waiting(
        &mut self,
        cx: &mut Cx<'_, R>,
        is_over: impl Fn(&Waiting) -> bool,
        answer: impl Fn(&Waiting) -> (Answer, Option<Body>),
    ) {
        let mut at = 0;
        while let Some(&waiting) = self.owner.waiting.get(at) {
            if !is_over(&waiting) {
                at += 1;
                continue;
            }
            self.owner.waiting.swap_remove(at);
            let Waiting { client, request, .. } = waiting;
            match answer(&waiting) {
                (_, Some(body)) => self.answer_value(cx, client, request, Some(body)),
                (answer, None) => {
                    if !matches!(waiting.answer, Pending::Value) && answer != Answer::NotHere {
                        self.owner.remember(Answered { client, request, answer, at: cx.now });
                    }
                    self.answer(cx, client, request, answer, &[]);
                }
            }
        }
    }

    fn answer_value(
        &mut self,
        cx: &mut Cx<'_, R>,
        client: Peer,
        request: RequestId,
        body: Option<Body>,
    ) {
        let wall_us = self.clock.wall_us(cx.now);
        let Some(body) = body.filter(|body| body.is_present(wall_us)) else {
            return self.answer(cx, client, request, Answer::Absent, &[]);
        };
        let remaining_ms = body.expires_us.saturating_sub(wall_us) / 1000;
        let answer = Answer::Found { version: body.version, remaining_ms, tag: body.tag };
        let mut room = [0; MAX_VALUE];
        let value = self.table.read(body.value, &mut room);
        self.answer(cx, client, request, answer, value);
    }

    fn answer(
        &mut self,
        cx: &mut Cx<'_, R>,
        client: Peer,
        request: RequestId,
        answer: Answer,
        value: &[u8],
    ) {
        if client.id == self.me.id {
            self.on_answer(cx, client, request, answer, value);
        } else {
            self.send(cx, client, &MessageWith::Answer { request, answer, value });
        }
    }

    fn refuse_full(&mut self, cx: &mut Cx<'_, R>, client: Peer, request: RequestId) {
        self.counts.full += 1;
        self.answer(cx, client, request, Answer::Refused(Refusal::Full), &[]);
    }

    /// Keeps the bytes of a value; if there is no room, after expired items have been removed.
    pub(super) fn keep(&mut self, wall_us: u64, value: &[u8]) -> Option<super::slab::Stored> {
        self.table.keep(value).or_else(|| {
            self.table.purge(wall_us);
            self.table.keep(value)
        })
    }

    /// When an item expires that is written now. A deletion is kept until no copy of what it deletes is
    /// left, whatever the clocks.
    fn expiry(&self, wall_us: u64, write: &Write, present: Option<Body>) -> u64 {
        let us = |duration: Duration| u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        let config = &self.config;
        if write.change == Change::Delete {
            let last = present.map_or(wall_us, |body| body.expires_us.max(wall_us));
            return last.saturating_add(2 * us(config.skew));
        }
        let lifetime = match (write.lifetime, present) {
            (Lifetime::Keep, Some(body)) => return body.expires_us,
            (Lifetime::Of(lifetime), _) => lifetime.min(config.max_lifetime),
            (Lifetime::Default | Lifetime::Keep, _) => config.lifetime,
        };
        wall_us.saturating_add(us(lifetime))
    }

    /// A holder has answered a copy of this version with the one that it holds.
    pub(super) fn on_copied_to(
        &mut self,
        cx: &mut Cx<'_, R>,
        holder: Peer,
        copy: CopyRequest,
        held: bool,
        version: Version,
    ) {
        let Some(at) = self.owner.round_of(copy.item) else { return };
        let Some(item) = self.table.at(copy.item) else { return };
        let mine = item.body.version;
        let Some(place) = self.holders.place(holder) else { return };
        if copy.number != mine.number {
            return; // A copy of an earlier round.
        }
        if held && version > mine {
            return self.overtake(cx, at, holder, version);
        }
        let round = &mut self.owner.rounds[at];
        *(if held { &mut round.acked } else { &mut round.failed }) |= 1 << place;
        self.check_round(cx, copy.item);
    }

    /// A holder has a version above that of the round: another node was the owner, too. A write of this
    /// node comes after it, so it gets a higher number. What is only copied on gives way.
    fn overtake(&mut self, cx: &mut Cx<'_, R>, at: usize, holder: Peer, version: Version) {
        let handle = self.owner.rounds[at].item;
        let Some(item) = self.table.at(handle) else { return };
        let old = item.body.version;
        let is_write = |it: &Waiting| {
            it.item == handle && it.number == old.number && matches!(it.answer, Pending::Write(_))
        };
        if !self.owner.waiting.iter().any(is_write) {
            let key = item.name.key;
            self.fail_round(cx, at);
            return self.fetch_key(cx, holder, key);
        }
        self.counts.conflicts += 1;
        let number = self.clock.next(cx.now);
        if let Some(item) = self.table.at_mut(handle) {
            item.body.version.number = number;
            item.body.previous = version;
        }
        for waiting in self.owner.waiting.iter_mut().filter(|it| it.item == handle) {
            if waiting.number <= old.number {
                waiting.number = number;
                if let Pending::Write(Answer::Done { version, .. }) = &mut waiting.answer {
                    version.number = number;
                }
            }
        }
        let round = &mut self.owner.rounds[at];
        (round.acked, round.failed) = (0, 0);
        if let Some(queued) = &mut round.queued {
            // It must stay above what it follows.
            let next = self.clock.next(cx.now);
            let queued_number = core::mem::replace(&mut queued.version.number, next);
            for waiting in self.owner.waiting.iter_mut().filter(|it| it.item == handle) {
                if waiting.number > number.min(old.number) && waiting.number <= queued_number {
                    waiting.number = next;
                }
            }
        }
        self.copy_to(cx, CopyRequest { item: handle, number }, self.holders.all());
        self.check_round(cx, handle);
    }

    /// Whether a round still waits for this copy at `holder`.
    pub(super) fn is_copying(&self, copy: CopyRequest, holder: Peer) -> bool {
        let Some(item) = self.table.at(copy.item) else { return false };
        item.in_round
            && item.body.version.number == copy.number
            && self.holders.place(holder).is_some()
    }

    /// A holder did not answer any attempt at a copy.
    pub(super) fn on_copy_failed(&mut self, cx: &mut Cx<'_, R>, holder: Peer, copy: CopyRequest) {
        if self.is_copying(copy, holder)
            && let Some(at) = self.owner.round_of(copy.item)
            && let Some(place) = self.holders.place(holder)
        {
            self.owner.rounds[at].failed |= 1 << place;
            self.check_round(cx, copy.item);
        }
    }

    /// The holders have changed: continues all rounds with the new ones.
    pub(super) fn copy_to_new_holders(&mut self, cx: &mut Cx<'_, R>, before: &Holders) {
        let holders = self.holders;
        for at in 0..self.owner.rounds.len() {
            let round = &mut self.owner.rounds[at];
            round.acked = holders.carried_over(before, round.acked);
            round.failed = holders.carried_over(before, round.failed);
        }
        let known = holders.carried_over(before, before.all());
        // From the last round: one that ends gives its place to a later one, or to one that begins.
        for at in (0..self.owner.rounds.len()).rev() {
            let Some(&Round { item, .. }) = self.owner.rounds.get(at) else { continue };
            let Some(it) = self.table.at(item) else { continue };
            let copy = CopyRequest { item, number: it.body.version.number };
            self.copy_to(cx, copy, holders.all() & !known);
            self.check_round(cx, item);
        }
    }

    /// Ends the rounds of items that this node does not own any more. What they copied may yet win.
    pub(super) fn end_foreign_rounds(&mut self, cx: &mut Cx<'_, R>) {
        let mut at = 0;
        while let Some(round) = self.owner.rounds.get(at) {
            let key = self.table.at(round.item).map(|item| item.name.key);
            if key.is_some_and(|key| self.arrival.has(key)) {
                at += 1;
            } else {
                self.fail_round(cx, at);
            }
        }
    }

    /// Ends all rounds.
    pub(super) fn end_all_rounds(&mut self, cx: &mut Cx<'_, R>) {
        while !self.owner.rounds.is_empty() {
            self.fail_round(cx, 0);
        }
        self.owner.sweep_at = Time::NEVER;
    }

    /// Answers the operations that have waited too long.
    pub(super) fn sweep(&mut self, cx: &mut Cx<'_, R>) {
        if cx.now < self.owner.sweep_at {
            return;
        }
        let now = cx.now;
        let unknown = self.unknown(0);
        self.end_waiting(cx, |it| it.until <= now, |it| (it.answer.failed(unknown), None));
        let is_idle = self.owner.waiting.is_empty();
        self.owner.sweep_at = if is_idle { Time::NEVER } else { now + SWEEP };
    }

    /// Merges a version that came from another node. Returns the version that this node then holds, or
    /// `None` if it has no room.
    pub(super) fn merge(
        &mut self,
        cx: &mut Cx<'_, R>,
        name: Name,
        body: Body,
        value: &[u8],
    ) -> Option<Version> {
        let wall_us = self.clock.wall_us(cx.now);
        let handle = self.table.find(&name);
        let newest = handle.and_then(|handle| self.newest(handle));
        if let Some(newest) = newest {
            let (lower, higher) = if newest.version < body.version {
                (newest.version, body)
            } else {
                (body.version, newest)
            };
            if lower > higher.previous && lower != higher.version {
                self.counts.conflicts += u64::from(newest.is_present(wall_us));
            }
            if newest.version >= body.version {
                return Some(newest.version);
            }
        }
        if body.expires_us <= wall_us {
            return Some(body.version);
        }
        let stored = self.keep(wall_us, value)?;
        let body = Body { value: stored, ..body };
        let round = handle.and_then(|handle| self.owner.round_of(handle));
        let entered = match (handle, round) {
            (Some(_), Some(round)) => {
                if let Some(queued) = self.owner.rounds[round].queued.replace(body) {
                    self.table.free(queued.value);
                }
                true
            }
            (Some(handle), None) => {
                self.table.replace(handle, body);
                true
            }
            (None, _) => {
                self.table.insert(name, body).is_some() || {
                    self.table.purge(wall_us);
                    self.table.insert(name, body).is_some()
                }
            }
        };
        if !entered {
            self.table.free(stored);
            self.counts.full += 1;
            return None;
        }
        Some(body.version)
    }
}

impl Pending {
    /// The answer if the version is not committed.
    const fn failed(self, unknown: Answer) -> Answer {
        match self {
            Pending::Write(_) => unknown,
            Pending::Fact(_) | Pending::Value => Answer::NotHere,
        }
    }
}

/// The 64-bit integer that `bytes` spell in decimal, as the integer would be written.
fn integer(bytes: &[u8]) -> Option<i64> {
    core::str::from_utf8(bytes).ok()?.parse().ok()
}

/// Writes `number` in decimal at the start of `room`. Returns it.
fn decimal(number: i64, room: &mut [u8; MAX_VALUE]) -> &[u8] {
    struct Digits<'a>(&'a mut [u8; MAX_VALUE], usize);
    impl fmt::Write for Digits<'_> {
        fn write_str(&mut self, text: &str) -> fmt::Result {
            let end = self.1 + text.len();
            self.0.get_mut(self.1..end).ok_or(fmt::Error)?.copy_from_slice(text.as_bytes());
            self.1 = end;
            Ok(())
        }
    }
    let mut digits = Digits(room, 0);
    let is_written = write!(digits, "{number}").is_ok();
    debug_assert!(is_written, "a 64-bit integer has at most 20 digits");
    let length = digits.1;
    &room[..length]
}
