//! Any bytes as what a client of `hopwise serve` sends; the first two say in which pieces. The pieces make no
//! difference, but that an error in a request which is not complete may show later.
#![no_main]

use hopwise_harness::serve::commands_in;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Some((piece, bytes)) = bytes.split_first_chunk() else { return };
    let piece = u16::from_be_bytes(*piece).into();
    let (in_pieces, whole) = (commands_in(bytes, piece), commands_in(bytes, bytes.len()));
    let late = whole.strip_prefix(&in_pieces[..]).expect("what was read is the same");
    assert!(late.len() <= 1 && late.iter().all(|it| it.starts_with("Protocol error")), "{late:?}");
});
