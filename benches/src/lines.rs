//! The machine's cost of reading random cache lines, one after the other or several at once.
//!
//! The lines are those of the routing tables themselves: the cost of two arrays of the same size
//! can differ by half, depending on their physical pages.
//!
//! **Invariant:** each address depends on the line read before it, so reads within a chain cannot
//! overlap.

use hopwise_kernel::ring::fingers::HotFinger;

/// An odd multiplier without a bit pattern: 2^64 divided by the golden ratio.
const SCATTER: u64 = 0x9e37_79b9_7f4a_7c15;

/// Reads `steps` random lines of `memory` in each chain, in turns. `at` holds the chains' positions
/// and is updated. `step` numbers the steps, so that no chain runs in a circle.
pub fn follow<const CHAINS: usize>(
    memory: &[HotFinger],
    at: &mut [usize; CHAINS],
    step: &mut u64,
    steps: u64,
) {
    for _ in 0..steps {
        *step += 1;
        for place in &mut *at {
            let scattered = (memory[*place].prefix ^ *step).wrapping_mul(SCATTER);
            *place = ((u128::from(scattered) * memory.len() as u128) >> 64) as usize;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chains_spread_over_all_lines() {
        let memory: Vec<_> =
            (0..64).map(|number| HotFinger { prefix: number << 58, address: 1 }).collect();
        let (mut at, mut step, mut visits) = ([0], 0, [0; 64]);
        for _ in 0..6400 {
            follow(&memory, &mut at, &mut step, 1);
            visits[at[0]] += 1;
        }
        assert!(visits.iter().all(|&visits| (50..200).contains(&visits)), "{visits:?}");
    }
}
