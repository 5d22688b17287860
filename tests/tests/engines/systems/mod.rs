//! The three systems side by side, in both engines: the same on any number of threads, right while
//! nothing disturbs them, and hurt by faults as their construction says.

mod churn;
mod faults;
mod reach;
mod run;
mod same;
mod udp;
mod undisturbed;
