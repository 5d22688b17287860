//! The wire format: only encoded messages are accepted, and they are read back equal. Every
//! protocol obeys the same laws.
//!
//! **Invariant:** no byte string makes the reader panic.

use hopwise_kernel::central::Central;
use hopwise_kernel::codec::{
    BUNDLE_HEADER_BYTES, Body, Codec, Envelope, FRAME_HEADER_BYTES, Framed, MAGIC, OLDEST_VERSION,
    Probe, VERSION, WireError,
};
use hopwise_kernel::directory::{Directory, MAX_COPIES, MessageWith};
use hopwise_kernel::flood::message::{MAX_TTL, MAX_WALK, Walk, WalkStage};
use hopwise_kernel::flood::{self, Flood};
use hopwise_kernel::items::{self, Hit, Items, MAX_TEXT, Match, Query, Text};
use hopwise_kernel::node::{Cookie, MAX_PAYLOAD, MessageOf, RequestId};
use hopwise_kernel::ring::message::{Lookup, MAX_HOP_BUDGET, Purpose, Stage};
use hopwise_kernel::ring::wire::{MAX_LISTED_PEERS, max_successors};
use hopwise_kernel::ring::{self, Ring};
use hopwise_kernel::store::{self, Stored};
use hopwise_kernel::{Id, Peer, Peers};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

use crate::draw::{Draw, Drawn, draw};

/// Room for any bundle made here.
const ROOM: usize = 1 << 18;

/// The laws of a protocol's wire format.
macro_rules! laws {
    ($($name:ident: $protocol:ty),+) => {$(
        mod $name {
            use super::*;

            proptest! {
                #[test]
                fn bundles_are_read_back_equal(draws in vec(draw(), 1..12)) {
                    read_back::<$protocol>(&draws)?;
                }

                #[test]
                fn every_kind_is_read_back_equal(draw in draw()) {
                    for draw in draw.of_every_kind::<$protocol>() {
                        read_back::<$protocol>(&[draw])?;
                    }
                }

                #[test]
                fn a_message_has_its_computed_length_and_fits(draw in draw(), short: Index) {
                    fits_exactly::<$protocol>(&draw, short)?;
                }

                #[test]
                fn any_bytes_are_refused_or_exact(bytes in vec(any::<u8>(), 0..600)) {
                    prop_assert!(is_refused_or_exact::<$protocol>(&bytes));
                }

                /// Like the test above, but with headers that lead the reader to the payload.
                #[test]
                fn any_payload_is_refused_or_exact(
                    kind in prop_oneof![0..20_u8, 60..75_u8, 160..170_u8, any::<u8>()],
                    header in any::<[u8; FRAME_HEADER_BYTES - 3]>(),
                    payload in vec(prop_oneof![0..6_u8, any::<u8>()], 0..200),
                    version in OLDEST_VERSION..=VERSION,
                ) {
                    let mut datagram = header_in(version);
                    datagram.push(kind);
                    datagram.extend((payload.len() as u16).to_be_bytes());
                    datagram.extend(header);
                    datagram.extend(&payload);
                    prop_assert!(is_refused_or_exact::<$protocol>(&datagram));
                }

                #[test]
                fn mutated_bundles_are_refused_or_exact(
                    draws in vec(draw(), 1..4),
                    changes in vec((any::<Index>(), any::<u8>()), 1..4),
                ) {
                    let mut datagram = bundle::<$protocol>(&draws);
                    for (at, value) in changes {
                        let at = at.index(datagram.len());
                        datagram[at] = value;
                    }
                    prop_assert!(is_refused_or_exact::<$protocol>(&datagram));
                }

                #[test]
                fn cut_bundles_are_refused(draws in vec(draw(), 1..4), cut: Index) {
                    refused_when_cut::<$protocol>(&draws, cut)?;
                }
            }
        }
    )+};
}

laws! {
    of_ring: Ring,
    of_items: Items,
    of_central: Central,
    of_flood: Flood,
    of_directory_over_ring: Directory<Ring>,
    of_store_over_ring: Stored<Ring>
}

fn read_back<P: Drawn>(draws: &[Draw]) -> Result<(), TestCaseError> {
    let datagram = bundle::<P>(draws);
    let messages = Framed::<P>::default().parse(&datagram).expect("a written bundle is valid");
    prop_assert_eq!(messages.count(), draws.len());
    for ((envelope, message), draw) in messages.zip(draws) {
        prop_assert_eq!(envelope, draw.envelope());
        prop_assert!(P::is_equal(&message, &draw.message::<P>()), "{:?}", message);
    }
    prop_assert!(is_refused_or_exact::<P>(&datagram));
    Ok(())
}

