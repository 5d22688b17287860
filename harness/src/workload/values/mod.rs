//! The workload of reads and writes of values.
//!
//! ```text
//! question  what is asked and answered         history  the acknowledged writes of one key
//! value     values from stamps, and back       loss     losses that failures explain
//! source    the next question                  truth    whether answers are correct
//!                                              workload all of this as a workload
//! ```
//!
//! Keys have numbers from 0. The identifier of a key is that of its number, so both engines and all
//! threads agree on it. A value is a random stamp of 64 bits, expanded to its size: who reads it can
//! check every byte, and the truth knows which write it came from.
//!
//! **Invariant:** verdicts follow from the times of reads and writes, never from what nodes hold.

mod history;
mod loss;
mod question;
mod source;
#[cfg(test)]
mod tests;
mod truth;
pub mod value;
mod workload;

pub use question::{Act, Answer, Content, Question};
pub use truth::ValueTruth;
pub use value::{PRELOADED, initial_stamp, key_of};
pub use workload::ValueWorkload;
