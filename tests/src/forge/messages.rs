//! Forged messages: every kind of every protocol, with any valid content.
//!
//! **Invariant:** every forged message can be encoded.

use hopwise_kernel::central::{self, Central};
use hopwise_kernel::codec::Body;
use hopwise_kernel::directory::{self, Directory, MAX_COPIES};
use hopwise_kernel::flood::message::{MAX_TTL, MAX_WALK, Walk, WalkStage};
use hopwise_kernel::flood::{self, Flood};
use hopwise_kernel::items::words::different_words;
use hopwise_kernel::items::{self, Hit, HitList, Items, MAX_TEXT, Match, Query, Text, Topic};
use hopwise_kernel::node::{Cookie, MAX_PAYLOAD, MessageOf, RequestId, Secret};
use hopwise_kernel::ring::message::{Lookup, MAX_HOP_BUDGET, Purpose, Stage, Step};
use hopwise_kernel::ring::{self, Ring};
use hopwise_kernel::store::message::{Answer, CopyOf, Difference, Found, Progress, Question};
use hopwise_kernel::store::operation::MAX_LISTED;
use hopwise_kernel::store::{
    self, Change, Condition, Lifetime, MAX_VALUE, Name, Range, Refusal, Stored, Sum, Version, Write,
};
use hopwise_kernel::{Address, Id, Peer, Peers};

use crate::forge::{Forge, Script};

/// Longest forged list of peers.
const LISTED: usize = 6;

/// A protocol with messages that can be forged.
pub trait Forged: Body {
    /// Number of message kinds.
    const KINDS: usize;

    /// Reads a message of this kind, `0 .. KINDS`, from `script`. It may borrow from `lists`.
    fn message<'a, 's: 'a>(
        forge: &Forge<'_>,
        kind: usize,
        script: &mut Script<'s>,
        lists: &'a Lists,
    ) -> MessageOf<'a, Self>;
}

/// Lists that forged messages may borrow.
#[derive(Clone, Debug)]
pub struct Lists {
    peers: [Peer; LISTED],
    count: usize,
    found: HitList,
}

impl Lists {
    /// Reads lists from `script`.
    #[must_use]
    pub fn forge(forge: &Forge<'_>, script: &mut Script<'_>) -> Lists {
        let (mut peers, count) = ([Peer::default(); LISTED], script.below(LISTED + 1));
        peers[..count].fill_with(|| forge.peer(script));
        let mut found = HitList::default();
        for &holder in &peers[..count] {
            found.push(&Hit { holder, name: text(script) });
        }
        Lists { peers, count, found }
    }

    fn peers(&self) -> &[Peer] {
        &self.peers[..self.count]
    }
}

impl Forged for Ring {
    const KINDS: usize = 16;

    fn message<'a, 's: 'a>(
        forge: &Forge<'_>,
        kind: usize,
        script: &mut Script<'s>,
        lists: &'a Lists,
    ) -> ring::Message<'a> {
        use ring::Message;
        let request = RequestId(script.number());
        let purpose = Purpose::from_number(script.byte() % 5).expect("there are five purposes");
        let successors = Peers::Table(lists.peers());
        let predecessor = lists.peers().first().copied().filter(|_| script.flag());
        match kind {
            0 => Message::Ping { request },
            1 => Message::Pong { request },
            2 => Message::Neighbors { request, cookie: Cookie(script.number()), purpose },
            3 => Message::NeighborsReply { request, purpose, predecessor, successors },
            4 => Message::CookieReply { request, purpose, cookie: Cookie(script.number()) },
            5 => Message::Notify,
            6 => Message::Introduce { peer: forge.peer(script) },
            7 => Message::Leave { predecessor, successors },
            8 => {
                let lookup = Lookup {
                    lookup: RequestId(script.number()),
                    purpose,
                    key: forge.id(script),
                    origin: forge.peer(script),
                    budget: script.byte() % MAX_HOP_BUDGET + 1,
                    hops: script.byte(),
                    timeouts: script.byte(),
                    stage: stage(script),
                    left_ms: script.number() as u16,
                };
                Message::Lookup { request, lookup }
            }
            9 => Message::Ack { request, purpose },
            10 => {
                let (owner, hops, timeouts) = (forge.peer(script), script.byte(), script.byte());
                let under_suspicion = script.flag();
                Message::Answer { lookup: request, purpose, owner, under_suspicion, hops, timeouts }
            }
            11 => {
                let (key, limit) = (forge.id(script), forge.id(script));
                Message::FindNext { request, purpose, key, limit, stage: stage(script) }
            }
            12 => {
                let step = match script.below(3) {
                    0 => Step::Stuck,
                    1 => Step::Next(forge.peer(script)),
                    _ => Step::Owner(forge.peer(script)),
                };
                let (stage, under_suspicion) = (stage(script), script.flag());
                Message::FindNextReply { request, purpose, step, stage, under_suspicion }
            }
            13 => {
                let length = script.below(MAX_PAYLOAD + 1);
                Message::Deliver { request, key: forge.id(script), payload: script.take(length) }
            }
            14 => Message::Adopted,
            _ => Message::Delivered { request },
        }
    }
}

