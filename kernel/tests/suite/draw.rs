//! Messages with random content, of every kind of every protocol.
//!
//! **Invariant:** every drawn message can be encoded.

use hopwise_kernel::central::{self, Central};
use hopwise_kernel::codec::{Body, Envelope};
use hopwise_kernel::directory::{self, Directory, MAX_COPIES};
use hopwise_kernel::flood::message::{MAX_TTL, MAX_WALK, Walk, WalkStage};
use hopwise_kernel::flood::{self, Flood};
use hopwise_kernel::items::words::different_words;
use hopwise_kernel::items::{self, Hit, HitList, Items, Match, Query, Text, Topic};
use hopwise_kernel::node::{Cookie, MessageOf, RequestId};
use hopwise_kernel::ring::message::{Lookup, MAX_HOP_BUDGET, Purpose, Stage, Step};
use hopwise_kernel::ring::{self, Ring};
use hopwise_kernel::store::message::{Answer, CopyOf, Difference, Found, Progress, Question};
use hopwise_kernel::store::{
    self, Change, Condition, Lifetime, Name, Range, Refusal, Stored, Sum, Version, Write,
};
use hopwise_kernel::{Address, Id, Peer, Peers};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

/// A protocol with messages that can be drawn.
pub(crate) trait Drawn: Body {
    /// Number of message kinds.
    const KINDS: u8;

    /// The message of kind `kind`, `0 .. KINDS`, with the content of `draw`.
    fn message(draw: &Draw, kind: u8) -> MessageOf<'_, Self>;

    /// Whether two messages are equal.
    fn is_equal<'a>(one: &MessageOf<'a, Self>, other: &MessageOf<'a, Self>) -> bool;
}

/// The content of a message of any kind: all fields that messages may have.
#[derive(Clone, Debug)]
pub(crate) struct Draw {
    /// The kind, modulo the number of kinds.
    kind: u8,
    numbers: [u64; 2],
    ids: [Id; 3],
    slots: [u16; 2],
    pub(crate) peer: Peer,
    predecessor: Option<Peer>,
    successors: Vec<Peer>,
    payload: Vec<u8>,
    found: HitList,
    query: Query,
    stage: WalkStage,
    purpose: Purpose,
    topic: Topic,
    bytes: [u8; 3],
    flag: bool,
}

impl Draw {
    /// The message of the drawn kind.
    pub(crate) fn message<P: Drawn>(&self) -> MessageOf<'_, P> {
        P::message(self, self.kind % P::KINDS)
    }

    /// The same content, once for each kind.
    pub(crate) fn of_every_kind<P: Drawn>(&self) -> Vec<Draw> {
        (0..P::KINDS).map(|kind| Draw { kind, ..self.clone() }).collect()
    }

    /// The message's sender and receiver.
    pub(crate) fn envelope(&self) -> Envelope {
        let [from_slot, to_slot] = self.slots;
        let to_prefix = Some(self.ids[1].prefix());
        Envelope { from_id: self.ids[0], from_slot, to_slot, to_prefix }
    }

    fn request(&self) -> RequestId {
        RequestId(self.numbers[0])
    }

    fn cookie(&self) -> Cookie {
        Cookie(self.numbers[1])
    }

    fn hit(&self) -> Hit {
        Hit { holder: self.peer, name: self.query.text }
    }

    /// The number of one of the words of `text`; `None` if it has none.
    fn word_of(&self, text: &Text) -> Option<u8> {
        let words: Vec<u8> = different_words(text).map(|(number, _)| number).collect();
        words.get(usize::from(self.bytes[0]) % words.len().max(1)).copied()
    }
}

impl Drawn for Ring {
    const KINDS: u8 = 16;

