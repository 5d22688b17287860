//! What a server holds: the parts of `hopwise stress` that run nothing.
//!
//! ```text
//!   search: which load next? ─▶ plan: its scenario ─▶ (a run, under watch) ─▶ step: what came of it
//!      ▲                                                                        │
//!      └───────────────── level: did the service level hold? ◀──────────────────┘
//!
//!   then: stages (hold, beyond, back), bottleneck, costs ─▶ findings ─▶ text
//! ```
//!
//! **Invariant:** knows no command; whatever starts a run is an argument.

pub(crate) mod bottleneck;
pub(crate) mod costs;
pub(crate) mod findings;
pub(crate) mod level;
pub mod packets;
pub(crate) mod plan;
pub(crate) mod resources;
pub(crate) mod search;
pub(crate) mod service;
pub(crate) mod session;
pub(crate) mod stages;
pub(crate) mod step;
pub(crate) mod text;
pub(crate) mod watch;

pub use self::level::Level;
pub use self::plan::{Options, Ramp};

use crate::measure::outcome::Unit;
use crate::measure::quantity::Quantity;

/// Reads a size of memory, such as `4GiB`, in bytes.
///
/// # Errors
///
/// What is accepted, if it is something else.
pub fn memory_of(text: &str) -> Result<u64, String> {
    let size = Quantity::parse(text, Unit::Bytes)?.value;
    if size > 0.0 {
        Ok(size as u64)
    } else {
        Err(format!("{text} is not accepted: write a size such as 4GiB"))
    }
}
