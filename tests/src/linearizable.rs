//! Decides whether the history of one key is linearizable.
//!
//! The search is that of Wing and Gong (*Testing and verifying concurrent objects*, JPDC 1993) with the
//! memory of Lowe (*Testing for linearizability*, CCPE 2017): a set of operations that has led to a
//! state once is not tried again.
//!
//! **Invariant:** an operation without a return time may take effect at any time after its start, or
//! never.

use std::collections::HashSet;

use hopwise_kernel::store::Version;

/// An operation on one key, as its client saw it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Operation {
    /// When it started.
    pub invoked: u64,
    /// When it ended; `None` if its effect is not known.
    pub returned: Option<u64>,
    /// What it was to do.
    pub action: Action,
    /// How it ended.
    pub end: End,
}

/// What an operation does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Action {
    /// Reads the value.
    Read,
    /// Writes a value, at any version or at this one. [`Version::NONE`] means that there is no value.
    Put(i64, Option<Version>),
    /// Adds a number.
    Add(i64),
    /// Deletes the value.
    Delete,
}

/// How an operation ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum End {
    /// A read found this value.
    Found(Version, i64),
    /// A read found nothing.
    Absent,
    /// A write is done.
    Done {
        /// The new version.
        version: Version,
        /// The sum, of an addition.
        sum: i64,
        /// Whether there was a value before.
        existed: bool,
    },
    /// The condition of a write did not hold: the value had this version.
    Failed(Version),
    /// The end is not known.
    Open,
}

/// The value and its version. The version is not known if its writer was not told.
type State = Option<(i64, Option<Version>)>;

/// Whether some order of the operations explains all their ends, if there is no value at first. The
/// order must agree with the times: an operation that ended before another started comes first. It must
/// agree with the versions, too: they rise.
///
/// # Panics
///
/// If the question is not decided after `MAX_STATES` states.
#[must_use]
pub fn is_linearizable(history: &[Operation]) -> bool {
    let mut operations = history.to_vec();
    operations.sort_by_key(|it| it.invoked);
    let mut search = Search {
        done: vec![0; operations.len().div_ceil(64)],
        alike: operations.iter().map(|it| alike(it, &operations)).collect(),
        seen: HashSet::new(),
    };
    let left = operations.iter().filter(|it| it.returned.is_some()).count();
    // The search is as deep as the history is long.
    let thread = std::thread::Builder::new().stack_size(STACK_BYTES);
    std::thread::scope(|scope| {
        let search = thread.spawn_scoped(scope, || search.goes_on(&operations, None, left));
        search.expect("there is room for a thread").join().expect("the question is decided")
    })
}

/// Room for histories of a hundred thousand operations.
const STACK_BYTES: usize = 1 << 28;

/// States that are searched, at most.
const MAX_STATES: usize = 3_000_000;

/// Open operations of one class have the same effect on what others see: the earliest goes first.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Alike {
    Delete,
    /// A value that no operation has seen, whatever was added to it.
    UnseenPut,
    No,
}

fn alike(it: &Operation, operations: &[Operation]) -> Alike {
    match it.action {
        Action::Delete if it.end == End::Open => Alike::Delete,
        Action::Put(value, None) if it.end == End::Open => {
            let added = operations.iter().filter_map(|it| match it.action {
                Action::Add(term) => Some(term),
                _ => None,
            });
            let (low, high) = added
                .fold((value, value), |(low, high), term| (low + term.min(0), high + term.max(0)));
            let is_seen = operations.iter().any(|it| match it.end {
                End::Found(_, number) => (low..=high).contains(&number),
                End::Done { sum, .. } => {
                    matches!(it.action, Action::Add(_)) && (low..=high).contains(&sum)
                }
                _ => false,
            });
            if is_seen { Alike::No } else { Alike::UnseenPut }
        }
        _ => Alike::No,
    }
}

struct Search {
    /// The operations that have taken effect.
    done: Vec<u64>,
    alike: Vec<Alike>,
    seen: HashSet<(Vec<u64>, State)>,
}

