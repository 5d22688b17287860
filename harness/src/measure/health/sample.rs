//! The figures of the tables at one instant.
//!
//! **Invariant:** what depends on the tables of all members is there only if all were looked at.

use super::{Claims, Counts, Findings, Members, claims, rings};

/// The figures of one instant.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sample {
    /// Members whose tables were looked at.
    pub nodes: u64,
    /// First successors.
    pub first_successors: Counts,
    /// Entries of successor lists.
    pub successors: Counts,
    /// Fingers.
    pub fingers: Counts,
    /// The number of rings, if all members were looked at.
    pub rings: Option<u64>,
    /// The shares of the key space by the number of members that claim them, if all members were
    /// looked at.
    pub claims: Option<Claims>,
}

impl Sample {
    /// The figures that follow from a look at `members`.
    #[must_use]
    pub fn new(members: &Members, findings: &Findings) -> Sample {
        let is_whole = findings.nodes == members.len() as u64;
        Sample {
            nodes: findings.nodes,
            first_successors: findings.first_successors,
            successors: findings.successors,
            fingers: findings.fingers,
            rings: is_whole.then(|| rings(members, &findings.deviations)),
            claims: is_whole.then(|| claims(members, &findings.deviations)),
        }
    }
}