fn stage(script: &mut Script<'_>) -> Stage {
    Stage::from_number(script.byte() % 4).expect("there are four stages")
}

impl Forged for Items {
    const KINDS: usize = 8;

    fn message<'a, 's: 'a>(
        _forge: &Forge<'_>,
        kind: usize,
        script: &mut Script<'s>,
        lists: &'a Lists,
    ) -> items::Message<'a> {
        use items::Message;
        let (request, cookie) = (RequestId(script.number()), Cookie(script.number()));
        match kind {
            0 => Message::Publish { request, cookie, name: text(script) },
            1 => Message::Published { request },
            2 => Message::Find { request, cookie, query: query(script) },
            3 => Message::Found { request, hits: lists.found.hits() },
            4 => Message::Fetch { request, cookie, name: text(script) },
            5 => {
                let length = script.below(MAX_PAYLOAD + 1);
                Message::Item { request, payload: script.take(length) }
            }
            6 => {
                let name = text(script);
                match word_number(script, &name) {
                    Some(word) => Message::PublishWord { request, cookie, word, name },
                    None => Message::Publish { request, cookie, name },
                }
            }
            _ => {
                let topic = Topic::from_number(script.byte() % 3).expect("there are three topics");
                Message::CookieReply { request, topic, cookie }
            }
        }
    }
}

impl Forged for Central {
    const KINDS: usize = 3 + Items::KINDS;

    fn message<'a, 's: 'a>(
        forge: &Forge<'_>,
        kind: usize,
        script: &mut Script<'s>,
        lists: &'a Lists,
    ) -> central::Message<'a> {
        use central::Message;
        match kind {
            0 => Message::Ping { request: RequestId(script.number()) },
            1 => Message::Pong { request: RequestId(script.number()) },
            2 => Message::Leave,
            kind => Message::Items(Items::message(forge, kind - 3, script, lists)),
        }
    }
}

impl Forged for Flood {
    const KINDS: usize = 9 + Items::KINDS;

    fn message<'a, 's: 'a>(
        forge: &Forge<'_>,
        kind: usize,
        script: &mut Script<'s>,
        lists: &'a Lists,
    ) -> flood::Message<'a> {
        use flood::Message;
        if kind >= 9 {
            return Message::Items(Items::message(forge, kind - 9, script, lists));
        }
        let request = RequestId(script.number());
        let (query, origin) = (query(script), forge.peer(script));
        let ttl = script.byte() % MAX_TTL + 1;
        match kind {
            0 => Message::Ping { request },
            1 => Message::Pong { request },
            2 => Message::Leave,
            3 => Message::Search { search: request, query, ttl, hops: script.byte() },
            4 => {
                let hops = script.below(1 << 16) as u16;
                let ttl = script.below(MAX_WALK.into()) as u16 + 1;
                let stage = WalkStage::from_number(script.byte() % 3).expect("there are three");
                Message::Walk { search: request, walk: Walk { query, origin, ttl, hops }, stage }
            }
            5 => {
                let (hit, hops) = (Hit { holder: origin, name: query.text }, script.below(1 << 16));
                Message::SearchHit { search: request, hit, hops: hops as u16 }
            }
            6 => Message::Connect { request },
            7 => Message::Connected { request, accepted: script.flag() },
            _ => Message::Seek { origin, ttl },
        }
    }
}

impl<P: Forged> Forged for Directory<P> {
    const KINDS: usize = 1 + Items::KINDS + P::KINDS;

