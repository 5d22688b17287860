//! The encoding of a store's messages.
//!
//! **Invariant:** kind numbers of the router are below those of the store. A value or a list is the last
//! field of a payload and takes all remaining bytes.

use core::time::Duration;

use zerocopy::byteorder::network_endian::{I64, U16, U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::base::id::ID_BYTES;
use crate::base::{Address, Id, PackedPeer};
use crate::codec::{Body, Framed, VERSION, WireError, Writer, read_exact, read_prefix};
use crate::node::{Cookie, RequestId};
use crate::store::message::{
    Answer, CopyOf, Difference, Found, Message, MessageWith, Progress, Question, Topic,
};
use crate::store::operation::{
    Change, Condition, Lifetime, MAX_LISTED, MAX_VALUE, Name, Refusal, Write,
};
use crate::store::protocol::Stored;
use crate::store::sum::{MAX_SUMS_BYTES, Range, Sum};
use crate::store::version::Version;

/// The codec of a store over a router that speaks `P`, in this project's wire format.
pub type StoreCodec<P> = Framed<Stored<P>>;

/// The first kind number of the store.
pub const FIRST_KIND: u8 = 160;

const ASK: u8 = FIRST_KIND;
const ANSWER: u8 = FIRST_KIND + 1;
const COPY: u8 = FIRST_KIND + 2;
const COPIED: u8 = FIRST_KIND + 3;
const COMPARE: u8 = FIRST_KIND + 4;
const COMPARED: u8 = FIRST_KIND + 5;
const SYNC: u8 = FIRST_KIND + 6;
const SYNCED: u8 = FIRST_KIND + 7;
const RELEASE: u8 = FIRST_KIND + 8;
const COOKIE_REPLY: u8 = FIRST_KIND + 9;
const GRANT: u8 = FIRST_KIND + 10;
const ALSO_AT: u8 = FIRST_KIND + 11;
const FETCH: u8 = FIRST_KIND + 12;
const FETCHED: u8 = FIRST_KIND + 13;
const CENSUS: u8 = FIRST_KIND + 14;
const COUNTED: u8 = FIRST_KIND + 15;

/// Whether nodes that speak this version of the wire format know a kind of the store.
const fn is_known_in(version: u8, kind: u8) -> bool {
    version >= 4 || kind < GRANT
}

impl<P: Body> Body for Stored<P> {
    #[inline]
    fn write(message: &Message<'_, P>, out: &mut Writer<'_>) -> Option<u8> {
        Self::write_in(VERSION, message, out)
    }

    #[inline]
    fn write_in(version: u8, message: &Message<'_, P>, out: &mut Writer<'_>) -> Option<u8> {
        match message {
            MessageWith::Router(message) => {
                P::write_in(version, message, out).filter(|&kind| kind < FIRST_KIND)
            }
            other => write_own(version, other, out).filter(|&kind| is_known_in(version, kind)),
        }
    }

    fn length(message: &Message<'_, P>) -> usize {
        match message {
            MessageWith::Router(message) => P::length(message),
            MessageWith::Ask { question, value, .. } => match question {
                Question::Write(_) => size_of::<AskHead>() + size_of::<WireWrite>() + value.len(),
                Question::Read { .. } => size_of::<AskHead>() + size_of::<WireName>(),
                Question::List(_) => size_of::<AskHead>() + ID_BYTES,
            },
            MessageWith::Answer { value, .. } => size_of::<WireAnswer>() + value.len(),
            MessageWith::Copy { value, .. } => size_of::<WireCopy>() + value.len(),
            MessageWith::Copied { .. } => size_of::<WireCopied>(),
            MessageWith::Compare { .. } => size_of::<WireCompare>(),
            MessageWith::Compared { sums, .. } => size_of::<WireCompared>() + sums.len(),
            MessageWith::Sync { .. } => size_of::<WireSync>(),
            MessageWith::Synced { .. } => size_of::<WireSynced>(),
            MessageWith::Release { .. } => size_of::<WireRelease>(),
            MessageWith::Grant { .. } => size_of::<WireGrant>(),
            MessageWith::AlsoAt { .. } => size_of::<WireAlsoAt>(),
            MessageWith::CookieReply { .. } => size_of::<WireCookieReply>(),
            MessageWith::Fetch { .. } => size_of::<WireFetch>(),
            MessageWith::Fetched { value, .. } => size_of::<WireFetched>() + value.len(),
            MessageWith::Census { .. } => size_of::<WireCensus>(),
            MessageWith::Counted { .. } => size_of::<WireCounted>(),
        }
    }

    #[inline]
    fn read(kind: u8, payload: &[u8]) -> Result<Message<'_, P>, WireError> {
        Self::read_in(VERSION, kind, payload)
    }

    #[inline]
    fn read_in(version: u8, kind: u8, payload: &[u8]) -> Result<Message<'_, P>, WireError> {
        if kind < FIRST_KIND {
            return Ok(MessageWith::Router(P::read_in(version, kind, payload)?));
        }
        if !is_known_in(version, kind) {
            return Err(WireError::BadKind);
        }
        read_own(version, kind, payload)
    }

    #[inline]
    fn check_in(version: u8, kind: u8, payload: &[u8]) -> Result<(), WireError> {
        Self::read_in(version, kind, payload).map(drop)
    }
}

