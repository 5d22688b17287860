//! The checker of histories, on histories whose verdict is known and beside a naive search.

use hopwise_tests::is_linearizable;
use hopwise_tests::linearizable::{Call, Operation};
use proptest::prelude::*;

use Call::{CompareAndSet, Delete, Read, Write};

const fn op(start: u64, end: u64, call: Call) -> Operation {
    Operation::new(start, end, call)
}

const fn set(expected: Option<u64>, new: u64, succeeded: bool) -> Call {
    CompareAndSet { expected, new, succeeded }
}

#[test]
fn known_histories_are_accepted() {
    let histories: [&[Operation]; 9] = [
        &[],
        &[op(0, 1, Read(None)), op(2, 3, Write(1)), op(4, 5, Read(Some(1)))],
        // Reads beside a write may see the value before or after it.
        &[op(0, 9, Write(1)), op(1, 2, Read(None)), op(3, 4, Read(Some(1)))],
        // Of two concurrent writes, either is the last.
        &[op(0, 5, Write(1)), op(1, 4, Write(2)), op(6, 7, Read(Some(1)))],
        &[op(0, 5, Write(1)), op(1, 4, Write(2)), op(6, 7, Read(Some(2)))],
        // An operation that ends when another starts is concurrent with it.
        &[op(0, 2, Write(1)), op(2, 3, Read(None))],
        &[op(0, 1, set(None, 1, true)), op(2, 3, set(None, 2, false)), op(4, 5, Read(Some(1)))],
        &[op(0, 1, Write(1)), op(2, 3, Delete), op(4, 5, Read(None))],
        // A write without an end takes effect late.
        &[
            Operation::unknown(0, Write(1)),
            op(1, 2, Read(None)),
            op(3, 4, Write(2)),
            op(5, 6, Read(Some(2))),
            op(7, 8, Read(Some(1))),
        ],
    ];
    for history in histories {
        assert!(is_linearizable(history), "{history:?}");
    }
}

#[test]
fn known_histories_are_rejected() {
    let histories: [&[Operation]; 8] = [
        &[op(0, 1, Read(Some(1)))],
        &[op(0, 1, Write(1)), op(2, 3, Read(None))],
        &[op(0, 1, Write(1)), op(2, 3, Write(2)), op(4, 5, Read(Some(1)))],
        // Once a read has seen a write, no later read sees the value before it.
        &[op(0, 9, Write(1)), op(1, 2, Read(Some(1))), op(3, 4, Read(None))],
        // Two readers see two concurrent writes in different orders.
        &[
            op(0, 9, Write(1)),
            op(0, 9, Write(2)),
            op(1, 2, Read(Some(1))),
            op(3, 4, Read(Some(2))),
            op(5, 6, Read(Some(1))),
        ],
        // Only one of two conditional writes finds the register empty.
        &[op(0, 5, set(None, 1, true)), op(0, 5, set(None, 2, true))],
        &[op(0, 1, Write(1)), op(2, 3, Delete), op(4, 5, Read(Some(1)))],
        // What was never written is not read, even if some write has no end.
        &[Operation::unknown(0, Write(1)), op(1, 2, Read(Some(2)))],
    ];
    for history in histories {
        assert!(!is_linearizable(history), "{history:?}");
    }
}

#[test]
fn a_write_without_an_end_takes_effect_once() {
    let history = |last| {
        [
            Operation::unknown(0, Write(1)),
            op(1, 2, Read(Some(1))),
            op(3, 4, Write(2)),
            op(5, 6, Read(Some(last))),
        ]
    };
    assert!(is_linearizable(&history(2)));
    assert!(!is_linearizable(&history(1)));
}

/// Without memory, the search would try every order of the concurrent writes.
#[test]
fn many_concurrent_operations_are_judged_in_time() {
    let mut history: Vec<Operation> = (0..16).map(|value| op(0, 100, Write(value))).collect();
    history.push(op(101, 102, Read(Some(99))));
    assert!(!is_linearizable(&history));
    history.pop();
    // Long histories of few concurrent operations are no problem.
    for round in 0..500 {
        let at = 200 + 10 * round;
        history.extend([op(at, at + 8, Write(round)), op(at + 1, at + 9, Write(round + 1))]);
        history.push(op(at + 9, at + 9, Read(Some(round + round % 2))));
    }
    assert!(is_linearizable(&history));
}

fn call() -> impl Strategy<Value = Call> {
    let value = || prop_oneof![Just(None), (0..3_u64).prop_map(Some)];
    prop_oneof![
        value().prop_map(Read),
        (0..3_u64).prop_map(Write),
        (value(), 0..3_u64, any::<bool>()).prop_map(|(old, new, done)| set(old, new, done)),
        Just(Delete),
    ]
}

fn operation() -> impl Strategy<Value = Operation> {
    (call(), 0..8_u64, prop::option::weighted(0.8, 0..5_u64)).prop_map(|(call, start, length)| {
        Operation { call, start, end: length.map(|length| start + length) }
    })
}

/// Tries every order of every set of operations that contains those with an end.
fn naive(rest: &[Operation], value: Option<u64>) -> bool {
    let is_over = rest.iter().all(|it| it.end.is_none());
    is_over
        || (0..rest.len()).any(|first| {
            let it = rest[first];
            let precedes = |other: &Operation| other.end.is_some_and(|end| end < it.start);
            let mut others = rest.to_vec();
            others.remove(first);
            let after = match it.call {
                _ if others.iter().any(precedes) => return false,
                Read(read) if it.end.is_some() && read != value => return false,
                Read(_) => value,
                Write(new) => Some(new),
                Delete => None,
                CompareAndSet { expected, new, succeeded } => {
                    if it.end.is_some() && succeeded != (expected == value) {
                        return false;
                    }
                    if expected == value { Some(new) } else { value }
                }
            };
            naive(&others, after)
        })
}

proptest! {
    #[test]
    fn agrees_with_the_naive_search(history in prop::collection::vec(operation(), 0..6)) {
        prop_assert_eq!(is_linearizable(&history), naive(&history, None));
    }

    #[test]
    fn the_order_of_the_list_does_not_matter(
        history in prop::collection::vec(operation(), 0..7).prop_shuffle(),
    ) {
        let mut sorted = history.clone();
        sorted.sort_by_key(|it| (it.start, it.end));
        prop_assert_eq!(is_linearizable(&history), is_linearizable(&sorted));
    }
}
