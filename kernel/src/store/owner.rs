//! The owning side: reads and writes.
//!
//! An item that came from another owner may be missing at some holders. It is not settled: before it is
//! read, a [round](crate::store::commit) copies it to all. Otherwise a read could return a version that is
//! lost later.
//!
//! **Invariant:** a write is answered as done only once all holders have it or a later one; a read
//! returns only what all holders had at some time.

use core::fmt::{self, Write as _};
use core::time::Duration;

use crate::base::{Address, Id, Peer, Time};
use crate::node::{RequestId, Router};
#[cfg(feature = "defects")]
use crate::store::StoreDefect;
use crate::store::message::{Answer, Found, MessageWith, Question};
use crate::store::node::{Cx, StoreNode};
use crate::store::operation::{
    Change, Condition, Lifetime, MAX_LISTED, MAX_VALUE, Name, Refusal, Write,
};
use crate::store::popular::TRANSIT;
use crate::store::rounds::{Pending, SWEEP, Waiting};
use crate::store::table::{Body, ItemHandle};
use crate::store::version::{Version, us};

impl<R: Router> StoreNode<R> {
    /// Handles a question of `client`, which may be this node itself. The operation began `age` ago, at
    /// most.
    pub(super) fn on_ask(
        &mut self,
        cx: &mut Cx<'_, R>,
        client: Peer,
        request: RequestId,
        age: Duration,
        question: &Question,
        value: &[u8],
    ) {
        let is_member = self.router.is_member();
        let is_here = self.arrival.has(question.key()) && is_member;
        match question {
            Question::Write(write) => {
                if let Some(answer) = self.answer_of_repeated(cx.now, client, request, age) {
                    return self.answer(cx, client, request, answer, &[]);
                }
                if !is_here {
                    return self.answer(cx, client, request, Answer::NotHere, &[]);
                }
                self.on_write(cx, client, request, write, value);
            }
            _ if !is_member => self.answer(cx, client, request, Answer::NotHere, &[]),
            &Question::Read { name, found }
                if !is_here && self.may_stand_in(cx.now, name.key, found) =>
            {
                self.on_read(cx, client, request, &name);
            }
            Question::Read { name, .. }
                if !is_here && self.answer_for_owner(cx, client, request, name) => {}
            _ if !is_here => self.answer(cx, client, request, Answer::NotHere, &[]),
            Question::Read { name, .. } => self.on_read(cx, client, request, name),
            Question::List(key) => self.on_list(cx, client, request, *key),
        }
    }

    /// Whether this node may answer reads of `key` for an owner that seems to be gone: it has every write
    /// that the owner has acknowledged.
    fn may_stand_in(&self, now: Time, key: Id, found: Found) -> bool {
        let Some(owner) = self.repairs.owner_kept_for(key, now) else { return false };
        // If others have joined between that owner and this node, writes may not come here any more.
        let follows = |it: Peer| R::owns(key, self.me, it) || it.is_same_destination(owner);
        let predecessor = self.router.predecessor();
        match found {
            Found::ByLookup => predecessor.is_none_or(|it| R::owns(key, self.me, it)),
            Found::InPlaceOfOwner => predecessor.is_none_or(follows),
            Found::ByGuess => false,
        }
    }

    /// The answer to an attempt at a write of which another attempt has arrived or may have arrived.
    fn answer_of_repeated(
        &self,
        now: Time,
        client: Peer,
        request: RequestId,
        age: Duration,
    ) -> Option<Answer> {
        #[cfg(feature = "defects")]
        if self.has(StoreDefect::RepeatedWrite) {
            return None;
        }
        let is_it = |peer: Peer, id: RequestId| peer == client && id.is_same_request(request);
        if self.owner.waiting.iter().any(|it| is_it(it.client, it.request)) {
            return Some(Answer::InProgress);
        }
        if let Some(answer) = self.owner.answered.find(client, request) {
            return Some(answer);
        }
        let is_forgotten =
            request.attempt() > 0 && self.owner.answered.has_forgotten(now, age + TRANSIT);
        let needed = self.config.replicas() as u8;
        is_forgotten.then_some(Answer::Unknown { answered: 0, needed })
    }

