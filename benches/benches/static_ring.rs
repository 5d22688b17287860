//! Routing whole lookups over a ring at rest, one at a time and interleaved, beside what the
//! machine charges for random cache lines in as much memory.
//!
//! A hop is one node's choice. The last choice of a lookup says to search the successor list; that
//! search is not part of this.
//!
//! **Invariant:** every lookup has been routed once before the clock starts, and ended where the
//! successor list holds the key's owner.

use std::array;
use std::hint::black_box;

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, BenchmarkId, Criterion};
use hopwise_benches::lines::Lines;
use hopwise_benches::measure;
use hopwise_benches::ring::{Ring, SUCCESSORS, StaticRing, Visit, lookups};
use hopwise_kernel::Rng;
use hopwise_kernel::ring::fingers::Shape;

/// Lookups, or chains of lines, in flight at once.
const LANES: usize = 16;
/// Distinct lookups; then they repeat.
const LOOKUPS: usize = 1 << 16;

fn main() {
    measure::run(static_ring);
}

/// Nanoseconds a hop, and nanoseconds a line.
fn static_ring(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("static_ring");
    for nodes in [1_000, 100_000, 1_000_000] {
        let mut rng = Rng::new(2, nodes as u64);
        let ring = Ring::random(nodes, &mut rng);
        let routed = StaticRing::new(&ring, Shape::for_ring(1, nodes, SUCCESSORS));
        let visits = lookups(&ring, &routed, LOOKUPS, &mut rng);
        let lines = Lines::new(routed.bytes(), &mut rng);

        let mut source = visits.iter().copied().cycle();
        group.bench_function(BenchmarkId::new("hop_one_at_a_time", nodes), |bencher| {
            bencher.iter_custom(|hops| {
                measure::time_units(hops, |asked| one_at_a_time(&routed, &mut source, asked))
            });
        });
        group.bench_function(BenchmarkId::new("hop_16_interleaved", nodes), |bencher| {
            bencher.iter_custom(|hops| {
                measure::time_units(hops, |asked| interleaved(&routed, &mut source, asked))
            });
        });
        bench_lines::<1>(&mut group, "line_one_at_a_time", nodes, &lines, &mut rng);
        bench_lines::<LANES>(&mut group, "line_16_in_flight", nodes, &lines, &mut rng);
    }
    group.finish();
}

/// Follows `CHAINS` chains through `lines`.
fn bench_lines<const CHAINS: usize>(
    group: &mut BenchmarkGroup<'_, WallTime>,
    name: &str,
    nodes: usize,
    lines: &Lines,
    rng: &mut Rng,
) {
    let mut at: [u64; CHAINS] = array::from_fn(|_| rng.below(lines.count() as u64));
    group.bench_function(BenchmarkId::new(name, nodes), |bencher| {
        bencher.iter_custom(|reads| {
            measure::time_units(reads, |asked| {
                let steps = asked.div_ceil(CHAINS as u64);
                lines.follow(&mut at, steps);
                black_box(&at);
                steps * CHAINS as u64
            })
        });
    });
}

/// Routes lookups to their ends, each after the one before; returns how many hops that took, at
/// least `asked`.
fn one_at_a_time(
    routed: &StaticRing,
    lookups: &mut impl Iterator<Item = Visit>,
    asked: u64,
) -> u64 {
    let mut hops = 0;
    while hops < asked {
        let mut next = lookups.next();
        while let Some(visit) = next {
            next = routed.next(visit);
            hops += 1;
            black_box(visit.rank);
        }
    }
    hops
}

/// Routes [`LANES`] lookups in turns, each of whose next line is on its way meanwhile; a lookup
/// that ends makes room for another. Returns how many hops were made, at least `asked`.
fn interleaved(routed: &StaticRing, lookups: &mut impl Iterator<Item = Visit>, asked: u64) -> u64 {
    let mut lanes: Vec<Visit> = lookups.by_ref().take(LANES).collect();
    let rounds = asked.div_ceil(LANES as u64);
    for _ in 0..rounds {
        for lane in &mut lanes {
            let next = routed.next(*lane).or_else(|| lookups.next());
            if let Some(visit) = next {
                routed.prefetch(visit);
                *lane = visit;
            }
        }
    }
    black_box(&lanes);
    rounds * LANES as u64
}
