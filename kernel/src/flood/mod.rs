//! Peers that flood their queries: Gnutella 0.4 (*The Gnutella protocol specification v0.4*, Clip2,
//! 2001; measured by Ripeanu, Foster and Iamnitchi, *Mapping the Gnutella network*, IEEE Internet
//! Computing 6(1), 2002) in this project's wire format, with the two improvements that Lv, Cao,
//! Cohen, Li and Shenker compare (*Search and replication in unstructured peer-to-peer networks*,
//! ICS 2002): the expanding ring and random walks.
//!
//! ```text
//! node         state, and the dispatch of inputs    message, wire, request, protocol, config
//! search       flooding, hits                       neighbors   the neighbors of a peer
//! walk         random walks                         seen        the searches that a peer has seen
//! membership   join, leave, finding neighbors       recent      recently contacted peers
//! ```
//!
//! **Invariant:** nothing here allocates after construction, blocks, or reads a clock.

pub mod config;
pub mod message;
pub mod neighbors;
pub mod node;
pub mod protocol;
pub mod request;
pub mod seen;
pub mod wire;

mod membership;
mod recent;
mod search;
mod walk;

pub use config::{FloodConfig, Strategy};
pub use message::Message;
pub use node::FloodNode;
pub use protocol::Flood;
pub use wire::FloodCodec;
