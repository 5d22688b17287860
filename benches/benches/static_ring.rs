//! Whole lookups over a static ring, one at a time and interleaved, beside the machine's cost of
//! random cache lines in the same memory.
//!
//! A hop is one node's choice. A lookup's last choice is to search the successor list. That search
//! is not included.
//!
//! **Invariant:** every lookup has been routed once before the clock starts, and ended where the
//! successor list holds the key's owner.

use std::array;
use std::hint::black_box;

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, BenchmarkId, Criterion};
use hopwise_benches::ring::{Ring, SUCCESSORS, StaticRing, Visit, lookups};
use hopwise_benches::{lines, measure};
use hopwise_kernel::Rng;
use hopwise_kernel::ring::fingers::Shape;

/// Number of lookups, or of chains of cache lines, in flight at once.
const LANES: usize = 16;
/// Number of distinct lookups. They are used in a cycle.
const LOOKUPS: usize = 1 << 16;

fn main() {
    measure::run(static_ring);
}

/// Time per hop, and time per cache line.
fn static_ring(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("static_ring");
    for nodes in [1_000, 100_000, 1_000_000] {
        let mut rng = Rng::new(2, nodes as u64);
        let ring = Ring::random(nodes, &mut rng);
        let routed = StaticRing::new(&ring, Shape::for_ring(1, nodes, SUCCESSORS));
        let visits = lookups(&ring, &routed, LOOKUPS, &mut rng);

        let mut source = Endless { visits: &visits, taken: 0 };
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
        bench_lines::<1>(&mut group, "line_one_at_a_time", nodes, &routed);
        bench_lines::<LANES>(&mut group, "line_16_in_flight", nodes, &routed);
    }
    group.finish();
}

/// Reads random lines of the routing tables, in `CHAINS` chains at once.
fn bench_lines<const CHAINS: usize>(
    group: &mut BenchmarkGroup<'_, WallTime>,
    name: &str,
    nodes: usize,
    routed: &StaticRing,
) {
    let (mut at, mut step) = (array::from_fn::<_, CHAINS, _>(|chain| chain), 0);
    group.bench_function(BenchmarkId::new(name, nodes), |bencher| {
        bencher.iter_custom(|reads| {
            measure::time_units(reads, |asked| {
                let steps = asked.div_ceil(CHAINS as u64);
                lines::follow(routed.memory(), &mut at, &mut step, steps);
                black_box(&at);
                steps * CHAINS as u64
            })
        });
    });
}

/// Repeats the same lookups endlessly.
struct Endless<'a> {
    visits: &'a [Visit],
    taken: usize,
}

impl Endless<'_> {
    fn next(&mut self) -> Visit {
        self.taken += 1;
        self.visits[self.taken % self.visits.len()]
    }
}

/// Routes lookups to their ends, one after the other. Returns the number of hops, at least `asked`.
fn one_at_a_time(routed: &StaticRing, lookups: &mut Endless<'_>, asked: u64) -> u64 {
    let mut hops = 0;
    while hops < asked {
        let mut next = Some(lookups.next());
        while let Some(visit) = next {
            next = routed.next(visit);
            hops += 1;
            black_box(visit.rank);
        }
    }
    hops
}

/// Routes [`LANES`] lookups in turns and prefetches each one's next line. A new lookup replaces
/// each that ends. Returns the number of hops, at least `asked`.
fn interleaved(routed: &StaticRing, lookups: &mut Endless<'_>, asked: u64) -> u64 {
    let mut lanes: [Visit; LANES] = array::from_fn(|_| lookups.next());
    let rounds = asked.div_ceil(LANES as u64);
    for _ in 0..rounds {
        for lane in &mut lanes {
            *lane = routed.next(*lane).unwrap_or_else(|| lookups.next());
            routed.prefetch(*lane);
        }
    }
    black_box(&lanes);
    rounds * LANES as u64
}
