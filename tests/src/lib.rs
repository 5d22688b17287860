//! Shared set-up of the whole-system tests.
//!
//! **Invariant:** uses only the system's public interfaces.

pub mod attack;
pub mod central;
pub mod flooding;
pub mod forge;
pub mod ring;
pub mod stored;

pub use attack::Attack;
pub use flooding::Flooding;
pub use ring::LinkedRing;
pub use stored::Stored;
