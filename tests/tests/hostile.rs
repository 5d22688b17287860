//! Nodes among datagrams that nobody should send.
//!
//! **Invariant:** what a script does, it does again: a failing one is all there is to keep.

use std::time::Duration;

use hopwise_kernel::context::Drop;
use hopwise_kernel::message::{Class, Lookup, Purpose};
use hopwise_kernel::wire::WireError;
use hopwise_kernel::{Id, Message, RequestId};
use hopwise_tests::attack::NODES;
use hopwise_tests::{Attack, Memory};
use proptest::collection::vec;
use proptest::prelude::*;

proptest! {
    #[test]
    fn a_ring_under_attack_keeps_its_laws(script in vec(any::<u8>(), 0..4096)) {
        let mut attack = Attack::new();
        attack.play(&script);
        attack.settle();
    }
}
