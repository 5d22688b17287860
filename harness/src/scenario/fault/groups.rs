//! The groups into which a partition divides the nodes.
//!
//! **Invariant:** each share is above 0, and together they are at most 1.

use serde::{Deserialize, Serialize};

/// The most shares.
const SHARES_MAX: usize = 8;
/// Shares such as 0.34, 0.33 and 0.33 may add up to a little more than 1 in binary.
const ROUNDING: f64 = 1e-9;

/// Groups of nodes: the share of all nodes in each. The other nodes are one more group.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(try_from = "Vec<f64>", into = "Vec<f64>")]
pub struct Groups {
    /// 0 after the last.
    shares: [f64; SHARES_MAX],
}

/// What is accepted as groups.
pub(super) const ACCEPTED: &str =
    "a list of 1 to 8 numbers above 0 that add up to at most 1, such as [0.5, 0.3]";

impl Groups {
    /// The number of groups.
    #[must_use]
    pub fn count(&self) -> usize {
        let stated = self.stated().count();
        if self.has_others() { stated + 1 } else { stated }
    }

    /// The group of a node, which a number from 0 to 1 decides.
    #[must_use]
    pub fn group_at(&self, mut unit: f64) -> usize {
        for (group, share) in self.stated().enumerate() {
            if unit < share {
                return group;
            }
            unit -= share;
        }
        self.count() - 1
    }

    fn stated(&self) -> impl Iterator<Item = f64> {
        self.shares.iter().copied().filter(|share| *share > 0.0)
    }

    fn has_others(&self) -> bool {
        self.stated().sum::<f64>() < 1.0 - ROUNDING
    }
}

impl TryFrom<Vec<f64>> for Groups {
    type Error = &'static str;

    fn try_from(list: Vec<f64>) -> Result<Groups, &'static str> {
        let sum: f64 = list.iter().sum();
        let fits = (1..=SHARES_MAX).contains(&list.len())
            && list.iter().all(|share| *share > 0.0)
            && sum <= 1.0 + ROUNDING;
        let mut shares = [0.0; SHARES_MAX];
        shares.iter_mut().zip(&list).for_each(|(share, stated)| *share = *stated);
        if fits { Ok(Groups { shares }) } else { Err(ACCEPTED) }
    }
}

impl From<Groups> for Vec<f64> {
    fn from(groups: Groups) -> Vec<f64> {
        groups.stated().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn groups(shares: &[f64]) -> Result<Groups, &'static str> {
        Groups::try_from(shares.to_vec())
    }

    #[test]
    fn every_node_is_in_a_group() {
        let thirds = groups(&[0.34, 0.33, 0.33]).expect("together they are 1");
        assert_eq!(thirds.count(), 3);
        let at = [0.0, 0.339, 0.35, 0.66, 0.68, 1.0].map(|unit| thirds.group_at(unit));
        assert_eq!(at, [0, 0, 1, 1, 2, 2]);
        let with_others = groups(&[0.25, 0.25]).expect("half are left");
        assert_eq!(with_others.count(), 3);
        assert_eq!([0.2, 0.4, 0.6, 1.0].map(|unit| with_others.group_at(unit)), [0, 1, 2, 2]);
    }

    #[test]
    fn shares_that_are_none_are_refused() {
        for wrong in [&[][..], &[0.0], &[0.5, -0.1], &[0.6, 0.6], &[f64::NAN], &[0.1; 9]] {
            assert_eq!(groups(wrong), Err(ACCEPTED), "{wrong:?}");
        }
        assert!(groups(&[0.1; 8]).is_ok() && groups(&[1.0]).is_ok());
    }
}
