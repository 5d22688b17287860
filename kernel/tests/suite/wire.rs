//! Messages and their bytes: what is written is read back, and nothing else is.
//!
//! **Invariant:** no byte string makes the reader panic.

use hopwise_kernel::items::{Hit, HitList, MAX_TEXT, Match, Query, Text};
use hopwise_kernel::message::{
    Cookie, Lookup, MAX_COPIES, MAX_HOP_BUDGET, MAX_PAYLOAD, MAX_TTL, MAX_WALK, Peers, Purpose,
    Step, Walk, WalkStage,
};
use hopwise_kernel::wire::{
    BUNDLE_HEADER_BYTES, Bundle, FRAME_HEADER_BYTES, Frame, MAGIC, MAX_LISTED_PEERS, VERSION,
    WireError, begin_bundle, encode, frame_bytes,
};
use hopwise_kernel::{Address, Id, Message, Peer, RequestId};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

/// Kinds of messages.
const KINDS: u8 = 28;
/// Room for any bundle made here.
const ROOM: usize = 1 << 18;

/// What a frame is made from: every field that any kind of message has.
#[derive(Clone, Debug)]
struct Draw {
    kind: u8,
    numbers: [u64; 2],
    ids: [Id; 3],
    slots: [u16; 2],
    peer: Peer,
    predecessor: Option<Peer>,
    successors: Vec<Peer>,
    payload: Vec<u8>,
    found: HitList,
    query: Query,
    stage: WalkStage,
    purpose: Purpose,
    bytes: [u8; 3],
    flag: bool,
}

impl Draw {
    fn frame(&self) -> Frame<'_> {
        let [from_slot, to_slot] = self.slots;
        Frame {
            from_id: self.ids[0],
            from_slot,
            to_slot,
            to_prefix: self.ids[0].prefix(),
            message: self.message(),
        }
    }

    fn message(&self) -> Message<'_> {
        let Draw { peer, predecessor, purpose, .. } = *self;
        let (request, cookie) = (RequestId(self.numbers[0]), Cookie(self.numbers[1]));
        let [key, limit] = [self.ids[1], self.ids[2]];
        let [budget, hops, timeouts] = self.bytes;
        let successors = Peers::Table(&self.successors);
        match self.kind {
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
                    lookup: RequestId(self.numbers[1]),
                    purpose,
                    key,
                    origin: peer,
                    budget: budget % MAX_HOP_BUDGET + 1,
                    hops,
                    timeouts,
                    known: self.flag,
                };
                Message::Lookup { request, lookup }
            }
            9 => Message::Ack { request, purpose },
            10 => Message::Answer { lookup: request, purpose, owner: peer, hops, timeouts },
            11 => Message::FindNext { request, purpose, key, limit },
            12 => {
                let step = match budget % 3 {
                    0 => Step::Stuck,
                    1 => Step::Next(peer),
                    _ => Step::Owner(peer),
                };
                Message::FindNextReply { request, purpose, step, knows: self.flag }
            }
            13 => Message::Deliver { request, key, payload: &self.payload },
            14 => Message::Delivered { request },
            kind => self.message_of_sharers(kind, request, cookie),
        }
    }

    fn message_of_sharers(&self, kind: u8, request: RequestId, cookie: Cookie) -> Message<'_> {
        let Draw { peer, query, stage, slots: [number, steps], .. } = *self;
        let [ttl, hops, copies] = self.bytes;
        let (name, hit) = (query.text, Hit { holder: peer, name: query.text });
        let (ttl, hops_so_far) = (ttl % MAX_TTL + 1, number);
        match kind {
            15 => Message::Publish { request, cookie, name },
            16 => Message::Published { request },
            17 => {
                let lifetime_ms = u32::from(number) << (hops % 17);
                Message::Copy { hit, copies: copies % (MAX_COPIES + 1), lifetime_ms }
            }
            18 => Message::Find { request, cookie, query },
            19 => Message::Found { request, hits: self.found.hits() },
            20 => Message::Fetch { request, cookie, name },
            21 => Message::Item { request, payload: &self.payload },
            22 => Message::Search { search: request, query, ttl, hops },
            23 => {
                let ttl = steps % MAX_WALK + 1;
                let walk = Walk { query, origin: peer, ttl, hops: hops_so_far };
                Message::Walk { search: request, walk, stage }
            }
            24 => Message::SearchHit { search: request, hit, hops: hops_so_far },
            25 => Message::Connect { request },
            26 => Message::Connected { request, accepted: self.flag },
            _ => Message::Meet { origin: peer, ttl },
        }
    }
}

