//! The driver for one node and the driver for tests, also with a custom wire format.
//!
//! **Invariant:** the custom format is text, and its messages contain no slots.

use std::time::Duration;

use hopwise_kernel::codec::{Envelope, WireError};
use hopwise_kernel::drive::host::MAX_DATAGRAMS;
use hopwise_kernel::drive::memory::DELAY;
use hopwise_kernel::drive::{Host, Memory};
use hopwise_kernel::node::{
    Arena, Class, DropReason, RequestHandle, RequestId, RequestKind, Requests, TimeoutPolicy,
};
use hopwise_kernel::ring::fingers::Shape;
use hopwise_kernel::ring::{Event as RingEvent, RingConfig, RingNode};
use hopwise_kernel::{Address, Codec, Context, Id, Node, Peer, Protocol, Rng, Time};

const ATTEMPTS: u8 = 3;
const WAIT: Duration = Duration::from_millis(100);

/// A protocol of nodes that answer each number with the next.
#[derive(Clone, Copy, Debug)]
struct Counting;

#[derive(Clone, Copy, PartialEq, Debug)]
enum Message {
    Ask { request: RequestId, number: u32 },
    Answer { request: RequestId, number: u32 },
}

#[derive(Clone, Copy, PartialEq, Debug)]
enum Event {
    Answered(u32),
    Silent(Peer),
}

#[derive(Clone, Copy, PartialEq, Debug)]
struct Asked(u32);

impl RequestKind for Asked {}

impl Protocol for Counting {
    type Message<'a> = Message;
    type Parked = Message;
    type Event = Event;
    type Requests = Requests<Asked>;

    const CLASSES: &'static [Class] = &[Class::lookup("ask"), Class::other("answer")];

    fn class(message: &Message) -> usize {
        usize::from(matches!(message, Message::Answer { .. }))
    }

    fn park(message: &Message, _arena: &mut Arena) -> Message {
        *message
    }

    fn recall(parked: &Message, _arena: &Arena) -> Message {
        *parked
    }
}

#[derive(Debug)]
struct Counter(Peer);

impl Counter {
    fn ask(&self, cx: &mut Context<'_, Counting>, peer: Peer, number: u32, retries: u8) {
        if let Some(request) = cx.request(peer, retries, Asked(number), WAIT) {
            cx.world.send(self.0, peer, &Message::Ask { request, number });
        }
    }
}

impl Node for Counter {
    type Protocol = Counting;

    fn peer(&self) -> Peer {
        self.0
    }

    fn handle_message(&mut self, cx: &mut Context<'_, Counting>, from: Peer, message: Message) {
        match message {
            Message::Ask { request, number } => {
                let number = number + 1;
                cx.world.send(self.0, from, &Message::Answer { request, number });
            }
            Message::Answer { request, number } => {
                if cx.match_reply(request, from, |asked| asked.0 + 1 == number).is_some() {
                    cx.world.report(cx.node, Event::Answered(number), &number.to_be_bytes());
                }
            }
        }
    }

    fn handle_timeout(&mut self, _cx: &mut Context<'_, Counting>) {}

    fn handle_request_timeout(&mut self, cx: &mut Context<'_, Counting>, handle: RequestHandle) {
        match cx.take_expired(handle) {
            Some(it) if it.retries + 1 < ATTEMPTS => {
                self.ask(cx, it.to, it.kind.0, it.retries + 1);
            }
            Some(it) => cx.report(Event::Silent(it.to)),
            None => {}
        }
    }
}

/// The text format `<id> ask|answer <request> <number>;`: one message per datagram, without a
/// header.
#[derive(Clone, Copy, Default, Debug)]
struct Text;

impl Text {
    fn text(from: Id, message: &Message) -> String {
        let (word, RequestId(request), number) = match *message {
            Message::Ask { request, number } => ("ask", request, number),
            Message::Answer { request, number } => ("answer", request, number),
        };
        format!("{:040x} {word} {request} {number};", Hex(from))
    }
}

struct Hex(Id);

impl std::fmt::LowerHex for Hex {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.to_bytes().iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl Codec for Text {
    type Protocol = Counting;

    const SHARES_SOCKETS: bool = false;
    const HEADER_BYTES: usize = 0;

    fn write_header(&self, _room: &mut [u8]) -> Option<usize> {
        Some(0)
    }

    fn write(&self, envelope: &Envelope, message: &Message, room: &mut [u8]) -> Option<usize> {
        let text = Text::text(envelope.from_id, message);
        room.get_mut(..text.len())?.copy_from_slice(text.as_bytes());
        Some(text.len())
    }

    fn length(&self, message: &Message) -> usize {
        Text::text(Id::ZERO, message).len()
    }