    fn message<'a, 's: 'a>(
        forge: &Forge<'_>,
        kind: usize,
        script: &mut Script<'s>,
        lists: &'a Lists,
    ) -> directory::Message<'a, P> {
        use directory::MessageWith as Message;
        match kind.checked_sub(1 + Items::KINDS) {
            Some(kind) => Message::Router(P::message(forge, kind, script, lists)),
            None if kind > 0 => Message::Items(Items::message(forge, kind - 1, script, lists)),
            None => {
                let hit = Hit { holder: forge.peer(script), name: text(script) };
                let lifetime_ms = u32::from_be_bytes(script.array());
                let word = word_number(script, &hit.name).filter(|_| script.flag());
                Message::Copy { hit, word, copies: script.byte() % (MAX_COPIES + 1), lifetime_ms }
            }
        }
    }
}

impl<P: Forged> Forged for Stored<P> {
    const KINDS: usize = 16 + P::KINDS;

    fn message<'a, 's: 'a>(
        forge: &Forge<'_>,
        kind: usize,
        script: &mut Script<'s>,
        lists: &'a Lists,
    ) -> store::Message<'a, P> {
        use store::MessageWith as Message;
        if kind >= 16 {
            return Message::Router(P::message(forge, kind - 16, script, lists));
        }
        let (request, cookie) = (RequestId(script.number()), cookie(forge, script));
        match kind {
            0 => {
                let (question, value) = question(forge, script);
                let age_ms = script.below(1 << 16) as u16;
                Message::Ask { request, cookie, age_ms, question, value }
            }
            1 => {
                let (answer, value) = answer(script);
                Message::Answer { request, answer, value }
            }
            2 => {
                let (name, version) = (stored_name(forge, script), version(script));
                let previous = self::version(script);
                let (tag, deleted) = (script.byte(), script.flag());
                let expires_us = time(script);
                let item = CopyOf { name, version, previous, expires_us, tag, deleted };
                let length = if deleted { 0 } else { script.below(MAX_VALUE + 1) };
                Message::Copy { request, cookie, item, value: script.take(length) }
            }
            3 => Message::Copied { request, held: script.flag(), version: version(script) },
            4 => {
                let (range, is_owner) = (range(forge, script), script.flag());
                let sum = Sum { count: script.below(1 << 16) as u32, hash: script.number() };
                Message::Compare { request, cookie, range, sum, is_owner }
            }
            5 => {
                let difference = Difference::from_number(script.byte() % 4).expect("there are 4");
                let length = script.below(513);
                Message::Compared { request, difference, sums: script.take(length) }
            }
            6 => Message::Sync { request, cookie, range: range(forge, script) },
            7 => {
                let progress = Progress::from_number(script.byte() % 5).expect("there are 5");
                let is_predecessor = script.flag();
                Message::Synced { request, progress, is_predecessor, clock: time(script) }
            }
            8 => Message::Release { cookie, range: range(forge, script) },
            9 => Message::Grant {
                cookie,
                key: stored_name(forge, script).key,
                version: version(script),
            },
            10 => Message::AlsoAt { request, holder: forge.peer(script) },
            11 => {
                let (key, serial) = (forge.id(script), script.number());
                Message::Fetch { request, cookie, key, serial }
            }
            12 => {
                let held = script.flag();
                let length = if held { script.below(MAX_VALUE + 1) } else { 0 };
                Message::Fetched { request, held, value: script.take(length) }
            }
            13 => Message::Census { request, cookie },
            14 => {
                let items = script.below(1 << 16) as u32;
                Message::Counted { request, items, middle: range(forge, script) }
            }
            _ => {
                let topic = store::message::Topic::from_number(script.byte() % 4);
                let topic = topic.expect("there are 4");
                Message::CookieReply { request, topic, cookie }
            }
        }
    }
}

/// Any cookie, that of the attacker, or that of the members, which they send only to each other.
fn cookie(forge: &Forge<'_>, script: &mut Script<'_>) -> Cookie {
    match script.below(4) {
        0 => Cookie(script.number()),
        1 => Secret::default().cookie_for(forge.ring[0].address.socket()),
        _ => Secret::default().cookie_for(forge.stranger.socket()),
    }
}

fn question<'s>(forge: &Forge<'_>, script: &mut Script<'s>) -> (Question, &'s [u8]) {
    let name = stored_name(forge, script);
    match script.below(4) {
        0 => {
            let found = [Found::ByLookup, Found::InPlaceOfOwner, Found::ByGuess];
            return (Question::Read { name, found: found[script.below(3)] }, &[]);
        }
        1 => return (Question::List(name.key), &[]),
        _ => {}
    }
    let (change, value) = match script.below(4) {
        0 => (Change::Delete, &[][..]),
        1 => (Change::Add(script.number().cast_signed()), &[][..]),
        2 => (Change::Touch, &[][..]),
        _ => {
            let length = script.below(MAX_VALUE + 1);
            (Change::Put, script.take(length))
        }
    };
    let condition = match script.below(4) {
        0 => Condition::Absent,
        1 => Condition::Present,
        2 => Condition::Version(version(script)),
        _ => Condition::Always,
    };
    let lifetime = match script.below(3) {
        0 => Lifetime::Keep,
        1 => Lifetime::Of(std::time::Duration::from_millis(time(script))),
        _ => Lifetime::Default,
    };
    (Question::Write(Write { name, change, condition, lifetime, tag: script.byte() }), value)
}

