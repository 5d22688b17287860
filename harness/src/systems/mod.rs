//! The systems that come with Hopwise, each as the harness sees it, and the registry of systems.
//!
//! ```text
//!   Scenario ──▶ Registry ──▶ AnySystem ──▶ engine::run::<S>() ──▶ nodes of S
//!                (by name)    (one dynamic call per run)
//! ```
//!
//! Another system is a module beside these and a line in [`BUILT_IN`].
//!
//! **Invariant:** no system knows another; a directory and a store know that the one below them routes.

mod arcs;
mod central;
mod directory;
pub mod flood;
mod items;
mod place;
mod registry;
pub mod ring;
mod room;
mod router_checker;
mod store;
#[cfg(test)]
mod tests;

pub use self::central::CentralSystem;
pub use self::directory::Directory;
pub use self::flood::FloodSystem;
pub use self::registry::{AnySystem, Registered, Registry};
pub use self::ring::RingSystem;
pub use self::store::Stored;

/// The systems that come with Hopwise.
pub const BUILT_IN: &[&dyn AnySystem] = crate::systems![
    RingSystem,
    Directory<RingSystem>,
    Stored<RingSystem>,
    CentralSystem,
    FloodSystem
];
