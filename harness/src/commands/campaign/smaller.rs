//! Smaller versions of a scenario: fewer nodes, fewer faults, a shorter measured phase.
//!
//! **Invariant:** nothing is judged here. Not every version is a valid scenario.

use core::ops::Range;
use core::time::Duration;

use crate::Scenario;
use crate::scenario::{Amount, ChurnModel, Fault, Measure};

/// Times of faults are rounded to this.
pub(super) const TICK: Duration = Duration::from_millis(100);

/// The length of a measured phase in whole units.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Length {
    /// A number of these units of time.
    Lasting(u64, Duration),
    /// A number of lookups.
    Lookups(u64),
}

impl Length {
    /// The length of the measured phase of `scenario`, rounded up.
    pub(super) fn of(scenario: &Scenario) -> Length {
        match scenario.phases.measure {
            Measure::Lasting(length) => Length::lasting(length),
            Measure::Lookups(count) => Length::Lookups(count),
        }
    }

    /// This time, rounded up: in units of 1 s, or 100 ms if it is short.
    pub(super) fn lasting(time: Duration) -> Length {
        let unit = if time < Duration::from_secs(10) { TICK } else { Duration::from_secs(1) };
        let units = time.as_nanos().div_ceil(unit.as_nanos());
        Length::Lasting(u64::try_from(units).unwrap_or(u64::MAX), unit)
    }

    /// The number of units.
    pub(super) fn units(self) -> u64 {
        match self {
            Length::Lasting(units, _) | Length::Lookups(units) => units,
        }
    }

    /// Another number of the same units.
    pub(super) fn with_units(self, units: u64) -> Length {
        match self {
            Length::Lasting(_, unit) => Length::Lasting(units, unit),
            Length::Lookups(_) => Length::Lookups(units),
        }
    }

    fn measure(self) -> Measure {
        match self {
            Length::Lasting(units, unit) => {
                Measure::Lasting(unit.saturating_mul(u32::try_from(units).unwrap_or(u32::MAX)))
            }
            Length::Lookups(count) => Measure::Lookups(count),
        }
    }
}

/// The scenario with times of faults in tenths of a second and their fractions in thousandths, as people
/// write them.
pub(super) fn rounded(scenario: &Scenario) -> Scenario {
    let mut rounded = scenario.clone();
    for fault in &mut rounded.faults {
        let end = whole_ticks(fault.at + fault.over);
        fault.at = whole_ticks(fault.at);
        if !fault.over.is_zero() {
            fault.over = end.saturating_sub(fault.at).max(TICK);
        }
        if let Amount::Fraction(fraction) = &mut fault.amount {
            *fraction = ((*fraction * 1000.0).round() / 1000.0).max(fraction.min(0.001));
        }
    }
    rounded
}

fn whole_ticks(time: Duration) -> Duration {
    let ticks = time.as_millis() / TICK.as_millis();
    TICK.saturating_mul(u32::try_from(ticks).unwrap_or(u32::MAX))
}

/// The scenario without these of its faults.
pub(super) fn without_faults(scenario: &Scenario, gone: Range<usize>) -> Scenario {
    let mut rest = scenario.clone();
    rest.faults.drain(gone);
    rest
}

/// The scenario without churn and with an even load.
pub(super) fn steady(scenario: &Scenario) -> Scenario {
    let mut steady = scenario.clone();
    steady.churn.model = ChurnModel::Off;
    steady.workload.profile = None;
    steady
}

/// The scenario with so many nodes. Faults that strike a number of nodes strike as large a part of them.
pub(super) fn with_nodes(scenario: &Scenario, nodes: u32) -> Scenario {
    let mut smaller = Scenario { nodes, ..scenario.clone() };
    let part = |count: u32| {
        let part = u64::from(count) * u64::from(nodes) / u64::from(scenario.nodes.max(1));
        u32::try_from(part).unwrap_or(count).max(1)
    };
    for Fault { amount, .. } in &mut smaller.faults {
        if let Amount::Count(count) = amount {
            *count = part(*count);
        }
    }
    smaller
}

