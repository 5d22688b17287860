//! A small server of pages over HTTP, for this machine only.
//!
//! A page in a browser may send requests to any address, also to this machine, and a name that an attacker
//! owns may point here (DNS rebinding). So only requests for this server by its own names are answered.
//!
//! **Invariant:** keeps a bounded number of bytes and clients, each for a bounded time.

mod request;
mod server;

pub(crate) use self::request::Request;
pub(crate) use self::server::{Reply, serve};