/// Asserts that a frame fits in a buffer of its length, and not in a shorter one.
fn fits_exactly<P: Drawn>(draw: &Draw, short: Index) -> Result<(), TestCaseError> {
    let (codec, envelope, message) = (Framed::<P>::default(), draw.envelope(), draw.message::<P>());
    let length = codec.length(&message);
    let mut room = vec![0; ROOM];
    prop_assert_eq!(codec.write(&envelope, &message, &mut room), Some(length));
    prop_assert_eq!(codec.write(&envelope, &message, &mut room[..length]), Some(length));
    let short = short.index(length);
    prop_assert_eq!(codec.write(&envelope, &message, &mut room[..short]), None);
    Ok(())
}

/// Asserts that a truncated bundle is refused unless it ends between two frames.
fn refused_when_cut<P: Drawn>(draws: &[Draw], cut: Index) -> Result<(), TestCaseError> {
    let datagram = bundle::<P>(draws);
    let ends: Vec<usize> = (1..=draws.len()).map(|n| bundle::<P>(&draws[..n]).len()).collect();
    let cut = cut.index(datagram.len());
    let is_read = Framed::<P>::default().parse(&datagram[..cut]).is_ok();
    prop_assert_eq!(is_read, ends.contains(&cut));
    Ok(())
}

/// Whether these bytes are refused, or equal the encoding of the messages they contain.
fn is_refused_or_exact<P: Body>(datagram: &[u8]) -> bool {
    let codec = Framed::<P>::default();
    let messages = codec.parse(datagram);
    // The header also says what else its sender reads, and that is not kept.
    let frames = |bytes: &[u8]| bytes[BUNDLE_HEADER_BYTES..].to_vec();
    messages.map_or(true, |messages| {
        let (written, _) = codec.read_header(datagram).expect("it was read");
        let again = bundle_in::<P>(written, messages);
        frames(&again) == frames(datagram)
    })
}

/// The header of a datagram in this version.
fn header_in(version: u8) -> Vec<u8> {
    let mut header = vec![0; BUNDLE_HEADER_BYTES];
    let codec = Framed::<Ring>::default().in_version(version);
    codec.write_header(&mut header).expect("there is room");
    header
}

fn bundle<P: Drawn>(draws: &[Draw]) -> Vec<u8> {
    bundle_of::<P>(draws.iter().map(|draw| (draw.envelope(), draw.message::<P>())))
}

fn bundle_of<'a, P: Body>(
    messages: impl IntoIterator<Item = (Envelope, MessageOf<'a, P>)>,
) -> Vec<u8> {
    bundle_in(Framed::<P>::default(), messages)
}

fn bundle_in<'a, P: Body>(
    codec: Framed<P>,
    messages: impl IntoIterator<Item = (Envelope, MessageOf<'a, P>)>,
) -> Vec<u8> {
    let mut buffer = vec![0; ROOM];
    let mut length = codec.write_header(&mut buffer).expect("there is room");
    for (envelope, message) in messages {
        let written = codec.write(&envelope, &message, &mut buffer[length..]);
        length += written.expect("it can be encoded");
    }
    buffer.truncate(length);
    buffer
}

proptest! {
    /// The receiver takes the sender's socket from the datagram and its slot from the frame.
    #[test]
    fn the_sender_is_its_socket_and_slot(draw in draw()) {
        let envelope = draw.envelope();
        let sender = envelope.sender(draw.peer.address);
        prop_assert_eq!(sender.id, envelope.from_id);
        prop_assert_eq!(sender.address.socket(), draw.peer.address.socket());
        prop_assert_eq!(sender.address.slot, envelope.from_slot);
    }
}

const ENVELOPE: Envelope =
    Envelope { from_id: Id::ZERO, from_slot: 0, to_slot: 0, to_prefix: Some(0) };

/// Encodes a datagram with this one message. `None` if the message cannot be encoded.
fn datagram_of<P: Body>(message: MessageOf<'_, P>) -> Option<Vec<u8>> {
    let (codec, mut buffer) = (Framed::<P>::default(), vec![0; ROOM]);
    let start = codec.write_header(&mut buffer).expect("there is room");
    let length = start + codec.write(&ENVELOPE, &message, &mut buffer[start..])?;
    buffer.truncate(length);
    assert!(codec.parse(&buffer).is_ok(), "a written datagram is valid");
    Some(buffer)
}

