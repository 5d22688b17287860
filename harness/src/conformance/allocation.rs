//! Allocation: nodes allocate nothing once they are built.
//!
//! **Invariant:** only what the calling thread allocates is counted.

use std::alloc::{GlobalAlloc, Layout, System as SystemAllocator};
use std::cell::Cell;
use std::time::Duration;

use super::SmallNetwork;
use crate::plug::System;

const ROUNDS: u32 = 100;

/// The system's allocator, which counts. Without it as the global allocator of a program, the rule
/// cannot be checked there, and the report says so:
///
/// ```
/// use hopwise_harness::conformance::CountingAllocator;
///
/// #[global_allocator]
/// static ALLOCATOR: CountingAllocator = CountingAllocator;
/// ```
#[derive(Clone, Copy, Debug)]
pub struct CountingAllocator;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

fn count() {
    // A thread that is ending no longer counts.
    let _ = ALLOCATIONS.try_with(|count| count.set(count.get() + 1));
}

// SAFETY: every call goes on to the system's allocator; counting allocates nothing.
unsafe impl GlobalAlloc for CountingAllocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller keeps the contract of `GlobalAlloc::alloc`.
        unsafe { SystemAllocator.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { SystemAllocator.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        // SAFETY: as above.
        unsafe { SystemAllocator.realloc(pointer, layout, size) }
    }
}

/// Returns what was seen, or how often nodes allocated.
pub(super) fn check<S: System>() -> Result<String, String> {
    if !is_counting() {
        return Ok("not checked: the program's global allocator is not CountingAllocator".into());
    }
    let mut network = SmallNetwork::<S>::linked(3)?;
    network.memory.make_room();
    let mut allocations = 0;
    for round in 0..ROUNDS {
        // A question may be put together on the heap; nodes may not.
        network.ask();
        let before = ALLOCATIONS.get();
        network.run_for(Duration::from_millis(50));
        // Tables reach their size in the first rounds: those are the driver's.
        if round >= ROUNDS / 2 {
            allocations += ALLOCATIONS.get() - before;
        }
    }
    match allocations {
        0 => Ok(format!("none in {} rounds", ROUNDS / 2)),
        count => Err(format!("{count} allocations in {} rounds", ROUNDS / 2)),
    }
}

fn is_counting() -> bool {
    let before = ALLOCATIONS.get();
    // Hidden from the optimiser, which may leave out an allocation that nobody sees.
    drop(std::hint::black_box(Box::new(0_u64)));
    ALLOCATIONS.get() > before
}
