//! Texts of bounded length: names of items, and queries for them.
//!
//! **Invariant:** a text is valid UTF-8 of 1 … [`MAX_TEXT`] bytes.

use core::fmt;

/// Longest name or query, in bytes.
pub const MAX_TEXT: usize = 31;

/// A name or a query. See the [module](self).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Text {
    // Padded with zeros, so that the derived equality and order are those of the texts.
    bytes: [u8; MAX_TEXT],
    length: u8,
}

/// Why bytes are not a valid [`Text`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TextError {
    /// There are no bytes.
    Empty,
    /// There are more than [`MAX_TEXT`] bytes: shorten the text.
    TooLong,
    /// The bytes are not UTF-8.
    NotUtf8,
}

impl Text {
    /// Validates and copies a text.
    ///
    /// # Errors
    ///
    /// See [`TextError`].
    pub fn new(from: &[u8]) -> Result<Text, TextError> {
        if from.is_empty() {
            return Err(TextError::Empty);
        }
        if from.len() > MAX_TEXT {
            return Err(TextError::TooLong);
        }
        if core::str::from_utf8(from).is_err() {
            return Err(TextError::NotUtf8);
        }
        let mut bytes = [0; MAX_TEXT];
        bytes[..from.len()].copy_from_slice(from);
        Ok(Text { bytes, length: from.len() as u8 })
    }

    /// The text as bytes.
    #[inline]
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.length)]
    }

    /// The text as a string.
    #[must_use]
    pub fn as_str(&self) -> &str {
        core::str::from_utf8(self.as_bytes()).unwrap_or_default()
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.as_str())
    }
}

impl fmt::Display for TextError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TextError::Empty => f.write_str("empty: write 1 to 31 bytes"),
            TextError::TooLong => f.write_str("too long: write 1 to 31 bytes"),
            TextError::NotUtf8 => f.write_str("not UTF-8"),
        }
    }
}

impl core::error::Error for TextError {}
