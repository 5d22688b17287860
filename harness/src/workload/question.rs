//! What nodes are asked.
//!
//! **Invariant:** a question says nothing of the system that answers it.

use hopwise_kernel::Id;

use super::items::Wanted;

/// What a node is asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Question {
    /// Which node owns this key.
    Key(Id),
    /// Which node holds this item, or one that fits as well.
    Item(Wanted),
}
