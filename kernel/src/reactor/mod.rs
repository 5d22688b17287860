//! The event loop: one [`Shard`] per core, each with its own poll, sockets, timer wheel and nodes.
//!
//! A turn of the loop reads the sockets, fires due timers, calls the [`Application`], and sends the
//! resulting messages. Messages to the same socket are bundled into one datagram.
//!
//! **Invariant:** shards share nothing; no message takes a lock or allocates.

pub mod affinity;
pub mod alarm;
mod batch;
mod budget;
pub mod clock;
mod disturbed;
mod emulation;
mod lag;
mod outbox;
pub mod seal;
pub mod shard;
mod shard_world;
pub mod sockets;
mod versions;

pub use self::affinity::{available_cores, pin_to};
pub use self::seal::ClusterKey;
pub use clock::Clock;
pub use disturbed::DisturbNodes;
pub use shard::{APPLICATION_TOKENS, Application, FIRST_APPLICATION_TOKEN, Shard, Turn};
pub use sockets::{BindError, Layout, Sockets};
