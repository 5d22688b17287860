//! Violations of the ring's invariant, with an example each.
//!
//! **Invariant:** plain data and its text.

use std::fmt;

use hopwise_kernel::Id;

/// A broken rule, with an example.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Violation {
    /// A member has no live member in its successor list. It cannot recover by itself.
    NoLiveSuccessor {
        /// The member.
        member: Id,
    },
    /// Lists skip too many members. The ring may fall apart or skip members for ever.
    TooFewUnskipped {
        /// The number of members that no list skips.
        unskipped: usize,
        /// The number required: r + 1.
        needed: usize,
        /// A skipped member.
        skipped: Id,
        /// The member whose [self, list…] skips it,
        by: Id,
        /// between this entry
        from: Id,
        /// and the next.
        to: Id,
    },
    /// In a ring of at most r members, a member does not list another.
    UnknownMember {
        /// The member.
        member: Id,
        /// The member it does not list.
        unknown: Id,
    },
}

/// A skipped member, with an example of a list that skips it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Skip {
    /// The member.
    pub skipped: Id,
    /// The member whose [self, list…] skips it,
    pub by: Id,
    /// between this entry
    pub from: Id,
    /// and the next.
    pub to: Id,
}

impl fmt::Display for Skip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Skip { skipped, by, from, to } = self;
        write!(f, "member {skipped} is skipped by member {by}, whose list goes from {from} to {to}")
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Violation::NoLiveSuccessor { member } => {
                write!(f, "member {member} has no live member in its successor list")
            }
            Violation::TooFewUnskipped { unskipped, needed, skipped, by, from, to } => write!(
                f,
                "too few members that no successor list skips ({unskipped}, at least {needed} \
                 required): for example, member {skipped} is skipped by member {by}, whose list \
                 goes from {from} to {to}"
            ),
            Violation::UnknownMember { member, unknown } => write!(
                f,
                "member {member} does not list member {unknown}: each member must list every other \
                 while there are no more than a list holds"
            ),
        }
    }
}
