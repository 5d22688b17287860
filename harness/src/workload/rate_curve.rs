//! A rate that changes over time: level pieces and straight ramps.
//!
//! **Invariant:** pieces follow each other without gaps, the last one has no end, and no rate is
//! negative.

use core::time::Duration;

use hopwise_kernel::Time;

use crate::scenario::RateChange;

const NS_PER_S: f64 = 1e9;

/// See the [module](self).
#[derive(Clone, PartialEq, Debug)]
pub struct RateCurve {
    /// At least one, in order.
    pieces: Vec<Piece>,
}

/// A stretch of time in which the rate is level or changes in a straight line.
#[derive(Clone, Copy, PartialEq, Debug)]
struct Piece {
    start: Time,
    /// The rate at the start.
    per_s: f64,
    /// Its change per second.
    slope: f64,
}

impl RateCurve {
    /// Always the same rate.
    #[must_use]
    pub fn level(per_s: f64) -> RateCurve {
        let pieces = vec![Piece { start: Time::ZERO, per_s: per_s.max(0.0), slope: 0.0 }];
        RateCurve { pieces }
    }

    /// Adds the `changes` of a profile, whose times count from `start`. `per_s` gives the rate of
    /// each.
    #[must_use]
    pub fn with_changes(
        mut self,
        changes: &[RateChange],
        start: Time,
        per_s: impl Fn(&RateChange) -> f64,
    ) -> RateCurve {
        let mut before = self.pieces.last().map_or(0.0, |piece| piece.per_s);
        for change in changes {
            let after = per_s(change).max(0.0);
            if !change.over.is_zero() {
                let slope = (after - before) / change.over.as_secs_f64();
                self.pieces.push(Piece { start: start + change.at, per_s: before, slope });
            }
            self.pieces.push(Piece { start: start + change.end(), per_s: after, slope: 0.0 });
            before = after;
        }
        self
    }

    /// The time after `from` at which the integral of the rate since `from` is `mass`;
    /// [`Time::NEVER`] if it stays below. `hint` is the piece of `from`, which changes to that of
    /// the result.
    pub(super) fn after_mass(&self, from: Time, mut mass: f64, hint: &mut usize) -> Time {
        let mut at = from;
        loop {
            let piece = self.pieces[*hint];
            let wait_ns = piece.ns_to_mass(at, mass);
            let Some(end) = self.end_of(*hint) else { return at + rounded(wait_ns) };
            if wait_ns <= end.since(at).as_nanos() as f64 {
                return at + rounded(wait_ns);
            }
            mass = (mass - piece.mass(at, end)).max(0.0);
            at = end.max(at);
            *hint += 1;
        }
    }

    /// The integral of the rate from `from` to `to`. `hint` is the piece of `from`, which changes
    /// to that of `to`.
    pub(super) fn mass(&self, from: Time, to: Time, hint: &mut usize) -> f64 {
        let (mut at, mut mass) = (from, 0.0);
        while let Some(end) = self.end_of(*hint).filter(|&end| end < to) {
            mass += self.pieces[*hint].mass(at, end);
            at = end.max(at);
            *hint += 1;
        }
        mass + self.pieces[*hint].mass(at, to)
    }

    fn end_of(&self, piece: usize) -> Option<Time> {
        self.pieces.get(piece + 1).map(|next| next.start)
    }
}

impl Piece {
    fn per_s_at(&self, at: Time) -> f64 {
        (self.per_s + self.slope * at.since(self.start).as_secs_f64()).max(0.0)
    }

    /// The integral of the rate from `from` to `to`; 0 if `to` is not later.
    fn mass(&self, from: Time, to: Time) -> f64 {
        let length_s = to.since(from).as_secs_f64();
        (length_s * (self.per_s_at(from) + self.slope * length_s / 2.0)).max(0.0)
    }

