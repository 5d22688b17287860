//! The budget of retransmissions of a shard that is behind its schedule.
//!
//! **Invariant:** plain arithmetic. Only lookups have a budget; maintenance retransmits as its timers say.

/// First transmissions per retransmission.
const FIRST_PER_RETRANSMISSION: u32 = 5;
/// Retransmissions that can be saved up, for a sudden crash of many nodes.
const SAVED_MAX: u32 = 4096;

/// Retransmissions that are allowed, in units of 1 / [`FIRST_PER_RETRANSMISSION`].
#[derive(Clone, Copy, Debug)]
pub(super) struct Budget(u32);

impl Default for Budget {
    fn default() -> Budget {
        Budget(SAVED_MAX * FIRST_PER_RETRANSMISSION)
    }
}

impl Budget {
    /// Counts a lookup that was sent.
    #[inline]
    pub(super) fn earn(&mut self) {
        self.0 = (self.0 + 1).min(SAVED_MAX * FIRST_PER_RETRANSMISSION);
    }

    /// Takes one retransmission out of the budget. Returns false if there is none.
    pub(super) fn spend(&mut self) -> bool {
        let left = self.0.checked_sub(FIRST_PER_RETRANSMISSION);
        self.0 = left.unwrap_or(self.0);
        left.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fifth_of_what_is_sent_may_be_sent_again() {
        let mut budget = Budget::default();
        let saved = (0..).take_while(|_| budget.spend()).count();
        assert_eq!(saved, SAVED_MAX as usize);
        let mut again = 0;
        for _ in 0..1000 {
            budget.earn();
            again += u32::from(budget.spend());
        }
        assert_eq!(again, 1000 / FIRST_PER_RETRANSMISSION);
    }
}
