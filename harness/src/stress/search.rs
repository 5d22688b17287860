//! The search for the knee: the highest load at which the service level holds.
//!
//! ```text
//!   start ─▶ held: × growth, again …  until it breaks or the highest load holds ┐
//!         └▶ broke: ÷ 2 or more, …    until it holds or the lowest load breaks  ┤
//!                                                                               ▼
//!            bisection, in the geometric mean, until the bracket is narrow enough
//! ```
//!
//! Machines have bad moments, and no moment makes them better than they are. So a load breaks the level only
//! if it does so [`TRIES`] times. One that is certain to break, because it does not fit into memory for
//! instance, is not tried again.
//!
//! **Invariant:** a pure state machine, which ends after [`STEPS_MAX`] steps at most. No load is tried outside
//! its bounds, and none between two that are known.

/// The most steps.
pub(crate) const STEPS_MAX: u32 = 64;
/// How often a load is tried before it is said to break the level.
pub(crate) const TRIES: u32 = 3;
/// The lowest load, as a share of the first, if nothing else bounds it.
const LOWEST: f64 = 1.0 / 16.0;
/// The ratio of a load to the next lower one, while none holds, at least.
const SHRINKING: f64 = 2.0;

/// The search. See the [module](self).
#[derive(Clone, Debug)]
pub(crate) struct Search {
    lowest: f64,
    highest: f64,
    growth: f64,
    /// The bracket is narrow enough if its ends have this ratio.
    precision: f64,
    is_whole: bool,
    held: Option<f64>,
    broke: Option<f64>,
    next: Option<f64>,
    /// How often the next load has broken the level.
    breaks: u32,
    steps: u32,
}

/// How loads are tried.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Course {
    /// The first load.
    pub(crate) start: f64,
    /// The highest.
    pub(crate) highest: f64,
    /// The ratio of a load to the next, until there is a bracket.
    pub(crate) growth: f64,
    /// The ratio of the ends of a bracket that is narrow enough.
    pub(crate) precision: f64,
    /// Whether loads are whole numbers.
    pub(crate) is_whole: bool,
}

/// How a step went.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Verdict {
    /// The level held.
    Held,
    /// It did not.
    Broke,
    /// It would not hold another time either.
    BrokeForCertain,
}

impl Search {
    /// A search that has tried nothing.
    pub(crate) fn new(course: Course) -> Search {
        let Course { start, highest, growth, precision, is_whole } = course;
        let start = start.min(highest);
        Search {
            lowest: if is_whole { (start * LOWEST).max(1.0) } else { start * LOWEST },
            highest,
            growth,
            precision,
            is_whole,
            held: None,
            broke: None,
            next: Some(start),
            breaks: 0,
            steps: 0,
        }
    }

    /// The load to try; `None` if the search is over.
    pub(crate) fn next(&self) -> Option<f64> {
        self.next
    }

    /// The highest load that held.
    pub(crate) fn held(&self) -> Option<f64> {
        self.held
    }

    /// The lowest load above it that broke.
    pub(crate) fn broke(&self) -> Option<f64> {
        self.broke
    }

    /// Takes the verdict on the [next](Search::next) load.
    pub(crate) fn record(&mut self, verdict: Verdict) {
        let Some(load) = self.next else { return };
        self.steps += 1;
        match verdict {
            Verdict::Held => self.held = Some(load),
            Verdict::Broke if self.breaks + 1 < TRIES => {
                self.breaks += 1;
                // A search of so many steps has no time for this one.
                if self.steps >= STEPS_MAX {
                    self.next = None;
                }
                return;
            }
            Verdict::Broke | Verdict::BrokeForCertain => self.broke = Some(load),
        }
        self.breaks = 0;
        self.next = self.following().filter(|_| self.steps < STEPS_MAX);
    }