fn write_own<R>(version: u8, message: &MessageWith<&[u8], R>, out: &mut Writer<'_>) -> Option<u8> {
    match *message {
        MessageWith::Router(_) => None,
        MessageWith::Ask { request, cookie, age_ms, question, value } => {
            let what = match question {
                Question::Write(_) => 0,
                Question::List(_) => 2,
                // An older reader knows no guesses.
                Question::Read { found: Found::ByGuess, .. } if version < 4 => {
                    Found::ByLookup as u8
                }
                Question::Read { found, .. } => found as u8,
            };
            let (cookie, age_ms) = (U64::new(cookie.0), U16::new(age_ms));
            out.put(&AskHead { request: id(request), cookie, age_ms, what })?;
            match question {
                Question::Write(write) => {
                    if !may_have_value(&write, value) {
                        return None;
                    }
                    out.put(&WireWrite::new(&write)?)?;
                    out.put_bytes(value)?;
                }
                Question::Read { name, .. } => out.put(&WireName::from(name))?,
                Question::List(key) => out.put_bytes(&key.to_bytes())?,
            }
            Some(ASK)
        }
        MessageWith::Answer { request, answer, value } => {
            if !is_answer_value(&answer, value) {
                return None;
            }
            out.put(&WireAnswer::new(request, answer))?;
            out.put_bytes(value)?;
            Some(ANSWER)
        }
        MessageWith::Copy { request, cookie, item, value } => {
            if value.len() > MAX_VALUE || item.deleted && !value.is_empty() {
                return None;
            }
            out.put(&WireCopy {
                request: id(request),
                cookie: U64::new(cookie.0),
                name: item.name.into(),
                version: item.version.into(),
                previous: item.previous.into(),
                expires_us: U64::new(item.expires_us),
                tag: item.tag,
                deleted: item.deleted.into(),
            })?;
            out.put_bytes(value)?;
            Some(COPY)
        }
        MessageWith::Copied { request, held, version } => {
            let (request, version) = (id(request), version.into());
            out.put(&WireCopied { request, held: held.into(), version })?;
            Some(COPIED)
        }
        MessageWith::Compare { request, cookie, range, sum, is_owner } => {
            out.put(&WireCompare {
                request: id(request),
                cookie: U64::new(cookie.0),
                range: range.into(),
                count: U32::new(sum.count),
                hash: U64::new(sum.hash),
                is_owner: is_owner.into(),
            })?;
            Some(COMPARE)
        }
        MessageWith::Compared { request, difference, sums } => {
            if sums.len() > MAX_SUMS_BYTES {
                return None;
            }
            out.put(&WireCompared { request: id(request), difference: difference as u8 })?;
            out.put_bytes(sums)?;
            Some(COMPARED)
        }
        MessageWith::Sync { request, cookie, range } => {
            let (request, cookie) = (id(request), U64::new(cookie.0));
            out.put(&WireSync { request, cookie, range: range.into() })?;
            Some(SYNC)
        }
        MessageWith::Synced { request, progress, is_predecessor, clock } => {
            out.put(&WireSynced {
                request: id(request),
                progress: progress as u8,
                is_predecessor: is_predecessor.into(),
                clock: U64::new(clock),
            })?;
            Some(SYNCED)
        }
        MessageWith::Release { cookie, range } => {
            out.put(&WireRelease { cookie: U64::new(cookie.0), range: range.into() })?;
            Some(RELEASE)
        }
        MessageWith::Grant { cookie, key, version } => {
            let (cookie, key) = (U64::new(cookie.0), key.to_bytes());
            out.put(&WireGrant { cookie, key, version: version.into() })?;
            Some(GRANT)
        }
        MessageWith::AlsoAt { request, holder } => {
            out.put(&WireAlsoAt { request: id(request), holder: holder.into() })?;
            Some(ALSO_AT)
        }
        MessageWith::CookieReply { request, topic, cookie } => {
            let (request, cookie) = (id(request), U64::new(cookie.0));
            out.put(&WireCookieReply { request, cookie, topic: topic as u8 })?;
            Some(COOKIE_REPLY)
        }
        MessageWith::Fetch { request, cookie, key, serial } => {
            let (request, cookie) = (id(request), U64::new(cookie.0));
            out.put(&WireFetch { request, cookie, key: key.to_bytes(), serial: U64::new(serial) })?;
            Some(FETCH)
        }
        MessageWith::Fetched { request, held, value } => {
            if value.len() > MAX_VALUE || !held && !value.is_empty() {
                return None;
            }
            out.put(&WireFetched { request: id(request), held: held.into() })?;
            out.put_bytes(value)?;
            Some(FETCHED)
        }
        MessageWith::Census { request, cookie } => {
            let (request, cookie) = (id(request), U64::new(cookie.0));
            out.put(&WireCensus { request, cookie, room: 0 })?;
            Some(CENSUS)
        }
        MessageWith::Counted { request, items, middle } => {
            let (request, items) = (id(request), U32::new(items));
            out.put(&WireCounted { request, items, middle: middle.into() })?;
            Some(COUNTED)
        }
    }
}

