//! Any bytes as the script of an attack on a central index.
#![no_main]

use hopwise_tests::fuzz::central;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|script: &[u8]| {
    central(script);
});
