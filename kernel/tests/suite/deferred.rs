//! Lookups of heavy origins that are deferred: in the queue alone, and in a reactor.
//!
//! **Invariant:** all datagrams are in the socket's buffer before the reactor starts, so their order is known.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, UdpSocket};
use std::thread;
use std::time::Duration;

use hopwise_kernel::codec::Envelope;
use hopwise_kernel::drive::deferred::{DEFERRED_MAX, Decision, Deferred, Taken, WAIT_LONG};
use hopwise_kernel::drive::queue_delay::WAIT_MAX;
use hopwise_kernel::node::{Context, RequestId};
use hopwise_kernel::reactor::{Application, Clock, Layout, Shard, Sockets, Turn};
use hopwise_kernel::ring::message::{Purpose, Stage};
use hopwise_kernel::ring::{Event, Message, Ring, RingCodec, RingConfig, RingNode};
use hopwise_kernel::{Address, Codec, Id, Peer, Rng, Time};

/// Origins that ask once each. Few messages, so that they fit into any socket's buffer.
const OTHERS: usize = 10;
/// The requests of the heavy origin before those of the others, and after them.
const HEAVY_BEFORE: usize = 60;
const HEAVY_AFTER: usize = 120;
const PATIENCE: Duration = Duration::from_secs(10);
const ATTEMPTS: usize = 50;

/// A node and its slot.
const NODE: (u32, Peer) = (7, Peer { id: Id::MAX, address: Address::new([10, 1, 1, 1], 1, 7) });

type RingShard = Shard<RingNode, RingCodec>;

/// Takes all requests in the place of the node, and notes their senders.
struct Notes {
    senders: Vec<Address>,
    end: Time,
}

impl Application<RingNode, RingCodec> for Notes {
    fn on_event(&mut self, _now: Time, _node: u32, _event: Event, _payload: &[u8]) {}

    fn intercept(
        &mut self,
        _node: &mut RingNode,
        _cx: &mut Context<'_, Ring>,
        from: Peer,
        message: &Message<'_>,
    ) -> bool {
        let is_request = matches!(message, Message::FindNext { .. });
        if is_request {
            self.senders.push(from.address);
        }
        is_request
    }

    fn turn(&mut self, shard: &mut RingShard) -> Turn {
        let is_over =
            self.senders.len() >= HEAVY_BEFORE + HEAVY_AFTER + 2 * OTHERS || shard.now() > self.end;
        if is_over { Turn::Stop } else { Turn::Until(shard.now() + Duration::from_millis(1)) }
    }
}

#[test]
fn a_reactor_handles_the_lookups_of_a_heavy_origin_last() {
    let any_port = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0);
    let sockets = Sockets::bind(Layout::PerCore, any_port, 1).expect("a free port");
    let (clock, rng) = (Clock::start(), Rng::new(1, 0));
    let mut shard: RingShard = Shard::new(sockets, 1, 1 << 10, 1472, clock, rng).expect("a poll");
    let me = Peer { id: Id::random(shard.rng()), address: shard.address_of(0) };
    let node = RingNode::new(me, RingConfig::default(), shard.rng());
    shard.insert(0, node);
    shard.with(0, |node, cx| node.start_linked(cx, &[me]));

    let heavy = UdpSocket::bind(any_port).expect("a port");
    let other = |number| UdpSocket::bind((Ipv4Addr::new(127, 0, 1, number), 0)).expect("a port");
    let others: Vec<_> = (1..=OTHERS as u8).map(other).collect();
    let all_others = || others.iter();
    let order = (0..HEAVY_BEFORE)
        .map(|_| &heavy)
        .chain(all_others())
        .chain((0..HEAVY_AFTER).map(|_| &heavy));
    let order: Vec<_> = order.chain(all_others()).collect();
    // Waits are zero until the operating system stamps datagrams, so several attempts are allowed.
    for attempt in 1.. {
        for (number, socket) in (0..).zip(&order) {
            ask(socket, me, number);
        }
        thread::sleep(WAIT_LONG * 4);
        let mut notes = Notes { senders: Vec::new(), end: shard.now() + PATIENCE };
        shard.run(&mut notes).expect("it polls");
        assert_eq!(notes.senders.len(), order.len(), "all are handled");
        let last = &notes.senders[order.len() - HEAVY_AFTER..];
        if last.iter().all(|&sender| sender == address_of(&heavy)) {
            break;
        }
        assert!(attempt < ATTEMPTS, "the heavy origin does not wait: {:?}", notes.senders);
    }
}

/// Sends a request from `socket` to `node`.
fn ask(socket: &UdpSocket, node: Peer, number: u64) {
    let sender = Peer { id: Id::ZERO, address: address_of(socket) };
    let (request, purpose, key) = (RequestId::first(number), Purpose::User, Id::ZERO);
    let message = Message::FindNext { request, purpose, key, limit: key, stage: Stage::Route };
    let mut bytes = [0; 1472];
    let length = RingCodec::default()
        .write_datagram(&Envelope::new(sender, node), &message, &mut bytes)
        .expect("there is room");
    let to: SocketAddrV4 = node.address.into();
    socket.send_to(&bytes[..length], to).expect("loopback takes it");
}

