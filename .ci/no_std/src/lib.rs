//! Builds only while the kernel, without its reactor, is free of std: a panic handler of one's own
//! clashes with that of std, wherever in the dependencies it comes in.
//!
//! **Invariant:** never run, only built.
#![no_std]

use core::alloc::{GlobalAlloc, Layout};
use core::panic::PanicInfo;
use core::ptr;

use hopwise_kernel::ring::fingers::{FingerTable, Shape};
use hopwise_kernel::ring::successors::SuccessorList;
use hopwise_kernel::rpc::Requests;
use hopwise_kernel::timer::TimerWheel;
use hopwise_kernel::wire::Bundle;
use hopwise_kernel::{Id, Rng, Time};

/// Uses the kernel from end to end, so that all of it has to be built.
#[unsafe(no_mangle)]
pub extern "C" fn hopwise_no_std(seed: u64) -> usize {
    let mut rng = Rng::new(seed, 0);
    let own = Id::random(&mut rng);
    let key = Id::of_name(&seed.to_be_bytes());
    let fingers = FingerTable::new(own, Shape::for_ring(1, 4096, 16));
    let successors = SuccessorList::new(16);
    let requests = Requests::new(16);
    let mut wheel = TimerWheel::new(16);
    wheel.arm(0, Time::from_ns(seed));
    let bundle = Bundle::parse(&key.to_bytes()).map_or(0, |bundle| bundle.frames().count());
    usize::from(fingers.closest_preceding(key).is_some())
        + successors.count_before(own, key)
        + requests.len()
        + wheel.armed()
        + bundle
}

/// Has no memory to give.
struct NoMemory;

// SAFETY: a null pointer is how an allocator says that it has no memory, and `dealloc` is never
// reached, as nothing was ever handed out.
unsafe impl GlobalAlloc for NoMemory {
    unsafe fn alloc(&self, _: Layout) -> *mut u8 {
        ptr::null_mut()
    }

    unsafe fn dealloc(&self, _: *mut u8, _: Layout) {}
}

#[global_allocator]
static ALLOCATOR: NoMemory = NoMemory;

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    loop {
        core::hint::spin_loop();
    }
}
