//! Any bytes as the script of an attack on a ring of whole nodes.
#![no_main]

use hopwise_tests::Attack;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|script: &[u8]| {
    Attack::new().play(script);
});
