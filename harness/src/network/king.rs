//! Delays between hosts of the Internet, from a formula that needs no data.
//!
//! Fitted to one-way delays between 1,740 DNS servers: half of the round trips that Gummadi, Saroiu
//! and Gribble's King method measured in 2004 (*King: estimating latency between arbitrary Internet
//! end hosts*, IMW 2002), embedded as a plane plus a height per host. Four regions lie on a line,
//! each dense at its centre; few hosts are far from all of them. Most heights are a few
//! milliseconds, some hundreds. Over pairs of many hosts, p5, p25, p50, p75 and p95 are within 3 %
//! of the measured 19.6, 43.7, 80.6, 119.8 and 203.3 ms; beyond p95 the formula is about a tenth
//! too low. For samples of one thousand hosts they were within 8 %.
//!
//! **Invariant:** the position of a host depends only on the seed and its number.

use super::hosts::{Host, Scatter};

/// The model.
#[derive(Clone, Copy, Debug)]
pub(super) struct King(Scatter);

impl King {
    pub(super) fn new(seed: u64) -> King {
        King(Scatter::new(seed))
    }

    /// The one-way delay between two hosts.
    #[inline]
    pub(super) fn delay_ns(self, from: u32, to: u32) -> u64 {
        self.host(from).delay_to_ns(&self.host(to)) as u64
    }

    /// Twice the least height.
    pub(super) fn least_ns(self) -> u64 {
        (2.0 * HEIGHT_MIN_MS * NS_PER_MS) as u64
    }

    #[inline]
    fn host(self, host: u32) -> Host {
        let [region, right, up, steep] = self.0.of(host);
        let centre = &REGIONS[REGIONS.iter().filter(|other| region >= other.up_to).count()];
        let x = centre.x_ms + offset_ms(right);
        let y = centre.y_ms + offset_ms(up);
        let height = HEIGHT_MIN_MS + HEIGHT_MS * steep / (HEIGHT_REACH - steep);
        Host { x: x * NS_PER_MS, y: y * NS_PER_MS, height: height * NS_PER_MS }
    }
}

/// A region with many hosts.
struct Region {
    /// The cumulative fraction of hosts, this region included.
    up_to: f64,
    x_ms: f64,
    y_ms: f64,
}

const REGIONS: [Region; 4] = [
    Region { up_to: 0.5119, x_ms: 0.0, y_ms: 3.2 },
    Region { up_to: 0.7694, x_ms: 0.0, y_ms: 20.4 },
    Region { up_to: 0.8245, x_ms: 0.0, y_ms: -51.8 },
    Region { up_to: 1.0, x_ms: -18.0, y_ms: 93.3 },
];

// Offsets of hosts from the centre of their region, along each axis, and their heights. For a
// uniform u, s·u / (r − u) has its median near s, its 90th percentile at 6 to 8 s, and a long tail
// that ends at s / (r − 1).

const OFFSET_MS: f64 = 5.93;
const OFFSET_REACH: f64 = 1.055;
const HEIGHT_MIN_MS: f64 = 0.5;
const HEIGHT_MS: f64 = 5.39;
const HEIGHT_REACH: f64 = 1.0186;

const NS_PER_MS: f64 = 1e6;

/// Maps a uniform number to an offset from the centre, to either side.
#[inline]
fn offset_ms(uniform: f64) -> f64 {
    let signed = 2.0 * uniform - 1.0;
    OFFSET_MS * signed / (OFFSET_REACH - signed.abs())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::host_file::Coordinates;
    use super::*;
    use crate::scenario::{DelayUnit, HostFile, Reuse};

    /// Quantiles of the measured delays.
    const MEASURED_MS: [(f64, f64); 5] =
        [(0.05, 19.6), (0.25, 43.7), (0.5, 80.6), (0.75, 119.8), (0.95, 203.3)];

    /// The quantiles of some delays, in milliseconds, at the shares of [`MEASURED_MS`].
    fn quantiles_ms(mut delays_ns: Vec<u64>) -> [f64; 5] {
        delays_ns.sort_unstable();
        MEASURED_MS.map(|(p, _)| delays_ns[(p * delays_ns.len() as f64) as usize] as f64 / 1e6)
    }

    fn modelled_ms(seed: u64) -> [f64; 5] {
        let king = King::new(seed);
        quantiles_ms((0..500_000).map(|pair| king.delay_ns(2 * pair, 2 * pair + 1)).collect())
    }

    #[test]
    fn delays_are_as_measured() {
        for seed in 0..4 {
            for ((p, measured), modelled) in MEASURED_MS.into_iter().zip(modelled_ms(seed)) {
                let ratio = modelled / measured;
                assert!((0.95..=1.05).contains(&ratio), "seed {seed}, {p}: {modelled} ms");
            }
        }
    }

    /// The data is not part of the project. The constants are checked where it is present.
    #[test]
    fn the_measured_figures_are_those_of_the_data() {
        let data = "../../shared/data/king-coordinates.txt";
        let data = Path::new(env!("CARGO_MANIFEST_DIR")).join(data);
        if !data.exists() {
            eprintln!("skipped: there is no {}", data.display());
            return;
        }
        let file = data.to_string_lossy().into_owned();
        let file = HostFile { file, unit: DelayUnit::Ms, reuse: Reuse::Never };
        let hosts = Coordinates::load(&file, 1).expect("it holds coordinates");
        assert_eq!(hosts.count(), 1740);
        let pairs = (0..1740).flat_map(|from| (0..from).map(move |to| (from, to)));
        let delays_ns = pairs.map(|(from, to)| hosts.delay_ns(from, to)).collect();
        let found = quantiles_ms(delays_ns);
        for ((p, measured), found) in MEASURED_MS.into_iter().zip(found) {
            assert!((found - measured).abs() < 0.06, "{p}: {found} ms");
        }
        for ((p, _), (modelled, found)) in
            MEASURED_MS.iter().zip(modelled_ms(9).into_iter().zip(found))
        {
            assert!((modelled / found - 1.0).abs() < 0.05, "{p}: {modelled} ms, {found} ms");
        }
    }
}
