//! The interfaces between systems of nodes and the engines that run them.
//!
//! **Invariant:** no system and no engine is known here.

mod checker;
mod runner;
mod system;

pub use self::checker::{Checker, NoChecker};
pub use self::runner::Runner;
pub(crate) use self::system::catalogue;
pub use self::system::{Setting, System};
