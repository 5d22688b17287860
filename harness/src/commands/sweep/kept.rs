//! What a sweep keeps of each run, so that it need not be run again.
//!
//! **Invariant:** what is given back was measured, to its end, with exactly the scenario asked for.

use std::fs;
use std::hash::Hasher;
use std::path::{Path, PathBuf};

use siphasher::sip::SipHasher13;

use super::plan::Planned;
use crate::measure::outcome::Outcome;

/// The longest name of a folder, but for its hash.
const NAME_MAX: usize = 120;

/// Where a run is kept, below the folder of its sweep. The name follows from what is varied and
/// the seed; where it cannot hold all of that in plain letters, it ends in a hash of it.
pub(super) fn folder(run: &Planned) -> PathBuf {
    let raw = run.label.replace(", ", ",");
    let plain = |c: char| if c.is_ascii_alphanumeric() || "._-=,".contains(c) { c } else { '_' };
    let mut name: String = raw.chars().map(plain).take(NAME_MAX).collect();
    if name != raw {
        let mut hasher = SipHasher13::new();
        hasher.write(run.label.as_bytes());
        name.push_str(&format!("-{:016x}", hasher.finish()));
    }
    Path::new("runs").join(name)
}

/// The outcome of `run`, if one is kept in `folder`.
pub(super) fn load(folder: &Path, run: &Planned) -> Option<Outcome> {
    let text = fs::read_to_string(folder.join("outcome.json")).ok()?;
    let outcome = Outcome::from_json(&text).ok()?;
    let asked = toml::Table::try_from(&run.scenario).ok()?;
    (outcome.scenario == asked && !outcome.interrupted).then_some(outcome)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Scenario;

    fn named(label: &str) -> String {
        let scenario = Scenario::default();
        let run = Planned { point: 0, scenario, label: label.to_owned() };
        folder(&run).to_str().expect("it is ASCII").to_owned()
    }

    #[test]
    fn names_are_plain_and_never_shared() {
        assert_eq!(named("nodes=64, seed=1"), "runs/nodes=64,seed=1");
        let labels = ["a={x='/'}, seed=1", "a={x='\\'}, seed=1", "a=ä, seed=1", "a=_, seed=1"];
        let long = ["a".repeat(500), "a".repeat(501)];
        let names = labels.into_iter().chain(long.iter().map(String::as_str)).map(named);
        let names: std::collections::BTreeSet<String> = names.collect();
        assert_eq!(names.len(), 6);
        assert!(names.iter().all(|name| name.len() < 160 && name.matches('/').count() == 1));
    }
}
