//! What the user wrote, as messages show it.
//!
//! **Invariant:** no message repeats more than the start of a long text.

use std::borrow::Cow;
use std::fmt::Display;

/// The most characters that a message shows of a name or a value.
const SHOWN_MAX: usize = 200;

/// `text`, or its start if it is long.
pub(crate) fn shortened(text: &str) -> Cow<'_, str> {
    match text.char_indices().nth(SHOWN_MAX) {
        None => text.into(),
        Some((end, _)) => format!("{}… ({} bytes)", &text[..end], text.len()).into(),
    }
}

/// What `value` looks like, or the start of it if it is long.
pub(super) fn shown(value: impl Display) -> String {
    shortened(&value.to_string()).into_owned()
}

/// The start of `text`: enough to tell which known name is similar.
pub(super) fn comparable(text: &str) -> String {
    text.chars().take(SHOWN_MAX).collect::<String>().to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_are_cut_between_characters() {
        assert_eq!(shortened("ring.successors"), "ring.successors");
        let exactly = "ä".repeat(SHOWN_MAX);
        assert_eq!(shortened(&exactly), exactly);
        let long = "ä".repeat(5_000_000);
        assert_eq!(shortened(&long), format!("{exactly}… (10000000 bytes)"));
        assert_eq!(comparable(&long).chars().count(), SHOWN_MAX);
    }
}