    /// Nanoseconds after `from` until the integral is `mass`, if the piece had no end; may be
    /// infinite.
    fn ns_to_mass(&self, from: Time, mass: f64) -> f64 {
        let per_s = self.per_s_at(from);
        if self.slope == 0.0 {
            // In this order, as one rate has always been drawn.
            return if per_s > 0.0 { mass * (NS_PER_S / per_s) } else { f64::INFINITY };
        }
        // The root of slope / 2 · t² + per_s · t = mass, in the form that does not cancel.
        let root = (per_s * per_s + 2.0 * self.slope * mass).sqrt();
        if root.is_nan() { f64::INFINITY } else { 2.0 * mass / (per_s + root) * NS_PER_S }
    }
}

/// Rounded: truncation would raise high rates by half a nanosecond per arrival. Saturates.
fn rounded(ns: f64) -> Duration {
    Duration::from_nanos(ns.round() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::Rate;
    use proptest::prelude::*;

    fn seconds(s: f64) -> Time {
        Time::ZERO + Duration::from_secs_f64(s)
    }

    fn change(at_s: f64, per_s: f64, over_s: f64) -> RateChange {
        RateChange {
            at: Duration::from_secs_f64(at_s),
            lookups_per_s: Rate::PerSecond(per_s),
            over: Duration::from_secs_f64(over_s),
        }
    }

    fn curve(level: f64, changes: &[RateChange]) -> RateCurve {
        let per_s = |change: &RateChange| change.lookups_per_s.per_s(0.0);
        RateCurve::level(level).with_changes(changes, seconds(1.0), per_s)
    }

    #[test]
    fn steps_ramps_and_pauses_add_up() {
        let changes = [change(2.0, 50.0, 0.0), change(4.0, 0.0, 2.0), change(9.0, 30.0, 1.0)];
        let curve = curve(10.0, &changes);
        let mass = |from, to| curve.mass(seconds(from), seconds(to), &mut 0);
        assert_eq!(mass(0.0, 3.0), 30.0, "the level until the first change, 2 s into the phase");
        assert!((mass(0.0, 5.0) - 130.0).abs() < 1e-9);
        assert!((mass(0.0, 6.0) - (130.0 + 37.5)).abs() < 1e-9, "half of the ramp: 50 to 25");
        assert!((mass(0.0, 10.0) - 180.0).abs() < 1e-9, "the pause adds nothing");
        assert!((mass(0.0, 12.0) - (180.0 + 15.0 + 30.0)).abs() < 1e-9);
        let mut hint = 3;
        let next = curve.after_mass(seconds(7.5), 1e-6, &mut hint);
        assert!(next > seconds(10.0) && next < seconds(10.1), "after the pause: {next:?}");
        assert_eq!(hint, 4);
    }

    proptest! {
        #[test]
        fn inversion_and_integral_are_inverse(
            level in 0.0..1e4_f64,
            rates in prop::collection::vec((0.0..1e4_f64, 0.0..2.0_f64), 0..5),
            from in 0.0..20.0_f64,
            mass in 0.0..1e5_f64,
        ) {
            let changes: Vec<RateChange> = (0..)
                .zip(rates)
                .map(|(index, (rate, over))| change(3.0 * f64::from(index), rate, over))
                .collect();
            let curve = curve(level, &changes);
            // The piece of `from`.
            let mut start = 0;
            curve.mass(Time::ZERO, seconds(from), &mut start);
            let (mut one, mut other) = (start, start);
            let end = curve.after_mass(seconds(from), mass, &mut one);
            if end < Time::NEVER {
                let back = curve.mass(seconds(from), end, &mut other);
                prop_assert!((back - mass).abs() < 1e-4, "{back} instead of {mass}");
            } else {
                let far = curve.mass(seconds(from), seconds(1e6), &mut other);
                prop_assert!(far <= mass * (1.0 + 1e-9) + 1e-9, "{far} within reach of {mass}");
            }
        }
    }
}
