//! Long lines of text, broken between words.
//!
//! **Invariant:** no word is broken, not even at a hyphen: it may be a key or a value.

use textwrap::{Options, WordSplitter};

/// The greatest width of a line in columns; also the width where there is no terminal.
pub(crate) const COLUMNS: usize = 120;

/// `head` and `body`, wrapped at `columns`. Further lines are indented by `indent`.
pub(crate) fn wrapped(head: &str, body: &str, indent: usize, columns: usize) -> String {
    let indent = " ".repeat(indent);
    let options = Options::new(columns)
        .initial_indent(head)
        .subsequent_indent(&indent)
        .break_words(false)
        .word_splitter(WordSplitter::NoHyphenation);
    textwrap::fill(body, options)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_stay_whole_and_further_lines_are_indented() {
        let text = wrapped("per-core: ", "one-socket-per-core for all-of-its-nodes", 2, 30);
        assert_eq!(text, "per-core: one-socket-per-core\n  for all-of-its-nodes");
        assert_eq!(wrapped("", "a-word-that-is-too-long", 0, 5), "a-word-that-is-too-long");
    }
}
