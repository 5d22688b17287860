//! Choosing the next hop: `FingerTable::closest_preceding` with the table in cache.
//!
//! **Invariant:** the table is exact, and keys are prepared before the clock starts.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion};
use hopwise_benches::measure;
use hopwise_benches::ring::{Ring, SUCCESSORS};
use hopwise_kernel::ring::fingers::{FingerTable, Shape};
use hopwise_kernel::{Id, Rng};

/// Number of keys: too many for a branch predictor to memorize.
const KEYS: usize = 4096;

fn main() {
    measure::run(next_hop);
}

/// Time of one call. Calls do not depend on each other.
fn next_hop(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("next_hop");
    for nodes in [1_000, 10_000, 1_000_000] {
        let mut rng = Rng::new(1, nodes as u64);
        let ring = Ring::random(nodes, &mut rng);
        let keys: Vec<Id> = (0..KEYS).map(|_| Id::random(&mut rng)).collect();
        for digit_bits in [1, 4] {
            let table = ring.table(0, Shape::for_ring(digit_bits, nodes, SUCCESSORS));
            check(ring.id(0), &table, &keys);
            let id = BenchmarkId::new(format!("base_{}", 1 << digit_bits), nodes);
            group.bench_function(id, |bencher| {
                bencher.iter_custom(|calls| {
                    measure::time_units(calls, |asked| {
                        let rounds = asked.div_ceil(KEYS as u64);
                        for _ in 0..rounds {
                            for key in &keys {
                                black_box(&table.closest_preceding(*black_box(key)));
                            }
                        }
                        rounds * KEYS as u64
                    })
                });
            });
        }
    }
    group.finish();
}

/// Asserts that the table's choices equal those of a scan over its entries.
fn check(own: Id, table: &FingerTable, keys: &[Id]) {
    let entries: Vec<_> = (0..table.shape().slots()).filter_map(|slot| table.peer(slot)).collect();
    for &key in keys {
        let best = entries
            .iter()
            .filter(|peer| peer.id.is_between(own, key))
            .max_by_key(|peer| own.distance_to(peer.id));
        assert_eq!(table.closest_preceding(key).as_ref(), best, "closest preceding {key:?}");
    }
}
