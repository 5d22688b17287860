//! What a ring node is built from.

use core::time::Duration;

use crate::ring::fingers::Shape;
use crate::rpc::TimeoutPolicy;

/// How lookups travel.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LookupMode {
    /// Each hop hands the lookup on; the last one answers the origin.
    Recursive,
    /// The origin asks each hop itself.
    Iterative,
}

/// The configuration of a [`RingNode`](crate::ring::RingNode).
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct RingConfig {
    /// The finger table's base and size.
    pub shape: Shape,
    /// Length of the successor list, r: 1 … 255.
    pub successors: u8,
    /// How lookups travel.
    pub lookup: LookupMode,
    /// Mean time between two checks of the neighbourhood; `None`: never, and no repair at all.
    pub stabilize: Option<Duration>,
    /// Mean time between two refreshed fingers; `None`: never.
    pub fix_fingers: Option<Duration>,
    /// Whether a contact that did not answer is avoided by later lookups, or by this one only.
    pub remember_failures: bool,
    /// How long to wait for a reply.
    pub timeout: TimeoutPolicy,
    /// How long a lookup may take at all.
    pub deadline: Duration,
    /// What it does wrong.
    #[cfg(feature = "mistakes")]
    pub mistake: Option<crate::ring::Mistake>,
}

impl Default for RingConfig {
    /// Base 2 and 16 successors for a ring of 4,096, recursive, everything repaired once a second.
    fn default() -> RingConfig {
        RingConfig {
            shape: Shape::for_ring(1, 4096, 16),
            successors: 16,
            lookup: LookupMode::Recursive,
            stabilize: Some(Duration::from_secs(1)),
            fix_fingers: Some(Duration::from_secs(1)),
            remember_failures: true,
            timeout: TimeoutPolicy::Adaptive,
            deadline: Duration::from_secs(10),
            #[cfg(feature = "mistakes")]
            mistake: None,
        }
    }
}
