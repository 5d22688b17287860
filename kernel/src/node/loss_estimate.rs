//! How many unanswered attempts it takes to draw a conclusion about a peer.
//!
//! A single missing reply proves nothing where messages get lost. With a share q of lost attempts, k
//! attempts in a row go unanswered by a live peer with probability q^k. So the number of attempts
//! follows from the loss observed and from the chance of error that the conclusion allows.
//!
//! **Invariant:** plain integer arithmetic. Only attempts to peers that answered in the end count: dead
//! peers say nothing about loss.

use crate::node::requests::MAX_ATTEMPTS;

/// The share of lost attempts, as observed by one node.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct LossEstimate {
    /// Share of attempts that were lost, in units of 1/65,536.
    share: u16,
    /// Attempts observed so far, at most [`WINDOW`].
    samples: u8,
}

/// A conclusion from missing replies, and the chance of error that it allows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Confidence {
    /// Going round a silent peer: 1 in 50. The next node checks.
    GoOn,
    /// Answering for a silent predecessor: 1 in 1,000, beside the evidence of the previous hop.
    Claim,
    /// Declaring a peer dead: 1 in 10^7, since a node comes to suspect a peer several times a second
    /// where much is lost.
    Declare,
}

/// The last so many attempts count, older ones less and less.
const WINDOW: u8 = 64;
const ONE: u64 = 1 << 16;

impl LossEstimate {
    /// Records that a peer answered after `lost` attempts that it did not answer.
    #[inline]
    pub fn record(&mut self, lost: u8) {
        for _ in 0..lost.min(MAX_ATTEMPTS) {
            self.step(ONE as u32 - 1);
        }
        self.step(0);
    }

    /// The number of unanswered attempts that justify a conclusion: 1 … [`MAX_ATTEMPTS`].
    #[must_use]
    pub fn attempts(self, confidence: Confidence) -> u8 {
        // In units of 2^-32.
        let (mut chance, allowed): (u64, u64) = match confidence {
            Confidence::GoOn => (1 << 32, 85_899_345),
            Confidence::Claim => (1 << 32, 4_294_967),
            Confidence::Declare => (1 << 32, 429),
        };
        let share = self.cautious_share(confidence);
        let mut attempts = 0;
        while chance > allowed && attempts < MAX_ATTEMPTS {
            chance = chance * share / ONE;
            attempts += 1;
        }
        attempts
    }

    /// The estimate with a margin for its error. Before there are samples, declaring a peer dead
    /// assumes a loss of two fifths, and lighter conclusions one twentieth.
    fn cautious_share(self, confidence: Confidence) -> u64 {
        const PRIOR_SAMPLES: u64 = 3;
        let prior = match confidence {
            Confidence::Declare => ONE * 2 / 5,
            Confidence::GoOn | Confidence::Claim => ONE / 20,
        };
        let samples = u64::from(self.samples);
        // The weight of the prior fades out as the window fills.
        let weight = PRIOR_SAMPLES * (u64::from(WINDOW) - samples);
        let total = samples * u64::from(WINDOW) + weight;
        let share = (u64::from(self.share) * samples * u64::from(WINDOW) + prior * weight) / total;
        // Three standard deviations of the estimate, at most, if a mistake is expensive.
        let margin = match confidence {
            Confidence::Declare => (share * 4 / 5).min(ONE * 13 / 100),
            Confidence::GoOn | Confidence::Claim => share * 3 / 20,
        };
        (share + margin + ONE * 3 / 200).min(ONE * 9 / 10)
    }

    #[inline]
    fn step(&mut self, sample: u32) {
        self.samples = (self.samples + 1).min(WINDOW);
        let (share, samples) = (i64::from(self.share), i64::from(self.samples));
        self.share = (share + (i64::from(sample) - share) / samples) as u16;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Rng;

    fn attempts(loss: f64, samples: u32, confidence: Confidence) -> u8 {
        let mut rng = Rng::new(7, 0);
        let mut estimate = LossEstimate::default();
        let mut lost = 0;
        for _ in 0..samples {
            if rng.unit() < loss {
                lost += 1;
            } else {
                estimate.record(lost);
                lost = 0;
            }
        }
        estimate.attempts(confidence)
    }

    #[test]
    fn more_loss_takes_more_attempts() {
        let shares = [0.0, 0.0975, 0.19, 0.36, 0.51];
        for confidence in [Confidence::GoOn, Confidence::Claim, Confidence::Declare] {
            let needed = shares.map(|share| attempts(share, 1000, confidence));
            assert!(needed.is_sorted(), "{confidence:?} {needed:?}");
        }
        assert_eq!(shares.map(|share| attempts(share, 1000, Confidence::GoOn))[0], 1);
        assert_eq!(attempts(0.0, 1000, Confidence::Declare), 4);
        assert!(attempts(0.0, 0, Confidence::Declare) > 20, "a node without samples is careful");
    }

    /// The promised chance of error, from many estimates at the loss of thirty in a hundred messages.
    #[test]
    fn the_chance_of_error_is_kept() {
        let loss: f64 = 0.51;
        let mut rng = Rng::new(11, 0);
        let (mut sum, mut count) = (0.0, 0);
        let mut estimate = LossEstimate::default();
        let mut lost = 0;
        for at in 0..100_000 {
            if rng.unit() < loss {
                lost += 1;
                continue;
            }
            estimate.record(lost);
            lost = 0;
            if at > 500 {
                let attempts = estimate.attempts(Confidence::Declare);
                // `powi` is not in core.
                sum += (0..attempts).fold(1.0, |chance, _| chance * loss);
                count += 1;
            }
        }
        let mean = sum / f64::from(count);
        assert!(mean < 1e-6, "{mean}");
    }
}
