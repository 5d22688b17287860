//! Decides whether the history of one key is linearizable.
//!
//! The search is that of Wing and Gong (*Testing and verifying concurrent objects*, JPDC 1993) with the
//! memory of Lowe (*Testing for linearizability*, CCPE 2017): a set of operations that has led to a
//! state once is not tried again. Nor is a set that has more open operations than another one.
//!
//! If there is an order, the search finds one with the fewest operations: an open operation has no place in
//! it unless the next operation that has ended depends on it. So most open operations are not tried.
//!
//! **Invariant:** an operation without a return time may take effect at any time after its start, or
//! never.

use std::collections::HashMap;

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
pub type State = Option<(i64, Option<Version>)>;

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
    let mut search = Search::new(&operations);
    let left = operations.iter().filter(|it| it.returned.is_some()).count();
    // The search is as deep as the history is long.
    let thread = std::thread::Builder::new().stack_size(STACK_BYTES);
    std::thread::scope(|scope| {
        let search = thread.spawn_scoped(scope, || search.goes_on(None, left, None));
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

struct Search<'a> {
    operations: &'a [Operation],
    alike: Vec<Alike>,
    /// The operations that have ended.
    ended: Vec<u64>,
    /// The operations that have taken effect.
    done: Vec<u64>,
    /// For each state and each set of ended operations that has led to it, the sets of open ones.
    seen: HashMap<(Vec<u64>, State), Vec<Vec<u64>>>,
    states: usize,
}

/// What the next operation that has ended needs, if it cannot follow now.
#[derive(Default, Debug)]
struct Needs {
    /// There is no value.
    absence: bool,
    /// There is a value.
    presence: bool,
    /// Any of these values is there.
    values: Vec<i64>,
    /// The version is a certain one, whatever the value.
    version: bool,
}

impl<'a> Search<'a> {
    /// A search among these operations, in the order of their starts.
    fn new(operations: &'a [Operation]) -> Search<'a> {
        let mut ended = vec![0; operations.len().div_ceil(64)];
        for (at, _) in operations.iter().enumerate().filter(|(_, it)| it.returned.is_some()) {
            ended[at / 64] |= 1 << (at % 64);
        }
        Search {
            operations,
            alike: operations.iter().map(|it| alike(it, operations)).collect(),
            done: vec![0; ended.len()],
            ended,
            seen: HashMap::new(),
            states: 0,
        }
    }

    const fn is_done(&self, at: usize) -> bool {
        self.done.as_slice()[at / 64] & 1 << (at % 64) != 0
    }

    /// The operations that can be the next one, by their times.
    fn candidates(&self, latest: u64) -> impl Iterator<Item = (usize, &'a Operation)> {
        let started =
            self.operations.iter().enumerate().take_while(move |it| it.1.invoked <= latest);
        started.filter(|it| !self.is_done(it.0))
    }

    /// Whether the operations that are not done can follow. `left` of them have ended. If the last operation
    /// is open, `before` is the state before it.
    fn goes_on(&mut self, state: State, left: usize, before: Option<State>) -> bool {
        if left == 0 {
            return true;
        }
        let (mut latest, mut lowest) = (u64::MAX, None);
        for (at, it) in self.operations.iter().enumerate() {
            let Some(returned) = it.returned.filter(|_| !self.is_done(at)) else { continue };
            latest = latest.min(returned);
            let version = version_of(it);
            if lowest.is_none() || version.is_some_and(|it| Some(it) < lowest) {
                lowest = version.or(lowest);
            }
        }
        // What can end so now and changes nothing comes first: it does not hinder the others.
        let is_observed = |it: &Operation| it.returned.is_some() && after(state, it) == Some(state);
        let observed = self.candidates(latest).find(|it| is_observed(it.1));
        if let Some((at, _)) = observed {
            return self.goes_on_after(at, state, left - 1, None);
        }
        if !self.is_new(state) {
            return false;
        }
        let is_too_late = |state: State| {
            let version = state.and_then(|(_, version)| version);
            version.is_some() && lowest.is_some() && version > lowest
        };
        // If the last operation is open and makes no difference, the same order without it is tried, too.
        let is_in_vain = |it: &Operation, next: State| {
            before.is_some_and(|before| after(before, it) == Some(next))
        };
        let next_of = |it: &Operation| {
            after(state, it).filter(|&next| !is_too_late(next) && !is_in_vain(it, next))
        };
        let candidates: Vec<_> = self.candidates(latest).collect();
        let (ended, open): (Vec<_>, Vec<_>) =
            candidates.into_iter().partition(|it| it.1.returned.is_some());
        // What has ended first; then what may have happened.
        for &(at, it) in &ended {
            if let Some(next) = next_of(it)
                && self.goes_on_after(at, next, left - 1, None)
            {
                return true;
            }
        }
        let needs = Needs::of(state, ended.iter().map(|it| it.1));
        let mut tried = (false, false);
        for &(at, it) in &open {
            let is_tried = match self.alike[at] {
                Alike::Delete => core::mem::replace(&mut tried.0, true),
                Alike::UnseenPut => core::mem::replace(&mut tried.1, true),
                Alike::No => false,
            };
            if let Some(next) = next_of(it).filter(|&next| !is_tried && next != state)
                && needs.can_be_met(next, open.iter().map(|it| it.1.action))
                && self.goes_on_after(at, next, left, Some(state))
            {
                return true;
            }
        }
        false
    }

    /// Whether the operations that are not done can follow this one, which leads to `state`.
    fn goes_on_after(
        &mut self,
        at: usize,
        state: State,
        left: usize,
        before: Option<State>,
    ) -> bool {
        self.done[at / 64] |= 1 << (at % 64);
        let goes_on = self.goes_on(state, left, before);
        self.done[at / 64] &= !(1 << (at % 64));
        goes_on
    }

    /// Whether no set of operations has led to this state from which at least as many can follow.
    fn is_new(&mut self, state: State) -> bool {
        let both = || self.done.iter().zip(&self.ended);
        let ended = both().map(|(done, ended)| done & ended).collect();
        let open: Vec<u64> = both().map(|(done, ended)| done & !ended).collect();
        let sets = self.seen.entry((ended, state)).or_default();
        let is_subset = |set: &Vec<u64>| set.iter().zip(&open).all(|(set, open)| set & !open == 0);
        if sets.iter().any(is_subset) {
            return false;
        }
        sets.push(open);
        self.states += 1;
        assert!(self.states < MAX_STATES, "not decided after so many states");
        true
    }
}

impl Needs {
    /// What one of these operations needs, any of which may be the next one.
    fn of<'a>(state: State, ended: impl Iterator<Item = &'a Operation>) -> Needs {
        let mut needs = Needs::default();
        for it in ended {
            let can_follow = after(state, it).is_some();
            match (it.action, it.end) {
                (_, End::Failed(version)) if version != Version::NONE => needs.version = true,
                _ if can_follow => {}
                (_, End::Found(_, value)) => needs.values.push(value),
                (Action::Add(term), End::Done { sum, existed: true, .. }) => {
                    needs.values.push(sum - term);
                }
                (_, End::Done { existed: true, .. }) => needs.presence = true,
                _ => needs.absence = true,
            }
        }
        needs
    }

    /// Whether this state meets a need, perhaps once some of these open operations follow.
    fn can_be_met(&self, state: State, open: impl Iterator<Item = Action> + Clone) -> bool {
        let (low, high) = open.clone().fold((0, 0), |(low, high), it| match it {
            Action::Add(term) => (low + term.min(0), high + term.max(0)),
            _ => (low, high),
        });
        // A put at a version can follow, whatever the value is.
        let puts = open.filter_map(|it| match it {
            Action::Put(value, Some(_)) => Some(value),
            _ => None,
        });
        let starts = puts.chain([state.map_or(0, |(value, _)| value)]);
        let can_reach = |wanted: i64| {
            starts.clone().any(|start| (start + low..=start + high).contains(&wanted))
        };
        self.version
            || (self.absence && state.is_none())
            || (self.presence && state.is_some())
            || self.values.iter().any(|&it| can_reach(it))
    }
}

/// The version that an operation has made or seen.
#[must_use]
pub const fn version_of(operation: &Operation) -> Option<Version> {
    match (operation.end, operation.action) {
        // A deletion of nothing has none.
        (End::Done { existed: false, .. }, Action::Delete) => None,
        (End::Found(version, _) | End::Done { version, .. }, _) => Some(version),
        _ => None,
    }
}

/// The state after an operation; `None` if the operation cannot end so in this state.
#[must_use]
pub fn after(state: State, operation: &Operation) -> Option<State> {
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
