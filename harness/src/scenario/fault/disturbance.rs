//! Faults that last: for a while, messages are lost, late or wrong, or nodes stop or misjudge time.
//!
//! **Invariant:** every kind that lasts has a word in [`LASTING`].

use core::time::Duration;

use serde::{Deserialize, Serialize};

use super::Groups;
use crate::scenario::impossible::{Verdict, require, require_that};
use crate::scenario::{FaultKind, Scenario};

/// What a disturbance does.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum DisturbanceKind {
    /// Messages between the nodes it strikes and the others are lost.
    Partition(Direction),
    /// Messages between nodes of different groups are lost.
    Groups(Groups),
    /// Messages between nodes that are farther apart than this one-way delay are lost.
    Beyond(Duration),
    /// Messages from one node to another are lost. It strikes ordered pairs of nodes.
    Clog,
    /// The messages it strikes are lost.
    Loss,
    /// They arrive later by this time.
    Delay(Duration),
    /// They arrive once more, up to so much later.
    Duplicate(Duration),
    /// They arrive up to so much later, at random, so that others overtake them.
    Reorder(Duration),
    /// One bit of them is wrong.
    Corrupt,
    /// The nodes it strikes stop. When it ends they go on, with all messages that have arrived meanwhile.
    Pause,
    /// The clocks of the nodes it strikes run faster or slower by up to this share.
    Clock(f64),
    /// The nodes it strikes lie about lookups.
    Malicious(Lie),
}

/// How a malicious node lies about the lookups that reach it. Malicious nodes know each other.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Lie {
    /// It does nothing, and says that it has passed them on.
    Drop,
    /// It passes them on to a node of its tables, at random.
    Misroute,
    /// It names the malicious node that is nearest to the key as the owner, which agrees.
    Claim,
    /// As the owner it names itself, under an identifier made up for the key. Iterative lookups ask it under the
    /// identifier that they know, so to them it lies as with [`Lie::Claim`].
    Forge,
    /// It names nodes that do not exist.
    Dead,
    /// Each node lies in one of these ways, without forging identifiers.
    #[default]
    Mix,
}

/// Which messages a partition keeps from arriving.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    /// Those to the nodes it strikes, and those from them.
    #[default]
    Both,
    /// Those to the nodes it strikes.
    In,
    /// Those from the nodes it strikes.
    Out,
}

/// The words for the kinds of faults that last.
pub(super) const LASTING: &[&str] = FaultKind::WORDS.split_at(4).1;
/// The kinds with which messages arrive late.
pub(super) const LATE: &[&str] = &["delay", "duplicate", "reorder"];
/// How late, by default.
pub(super) const BY: Duration = Duration::from_millis(100);
/// The greatest difference of the speeds of clocks, and the default.
pub(super) const DRIFT_MAX: f64 = 0.1;

impl DisturbanceKind {
    /// The word for it in a scenario.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            DisturbanceKind::Partition(_)
            | DisturbanceKind::Groups(_)
            | DisturbanceKind::Beyond(_) => "partition",
            DisturbanceKind::Clog => "clog",
            DisturbanceKind::Loss => "loss",
            DisturbanceKind::Delay(_) => "delay",
            DisturbanceKind::Duplicate(_) => "duplicate",
            DisturbanceKind::Reorder(_) => "reorder",
            DisturbanceKind::Corrupt => "corrupt",
            DisturbanceKind::Pause => "pause",
            DisturbanceKind::Clock(_) => "clock",
            DisturbanceKind::Malicious(_) => "malicious",
        }
    }

    /// Whether it divides the network.
    #[must_use]
    pub fn is_partition(self) -> bool {
        self.word() == "partition"
    }

    /// Whether it strikes nodes themselves, not only their messages.
    #[must_use]
    pub fn strikes_nodes(self) -> bool {
        matches!(self, DisturbanceKind::Pause | DisturbanceKind::Clock(_))
    }

    /// Whether it is possible in a scenario: nodes that serve messages at a rate cannot be paused.
    pub(super) fn is_possible(self, all: &Scenario) -> bool {
        self != DisturbanceKind::Pause || all.network.node_rate.is_none()
    }

    /// Checks it in a scenario.
    pub(super) fn check(self, all: &Scenario, path: &impl Fn(&str) -> String) -> Verdict {
        require_that(self.is_possible(all), &path("kind"), || {
            "another kind, or leave out network.node_rate: such nodes cannot pause".to_owned()
        })?;
        match self {
            DisturbanceKind::Delay(by)
            | DisturbanceKind::Duplicate(by)
            | DisturbanceKind::Reorder(by) => require(!by.is_zero(), &path("by")),
            DisturbanceKind::Clock(drift) => {
                require(drift > 0.0 && drift <= DRIFT_MAX, &path("drift"))
            }
            DisturbanceKind::Beyond(delay) => {
                require(!delay.is_zero(), &path("beyond"))?;
                require_that(all.network.latency.is_of_pairs(), &path("beyond"), || {
                    "fraction or groups instead, or a network.latency.model in which each pair of \
                     hosts has its own delay: \"euclidean\", \"king\", \"coordinates\" or \"matrix\""
                        .to_owned()
                })
            }
            _ => Ok(()),
        }
    }
}
