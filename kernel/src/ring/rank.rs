//! The rank of a point among the members of a ring, sorted by identifier.
//!
//! Identifiers are usually uniform, so the position is first guessed from the identifiers
//! (interpolation search: Perl, Itai and Avni, CACM 21(7), 1978), and then corrected by doubling
//! steps and a binary search. This takes O(log log N) steps for uniform identifiers and O(log N) in
//! every case.
//!
//! **Invariant:** the guess affects only the running time, never the result.

use crate::base::{Id, Peer};

/// Interpolation steps. The error of each is about the square root of the previous one's.
const GUESSES: usize = 3;

/// The number of members of `ring` before `point`. `ring` is sorted by identifier. This is the
/// index of the owner of `point`, modulo the length of `ring`.
#[must_use]
pub fn rank_at_or_after(ring: &[Peer], point: Id) -> usize {
    let Some(last) = ring.len().checked_sub(1) else { return 0 };
    let evenly = |span: u64| ((u128::from(span) * ring.len() as u128) >> 64) as usize;
    let goal = point.prefix();
    let mut guess = evenly(goal);
    for _ in 1..GUESSES {
        let there = ring[guess].id.prefix();
        guess = match goal.checked_sub(there) {
            Some(ahead) => (guess + evenly(ahead)).min(last),
            None => guess.saturating_sub(evenly(there - goal)),
        };
    }
    let is_before = |peer: &Peer| peer.id < point;
    let (from, to) = bounds_near(ring, guess, is_before);
    from + ring[from..to].partition_point(is_before)
}

/// A range that contains the partition point, found in doubling steps from `guess`.
fn bounds_near(ring: &[Peer], guess: usize, is_before: impl Fn(&Peer) -> bool) -> (usize, usize) {
    let (mut from, mut to, mut step) = (guess, guess, 1);
    while to < ring.len() && is_before(&ring[to]) {
        from = to + 1;
        to += step;
        step *= 2;
    }
    while from > 0 && !is_before(&ring[from - 1]) {
        to = from - 1;
        from = to.saturating_sub(step);
        step *= 2;
    }
    (from, to.min(ring.len()))
}