impl Search {
    const fn is_done(&self, at: usize) -> bool {
        self.done.as_slice()[at / 64] & 1 << (at % 64) != 0
    }

    /// Whether the operations that are not done can follow. `left` of them have ended.
    fn goes_on(&mut self, operations: &[Operation], state: State, left: usize) -> bool {
        if left == 0 {
            return true;
        }
        if !self.seen.insert((self.done.clone(), state)) {
            return false;
        }
        assert!(self.seen.len() < MAX_STATES, "not decided after so many states");
        let (mut latest, mut lowest) = (u64::MAX, None);
        for (at, it) in operations.iter().enumerate() {
            let Some(returned) = it.returned.filter(|_| !self.is_done(at)) else { continue };
            latest = latest.min(returned);
            let version = version_of(it);
            if lowest.is_none() || version.is_some_and(|it| Some(it) < lowest) {
                lowest = version.or(lowest);
            }
        }
        let is_too_late = |state: State| {
            let version = state.and_then(|(_, version)| version);
            version.is_some() && lowest.is_some() && version > lowest
        };
        // What has ended first; then what may have happened.
        for is_open in [false, true] {
            let mut tried = (false, false);
            for (at, it) in operations.iter().enumerate() {
                if it.invoked > latest {
                    break;
                }
                if self.is_done(at) || is_open != it.returned.is_none() {
                    continue;
                }
                let is_tried = match self.alike[at] {
                    Alike::Delete => core::mem::replace(&mut tried.0, true),
                    Alike::UnseenPut => core::mem::replace(&mut tried.1, true),
                    Alike::No => false,
                };
                let Some(next) = after(state, it).filter(|_| !is_tried) else { continue };
                if is_too_late(next) {
                    continue;
                }
                self.done[at / 64] |= 1 << (at % 64);
                if self.goes_on(operations, next, left - usize::from(!is_open)) {
                    return true;
                }
                self.done[at / 64] &= !(1 << (at % 64));
            }
        }
        false
    }
}

/// The version that an operation has made or seen.
const fn version_of(operation: &Operation) -> Option<Version> {
    match (operation.end, operation.action) {
        // A deletion of nothing has none.
        (End::Done { existed: false, .. }, Action::Delete) => None,
        (End::Found(version, _) | End::Done { version, .. }, _) => Some(version),
        _ => None,
    }
}

/// The state after an operation; `None` if the operation cannot end so in this state.
fn after(state: State, operation: &Operation) -> Option<State> {
    let is_at = |wanted: Version| match state {
        None => wanted == Version::NONE,
        Some((_, version)) => wanted != Version::NONE && version.is_none_or(|it| it == wanted),
    };
    let written = match operation.action {
        Action::Read => state,
        Action::Put(value, condition) => {
            let is_refused = condition.is_some_and(|wanted| !is_at(wanted));
            match operation.end {
                End::Failed(version) => {
                    let explained = condition.is_some_and(|it| it != version) && is_at(version);
                    let known = state.map(|(value, _)| (value, Some(version)));
                    return explained.then_some(known);
                }
                _ if is_refused => return None,
                _ => Some((value, None)),
            }
        }
        Action::Add(term) => Some((state.map_or(0, |(value, _)| value) + term, None)),
        Action::Delete => None,
    };
    match operation.end {
        End::Open => Some(written),
        End::Absent => state.is_none().then_some(None),
        End::Found(version, value) => {
            let (held, _) = state?;
            (held == value && is_at(version)).then_some(Some((value, Some(version))))
        }
        End::Failed(_) => None,
        End::Done { version, sum, existed } => {
            let is_sum =
                !matches!(operation.action, Action::Add(_)) || written.map(|it| it.0) == Some(sum);
            let rises = operation.action == Action::Delete
                || state.and_then(|it| it.1).is_none_or(|before| before < version);
            let next = written.map(|(value, _)| (value, Some(version)));
            (is_sum && rises && existed == state.is_some()).then_some(next)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
