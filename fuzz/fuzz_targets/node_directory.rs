//! Any bytes as the script of an attack on a directory.
#![no_main]

use hopwise_tests::fuzz::directory;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|script: &[u8]| {
    directory(script);
});
