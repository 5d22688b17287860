//! The named scenarios, one line each.
//!
//! **Invariant:** lists what `run` finds by name.

use super::Environment;
use super::options::Exit;
use crate::scenario::Named;

/// Lists the scenarios that come with the program.
#[must_use]
pub fn list(env: &Environment) -> Exit {
    let schema = env.registry.schema();
    let width = schema.named().map(|named| named.name.len()).max().unwrap_or(0);
    let line = |named: &Named| format!("{:width$}  {}\n", named.name, named.description());
    env.print(&schema.named().map(line).collect::<String>())
}
