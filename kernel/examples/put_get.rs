//! Ninety nodes over loopback UDP that store a value with eight replicas, lose a third of themselves,
//! and read it.
//!
//! Exits with status 0 if the value comes back.

use std::error::Error;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use hopwise_kernel::reactor::{Application, Clock, Layout, Shard, Sockets, Turn};
use hopwise_kernel::ring::{Event as RingEvent, Ring, RingConfig, RingNode};
use hopwise_kernel::store::{Change, Condition, Event, Lifetime, Name, StoreCodec, StoreConfig};
use hopwise_kernel::store::{StoreNode, Write, WriteOutcome};
use hopwise_kernel::{Id, Peer, Rng, Time};

const NODES: u32 = 90;
const VALUE: &[u8] = b"hello, world";

type Node = StoreNode<RingNode>;
type StoreShard = Shard<Node, StoreCodec<Ring>>;

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let any_port = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0);
    let sockets = Sockets::bind(Layout::PerCore, any_port, NODES as usize)?;
    let (clock, rng) = (Clock::start(), Rng::new(std::process::id().into(), 0));
    let mut shard: StoreShard = Shard::new(sockets, NODES as usize, 1 << 14, 1472, clock, rng)?;

    let peers: Vec<Peer> = (0..NODES)
        .map(|place| Peer { id: Id::random(shard.rng()), address: shard.address_of(place) })
        .collect();
    let mut ring = peers.clone();
    ring.sort_by_key(|peer| peer.id);
    let deadline = Duration::from_secs(30);
    let config = Arc::new(StoreConfig { replicas: 8, deadline, ..StoreConfig::default() });
    for (place, me) in (0..).zip(peers) {
        let router = RingNode::new(me, RingConfig::default(), shard.rng());
        let node = StoreNode::new(router, config.clone());
        shard.insert(place, node);
        shard.with(place, |node, cx| node.with_router(cx, |it, cx| it.start_linked(cx, &ring)));
    }

    let (name, change) = (Name::value(Id::of_name(b"greeting")), Change::Put);
    let (condition, lifetime) = (Condition::Always, Lifetime::Default);
    let put = Write { name, change, condition, lifetime, tag: 0 };
    shard.with(0, |node, cx| node.write(cx, &put, VALUE, 1));
    shard.run(&mut Wait::default())?;

    (1..=NODES / 3).for_each(|place| drop(shard.remove(place)));
    shard.with(NODES - 1, |node, cx| node.read(cx, name, 2));
    let mut wait = Wait::default();
    shard.run(&mut wait)?;
    println!(
        "{} of {NODES} nodes are left: {:?}",
        NODES - NODES / 3,
        String::from_utf8_lossy(&wait.value)
    );
    Ok(if wait.value == VALUE { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Waits for the end of an operation, and keeps the value that was read.
#[derive(Default)]
struct Wait {
    is_over: bool,
    value: Vec<u8>,
}

impl Application<Node, StoreCodec<Ring>> for Wait {
    fn on_event(&mut self, _now: Time, _node: u32, event: Event<RingEvent>, payload: &[u8]) {
        match event {
            Event::Wrote(end) => self.is_over = matches!(end.outcome, WriteOutcome::Done { .. }),
            Event::Read(_) => (self.is_over, self.value) = (true, payload.to_vec()),
            _ => {}
        }
    }

    fn turn(&mut self, shard: &mut StoreShard) -> Turn {
        if self.is_over { Turn::Stop } else { Turn::Until(shard.now() + Duration::from_millis(10)) }
    }
}
