//! The interfaces between systems of nodes and the engines that run them.
//!
//! **Invariant:** knows no system and no engine.

mod checker;
mod each_node;
mod runner;
mod system;
mod told;

pub use self::checker::{Checker, NoChecker};
pub use self::each_node::EachNode;
pub use self::runner::Runner;
pub use self::system::{AnswerOf, ProtocolOf, QuestionOf, Setting, System};
pub use self::told::Told;
