//! The words of names and queries. Words are separated by spaces; bytes are compared as they are.
//!
//! **Invariant:** a text has at most [`MAX_WORDS`] words.

use core::cmp::Reverse;

use crate::items::text::{MAX_TEXT, Text};

/// The most words that a [`Text`] can have.
pub const MAX_WORDS: usize = MAX_TEXT.div_ceil(2);

/// The words of `text`, in order.
pub(super) fn words(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|&byte| byte == b' ').filter(|word| !word.is_empty())
}

/// The word with this number, counted from 0.
#[must_use]
pub fn word(text: &Text, number: u8) -> Option<Text> {
    Text::new(word_bytes(text, number)?).ok()
}

/// The bytes of the word with this number, counted from 0.
pub(super) fn word_bytes(text: &Text, number: u8) -> Option<&[u8]> {
    words(text.as_bytes()).nth(number.into())
}

/// The different words of `text` with their numbers, each where it occurs first.
pub fn different_words(text: &Text) -> impl Iterator<Item = (u8, Text)> {
    let is_first =
        |number: usize, word: &[u8]| !words(text.as_bytes()).take(number).any(|it| it == word);
    let different =
        words(text.as_bytes()).enumerate().filter(move |&(number, word)| is_first(number, word));
    different.filter_map(|(number, word)| Some((number as u8, Text::new(word).ok()?)))
}

/// The different words of a text in order of length, longest first: as a rule, the longest is the rarest.
#[derive(Clone, Debug)]
pub struct LongestFirst {
    words: [Option<Text>; MAX_WORDS],
}

impl LongestFirst {
    /// The words of `text`.
    #[must_use]
    pub fn of(text: &Text) -> LongestFirst {
        let mut words = [None; MAX_WORDS];
        words.iter_mut().zip(different_words(text)).for_each(|(to, (_, word))| *to = Some(word));
        // Words of one length stay in their order.
        insertion_sort(&mut words, |word| {
            Reverse(word.as_ref().map_or(0, |word| word.as_bytes().len()))
        });
        LongestFirst { words }
    }

    /// The word in this place.
    #[must_use]
    pub fn at(&self, place: u8) -> Option<Text> {
        *self.words.get(usize::from(place))?
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Text> {
        self.words.iter().flatten()
    }
}

/// Sorts a short slice without changing the order of equal elements, and without allocating.
fn insertion_sort<T, K: Ord>(all: &mut [T], key: impl Fn(&T) -> K) {
    for end in 1..all.len() {
        let at = all[..end].partition_point(|before| key(before) <= key(&all[end]));
        all[at..=end].rotate_right(1);
    }
}
