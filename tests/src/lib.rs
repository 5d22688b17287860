//! Shared set-up of the whole-system tests.
//!
//! **Invariant:** uses only the system's public interfaces.

pub mod attack;
pub mod central;
pub mod directory;
pub mod flooding;
pub mod forge;
pub mod fuzz;
pub mod linearizable;
pub mod lossy_ring;
pub mod ring;
pub mod store;

pub use attack::Attack;
pub use directory::Directory;
pub use flooding::Flooding;
pub use linearizable::is_linearizable;
pub use lossy_ring::LossyRing;
pub use ring::LinkedRing;
pub use store::StoreRing;