fn text() -> impl Strategy<Value = Text> {
    let of_bytes = |text: String| Text::new(text.as_bytes()).ok();
    ".{1,31}".prop_filter_map("31 bytes, not letters", of_bytes)
}

fn query() -> impl Strategy<Value = Query> {
    (select(Match::ALL.to_vec()), text()).prop_map(|(how, text)| Query { how, text })
}

/// As many of these hits as there is room for.
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

fn draw() -> impl Strategy<Value = Draw> {
    let names = (0..KINDS, any::<[u64; 2]>(), [id(), id(), id()], any::<[u16; 2]>());
    let peers = (peer(), proptest::option::of(peer()), vec(peer(), 0..20));
    let rest = (
        vec(any::<u8>(), 0..100),
        (0..6_u8).prop_map(|number| Purpose::from_number(number).expect("there are six")),
        any::<[u8; 3]>(),
        any::<bool>(),
    );
    let stage =
        (0..3_u8).prop_map(|number| WalkStage::from_number(number).expect("there are three"));
    let shared = (found(), query(), stage);
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
        purpose: rest.1,
        bytes: rest.2,
        flag: rest.3,
    })
}

fn bundle_of<'a>(frames: impl IntoIterator<Item = Frame<'a>>) -> Vec<u8> {
    let mut buffer = vec![0; ROOM];
    let mut length = begin_bundle(&mut buffer).unwrap();
    for frame in frames {
        length += encode(&frame, &mut buffer[length..]).unwrap();
    }
    buffer.truncate(length);
    buffer
}

/// If these bytes are a bundle, then they are what is written for what is read.
fn is_refused_or_exact(datagram: &[u8]) -> bool {
    Bundle::parse(datagram).map_or(true, |bundle| bundle_of(bundle.frames()) == datagram)
}

