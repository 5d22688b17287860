//! Builds only while the kernel, without its reactor, is free of std: a panic handler of one's own
//! clashes with that of std, wherever in the dependencies it comes in.
//!
//! **Invariant:** never run, only built.
#![no_std]

use core::alloc::{GlobalAlloc, Layout};
use core::panic::PanicInfo;
use core::ptr;

use hopwise_kernel::central::CentralNode;
use hopwise_kernel::codec::Body;
use hopwise_kernel::directory::DirectoryNode;
use hopwise_kernel::drive::Memory;
use hopwise_kernel::drive::memory::DELAY;
use hopwise_kernel::flood::FloodNode;
use hopwise_kernel::ring::{RingCodec, RingConfig, RingNode};
use hopwise_kernel::store::StoreNode;
use hopwise_kernel::{Codec, Id, Node, Time};

/// Uses the kernel from end to end, so that all of it has to be built.
#[unsafe(no_mangle)]
pub extern "C" fn hopwise_no_std(seed: u64) -> usize {
    let key = Id::of_name(&seed.to_be_bytes());
    let mut memory = Memory::<RingNode>::new(2, seed);
    let (one, other) = (memory.peer(0), memory.peer(1));
    let ring = if one.id < other.id { [one, other] } else { [other, one] };
    for node in 0..2 {
        memory.put(node, |me, rng| RingNode::new(me, RingConfig::default(), rng));
        memory.with(node, |node, cx| node.start_linked(cx, &ring));
        memory.with(node, |node, cx| node.lookup(cx, key, seed));
    }
    memory.run_for(Time::from_ns(seed).since(Time::ZERO));
    let messages = RingCodec::default().parse(&key.to_bytes()).map_or(0, Iterator::count);
    memory.events().count()
        + messages
        + drive::<CentralNode>(seed)
        + drive::<FloodNode>(seed)
        + drive::<DirectoryNode<RingNode>>(seed)
        + drive::<StoreNode<RingNode>>(seed)
}

/// Drives places for nodes of any kind, none of which is there.
fn drive<N>(seed: u64) -> usize
where
    N: Node<Protocol: Body>,
{
    let mut memory = Memory::<N>::new(1, seed);
    memory.inject_bytes(memory.peer(0).address, memory.peer(0).address, &seed.to_be_bytes());
    memory.run_for(DELAY);
    memory.events().count()
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
