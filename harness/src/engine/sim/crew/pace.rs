//! Decides whether helpers take part in the next rounds, by what is faster at present.
//!
//! Stretches of rounds alone and together take turns, and their speeds are compared. The slower way is
//! only tried again and again: each time it is slower, the stretches of the other become twice as long
//! and its own half as long, down to the shortest one. So one wrong judgement costs little.
//!
//! ```text
//!   alone      ─    ──      ────          ────────                  together is slower
//!   together    ─     ─         ─                 ─
//! ```
//!
//! **Invariant:** only the speed of a run depends on it.

use std::time::Duration;

/// The shortest stretch, and its least number of rounds.
const UNIT: Duration = Duration::from_millis(1);
const UNIT_ROUNDS: u64 = 2;
/// The longest stretch, in units.
const UNITS_MAX: u32 = 512;

/// Who runs the shards of a round.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Way {
    /// The lead.
    Alone,
    /// The lead and the helpers.
    Together,
}

/// See the [module](self).
#[derive(Debug)]
pub(super) struct Pace {
    way: Way,
    present: Stretch,
    /// The last stretch of the other way; `None` before its first one.
    other: Option<Stretch>,
}

/// Rounds of one way.
#[derive(Clone, Copy, Debug)]
struct Stretch {
    /// Its planned length.
    units: u32,
    rounds: u64,
    elapsed: Duration,
    events: u64,
}

impl Default for Pace {
    fn default() -> Pace {
        Pace { way: Way::Alone, present: Stretch::new(1), other: None }
    }
}

impl Pace {
    /// How to run the next round.
    pub(super) fn way(&self) -> Way {
        self.way
    }

    /// Counts a round: the time since the one before, and the events in it.
    pub(super) fn after_round(&mut self, elapsed: Duration, events: u64) {
        self.present.add(elapsed, events);
        if !self.present.is_over() {
            return;
        }
        let longer = |units: u32| (2 * units).min(UNITS_MAX);
        let shorter = |units: u32| (units / 2).max(1);
        let (present, other) = match self.other {
            None => (1, 1),
            Some(other) if self.present.is_faster_than(&other) => {
                (longer(self.present.units), shorter(other.units))
            }
            Some(other) => (shorter(self.present.units), longer(other.units)),
        };
        self.other = Some(Stretch { units: present, ..self.present });
        self.present = Stretch::new(other);
        self.way = match self.way {
            Way::Alone => Way::Together,
            Way::Together => Way::Alone,
        };
    }
}

impl Stretch {
    const fn new(units: u32) -> Stretch {
        Stretch { units, rounds: 0, elapsed: Duration::ZERO, events: 0 }
    }

    fn add(&mut self, elapsed: Duration, events: u64) {
        self.rounds += 1;
        self.elapsed += elapsed;
        self.events += events;
    }

    fn is_over(&self) -> bool {
        self.elapsed >= UNIT * self.units && self.rounds >= UNIT_ROUNDS * u64::from(self.units)
    }

    /// Whether its rounds took less time for an event.
    fn is_faster_than(&self, other: &Stretch) -> bool {
        self.elapsed.as_secs_f64() * (other.events as f64)
            < other.elapsed.as_secs_f64() * self.events as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The share of the time that is spent together in `time`, if an event then takes `together` as
    /// long as alone.
    fn share_together(pace: &mut Pace, together: f64, time: Duration) -> f64 {
        let (mut sum, mut all) = (Duration::ZERO, Duration::ZERO);
        while all < time {
            let way = pace.way();
            let elapsed = Duration::from_micros(20).mul_f64(match way {
                Way::Alone => 1.0,
                Way::Together => together,
            });
            pace.after_round(elapsed, 40);
            all += elapsed;
            sum += if way == Way::Together { elapsed } else { Duration::ZERO };
        }
        sum.as_secs_f64() / all.as_secs_f64()
    }

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn the_faster_way_gets_nearly_all_the_time() {
        let early = share_together(&mut Pace::default(), 0.6, SECOND / 5);
        assert!(early > 0.93, "{early}");
        let late = share_together(&mut Pace::default(), 0.6, 60 * SECOND);
        assert!(late > 0.99, "{late}");
        let slower = share_together(&mut Pace::default(), 1.2, 60 * SECOND);
        assert!(slower < 0.01, "{slower}");
    }

    /// Other programs start and end.
    #[test]
    fn the_pace_follows_what_is_faster_at_present() {
        let mut pace = Pace::default();
        for _ in 0..3 {
            share_together(&mut pace, 0.6, 10 * SECOND);
            share_together(&mut pace, 5.0, 10 * SECOND);
            let slower = share_together(&mut pace, 5.0, 10 * SECOND);
            assert!(slower < 0.02, "{slower}");
            share_together(&mut pace, 0.6, 10 * SECOND);
            let faster = share_together(&mut pace, 0.6, 10 * SECOND);
            assert!(faster > 0.98, "{faster}");
        }
    }

    #[test]
    fn one_wrong_judgement_costs_little() {
        let mut pace = Pace::default();
        share_together(&mut pace, 0.6, 60 * SECOND);
        while pace.way() == Way::Together {
            pace.after_round(UNIT, 2000);
        }
        // The trial alone seems ten times faster.
        while pace.way() == Way::Alone {
            pace.after_round(UNIT, 20_000);
        }
        let after = share_together(&mut pace, 0.6, SECOND);
        assert!(after > 0.98, "{after}");
    }
}
