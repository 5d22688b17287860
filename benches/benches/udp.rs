//! Messages over loopback UDP between two reactors, beside what the machine charges for plain
//! packets by `sendto` and `recvfrom` on one thread.
//!
//! **Invariant:** every packet sent is received before the clock stops; a lost one, or a lookup that
//! fails, fails the bench.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput};
use hopwise_benches::measure;
use hopwise_benches::reactors::Exchange;
use hopwise_kernel::reactor::Layout;

/// Payload of each plain packet, in bytes.
const PACKET_BYTES: usize = 64;
/// Longest wait for a packet; on loopback it is there once it has been sent.
const PATIENCE: Duration = Duration::from_secs(1);
/// Fewest messages between reactors timed at once: the first of them travel in bundles that are
/// not full yet.
const MIN_MESSAGES: u64 = 1 << 18;
/// As in the scenario `saturate`.
const PER_CORE: Exchange = Exchange { layout: Layout::PerCore, nodes: 2048, in_flight: 1024 };
/// No more sockets than a process may open by default.
const PER_NODE: Exchange = Exchange { layout: Layout::PerNode, nodes: 256, in_flight: 256 };

fn main() {
    measure::run(udp);
}

/// Packets per second of one thread, and messages per second received by both reactors together.
fn udp(criterion: &mut Criterion) {
    let (from, _) = socket();
    let (to, address) = socket();
    exchange(&from, &to, address, 64);
    let mut group = criterion.benchmark_group("udp");
    group.throughput(Throughput::Elements(1));
    for burst in [1, 64] {
        group.bench_function(BenchmarkId::new("plain_packet_in_bursts_of", burst), |bencher| {
            bencher.iter_custom(|packets| {
                measure::time_units(packets, |asked| {
                    let bursts = asked.div_ceil(burst);
                    (0..bursts).for_each(|_| exchange(&from, &to, address, burst));
                    bursts * burst
                })
            });
        });
    }
    for (sockets, exchange) in [("per-core", PER_CORE), ("per-node", PER_NODE)] {
        group.bench_function(BenchmarkId::new("message_between_reactors", sockets), |bencher| {
            bencher.iter_custom(|messages| {
                measure::scale(messages, |asked| {
                    let run = exchange.run(asked.max(MIN_MESSAGES));
                    run.unwrap_or_else(|error| panic!("{error}"))
                })
            });
        });
    }
    group.finish();
}

fn socket() -> (UdpSocket, SocketAddr) {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port on loopback");
    socket.set_read_timeout(Some(PATIENCE)).expect("a socket takes a timeout");
    let address = socket.local_addr().expect("a bound socket has an address");
    (socket, address)
}

/// Sends `burst` packets, then receives as many.
fn exchange(from: &UdpSocket, to: &UdpSocket, address: SocketAddr, burst: u64) {
    let mut packet = [0x5a; PACKET_BYTES];
    for _ in 0..burst {
        from.send_to(&packet, address).expect("loopback takes a packet");
    }
    for _ in 0..burst {
        let (length, _) = to.recv_from(&mut packet).expect("loopback loses no packet");
        assert_eq!(length, PACKET_BYTES, "a packet arrives whole");
    }
}
