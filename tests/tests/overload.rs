//! Live reactors under a flood of hostile datagrams. This is a separate binary so that no other
//! test runs at the same time and takes CPU time from it.
//!
//! **Invariant:** the flood is never faster than the reactors read: each burst ends with pings, and
//! the next burst waits for their pongs. So no datagram is lost to a full socket buffer.

use std::net::{Ipv4Addr, SocketAddrV4, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use hopwise_kernel::codec::{Envelope, WireError};
use hopwise_kernel::drive::Counters;
use hopwise_kernel::node::{DropReason, RequestId};
use hopwise_kernel::reactor::{Application, Clock, Layout, Shard, Sockets, Turn};
use hopwise_kernel::ring::fingers::Shape;
use hopwise_kernel::ring::{Event, Message, Ring, RingCodec, RingConfig, RingNode};
use hopwise_kernel::{Address, Codec, Id, Peer, Rng, Time};
use hopwise_tests::forge::{Forge, Script, named_addresses};
use hopwise_tests::ring::{Tables, owner_in};

const SHARDS: usize = 2;
const NODES_PER_SHARD: u32 = 128;
const SUCCESSORS: u8 = 8;
const DATAGRAM_BYTES: usize = 1472;
const REQUESTS: usize = 16_384;
/// Total number of hostile datagrams.
const FLOOD: u64 = 1_000_000;
/// Most of them in flight at a time. A socket's buffer holds more.
const BURST: u64 = 128;
/// Random bytes that make up the script of a datagram.
const SCRIPT_BYTES: usize = 192;
/// Time between two lookups of a shard.
const PERIOD: Duration = Duration::from_millis(2);
/// A pong that takes longer is lost.
const PATIENCE: Duration = Duration::from_millis(250);
/// Fraction of the flood that the operating system may lose.
const LOST: f64 = 0.01;
/// Fraction of the answers that may be wrong if they say that a node before the owner is suspected. A busy
/// machine stops one shard while the other one goes on, and then its nodes seem to be dead.
const SUSPECTED: f64 = 0.05;

#[test]
fn a_million_hostile_datagrams_change_no_answer() {
    let local = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0);
    let sockets: Vec<Sockets> = (0..SHARDS)
        .map(|_| Sockets::bind(Layout::PerCore, local, NODES_PER_SHARD as usize).expect("a port"))
        .collect();
    let mut rng = Rng::new(1, 0);
    let mut ring: Vec<Peer> = sockets
        .iter()
        .flat_map(|sockets| (0..NODES_PER_SHARD).map(|node| sockets.address_of(node)))
        .map(|address| Peer { id: Id::random(&mut rng), address })
        .collect();
    ring.sort_by_key(|peer| peer.id);

    let (stop, clock) = (AtomicBool::new(false), Clock::start());
    let (sent, ends) = thread::scope(|scope| {
        let (ring, stop) = (&ring, &stop);
        let shards: Vec<_> = (1..)
            .zip(sockets)
            .map(|(stream, sockets)| {
                scope.spawn(move || run(sockets, ring, clock, Rng::new(1, stream), stop))
            })
            .collect();
        let stops = StopOnDrop(stop);
        let sent = flood(ring, &mut rng);
        drop(stops);
        let ends: Vec<_> = shards.into_iter().map(|it| it.join().expect("no panic")).collect();
        (sent, ends)
    });

    let mut counted = Counters::default();
    for (books, counters) in ends {
        assert!(books.issued > 100, "{books:?}: too few lookups");
        let Books { issued, correct, suspected, incorrect, failed } = books;
        assert_eq!((correct + suspected, incorrect, failed), (issued, 0, 0));
        assert!(suspected as f64 <= issued as f64 * SUSPECTED, "{books:?}");
        counted.merge(&counters);
    }
    // There is no key, and so no seal to forge or to repeat.
    let unsealed = |(at, _): &(usize, u64)| *at < WireError::Forged as usize;
    let of_each = |refused: [u64; WireError::ALL.len()]| {
        refused.into_iter().enumerate().filter(unsealed).map(|(_, count)| count)
    };
    let expected = of_each(sent.refused).chain([sent.oversized]);
    let names = WireError::ALL.iter().take(WireError::Forged as usize).map(|reason| reason.name());
    let names = names.chain(["oversized"]);
    let found = of_each(counted.refused).chain([counted.oversized]);
    for ((expected, found), name) in expected.zip(found).zip(names) {
        let least = (expected as f64 * (1.0 - LOST)) as u64;
        assert!(expected > 0, "{name}: the flood has some");
        assert!((least..=expected).contains(&found), "{name}: {found} counted of {expected}");
    }
    for reason in [
        DropReason::NoSuchNode,
        DropReason::FromSelf,
        DropReason::Unmatched,
        DropReason::UnknownPeer,
    ] {
        assert!(counted.dropped[reason.index()] > 0, "{reason:?}");
    }
}

