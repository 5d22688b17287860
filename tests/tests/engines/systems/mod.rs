//! The three systems side by side, in both engines: alike for any number of threads, right in peace,
//! and hurt by faults as their construction says.

mod churn;
mod faults;
mod peace;
mod reach;
mod run;
mod same;
mod udp;
