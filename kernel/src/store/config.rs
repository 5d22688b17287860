//! The configuration of store nodes.
//!
//! **Invariant:** the same for all nodes of an overlay, but for the limits and the start of the clock.

use core::time::Duration;

use crate::base::Address;
use crate::node::{Secret, TimeoutPolicy};

/// The most nodes that keep an item, its owner among them.
pub const MAX_REPLICAS: usize = 16;

/// The configuration of a store.
#[derive(Clone, Debug)]
pub struct StoreConfig {
    /// The number of nodes that keep an item: its owner and the holders, 1 … [`MAX_REPLICAS`].
    pub replicas: u8,
    /// Which nodes fail together.
    pub hosts: Hosts,
    /// The room for items of one node.
    pub limits: StoreLimits,
    /// The references to one key that a node accepts, at most; so a popular key leaves room for others.
    pub references_per_key: u16,
    /// The room for values of one node that it provides itself, for
    /// [`StoreNode::publish`](crate::store::StoreNode::publish); `None`: it provides none.
    pub provided: Option<StoreLimits>,
    /// How long an item lives, unless the write says otherwise.
    pub lifetime: Duration,
    /// The longest life of an item.
    pub max_lifetime: Duration,
    /// The most by which the clocks of two nodes differ.
    pub skew: Duration,
    /// A value that is read so many times a second at its owner is popular: its holders answer reads, too.
    /// `None`: none is.
    pub popular_reads_per_s: Option<u32>,
    /// The operations of others that a node has in progress, at most.
    pub in_progress: u16,
    /// An operation without an answer fails after this time.
    pub deadline: Duration,
    /// How long to wait for replies.
    pub timeout: TimeoutPolicy,
    /// The time between two comparisons of an owner's items with each holder; `None`: never.
    pub repair: Option<Duration>,
    /// The bytes that a node sends per second to mend the copies of others, at most.
    pub repair_bytes_per_s: u32,
    /// Microseconds from the epoch to the driver's start.
    pub start_us: u64,
    /// The secret behind the cookies of the nodes of one process.
    pub secret: Secret,
    /// A deliberate defect, for tests.
    #[cfg(feature = "defects")]
    pub defect: Option<crate::store::StoreDefect>,
}

/// The room for items of one node.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct StoreLimits {
    /// Items, with those that were deleted lately.
    pub items: u32,
    /// Bytes of all values together.
    pub bytes: u32,
}

/// Which nodes fail together, and so count once among the holders of an item.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Hosts {
    /// Each node is a host of its own.
    Nodes,
    /// Nodes whose IP addresses are the same, and whose ports lie in the same block of so many (a power
    /// of two).
    PortBlocks(u16),
    /// Nodes behind the same socket whose slots lie in the same block of so many.
    SlotBlocks(u16),
    /// Nodes whose addresses, [as numbers](Address::to_bits) from 1, lie in the same block of so many. For
    /// drivers whose addresses are no endpoints.
    NumberBlocks(u16),
}

impl Hosts {
    /// Whether the nodes at `a` and `b` fail together.
    #[must_use]
    pub const fn is_same(self, a: Address, b: Address) -> bool {
        match self {
            Hosts::Nodes => a.to_bits() == b.to_bits(),
            Hosts::PortBlocks(ports) => a.ip == b.ip && a.port / ports == b.port / ports,
            Hosts::SlotBlocks(slots) => {
                let is_same_socket = a.ip == b.ip && a.port == b.port;
                is_same_socket && a.slot / slots == b.slot / slots
            }
            Hosts::NumberBlocks(count) => {
                let (a, b) = (a.to_bits().wrapping_sub(1), b.to_bits().wrapping_sub(1));
                a / count as u64 == b / count as u64
            }
        }
    }
}

impl StoreConfig {
    /// The number of nodes that keep an item, within the bounds.
    #[must_use]
    pub const fn replicas(&self) -> usize {
        let replicas = self.replicas as usize;
        match replicas {
            0 => 1,
            _ if replicas > MAX_REPLICAS => MAX_REPLICAS,
            _ => replicas,
        }
    }
}

impl Default for StoreConfig {
    fn default() -> StoreConfig {
        StoreConfig {
            replicas: 3,
            hosts: Hosts::Nodes,
            limits: StoreLimits { items: 4096, bytes: 1 << 20 },
            references_per_key: 512,
            provided: None,
            lifetime: Duration::from_secs(3600),
            max_lifetime: Duration::from_secs(30 * 24 * 3600),
            skew: Duration::from_secs(10),
            popular_reads_per_s: Some(100),
            in_progress: 256,
            deadline: Duration::from_secs(5),
            timeout: TimeoutPolicy::Adaptive,
            repair: Some(Duration::from_secs(10)),
            repair_bytes_per_s: 1 << 20,
            start_us: 0,
            secret: Secret::default(),
            #[cfg(feature = "defects")]
            defect: None,
        }
    }
}
