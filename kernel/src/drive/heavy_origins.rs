//! Which origins ask for far more than the others.
//!
//! Nodes that forward a lookup send it under their own address, so its sender does not tell who asked. Work
//! is therefore counted by [origin](crate::Protocol::origin). Slots of one socket count as one origin. An origin is
//! heavy while it has [`TIMES`] times the mean of the others.
//!
//! The origin of a lookup is not proven: a source that names another origin each time is not found.
//!
//! Counts are those of the heaviest origins, in a fixed table (Metwally, Agrawal and El Abbadi, *Efficient
//! computation of frequent and top-k elements in data streams*, ICDT 2005). An origin is judged by what it
//! has for certain, so many small origins never look like a large one.
//!
//! **Invariant:** plain arithmetic in a table of fixed size.

use crate::base::Address;

/// An origin is heavy above this many times the mean of the other origins. In a Chord ring, half of the
/// lookups of one node pass its farthest finger, which is up to 13 times the mean of the nodes that use that
/// finger (64 nodes).
pub const TIMES: u64 = 16;
/// The origins that are counted at a time. One with more than `TIMES / (ORIGINS + TIMES)` of the work is
/// found, however many there are.
const ORIGINS: usize = 64;
/// No origin is heavy before this much work has been counted.
const SAMPLE: u32 = 64;
/// All counts are halved when this much work has been counted, so old work is forgotten.
const WINDOW: u32 = 4096;

/// Work by origin.
#[derive(Clone, Debug)]
pub struct FairShares {
    origins: [Share; ORIGINS],
    used: usize,
    /// The sum of all counts.
    total: u32,
}

#[derive(Clone, Copy, Debug, Default)]
struct Share {
    socket: u64,
    count: u32,
    /// The part of the count that may belong to origins which had this place before.
    uncertain: u32,
}

impl Default for FairShares {
    fn default() -> FairShares {
        FairShares { origins: [Share::default(); ORIGINS], used: 0, total: 0 }
    }
}

impl FairShares {
    /// Counts a piece of work for `origin`. Returns false if `origin` is heavy.
    pub fn count(&mut self, origin: Address) -> bool {
        if self.total >= WINDOW {
            self.forget_half();
        }
        self.total += 1;
        let share = self.share_of(origin.socket().to_bits());
        share.count += 1;
        let certain = share.count - share.uncertain;
        let others = u64::from(self.total - certain);
        self.total < SAMPLE || u64::from(certain) * (self.used as u64 - 1) <= TIMES * others
    }

    /// The share of `socket`. A new one takes the place of the smallest if there is no other.
    fn share_of(&mut self, socket: u64) -> &mut Share {
        let used = &self.origins[..self.used];
        let at = match used.iter().position(|share| share.socket == socket) {
            Some(at) => at,
            None if self.used < ORIGINS => {
                self.used += 1;
                self.origins[self.used - 1] = Share { socket, count: 0, uncertain: 0 };
                self.used - 1
            }
            None => {
                let at = (0..ORIGINS).min_by_key(|&at| used[at].count).unwrap_or_default();
                let count = used[at].count;
                self.origins[at] = Share { socket, count, uncertain: count };
                at
            }
        };
        &mut self.origins[at]
    }

    fn forget_half(&mut self) {
        let mut kept = 0;
        for at in 0..self.used {
            let Share { socket, count, uncertain } = self.origins[at];
            if count > 1 {
                let (count, certain) = (count / 2, (count - uncertain) / 2);
                self.origins[kept] = Share { socket, count, uncertain: count - certain };
                kept += 1;
            }
        }
        self.used = kept;
        self.total = self.origins[..kept].iter().map(|share| share.count).sum();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Rng;

    fn origin(number: u64) -> Address {
        Address::new([10, 0, (number >> 8) as u8, number as u8], 4000, 0)
    }

    /// Offers `work` pieces, of origins as `next` says. Returns how many of each kind are refused: of origin 0, and
    /// of the others.
    fn refused(work: u64, mut next: impl FnMut(&mut Rng) -> u64) -> (u64, u64) {
        let (mut shares, mut rng) = (FairShares::default(), Rng::new(1, 0));
        let (mut first, mut others) = (0, 0);
        for _ in 0..work {
            let from = next(&mut rng);
            let is_refused = !shares.count(origin(from));
            *(if from == 0 { &mut first } else { &mut others }) += u64::from(is_refused);
        }
        (first, others)
    }

    #[test]
    fn equal_origins_are_never_refused() {
        for origins in [1, 2, 3, 10, 63, 64, 65, 1000, 60_000] {
            assert_eq!(refused(50_000, |rng| rng.below(origins)), (0, 0), "{origins} origins");
        }
    }

    /// In a Chord ring of `n` nodes, a node is the finger at half of the ring for one node, which sends it half of
    /// its lookups, at a quarter for two, and so on.
    #[test]
    fn the_fingers_of_a_ring_do_not_look_like_a_heavy_origin() {
        for bits in 2..=14 {
            // Of each level, every node sends one in 2^level of its lookups through one of this level's fingers.
            let next = |rng: &mut Rng| {
                let level = rng.below(bits);
                (1 << level) - 1 + rng.below(1 << level)
            };
            assert_eq!(refused(50_000, next), (0, 0), "{bits} fingers");
        }
    }

    /// An origin with a hundred times the share of each other is refused nearly always, the others never.
    #[test]
    fn a_heavy_origin_is_refused_and_no_other() {
        for others in [1, 2, 8, 32, 100, 200] {
            let work = 50_000;
            let (heavy, light) = refused(work, |rng| rng.below(100 + others).saturating_sub(99));
            let sent = work * 100 / (100 + others);
            assert_eq!(light, 0, "{others} others");
            assert!(heavy > sent * 9 / 10, "{heavy} of {sent} beside {others} others");
        }
    }

    /// What a host did long ago does not count.
    #[test]
    fn a_heavy_origin_that_stops_is_forgotten() {
        let mut shares = FairShares::default();
        let mut rng = Rng::new(1, 0);
        for _ in 0..100_000 {
            shares.count(origin(rng.below(132).saturating_sub(99)));
        }
        assert!(!shares.count(origin(0)));
        for _ in 0..30_000 {
            shares.count(origin(1 + rng.below(32)));
        }
        assert!(shares.count(origin(0)));
    }

    #[test]
    fn slots_of_a_socket_count_as_one_origin() {
        let mut shares = FairShares::default();
        let mut refused = 0;
        for number in 0..10_000_u64 {
            let slot = Address::new([10, 9, 9, 9], 9, number as u16);
            refused += u64::from(!shares.count(slot));
            if number % 10 == 0 {
                shares.count(origin(number / 10 % 30));
            }
        }
        assert!(refused > 9_000, "{refused} of 10,000");
    }
}
