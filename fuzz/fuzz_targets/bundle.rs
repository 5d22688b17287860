//! Any bytes as a datagram: refused, or exactly what is written for what is read.
#![no_main]

use hopwise_tests::forge::is_refused_or_exact;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|datagram: &[u8]| {
    assert!(is_refused_or_exact(datagram));
});
