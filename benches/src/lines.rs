//! What the machine charges for reading random cache lines, one after the other or several at once.
//!
//! **Invariant:** each address comes out of the line read before it, so nothing can run ahead
//! within a chain.

use std::mem::size_of;

use hopwise_kernel::Rng;

/// A cache line that names the next one.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Line {
    next: u64,
}

const _: () = assert!(size_of::<Line>() == 64);

/// An array of lines, linked in random order into a single cycle.
pub struct Lines(Box<[Line]>);

impl Lines {
    /// As many lines as fit in `bytes`, at least one.
    #[must_use]
    pub fn new(bytes: usize, rng: &mut Rng) -> Lines {
        let count = (bytes / size_of::<Line>()).max(1);
        let mut lines: Box<[Line]> = (0..count as u64).map(|next| Line { next }).collect();
        // Sattolo's algorithm: a uniform permutation among those of a single cycle.
        for last in (1..count).rev() {
            lines.swap(last, rng.below(last as u64) as usize);
        }
        Lines(lines)
    }

    /// How many lines there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// Reads `steps` lines from each of `at` on, taking turns, and moves `at` to where they end.
    pub fn follow<const CHAINS: usize>(&self, at: &mut [u64; CHAINS], steps: u64) {
        for _ in 0..steps {
            for place in &mut *at {
                *place = self.0[*place as usize].next;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_lies_on_the_cycle() {
        let lines = Lines::new(64 * 1000, &mut Rng::new(1, 0));
        let mut at = [0];
        for step in 1..=1000 {
            lines.follow(&mut at, 1);
            assert_eq!(at == [0], step == 1000);
        }
    }
}
