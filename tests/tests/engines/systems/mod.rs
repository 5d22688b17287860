//! The three systems side by side, in both engines: the same results on any number of threads,
//! correct answers without faults, and the expected losses with them.

mod churn;
mod faults;
mod last_node;
mod reach;
pub(crate) mod run;
mod same;
mod udp;
mod undisturbed;
mod words;
