//! What a ring node is built from.

use core::time::Duration;

use crate::node::TimeoutPolicy;
use crate::ring::fingers::Shape;

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
    #[cfg(feature = "defects")]
    pub defect: Option<crate::ring::Defect>,
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
            #[cfg(feature = "defects")]
            defect: None,
        }
    }
}
