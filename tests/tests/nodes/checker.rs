//! The search for an order of a history, against histories whose answer is known and against a naive search.
//!
//! **Invariant:** everything follows from the seed.

use hopwise_kernel::Rng;
use hopwise_kernel::store::Version;
use hopwise_tests::linearizable::{
    Action, End, Operation, State, after, is_linearizable, version_of,
};

const fn version(number: u64) -> Version {
    Version { number, writer: 0 }
}

fn operation(times: (u64, u64), action: Action, end: End) -> Operation {
    Operation { invoked: times.0, returned: Some(times.1), action, end }
}

fn put(times: (u64, u64), value: i64, number: u64, existed: bool) -> Operation {
    let end = End::Done { version: version(number), sum: 0, existed };
    operation(times, Action::Put(value, None), end)
}

fn read(times: (u64, u64), value: i64, number: u64) -> Operation {
    operation(times, Action::Read, End::Found(version(number), value))
}

#[test]
fn a_read_returns_the_last_write() {
    let first = [put((0, 1), 5, 1, false), put((2, 3), 6, 2, true)];
    let with = |read| is_linearizable(&[first[0], first[1], read]);
    assert!(with(read((4, 5), 6, 2)) && !with(read((4, 5), 5, 1)));
    assert!(with(read((1, 5), 5, 1)), "it may have read before the second write");
    assert!(!with(operation((4, 5), Action::Read, End::Absent)));
    assert!(!with(read((4, 5), 6, 3)), "another version");
    let later = [first[0], first[1], read((2, 9), 6, 2), read((5, 6), 5, 1)];
    assert!(!is_linearizable(&later));
}

#[test]
fn an_open_write_takes_effect_once_or_never() {
    let action = Action::Add(3);
    let open = Operation { invoked: 0, returned: None, action, end: End::Open };
    let add = |times, sum, number: u64, existed| {
        operation(times, Action::Add(1), End::Done { version: version(number), sum, existed })
    };
    assert!(is_linearizable(&[open, add((1, 2), 1, 1, false), add((3, 4), 2, 2, true)]));
    assert!(is_linearizable(&[open, add((1, 2), 1, 1, false), add((3, 4), 5, 2, true)]));
    let twice = [add((1, 2), 4, 1, true), add((3, 4), 8, 2, true)];
    assert!(!is_linearizable(&[open, twice[0], twice[1]]));
    let early = Operation { invoked: 5, ..open };
    assert!(!is_linearizable(&[early, add((1, 2), 4, 1, true)]));
}

#[test]
fn conditions_are_met_or_fail_for_a_reason() {
    let at = |wanted, end| operation((2, 3), Action::Put(7, Some(wanted)), end);
    let first = put((0, 1), 5, 1, false);
    let done = End::Done { version: version(2), sum: 0, existed: true };
    assert!(is_linearizable(&[first, at(version(1), done)]));
    assert!(!is_linearizable(&[first, at(version(9), done)]));
    assert!(!is_linearizable(&[first, at(Version::NONE, done)]));
    assert!(is_linearizable(&[first, at(Version::NONE, End::Failed(version(1)))]));
    assert!(!is_linearizable(&[first, at(version(1), End::Failed(version(1)))]));
    assert!(!is_linearizable(&[first, at(version(9), End::Failed(version(2)))]));
}

#[test]
fn deletions_delete() {
    let done = |existed| End::Done { version: version(2), sum: 0, existed };
    let first = put((0, 1), 5, 1, false);
    let delete = |existed| operation((2, 3), Action::Delete, done(existed));
    let absent = operation((4, 5), Action::Read, End::Absent);
    assert!(is_linearizable(&[first, delete(true), absent]));
    assert!(!is_linearizable(&[first, delete(false), absent]));
    assert!(!is_linearizable(&[first, delete(true), read((4, 5), 5, 1)]));
}

