//! The named scenarios, one line each.
//!
//! **Invariant:** lists what `run` finds by name.

use super::Environment;
use super::options::Exit;

/// Lists the scenarios that come with the program.
#[must_use]
pub fn list(env: &Environment) -> Exit {
    let schema = env.registry.schema();
    let width = schema.named().map(|named| named.name.len()).max().unwrap_or(0);
    for named in schema.named() {
        println!("{:width$}  {}", named.name, named.description());
    }
    Exit::Success
}
