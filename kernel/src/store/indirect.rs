//! Values that stay with the node that writes them, while the store keeps references (indirect storage).
//!
//! ```text
//! publish   keep the value ──▶ write(key, reference)
//! fetch     read(key) ──▶ the reference    Fetch ──▶ its provider
//!                                          ◀─ Fetched ─
//! ```
//!
//! The reference is the value of an item, so its writes have the order and the promises of any other.
//! The value has no copies: it is gone when its provider leaves or fails, also if the reference is
//! still there.
//!
//! **Invariant:** a fetch ends in one event with its token, by its deadline and after a bounded number of
//! messages.

use core::time::Duration;

use crate::base::{Id, Peer, Time};
use crate::node::{RequestId, Router};
use crate::store::event::Event;
use crate::store::message::{Answer, MessageWith};
use crate::store::node::{Cx, StoreNode};
use crate::store::operation::{
    Change, Lifetime, MAX_VALUE, Name, ReadEnd, ReadOutcome, Refusal, Write, WriteEnd, WriteOutcome,
};
use crate::store::reference::Reference;
use crate::store::request::{FetchRequest, Kind, Operation, Request};

impl<R: Router> StoreNode<R> {
    /// Keeps a value at this node, and writes a reference to it as `write` says: a [`Change::Put`] of the
    /// value under a key. Otherwise as [`write`](Self::write). The node must have room for values that it
    /// provides ([`StoreConfig::provided`](crate::store::StoreConfig::provided)); if that is full, the write
    /// ends at once as [`Refusal::Full`].
    pub fn publish(&mut self, cx: &mut Cx<'_, R>, write: &Write, value: &[u8], token: u64) -> bool {
        let is_put = write.change == Change::Put && write.name.provider.is_none();
        if !is_put || value.len() > MAX_VALUE || !self.router.is_member() {
            return false;
        }
        let (key, serial) = (write.name.key, cx.rng.next_u64());
        let expires = cx.now + self.lifetime_of(write) + self.config.deadline;
        let Some(provided) = &mut self.provided else { return false };
        if !provided.keep(cx.now, key, serial, value, expires) {
            self.counts.full += 1;
            let outcome = WriteOutcome::Refused(Refusal::Full);
            cx.report(Event::Wrote(WriteEnd { token, outcome, hops: 0, timeouts: 0 }));
            return true;
        }
        let reference = Reference { provider: self.me, serial }.to_bytes();
        let is_started = self.write_as(cx, write, &reference, true, token);
        if !is_started && let Some(provided) = &mut self.provided {
            provided.remove(key, serial);
        }
        is_started
    }

    /// Reads the reference under `key`, and fetches the value from its provider. Ends in
    /// [`Event::Read`] with `token`, as [`read`](Self::read), and also as
    /// [`ReadOutcome::NotProvided`].
    pub fn fetch(&mut self, cx: &mut Cx<'_, R>, key: Id, token: u64) -> bool {
        self.read_as(cx, Name::value(key), true, token)
    }

    /// Keeps a value at this node as if [`publish`](Self::publish) had ended, without any message. The
    /// reference must be [preloaded](Self::preload) at its owner. Returns whether there was room.
    pub fn preload_provided(&mut self, now: Time, key: Id, serial: u64, value: &[u8]) -> bool {
        let expires = now + self.config.lifetime;
        let kept =
            |it: &mut crate::store::provided::Provided| it.keep(now, key, serial, value, expires);
        self.provided.as_deref_mut().is_some_and(kept)
    }

    /// Whether this node provides the value that `reference` names.
    #[must_use]
    pub fn provides(&self, now: Time, key: Id, reference: &Reference) -> bool {
        let provided = self.provided.as_deref().filter(|_| reference.provider == self.me);
        let mut room = [0; MAX_VALUE];
        provided.is_some_and(|it| it.read(now, key, reference.serial, &mut room).is_some())
    }

    /// How long the item of a write lives, at most.
    fn lifetime_of(&self, write: &Write) -> Duration {
        match write.lifetime {
            Lifetime::Default => self.config.lifetime,
            Lifetime::Of(lifetime) => lifetime.min(self.config.max_lifetime),
            Lifetime::Keep => self.config.max_lifetime,
        }
    }

    /// The write of a reference, whose bytes these are, has ended.
    pub(super) fn on_reference_written(
        &mut self,
        cx: &Cx<'_, R>,
        operation: &Operation,
        answer: Answer,
        reference: &[u8],
    ) {
        let (Some(provided), Some(reference)) =
            (&mut self.provided, Reference::from_bytes(reference))
        else {
            return;
        };
        let (key, serial) = (operation.question.key(), reference.serial);
        match answer {
            // Reads that began before may still ask for what was overwritten.
            Answer::Done { version, .. } => {
                provided.commit(key, serial, version, cx.now + self.config.deadline);
            }
            Answer::ConditionFailed { .. } | Answer::Refused(_) => provided.remove(key, serial),
            // It may have taken effect, or may do so later.
            _ => {}
        }
    }

