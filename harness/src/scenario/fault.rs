//! Faults: what goes wrong at a stated time of the measured phase.
//!
//! In TOML each is a `[[fault]]` table, [`FaultForm`].
//!
//! **Invariant:** from a fault to its form and back is the identity.

use core::time::Duration;

use serde::{Deserialize, Serialize};

use super::impossible::{Verdict, is_share, require, require_or_adapt, require_that};
use super::key::{DURATION, Key, Kind};
use super::{Measure, POPULATION_MAX, Scenario, duration};

/// Something that goes wrong at a stated time.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(from = "FaultForm", into = "FaultForm")]
pub struct Fault {
    /// When it begins, after the start of the measured phase.
    pub at: Duration,
    /// Length of the fault: it affects its nodes at even intervals. Zero: all at once.
    pub over: Duration,
    /// What happens.
    pub kind: FaultKind,
    /// To how many nodes.
    pub amount: Amount,
}

/// What happens to the nodes a [`Fault`] strikes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FaultKind {
    /// They stop without notice.
    Crash(Target),
    /// They leave, announced.
    Leave,
    /// New nodes join through the protocol.
    Join,
    /// Nodes that earlier faults crashed come back, with their identifiers and addresses.
    Return,
}

/// Which nodes a crash strikes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Target {
    /// Random ones.
    #[default]
    Random,
    /// The node that received the most messages.
    Busiest,
}

/// How many nodes a [`Fault`] strikes.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Amount {
    /// `fraction`: share of the nodes that are alive when the fault begins, 0 … 1. For a return:
    /// share of the nodes that faults crashed and that have not come back.
    Fraction(f64),
    /// `count`: this many.
    Count(u32),
}

/// The keys of faults.
pub(super) const KEYS: &[Key] = &[
    Key::new(
        "fault",
        Kind::Tables,
        "[[fault]] tables, each with at, kind, and fraction or count",
        "What goes wrong at a stated time: any number of [[fault]] tables.",
    ),
    Key::duration("fault.at", DURATION, "Time of the fault, from the start of the measured phase."),
    Key::duration(
        "fault.over",
        DURATION,
        "Length of the fault: it affects its nodes at even intervals. 0s: all at once.",
    ),
    Key::word(
        "fault.kind",
        &["crash", "leave", "join", "return"],
        "What happens. crash: nodes stop without notice. leave: they leave, announced. join: new \
         nodes join. return: nodes that earlier faults crashed come back.",
    ),
    Key::word(
        "fault.target",
        &["random", "busiest"],
        "Which nodes crash: random ones, or the one that received the most messages.",
    )
    .only_with("kind", &["crash"]),
    Key::share(
        "fault.fraction",
        "Share of the nodes that are alive when the fault begins. kind = return: share of the \
         nodes that faults crashed and that have not come back.",
    ),
    Key::integer("fault.count", "a whole number, at least 1", "Number of nodes."),
];

/// Groups of keys of which at most one may be written.
pub(super) const ALTERNATIVES: &[&[&str]] = &[&["fault.fraction", "fault.count"]];

/// Keys without a default: of each group one must be written. With what to call the group.
pub(super) const REQUIRED: [(&[&str], &str); 2] =
    [(&["kind"], "kind"), (&["fraction", "count"], "fraction or count")];

/// Checks all faults of a scenario.
pub(super) fn check(all: &Scenario) -> Verdict {
    (0..all.faults.len()).try_for_each(|index| check_one(all, index))
}

fn check_one(all: &Scenario, index: usize) -> Verdict {
    let fault = &all.faults[index];
    let path = |key: &str| format!("fault.{index}.{key}");
    let can_return = fault.kind != FaultKind::Return || follows_a_crash(all, index);
    require_that(can_return, &path("kind"), || {
        "\"crash\", \"leave\" or \"join\", or add an earlier fault of kind \"crash\": only \
         nodes that a fault crashed can return"
            .to_owned()
    })?;
    let only_one = fault.kind == FaultKind::Crash(Target::Busiest);
    require_that(!only_one || fault.amount == Amount::Count(1), &path("target"), || {
        format!("\"random\", or fault.{index}.count = 1: only one node is the busiest")
    })?;
    match fault.amount {
        Amount::Fraction(fraction) => require(is_share(fraction), &path("fraction"))?,
        Amount::Count(count) => {
            require((1..=POPULATION_MAX).contains(&count), &path("count"))?;
            let present = u64::from(all.nodes) + all.joining_in_faults();
            let possible = fault.kind == FaultKind::Join || u64::from(count) <= present;
            require_or_adapt(possible, &path("count"), present as i64, || {
                format!("a whole number from 1 to {present}, as many nodes as there are")
            })?;
        }
    }
    if let Measure::Lasting(end) = all.phases.measure {
        let end_is = || format!("phases.measure = {:?}", duration::text(end));
        require_that(fault.at < end, &path("at"), || format!("a duration below {}", end_is()))?;
        require_that(fault.over <= end - fault.at, &path("over"), || {
            format!("a duration that, after at, ends within {}", end_is())
        })?;
    }
    Ok(())
}

/// Whether a fault before this one crashes nodes. Of faults that begin together, the one written
/// first is before the other.
fn follows_a_crash(all: &Scenario, index: usize) -> bool {
    let begins = |index: usize, fault: &Fault| (fault.at, index);
    let this = begins(index, &all.faults[index]);
    all.faults.iter().enumerate().any(|(other, fault)| {
        matches!(fault.kind, FaultKind::Crash(_)) && begins(other, fault) < this
    })
}

impl Scenario {
    /// Nodes that join in faults.
    pub(super) fn joining_in_faults(&self) -> u64 {
        let joins = self.faults.iter().filter(|fault| fault.kind == FaultKind::Join);
        joins
            .map(|fault| match fault.amount {
                Amount::Count(count) => u64::from(count),
                Amount::Fraction(fraction) => (fraction * f64::from(self.nodes)).ceil() as u64,
            })
            .sum()
    }
}

#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum FaultWord {
    Crash,
    Leave,
    Join,
    Return,
}

/// A [`Fault`] as it is written.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct FaultForm {
    #[serde(default, with = "duration")]
    at: Duration,
    #[serde(default, with = "duration")]
    over: Duration,
    kind: FaultWord,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    target: Option<Target>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    fraction: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    count: Option<u32>,
}

impl From<FaultForm> for Fault {
    fn from(form: FaultForm) -> Fault {
        let FaultForm { at, over, kind, target, fraction, count } = form;
        let kind = match kind {
            FaultWord::Crash => FaultKind::Crash(target.unwrap_or_default()),
            FaultWord::Leave => FaultKind::Leave,
            FaultWord::Join => FaultKind::Join,
            FaultWord::Return => FaultKind::Return,
        };
        let amount = fraction.map_or(Amount::Count(count.unwrap_or_default()), Amount::Fraction);
        Fault { at, over, kind, amount }
    }
}

impl From<Fault> for FaultForm {
    fn from(Fault { at, over, kind, amount }: Fault) -> FaultForm {
        let (kind, target) = match kind {
            FaultKind::Crash(target) => (FaultWord::Crash, Some(target)),
            FaultKind::Leave => (FaultWord::Leave, None),
            FaultKind::Join => (FaultWord::Join, None),
            FaultKind::Return => (FaultWord::Return, None),
        };
        let (fraction, count) = match amount {
            Amount::Fraction(fraction) => (Some(fraction), None),
            Amount::Count(count) => (None, Some(count)),
        };
        FaultForm { at, over, kind, target, fraction, count }
    }
}
