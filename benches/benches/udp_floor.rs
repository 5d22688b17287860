//! What the machine charges for a UDP packet on loopback, by plain `sendto` and `recvfrom` on one
//! thread: the floor under any engine that does not batch.
//!
//! **Invariant:** every packet sent is received before the clock stops; a lost one fails the bench.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput};
use hopwise_benches::measure;

/// Payload of each packet, in bytes.
const PACKET_BYTES: usize = 64;
/// Longest wait for a packet; on loopback it is there once it has been sent.
const PATIENCE: Duration = Duration::from_secs(1);

fn main() {
    measure::run(udp_floor);
}

/// Packets per second, each sent once and received once, singly and in bursts.
fn udp_floor(criterion: &mut Criterion) {
    let (from, _) = socket();
    let (to, address) = socket();
    exchange(&from, &to, address, 64);
    let mut group = criterion.benchmark_group("udp_floor");
    group.throughput(Throughput::Elements(1));
    for burst in [1, 64] {
        group.bench_function(BenchmarkId::new("burst", burst), |bencher| {
            bencher.iter_custom(|packets| {
                measure::time_units(packets, |asked| {
                    let bursts = asked.div_ceil(burst);
                    (0..bursts).for_each(|_| exchange(&from, &to, address, burst));
                    bursts * burst
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
