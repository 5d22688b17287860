//! Arithmetic on identifiers.
//!
//! **Invariant:** operands are uniform, and prepared before the clock starts.

use std::hint::black_box;

use criterion::Criterion;
use hopwise_benches::measure;
use hopwise_kernel::{Id, Rng};

/// Number of operand triples. They are used in a cycle.
const TRIPLES: usize = 1024;

fn main() {
    measure::run(id);
}

/// Time of one operation. Operations do not depend on each other.
fn id(criterion: &mut Criterion) {
    let mut rng = Rng::new(3, 0);
    let triples: Vec<[Id; 3]> =
        (0..TRIPLES).map(|_| std::array::from_fn(|_| Id::random(&mut rng))).collect();
    assert!(triples.iter().all(|[a, b, _]| a.add(a.distance_to(*b)) == *b), "a + (b − a) = b");

    bench(criterion, "distance_to", &triples, |[a, b, _]| a.distance_to(b));
    bench(criterion, "add_distance", &triples, |[a, b, c]| a.add(b.distance_to(c)));
    bench(criterion, "is_between", &triples, |[a, b, c]| a.is_between(b, c));
    bench(criterion, "owns", &triples, |[a, b, c]| a.owns(b, c));
    bench(criterion, "bytes_there_and_back", &triples, |[a, _, _]| {
        Id::from_bytes(black_box(a.to_bytes()))
    });
    bench(criterion, "of_name", &triples, |[a, _, _]| Id::of_name(&a.to_bytes()));
}

fn bench<T>(
    criterion: &mut Criterion,
    name: &str,
    triples: &[[Id; 3]],
    operation: impl Fn([Id; 3]) -> T,
) {
    criterion.benchmark_group("id").bench_function(name, |bencher| {
        bencher.iter_custom(|count| {
            measure::time_units(count, |asked| {
                let rounds = asked.div_ceil(TRIPLES as u64);
                for _ in 0..rounds {
                    for &triple in triples {
                        black_box(operation(black_box(triple)));
                    }
                }
                rounds * TRIPLES as u64
            })
        });
    });
}
