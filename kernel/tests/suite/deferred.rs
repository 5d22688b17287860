//! A reactor whose datagrams have waited long handles the lookups of a heavy origin after those of the others.
//!
//! **Invariant:** all datagrams are in the socket's buffer before the reactor starts, so their order is known.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, UdpSocket};
use std::thread;
use std::time::Duration;

use hopwise_kernel::codec::Envelope;
use hopwise_kernel::drive::deferred::WAIT_LONG;
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
