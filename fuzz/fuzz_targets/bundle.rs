//! Any bytes as a datagram of every protocol: refused, or exactly what is written for what is read.
#![no_main]

use hopwise_kernel::central::Central;
use hopwise_kernel::directory::Directory;
use hopwise_kernel::flood::Flood;
use hopwise_kernel::ring::Ring;
use hopwise_kernel::store::Stored;
use hopwise_tests::forge::is_refused_or_exact;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|datagram: &[u8]| {
    assert!(is_refused_or_exact::<Ring>(datagram));
    assert!(is_refused_or_exact::<Central>(datagram));
    assert!(is_refused_or_exact::<Flood>(datagram));
    assert!(is_refused_or_exact::<Directory<Ring>>(datagram));
    assert!(is_refused_or_exact::<Stored<Ring>>(datagram));
});
