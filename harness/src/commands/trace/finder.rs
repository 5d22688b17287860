//! Finds a lookup that stands out.
//!
//! **Invariant:** ties go to the lookup with the lowest number.

use std::cmp::Reverse;

use super::choice::Outstanding;
use crate::measure::trace::{Ended, Numbers, Selection, Step, Tracer};

/// See the [module](self).
#[derive(Debug)]
pub(super) struct Finder {
    which: Outstanding,
    measured: u64,
    /// How much it stands out, and its number.
    found: Option<(u64, Reverse<u32>)>,
}

impl Finder {
    pub(super) fn new(which: Outstanding) -> Finder {
        Finder { which, measured: 0, found: None }
    }

    /// The number of the lookup.
    ///
    /// # Errors
    ///
    /// If there was none. The message says what to write instead.
    pub(super) fn found(&self) -> Result<u32, String> {
        let (none, other) = match self.which {
            Outstanding::Slowest => ("was answered", "failed"),
            Outstanding::Failed => ("failed", "slowest"),
            Outstanding::Incorrect => ("had an incorrect answer", "slowest"),
        };
        match self.found {
            Some((_, Reverse(number))) => Ok(number),
            None if self.measured == 0 => Err(
                "the measured phase has no lookups: write a longer --duration or a higher --rate"
                    .to_owned(),
            ),
            None => Err(format!(
                "none of the {} lookups of the measured phase {none}: write {other} or a number",
                self.measured
            )),
        }
    }

    /// How much a lookup stands out; `None` if it is another kind of lookup.
    fn rank(&self, ended: &Ended) -> Option<u64> {
        let lookup = &ended.lookup;
        match self.which {
            Outstanding::Slowest => {
                let latency = lookup.ended.since(lookup.intended);
                lookup.hops.map(|_| u64::try_from(latency.as_nanos()).unwrap_or(u64::MAX))
            }
            Outstanding::Failed => (lookup.verdict == "failed").then_some(0),
            Outstanding::Incorrect => (lookup.verdict == "incorrect").then_some(0),
        }
    }
}

impl Tracer for Finder {
    fn selection(&mut self, _numbers: Numbers) -> Selection {
        Selection::NONE
    }

    fn take_steps(&mut self, _steps: &[Step]) {}

    fn take_end(&mut self, ended: Ended) {
        self.measured += 1;
        if let Some(rank) = self.rank(&ended) {
            self.found = self.found.max(Some((rank, Reverse(ended.lookup.number))));
        }
    }

    fn take_costs(&mut self, _number: u32, _messages: u32, _timeouts: u32) {}
}