/// Stops the shards on drop, so that a panic in the flood does not leave them running.
struct StopOnDrop<'a>(&'a AtomicBool);

impl std::ops::Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

type RingShard = Shard<RingNode, RingCodec>;

/// Drives one shard's nodes until it is stopped and all its lookups have ended.
fn run(
    sockets: Sockets,
    ring: &[Peer],
    clock: Clock,
    rng: Rng,
    stop: &AtomicBool,
) -> (Books, Counters) {
    let shape = Shape::for_ring(1, ring.len(), SUCCESSORS.into());
    let config = RingConfig { shape, successors: SUCCESSORS, ..RingConfig::default() };
    let capacity = NODES_PER_SHARD as usize;
    let mut shard: RingShard = Shard::new(sockets, capacity, REQUESTS, DATAGRAM_BYTES, clock, rng)
        .expect("the system provides a poll");
    for node in 0..NODES_PER_SHARD {
        let address = shard.address_of(node);
        let me = ring.iter().find(|peer| peer.address == address).expect("all are in the ring");
        let it = RingNode::new(*me, config, shard.rng());
        shard.insert(node, it);
        shard.with(node, |it, cx| it.start_linked(cx, ring));
    }
    let mut judge = Judge { ring, stop, next: shard.now(), books: Books::default() };
    shard.run(&mut judge).expect("polling works");
    for node in 0..NODES_PER_SHARD {
        let tables = Tables::of(shard.node(node).expect("no node is removed"));
        let mut fingers = tables.fingers.iter().map(|&(_, finger)| finger);
        let mut neighbors = tables.successors.iter().chain(&tables.predecessor);
        let is_like_a_member = |finger| ring.iter().any(|peer| peer.is_same_destination(finger));
        assert!(fingers.all(is_like_a_member), "{tables:?}");
        assert!(neighbors.all(|peer| ring.contains(peer)), "{tables:?}");
    }
    let received: u64 = (0..NODES_PER_SHARD).map(|node| shard.received(node)).sum();
    assert_eq!(received, shard.counters().received, "each message is counted at one node");
    (judge.books, *shard.counters())
}

/// Counts of one shard's lookups.
#[derive(Clone, Copy, Default, Debug)]
struct Books {
    issued: u64,
    correct: u64,
    /// Wrong, and said to be given under suspicion.
    suspected: u64,
    incorrect: u64,
    failed: u64,
}

impl Books {
    fn ended(&self) -> u64 {
        self.correct + self.suspected + self.incorrect + self.failed
    }
}

/// Issues lookups and checks the answers.
struct Judge<'a> {
    ring: &'a [Peer],
    stop: &'a AtomicBool,
    next: Time,
    books: Books,
}

