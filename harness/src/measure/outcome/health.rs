//! Figures of the health of a system: its tables, its members' deaths, and what it makes of its load.
//!
//! **Invariant:** units are in the names, and a figure that a run does not have is missing, never 0.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::statistics::{in_us, nearest_rank_of, per};

/// How well the system is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Health {
    /// What is done beside what is asked.
    pub goodput: Goodput,
    /// The tables of members, compared with the exact ring of the live members; `None` if nodes form
    /// no ring, or if the measured phase was too short for a sample.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tables: Option<Tables>,
    /// Who was declared dead, and who was dead; `None` if nodes form no ring.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deaths: Option<Deaths>,
    /// Retransmissions of requests whose earlier attempt was answered.
    pub spurious_retransmissions: u64,
    /// CPU time of the whole process, user and system, in the measured phase, per completed lookup,
    /// in microseconds. Over UDP only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu_us_per_lookup: Option<f64>,
}

/// The load that was offered and what came of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Goodput {
    /// Lookups issued per second, those that were shed included.
    pub offered_per_s: f64,
    /// Lookups completed correctly per second.
    pub correct_per_s: f64,
}

/// The tables of live members, sampled at whole seconds of the measured phase. What a table should
/// hold follows from the live members at the same instant.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Tables {
    /// The number of samples. The simulator takes one a second, or fewer if they would cost more
    /// than about 2 % of its work.
    pub samples: u64,
    /// Members whose tables were looked at, in the sample with the most. Over UDP, of more than
    /// 20,000 nodes a fixed part is looked at.
    pub nodes: u64,
    /// First successors: the first entry of each list.
    pub first_successors: Flaws,
    /// Places of successor lists, the first included.
    pub successors: Flaws,
    /// Finger slots beyond the successor list that have an entry or should have one.
    pub fingers: Flaws,
    /// The number of rings; `None` if not all members were looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rings: Option<Rings>,
    /// The ownership of keys; `None` if not all members were looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ownership: Option<Ownership>,
}

/// Shares of places in tables.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Flaws {
    /// Places without the entry that the exact ring would have there.
    pub wrong: MeanMax,
    /// Entries that name a node that is not a live member. All of them are also wrong.
    pub dead: MeanMax,
}

/// A share over all samples.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct MeanMax {
    /// Mean.
    pub mean: f64,
    /// Maximum.
    pub max: f64,
}

/// The number of rings: cycles of members, each pointing to the first live entry of its successor
/// list. A member that only hangs off a cycle is in none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rings {
    /// The most in any sample.
    pub max: u64,
    /// In the last sample.
    pub last: u64,
}

/// Shares of the key space by the number of live members that claim a key. A member claims the keys
/// from its predecessor, excluded, to itself; without a predecessor it claims nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Ownership {
    /// Claimed by no member.
    pub none: MeanWorst,
    /// Claimed by exactly one member, as all keys should be.
    pub one: MeanWorst,
    /// Claimed by two members.
    pub two: MeanWorst,
    /// Claimed by more than two members.
    pub more: MeanWorst,
}

/// A share over all samples.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct MeanWorst {
    /// Mean.
    pub mean: f64,
    /// The minimum of the share that one member claims, the maximum of the others.
    pub worst: f64,
}

/// Members that others declared dead, in the measured phase.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Deaths {
    /// Times a node declared a live member dead.
    pub false_deaths: u64,
    /// The same per million node-seconds.
    pub false_deaths_per_million_node_s: f64,
    /// False deaths that the same node took back.
    pub refuted: u64,
    /// False deaths that were not taken back by the end of the run, although both nodes were live.
    pub unrefuted: u64,
    /// Time from a false death until it was taken back.
    pub refutation_us: Times,
    /// Crashed members that a neighbor declared dead, counted once for each neighbor. The neighbors
    /// of a member are its live predecessor and its live successor at the time of the crash; the
    /// successor only if it had reason to know the member: no other member that it has not declared
    /// dead lies between them.
    pub detected: u64,
    /// The same for neighbors that had not declared it dead by the end of the run, although they
    /// were live all the time and the crashed member did not return.
    pub undetected: u64,
    /// Time from a crash until a neighbor declares the member dead.
    pub detection_us: Times,
}

/// Times in microseconds; 0 if there were none. Percentiles use the nearest rank.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Times {
    /// Median.
    pub p50: f64,
    /// 99th percentile.
    pub p99: f64,
    /// Maximum.
    pub max: f64,
}

impl Goodput {
    /// Lookups of a phase that lasted `measured`.
    #[must_use]
    pub fn new(issued: u64, correct: u64, measured: Duration) -> Goodput {
        let per_s = |count: u64| per(count as f64, measured.as_secs_f64());
        Goodput { offered_per_s: per_s(issued), correct_per_s: per_s(correct) }
    }
}

impl Times {
    /// Summarizes `times`, in any order.
    #[must_use]
    pub fn new(mut times: Vec<Duration>) -> Times {
        times.sort_unstable();
        let at = |percent| nearest_rank_of(&times, percent).map_or(0.0, in_us);
        Times { p50: at(50), p99: at(99), max: at(100) }
    }
}

impl Health {
    /// The share of the offered lookups that were completed correctly; `None` if none was offered.
    #[must_use]
    pub fn goodput_share(&self) -> Option<f64> {
        let Goodput { offered_per_s, correct_per_s } = self.goodput;
        (offered_per_s > 0.0).then(|| correct_per_s / offered_per_s)
    }
}