/// Tries all orders of all sets of operations that can explain the ends.
fn has_order(history: &[Operation], done: u32, state: State) -> bool {
    let left = || (0..history.len()).filter(|at| done & 1 << at == 0).map(|at| (at, &history[at]));
    let Some(latest) = left().filter_map(|it| it.1.returned).min() else { return true };
    let lowest =
        left().filter(|it| it.1.returned.is_some()).filter_map(|it| version_of(it.1)).min();
    let mut can_follow = left().filter(|it| it.1.invoked <= latest).filter_map(|(at, it)| {
        let next = after(state, it)?;
        let version = next.and_then(|it| it.1);
        let is_too_late = version.is_some() && lowest.is_some() && version > lowest;
        (!is_too_late).then_some((at, next))
    });
    can_follow.any(|(at, next)| has_order(history, done | 1 << at, next))
}

/// A history of few operations on few values, which has an order. Some writes are open.
fn any_history(rng: &mut Rng) -> Vec<Operation> {
    let count = 2 + rng.below(6);
    let mut times: Vec<[u64; 3]> = (0..count)
        .map(|_| {
            let (at, before, later) = (8 + rng.below(24), rng.below(8), rng.below(8));
            [at, at - before, at + later]
        })
        .collect();
    times.sort_unstable();
    let (mut state, mut seen) = (None::<(i64, Version)>, Version::NONE);
    let history = (1..).zip(times).map(|(number, [_, invoked, returned])| {
        let held = state.map_or(Version::NONE, |it| it.1);
        if rng.below(2) == 0 {
            seen = held;
        }
        let action = match rng.below(8) {
            0 | 1 => Action::Read,
            2 => Action::Put(10 * (1 + rng.below(3)).cast_signed(), Some(seen)),
            3 => Action::Put(10 * (1 + rng.below(3)).cast_signed(), None),
            4 => Action::Delete,
            _ => Action::Add(rng.below(5).cast_signed() - 1),
        };
        let (existed, version) = (state.is_some(), version(number));
        let next = match action {
            Action::Read => state,
            Action::Put(_, Some(at)) if at != held => state,
            Action::Put(value, _) => Some((value, version)),
            Action::Add(term) => Some((state.map_or(0, |it| it.0) + term, version)),
            Action::Delete => None,
        };
        let end = match (action, state) {
            (Action::Read, Some((value, version))) => End::Found(version, value),
            (Action::Read, None) => End::Absent,
            (Action::Put(_, Some(at)), _) if at != held => End::Failed(held),
            (Action::Add(_), _) => End::Done { version, sum: next.map_or(0, |it| it.0), existed },
            (Action::Delete, None) => End::Done { version: Version::NONE, sum: 0, existed },
            _ => End::Done { version, sum: 0, existed },
        };
        let is_open = action != Action::Read && rng.below(5) < 2;
        if !is_open || rng.below(2) == 0 {
            state = next;
        }
        let (end, returned) = if is_open { (End::Open, None) } else { (end, Some(returned)) };
        Operation { invoked, returned, action, end }
    });
    history.collect()
}

#[test]
fn the_search_agrees_with_a_naive_one() {
    let mut rng = Rng::new(61, 0);
    let mut answers = [0, 0];
    for _ in 0..5_000 {
        let mut history = any_history(&mut rng);
        assert!(is_linearizable(&history), "{history:?}");
        // Two operations change places or ends, or one ends at once.
        let any = |rng: &mut Rng| rng.below(history.len() as u64) as usize;
        let (one, other) = (any(&mut rng), any(&mut rng));
        let (first, second) = (history[one], history[other]);
        match rng.below(3) {
            0 if first.returned.is_some() && second.returned.is_some() => {
                history[one] =
                    Operation { invoked: second.invoked, returned: second.returned, ..first };
                history[other] =
                    Operation { invoked: first.invoked, returned: first.returned, ..second };
            }
            1 if first.action == second.action => {
                let (returned, end) = (first.returned.and(second.returned), first.end);
                history[other] = Operation { returned, end, ..second };
            }
            _ => history[one].returned = first.returned.map(|_| first.invoked),
        }
        let answer = is_linearizable(&history);
        assert_eq!(answer, has_order(&history, 0, None), "{history:?}");
        answers[usize::from(answer)] += 1;
    }
    assert!(answers.iter().all(|&it| it > 200), "{answers:?}");
}
