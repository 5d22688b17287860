//! What one ring node does with a message: its tables, its requests in flight, and what it says in
//! reply; neither bytes nor timers.
//!
//! **Invariant:** messages are ready before the clock starts, and none of them is dropped.

use std::hint::black_box;
use std::time::Duration;

use criterion::{Criterion, Throughput};
use hopwise_benches::measure;
use hopwise_benches::node::SettledNode;
use hopwise_kernel::ring::Message;
use hopwise_kernel::{Peer, Rng};

/// Lookups forwarded before the first is acknowledged.
const LOOKUPS: usize = 4096;

fn main() {
    measure::run(node);
}

/// One message, in nanoseconds.
fn node(criterion: &mut Criterion) {
    let mut node = SettledNode::new(Rng::new(6, 0));
    let lookups = node.lookups(LOOKUPS);
    let request = node.stabilize_request();
    let mut group = criterion.benchmark_group("node");
    group.throughput(Throughput::Elements(1));

    for (index, message) in ["forwarded_lookup", "ack"].into_iter().enumerate() {
        group.bench_function(message, |bencher| {
            bencher.iter_custom(|messages| {
                measure::time_rounds(messages, LOOKUPS as u64, || {
                    forward_and_acknowledge(&mut node, &lookups)[index]
                })
            });
        });
    }
    group.bench_function("stabilize_request", |bencher| {
        bencher.iter_custom(|messages| {
            measure::time_units(messages, |asked| {
                let sent = node.sent();
                (0..asked).for_each(|_| handle(&mut node, &request));
                node.sent() - sent
            })
        });
    });
    group.finish();
}

/// Has all lookups forwarded, then acknowledged; how long each took.
fn forward_and_acknowledge(
    node: &mut SettledNode,
    lookups: &[(Peer, Message<'_>)],
) -> [Duration; 2] {
    let (forwarding, ()) = measure::time(|| lookups.iter().for_each(|lookup| handle(node, lookup)));
    assert_eq!(node.in_flight(), lookups.len(), "each was forwarded");
    let acks: Vec<_> = node.acks().collect();
    let (acknowledging, ()) = measure::time(|| acks.iter().for_each(|ack| handle(node, ack)));
    assert_eq!(node.in_flight(), 0, "each was acknowledged");
    [forwarding, acknowledging]
}

fn handle(node: &mut SettledNode, message: &(Peer, Message<'_>)) {
    let &(from, message) = black_box(message);
    node.handle(from, message);
}
