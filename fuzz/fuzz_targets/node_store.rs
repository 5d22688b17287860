//! Any bytes as the script of an attack on a store.
#![no_main]

use hopwise_tests::fuzz::store;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|script: &[u8]| {
    store(script);
});
