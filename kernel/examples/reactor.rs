//! A thousand ring nodes on one reactor, over loopback UDP, and lookups from code.
//!
//! Exits with status 0 if every lookup names the owner of its key.

use std::error::Error;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::process::ExitCode;
use std::time::Duration;

use hopwise_kernel::reactor::{Application, Clock, Layout, Shard, Sockets, Turn};
use hopwise_kernel::ring::{Event, RingCodec, RingConfig, RingNode};
use hopwise_kernel::{Id, Peer, Rng, Time};

const NODES: u32 = 1000;
const LOOKUPS: u64 = 1000;
/// Requests in flight for which there is room.
const REQUESTS: usize = 1 << 14;
const DATAGRAM_BYTES: usize = 1472;
/// Between two lookups.
const PERIOD: Duration = Duration::from_millis(1);

type RingShard = Shard<RingNode, RingCodec>;

fn main() -> Result<ExitCode, Box<dyn Error>> {
    // All nodes share one socket.
    let any_port = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0);
    let sockets = Sockets::bind(Layout::PerCore, any_port, NODES as usize)?;
    let (clock, rng) = (Clock::start(), Rng::new(std::process::id().into(), 0));
    let mut shard: RingShard =
        Shard::new(sockets, NODES as usize, REQUESTS, DATAGRAM_BYTES, clock, rng)?;

    let peers: Vec<Peer> = (0..NODES)
        .map(|place| Peer { id: Id::random(shard.rng()), address: shard.address_of(place) })
        .collect();
    let mut ring = peers.clone();
    ring.sort_by_key(|peer| peer.id);
    for (place, me) in (0..).zip(peers) {
        let node = RingNode::new(me, RingConfig::default(), shard.rng());
        shard.insert(place, node);
        shard.with(place, |node, cx| node.start_linked(cx, &ring));
    }

    let mut load = Load { ring, next: shard.now(), ..Load::default() };
    shard.run(&mut load)?;

    let Load { correct, hops, begun, .. } = load;
    let mean = hops as f64 / begun as f64;
    println!("{correct} of {begun} lookups named the owner, after {mean:.2} hops on average");
    println!("{} messages in {} datagrams", shard.counters().received, shard.counters().datagrams);
    Ok(if correct == LOOKUPS { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Begins a lookup every [`PERIOD`] and judges the answers.
#[derive(Default)]
struct Load {
    ring: Vec<Peer>,
    next: Time,
    begun: u64,
    ended: u64,
    correct: u64,
    hops: u64,
}

impl Application<RingNode, RingCodec> for Load {
    fn on_event(&mut self, _now: Time, _node: u32, event: Event, _payload: &[u8]) {
        match event {
            Event::LookupDone(done) => {
                let owner = self.ring.partition_point(|peer| peer.id < done.key) % self.ring.len();
                self.ended += 1;
                self.correct += u64::from(done.owner == self.ring[owner]);
                self.hops += u64::from(done.hops);
            }
            Event::LookupFailed { .. } => self.ended += 1,
            _ => {}
        }
    }

    fn turn(&mut self, shard: &mut RingShard) -> Turn {
        let now = shard.now();
        if self.begun < LOOKUPS && now >= self.next {
            let place = shard.rng().below(NODES.into()) as u32;
            let (key, token) = (Id::random(shard.rng()), self.begun);
            self.ended +=
                u64::from(shard.with(place, |node, cx| node.lookup(cx, key, token)) != Some(true));
            self.begun += 1;
            self.next = now + PERIOD;
        }
        // Every lookup ends by its deadline.
        if self.ended == LOOKUPS { Turn::Stop } else { Turn::Until(now + PERIOD) }
    }
}
