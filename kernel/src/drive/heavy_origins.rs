//! Which origins ask for far more than the others.
//!
//! Nodes that forward a lookup send it under their own address, so its sender does not tell who asked. Work
//! is therefore counted by [origin](crate::Protocol::origin), and all nodes of one IP address are one origin: a host
//! can open many sockets. An origin is heavy above [`HEAVY_FACTOR`] times the mean of the others. A sole origin is
//! never heavy.
//!
//! The origin of a lookup is not proven. A source that names another origin in each lookup is not found, and one
//! that names a victim makes the victim heavy.
//!
//! Counts are those of the heaviest origins, in a fixed table (Metwally, Agrawal and El Abbadi, *Efficient
//! computation of frequent and top-k elements in data streams*, ICDT 2005). An origin is judged by what it
//! has for certain, so many small origins never look like a large one.
//!
//! **Invariant:** plain arithmetic in a table of fixed size.

use crate::base::Address;

/// An origin is heavy above this many times the mean of the other origins in the table. In a Chord ring, half of
/// the lookups of one node pass its farthest finger, which is up to 12.4 times the mean of the nodes that use that
/// finger (64 nodes).
pub const HEAVY_FACTOR: u64 = 16;
/// The origins that are counted at a time. Beside more than that, an origin is heavy if it has more than
/// `HEAVY_FACTOR / (ORIGINS - 1 + HEAVY_FACTOR)` of the work, a fifth.
const ORIGINS: usize = 64;
/// No origin is heavy before this much work has been counted.
const SAMPLE: u32 = 64;
/// Counts are halved when their sum reaches this, so old work is forgotten.
const WINDOW: u32 = 4096;

/// Work by origin.
#[derive(Clone, Debug)]
pub struct HeavyOrigins {
    shares: [Share; ORIGINS],
    used: usize,
    /// The sum of all counts.
    total: u32,
}

#[derive(Clone, Copy, Debug, Default)]
struct Share {
    ip: u32,
    count: u32,
    /// The part of the count that may belong to origins which had this place before.
    uncertain: u32,
}

impl Default for HeavyOrigins {
    fn default() -> HeavyOrigins {
        HeavyOrigins { shares: [Share::default(); ORIGINS], used: 0, total: 0 }
    }
}

impl HeavyOrigins {
    /// Counts a piece of work for `origin`. Returns whether `origin` is heavy.
    pub fn record(&mut self, origin: Address) -> bool {
        if self.total >= WINDOW {
            self.forget_half();
        }
        self.total += 1;
        let share = self.share_of(origin.ip);
        share.count += 1;
        let certain = share.count - share.uncertain;
        let others = u64::from(self.total - certain);
        self.total >= SAMPLE && u64::from(certain) * (self.used as u64 - 1) > HEAVY_FACTOR * others
    }

    /// The share of the nodes at `ip`. In a full table, a new one replaces the smallest, and inherits its count as
    /// uncertain.
    fn share_of(&mut self, ip: u32) -> &mut Share {
        let used = &self.shares[..self.used];
        let at = match used.iter().position(|share| share.ip == ip) {
            Some(at) => at,
            None if self.used < ORIGINS => {
                self.used += 1;
                self.shares[self.used - 1] = Share { ip, count: 0, uncertain: 0 };
                self.used - 1
            }
            None => {
                let at = (0..ORIGINS).min_by_key(|&at| used[at].count).unwrap_or_default();
                let count = used[at].count;
                self.shares[at] = Share { ip, count, uncertain: count };
                at
            }
        };
        &mut self.shares[at]
    }

    fn forget_half(&mut self) {
        let mut kept = 0;
        for at in 0..self.used {
            let Share { ip, count, uncertain } = self.shares[at];
            if count > 1 {
                let (count, certain) = (count / 2, (count - uncertain) / 2);
                self.shares[kept] = Share { ip, count, uncertain: count - certain };
                kept += 1;
            }
        }
        self.used = kept;
        self.total = self.shares[..kept].iter().map(|share| share.count).sum();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Rng;

    fn origin(number: u64) -> Address {
        Address::new([10, 0, (number >> 8) as u8, number as u8], 4000, 0)
    }

    /// Records `work` pieces, of origins as `next` says. Returns how many are heavy: of origin 0, and of the others.
    fn heavy(work: u64, mut next: impl FnMut(&mut Rng) -> u64) -> (u64, u64) {
        let (mut origins, mut rng) = (HeavyOrigins::default(), Rng::new(1, 0));
        let (mut first, mut others) = (0, 0);
        for _ in 0..work {
            let from = next(&mut rng);
            let is_heavy = origins.record(origin(from));
            *(if from == 0 { &mut first } else { &mut others }) += u64::from(is_heavy);
        }
        (first, others)
    }

    #[test]
    fn equal_origins_are_never_heavy() {
        for origins in [1, 2, 3, 10, 63, 64, 65, 1000, 60_000] {
            assert_eq!(heavy(50_000, |rng| rng.below(origins)), (0, 0), "{origins} origins");
        }
    }

    /// In a Chord ring, a node is the finger at half of the ring for one node, which sends it half of its lookups, at a
    /// quarter for two, and so on.
    #[test]
    fn the_nodes_that_use_a_finger_are_not_heavy() {
        for levels in 2..=14 {
            // Level `l` has 2^l origins. Each sends one in 2^(l + 1) of its lookups through this node.
            let next = |rng: &mut Rng| {
                let level = rng.below(levels);
                (1 << level) - 1 + rng.below(1 << level)
            };
            assert_eq!(heavy(50_000, next), (0, 0), "{levels} levels");
        }
    }

    #[test]
    fn an_origin_with_a_hundred_times_the_share_of_others_is_heavy() {
        for others in [1, 2, 8, 32, 100, 200] {
            let work = 50_000;
            let (heavy, light) = heavy(work, |rng| rng.below(100 + others).saturating_sub(99));
            let sent = work * 100 / (100 + others);
            assert_eq!(light, 0, "{others} others");
            assert!(heavy > sent * 9 / 10, "{heavy} of {sent} beside {others} others");
        }
    }

    #[test]
    fn a_heavy_origin_that_stops_is_forgotten() {
        let (mut origins, mut rng) = (HeavyOrigins::default(), Rng::new(1, 0));
        for _ in 0..100_000 {
            origins.record(origin(rng.below(132).saturating_sub(99)));
        }
        assert!(origins.record(origin(0)));
        for _ in 0..30_000 {
            origins.record(origin(1 + rng.below(32)));
        }
        assert!(!origins.record(origin(0)));
    }

    #[test]
    fn all_nodes_of_a_host_are_one_origin() {
        let (mut origins, mut heavy) = (HeavyOrigins::default(), 0);
        for number in 0..10_000_u64 {
            let node = Address::new([10, 9, 9, 9], number as u16, (number >> 8) as u16);
            heavy += u64::from(origins.record(node));
            if number % 10 == 0 {
                origins.record(origin(number / 10 % 30));
            }
        }
        assert!(heavy > 9_000, "{heavy} of 10,000");
    }
}