fn read_own<R>(version: u8, kind: u8, payload: &[u8]) -> Result<MessageWith<&[u8], R>, WireError> {
    Ok(match kind {
        ASK => {
            let (head, rest) = read_prefix::<AskHead>(payload)?;
            let (question, value) = match head.what {
                0 => {
                    let (wire, value) = read_prefix::<WireWrite>(rest)?;
                    let write = wire.to_write().ok_or(WireError::BadValue)?;
                    if !may_have_value(&write, value) {
                        return Err(WireError::BadLength);
                    }
                    (Question::Write(write), value)
                }
                2 => {
                    let key = rest.try_into().map_err(|_| WireError::BadLength)?;
                    (Question::List(Id::from_bytes(key)), &[][..])
                }
                what => {
                    let found = Found::from_number(what).ok_or(WireError::BadValue)?;
                    if found == Found::ByGuess && version < 4 {
                        return Err(WireError::BadValue);
                    }
                    let name = read_exact::<WireName>(rest)?.to_name();
                    (Question::Read { name, found }, &[][..])
                }
            };
            let (request, cookie) = (request(head.request), Cookie(head.cookie.get()));
            MessageWith::Ask { request, cookie, age_ms: head.age_ms.get(), question, value }
        }
        ANSWER => {
            let (wire, value) = read_prefix::<WireAnswer>(payload)?;
            let answer = wire.to_answer().ok_or(WireError::BadValue)?;
            if !is_answer_value(&answer, value) {
                return Err(WireError::BadLength);
            }
            MessageWith::Answer { request: request(wire.request), answer, value }
        }
        COPY => {
            let (wire, value) = read_prefix::<WireCopy>(payload)?;
            let item = CopyOf {
                name: wire.name.to_name(),
                version: wire.version.to_version(),
                previous: wire.previous.to_version(),
                expires_us: wire.expires_us.get(),
                tag: wire.tag,
                deleted: flag(wire.deleted)?,
            };
            if value.len() > MAX_VALUE || item.deleted && !value.is_empty() {
                return Err(WireError::BadLength);
            }
            let (request, cookie) = (request(wire.request), Cookie(wire.cookie.get()));
            MessageWith::Copy { request, cookie, item, value }
        }
        COPIED => {
            let wire = read_exact::<WireCopied>(payload)?;
            MessageWith::Copied {
                request: request(wire.request),
                held: flag(wire.held)?,
                version: wire.version.to_version(),
            }
        }
        COMPARE => {
            let wire = read_exact::<WireCompare>(payload)?;
            MessageWith::Compare {
                request: request(wire.request),
                cookie: Cookie(wire.cookie.get()),
                range: wire.range.to_range(),
                sum: Sum { count: wire.count.get(), hash: wire.hash.get() },
                is_owner: flag(wire.is_owner)?,
            }
        }
        COMPARED => {
            let (wire, sums) = read_prefix::<WireCompared>(payload)?;
            if sums.len() > MAX_SUMS_BYTES {
                return Err(WireError::BadLength);
            }
            let difference = Difference::from_number(wire.difference).ok_or(WireError::BadValue)?;
            MessageWith::Compared { request: request(wire.request), difference, sums }
        }
        SYNC => {
            let wire = read_exact::<WireSync>(payload)?;
            let (request, cookie) = (request(wire.request), Cookie(wire.cookie.get()));
            MessageWith::Sync { request, cookie, range: wire.range.to_range() }
        }
        SYNCED => {
            let wire = read_exact::<WireSynced>(payload)?;
            let progress = Progress::from_number(wire.progress).ok_or(WireError::BadValue)?;
            MessageWith::Synced {
                request: request(wire.request),
                progress,
                is_predecessor: flag(wire.is_predecessor)?,
                clock: wire.clock.get(),
            }
        }
        RELEASE => {
            let wire = read_exact::<WireRelease>(payload)?;
            MessageWith::Release { cookie: Cookie(wire.cookie.get()), range: wire.range.to_range() }
        }
        GRANT => {
            let wire = read_exact::<WireGrant>(payload)?;
            let (cookie, key) = (Cookie(wire.cookie.get()), Id::from_bytes(wire.key));
            MessageWith::Grant { cookie, key, version: wire.version.to_version() }
        }
        ALSO_AT => {
            let wire = read_exact::<WireAlsoAt>(payload)?;
            MessageWith::AlsoAt { request: request(wire.request), holder: wire.holder.to_peer() }
        }
        COOKIE_REPLY => {
            let wire = read_exact::<WireCookieReply>(payload)?;
            MessageWith::CookieReply {
                request: request(wire.request),
                topic: Topic::from_number(wire.topic).ok_or(WireError::BadValue)?,
                cookie: Cookie(wire.cookie.get()),
            }
        }
        FETCH => {
            let wire = read_exact::<WireFetch>(payload)?;
            let (request, cookie) = (request(wire.request), Cookie(wire.cookie.get()));
            let (key, serial) = (Id::from_bytes(wire.key), wire.serial.get());
            MessageWith::Fetch { request, cookie, key, serial }
        }
        FETCHED => {
            let (wire, value) = read_prefix::<WireFetched>(payload)?;
            let held = flag(wire.held)?;
            if value.len() > MAX_VALUE || !held && !value.is_empty() {
                return Err(WireError::BadLength);
            }
            MessageWith::Fetched { request: request(wire.request), held, value }
        }
        CENSUS => {
            let wire = read_exact::<WireCensus>(payload)?;
            if wire.room != 0 {
                return Err(WireError::BadValue);
            }
            let (request, cookie) = (request(wire.request), Cookie(wire.cookie.get()));
            MessageWith::Census { request, cookie }
        }
        COUNTED => {
            let wire = read_exact::<WireCounted>(payload)?;
            let (request, items) = (request(wire.request), wire.items.get());
            MessageWith::Counted { request, items, middle: wire.middle.to_range() }
        }
        _ => return Err(WireError::BadKind),
    })
}

