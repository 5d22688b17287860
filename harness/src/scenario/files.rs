//! The files that a scenario names: traces, graphs, delays.
//!
//! **Invariant:** the digest of a file depends on its bytes alone.

use std::collections::BTreeMap;
use std::fs;
use std::hash::Hasher;
use std::path::Path;

use siphasher::sip::SipHasher13;
use toml::Value;

use super::key::Kind;
use super::tree::at;
use super::{Scenario, Schema};

impl Schema {
    /// The digests of the files that `scenario` names, by key. What is no file or cannot be read is
    /// left out: a run that needs it fails.
    #[must_use]
    pub fn file_digests(&self, scenario: &Scenario) -> BTreeMap<String, String> {
        let tree = Value::from(scenario.to_table());
        let paths = self.keys().filter(|key| key.kind == Kind::Path);
        let named = paths.filter_map(|key| Some((key.path, at(&tree, key.path)?.as_str()?)));
        let digests =
            named.filter_map(|(key, file)| Some((key.to_owned(), digest(file.as_ref())?)));
        digests.collect()
    }
}

/// The digest of a regular file. A pipe is left to the run: it can be read only once.
fn digest(file: &Path) -> Option<String> {
    let bytes = fs::metadata(file).ok()?.is_file().then(|| fs::read(file).ok())??;
    let mut hasher = SipHasher13::new();
    hasher.write(&bytes);
    Some(format!("{:016x}", hasher.finish()))
}
