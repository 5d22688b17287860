//! Messages over loopback UDP between two reactors, beside the machine's cost of plain packets with
//! `sendto` and `recvfrom` on one thread.
//!
//! **Invariant:** every packet sent is received before the clock stops. A lost packet or a failed
//! lookup fails the bench.

use criterion::{BenchmarkId, Criterion, Throughput};
use hopwise_benches::measure;
use hopwise_benches::reactors::Exchange;
use hopwise_harness::stress::packets::PacketPair;
use hopwise_kernel::reactor::Layout;

/// Fewest messages between reactors per measurement. The bundles of the first ones are not yet
/// full.
const MIN_MESSAGES: u64 = 1 << 18;
/// As in the scenario `saturate`.
const PER_CORE: Exchange = Exchange { layout: Layout::PerCore, nodes: 2048, in_flight: 1024 };
/// Limited by the default number of sockets per process.
const PER_NODE: Exchange = Exchange { layout: Layout::PerNode, nodes: 256, in_flight: 256 };

fn main() {
    measure::run(udp);
}

/// Packets per second of one thread, and messages per second received by both reactors together.
fn udp(criterion: &mut Criterion) {
    let pair = PacketPair::open().expect("a free port on loopback");
    let exchange =
        |packets, burst| pair.exchange(packets, burst).expect("loopback loses no packet");
    exchange(64, 64);
    let mut group = criterion.benchmark_group("udp");
    group.throughput(Throughput::Elements(1));
    for burst in [1, 64] {
        group.bench_function(BenchmarkId::new("plain_packet_in_bursts_of", burst), |bencher| {
            bencher.iter_custom(|packets| {
                measure::time_units(packets, |asked| exchange(asked, burst))
            });
        });
    }
    for (sockets, between) in [("per-core", PER_CORE), ("per-node", PER_NODE)] {
        group.bench_function(BenchmarkId::new("message_between_reactors", sockets), |bencher| {
            bencher.iter_custom(|messages| {
                measure::scale(messages, |asked| {
                    let run = between.run(asked.max(MIN_MESSAGES));
                    run.unwrap_or_else(|error| panic!("{error}"))
                })
            });
        });
    }
    group.finish();
}
