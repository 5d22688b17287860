//! The seeds of a campaign.
//!
//! **Invariant:** a range has at least one seed and at most [`SEEDS_MAX`].

use std::str::FromStr;

use crate::scenario::count_of;

/// The most runs in one campaign.
pub const SEEDS_MAX: u64 = 1_000_000;

/// A range of seeds, written `A..B` as in Rust.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Seeds(pub(super) core::ops::Range<u64>);

impl FromStr for Seeds {
    type Err = String;

    fn from_str(text: &str) -> Result<Seeds, String> {
        let bounds = text.split_once("..").and_then(|(from, to)| {
            let (from, to) = (count_of(from)?, count_of(to)?);
            Some(u64::try_from(from).ok()?..u64::try_from(to).ok()?)
        });
        match bounds {
            Some(seeds) if seeds.start < seeds.end && seeds.end - seeds.start <= SEEDS_MAX => {
                Ok(Seeds(seeds))
            }
            _ => Err(format!(
                "write A..B, such as 1..1001 for the seeds 1 to 1000, with at most {SEEDS_MAX} seeds"
            )),
        }
    }
}
