//! Any bytes as the script of an attack on a ring.
#![no_main]

use hopwise_tests::fuzz::ring;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|script: &[u8]| {
    ring(script);
});
