//! The floors of the machine: its minimum cost of memory accesses and packets. They show how fast
//! the machine was when a figure was measured.
//!
//! **Invariant:** no code of a node runs here, so that floors of different commits can be compared.

use std::hint::black_box;

use hopwise_harness::stress::packets::{BURST, PacketPair};
use hopwise_kernel::Rng;
use hopwise_kernel::ring::fingers::HotFinger;

use crate::lines;
use crate::measure::time;
use crate::statistics::Spread;

/// Size of the table to read from: larger than the last-level cache of any machine with a few
/// cores.
pub const TABLE_BYTES: usize = 256 << 20;
/// Number of batches. A floor is their median.
const BATCHES: usize = 5;
/// Dependent reads in a batch.
const READS: u64 = 1 << 19;
/// Packets in a batch.
const PACKETS: u64 = 20_000;
/// What the floor of packets needs.
const NO_LOSS: &str = "loopback loses no packet";

/// The table and sockets for measuring floors, prepared once.
pub struct Floors {
    table: Vec<HotFinger>,
    packets: PacketPair,
}

impl Floors {
    /// Fills the table and opens the sockets.
    #[must_use]
    pub fn prepare() -> Floors {
        let mut rng = Rng::new(12, 0);
        let entry = |_| HotFinger { prefix: rng.next_u64(), address: 1 };
        let table = (0..TABLE_BYTES / size_of::<HotFinger>()).map(entry).collect();
        let packets = PacketPair::open().expect("a free port on loopback");
        packets.exchange(BURST, BURST).expect(NO_LOSS);
        Floors { table, packets }
    }

    /// Measures the time of one read of a random cache line in nanoseconds. Each address depends on
    /// the previous read.
    #[must_use]
    pub fn random_line_ns(&self) -> f64 {
        let (mut at, mut step) = ([0], 0);
        median_of_batches(|| {
            let (took, ()) = time(|| lines::follow(&self.table, &mut at, &mut step, READS));
            black_box(&at);
            took.as_secs_f64() * 1e9 / READS as f64
        })
    }

    /// Measures the packets per second that one thread sends and receives over loopback.
    #[must_use]
    pub fn packets_per_s(&self) -> f64 {
        median_of_batches(|| {
            let (took, sent) = time(|| self.packets.exchange(PACKETS, BURST).expect(NO_LOSS));
            sent as f64 / took.as_secs_f64()
        })
    }
}

fn median_of_batches(mut batch: impl FnMut() -> f64) -> f64 {
    let batches: Vec<f64> = (0..BATCHES).map(|_| batch()).collect();
    Spread::of(&batches).map_or(0.0, |spread| spread.median)
}
