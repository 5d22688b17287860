//! The code paths of a message for which instructions are counted.
//!
//! **Invariant:** seeds are fixed and time is virtual, so that every run of a path takes the same
//! instructions.

use std::hint::black_box;

use hopwise_kernel::drive::TimerWheel;
use hopwise_kernel::ring::fingers::Shape;
use hopwise_kernel::ring::{Message, RingCodec};
use hopwise_kernel::{Codec, Id, Peer, Rng, Time};

use crate::frames::{self, DATAGRAM_BYTES, bundle_of};
use crate::node::SettledNode;
use crate::ring::{Ring, SUCCESSORS};
use crate::timers::{TIMERS, ahead, arm_all, expire_and_arm_again};

/// Number of operations in a run of a path.
pub const OPERATIONS: u32 = 4096;
/// A callgrind pattern for the function that runs the operations, without preparation.
pub const COUNTED_IN: &str = "*hopwise_benches*paths*counted*";

/// A code path.
#[derive(Clone, Copy, Debug)]
pub struct Path {
    /// Name of the operation.
    pub name: &'static str,
    prepare_and_go: fn(),
}

impl Path {
    /// All paths.
    pub const ALL: [Path; 6] = [
        Path { name: "next_hop_base_2", prepare_and_go: || next_hop(1) },
        Path { name: "next_hop_base_16", prepare_and_go: || next_hop(4) },
        Path { name: "encode_lookup", prepare_and_go: encode_lookup },
        Path { name: "parse_lookup", prepare_and_go: parse_lookup },
        Path { name: "forward_lookup_and_take_ack", prepare_and_go: forward_lookup },
        Path { name: "timer_expire_and_arm", prepare_and_go: expire_timer },
    ];

    /// Finds a path by its name.
    #[must_use]
    pub fn named(name: &str) -> Option<Path> {
        Path::ALL.into_iter().find(|path| path.name == name)
    }

    /// Prepares the inputs and runs the operation [`OPERATIONS`] times.
    pub fn run(self) {
        (self.prepare_and_go)();
    }
}

/// Runs `operation`. Instructions are counted only in this function.
#[inline(never)]
fn counted(operation: &mut dyn FnMut()) {
    operation();
}

fn next_hop(digit_bits: u32) {
    let mut rng = Rng::new(8, digit_bits.into());
    let nodes = 10_000;
    let table =
        Ring::random(nodes, &mut rng).table(0, Shape::for_ring(digit_bits, nodes, SUCCESSORS));
    let keys: Vec<Id> = (0..OPERATIONS).map(|_| Id::random(&mut rng)).collect();
    counted(&mut || {
        for &key in &keys {
            black_box(table.closest_preceding(black_box(key)));
        }
    });
}

fn encode_lookup() {
    let frame = frames::lookup(&mut Rng::new(9, 0));
    let (codec, mut buffer) = (RingCodec::default(), [0; DATAGRAM_BYTES]);
    counted(&mut || {
        for _ in 0..OPERATIONS {
            let (envelope, message) = black_box(&frame);
            black_box(codec.write(envelope, message, black_box(&mut buffer)));
        }
    });
}

fn parse_lookup() {
    let datagram = bundle_of(&frames::lookup(&mut Rng::new(9, 0)), 1);
    counted(&mut || {
        for _ in 0..OPERATIONS {
            if let Ok(frames) = RingCodec::default().parse(black_box(&datagram)) {
                frames.for_each(|frame| {
                    black_box(&frame);
                });
            }
        }
    });
}

fn forward_lookup() {
    let mut node = SettledNode::new(Rng::new(10, 0));
    let lookups = node.lookups(OPERATIONS as usize);
    go(&mut node, &lookups);
    let acks: Vec<_> = node.acks().collect();
    go(&mut node, &acks);
    assert_eq!(node.in_flight(), 0, "each was acknowledged");
}

fn go(node: &mut SettledNode, messages: &[(Peer, Message<'_>)]) {
    counted(&mut || {
        for &(from, message) in black_box(messages) {
            node.handle(from, message);
        }
    });
}

fn expire_timer() {
    let ahead = ahead(&mut Rng::new(11, 0));
    let (mut wheel, mut now) = (TimerWheel::new(TIMERS as usize), Time::ZERO);
    arm_all(&mut wheel, &ahead);
    counted(&mut || {
        for _ in 0..OPERATIONS {
            expire_and_arm_again(&mut wheel, &mut now, &ahead);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_path_runs_under_its_name() {
        for path in Path::ALL {
            Path::named(path.name).expect("it has that name").run();
        }
        assert!(Path::named("none").is_none());
    }
}
