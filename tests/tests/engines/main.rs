//! Scenarios in the simulator and over real UDP, alone and in campaigns and sweeps.
//!
//! **Invariant:** no test depends on another test's state or files.

mod check;
mod costs;
mod directors;
mod disturbances;
mod events;
mod health;
mod interrupts;
mod load;
mod malicious;
mod partitions;
mod place;
mod program;
mod running;
mod shrink;
mod sim;
mod stationary;
mod store;
mod sweep;
mod systems;
mod trace;
mod udp;
mod virtual_nodes;
mod weather;