/// Whether `value` may go beside `write`.
const fn may_have_value(write: &Write, value: &[u8]) -> bool {
    match write.change {
        Change::Put => value.len() <= MAX_VALUE,
        Change::Delete | Change::Add(_) | Change::Touch => value.is_empty(),
    }
}

/// Whether `value` may go beside `answer`.
const fn is_answer_value(answer: &Answer, value: &[u8]) -> bool {
    match answer {
        Answer::Found { .. } => value.len() <= MAX_VALUE,
        Answer::Listed { .. } => {
            value.len() <= MAX_LISTED * size_of::<u64>()
                && value.len().is_multiple_of(size_of::<u64>())
        }
        _ => value.is_empty(),
    }
}

const fn id(RequestId(number): RequestId) -> U64 {
    U64::new(number)
}

const fn request(number: U64) -> RequestId {
    RequestId(number.get())
}

const fn flag(byte: u8) -> Result<bool, WireError> {
    match byte {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(WireError::BadValue),
    }
}

#[derive(Clone, Copy, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct WireName {
    key: [u8; ID_BYTES],
    /// The bits of the provider's address; 0 for none.
    provider: U64,
}

impl From<Name> for WireName {
    fn from(name: Name) -> WireName {
        let provider = name.provider.map_or(0, Address::to_bits);
        WireName { key: name.key.to_bytes(), provider: U64::new(provider) }
    }
}

