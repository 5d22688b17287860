//! Values of a scenario as they are set on the command line.
//!
//! **Invariant:** whether the key exists is not decided here.

/// Reads `KEY=VALUE`.
pub(super) fn assignment(text: &str) -> Result<(String, String), String> {
    let example = "write KEY=VALUE, such as ring.successors=8";
    let (key, value) = text.split_once('=').ok_or(example)?;
    match key.trim() {
        "" => Err(format!("the key is missing: {example}")),
        key => Ok((key.to_owned(), value.trim().to_owned())),
    }
}
