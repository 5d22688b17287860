//! Load on a ring that runs elsewhere, from outside: the scenario's reads and writes of values, as a client of
//! the Redis protocol over TCP.
//!
//! ```text
//!   director ── questions ──▶ pool ── requests ──▶ connections ──TCP──▶ `hopwise serve`, or another server
//!   judge    ◀── answers ──── pool ◀── replies ───┘
//! ```
//!
//! ```text
//! options     what is driven, and who the client is       connection   one connection and its buffers
//! address     addresses, names and passwords              pool         all connections; deadlines, reconnects
//! suitable    what a scenario may not say here            question     questions as requests, replies as answers
//! driver      the turn of the loop                        sweep        one question for each key
//! run         the phases of a run
//! ```
//!
//! # What is judged
//!
//! Every answer is judged by the model of all acknowledged writes, as in a run with nodes of its own
//! ([`values`](crate::workload::values)). All keys of a run begin with words that no other run uses, and
//! live for `store.lifetime`. `store.preload` writes all keys first. After the drain, each key is read once
//! more: a value that is then missing or old is lost for good.
//!
//! No loss is excused: a client does not know which nodes failed. A client does not see versions, so the second
//! half of a read-modify-write is a plain `SET`, or `SET … NX` if the read found nothing; of two that
//! overlap, the later one wins.
//!
//! A write whose connection broke, that had no reply before its deadline, or whose reply says that it is
//! not confirmed, is *unknown*: it may take effect late or never.
//!
//! **Invariant:** one thread sends, receives and judges. A connection buffers a bounded number of bytes and
//! of requests in progress. No password leaves this room but to its server.

mod address;
mod connection;
mod driver;
mod options;
mod pool;
mod question;
mod run;
mod suitable;
mod sweep;

pub use self::options::{CONNECTIONS_MAX, Options};
pub(crate) use self::run::run;
