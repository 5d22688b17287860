//! Positions of hosts on a plane, and the delays between them.
//!
//! Uses only operations that IEEE 754 defines to the last bit, so delays are the same on every
//! machine.
//!
//! **Invariant:** delays are symmetric, to the last bit.

use hopwise_kernel::Rng;
use hopwise_kernel::base::rng::mix;

/// The position of a host, in nanoseconds. Its height is the delay between the host and the plane
/// (Dabek et al., *Vivaldi: a decentralized network coordinate system*, SIGCOMM 2004).
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Host {
    pub(super) x: f64,
    pub(super) y: f64,
    pub(super) height: f64,
}

impl Host {
    /// The one-way delay to `other`: the distance in the plane plus both heights.
    #[inline]
    pub(super) fn delay_to_ns(&self, other: &Host) -> f64 {
        let (dx, dy) = (self.x - other.x, self.y - other.y);
        (dx * dx + dy * dy).sqrt() + (self.height + other.height)
    }
}

/// Random numbers of hosts, hashed from a seed and the number of the host.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scatter(u64);

impl Scatter {
    pub(super) fn new(seed: u64) -> Scatter {
        Scatter(mix(seed ^ SALT))
    }

    /// Four numbers in `[0, 1)` with 32 random bits each, always the same for the same host.
    #[inline]
    pub(super) fn of(self, host: u32) -> [f64; 4] {
        let mut rng = Rng::light(mix(self.0 ^ u64::from(host)));
        let (first, second) = (rng.next_u64(), rng.next_u64());
        [first >> 32, first, second >> 32, second].map(|bits| f64::from(bits as u32) * UNIT)
    }
}

/// Hosts placed uniformly in a square.
#[derive(Clone, Copy, Debug)]
pub(super) struct Square {
    scatter: Scatter,
    side_ns: f64,
    base_ns: u64,
}

impl Square {
    pub(super) fn new(side_ns: u64, base_ns: u64, seed: u64) -> Square {
        Square { scatter: Scatter::new(seed), side_ns: side_ns as f64, base_ns }
    }

    #[inline]
    pub(super) fn delay_ns(&self, from: u32, to: u32) -> u64 {
        let distance_ns = self.host(from).delay_to_ns(&self.host(to));
        self.base_ns.saturating_add(distance_ns as u64)
    }

    pub(super) fn least_ns(&self) -> u64 {
        self.base_ns
    }

    /// The delay from corner to corner.
    pub(super) fn greatest_ns(&self) -> u64 {
        let diagonal_ns = (2.0 * self.side_ns * self.side_ns).sqrt();
        self.base_ns.saturating_add(diagonal_ns.ceil() as u64)
    }

    #[inline]
    fn host(&self, host: u32) -> Host {
        let [x, y, ..] = self.scatter.of(host);
        Host { x: x * self.side_ns, y: y * self.side_ns, height: 0.0 }
    }
}

/// Separates these numbers from others drawn from the same seed.
const SALT: u64 = 0x706c_6163_6573;
const UNIT: f64 = 1.0 / (1u64 << 32) as f64;