    fn message(draw: &Draw, kind: u8) -> ring::Message<'_> {
        use ring::Message;
        let (request, cookie) = (draw.request(), draw.cookie());
        let Draw { peer, predecessor, purpose, ids: [_, key, limit], .. } = *draw;
        let [budget, hops, timeouts] = draw.bytes;
        let stage = Stage::from_number(hops % 4).expect("there are four stages");
        let successors = Peers::Table(&draw.successors);
        match kind {
            0 => Message::Ping { request },
            1 => Message::Pong { request },
            2 => Message::Neighbors { request, cookie, purpose },
            3 => Message::NeighborsReply { request, purpose, predecessor, successors },
            4 => Message::CookieReply { request, purpose, cookie },
            5 => Message::Notify,
            6 => Message::Introduce { peer },
            7 => Message::Leave { predecessor, successors },
            8 => {
                let lookup = Lookup {
                    lookup: RequestId(draw.numbers[1]),
                    purpose,
                    key,
                    origin: peer,
                    budget: budget % MAX_HOP_BUDGET + 1,
                    hops,
                    timeouts,
                    stage,
                    left_ms: draw.slots[0],
                };
                Message::Lookup { request, lookup }
            }
            9 => Message::Ack { request, purpose },
            10 => Message::Answer {
                lookup: request,
                purpose,
                owner: peer,
                under_suspicion: draw.flag,
                hops,
                timeouts,
            },
            11 => Message::FindNext { request, purpose, key, limit, stage },
            12 => {
                let step = match budget % 3 {
                    0 => Step::Stuck,
                    1 => Step::Next(peer),
                    _ => Step::Owner(peer),
                };
                Message::FindNextReply { request, purpose, step, stage, under_suspicion: draw.flag }
            }
            13 => Message::Deliver { request, key, payload: &draw.payload },
            14 => Message::Adopted,
            _ => Message::Delivered { request },
        }
    }

    fn is_equal<'a>(one: &ring::Message<'a>, other: &ring::Message<'a>) -> bool {
        one == other
    }
}

impl Drawn for Items {
    const KINDS: u8 = 8;

    fn message(draw: &Draw, kind: u8) -> items::Message<'_> {
        use items::Message;
        let (request, cookie, query) = (draw.request(), draw.cookie(), draw.query);
        match kind {
            0 => Message::Publish { request, cookie, name: query.text },
            1 => Message::Published { request },
            2 => Message::Find { request, cookie, query },
            3 => Message::Found { request, hits: draw.found.hits() },
            4 => Message::Fetch { request, cookie, name: query.text },
            5 => Message::Item { request, payload: &draw.payload },
            6 => match draw.word_of(&query.text) {
                Some(word) => Message::PublishWord { request, cookie, word, name: query.text },
                None => Message::Publish { request, cookie, name: query.text },
            },
            _ => Message::CookieReply { request, topic: draw.topic, cookie },
        }
    }

    fn is_equal<'a>(one: &items::Message<'a>, other: &items::Message<'a>) -> bool {
        one == other
    }
}

impl Drawn for Central {
    const KINDS: u8 = 3 + Items::KINDS;

    fn message(draw: &Draw, kind: u8) -> central::Message<'_> {
        use central::Message;
        let request = draw.request();
        match kind {
            0 => Message::Ping { request },
            1 => Message::Pong { request },
            2 => Message::Leave,
            kind => Message::Items(Items::message(draw, kind - 3)),
        }
    }

    fn is_equal<'a>(one: &central::Message<'a>, other: &central::Message<'a>) -> bool {
        one == other
    }
}

impl Drawn for Flood {
    const KINDS: u8 = 9 + Items::KINDS;

    fn message(draw: &Draw, kind: u8) -> flood::Message<'_> {
        use flood::Message;
        let (request, hit) = (draw.request(), draw.hit());
        let Draw { peer: origin, query, stage, slots: [so_far, steps], .. } = *draw;
        let [ttl, hops, _] = draw.bytes;
        let ttl = ttl % MAX_TTL + 1;
        match kind {
            0 => Message::Ping { request },
            1 => Message::Pong { request },
            2 => Message::Leave,
            3 => Message::Search { search: request, query, ttl, hops },
            4 => {
                let walk = Walk { query, origin, ttl: steps % MAX_WALK + 1, hops: so_far };
                Message::Walk { search: request, walk, stage }
            }
            5 => Message::SearchHit { search: request, hit, hops: so_far },
            6 => Message::Connect { request },
            7 => Message::Connected { request, accepted: draw.flag },
            8 => Message::Seek { origin, ttl },
            kind => Message::Items(Items::message(draw, kind - 9)),
        }
    }

    fn is_equal<'a>(one: &flood::Message<'a>, other: &flood::Message<'a>) -> bool {
        one == other
    }
}