impl WireName {
    fn to_name(self) -> Name {
        let provider = self.provider.get();
        let provider = (provider != 0).then(|| Address::from_bits(provider));
        Name { key: Id::from_bytes(self.key), provider }
    }
}

#[derive(Clone, Copy, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct WireVersion {
    number: U64,
    writer: U64,
}

impl From<Version> for WireVersion {
    fn from(version: Version) -> WireVersion {
        WireVersion { number: U64::new(version.number), writer: U64::new(version.writer) }
    }
}

impl WireVersion {
    const fn to_version(self) -> Version {
        Version { number: self.number.get(), writer: self.writer.get() }
    }
}

#[derive(Clone, Copy, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct WireRange {
    from: [u8; ID_BYTES],
    to: [u8; ID_BYTES],
}

impl From<Range> for WireRange {
    fn from(range: Range) -> WireRange {
        WireRange { from: range.from.to_bytes(), to: range.to.to_bytes() }
    }
}

impl WireRange {
    const fn to_range(self) -> Range {
        Range { from: Id::from_bytes(self.from), to: Id::from_bytes(self.to) }
    }
}

/// [`MessageWith::Ask`]; a [`WireWrite`] and a value, a [`WireName`] or a key follows.
#[derive(FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct AskHead {
    request: U64,
    cookie: U64,
    age_ms: U16,
    what: u8,
}

/// [`Question::Write`]; the value follows.
#[derive(FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct WireWrite {
    name: WireName,
    change: u8,
    condition: u8,
    lifetime: u8,
    tag: u8,
    lifetime_ms: U64,
    /// What to add, 0 for other changes.
    term: I64,
    /// The version of the condition; zero for other conditions.
    version: WireVersion,
}

impl WireWrite {
    fn new(write: &Write) -> Option<WireWrite> {
        let (change, term) = match write.change {
            Change::Put => (0, 0),
            Change::Delete => (1, 0),
            Change::Add(term) => (2, term),
            Change::Touch => (3, 0),
        };
        let (condition, version) = match write.condition {
            Condition::Always => (0, Version::NONE),
            Condition::Absent => (1, Version::NONE),
            Condition::Present => (2, Version::NONE),
            Condition::Version(version) => (3, version),
        };
        let (lifetime, lifetime_ms) = match write.lifetime {
            Lifetime::Default => (0, 0),
            Lifetime::Of(lifetime) => (1, u64::try_from(lifetime.as_millis()).ok()?),
            Lifetime::Keep => (2, 0),
        };
        Some(WireWrite {
            name: write.name.into(),
            change,
            condition,
            lifetime,
            tag: write.tag,
            lifetime_ms: U64::new(lifetime_ms),
            term: I64::new(term),
            version: version.into(),
        })
    }

    /// The write, if each field has the one value that it may have.
    fn to_write(&self) -> Option<Write> {
        let (term, version) = (self.term.get(), self.version.to_version());
        let lifetime_ms = self.lifetime_ms.get();
        let change = match (self.change, term) {
            (0, 0) => Change::Put,
            (1, 0) => Change::Delete,
            (2, term) => Change::Add(term),
            (3, 0) => Change::Touch,
            _ => return None,
        };
        let condition = match (self.condition, version) {
            (0, Version::NONE) => Condition::Always,
            (1, Version::NONE) => Condition::Absent,
            (2, Version::NONE) => Condition::Present,
            (3, version) => Condition::Version(version),
            _ => return None,
        };
        let lifetime = match (self.lifetime, lifetime_ms) {
            (0, 0) => Lifetime::Default,
            (1, ms) => Lifetime::Of(Duration::from_millis(ms)),
            (2, 0) => Lifetime::Keep,
            _ => return None,
        };
        Some(Write { name: self.name.to_name(), change, condition, lifetime, tag: self.tag })
    }
}

/// [`MessageWith::Answer`]; the value follows.
#[derive(FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct WireAnswer {
    request: U64,
    kind: u8,
    /// A tag, a flag, a refusal, or how many answered.
    small: u8,
    version: WireVersion,
    /// A sum, a lifetime, or a count.
    number: U64,
}