fn answer<'s>(script: &mut Script<'s>) -> (Answer, &'s [u8]) {
    let answer = match script.below(9) {
        0 => {
            let (version, sum) = (version(script), script.number().cast_signed());
            Answer::Done { version, sum, existed: script.flag() }
        }
        1 => Answer::ConditionFailed { version: version(script) },
        2 => Answer::Unknown { answered: script.byte(), needed: script.byte() },
        3 => {
            let (version, remaining_ms) = (version(script), script.number());
            let (tag, length) = (script.byte(), script.below(MAX_VALUE + 1));
            return (Answer::Found { version, remaining_ms, tag }, script.take(length));
        }
        4 => Answer::Absent,
        5 => {
            let count = script.below(1 << 16) as u16;
            let listed = script.below(MAX_LISTED + 1);
            let bytes = script.take(listed * size_of::<u64>());
            let whole = bytes.len() / size_of::<u64>() * size_of::<u64>();
            return (Answer::Listed { count }, &bytes[..whole]);
        }
        6 => Answer::Refused(Refusal::from_number(script.byte() % 5 + 1).expect("there are 5")),
        7 => Answer::NotHere,
        _ => Answer::InProgress,
    };
    (answer, &[])
}

/// The name of an item that nodes may own, or of a reference.
fn stored_name(forge: &Forge<'_>, script: &mut Script<'_>) -> Name {
    let key = if script.flag() { Id::of_name(&[script.byte() % 8]) } else { forge.id(script) };
    let provider = forge.peer(script).address;
    Name { key, provider: (script.flag() && provider.to_bits() != 0).then_some(provider) }
}

fn range(forge: &Forge<'_>, script: &mut Script<'_>) -> Range {
    Range { from: forge.id(script), to: forge.id(script) }
}

fn version(script: &mut Script<'_>) -> Version {
    Version { number: time(script), writer: script.number() }
}

/// Times of all magnitudes, in microseconds.
fn time(script: &mut Script<'_>) -> u64 {
    script.number() >> script.below(64)
}

/// A query of any kind.
fn query(script: &mut Script<'_>) -> Query {
    let how = Match::from_number(script.byte() % 4).expect("there are four kinds of match");
    Query { how, text: text(script) }
}

/// A text of any length. Half of all texts are so short that names and queries sometimes match.
fn text(script: &mut Script<'_>) -> Text {
    let length = if script.flag() { 1 + script.below(2) } else { 1 + script.below(MAX_TEXT) };
    let mut bytes = [0; MAX_TEXT];
    let alphabet = if length <= 2 { 2 } else { 128 };
    bytes[..length].fill_with(|| b'a'.wrapping_add(script.byte() % alphabet) & 0x7f);
    Text::new(&bytes[..length]).expect("it is ASCII and short enough")
}

/// The number of one of the words of a name; `None` if it has none.
fn word_number(script: &mut Script<'_>, name: &Text) -> Option<u8> {
    let words = different_words(name).count();
    (words > 0).then(|| script.below(words)).and_then(|at| Some(different_words(name).nth(at)?.0))
}

/// The addresses to which a message may make its receiver send.
pub fn named_addresses<'a>(message: &ring::Message<'a>) -> impl Iterator<Item = Address> + use<'a> {
    use ring::Message;
    let (one, more) = match *message {
        Message::Introduce { peer } | Message::Answer { owner: peer, .. } => {
            (Some(peer), Peers::NONE)
        }
        Message::Lookup { lookup, .. } => (Some(lookup.origin), Peers::NONE),
        Message::FindNextReply { step: Step::Next(peer) | Step::Owner(peer), .. } => {
            (Some(peer), Peers::NONE)
        }
        Message::NeighborsReply { predecessor, successors, .. }
        | Message::Leave { predecessor, successors } => (predecessor, successors),
        _ => (None, Peers::NONE),
    };
    one.into_iter().chain(more.iter()).map(|peer| peer.address)
}