impl Drawn for Directory<Ring> {
    const KINDS: u8 = 1 + Items::KINDS + Ring::KINDS;

    fn message(draw: &Draw, kind: u8) -> directory::Message<'_, Ring> {
        use directory::MessageWith as Message;
        let [_, shift, copies] = draw.bytes;
        match kind {
            0 => {
                let lifetime_ms = u32::from(draw.slots[0]) << (shift % 17);
                let (hit, copies) = (draw.hit(), copies % (MAX_COPIES + 1));
                let word = draw.word_of(&hit.name).filter(|_| draw.flag);
                Message::Copy { hit, word, copies, lifetime_ms }
            }
            kind if kind <= Items::KINDS => Message::Items(Items::message(draw, kind - 1)),
            kind => Message::Router(Ring::message(draw, kind - 1 - Items::KINDS)),
        }
    }

    fn is_equal<'a>(
        one: &directory::Message<'a, Ring>,
        other: &directory::Message<'a, Ring>,
    ) -> bool {
        one == other
    }
}

impl Drawn for Stored<Ring> {
    const KINDS: u8 = 16 + Ring::KINDS;

    fn message(draw: &Draw, kind: u8) -> store::Message<'_, Ring> {
        use store::MessageWith as Message;
        let (request, cookie, version) = (draw.request(), draw.cookie(), draw.version());
        let Draw { ids: [_, from, to], numbers: [number, hash], flag, .. } = *draw;
        let [what, tag, count] = draw.bytes;
        let (range, name) = (Range { from, to }, draw.name());
        match kind {
            0 => {
                let (question, value) = match what % 3 {
                    0 => draw.write(),
                    1 => {
                        let found = [Found::ByLookup, Found::InPlaceOfOwner, Found::ByGuess];
                        let found = found[usize::from(tag) % 3];
                        (Question::Read { name, found }, &[][..])
                    }
                    _ => (Question::List(name.key), &[][..]),
                };
                Message::Ask { request, cookie, age_ms: draw.slots[1], question, value }
            }
            1 => {
                let (answer, value) = draw.answer();
                Message::Answer { request, answer, value }
            }
            2 => {
                let previous = Version { number: hash, writer: number };
                let item =
                    CopyOf { name, version, previous, expires_us: number, tag, deleted: flag };
                let value = if flag { &[] } else { &draw.payload[..] };
                Message::Copy { request, cookie, item, value }
            }
            3 => Message::Copied { request, held: flag, version },
            4 => {
                let sum = Sum { count: count.into(), hash };
                Message::Compare { request, cookie, range, sum, is_owner: flag }
            }
            5 => {
                let difference = Difference::from_number(what % 4).expect("there are 4");
                Message::Compared { request, difference, sums: &draw.payload }
            }
            6 => Message::Sync { request, cookie, range },
            7 => {
                let progress = Progress::from_number(what % 5).expect("there are 5");
                Message::Synced { request, progress, is_predecessor: flag, clock: number }
            }
            8 => {
                let topic = store::message::Topic::from_number(what % 4).expect("there are 4");
                Message::CookieReply { request, topic, cookie }
            }
            9 => Message::Release { cookie, range },
            10 => Message::Grant { cookie, key: name.key, version },
            11 => Message::AlsoAt { request, holder: draw.peer },
            12 => Message::Fetch { request, cookie, key: from, serial: number },
            13 => {
                let value = if flag { &draw.payload[..] } else { &[] };
                Message::Fetched { request, held: flag, value }
            }
            14 => Message::Census { request, cookie },
            15 => Message::Counted { request, items: draw.numbers[0] as u32, middle: range },
            kind => Message::Router(Ring::message(draw, kind - 16)),
        }
    }

    fn is_equal<'a>(one: &store::Message<'a, Ring>, other: &store::Message<'a, Ring>) -> bool {
        one == other
    }
}

/// The parts of a store's messages.
impl Draw {
    fn version(&self) -> Version {
        Version { number: self.numbers[0], writer: self.numbers[1] }
    }

