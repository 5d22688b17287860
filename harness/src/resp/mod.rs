//! The Redis serialization protocol, versions 2 and 3, as bytes: the requests and replies of a server, and
//! those of a client.
//!
//! The `redis-protocol` crate decodes. It trusts the lengths that the bytes declare, so [`bounds`] and
//! [`incoming`] check them first, and hand over only what is complete and within the bounds.
//!
//! **Invariant:** no input makes this room panic. A server keeps at most [`MAX_REQUEST`] bytes of a request,
//! and a client as many of a reply.

mod bounds;
mod incoming;
mod inline;
mod reply;
mod request;

pub(crate) use self::bounds::{MAX_REQUEST, ProtocolError};
pub(crate) use self::incoming::{Incoming, incoming};
pub(crate) use self::reply::{Reply, Version};
pub(crate) use self::request::{Parsed, Request, parse, write_request};