impl WireAnswer {
    fn new(request: RequestId, answer: Answer) -> WireAnswer {
        let none = Version::NONE;
        let (kind, small, version, number) = match answer {
            Answer::Done { version, sum, existed } => {
                (0, existed.into(), version, sum.cast_unsigned())
            }
            Answer::ConditionFailed { version } => (1, 0, version, 0),
            Answer::Unknown { answered, needed } => (2, answered, none, needed.into()),
            Answer::Found { version, remaining_ms, tag } => (3, tag, version, remaining_ms),
            Answer::Absent => (4, 0, none, 0),
            Answer::Listed { count } => (5, 0, none, count.into()),
            Answer::Refused(refusal) => (6, refusal as u8, none, 0),
            Answer::NotHere => (7, 0, none, 0),
            Answer::InProgress => (8, 0, none, 0),
        };
        let (version, number) = (version.into(), U64::new(number));
        WireAnswer { request: id(request), kind, small, version, number }
    }

    fn to_answer(&self) -> Option<Answer> {
        let (version, number) = (self.version.to_version(), self.number.get());
        Some(match (self.kind, self.small, version, number) {
            (0, small, version, sum) => {
                let existed = flag(small).ok()?;
                Answer::Done { version, sum: sum.cast_signed(), existed }
            }
            (1, 0, version, 0) => Answer::ConditionFailed { version },
            (2, answered, Version::NONE, needed) => {
                Answer::Unknown { answered, needed: u8::try_from(needed).ok()? }
            }
            (3, tag, version, remaining_ms) => Answer::Found { version, remaining_ms, tag },
            (4, 0, Version::NONE, 0) => Answer::Absent,
            (5, 0, Version::NONE, count) => Answer::Listed { count: u16::try_from(count).ok()? },
            (6, refusal, Version::NONE, 0) => Answer::Refused(Refusal::from_number(refusal)?),
            (7, 0, Version::NONE, 0) => Answer::NotHere,
            (8, 0, Version::NONE, 0) => Answer::InProgress,
            _ => return None,
        })
    }
}

/// [`MessageWith::Copy`]; the value follows.
#[derive(FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct WireCopy {
    request: U64,
    cookie: U64,
    name: WireName,
    version: WireVersion,
    previous: WireVersion,
    expires_us: U64,
    tag: u8,
    deleted: u8,
}

/// The bytes of a copy that are neither an identifier of its request nor a cookie: name, versions, times.
pub(super) const COPY_HEAD_BYTES: usize = size_of::<WireCopy>() - 2 * size_of::<U64>();

#[derive(FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct WireCopied {
    request: U64,
    held: u8,
    version: WireVersion,
}

#[derive(FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct WireCompare {
    request: U64,
    cookie: U64,
    range: WireRange,
    count: U32,
    hash: U64,
    is_owner: u8,
}

/// [`MessageWith::Compared`]; the sums follow.
#[derive(FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct WireCompared {
    request: U64,
    difference: u8,
}

#[derive(FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct WireSync {
    request: U64,
    cookie: U64,
    range: WireRange,
}

#[derive(FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct WireSynced {
    request: U64,
    progress: u8,
    is_predecessor: u8,
    clock: U64,
}

#[derive(FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct WireRelease {
    cookie: U64,
    range: WireRange,
}

#[derive(FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct WireGrant {
    cookie: U64,
    key: [u8; ID_BYTES],
    version: WireVersion,
}

#[derive(FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct WireAlsoAt {
    request: U64,
    holder: PackedPeer,
}

#[derive(FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct WireCookieReply {
    request: U64,
    cookie: U64,
    topic: u8,
}

#[derive(FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct WireFetch {
    request: U64,
    cookie: U64,
    key: [u8; ID_BYTES],
    serial: U64,
}

#[derive(FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct WireFetched {
    request: U64,
    held: u8,
}

#[derive(FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct WireCensus {
    request: U64,
    cookie: U64,
    /// Zero: with it, the reply that tells the right cookie is no longer.
    room: u8,
}

const _: () = assert!(size_of::<WireCookieReply>() <= size_of::<WireCensus>());

#[derive(FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct WireCounted {
    request: U64,
    items: U32,
    middle: WireRange,
}
