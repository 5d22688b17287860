//! Any bytes as the script of an attack on peers that flood.
#![no_main]

use hopwise_tests::fuzz::flooding;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|script: &[u8]| {
    flooding(script);
});
