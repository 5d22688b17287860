//! Any bytes as the script of an attack on whole nodes; the first says of which system.
#![no_main]

use hopwise_tests::{Attack, central, directory, flooding, store};
use libfuzzer_sys::fuzz_target;

const SEED: u64 = 1;

fuzz_target!(|script: &[u8]| {
    let Some((system, script)) = script.split_first() else { return };
    match system % 5 {
        0 => Attack::new().play(script),
        1 => central::attack(script, SEED),
        2 => flooding::attack(script, SEED),
        3 => directory::attack(directory::by_words(), script, SEED),
        _ => store::attack(script, SEED),
    }
});
