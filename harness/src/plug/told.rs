//! What nodes report, as the director takes it, whatever the system.
//!
//! **Invariant:** plain data.

use std::time::Duration;

/// What a node has reported, with answers of type `A`.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Told<A> {
    /// The node is a member now.
    Joined,
    /// The join came to nothing; the node waits for another one.
    JoinFailed,
    /// A question has its answer.
    Answered {
        /// The director's name for the question.
        token: u64,
        /// The answer.
        answer: A,
        /// Transfers from the origin to the node that answered.
        hops: u32,
        /// Contacts that did not answer in time.
        timeouts: u32,
    },
    /// A question got no answer within its deadline, or could not be asked.
    Failed {
        /// The director's name for the question.
        token: u64,
        /// Contacts that did not answer in time.
        timeouts: u32,
    },
    /// What an answer named has been obtained.
    Obtained {
        /// The director's name for the question.
        token: u64,
        /// How long that took, from the answer on.
        took: Duration,
        /// Its size.
        bytes: u64,
    },
    /// What an answer named could not be obtained.
    NotObtained {
        /// The director's name for the question.
        token: u64,
    },
}
