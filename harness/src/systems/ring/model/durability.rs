//! What is lost when several neighbors fail at once.
//!
//! *Items.* An item lies at k nodes. Each departs without notice at the rate μ, and a copy is made anew within the
//! time w. The item is lost if the other k − 1 fail before that, one after the other (Ramabhadran and Pasquale,
//! *Analysis of long-running replicated systems*, INFOCOM 2006; the mean time to data loss of a repairable group):
//!
//! ```text
//!   losses per second = k μ · Π_{i = 1 … k−1} (k − i) p        p = P(a holder is gone within w)
//! ```
//!
//! *Nodes.* A node is isolated if all its r successors fail before it has refreshed its list. An entry at place i
//! is up to i rounds of stabilize old:
//!
//! ```text
//!   isolations per second = μ · Π_{i = 2 … r} P(gone within i rounds)
//! ```
//!
//! **Invariant:** probabilities, not more than 1.

use crate::measure::quantity::YEAR_S;
use crate::plan::Sessions;

/// The probability that an item with `replicas` copies is lost within a year, if departures without notice are a
/// share `crashes` and a copy takes `repair_s` to make.
pub(super) fn loss_per_year(
    sessions: &Sessions,
    crashes: f64,
    replicas: u32,
    repair_s: f64,
) -> f64 {
    let others = (1..replicas)
        .map(|i| (f64::from(replicas - i) * crashes * sessions.gone(repair_s)).min(1.0))
        .product::<f64>();
    let per_s = f64::from(replicas) * sessions.departures_per_s() * crashes * others;
    -(-per_s * YEAR_S).exp_m1()
}

/// How often a node loses all of `successors` at once, per year.
pub(super) fn isolations_per_year(
    sessions: &Sessions,
    crashes: f64,
    successors: u32,
    round_s: f64,
    detection_s: f64,
) -> f64 {
    let gone = |place: u32| crashes * sessions.gone(f64::from(place) * round_s + detection_s);
    let others = (2..=successors).map(gone).product::<f64>();
    sessions.departures_per_s() * crashes * others * YEAR_S
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use super::*;
    use crate::scenario::Lengths;

    fn hour() -> Sessions {
        Sessions::new(Some(Lengths::Exponential { mean: Duration::from_secs(3600) }))
    }

    #[test]
    fn one_copy_is_lost_with_its_holder() {
        let stable = Lengths::Exponential { mean: Duration::from_secs(3_155_760_000) };
        let loss = loss_per_year(&Sessions::new(Some(stable)), 1.0, 1, 1.0);
        assert!((loss / 0.01 - 1.0).abs() < 0.01, "a hundred years: {loss}");
    }

    /// Two copies: 2 μ · μ w, for μ w ≪ 1.
    #[test]
    fn two_copies_are_lost_if_both_fail_within_a_repair() {
        let loss = loss_per_year(&hour(), 1.0, 2, 1e-6);
        let expected = 2.0 / 3600.0 * 1e-6 / 3600.0 * YEAR_S;
        assert!((loss / expected - 1.0).abs() < 0.01, "{loss} {expected}");
    }

    #[test]
    fn more_copies_and_faster_repair_lose_less() {
        let by_copies = [1, 2, 3, 5, 8].map(|copies| -loss_per_year(&hour(), 1.0, copies, 30.0));
        assert!(by_copies.is_sorted(), "{by_copies:?}");
        let by_repair = [1.0, 10.0, 100.0].map(|s| loss_per_year(&hour(), 1.0, 3, s));
        assert!(by_repair.is_sorted());
        let isolations = [2, 4, 8, 16].map(|r| -isolations_per_year(&hour(), 0.5, r, 30.0, 5.0));
        assert!(isolations.is_sorted());
        assert_eq!(loss_per_year(&hour(), 0.0, 1, 30.0), 0.0, "announced departures lose nothing");
    }
}
