//! The order of binaries in a round, and the end of a series.
//!
//! **Invariant:** over two rounds, each binary goes first once, so that a steady drift of the
//! machine affects both alike.

use std::time::Duration;

use serde::Serialize;

use super::sample::{Sample, Side};

/// A sample of each binary, taken one after the other.
#[derive(Clone, Debug, Serialize)]
pub struct Round {
    /// In the order in which they were taken.
    pub samples: Vec<Sample>,
}

/// The limit at which a series ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// After this many valid rounds, or twice as many rounds in total.
    Rounds(u32),
    /// After this time.
    Time(Duration),
}

/// The order of binaries in this round: old, new and new, old in turns.
#[must_use]
pub fn order(round: u32, has_old: bool) -> &'static [Side] {
    match (has_old, round % 2) {
        (false, _) => &[Side::New],
        (true, 0) => &[Side::Old, Side::New],
        (true, _) => &[Side::New, Side::Old],
    }
}

impl Round {
    /// The sample of a binary.
    #[must_use]
    pub fn of(&self, side: Side) -> Option<&Sample> {
        self.samples.iter().find(|sample| sample.side == side)
    }

    /// The greatest load by others during one of the samples.
    #[must_use]
    pub fn busy_share(&self) -> f64 {
        self.samples.iter().map(|sample| sample.load.share()).fold(0.0, f64::max)
    }
}

impl Limit {
    /// Whether the series ends after `taken` rounds, `valid` of them valid. If binaries take turns,
    /// it ends only after an even number.
    #[must_use]
    pub fn is_reached(self, taken: u32, valid: u32, elapsed: Duration, takes_turns: bool) -> bool {
        if taken == 0 || takes_turns && taken % 2 == 1 {
            return false;
        }
        match self {
            Limit::Rounds(rounds) => valid >= rounds || taken >= 2 * rounds,
            Limit::Time(time) => elapsed >= time,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_steady_drift_hits_both_binaries_alike() {
        let turns: Vec<Side> = (0..6).flat_map(|round| order(round, true)).copied().collect();
        let when = |side| {
            let turns = turns.iter().enumerate().filter(|&(_, &turn)| turn == side);
            turns.map(|(time, _)| time).sum::<usize>()
        };
        assert_eq!(turns[..4], [Side::Old, Side::New, Side::New, Side::Old]);
        assert_eq!(when(Side::Old), when(Side::New));
        assert_eq!(order(3, false), [Side::New]);
    }

    #[test]
    fn repetitions_of_invalid_rounds_are_bounded() {
        let over =
            |taken, valid| Limit::Rounds(4).is_reached(taken, valid, Duration::from_secs(9), true);
        assert!(!over(0, 0) && !over(4, 3) && !over(6, 3) && !over(5, 4));
        assert!(over(4, 4) && over(6, 4) && over(8, 0));
        let alone = |taken, valid| Limit::Rounds(3).is_reached(taken, valid, Duration::ZERO, false);
        assert!(!alone(3, 2) && alone(3, 3) && alone(6, 0));
    }

    #[test]
    fn time_ends_a_series_after_a_whole_pair_of_rounds() {
        let limit = Limit::Time(Duration::from_secs(10));
        let over = |taken, s| limit.is_reached(taken, 0, Duration::from_secs(s), true);
        assert!(!over(0, 60) && !over(1, 60) && !over(2, 9));
        assert!(over(2, 10));
    }
}