/// Fields at their limits can be encoded; fields beyond them cannot.
#[test]
fn limits_are_exact() {
    use ring::Message;
    let fits = |message| datagram_of::<Ring>(message).is_some();
    let (request, key, bytes) = (RequestId(0), Id::ZERO, [0; MAX_PAYLOAD + 1]);
    let deliver = |length| Message::Deliver { request, key, payload: &bytes[..length] };
    assert!(fits(deliver(MAX_PAYLOAD)) && !fits(deliver(MAX_PAYLOAD + 1)));

    let peers = [Peer::default(); MAX_LISTED_PEERS + 1];
    let leave = |count| {
        let successors = Peers::Table(&peers[..count]);
        Message::Leave { predecessor: None, successors }
    };
    assert!(fits(leave(MAX_LISTED_PEERS)) && !fits(leave(MAX_LISTED_PEERS + 1)));
    let lookup = |budget| {
        let lookup = Lookup {
            lookup: request,
            purpose: Purpose::User,
            key,
            origin: Peer::default(),
            budget,
            hops: 0,
            timeouts: 0,
            stage: Stage::Route,
            left_ms: 1,
        };
        Message::Lookup { request, lookup }
    };
    assert!(fits(lookup(1)) && fits(lookup(MAX_HOP_BUDGET)));
    assert!(!fits(lookup(0)) && !fits(lookup(MAX_HOP_BUDGET + 1)));

    let codec = Framed::<Ring>::default();
    assert_eq!(codec.write_header(&mut [0; BUNDLE_HEADER_BYTES - 1]), None);
    let nameless = Envelope { to_prefix: None, ..ENVELOPE };
    assert_eq!(codec.write(&nameless, &Message::Notify, &mut [0; ROOM]), None);
}

#[test]
fn limits_of_item_messages_are_exact() {
    use flood::Message;
    let (search, origin) = (RequestId(0), Peer::default());
    let text = Text::new(&[b'n'; MAX_TEXT]).expect("it is just short enough");
    let query = Query { how: Match::Substring, text };
    let (of_search, meet) = (
        |ttl| Message::Search { search, query, ttl, hops: 0 },
        |ttl| Message::Seek { origin, ttl },
    );
    let walk = |ttl| {
        let walk = Walk { query, origin, ttl, hops: 0 };
        Message::Walk { search, walk, stage: WalkStage::Step }
    };
    let fits = |message| datagram_of::<Flood>(message).is_some();
    for message in [of_search(1), of_search(MAX_TTL), meet(1), meet(MAX_TTL), walk(1)] {
        assert!(fits(message), "{message:?}");
    }
    for message in [of_search(0), of_search(MAX_TTL + 1), meet(0), meet(MAX_TTL + 1), walk(0)] {
        assert!(!fits(message), "{message:?}");
    }
    assert!(fits(walk(MAX_WALK)) && !fits(walk(MAX_WALK + 1)));

    let hit = Hit { holder: origin, name: text };
    let copy = |word, copies| MessageWith::Copy { hit, word, copies, lifetime_ms: u32::MAX };
    let fits = |message| datagram_of::<Directory<Ring>>(message).is_some();
    for word in [None, Some(0)] {
        assert!(fits(copy(word, 0)) && fits(copy(word, MAX_COPIES)));
        assert!(!fits(copy(word, MAX_COPIES + 1)));
    }
    assert!(!fits(copy(Some(1), 0)), "the name has one word");
    let (request, cookie) = (search, Cookie(1));
    let publish = |word| {
        let message = items::Message::PublishWord { request, cookie, word, name: text };
        datagram_of::<Items>(message).is_some()
    };
    assert!(publish(0) && !publish(1) && !publish(u8::MAX));

    let bytes = [0; MAX_PAYLOAD + 1];
    let item = |length| items::Message::Item { request: search, payload: &bytes[..length] };
    let fits = |message| datagram_of::<Items>(message).is_some();
    assert!(fits(item(MAX_PAYLOAD)) && !fits(item(MAX_PAYLOAD + 1)));
}

