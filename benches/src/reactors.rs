//! Two reactors, each on its own core, that route lookups over one ring as fast as they can.
//!
//! The members of the ring are divided evenly, so about half of all messages go to the other
//! reactor. The others also go through a socket.
//!
//! **Invariant:** every lookup that ends has its answer.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::Barrier;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use crossbeam_utils::CachePadded;
use hopwise_kernel::reactor::{
    Application, BindError, Clock, Layout, Shard, Sockets, Turn, available_cores, pin_to,
};
use hopwise_kernel::ring::fingers::Shape;
use hopwise_kernel::ring::{Event, RingCodec, RingConfig, RingNode};
use hopwise_kernel::{Id, Peer, Rng, Time};

use crate::frames::DATAGRAM_BYTES;
use crate::ring::SUCCESSORS;

/// Number of reactors.
pub const REACTORS: usize = 2;
/// Capacity of each reactor for requests in flight.
const REQUESTS: usize = 1 << 14;
/// An idle reactor wakes at this interval.
const LOOK: Duration = Duration::from_millis(1);

/// A ring on two reactors, and its load.
#[derive(Clone, Copy, Debug)]
pub struct Exchange {
    /// How nodes share sockets.
    pub layout: Layout,
    /// Number of nodes on each reactor.
    pub nodes: usize,
    /// Constant number of lookups in flight at each reactor.
    pub in_flight: usize,
}

impl Exchange {
    /// Starts the ring and runs it until `messages` messages have been received. Returns the time
    /// since the first lookup and the total number of messages.
    ///
    /// # Errors
    ///
    /// If the sockets cannot be opened.
    ///
    /// # Panics
    ///
    /// If a lookup fails, or the system refuses a poll.
    pub fn run(&self, messages: u64) -> Result<(Duration, u64), BindError> {
        let count = match self.layout {
            Layout::PerCore => 1,
            Layout::PerNode => self.nodes,
        };
        Sockets::check_limit(self.layout, (count * REACTORS) as u64)?;
        let anywhere = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0);
        let bind = |_| Sockets::bind(self.layout, anywhere, self.nodes);
        let sockets = (0..REACTORS).map(bind).collect::<Result<Vec<_>, _>>()?;

        let mut rng = Rng::new(7, 0);
        let mut peers = |sockets: &Sockets| -> Vec<Peer> {
            let peer = |node| Peer { id: Id::random(&mut rng), address: sockets.address_of(node) };
            (0..self.nodes as u32).map(peer).collect()
        };
        let shares: Vec<Vec<Peer>> = sockets.iter().map(&mut peers).collect();
        let mut ring = shares.concat();
        ring.sort_unstable_by_key(|peer| peer.id);

        let common = Common {
            ring,
            clock: Clock::start(),
            ready: Barrier::new(REACTORS),
            goal: messages,
            received: Default::default(),
        };
        let common = &common;
        let spans: Vec<Span> = thread::scope(|scope| {
            let threads: Vec<_> = sockets
                .into_iter()
                .zip(&shares)
                .enumerate()
                .map(|(reactor, (sockets, share))| {
                    scope.spawn(move || self.drive(reactor, sockets, share, common))
                })
                .collect();
            threads.into_iter().map(|thread| thread.join().expect("a reactor runs")).collect()
        });
        Ok(Span::of_all(&spans))
    }

    /// Runs one reactor on its thread.
    fn drive(&self, reactor: usize, sockets: Sockets, share: &[Peer], common: &Common) -> Span {
        let cores = available_cores();
        if !pin_to(cores[reactor % cores.len()]) {
            eprintln!("reactor {reactor} may not be pinned to its core");
        }
        let shape = Shape::for_ring(1, common.ring.len(), SUCCESSORS);
        let config = RingConfig { shape, ..RingConfig::default() };
        let rng = Rng::new(7, 1 + reactor as u64);
        let mut shard =
            Shard::new(sockets, self.nodes, REQUESTS, DATAGRAM_BYTES, common.clock, rng)
                .expect("the system provides a poll");
        for (place, &peer) in (0..).zip(share) {
            let node = RingNode::new(peer, config, shard.rng());
            shard.insert(place, node);
            shard.with(place, |node, cx| node.start_linked(cx, &common.ring));
        }
        let mut load =
            Load { reactor, common, idle: self.in_flight, nodes: self.nodes, span: None };
        common.ready.wait();
        shard.run(&mut load).expect("polling works");
        load.span.expect("a reactor has at least one turn")
    }
}

/// State shared by the reactors.
struct Common {
    ring: Vec<Peer>,
    clock: Clock,
    ready: Barrier,
    /// Number of messages after which all reactors stop.
    goal: u64,
    /// Messages received so far by each reactor.
    received: [CachePadded<AtomicU64>; REACTORS],
}

/// When a reactor began, when it last read the counters, and the total of messages received then.
#[derive(Clone, Copy)]
struct Span {
    began: Time,
    looked: Time,
    received: u64,
}

impl Span {
    /// The time from the earliest start to the first reactor that saw the goal reached.
    fn of_all(spans: &[Span]) -> (Duration, u64) {
        let began = spans.iter().map(|span| span.began).min().unwrap_or(Time::ZERO);
        let ended = spans.iter().min_by_key(|span| span.looked);
        ended.map_or((Duration::ZERO, 0), |span| (span.looked.since(began), span.received))
    }
}

/// Starts a new lookup for each that ends.
struct Load<'a> {
    reactor: usize,
    common: &'a Common,
    /// Number of lookups to start.
    idle: usize,
    nodes: usize,
    span: Option<Span>,
}

impl Application<RingNode, RingCodec> for Load<'_> {
    fn on_event(&mut self, _now: Time, _node: u32, event: Event, _payload: &[u8]) {
        match event {
            Event::LookupDone(_) => self.idle += 1,
            other => panic!("only successful lookups are expected: {other:?}"),
        }
    }

    fn turn(&mut self, shard: &mut Shard<RingNode, RingCodec>) -> Turn {
        let now = shard.now();
        let all = &self.common.received;
        all[self.reactor].store(shard.counters().received, Ordering::Relaxed);
        let received = all.iter().map(|count| count.load(Ordering::Relaxed)).sum();
        let began = self.span.map_or(now, |span| span.began);
        self.span = Some(Span { began, looked: now, received });
        if received >= self.common.goal {
            return Turn::Stop;
        }
        for _ in 0..std::mem::take(&mut self.idle) {
            let node = shard.rng().below(self.nodes as u64) as u32;
            let key = Id::random(shard.rng());
            let begun = shard.with(node, |node, cx| node.lookup(cx, key, 0));
            assert_eq!(begun, Some(true), "there is room for all lookups");
        }
        Turn::Until(now + LOOK)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_until_the_goal_in_both_layouts() {
        for layout in [Layout::PerCore, Layout::PerNode] {
            let exchange = Exchange { layout, nodes: 24, in_flight: 4 };
            let (took, received) = exchange.run(1000).expect("a few sockets are free");
            assert!(received >= 1000 && !took.is_zero(), "{received} in {took:?}");
        }
    }
}
