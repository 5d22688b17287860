//! Which lookups are traced.
//!
//! **Invariant:** number 0, which stands for no lookup, is never traced.

/// The traced lookups: those whose numbers lie in a range.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Selection {
    from: u32,
    to: u32,
}

impl Selection {
    /// No lookup.
    pub const NONE: Selection = Selection { from: 1, to: 0 };

    /// All lookups from number `from` to before number `to`.
    #[must_use]
    pub fn range(from: u32, to: u32) -> Selection {
        Selection { from: from.max(1), to }
    }

    /// Whether the lookup with this number is traced. If none is, this costs one comparison.
    #[inline]
    #[must_use]
    pub const fn contains(self, number: u32) -> bool {
        number < self.to && number >= self.from
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_has_its_numbers_but_not_0() {
        let numbers = |selection: Selection| -> Vec<u32> {
            (0..20).filter(|&number| selection.contains(number)).collect()
        };
        assert!(numbers(Selection::NONE).is_empty());
        assert_eq!(numbers(Selection::range(0, 4)), [1, 2, 3]);
        assert!(numbers(Selection::range(7, 7)).is_empty());
    }
}
