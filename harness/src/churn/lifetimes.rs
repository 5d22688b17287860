//! Periods during which a node was a member.
//!
//! **Invariant:** a lifetime is the half-open interval `[joined, left)`.

use std::ops::RangeInclusive;

use hopwise_kernel::Time;
use smallvec::SmallVec;

/// The instants from `joined` until just before `left`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lifetime {
    pub(crate) joined: Time,
    pub(crate) left: Time,
}

pub(crate) type Span = RangeInclusive<Time>;
pub(crate) type Spans = SmallVec<[Span; 1]>;

impl Lifetime {
    /// A lifetime that has not ended.
    pub(crate) const fn since(joined: Time) -> Lifetime {
        Lifetime { joined, left: Time::NEVER }
    }

    /// Whether this lifetime overlaps `span`.
    pub(crate) fn meets(&self, span: &Span) -> bool {
        self.joined <= *span.end() && *span.start() < self.left && self.joined < self.left
    }

    /// Removes this lifetime's instants from `spans`.
    pub(crate) fn take_from(&self, spans: &mut Spans) {
        // The usual case: one span that lies within the lifetime.
        if let [span] = spans.as_slice()
            && self.joined <= *span.start()
            && *span.end() < self.left
        {
            spans.clear();
            return;
        }
        *spans = spans.iter().flat_map(|span| self.rest_of(span)).collect();
    }

    /// The parts of `span` before and after this lifetime.
    fn rest_of(&self, span: &Span) -> impl Iterator<Item = Span> {
        let (start, end) = (*span.start(), *span.end());
        let parts = if self.meets(span) {
            // `joined > start`, so the subtraction does not underflow.
            let before = (self.joined > start)
                .then(|| start..=Time::from_ns(self.joined.as_ns().saturating_sub(1)));
            let after = (self.left <= end).then_some(self.left..=end);
            [before, after]
        } else {
            [Some(span.clone()), None]
        };
        parts.into_iter().flatten()
    }
}