#[test]
fn limits_of_a_stores_messages_are_exact() {
    use store::message::{Answer, CopyOf, Difference, Question};
    use store::{Change, Condition, Lifetime, MAX_VALUE, MessageWith, Name, Version, Write};
    let fits = |message| datagram_of::<Stored<Ring>>(message).is_some();
    let (request, cookie, bytes) = (RequestId(0), Cookie(1), [0; MAX_VALUE + 1]);
    let name = Name::value(Id::ZERO);
    let ask = |change, length: usize| {
        let (condition, lifetime) = (Condition::Always, Lifetime::Default);
        let question = Question::Write(Write { name, change, condition, lifetime, tag: 0 });
        MessageWith::Ask { request, cookie, age_ms: 0, question, value: &bytes[..length] }
    };
    assert!(fits(ask(Change::Put, MAX_VALUE)) && !fits(ask(Change::Put, MAX_VALUE + 1)));
    for change in [Change::Delete, Change::Add(1), Change::Touch] {
        assert!(fits(ask(change, 0)) && !fits(ask(change, 1)), "{change:?}");
    }
    let (version, previous) = (Version { number: 1, writer: 2 }, Version::NONE);
    let copy = |deleted, length: usize| {
        let item = CopyOf { name, version, previous, expires_us: 1, tag: 0, deleted };
        MessageWith::Copy { request, cookie, item, value: &bytes[..length] }
    };
    assert!(fits(copy(false, MAX_VALUE)) && !fits(copy(false, MAX_VALUE + 1)));
    assert!(fits(copy(true, 0)) && !fits(copy(true, 1)));
    let answer =
        |answer, length: usize| MessageWith::Answer { request, answer, value: &bytes[..length] };
    let found = Answer::Found { version, remaining_ms: 1, tag: 0 };
    assert!(fits(answer(found, MAX_VALUE)) && !fits(answer(found, MAX_VALUE + 1)));
    let listed = Answer::Listed { count: 200 };
    assert!(fits(answer(listed, 800)) && !fits(answer(listed, 801)) && !fits(answer(listed, 808)));
    assert!(fits(answer(Answer::NotHere, 0)) && !fits(answer(Answer::NotHere, 1)));
    let compared = |length: usize| {
        let (difference, sums) = (Difference::Items, &bytes[..length]);
        MessageWith::Compared { request, difference, sums }
    };
    assert!(fits(compared(512)) && !fits(compared(513)));
    let fetched =
        |held, length: usize| MessageWith::Fetched { request, held, value: &bytes[..length] };
    assert!(fits(fetched(true, MAX_VALUE)) && !fits(fetched(true, MAX_VALUE + 1)));
    assert!(fits(fetched(false, 0)) && !fits(fetched(false, 1)));
}

/// The version byte: which values are read, and by which programs.
#[test]
fn a_datagram_says_in_which_version_it_is_written_and_what_its_sender_reads() {
    let old = Framed::<Ring>::up_to(OLDEST_VERSION).expect("it can be written");
    let new = Framed::<Ring>::default();
    assert!(Framed::<Ring>::up_to(OLDEST_VERSION - 1).is_none());
    assert!(Framed::<Ring>::up_to(VERSION + 1).is_none());
    assert_eq!((old.version(), new.version(), new.newest()), (OLDEST_VERSION, VERSION, VERSION));
    assert_eq!(header_in(3), [MAGIC, 3]);
    assert_eq!(header_in(4), [MAGIC, 0x44]);
    assert_eq!(new.in_version(9).version(), VERSION);
    assert_eq!(new.in_version(0).version(), OLDEST_VERSION);
    assert_eq!(old.in_version(VERSION).version(), OLDEST_VERSION);
    for byte in 0..=255_u8 {
        let datagram = [MAGIC, byte, 0];
        let is_read = |codec: Framed<Ring>| codec.read_header(&datagram).is_ok();
        assert_eq!(is_read(old), byte == 3, "{byte}");
        // A later program may read newer versions, and write in this one.
        assert_eq!(is_read(new), byte == 3 || byte & 15 == 4 && byte >> 4 >= 4, "{byte}");
    }
    let message = ring::Message::Ping { request: RequestId(7) };
    for (codec, readers) in
        [(old, &[old, new][..]), (new, &[new]), (new.in_version(3), &[old, new])]
    {
        let mut room = [0; 100];
        let length = codec.write_datagram(&ENVELOPE, &message, &mut room).expect("it fits");
        for reader in [old, new] {
            let read = reader.parse(&room[..length]).map(|mut it| it.next());
            if readers.iter().any(|it| it.newest() == reader.newest()) {
                assert_eq!(read, Ok(Some((ENVELOPE, message))));
            } else {
                assert_eq!(read, Err(WireError::BadVersion));
            }
        }
    }
}