    fn read_header<'b>(&self, datagram: &'b [u8]) -> Result<(Text, &'b [u8]), WireError> {
        Ok((*self, datagram))
    }

    fn read(&self, rest: &mut &[u8]) -> Result<(Envelope, Message), WireError> {
        let text = str::from_utf8(rest).map_err(|_| WireError::BadValue)?;
        let text = text.strip_suffix(';').ok_or(WireError::Truncated)?;
        let fields: Vec<&str> = text.split(' ').collect();
        let &[id, word, request, number] = &fields[..] else { return Err(WireError::BadLength) };
        let byte = |at: usize| u8::from_str_radix(id.get(2 * at..2 * at + 2)?, 16).ok();
        let mut from = [0; 20];
        for (at, to) in from.iter_mut().enumerate() {
            *to = byte(at).ok_or(WireError::BadValue)?;
        }
        let request = RequestId(request.parse().map_err(|_| WireError::BadValue)?);
        let number = number.parse().map_err(|_| WireError::BadValue)?;
        let message = match word {
            "ask" => Message::Ask { request, number },
            "answer" => Message::Answer { request, number },
            _ => return Err(WireError::BadKind),
        };
        *rest = &[];
        let from_id = Id::from_bytes(from);
        Ok((Envelope { from_id, from_slot: 0, to_slot: 0, to_prefix: None }, message))
    }
}

/// Messages in this format name no receiver, so each node has its own address.
#[test]
fn a_custom_format_works_in_memory() {
    let mut memory = Memory::<Counter, Text>::new(3, 1);
    for node in 0..3 {
        memory.put(node, |me, _| Counter(me));
    }
    let peers = [0, 1, 2].map(|node| memory.peer(node));
    assert!(peers.iter().all(|peer| peer.address.slot == 0));
    assert!(peers[0].address != peers[1].address && peers[1].address != peers[2].address);
    memory.with(0, |node, cx| node.ask(cx, peers[1], 6, 0));
    memory.with(1, |node, cx| node.ask(cx, peers[2], 9, 0));
    let first = memory.in_flight().next().expect("it is in flight");
    assert_eq!((first.from, first.to), (peers[0].address, peers[1].address));
    assert!(first.bytes.ends_with(b" 6;"));
    memory.run_for(DELAY * 2);
    let reports: Vec<_> =
        memory.reports().map(|(node, event, payload)| (node, event, payload.to_vec())).collect();
    let answer = |node, number: u32| (node, Event::Answered(number), number.to_be_bytes().to_vec());
    assert_eq!(reports, [answer(0, 7), answer(1, 10)]);
    assert_eq!(memory.events().count(), 0, "all were removed");

    memory.remove(1);
    memory.with(0, |node, cx| node.ask(cx, peers[1], 6, 0));
    memory.run_for(WAIT * 5);
    assert!(memory.events().eq([(0, Event::Silent(peers[1]))]));
    assert_eq!(memory.dropped(DropReason::NoSuchNode), ATTEMPTS.into());
    assert_eq!((memory.sent("ask"), memory.sent("answer")), (2 + u64::from(ATTEMPTS), 2));

    memory.inject_bytes(peers[2].address, peers[0].address, b"no message");
    memory.run_for(DELAY);
    assert_eq!(memory.refused(WireError::Truncated), 1);
}

/// Messages are lost, arrive once, or arrive twice. No request is left behind.
#[test]
fn set_copies_loses_or_repeats_messages() {
    for (copies, ends, unmatched) in [(0, "silent", 0), (1, "answered", 0), (2, "answered", 3)] {
        let mut memory = Memory::<Counter, Text>::new(2, 1);
        (0..2).for_each(|node| memory.put(node, |me, _| Counter(me)));
        memory.set_copies(copies);
        let other = memory.peer(1);
        memory.with(0, |node, cx| node.ask(cx, other, 1, 0));
        assert_eq!(memory.requests_in_flight(), 1);
        memory.run_for(WAIT * 5);
        let events: Vec<_> = memory.events().map(|(_, event)| event).collect();
        let expected = if ends == "silent" { Event::Silent(other) } else { Event::Answered(2) };
        assert_eq!(events, [expected], "{copies} copies");
        assert_eq!(memory.dropped(DropReason::Unmatched), unmatched, "{copies} copies");
        assert_eq!(memory.requests_in_flight(), 0);
    }
}

/// Two hosts and the datagrams between them.
struct Pair {
    hosts: [Host<RingNode>; 2],
    now: Time,
}

impl Pair {
    fn linked() -> Pair {
        let address = |port| Address::new([127, 0, 0, 1], port, 0);
        let peers = [1, 2]
            .map(|number| Peer { id: Id::of_name(&[number]), address: address(u16::from(number)) });
        let mut ring = peers.to_vec();
        ring.sort_by_key(|peer| peer.id);
        let timeout = TimeoutPolicy::Fixed(Duration::from_millis(50));
        let config =
            RingConfig { shape: Shape::for_ring(1, 2, 4), timeout, ..RingConfig::default() };
        let hosts = peers.map(|me| {
            let mut rng = Rng::new(me.id.prefix(), 0);
            let mut host = Host::new(RingNode::new(me, config, &mut rng), rng);
            host.with(Time::ZERO, |node, cx| node.start_linked(cx, &ring));
            host
        });
        Pair { hosts, now: Time::ZERO }
    }