    /// Fetches the value that a reference names, which the operation has read.
    pub(super) fn fetch_value(
        &mut self,
        cx: &mut Cx<'_, R>,
        operation: &Operation,
        answer: Answer,
        reference: &[u8],
    ) {
        let &Operation { token, deadline, hops, timeouts, .. } = operation;
        let (key, Answer::Found { version, remaining_ms, tag }) =
            (operation.question.key(), answer)
        else {
            return;
        };
        let reference = Reference::from_bytes(reference);
        let serial = reference.map_or(0, |reference| reference.serial);
        let fetch = FetchRequest {
            token,
            deadline,
            key,
            serial,
            version,
            remaining_ms,
            tag,
            hops,
            timeouts,
        };
        let Some(Reference { provider, .. }) = reference else {
            return Self::end_fetch(cx, &fetch, fetch.not_provided(None), &[]);
        };
        if provider.id == self.me.id {
            let mut room = [0; MAX_VALUE];
            let own = self.provided.as_deref().filter(|_| provider == self.me);
            let value = own.and_then(|own| own.read(cx.now, key, serial, &mut room));
            return match value {
                Some(value) => Self::end_fetch(cx, &fetch, fetch.found(), value),
                None => Self::end_fetch(cx, &fetch, fetch.not_provided(Some(provider)), &[]),
            };
        }
        let fetch = FetchRequest { hops: hops.saturating_add(1), ..fetch };
        let wait = self.wait(cx, 0).min(deadline.since(cx.now));
        match cx.request(provider, 0, Kind::Fetch(fetch), wait) {
            Some(id) => self.send_fetch(cx, provider, id, &fetch),
            None => {
                Self::end_fetch(cx, &fetch, ReadOutcome::Refused(Refusal::Unreachable), &[]);
            }
        }
    }

    pub(super) fn send_fetch(
        &self,
        cx: &mut Cx<'_, R>,
        to: Peer,
        request: RequestId,
        &FetchRequest { key, serial, .. }: &FetchRequest,
    ) {
        let cookie = self.cookies.of(to);
        self.send(cx, to, &MessageWith::Fetch { request, cookie, key, serial });
    }

    /// Handles a request for a value, whose cookie is valid.
    pub(super) fn on_fetch(
        &mut self,
        cx: &mut Cx<'_, R>,
        from: Peer,
        request: RequestId,
        key: Id,
        serial: u64,
    ) {
        self.counts.fetches += 1;
        let mut room = [0; MAX_VALUE];
        let provided = self.provided.as_deref();
        let value = provided.and_then(|it| it.read(cx.now, key, serial, &mut room));
        let (held, value) = (value.is_some(), value.unwrap_or_default());
        self.send(cx, from, &MessageWith::Fetched { request, held, value });
    }

    /// Handles the reply of a provider.
    pub(super) fn on_fetched(
        &mut self,
        cx: &mut Cx<'_, R>,
        from: Peer,
        id: RequestId,
        held: bool,
        value: &[u8],
    ) {
        let is_fetch = |kind: &Kind| matches!(kind, Kind::Fetch(_));
        let Some(handle) = cx.find_request(id, from, is_fetch) else { return };
        // A reply after a cookie says little about a round trip.
        let is_prompt = cx.own_requests().at(handle).is_some_and(|it| it.retries == 0);
        if let Some(Kind::Fetch(fetch)) = self.take_replied(cx, handle, id, is_prompt) {
            let end = if held { fetch.found() } else { fetch.not_provided(Some(from)) };
            Self::end_fetch(cx, &fetch, end, value);
        }
    }

    /// A provider has not answered, and is asked no more.
    pub(super) fn on_fetch_silence(cx: &mut Cx<'_, R>, request: &Request, fetch: FetchRequest) {
        let timeouts = fetch.timeouts.saturating_add(1);
        let fetch = FetchRequest { timeouts, ..fetch };
        Self::end_fetch(cx, &fetch, fetch.not_provided(Some(request.to)), &[]);
    }

    fn end_fetch(cx: &mut Cx<'_, R>, fetch: &FetchRequest, outcome: ReadOutcome, value: &[u8]) {
        let &FetchRequest { token, hops, timeouts, .. } = fetch;
        let event =
            Event::Read(ReadEnd { token, key: fetch.key, outcome, owner: None, hops, timeouts });
        cx.world.report(cx.node, event, value);
    }
}

impl FetchRequest {
    const fn found(&self) -> ReadOutcome {
        let remaining = Duration::from_millis(self.remaining_ms);
        ReadOutcome::Found { version: self.version, remaining, tag: self.tag }
    }

    const fn not_provided(&self, provider: Option<Peer>) -> ReadOutcome {
        ReadOutcome::NotProvided { version: self.version, provider }
    }
}
