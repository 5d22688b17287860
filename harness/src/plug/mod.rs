//! The interfaces between systems of nodes and the engines that run them.
//!
//! **Invariant:** knows no system and no engine.

mod checker;
mod each_node;
mod node_event;
mod placing;
mod runner;
mod system;

pub use crate::measure::health::{Finger, Fingers, Neighborhood};

pub use self::checker::{Checker, NoChecker};
pub use self::each_node::EachNode;
pub use self::node_event::NodeEvent;
pub use self::placing::{Halves, Placing};
pub use self::runner::Runner;
pub use self::system::{AnswerOf, ProtocolOf, QuestionOf, Setting, System};
