//! The saved runs of a sweep. A sweep that is resumed does not repeat them.
//!
//! **Invariant:** a saved run counts only if it ran to its end with exactly the same scenario, files and
//! build.

use std::fs;
use std::hash::Hasher;
use std::path::{Path, PathBuf};

use siphasher::sip::SipHasher13;

use super::runs::Planned;
use crate::commands::Environment;
use crate::measure::outcome::Outcome;
use crate::measure::provenance::Build;
use crate::report::files;

/// The longest name of a folder, without its hash.
const NAME_MAX: usize = 120;

/// The folder of a run, relative to that of its sweep. The varied values and the seed make its
/// name. If they are too long or contain other than plain characters, the name ends in a hash of
/// them.
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

/// What is saved of a run.
#[derive(Debug)]
pub(super) enum Saved {
    /// Its outcome.
    Run(Box<Outcome>),
    /// Something else, and why it does not count.
    Unusable(&'static str),
    /// Nothing.
    Nothing,
}

/// Loads the outcome of `run`, if it is saved in `folder`.
pub(super) fn load(env: &Environment, folder: &Path, run: &Planned) -> Saved {
    let Ok(text) = fs::read_to_string(folder.join("outcome.json")) else { return Saved::Nothing };
    let Ok(outcome) = Outcome::from_json(&text) else {
        return Saved::Unusable("which this program cannot read");
    };
    let unusable = if outcome.interrupted {
        "which were interrupted"
    } else if outcome.scenario != run.scenario.to_table() {
        "of another scenario"
    } else if outcome.build != Build::of(env.program) {
        "of another build"
    } else if outcome.files != env.registry.schema().file_digests(&run.scenario) {
        "with other contents of the files that the scenario names"
    } else if !files::are_complete(folder) {
        "whose files are not complete"
    } else {
        return Saved::Run(Box::new(outcome));
    };
    Saved::Unusable(unusable)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::systems::Registry;

    fn named(label: &str) -> String {
        let scenario = Registry::built_in().schema().default_scenario();
        let run = Planned { point: 0, scenario, label: label.to_owned() };
        folder(&run).to_str().expect("it is ASCII").to_owned()
    }

    #[test]
    fn names_are_plain_and_unique() {
        assert_eq!(named("nodes=64, seed=1"), "runs/nodes=64,seed=1");
        let labels = ["a={x='/'}, seed=1", "a={x='\\'}, seed=1", "a=ä, seed=1", "a=_, seed=1"];
        let long = ["a".repeat(500), "a".repeat(501)];
        let names = labels.into_iter().chain(long.iter().map(String::as_str)).map(named);
        let names: std::collections::BTreeSet<String> = names.collect();
        assert_eq!(names.len(), 6);
        assert!(names.iter().all(|name| name.len() < 160 && name.matches('/').count() == 1));
    }
}
