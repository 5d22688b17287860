//! Nodes of a reactor that are disturbed: their clocks run fast, or their timers wait.
//!
//! **Invariant:** over real sockets and in real time, so only what holds on any machine is asserted.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::Duration;

use hopwise_kernel::reactor::{Application, Clock, DisturbNodes, Layout, Shard, Sockets, Turn};
use hopwise_kernel::ring::{Event, RingCodec, RingConfig, RingNode};
use hopwise_kernel::{Id, Peer, Rng, Time};

const NODES: u32 = 8;
const LENGTH: Duration = Duration::from_millis(1500);

type RingShard = Shard<RingNode, RingCodec>;

/// Does nothing until `end`.
struct Idle {
    end: Time,
}

impl Application<RingNode, RingCodec> for Idle {
    fn on_event(&mut self, _now: Time, _node: u32, _event: Event, _payload: &[u8]) {}

    fn turn(&mut self, shard: &mut RingShard) -> Turn {
        if shard.now() >= self.end { Turn::Stop } else { Turn::Until(self.end) }
    }
}

/// Clocks that run so many times as fast, and timers that wait until this time.
#[derive(Clone, Copy)]
struct Odd {
    speed: u64,
    until: Time,
}

impl DisturbNodes for Odd {
    fn hold_timers(&mut self, _id: Id, now: Time) -> Option<Time> {
        (now < self.until).then_some(self.until)
    }

    fn clock(&mut self, _id: Id, now: Time) -> Time {
        Time::from_ns(now.as_ns() * self.speed)
    }

    fn when_clock_shows(&mut self, _id: Id, shown: Time, now: Time) -> Time {
        if shown == Time::NEVER {
            return shown;
        }
        Time::from_ns(shown.as_ns().div_ceil(self.speed)).max(now)
    }
}

/// The messages that a ring sends in [`LENGTH`] to maintain itself.
fn messages(odd: Option<Odd>) -> u64 {
    let any_port = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0);
    let sockets = Sockets::bind(Layout::PerCore, any_port, NODES as usize).expect("a free port");
    let (clock, rng) = (Clock::start(), Rng::new(1, 0));
    let mut shard: RingShard =
        Shard::new(sockets, NODES as usize, 1 << 10, 1472, clock, rng).expect("a poll");
    if let Some(odd) = odd {
        shard.disturb_nodes(odd);
    }
    let mut ring: Vec<Peer> = (0..NODES)
        .map(|place| Peer { id: Id::random(shard.rng()), address: shard.address_of(place) })
        .collect();
    for (place, me) in (0..).zip(ring.clone()) {
        let node = RingNode::new(me, RingConfig::default(), shard.rng());
        shard.insert(place, node);
    }
    ring.sort_by_key(|peer| peer.id);
    for place in 0..NODES {
        shard.with(place, |node, cx| node.start_linked(cx, &ring));
    }
    shard.run(&mut Idle { end: Time::ZERO + LENGTH }).expect("it polls");
    shard.counters().messages.iter().sum()
}

#[test]
fn the_timers_of_a_fast_clock_are_due_sooner() {
    let (usual, fast) = (messages(None), messages(Some(Odd { speed: 8, until: Time::ZERO })));
    assert!(usual > 0 && fast > 4 * usual, "{fast} and {usual} messages");
}

#[test]
fn held_timers_do_nothing_and_are_due_afterwards() {
    let held = |until| messages(Some(Odd { speed: 1, until: Time::ZERO + until }));
    assert_eq!(held(2 * LENGTH), 0);
    assert!(held(LENGTH / 3) > 0);
}
