//! Text files of the user's.
//!
//! **Invariant:** a byte order mark is never part of a text.

use std::fs;
use std::io;
use std::path::Path;

/// What some editors write at the start of a file in UTF-8.
const BYTE_ORDER_MARK: char = '\u{feff}';

/// Reads a text file in UTF-8, without its byte order mark.
///
/// # Errors
///
/// If the file cannot be read or is not UTF-8.
pub(crate) fn read_text(path: &Path) -> io::Result<String> {
    let mut text = fs::read_to_string(path)?;
    if text.starts_with(BYTE_ORDER_MARK) {
        text.drain(..BYTE_ORDER_MARK.len_utf8());
    }
    Ok(text)
}
