//! The event loop: one [`Shard`] per core, each with its own poll, sockets, timer wheel and nodes.
//!
//! A turn of the loop reads what has arrived, fires what is due, lets the [`Application`] act, and sends
//! everything that came of it, messages to one socket bundled in one datagram.
//!
//! **Invariant:** shards share nothing; no lock and no allocation lies on the way of a message.

mod alarm;
pub mod clock;
pub mod core;
mod emulation;
mod outbox;
pub mod shard;
pub mod sockets;

pub use self::core::{available_cores, pin_to};
pub use clock::Clock;
pub use shard::{Application, Shard, Turn};
pub use sockets::{BindError, Layout, Sockets};
