//! The default of every key, read from the types themselves.
//!
//! **Invariant:** no default is written down here.

use toml::{Table, Value};

use super::tree::{at, is_within, join, parent, put};
use super::{Schema, Subject, fault, profile};

impl Schema {
    /// The default of the key at a dotted path without indices; `None` if it has none. For a
    /// detail, the default once its choice is made.
    #[must_use]
    pub fn default_of(&self, path: &str) -> Option<Value> {
        let (tree, path) = self.tree_that_reaches(path)?;
        let resolved = self.typed(&tree).ok()?.to_table().into();
        at(&resolved, &path).cloned()
    }

    /// A minimal tree in which the key may be written, and the path of the key in it. `None` if the
    /// key is required wherever its table is written.
    fn tree_that_reaches(&self, path: &str) -> Option<(Value, String)> {
        let mut tree = Value::Table(Table::new());
        let mut place = path.to_owned();
        for section in Subject::ALL.into_iter().filter_map(Subject::section) {
            if is_within(path, section) {
                put(&mut tree, section, Table::new().into()).ok()?;
            }
        }
        if let Some(name) = path.strip_prefix("fault.") {
            if fault::REQUIRED.iter().any(|(names, _)| names.contains(&name)) {
                return None;
            }
            put(&mut tree, "fault.0.kind", "crash".into()).ok()?;
            put(&mut tree, "fault.0.count", 1.into()).ok()?;
            place = join("fault.0", name);
        }
        if let Some(name) = path.strip_prefix("workload.profile.") {
            if profile::REQUIRED.iter().any(|(names, _)| names.contains(&name)) {
                return None;
            }
            put(&mut tree, "workload.profile.0.at", "0s".into()).ok()?;
            put(&mut tree, "workload.profile.0.lookups_per_s", 1.into()).ok()?;
            place = join("workload.profile.0", name);
        }
        if let Some(choice) = self.find_key(path).and_then(|key| key.detail_of) {
            put(&mut tree, &join(parent(&place), choice.name), choice.words[0].into()).ok()?;
        }
        Some((tree, place))
    }
}