    /// Delivers all datagrams, or advances time to the next timer if there are none.
    fn step(&mut self) {
        let mut moved = 0;
        for from in 0..2 {
            let sender = self.hosts[from].node().peer().address;
            let sent: Vec<(Address, Vec<u8>)> =
                self.hosts[from].datagrams().map(|(to, bytes)| (to, bytes.to_vec())).collect();
            moved += sent.len();
            for (to, bytes) in sent {
                let receiver = self.hosts.iter_mut().find(|it| it.node().peer().address == to);
                receiver.expect("each knows only the other").receive(self.now, sender, &bytes);
            }
        }
        if moved == 0 {
            let next = self.hosts.iter().map(Host::next_expiry).min();
            self.now = next.map_or(self.now, |next| next.max(self.now));
        }
        self.hosts.iter_mut().for_each(|host| host.expire(self.now));
    }
}

#[test]
fn hosts_need_nothing_but_datagrams_and_time() {
    let mut pair = Pair::linked();
    let owner = pair.hosts[1].node().peer();
    let begun =
        pair.hosts[0].with(pair.now, |node, cx| node.send_to_key(cx, owner.id, b"hello", 7));
    assert!(begun);
    (0..10).for_each(|_| pair.step());
    let [one, other] = &mut pair.hosts;
    assert!(one.events().map(|(event, _)| event).eq([RingEvent::Sent { token: 7, owner }]));
    let from = one.node().peer();
    let received = RingEvent::Received { key: owner.id, from };
    assert_eq!(other.events().collect::<Vec<_>>(), [(received, &b"hello"[..])]);

    // Each keeps the other as its successor while both answer.
    while pair.now < Time::ZERO + Duration::from_secs(60) {
        pair.step();
    }
    let [one, other] = &mut pair.hosts;
    assert_eq!(one.node().successors(), [other.node().peer()]);
    assert!(one.counters().received > 30 && one.counters().datagrams > 30);
    assert_eq!(one.events().count() + other.events().count(), 0);
}

#[test]
fn a_host_refuses_messages_for_other_nodes() {
    let mut pair = Pair::linked();
    let stranger = Address::new([127, 0, 0, 9], 9, 0);
    let host = &mut pair.hosts[0];
    host.receive(Time::ZERO, stranger, b"nonsense");
    assert_eq!(host.counters().refused[WireError::BadMagic as usize], 1);
    let wrong = Peer { id: Id::ZERO, ..host.node().peer() };
    let sender = Peer { id: Id::MAX, address: stranger };
    let mut room = [0; 100];
    let ping = hopwise_kernel::ring::Message::Ping { request: RequestId(1) };
    let length = hopwise_kernel::ring::RingCodec::default()
        .write_datagram(&Envelope::new(sender, wrong), &ping, &mut room)
        .expect("there is room");
    host.receive(Time::ZERO, stranger, &room[..length]);
    assert_eq!(host.counters().dropped[DropReason::NoSuchNode.index()], 1);
    assert_eq!(host.datagrams().count(), 0);
}

/// A host queues no more than `MAX_DATAGRAMS` datagrams and counts the rest as unsent.
#[test]
fn a_host_bounds_its_queue_of_datagrams() {
    let mut rng = Rng::new(1, 0);
    let [me, peer] = [1, 2].map(|port| Peer {
        id: Id::random(&mut rng),
        address: Address::new([127, 0, 0, 1], port, 0),
    });
    let mut host = Host::<Counter, Text>::new(Counter(me), rng);
    for number in 0..3 {
        let ask = Message::Ask { request: RequestId(number), number: 1 };
        for _ in 0..MAX_DATAGRAMS {
            host.with(Time::ZERO, |node, cx| node.handle_message(cx, peer, ask));
        }
    }
    assert_eq!(host.counters().unsent, 2 * MAX_DATAGRAMS as u64);
    assert_eq!(host.datagrams().count(), MAX_DATAGRAMS);
    assert_eq!(host.datagrams().count(), 0, "all were removed");
}
