//! Pronounceable names: two to four words of two or three syllables.
//!
//! The vocabulary grows with the square root of the number of names. So names share words as titles
//! do, and the number of names that share two words does not depend on how many there are.
//!
//! **Invariant:** names are unique, no word occurs twice in a name, and no name is longer than a
//! [`Text`] may be.

use hopwise_kernel::Rng;
use hopwise_kernel::items::text::MAX_TEXT;
use hopwise_kernel::items::{Names, Text};

use crate::base::hash::FixedHashSet;

const CONSONANTS: &[u8] = b"bdfghjklmnprstvz";
const VOWELS: &[u8] = b"aeiou";
/// Words in the vocabulary per square root of the number of names, and their minimum.
const WORDS_PER_ROOT: f64 = 3.0;
const VOCABULARY_MIN: usize = 32;
/// The longest word, so that the largest number of words fits with spaces.
const WORD_MAX: usize = (MAX_TEXT + 1) / WORDS_MAX - 1;
const WORDS_MIN: usize = 2;
const WORDS_MAX: usize = 4;

/// The number of words that `count` names are made of.
#[must_use]
pub fn vocabulary_size(count: u32) -> usize {
    VOCABULARY_MIN.max((WORDS_PER_ROOT * f64::from(count).sqrt()) as usize)
}

/// Words in a name, on average.
pub const WORDS_PER_NAME: f64 = (WORDS_MIN + WORDS_MAX) as f64 / 2.0;

/// Draws `count` names.
pub(super) fn names(count: u32, rng: &mut Rng) -> Names {
    let vocabulary = vocabulary(vocabulary_size(count), rng);
    let mut known = FixedHashSet::default();
    known.reserve(count as usize);
    let mut next = || {
        loop {
            let name = name(&vocabulary, rng);
            if known.insert(name) {
                return name;
            }
        }
    };
    Names::new((0..count).map(|_| next()))
}

fn name(vocabulary: &[String], rng: &mut Rng) -> Text {
    let count = WORDS_MIN + rng.below((WORDS_MAX - WORDS_MIN + 1) as u64) as usize;
    let mut words: Vec<&str> = Vec::with_capacity(count);
    while words.len() < count {
        let word = vocabulary[rng.below(vocabulary.len() as u64) as usize].as_str();
        if !words.contains(&word) {
            words.push(word);
        }
    }
    Text::new(words.join(" ").as_bytes()).expect("the longest words fit")
}

fn vocabulary(size: usize, rng: &mut Rng) -> Vec<String> {
    let mut known = FixedHashSet::default();
    let mut words = Vec::with_capacity(size);
    while words.len() < size {
        let word = word(rng);
        if known.insert(word.clone()) {
            words.push(word);
        }
    }
    words
}

/// Draws a word: two or three syllables, sometimes with a final consonant.
fn word(rng: &mut Rng) -> String {
    let mut letter = |of: &[u8]| char::from(of[rng.below(of.len() as u64) as usize]);
    let syllables = if letter(b"23") == '2' { 2 } else { 3 };
    let mut word = String::with_capacity(WORD_MAX);
    for _ in 0..syllables {
        word.push(letter(CONSONANTS));
        word.push(letter(VOWELS));
    }
    if letter(b"yn") == 'y' {
        word.push(letter(CONSONANTS));
    }
    word
}

const _: () = assert!(WORD_MAX == 2 * 3 + 1, "three syllables and a consonant fit");

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(count: u32, seed: u64) -> Vec<String> {
        let names = names(count, &mut Rng::new(seed, 0));
        (0..count).map(|item| names.name(item).expect("named").as_str().to_owned()).collect()
    }

    #[test]
    fn names_differ_and_are_words() {
        let texts = texts(20_000, 5);
        assert!(
            texts.iter().collect::<FixedHashSet<_>>().len() == texts.len(),
            "a name came twice"
        );
        for text in &texts {
            let words: Vec<&str> = text.split(' ').collect();
            assert!((WORDS_MIN..=WORDS_MAX).contains(&words.len()), "{text:?}");
            assert!(words.iter().collect::<FixedHashSet<_>>().len() == words.len(), "{text:?}");
            let is_word = |word: &&str| {
                (4..=WORD_MAX).contains(&word.len())
                    && word.bytes().all(|letter| letter.is_ascii_lowercase())
            };
            assert!(words.iter().all(is_word), "{text:?}");
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_names() {
        assert!(texts(100, 5) == texts(100, 5), "names follow from the seed");
        assert!(texts(100, 5) != texts(100, 6), "another seed gives others");
    }
}
