//! Conformance of the built-in systems. This is a separate binary because the counting allocator
//! serves the whole process.

use hopwise_harness::conformance;
use hopwise_harness::conformance::CountingAllocator;
use hopwise_harness::systems::{CentralSystem, Directory, FloodSystem, RingSystem, Stored};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

#[test]
fn ring() {
    println!("{}", conformance::<RingSystem>());
}

#[test]
fn references_on_a_ring() {
    println!("{}", conformance::<Directory<RingSystem>>());
}

#[test]
fn values_on_a_ring() {
    println!("{}", conformance::<Stored<RingSystem>>());
}

#[test]
fn central_index() {
    println!("{}", conformance::<CentralSystem>());
}

#[test]
fn flooding() {
    println!("{}", conformance::<FloodSystem>());
}
