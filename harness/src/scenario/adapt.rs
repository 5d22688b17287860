//! Defaults that do not fit adapt; values that the user wrote never do.
//!
//! A rule that depends on other keys names the nearest value that fits
//! ([`require_or_adapt`](super::require_or_adapt)). It replaces a value that the user
//! did not write.
//!
//! The fault times, the profile and the churn rates of a named scenario suit its own length and
//! number of nodes. If the user shortens the measured phase and a fault or a change of the load no
//! longer fits, all of them move in proportion. If the user reduces the nodes and sessions become too short, churn slows down in proportion.
//!
//! **Invariant:** every change is recorded in [`Scenario::adapted`](super::Scenario::adapted).

use core::fmt;
use core::ops::Deref;
use core::time::Duration;

use serde::{Deserialize, Serialize};
use toml::Value;

use super::impossible::Impossible;
use super::source::Written;
use super::tree::{at, put};
use super::{ChurnModel, Measure, Scenario, duration};

/// The least mean session length in a named scenario, in seconds.
const STAY_MIN_S: f64 = 30.0;

/// A value that was changed because it did not fit.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Adaptation {
    /// The key.
    pub key: String,
    /// The value that did not fit, as TOML.
    pub from: String,
    /// The value that holds instead, as TOML.
    pub to: String,
    /// Why.
    pub reason: String,
}

/// `ring.successors = 9 instead of 16: it takes a whole number from 1 to 9`.
impl fmt::Display for Adaptation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Adaptation { key, from, to, reason } = self;
        write!(f, "{key} = {to} instead of {from}: {reason}")
    }
}

/// All values of a scenario that were changed because they did not fit.
///
/// Any two compare equal, because the history of a value does not affect the run.
#[derive(Clone, Debug, Default)]
pub struct Adaptations(Vec<Adaptation>);

impl Adaptations {
    /// Records a change. If the key changed before, its original value is kept.
    pub(super) fn push(&mut self, new: Adaptation) {
        match self.0.iter_mut().find(|old| old.key == new.key) {
            Some(old) => *old = Adaptation { from: std::mem::take(&mut old.from), ..new },
            None => self.0.push(new),
        }
    }
}

impl Deref for Adaptations {
    type Target = [Adaptation];

    fn deref(&self) -> &[Adaptation] {
        &self.0
    }
}

impl PartialEq for Adaptations {
    fn eq(&self, _: &Adaptations) -> bool {
        true
    }
}

/// Replaces the `wrong` value by the nearest value that fits, unless the user wrote it. Returns
/// whether the value was replaced.
pub(super) fn adapt(
    tree: &mut Value,
    wrong: &Impossible,
    written: &Written,
    scenario: &Scenario,
    adapted: &mut Adaptations,
) -> bool {
    let Some(nearest) = &wrong.nearest else { return false };
    if written.has(&wrong.path) {
        return false;
    }
    let resolved = scenario.to_table().into();
    let Some(from) = at(&resolved, &wrong.path) else { return false };
    let reason = match &wrong.accepted {
        Some(accepted) => format!("it takes {accepted}"),
        None => "it does not fit".to_owned(),
    };
    let (key, from, to) = (wrong.path.clone(), from.clone(), nearest.clone());
    from != to && replace(tree, key, from, to, &reason, adapted)
}

/// Moves the faults and the changes of the load of `scenario` that the user did not write, in
/// proportion to the measured phase, which was longer in the named scenario that it comes from.
/// Returns whether it moved any.
pub(super) fn move_times(
    tree: &mut Value,
    named: &Scenario,
    written: &Written,
    scenario: &Scenario,
    adapted: &mut Adaptations,
) -> bool {
    let (Measure::Lasting(before), Measure::Lasting(now)) =
        (named.phases.measure, scenario.phases.measure)
    else {
        return false;
    };
    if now >= before {
        return false;
    }
    let texts = [before, now].map(duration::text);
    let mut has_moved = false;
    let mut move_one = |list: &str, index: usize, what: &str, times: [(&str, Duration); 2]| {
        let [before_is, now_is] = &texts;
        let reason = format!("{what} with phases.measure, from {before_is:?} to {now_is:?}");
        for (name, time) in times {
            let key = format!("{list}.{index}.{name}");
            if time.is_zero() || written.has(&key) {
                continue;
            }
            let (from, to) = (duration::text(time), duration::text(scaled(time, before, now)));
            has_moved |= replace(tree, key, from.into(), to.into(), &reason, adapted);
        }
    };
    for (index, fault) in scenario.faults.iter().enumerate() {
        move_one("fault", index, "faults move", [("at", fault.at), fault.end()]);
    }
    for (index, change) in scenario.workload.profile.iter().flatten().enumerate() {
        let times = [("at", change.at), ("over", change.over)];
        move_one("workload.profile", index, "the profile moves", times);
    }
    has_moved
}

/// Scales the Poisson churn rates of a named scenario with the number of nodes, if the mean session
/// would be shorter than [`STAY_MIN_S`]. Does nothing if the user wrote the model or a rate.
/// Returns whether the rates changed.
pub(super) fn slow_churn(
    tree: &mut Value,
    named: &Scenario,
    written: &Written,
    scenario: &Scenario,
    adapted: &mut Adaptations,
) -> bool {
    let (before, now) = (f64::from(named.nodes), f64::from(scenario.nodes));
    let churn = &scenario.churn;
    let rates = [
        ("churn.joins_per_s", churn.joins_per_s),
        ("churn.departures_per_s", churn.departures_per_s),
    ];
    let is_fast = rates.iter().any(|(_, rate)| rate * STAY_MIN_S > now);
    let is_own = !written.has("churn.model") && !rates.iter().any(|(key, _)| written.has(key));
    if churn.model != ChurnModel::Poisson || now >= before || !is_fast || !is_own {
        return false;
    }
    let reason = format!("churn slows down with nodes, from {} to {}", named.nodes, scenario.nodes);
    for (key, rate) in rates {
        let to = (rate * now / before * 1e6).round() / 1e6;
        replace(tree, key.to_owned(), rate.into(), to.into(), &reason, adapted);
    }
    true
}

/// Sets the value of a key, and records that.
fn replace(
    tree: &mut Value,
    key: String,
    from: Value,
    to: Value,
    reason: &str,
    adapted: &mut Adaptations,
) -> bool {
    let (from, text, reason) = (from.to_string(), to.to_string(), reason.to_owned());
    let is_put = put(tree, &key, to).is_ok();
    if is_put {
        adapted.push(Adaptation { key, from, to: text, reason });
    }
    is_put
}

/// Scales `time` from a phase of length `before` to one of length `now`. A result of 100 ms or
/// more is rounded down to milliseconds.
fn scaled(time: Duration, before: Duration, now: Duration) -> Duration {
    const MS: u128 = 1_000_000;
    let ns = time.as_nanos() * now.as_nanos() / before.as_nanos().max(1);
    let rounded = if ns >= 100 * MS { ns / MS * MS } else { ns };
    Duration::from_nanos(u64::try_from(rounded).unwrap_or(u64::MAX))
}
