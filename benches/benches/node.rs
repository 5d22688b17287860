//! A ring node's handling of one message: tables, requests in flight and replies, without encoding
//! and timers.
//!
//! **Invariant:** messages are prepared before the clock starts, and none is dropped.

use std::hint::black_box;
use std::time::Duration;

use criterion::{Criterion, Throughput};
use hopwise_benches::measure;
use hopwise_benches::node::SettledNode;
use hopwise_kernel::ring::Message;
use hopwise_kernel::{Peer, Rng};

/// Number of lookups forwarded before the first is acknowledged.
const LOOKUPS: usize = 4096;

fn main() {
    measure::run(node);
}

/// Time to handle one message.
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

/// Forwards all lookups, then acknowledges them. Returns the times of both.
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
