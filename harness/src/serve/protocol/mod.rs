//! The Redis serialization protocol, versions 2 and 3: requests in, replies out.
//!
//! The `redis-protocol` crate decodes requests. It trusts the lengths that a request declares, so
//! [`bounds`] checks them first, and hands over only a request that is complete and within the bounds.
//!
//! **Invariant:** no input makes this room panic or keep more than [`MAX_REQUEST`] bytes.

mod bounds;
mod inline;
mod reply;
mod request;

pub(crate) use self::bounds::{MAX_REQUEST, ProtocolError};
pub(crate) use self::reply::{Reply, Version};
pub(crate) use self::request::{Parsed, Request, parse};
