//! Checks histories of one register for linearizability.
//!
//! The algorithm is that of Wing and Gong (*Testing and verifying concurrent objects*, JPDC 1993) with
//! the memory of Lowe (*Testing for linearizability*, Concurrency and Computation 2017): a depth-first
//! search for an order of the operations that agrees with their times and results. A set of operations
//! with the state that they lead to is tried once.
//!
//! **Invariant:** the verdict does not depend on the order in which the operations are listed.

use std::collections::HashSet;

/// A call to the register, with its result.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Call {
    /// Read this value; `None`: there was none.
    Read(Option<u64>),
    /// Wrote this value.
    Write(u64),
    /// Wrote `new` if the value was `expected`, and reports whether it was.
    CompareAndSet {
        /// The value that must be there; `None`: there must be none.
        expected: Option<u64>,
        /// The value to write.
        new: u64,
        /// Whether it was written.
        succeeded: bool,
    },
    /// Deleted the value.
    Delete,
}

/// An operation: a call and the interval in which it took effect.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Operation {
    /// What was called, and what it returned.
    pub call: Call,
    /// When it was called.
    pub start: u64,
    /// When it returned. `None`: it never did, so it may have taken effect at any time after its start,
    /// or not at all. The results of a [`Call::Read`] and of a [`Call::CompareAndSet`] then mean nothing.
    pub end: Option<u64>,
}

impl Operation {
    /// An operation that returned.
    #[must_use]
    pub const fn new(start: u64, end: u64, call: Call) -> Operation {
        Operation { call, start, end: Some(end) }
    }

    /// An operation whose end is unknown.
    #[must_use]
    pub const fn unknown(start: u64, call: Call) -> Operation {
        Operation { call, start, end: None }
    }

    /// The value after this operation, if it can take effect while the value is `value`.
    fn apply(&self, value: Option<u64>) -> Option<Option<u64>> {
        match self.call {
            Call::Read(read) => (self.end.is_none() || read == value).then_some(value),
            Call::Write(new) => Some(Some(new)),
            Call::Delete => Some(None),
            Call::CompareAndSet { expected, new, succeeded } => {
                let holds = expected == value;
                let after = if holds { Some(new) } else { value };
                (self.end.is_none() || holds == succeeded).then_some(after)
            }
        }
    }
}

/// Whether `history` is linearizable: whether each operation can have taken effect at one instant
/// between its start and its end, with the results that it returned. The register is empty at first.
///
/// An operation that ends when another one starts precedes it only if it ends strictly earlier.
#[must_use]
pub fn is_linearizable(history: &[Operation]) -> bool {
    Search::new(history).succeeds()
}

/// The search for an order.
struct Search {
    /// By start.
    operations: Vec<Operation>,
    /// Which operations have taken effect.
    done: Done,
    /// The operations that returned and have not taken effect.
    open: usize,
    /// What was tried in vain, or is being tried.
    tried: HashSet<(Done, Option<u64>)>,
}

/// A set of operations: a bit for each.
type Done = Vec<u64>;

/// A choice that may have to be taken back.
struct Choice {
    /// The index of the operation that took effect.
    operation: usize,
    /// The value before.
    before: Option<u64>,
}

impl Search {
    fn new(history: &[Operation]) -> Search {
        let mut operations = history.to_vec();
        // Those that return come first among equals: they narrow the search.
        operations.sort_by_key(|it| (it.start, it.end.unwrap_or(u64::MAX)));
        let open = operations.iter().filter(|it| it.end.is_some()).count();
        let done = vec![0; operations.len().div_ceil(64)];
        Search { operations, done, open, tried: HashSet::new() }
    }

    fn succeeds(&mut self) -> bool {
        let mut choices: Vec<Choice> = Vec::new();
        let (mut value, mut from) = (None, 0);
        loop {
            if self.open == 0 {
                return true; // Those without an end need not have taken effect.
            }
            if let Some((operation, after)) = self.next(value, from) {
                choices.push(Choice { operation, before: value });
                (value, from) = (after, 0);
                continue;
            }
            let Some(Choice { operation, before }) = choices.pop() else { return false };
            self.set(operation, false);
            (value, from) = (before, operation + 1);
        }
    }

    /// Lets the first operation at or after `from` take effect that can be the next one, and leads to
    /// something that was not tried. Returns its index and the value after it.
    fn next(&mut self, value: Option<u64>, from: usize) -> Option<(usize, Option<u64>)> {
        let deadline = self.first_end();
        for index in from..self.operations.len() {
            let operation = self.operations[index];
            if operation.start > deadline {
                return None;
            }
            if self.is_done(index) {
                continue;
            }
            let Some(after) = operation.apply(value) else { continue };
            self.set(index, true);
            if self.tried.insert((self.done.clone(), after)) {
                return Some((index, after));
            }
            self.set(index, false);
        }
        None
    }

    /// The first end of the operations that have not taken effect: the next one must have started by
    /// then.
    fn first_end(&self) -> u64 {
        let mut first = u64::MAX;
        for (index, operation) in self.operations.iter().enumerate() {
            if operation.start > first {
                break;
            }
            if !self.is_done(index) {
                first = first.min(operation.end.unwrap_or(u64::MAX));
            }
        }
        first
    }

    fn is_done(&self, index: usize) -> bool {
        self.done[index / 64] & 1 << (index % 64) != 0
    }

    fn set(&mut self, index: usize, is_done: bool) {
        self.done[index / 64] ^= 1 << (index % 64);
        if self.operations[index].end.is_some() {
            self.open = if is_done { self.open - 1 } else { self.open + 1 };
        }
    }
}