    fn name(&self) -> Name {
        let provider = self.predecessor.map(|peer| peer.address);
        Name { key: self.ids[0], provider: provider.filter(|it| it.to_bits() != 0) }
    }

    fn write(&self) -> (Question, &[u8]) {
        let [number, other] = self.numbers;
        let [what, tag, how] = self.bytes;
        let (change, value) = match what / 3 % 4 {
            0 => (Change::Put, &self.payload[..]),
            1 => (Change::Delete, &[][..]),
            2 => (Change::Add(number.cast_signed()), &[][..]),
            _ => (Change::Touch, &[][..]),
        };
        let condition = match how % 4 {
            0 => Condition::Always,
            1 => Condition::Absent,
            2 => Condition::Present,
            _ => Condition::Version(self.version()),
        };
        let lifetime = match how / 4 % 3 {
            0 => Lifetime::Default,
            1 => Lifetime::Of(std::time::Duration::from_millis(other)),
            _ => Lifetime::Keep,
        };
        (Question::Write(Write { name: self.name(), change, condition, lifetime, tag }), value)
    }

    fn answer(&self) -> (Answer, &[u8]) {
        let (version, [what, tag, count]) = (self.version(), self.bytes);
        let number = self.numbers[1];
        let whole = self.payload.len() / 8 * 8;
        let answer = match what % 9 {
            0 => Answer::Done { version, sum: number.cast_signed(), existed: self.flag },
            1 => Answer::ConditionFailed { version },
            2 => Answer::Unknown { answered: tag, needed: count },
            3 => {
                let found = Answer::Found { version, remaining_ms: number, tag };
                return (found, &self.payload);
            }
            4 => Answer::Absent,
            5 => return (Answer::Listed { count: self.slots[0] }, &self.payload[..whole]),
            6 => Answer::Refused(Refusal::from_number(tag % 5 + 1).expect("there are 5")),
            7 => Answer::NotHere,
            _ => Answer::InProgress,
        };
        (answer, &[])
    }
}

/// Any message.
pub(crate) fn draw() -> impl Strategy<Value = Draw> {
    let names = (any::<u8>(), any::<[u64; 2]>(), [id(), id(), id()], any::<[u16; 2]>());
    let peers = (peer(), proptest::option::of(peer()), vec(peer(), 0..20));
    let purpose = (0..5_u8).prop_map(|number| Purpose::from_number(number).expect("there are 5"));
    let rest = (vec(any::<u8>(), 0..100), purpose, any::<[u8; 3]>(), any::<bool>());
    let stage = (0..3_u8).prop_map(|number| WalkStage::from_number(number).expect("there are 3"));
    let topic = (0..3_u8).prop_map(|number| Topic::from_number(number).expect("there are 3"));
    let shared = (found(), query(), stage, topic);
    (names, peers, rest, shared).prop_map(|(names, peers, rest, shared)| Draw {
        kind: names.0,
        numbers: names.1,
        ids: names.2,
        slots: names.3,
        peer: peers.0,
        predecessor: peers.1,
        successors: peers.2,
        payload: rest.0,
        found: shared.0,
        query: shared.1,
        stage: shared.2,
        topic: shared.3,
        purpose: rest.1,
        bytes: rest.2,
        flag: rest.3,
    })
}

fn text() -> impl Strategy<Value = Text> {
    let of_bytes = |text: String| Text::new(text.as_bytes()).ok();
    ".{1,31}".prop_filter_map("31 bytes, not letters", of_bytes)
}

fn query() -> impl Strategy<Value = Query> {
    (select(Match::ALL.to_vec()), text()).prop_map(|(how, text)| Query { how, text })
}

/// A list of as many random hits as fit.
fn found() -> impl Strategy<Value = HitList> {
    vec((peer(), text()), 0..40).prop_map(|hits| {
        let mut found = HitList::default();
        for (holder, name) in hits {
            found.push(&Hit { holder, name });
        }
        found
    })
}

fn id() -> impl Strategy<Value = Id> {
    any::<[u8; 20]>().prop_map(Id::from_bytes)
}

fn peer() -> impl Strategy<Value = Peer> {
    (id(), any::<u64>()).prop_map(|(id, bits)| Peer { id, address: Address::from_bits(bits) })
}
