//! Any bytes as a datagram of every protocol.
#![no_main]

use hopwise_tests::fuzz::bundle;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|datagram: &[u8]| bundle(datagram));