    fn following(&self) -> Option<f64> {
        let next = match (self.held, self.broke) {
            (None, None) => return self.next,
            (Some(held), None) if held >= self.highest => return None,
            (Some(held), None) => (held * self.growth).min(self.highest),
            (None, Some(broke)) if broke <= self.lowest => return None,
            (None, Some(broke)) => (broke / self.growth.max(SHRINKING)).max(self.lowest),
            (Some(held), Some(broke)) if broke / held <= self.precision => return None,
            (Some(held), Some(broke)) => (held * broke).sqrt(),
        };
        let next = if self.is_whole { next.round() } else { next };
        let is_known = [self.held, self.broke].contains(&Some(next));
        (!is_known).then_some(next)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const COURSE: Course = Course {
        start: 100.0,
        highest: f64::INFINITY,
        growth: 2.0,
        precision: 1.05,
        is_whole: false,
    };

    /// Searches a system. Returns the bracket and the loads.
    fn search(
        course: Course,
        mut try_load: impl FnMut(f64) -> Verdict,
    ) -> (Option<f64>, Option<f64>, Vec<f64>) {
        let mut search = Search::new(course);
        let mut loads = Vec::new();
        while let Some(load) = search.next() {
            loads.push(load);
            assert!(loads.len() <= STEPS_MAX as usize, "it ends");
            search.record(try_load(load));
        }
        (search.held(), search.broke(), loads)
    }

    fn up_to(knee: f64) -> impl FnMut(f64) -> Verdict {
        move |load| if load <= knee { Verdict::Held } else { Verdict::Broke }
    }

    proptest! {
        #[test]
        fn a_sharp_knee_is_bracketed(knee in 7.0..1e6_f64, growth in 1.2..4.0_f64) {
            let (held, broke, loads) = search(Course { growth, ..COURSE }, up_to(knee));
            let (held, broke) = (held.expect("some load holds"), broke.expect("some load breaks"));
            prop_assert!(held <= knee && knee < broke && broke / held <= 1.05 + 1e-9);
            prop_assert!(loads.len() < 64, "{loads:?}");
        }

        #[test]
        fn whole_loads_are_whole_and_end_at_neighbours(knee in 7..2000_u32) {
            let course = Course { is_whole: true, precision: 1.0, ..COURSE };
            let (held, broke, loads) = search(course, up_to(f64::from(knee)));
            prop_assert!(loads.iter().all(|load| load.fract() == 0.0));
            prop_assert_eq!((held, broke), (Some(f64::from(knee)), Some(f64::from(knee + 1))));
        }

        #[test]
        fn no_load_is_tried_outside_its_bounds_or_beyond_what_is_known(
            highest in 10.0..1e4_f64,
            verdicts in prop::collection::vec(0..3_u8, 64),
        ) {
            let mut search = Search::new(Course { highest, ..COURSE });
            for verdict in verdicts {
                let Some(load) = search.next() else { break };
                prop_assert!(load <= highest && load >= 100.0_f64.min(highest) / 16.0);
                prop_assert!(search.held().is_none_or(|held| load > held));
                prop_assert!(search.broke().is_none_or(|broke| load < broke));
                let all = [Verdict::Held, Verdict::Broke, Verdict::BrokeForCertain];
                search.record(all[usize::from(verdict)]);
            }
        }

        /// Near its knee, a real system holds at one time and breaks at another.
        #[test]
        fn a_noisy_knee_is_found_to_within_its_noise(seed in any::<u64>(), knee in 50.0..5000.0_f64) {
            let mut state = seed | 1;
            let mut uniform = move || {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                (state >> 11) as f64 / (1_u64 << 53) as f64
            };
            // The knee of each step is up to 10 % lower or higher.
            let (held, broke, _) = search(COURSE, |load| {
                let now = knee * (0.9 + 0.2 * uniform());
                if load <= now { Verdict::Held } else { Verdict::Broke }
            });
            let held = held.expect("some load holds");
            prop_assert!(held >= knee * 0.9 / 1.05 && held <= knee * 1.1, "{held} {broke:?} {knee}");
        }
    }

    #[test]
    fn a_bad_moment_does_not_hide_the_knee() {
        for bad in 0..8 {
            let mut step = 0;
            let (held, ..) = search(COURSE, |load| {
                step += 1;
                let is_bad = (bad..bad + TRIES - 1).contains(&step);
                if is_bad || load > 700.0 { Verdict::Broke } else { Verdict::Held }
            });
            assert!(held.is_some_and(|held| held > 660.0), "{held:?}");
        }
    }

    #[test]
    fn without_a_knee_within_the_bounds_the_highest_load_holds() {
        let course = Course { highest: 1000.0, ..COURSE };
        let (held, broke, loads) = search(course, up_to(1e9));
        assert_eq!((held, broke), (Some(1000.0), None));
        assert_eq!(loads, [100.0, 200.0, 400.0, 800.0, 1000.0]);
        let (held, broke, loads) = search(Course { highest: 50.0, ..COURSE }, up_to(1e9));
        assert_eq!((held, broke, loads), (Some(50.0), None, vec![50.0]));
    }

    #[test]
    fn a_system_that_breaks_at_once_ends_at_the_lowest_load() {
        let (held, broke, loads) = search(COURSE, up_to(0.0));
        assert_eq!((held, broke), (None, Some(100.0 / 16.0)));
        assert_eq!(loads.len(), 5 * TRIES as usize, "{loads:?}");
        let (held, broke, loads) = search(COURSE, |_| Verdict::BrokeForCertain);
        assert_eq!((held, broke, loads.len()), (None, Some(100.0 / 16.0), 5));
    }

    #[test]
    fn nothing_is_recorded_after_the_end() {
        let mut search = Search::new(Course { highest: 100.0, ..COURSE });
        search.record(Verdict::Held);
        assert_eq!(search.next(), None);
        search.record(Verdict::BrokeForCertain);
        assert_eq!((search.held(), search.broke()), (Some(100.0), None));
    }
}