/// The scenario in which all faults, and the end of the measured phase, come earlier by this time; `None` if
/// the load changes at times of its own, or a fault does not begin so late.
pub(super) fn earlier(scenario: &Scenario, by: Duration) -> Option<Scenario> {
    let mut sooner = scenario.clone();
    let Measure::Lasting(length) = &mut sooner.phases.measure else { return None };
    *length = length.checked_sub(by)?;
    for fault in &mut sooner.faults {
        fault.at = fault.at.checked_sub(by)?;
    }
    sooner.workload.profile.is_none().then_some(sooner)
}

/// The scenario with a measured phase of this length. Faults and changes of the load that begin after its
/// end are left out; those that end later end with it.
pub(super) fn with_length(scenario: &Scenario, length: Length) -> Scenario {
    let mut shorter = scenario.clone();
    shorter.phases.measure = length.measure();
    let Measure::Lasting(end) = shorter.phases.measure else { return shorter };
    shorter.faults.retain(|fault| fault.at < end);
    for fault in &mut shorter.faults {
        fault.over = fault.over.min(end - fault.at);
    }
    let mut profile = shorter.workload.profile.take().unwrap_or_default();
    profile.retain(|change| change.at < end);
    for change in &mut profile {
        change.over = change.over.min(end - change.at);
    }
    shorter.workload.profile = Some(profile).filter(|profile| !profile.is_empty());
    shorter
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::{DisturbanceKind, FaultKind, Target};
    use crate::systems::Registry;

    fn scenario() -> Scenario {
        let toml = "engine = \"sim\"
            nodes = 100
            phases.measure = \"60s\"
            fault = [
              { at = \"1s\", kind = \"crash\", count = 10 },
              { at = \"2s 345ms\", until = \"40s\", kind = \"loss\", fraction = 0.12345 },
              { at = \"50s\", until = \"55s\", kind = \"clog\", fraction = 0.1 },
            ]
            workload.profile = [{ at = \"10s\", lookups_per_s = 5, over = \"10s\" },
                                { at = \"30s\", lookups_per_s = 9 }]";
        Registry::built_in().from_toml(toml, "test", &[]).expect("it is valid")
    }

    #[test]
    fn a_shorter_phase_has_only_what_fits() {
        let short = with_length(&scenario(), Length::Lasting(15, Duration::from_secs(1)));
        assert_eq!(short.phases.measure, Measure::Lasting(Duration::from_secs(15)));
        let [crash, loss] = &short.faults[..] else { panic!("{:?}", short.faults) };
        assert_eq!(crash.kind, FaultKind::Crash(Target::Random));
        assert_eq!(loss.kind, FaultKind::Disturbance(DisturbanceKind::Loss));
        assert_eq!(loss.at + loss.over, Duration::from_secs(15));
        let profile = short.workload.profile.expect("one change is left");
        let times: Vec<_> = profile.iter().map(|it| (it.at.as_secs(), it.over.as_secs())).collect();
        assert_eq!(times, [(10, 5)]);
    }

    #[test]
    fn all_faults_come_earlier_together() {
        let by = Duration::from_secs(1);
        assert_eq!(earlier(&scenario(), by), None, "the load changes");
        let sooner = earlier(&steady(&scenario()), by).expect("each begins later than that");
        let times: Vec<_> = sooner.faults.iter().map(|it| (it.at, it.over)).collect();
        let before = scenario().faults.into_iter().map(|it| (it.at - by, it.over));
        assert_eq!(times, before.collect::<Vec<_>>());
        assert_eq!(sooner.phases.measure, Measure::Lasting(Duration::from_secs(59)));
        assert_eq!(earlier(&sooner, by), None, "the first begins at once");
    }

    #[test]
    fn fewer_nodes_keep_the_strength_of_faults() {
        let counts = |nodes| with_nodes(&scenario(), nodes).faults[0].amount;
        assert_eq!(counts(50), Amount::Count(5));
        assert_eq!(counts(3), Amount::Count(1));
    }

    #[test]
    fn rounded_times_are_still_within_the_phase() {
        let loss = &rounded(&scenario()).faults[1];
        assert_eq!(loss.at, Duration::from_millis(2300));
        assert_eq!(loss.at + loss.over, Duration::from_secs(40));
        assert_eq!(loss.amount, Amount::Fraction(0.123));
    }
}
