//! Scenarios run by the simulator and over real UDP, by themselves and in campaigns and sweeps.
//!
//! **Invariant:** no test depends on what another one leaves in the process, its files included.

mod check;
mod program;
mod sim;
mod sweep;
mod systems;
mod trace;
mod udp;