proptest! {
    #[test]
    fn bundles_are_read_back_equal(draws in vec(draw(), 1..12)) {
        let datagram = bundle_of(draws.iter().map(Draw::frame));
        let bundle = Bundle::parse(&datagram).unwrap();
        prop_assert!(bundle.frames().eq(draws.iter().map(Draw::frame)));
        prop_assert_eq!(bundle_of(bundle.frames()), datagram);
    }

    #[test]
    fn every_kind_is_read_back_equal(draw in draw()) {
        for kind in 0..KINDS {
            let draw = Draw { kind, ..draw.clone() };
            let datagram = bundle_of([draw.frame()]);
            let bundle = Bundle::parse(&datagram).unwrap();
            prop_assert!(bundle.frames().eq([draw.frame()]));
        }
    }

    /// No frame is written past the end, nor one byte short of it.
    #[test]
    fn a_message_is_as_long_as_foretold(draw in draw()) {
        let frame = draw.frame();
        if let Some(length) = encode(&frame, &mut [0; ROOM]) {
            prop_assert_eq!(frame_bytes(&frame.message), length);
        }
    }

    #[test]
    fn what_is_taken_apart_goes_together(draw in draw()) {
        let message = draw.message();
        let (own, borrowed) = message.detach();
        prop_assert_eq!(own.attach(borrowed), message);
    }

    #[test]
    fn a_frame_fits_exactly_or_not_at_all(draw in draw(), short: Index) {
        let mut buffer = vec![0; ROOM];
        let length = encode(&draw.frame(), &mut buffer).unwrap();
        prop_assert_eq!(encode(&draw.frame(), &mut buffer[..length]), Some(length));
        prop_assert_eq!(encode(&draw.frame(), &mut buffer[..short.index(length)]), None);
    }

    #[test]
    fn any_bytes_are_refused_or_exact(bytes in vec(any::<u8>(), 0..600)) {
        prop_assert!(is_refused_or_exact(&bytes));
    }

    /// As above, behind headers that get the reader to the payload.
    #[test]
    fn any_payload_is_refused_or_exact(
        kind in 0..=KINDS + 1,
        header in any::<[u8; 24]>(),
        payload in vec(prop_oneof![0..6_u8, any::<u8>()], 0..200),
    ) {
        let mut datagram = vec![MAGIC, VERSION, kind];
        datagram.extend((payload.len() as u16).to_be_bytes());
        datagram.extend(header);
        datagram.extend(&payload);
        prop_assert!(is_refused_or_exact(&datagram));
    }

    #[test]
    fn mutated_bundles_are_refused_or_exact(
        draws in vec(draw(), 1..4),
        changes in vec((any::<Index>(), any::<u8>()), 1..4),
    ) {
        let mut datagram = bundle_of(draws.iter().map(Draw::frame));
        for (at, value) in changes {
            let at = at.index(datagram.len());
            datagram[at] = value;
        }
        prop_assert!(is_refused_or_exact(&datagram));
    }

    /// Cut anywhere but between two frames, a bundle is refused.
    #[test]
    fn cut_bundles_are_refused(draws in vec(draw(), 1..4), cut: Index) {
        let datagram = bundle_of(draws.iter().map(Draw::frame));
        let ends: Vec<usize> =
            (1..=draws.len()).map(|n| bundle_of(draws[..n].iter().map(Draw::frame)).len()).collect();
        let cut = cut.index(datagram.len());
        prop_assert_eq!(Bundle::parse(&datagram[..cut]).is_ok(), ends.contains(&cut));
    }

    /// The receiver learns the sender's socket from the datagram, its slot from the frame.
    #[test]
    fn the_sender_is_its_socket_and_slot(draw in draw()) {
        let sender = draw.frame().sender(draw.peer.address);
        prop_assert_eq!(sender.id, draw.frame().from_id);
        prop_assert_eq!(sender.address.socket(), draw.peer.address.socket());
        prop_assert_eq!(sender.address.slot, draw.frame().from_slot);
    }
}

