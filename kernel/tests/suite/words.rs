//! The words of texts and the index of references by word, each compared with the simplest implementation.
//!
//! **Invariant:** words come from a small alphabet, so that names share them.

use std::cmp::Reverse;
use std::time::Duration;

use hopwise_kernel::items::index::MAX_LISTED_HOLDERS;
use hopwise_kernel::items::words::{LongestFirst, MAX_WORDS, different_words, word};
use hopwise_kernel::items::{
    Hit, HitList, MAX_TEXT, Match, Query, Text, WordIndex, WordLimits, WordRefusal,
};
use hopwise_kernel::{Address, Id, Peer, Rng, Time};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

fn text(from: &str) -> Text {
    Text::new(from.as_bytes()).expect("the text is short and not empty")
}

/// Texts of letters and spaces, some of them without words.
fn spaced() -> impl Strategy<Value = Text> {
    "[abc ]{1,31}".prop_map(|it| text(&it))
}

/// One to three words of one or two letters.
fn name() -> impl Strategy<Value = Text> {
    "[ab]{1,2}( [ab]{1,2}){0,2}".prop_map(|it| text(&it))
}

proptest! {
    #[test]
    fn words_are_those_between_spaces(name in spaced()) {
        let mut naive: Vec<(u8, &str)> = Vec::new();
        for (number, word) in (0..).zip(name.as_str().split_whitespace()) {
            prop_assert_eq!(super_word(&name, number), Some(word.to_owned()));
            if !naive.iter().any(|&(_, known)| known == word) {
                naive.push((number, word));
            }
        }
        let different: Vec<(u8, Text)> = different_words(&name).collect();
        let as_text: Vec<(u8, Text)> = naive.iter().map(|&(at, word)| (at, text(word))).collect();
        prop_assert_eq!(&different, &as_text);
        let count = name.as_str().split_whitespace().count();
        prop_assert!(count <= MAX_WORDS);
        prop_assert_eq!(word(&name, count as u8), None);
        naive.sort_by_key(|&(_, word)| Reverse(word.len()));
        let sorted: Vec<Text> = naive.iter().map(|&(_, word)| text(word)).collect();
        let longest_first = LongestFirst::of(&name);
        prop_assert_eq!(longest_first.iter().copied().collect::<Vec<_>>(), sorted.clone());
        for place in 0..=u8::MAX {
            prop_assert_eq!(longest_first.at(place), sorted.get(usize::from(place)).copied());
        }
    }
}

fn super_word(name: &Text, number: u8) -> Option<String> {
    word(name, number).map(|word| word.as_str().to_owned())
}

#[test]
fn a_text_of_single_letters_has_the_most_words() {
    let text = text("a b c d e f g h i j k l m n o p");
    assert_eq!((text.as_bytes().len(), different_words(&text).count()), (MAX_TEXT, MAX_WORDS));
    assert!(LongestFirst::of(&text).at(MAX_WORDS as u8 - 1).is_some());
}

#[derive(Clone, Debug)]
enum Step {
    Insert { name: Text, word: u8, holder: u8, lives_s: u64 },
    Wait { s: u64 },
}

fn step() -> impl Strategy<Value = Step> {
    let insert = (name(), 0..4_u8, 0..6_u8, 1..9_u64)
        .prop_map(|(name, word, holder, lives_s)| Step::Insert { name, word, holder, lives_s });
    prop_oneof![6 => insert, 1 => (1..4_u64).prop_map(|s| Step::Wait { s })]
}

fn peer(number: u8) -> Peer {
    // Some pairs of identifiers share an address.
    let id = Id::from_bytes([number; 20]);
    Peer { id, address: Address::new([127, 0, 0, 1], 4000, (number / 2).into()) }
}

/// One reference of the naive model.
#[derive(Clone, Debug)]
struct Kept {
    word: String,
    name: Text,
    holder: Peer,
    expires: Time,
}

/// Implements the documentation of [`WordIndex`] literally.
struct Naive {
    limits: WordLimits,
    kept: Vec<Kept>,
}

impl Naive {
    fn expire(&mut self, now: Time) {
        self.kept.retain(|it| it.expires > now);
    }

    fn insert(&mut self, hit: &Hit, number: u8, expires: Time) -> Result<(), WordRefusal> {
        let Some(word) = super_word(&hit.name, number) else { return Err(WordRefusal::NoSuchWord) };
        let is_same = |it: &Kept| it.word == word && it.name == hit.name;
        let same = |it: &&mut Kept| is_same(it) && it.holder.address == hit.holder.address;
        if let Some(known) = self.kept.iter_mut().find(same) {
            (known.holder, known.expires) = (hit.holder, known.expires.max(expires));
            return Ok(());
        }
        let holders = self.kept.iter().filter(|it| is_same(it)).count();
        if holders >= MAX_LISTED_HOLDERS {
            let soonest = self.kept.iter().filter(|it| is_same(it)).map(|it| it.expires).min();
            if soonest.is_some_and(|soonest| expires < soonest) {
                return Ok(());
            }
            let at = self.kept.iter().position(|it| is_same(it) && Some(it.expires) == soonest);
            self.kept.remove(at.expect("one expires first"));
        } else if self.under(&word).count() >= self.limits.per_word as usize {
            return Err(WordRefusal::WordFull);
        }
        if self.kept.len() >= self.limits.references as usize {
            return Err(WordRefusal::IndexFull);
        }
        self.kept.push(Kept { word, name: hit.name, holder: hit.holder, expires });
        Ok(())
    }

