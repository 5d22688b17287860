//! Any bytes as what a client of `hopwise serve` sends; the first two say in which pieces. The pieces make no
//! difference.
#![no_main]

use hopwise_harness::serve::commands_in;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Some((piece, bytes)) = bytes.split_first_chunk() else { return };
    let piece = u16::from_be_bytes(*piece).into();
    assert_eq!(commands_in(bytes, piece), commands_in(bytes, bytes.len()));
});