fn frame(message: Message<'_>) -> Frame<'_> {
    Frame { from_id: Id::ZERO, from_slot: 0, to_slot: 0, to_prefix: 0, message }
}

/// The largest of each thing fits, and one more does not.
#[test]
fn limits_are_exact() {
    let mut buffer = vec![0; ROOM];
    let (request, key, bytes) = (RequestId(0), Id::ZERO, [0; MAX_PAYLOAD + 1]);
    let deliver = |length| frame(Message::Deliver { request, key, payload: &bytes[..length] });
    assert!(Bundle::parse(&bundle_of([deliver(MAX_PAYLOAD)])).is_ok());
    assert_eq!(encode(&deliver(MAX_PAYLOAD + 1), &mut buffer), None);

    let peers = [Peer::default(); MAX_LISTED_PEERS + 1];
    let leave = |count| {
        let successors = Peers::Table(&peers[..count]);
        frame(Message::Leave { predecessor: None, successors })
    };
    assert!(Bundle::parse(&bundle_of([leave(MAX_LISTED_PEERS)])).is_ok());
    assert_eq!(encode(&leave(MAX_LISTED_PEERS + 1), &mut buffer), None);
    let lookup = |budget| {
        let lookup = Lookup {
            lookup: request,
            purpose: Purpose::User,
            key,
            origin: Peer::default(),
            budget,
            hops: 0,
            timeouts: 0,
            known: false,
        };
        frame(Message::Lookup { request, lookup })
    };
    assert!(Bundle::parse(&bundle_of([lookup(1), lookup(MAX_HOP_BUDGET)])).is_ok());
    assert_eq!(encode(&lookup(0), &mut buffer), None);
    assert_eq!(encode(&lookup(MAX_HOP_BUDGET + 1), &mut buffer), None);

    let (text, origin) = (Text::new(&[b'n'; MAX_TEXT]).unwrap(), Peer::default());
    let query = Query { how: Match::Substring, text };
    let search = |ttl| frame(Message::Search { search: request, query, ttl, hops: 0 });
    let meet = |ttl| frame(Message::Meet { origin, ttl });
    let walk = |ttl| {
        let walk = Walk { query, origin, ttl, hops: 0 };
        frame(Message::Walk { search: request, walk, stage: WalkStage::Steps })
    };
    let hit = Hit { holder: origin, name: text };
    let copy = |copies| frame(Message::Copy { hit, copies, lifetime_ms: u32::MAX });
    let fit = [search(1), search(MAX_TTL), meet(1), meet(MAX_TTL), walk(1), walk(MAX_WALK)];
    assert!(Bundle::parse(&bundle_of(fit)).is_ok());
    assert!(Bundle::parse(&bundle_of([copy(0), copy(MAX_COPIES)])).is_ok());
    for too_much in [search(0), search(MAX_TTL + 1), meet(0), meet(MAX_TTL + 1)] {
        assert_eq!(encode(&too_much, &mut buffer), None);
    }
    for too_much in [walk(0), walk(MAX_WALK + 1), copy(MAX_COPIES + 1)] {
        assert_eq!(encode(&too_much, &mut buffer), None);
    }

    assert_eq!(begin_bundle(&mut buffer[..BUNDLE_HEADER_BYTES - 1]), None);
}

/// Each way to be wrong has its own name.
#[test]
fn reasons_are_told_apart() {
    let good = bundle_of([frame(Message::Ping { request: RequestId(7) })]);
    let changed = |at: usize, value: u8| {
        let mut datagram = good.clone();
        datagram[at] = value;
        Bundle::parse(&datagram).map(|_| ()).unwrap_err()
    };
    assert_eq!(changed(0, MAGIC + 1), WireError::BadMagic);
    assert_eq!(changed(1, VERSION + 1), WireError::BadVersion);
    assert_eq!(changed(BUNDLE_HEADER_BYTES, 0), WireError::BadKind);
    assert_eq!(changed(BUNDLE_HEADER_BYTES, KINDS + 1), WireError::BadKind);
    assert_eq!(changed(BUNDLE_HEADER_BYTES, 8), WireError::BadLength);
    assert_eq!(changed(BUNDLE_HEADER_BYTES + 2, 9), WireError::Truncated);
    let refused = |datagram: &[u8]| Bundle::parse(datagram).map(|_| ()).unwrap_err();
    assert_eq!(refused(&[]), WireError::Truncated);
    assert_eq!(refused(&good[..BUNDLE_HEADER_BYTES]), WireError::Empty);
    assert_eq!(refused(&good[..good.len() - 1]), WireError::Truncated);

    let purpose = Purpose::User;
    let mut ack = bundle_of([frame(Message::Ack { request: RequestId(7), purpose })]);
    *ack.last_mut().unwrap() = 6;
    assert_eq!(refused(&ack), WireError::BadValue);
    let name = Text::new(b"n").unwrap();
    let (request, cookie) = (RequestId(7), Cookie(1));
    let mut fetch = bundle_of([frame(Message::Fetch { request, cookie, name })]);
    *fetch.last_mut().unwrap() = 0xFF; // Not UTF-8.
    assert_eq!(refused(&fetch), WireError::BadValue);
    assert_eq!(good.len(), BUNDLE_HEADER_BYTES + FRAME_HEADER_BYTES + 8);
}

#[test]
fn the_longest_successor_list_just_fits_its_datagram() {
    for bytes in [576, 1472, 9000] {
        let most = hopwise_kernel::wire::max_successors(bytes);
        let fits = |count: usize| {
            let peers = vec![Peer::default(); count];
            let message = Message::NeighborsReply {
                request: RequestId(1),
                purpose: Purpose::Stabilize,
                predecessor: Some(Peer::default()),
                successors: Peers::Table(&peers),
            };
            let frame =
                Frame { from_id: Id::ZERO, from_slot: 0, to_slot: 0, to_prefix: 0, message };
            encode(&frame, &mut vec![0; bytes - BUNDLE_HEADER_BYTES]).is_some()
        };
        assert!(fits(most) && !fits(most + 1), "{bytes} bytes, {most} successors");
    }
}