    fn on_read(&mut self, cx: &mut Cx<'_, R>, client: Peer, request: RequestId, name: &Name) {
        self.counts.reads += 1;
        let Some(handle) = self.table.find(name) else {
            return self.answer(cx, client, request, Answer::Absent, &[]);
        };
        let Some(&item) = self.table.at(handle) else { return };
        if !item.settled {
            // Not the version before: a holder that is asked in place of this node may have revealed this one.
            return self.wait_for(cx, client, request, handle, Pending::Value);
        }
        if self.arrival.has(name.key) {
            self.spread_read(cx, client, request, handle);
        }
        self.answer_value(cx, client, request, item.body);
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
        if present.is_none()
            && write.name.provider.is_some()
            && self.is_crowded(wall_us, write.name.key)
        {
            return self.refuse_full(cx, client, request);
        }
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

    /// Whether there are as many references to `key` as there may be.
    fn is_crowded(&self, wall_us: u64, key: Id) -> bool {
        let of_key = self.table.under(key);
        let references =
            of_key.filter(|it| it.name.provider.is_some() && it.body.is_present(wall_us));
        references.count() >= self.config.references_per_key.into()
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
            self.begin_round(cx, handle);
            return Some(handle);
        };
        if let Some(round) = self.owner.round_of(handle) {
            if let Some(queued) = self.owner.rounds[round].queued.replace(body) {
                self.table.free(queued.value);
            }
            return Some(handle);
        }
        self.table.replace(handle, body);
        self.begin_round(cx, handle);
        Some(handle)
    }

    /// The version that the next write follows: the queued one, or the newest of the table.
    pub(super) fn newest(&self, handle: ItemHandle) -> Option<Body> {
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
            Some((handle, item)) if !item.settled => {
                self.wait_for(cx, client, request, handle, Pending::Fact(answer));
            }
            _ => {
                self.owner.answered.add(cx.now, client, request, answer);
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
        let is_repeated = |it: &Waiting| it.client == client && it.request.is_same_request(request);
        if self.owner.waiting.iter().any(is_repeated) {
            return self.answer(cx, client, request, Answer::InProgress, &[]);
        }
        if self.owner.is_full() {
            let answer = Answer::Refused(Refusal::Overloaded);
            return self.answer(cx, client, request, answer, &[]);
        }
        self.push_waiting(cx, client, request, handle, newest.version.number, pending);
        if self.owner.round_of(handle).is_none() {
            self.begin_round(cx, handle);
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

    pub(super) fn answer_value(
        &mut self,
        cx: &mut Cx<'_, R>,
        client: Peer,
        request: RequestId,
        body: Body,
    ) {
        let wall_us = self.clock.wall_us(cx.now);
        if !body.is_present(wall_us) {
            return self.answer(cx, client, request, Answer::Absent, &[]);
        }
        let remaining_ms = body.expires_us.saturating_sub(wall_us) / 1000;
        let answer = Answer::Found { version: body.version, remaining_ms, tag: body.tag };
        let mut room = [0; MAX_VALUE];
        let value = self.table.read(body.value, &mut room);
        self.answer(cx, client, request, answer, value);
    }

    pub(super) fn answer(
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
    pub(super) fn keep(
        &mut self,
        wall_us: u64,
        value: &[u8],
    ) -> Option<crate::store::slab::Stored> {
        self.table.keep(value).or_else(|| {
            self.table.purge(wall_us);
            self.table.keep(value)
        })
    }

    /// When an item expires that is written now. A deletion is kept until no copy of what it deletes is
    /// left, whatever the clocks.
    fn expiry(&self, wall_us: u64, write: &Write, present: Option<Body>) -> u64 {
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
