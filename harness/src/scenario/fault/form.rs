//! How a fault is written: one `[[fault]]` table.
//!
//! **Invariant:** from a fault to its form and back is the identity.

use core::time::Duration;

use serde::{Deserialize, Serialize};

use super::disturbance::{BY, DRIFT_MAX};
use super::{Amount, Direction, DisturbanceKind, Fault, FaultKind, Groups, Lie, Target};
use crate::scenario::duration;

#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum FaultWord {
    Crash,
    Leave,
    Join,
    Return,
    Partition,
    Clog,
    Loss,
    Delay,
    Duplicate,
    Reorder,
    Corrupt,
    Pause,
    Clock,
    Malicious,
    Swarm,
}

/// A [`Fault`] as it is written.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FaultForm {
    #[serde(default, with = "duration")]
    at: Duration,
    #[serde(default, with = "duration", skip_serializing_if = "Duration::is_zero")]
    over: Duration,
    #[serde(default, with = "duration", skip_serializing_if = "Duration::is_zero")]
    until: Duration,
    kind: FaultWord,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    target: Option<Target>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    direction: Option<Direction>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    groups: Option<Groups>,
    #[serde(default, with = "duration::optional", skip_serializing_if = "Option::is_none")]
    beyond: Option<Duration>,
    #[serde(default, with = "duration::optional", skip_serializing_if = "Option::is_none")]
    by: Option<Duration>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    drift: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    lie: Option<Lie>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    fraction: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    count: Option<u32>,
}

impl From<FaultForm> for Fault {
    fn from(form: FaultForm) -> Fault {
        let FaultForm { at, over, until, target, fraction, count, .. } = form;
        let (lasting, by) = (FaultKind::Disturbance, form.by.unwrap_or(BY));
        let kind = match form.kind {
            FaultWord::Crash => FaultKind::Crash(target.unwrap_or_default()),
            FaultWord::Leave => FaultKind::Leave,
            FaultWord::Join => FaultKind::Join,
            FaultWord::Return => FaultKind::Return,
            FaultWord::Swarm => FaultKind::Swarm,
            FaultWord::Partition => lasting(match (form.groups, form.beyond) {
                (Some(groups), _) => DisturbanceKind::Groups(groups),
                (None, Some(delay)) => DisturbanceKind::Beyond(delay),
                (None, None) => DisturbanceKind::Partition(form.direction.unwrap_or_default()),
            }),
            FaultWord::Clog => lasting(DisturbanceKind::Clog),
            FaultWord::Loss => lasting(DisturbanceKind::Loss),
            FaultWord::Delay => lasting(DisturbanceKind::Delay(by)),
            FaultWord::Duplicate => lasting(DisturbanceKind::Duplicate(by)),
            FaultWord::Reorder => lasting(DisturbanceKind::Reorder(by)),
            FaultWord::Corrupt => lasting(DisturbanceKind::Corrupt),
            FaultWord::Pause => lasting(DisturbanceKind::Pause),
            FaultWord::Malicious => {
                lasting(DisturbanceKind::Malicious(form.lie.unwrap_or_default()))
            }
            FaultWord::Clock => lasting(DisturbanceKind::Clock(form.drift.unwrap_or(DRIFT_MAX))),
        };
        let over = if kind.lasts() { until.saturating_sub(at) } else { over };
        let amount = match (kind, fraction) {
            // All nodes are in a group, and all have distances.
            (
                FaultKind::Disturbance(DisturbanceKind::Groups(_) | DisturbanceKind::Beyond(_)),
                _,
            ) => Amount::Fraction(1.0),
            (_, Some(fraction)) => Amount::Fraction(fraction),
            (_, None) => Amount::Count(count.unwrap_or_default()),
        };
        Fault { at, over, kind, amount }
    }
}

impl From<Fault> for FaultForm {
    fn from(Fault { at, over, kind, amount }: Fault) -> FaultForm {
        let (mut target, mut direction, mut by, mut drift) = (None, None, None, None);
        let (mut groups, mut beyond, mut lie) = (None, None, None);
        let word = match kind {
            FaultKind::Crash(whom) => {
                target = Some(whom);
                FaultWord::Crash
            }
            FaultKind::Leave => FaultWord::Leave,
            FaultKind::Join => FaultWord::Join,
            FaultKind::Return => FaultWord::Return,
            FaultKind::Swarm => FaultWord::Swarm,
            FaultKind::Disturbance(kind) => match kind {
                DisturbanceKind::Partition(which) => {
                    direction = Some(which);
                    FaultWord::Partition
                }
                DisturbanceKind::Groups(shares) => {
                    groups = Some(shares);
                    FaultWord::Partition
                }
                DisturbanceKind::Beyond(delay) => {
                    beyond = Some(delay);
                    FaultWord::Partition
                }
                DisturbanceKind::Clog => FaultWord::Clog,
                DisturbanceKind::Loss => FaultWord::Loss,
                DisturbanceKind::Delay(time) => {
                    by = Some(time);
                    FaultWord::Delay
                }
                DisturbanceKind::Duplicate(time) => {
                    by = Some(time);
                    FaultWord::Duplicate
                }
                DisturbanceKind::Reorder(time) => {
                    by = Some(time);
                    FaultWord::Reorder
                }
                DisturbanceKind::Corrupt => FaultWord::Corrupt,
                DisturbanceKind::Pause => FaultWord::Pause,
                DisturbanceKind::Clock(share) => {
                    drift = Some(share);
                    FaultWord::Clock
                }
                DisturbanceKind::Malicious(how) => {
                    lie = Some(how);
                    FaultWord::Malicious
                }
            },
        };
        let (over, until) =
            if kind.lasts() { (Duration::ZERO, at + over) } else { (over, Duration::ZERO) };
        let (fraction, count) = match amount {
            Amount::Fraction(_) if groups.is_some() || beyond.is_some() => (None, None),
            Amount::Fraction(fraction) => (Some(fraction), None),
            Amount::Count(count) => (None, Some(count)),
        };
        let kind = word;
        FaultForm {
            at,
            over,
            until,
            kind,
            target,
            direction,
            groups,
            beyond,
            by,
            drift,
            lie,
            fraction,
            count,
        }
    }
}