fn address_of(socket: &UdpSocket) -> Address {
    let SocketAddr::V4(bound) = socket.local_addr().expect("it is bound") else { panic!("IPv6") };
    Address::new(bound.ip().octets(), bound.port(), 0)
}

fn peer(number: u8) -> Peer {
    Peer { id: Id::ZERO, address: Address::new([10, 0, 0, number], 4000, 0) }
}

fn request(number: u64) -> Message<'static> {
    let (request, purpose, key) = (RequestId(number), Purpose::User, Id::ZERO);
    Message::FindNext { request, purpose, key, limit: key, stage: Stage::Route }
}

/// Offers a request of `from`.
fn offer(deferred: &mut Deferred<Ring>, from: u8, number: u64) -> Decision {
    deferred.offer(Time::ZERO, NODE, peer(from), &request(number))
}

/// Datagrams wait long, and peer 0 asks a hundred times more often than each of the peers 1 to 9.
fn with_heavy_peer() -> Deferred<Ring> {
    let mut deferred = Deferred::default();
    deferred.record_wait(WAIT_LONG * 2);
    for number in 0..9_000 {
        offer(&mut deferred, 0, number);
        offer_of_others(&mut deferred, number);
    }
    while deferred.take_next(Time::ZERO).is_some() {}
    deferred
}

/// After each twelfth request of peer 0 comes one of another peer.
fn offer_of_others(deferred: &mut Deferred<Ring>, number: u64) {
    if number.is_multiple_of(12) {
        let other = 1 + (number / 12 % 9) as u8;
        assert_eq!(offer(deferred, other, 0), Decision::Handle);
    }
}

fn number_of(taken: Taken<'_, Ring>) -> u64 {
    assert_eq!((taken.node, taken.to_prefix), (NODE.0, NODE.1.id.prefix()));
    assert_eq!(taken.from, peer(0));
    let Message::FindNext { request, .. } = taken.message else { panic!("another message") };
    request.0
}

#[test]
fn requests_of_a_heavy_origin_are_deferred_in_their_order() {
    let mut deferred = with_heavy_peer();
    for number in 0..3 {
        assert_eq!(offer(&mut deferred, 0, number), Decision::Defer);
        assert_eq!(offer(&mut deferred, 1, number), Decision::Handle);
    }
    assert_eq!(deferred.len(), 3);
    let reply = Message::Pong { request: RequestId(1) };
    assert_eq!(deferred.offer(Time::ZERO, NODE, peer(0), &reply), Decision::Handle);
    // Later requests do not overtake those that are deferred.
    deferred.record_wait(WAIT_LONG);
    assert_eq!(offer(&mut deferred, 0, 3), Decision::Defer);
    for number in 0..4 {
        let taken = deferred.take_next(Time::ZERO).expect("it is deferred");
        assert!(!taken.is_too_old);
        assert_eq!(number_of(taken), number);
    }
    assert!(deferred.is_empty() && deferred.take_next(Time::ZERO).is_none());
    assert_eq!(offer(&mut deferred, 0, 4), Decision::Handle, "datagrams do not wait long");
}

#[test]
fn what_has_no_place_is_dropped_and_places_are_used_again() {
    let mut deferred = with_heavy_peer();
    let half = DEFERRED_MAX as u64 / 2;
    for number in 0..half {
        assert_eq!(offer(&mut deferred, 0, number), Decision::Defer);
        offer_of_others(&mut deferred, number);
    }
    for round in 0..3 {
        assert_eq!(offer(&mut deferred, 0, 0), Decision::Drop);
        // One is taken, and the other half of the places can be used.
        assert_eq!(number_of(deferred.take_next(Time::ZERO).expect("one")), round * half);
        for number in 0..half {
            let decision = offer(&mut deferred, 0, (round + 1) * half + number);
            assert_eq!(decision, Decision::Defer);
            offer_of_others(&mut deferred, number);
        }
        for number in 1..half {
            let taken = deferred.take_next(Time::ZERO).expect("it is deferred");
            assert_eq!(number_of(taken), round * half + number);
        }
    }
}

#[test]
fn a_message_that_was_deferred_for_long_is_marked() {
    let mut deferred = with_heavy_peer();
    offer(&mut deferred, 0, 1);
    offer(&mut deferred, 0, 2);
    let end = Time::ZERO + WAIT_MAX;
    assert!(!deferred.take_next(end).expect("the first").is_too_old);
    let later = end + Duration::from_nanos(1);
    assert!(deferred.take_next(later).expect("the second").is_too_old);
}
