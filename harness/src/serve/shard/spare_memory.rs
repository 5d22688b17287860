//! Returns memory that nodes no longer use to the operating system, so that a server that runs for long
//! takes as much as its items need now, not the sum of the most that each node ever had.
//!
//! **Invariant:** the work of a turn is bounded: each period visits a share of the nodes.

use std::mem::MaybeUninit;
use std::time::Duration;

use hopwise_kernel::Time;

use super::Server;
use super::nodes::NodeShard;

/// Time between two visits of the same node.
const ROUND: Duration = Duration::from_secs(30);
/// Visits to parts of the nodes in a round.
const PARTS: u32 = 60;

/// Which nodes are visited next.
#[derive(Debug, Default)]
pub(super) struct SpareMemory {
    part: u32,
    next: Time,
}

impl SpareMemory {
    /// When the next nodes are visited.
    pub(super) fn next_due(&self) -> Time {
        self.next
    }
}

impl Server {
    /// Returns the spare memory of some nodes from time to time.
    pub(super) fn return_spare_memory(&mut self, shard: &mut NodeShard, now: Time) {
        if now < self.spare_memory.next {
            return;
        }
        self.spare_memory.next = now + ROUND / PARTS;
        self.spare_memory.part = (self.spare_memory.part + 1) % PARTS;
        for place in (self.spare_memory.part..self.peers.len() as u32).step_by(PARTS as usize) {
            shard.with(place, |node, _| node.take_spare_memory(give_back));
        }
    }
}

/// Returns the whole pages of `memory` to the operating system. They are zero when they are next used.
fn give_back(memory: &mut [MaybeUninit<u8>]) {
    // SAFETY: reads a constant of the system.
    let page = usize::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }).unwrap_or(0);
    let range = memory.as_mut_ptr_range();
    let first = range.start.align_offset(page.max(1));
    let whole = memory.len().saturating_sub(first) / page.max(1) * page;
    if whole > 0 {
        let start = range.start.wrapping_add(first);
        // SAFETY: these pages lie within `memory`, which belongs to the caller alone and whose contents do
        // not matter. A failure leaves them as they are.
        unsafe { libc::madvise(start.cast(), whole, libc::MADV_DONTNEED) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_that_was_given_back_can_be_used_again() {
        let mut memory = vec![MaybeUninit::new(7_u8); 1 << 20];
        let part = 1_000..memory.len() - 1_000;
        give_back(&mut memory[part.clone()]);
        give_back(&mut memory[part.start..part.start + 10]);
        give_back(&mut []);
        // SAFETY: all bytes were written, and pages that were given back are zero.
        let bytes = memory.iter().map(|byte| unsafe { byte.assume_init() });
        let (kept, zero) = bytes.clone().enumerate().partition::<Vec<_>, _>(|&(_, byte)| byte == 7);
        assert!(zero.len() > (1 << 20) - 2_000 - 2 * 65_536 && zero.iter().all(|it| it.1 == 0));
        assert!((0..1_000).all(|at| kept[at].0 == at), "nothing before the part");
        memory.fill(MaybeUninit::new(9));
        // SAFETY: all bytes are written.
        assert!(memory.iter().all(|byte| unsafe { byte.assume_init() } == 9));
    }
}
