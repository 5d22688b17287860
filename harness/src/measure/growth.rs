//! How figures grow with the number of nodes: what the literature says of a system.
//!
//! **Invariant:** says nothing that was measured.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A figure whose growth is fitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Figure {
    /// The most entries of any node: those of the server, if there is one.
    StateMax,
    /// Mean entries per node.
    StateMean,
    /// Messages per query.
    MessagesPerQuery,
}

impl Figure {
    /// Its name in the table.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Figure::StateMax => "maximum state of a node",
            Figure::StateMean => "mean state of a node",
            Figure::MessagesPerQuery => "messages per query",
        }
    }
}

/// How a figure grows with the number of nodes N.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Law {
    /// Not at all.
    Constant,
    /// With log N.
    Logarithmic,
    /// With the square root of N.
    SquareRoot,
    /// With N.
    Linear,
}

impl Law {
    /// As the literature writes it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Law::Constant => "O(1)",
            Law::Logarithmic => "O(log N)",
            Law::SquareRoot => "O(√N)",
            Law::Linear => "O(N)",
        }
    }
}

impl fmt::Display for Law {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
