//! Finding places among the members of a ring, sorted by identifier.
//!
//! Identifiers are mostly spread evenly, so where a point lies is guessed from its distance and its
//! neighbours'; what the guess is off is found by doubling steps, and halving the last one. So the
//! search takes O(log log N) steps where identifiers are uniform (interpolation search: Perl, Itai
//! and Avni, CACM 21(7), 1978), and O(log N) wherever they are.
//!
//! **Invariant:** the guess decides nothing but the time it takes.

use crate::base::{Id, Peer};

/// Guesses before steps are taken: each is off by about the square root of what the last was.
const GUESSES: usize = 3;

/// How many of `ring`, which is in ascending order of identifiers, lie before `point`: the place of
/// its owner, or one too many if that is the first, as places go round.
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

/// Between which places the partition point lies, found in doubling steps from `guess`.
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
