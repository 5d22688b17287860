//! The default of every key, read from the types themselves.
//!
//! **Invariant:** no default is written down here.

use toml::{Table, Value};

use super::tree::{at, is_within, join, parent, put};
use super::{Schema, fault};

impl Schema {
    /// What holds if nothing is written at this dotted path without indices; `None` if nothing does.
    /// Of a detail: what holds once the choice is made that it belongs to.
    #[must_use]
    pub fn default_of(&self, path: &str) -> Option<Value> {
        let (tree, path) = self.tree_that_reaches(path)?;
        let resolved = self.typed(&tree).ok()?.to_table().into();
        at(&resolved, &path).cloned()
    }

    /// A tree with the optional table and the choice that the key belongs to, and the path of the key
    /// in it. `None` if the key must be written where its table is.
    fn tree_that_reaches(&self, path: &str) -> Option<(Value, String)> {
        let mut tree = Value::Table(Table::new());
        let mut place = path.to_owned();
        if is_within(path, "items") {
            put(&mut tree, "items", Table::new().into()).ok()?;
        }
        if let Some(name) = path.strip_prefix("fault.") {
            if fault::REQUIRED.iter().any(|(names, _)| names.contains(&name)) {
                return None;
            }
            put(&mut tree, "fault.0.kind", "crash".into()).ok()?;
            put(&mut tree, "fault.0.count", 1.into()).ok()?;
            place = join("fault.0", name);
        }
        if let Some(choice) = self.find_key(path).and_then(|key| key.detail_of) {
            put(&mut tree, &join(parent(&place), choice.name), choice.words[0].into()).ok()?;
        }
        Some((tree, place))
    }
}