    fn under(&self, word: &str) -> impl Iterator<Item = &Kept> {
        self.kept.iter().filter(move |it| it.word == word)
    }

    /// The names found, best first, each with the expiries of its holders.
    fn find(&self, word: &str, query: &Query) -> Vec<(Text, Vec<Time>)> {
        let mut names: Vec<(Reverse<u16>, Text)> = self
            .under(word)
            .filter_map(|it| Some((Reverse(query.score(it.name.as_bytes())?), it.name)))
            .collect();
        names.sort_unstable();
        names.dedup();
        let holders = |name: Text| {
            let mut expiries: Vec<Time> =
                self.under(word).filter(|it| it.name == name).map(|it| it.expires).collect();
            expiries.sort_unstable_by_key(|&expires| Reverse(expires));
            expiries
        };
        names.into_iter().map(|(_, name)| (name, holders(name))).collect()
    }
}

proptest! {
    #[test]
    fn agrees_with_the_naive_model(
        steps in vec(step(), 0..120),
        asked in vec((select(vec!["a", "b", "ab", "ba"]), name()), 1..8),
        references in 1..40_u32,
        per_word in 1..12_u32,
    ) {
        let limits = WordLimits { references, per_word };
        let mut index = WordIndex::new(limits, &mut Rng::new(1, 0));
        let mut naive = Naive { limits, kept: Vec::new() };
        let memory = index.heap_bytes();
        let mut now = Time::ZERO;
        for (number, step) in (0..).zip(steps) {
            match step {
                Step::Wait { s } => now = now + Duration::from_secs(s),
                Step::Insert { name, word, holder, lives_s } => {
                    let hit = Hit { holder: peer(holder), name };
                    // No two expire at the same instant: of such, any may give way.
                    let expires = now + Duration::from_secs(lives_s) + Duration::from_nanos(number);
                    naive.expire(now);
                    let entered = index.insert(now, &hit, word, expires);
                    prop_assert_eq!(entered, naive.insert(&hit, word, expires));
                }
            }
            index.expire(now);
            naive.expire(now);
            prop_assert_eq!(index.len(), naive.kept.len());
            prop_assert_eq!((0..index.slots()).filter_map(|at| index.at(now, at)).count(), index.len());
        }
        prop_assert_eq!(index.heap_bytes(), memory, "it never grows");
        for (word, text) in asked {
            let query = Query { how: Match::Words, text };
            let mut found = HitList::default();
            let is_whole = index.find(now, &self::text(word), &query, &mut found);
            let expected = naive.find(word, &query);
            let wanted: usize = expected.iter().map(|(_, expiries)| expiries.len()).sum();
            let mut names: Vec<Text> = found.hits().iter().map(|hit| hit.name).collect();
            prop_assert_eq!(is_whole, names.len() == wanted, "{} of {}", names.len(), wanted);
            names.dedup();
            let best: Vec<Text> = expected.iter().map(|&(name, _)| name).collect();
            prop_assert_eq!(&names[..], &best[..names.len()], "the best come first");
        }
    }
}

/// An answer lists as many hits as fit into a message, best first, and says if some are left out.
#[test]
fn a_popular_word_gets_an_answer_of_bounded_length() {
    let limits = WordLimits { references: 1000, per_word: 200 };
    let mut index = WordIndex::new(limits, &mut Rng::new(2, 0));
    let mut refused = 0;
    for number in 0..300 {
        let name = text(&format!("word {number:04}{}", "x".repeat(number % 7)));
        let hit = Hit { holder: peer(1), name };
        let entered = index.insert(Time::ZERO, &hit, 0, Time::ZERO + Duration::from_secs(9));
        refused += usize::from(entered == Err(WordRefusal::WordFull));
    }
    assert_eq!((index.len(), refused), (200, 100));
    let query = Query { how: Match::Words, text: text("word") };
    let mut found = HitList::default();
    assert!(!index.find(Time::ZERO, &text("word"), &query, &mut found), "not all fit");
    let listed: Vec<Text> = found.hits().iter().map(|hit| hit.name).collect();
    assert!(listed.len() > 10, "{}", listed.len());
    assert!(listed.iter().all(|name| name.as_bytes().len() == 9), "the shortest names: {listed:?}");
    let rare = Query { how: Match::Words, text: text("0013xxxxxx word") };
    let mut found = HitList::default();
    assert!(index.find(Time::ZERO, &text("word"), &rare, &mut found), "one fits");
    assert_eq!(found.hits().iter().count(), 1);
}