impl Application<RingNode, RingCodec> for Judge<'_> {
    fn on_event(&mut self, _: Time, _: u32, event: Event, _: &[u8]) {
        match event {
            Event::LookupDone(done) if done.owner == owner_in(self.ring, done.key) => {
                self.books.correct += 1;
            }
            Event::LookupDone(done) if done.under_suspicion => self.books.suspected += 1,
            Event::LookupDone(_) => self.books.incorrect += 1,
            Event::LookupFailed { .. } => self.books.failed += 1,
            _ => {}
        }
    }

    fn turn(&mut self, shard: &mut RingShard) -> Turn {
        let now = shard.now();
        if self.stop.load(Ordering::Relaxed) {
            let ended = self.books.issued == self.books.ended();
            return if ended { Turn::Stop } else { Turn::Until(now + PERIOD) };
        }
        if now >= self.next {
            let key = Id::random(shard.rng());
            let node = shard.rng().below(NODES_PER_SHARD.into()) as u32;
            let begun = shard.with(node, |it, cx| it.lookup(cx, key, 0));
            assert_eq!(begun, Some(true), "there is room for the nodes' own lookups");
            self.books.issued += 1;
            self.next = now + PERIOD;
        }
        Turn::Until(self.next)
    }
}

/// Counts of hostile datagrams, by the expected result.
#[derive(Default)]
struct Sent {
    refused: [u64; WireError::ALL.len()],
    oversized: u64,
}

fn flood(ring: &[Peer], rng: &mut Rng) -> Sent {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    socket.set_read_timeout(Some(PATIENCE)).expect("a socket takes a timeout");
    let port = socket.local_addr().expect("a bound socket has an address").port();
    let stranger = Address::new(Ipv4Addr::LOCALHOST.octets(), port, 0);
    let mut targets: Vec<Peer> = ring.to_vec();
    targets.sort_by_key(|peer| peer.address);
    targets.dedup_by_key(|peer| peer.address.socket());
    assert_eq!(targets.len(), SHARDS);

    let forge = Forge { ring, stranger, genuine: &[] };
    let is_ours = |address: Address| {
        let socket = address.socket();
        socket == stranger || targets.iter().any(|target| target.address.socket() == socket)
    };
    let (mut sent, mut bytes, mut script) = (Sent::default(), Vec::new(), [0; SCRIPT_BYTES]);
    for count in 1..=FLOOD {
        loop {
            rng.fill(&mut script);
            forge.datagram::<Ring>(&mut Script::new(&script), &mut bytes);
            let parsed = RingCodec::default().parse(&bytes);
            match parsed {
                _ if bytes.len() > DATAGRAM_BYTES => sent.oversized += 1,
                Err(reason) => sent.refused[reason as usize] += 1,
                // Nodes must not send to addresses outside this test.
                Ok(mut messages) => {
                    if !messages.all(|(_, message)| named_addresses(&message).all(is_ours)) {
                        continue;
                    }
                }
            }
            break;
        }
        let target = targets[count as usize % SHARDS].address;
        socket.send_to(&bytes, endpoint(target)).expect("loopback takes it");
        if count % BURST == 0 || count == FLOOD {
            wait(&socket, stranger, &targets, RequestId(count));
        }
    }
    sent
}

/// Pings one node of each shard and waits for the pongs. Shards handle all earlier datagrams first.
fn wait(socket: &UdpSocket, stranger: Address, targets: &[Peer], request: RequestId) {
    let (codec, mut buffer) = (RingCodec::default(), [0; DATAGRAM_BYTES]);
    for &target in targets {
        let envelope = Envelope::new(Peer { id: Id::ZERO, address: stranger }, target);
        let ping = codec.write_datagram(&envelope, &Message::Ping { request }, &mut buffer);
        let length = ping.expect("there is room");
        socket.send_to(&buffer[..length], endpoint(target.address)).expect("loopback takes it");
    }
    let mut pongs = 0;
    while pongs < targets.len() {
        let Ok(length) = socket.recv(&mut buffer) else { return };
        let messages = codec.parse(&buffer[..length]).expect("nodes send valid datagrams");
        pongs += messages.filter(|&(_, it)| it == Message::Pong { request }).count();
    }
}

fn endpoint(address: Address) -> SocketAddrV4 {
    address.into()
}
