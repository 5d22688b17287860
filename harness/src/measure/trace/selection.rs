//! Which lookups are traced.
//!
//! **Invariant:** number 0, which stands for no lookup, is never traced.

/// The traced lookups: some of those whose numbers lie in a range.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Selection {
    from: u32,
    to: u32,
    every: u32,
}

impl Selection {
    /// No lookup.
    pub const NONE: Selection = Selection { from: 1, to: 0, every: 1 };

    /// All lookups from number `from` to before number `to`.
    #[must_use]
    pub fn range(from: u32, to: u32) -> Selection {
        Selection::sample(from, to, 1)
    }

    /// The lookup with number `from` and each `every`-th one after it, to before number `to`.
    #[must_use]
    pub fn sample(from: u32, to: u32, every: u32) -> Selection {
        Selection { from: from.max(1), to, every: every.max(1) }
    }

    /// Whether the lookup with this number is traced. If none is, this costs one comparison.
    #[inline]
    #[must_use]
    pub const fn contains(self, number: u32) -> bool {
        number < self.to && number >= self.from && (number - self.from).is_multiple_of(self.every)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_has_each_so_many_of_a_range() {
        let numbers = |selection: Selection| -> Vec<u32> {
            (0..20).filter(|&number| selection.contains(number)).collect()
        };
        assert!(numbers(Selection::NONE).is_empty());
        assert_eq!(numbers(Selection::range(0, 4)), [1, 2, 3]);
        assert!(numbers(Selection::range(7, 7)).is_empty());
        assert_eq!(numbers(Selection::sample(3, 14, 5)), [3, 8, 13]);
        assert_eq!(numbers(Selection::sample(18, u32::MAX, 0)), [18, 19]);
    }
}