#[test]
fn probes_are_read_by_programs_that_read_their_version_and_are_no_messages() {
    let old = Framed::<Ring>::up_to(OLDEST_VERSION).expect("it can be written");
    let new = Framed::<Ring>::default();
    for is_answer in [false, true] {
        let probe = Probe { is_answer, newest: VERSION, number: 0x0123_4567_89ab_cdef };
        let mut room = [0; 64];
        // Whatever it writes to others in.
        let length = new.in_version(3).write_probe(&probe, &mut room).expect("it fits");
        let datagram = &room[..length];
        assert_eq!(new.read_probe(datagram), Some(probe));
        assert_eq!(old.read_probe(datagram), None);
        assert_eq!(old.parse(datagram).map(|_| ()), Err(WireError::BadVersion));
        assert_eq!(new.parse(datagram).map(|_| ()), Err(WireError::Truncated));
        for length in 0..length {
            assert_eq!(new.read_probe(&datagram[..length]), None);
        }
        for (at, value) in [(0, 0), (1, 3), (1, 4), (2, 0), (3, 2)] {
            let mut changed = datagram.to_vec();
            changed[at] = value;
            assert_eq!(new.read_probe(&changed), None, "{at}");
        }
    }
}

/// Each kind of malformed datagram has its own reason.
#[test]
fn each_error_has_its_own_reason() {
    let of = |message| datagram_of::<Ring>(message).expect("it is valid");
    let refused =
        |datagram: &[u8]| Framed::<Ring>::default().parse(datagram).map(|_| ()).unwrap_err();
    let good = of(ring::Message::Ping { request: RequestId(7) });
    let changed = |at: usize, value: u8| {
        let mut datagram = good.clone();
        datagram[at] = value;
        refused(&datagram)
    };
    assert_eq!(changed(0, MAGIC + 1), WireError::BadMagic);
    assert_eq!(changed(1, VERSION), WireError::BadVersion, "the newest is missing");
    assert_eq!(changed(BUNDLE_HEADER_BYTES, 0), WireError::BadKind);
    assert_eq!(changed(BUNDLE_HEADER_BYTES, Ring::KINDS + 1), WireError::BadKind);
    assert_eq!(changed(BUNDLE_HEADER_BYTES, 8), WireError::BadLength);
    assert_eq!(changed(BUNDLE_HEADER_BYTES + 2, 9), WireError::Truncated);
    assert_eq!(refused(&[]), WireError::Truncated);
    assert_eq!(refused(&good[..BUNDLE_HEADER_BYTES]), WireError::Empty);
    assert_eq!(refused(&good[..good.len() - 1]), WireError::Truncated);

    let mut ack = of(ring::Message::Ack { request: RequestId(7), purpose: Purpose::User });
    *ack.last_mut().unwrap() = 5;
    assert_eq!(refused(&ack), WireError::BadValue);
    let (request, cookie, name) = (RequestId(7), Cookie(1), Text::new(b"n").unwrap());
    let fetch = items::Message::Fetch { request, cookie, name };
    let mut fetch = datagram_of::<Items>(fetch).expect("it is valid");
    *fetch.last_mut().unwrap() = 0xFF; // Not UTF-8.
    let refused = Framed::<Items>::default().parse(&fetch).map(|_| ()).unwrap_err();
    assert_eq!(refused, WireError::BadValue);
    assert_eq!(good.len(), BUNDLE_HEADER_BYTES + FRAME_HEADER_BYTES + 8);
}

#[test]
fn the_longest_successor_list_just_fits_its_datagram() {
    for bytes in [576, 1472, 9000] {
        let most = max_successors(bytes);
        let fits = |count: usize| {
            let peers = vec![Peer::default(); count];
            let message = ring::Message::NeighborsReply {
                request: RequestId(1),
                purpose: Purpose::Stabilize,
                predecessor: Some(Peer::default()),
                successors: Peers::Table(&peers),
            };
            let room = &mut vec![0; bytes - BUNDLE_HEADER_BYTES];
            Framed::<Ring>::default().write(&ENVELOPE, &message, room).is_some()
        };
        assert!(fits(most) && !fits(most + 1), "{bytes} bytes, {most} successors");
    }
}
