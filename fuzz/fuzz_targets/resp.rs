//! Any bytes as what a client of `hopwise serve` sends.
#![no_main]

use hopwise_harness::serve::commands_in;
use hopwise_tests::fuzz::resp;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| resp(bytes, commands_in));
