//! A directory that keeps references under the words of names as well.
//!
//! **Invariant:** everything runs in memory and in virtual time.

use hopwise_kernel::directory::{ANSWER_CUT, MessageWith as Message, WORD_FULL};
use hopwise_kernel::drive::memory::DELAY;
use hopwise_kernel::items::event::Event as ItemsEvent;
use hopwise_kernel::items::{self, Hit, Match, WordLimits};
use hopwise_kernel::node::{Cookie, DropReason, RequestId};
use hopwise_tests::central::{query, text};
use hopwise_tests::directory::{
    A_MOMENT, Config, DEADLINE, Directory, Event, ITEMS, NODES, PLACES, by_words, name, name_of,
    published_once,
};

use super::directory::{A_TICK, MODES, NOTICED, cookie_in_flight, join, leave, with_ring};

/// The words of item `item`.
fn words_of(item: u32) -> Vec<String> {
    name(item).split(' ').map(str::to_owned).collect()
}

/// A configuration with references by word that are published only once.
fn by_words_once() -> Config {
    let mut config = published_once();
    config.store.words = by_words().store.words;
    config
}

/// Checks that exactly the keepers of each word have references, to all live holders or to three of them.
fn assert_words_kept(stored: &Directory) {
    for item in 0..ITEMS {
        let word = words_of(item).pop().expect("a name has words");
        let keepers = stored.keepers_of_word(&word);
        let live = stored.live_holders(item);
        for peer in stored.ring() {
            let known = stored.known_under(peer, &word);
            let count = if keepers.contains(&peer) { live.len().min(3) } else { 0 };
            assert!(known.len() == count, "{word:?} at {peer:?}: {} of {count}", known.len());
            for (name, holder) in known {
                assert!(name == name_of(item) && live.contains(&holder));
            }
        }
    }
}

#[test]
fn words_are_found_from_everywhere_and_pieces_are_not() {
    for (seed, lookup) in (60..).zip(MODES) {
        let mut stored = Directory::published(with_ring(by_words(), |it| it.lookup = lookup), seed);
        assert_words_kept(&stored);
        stored.assert_kept_exactly();
        for item in (0..ITEMS).step_by(3) {
            let number = words_of(item).pop().expect("a name has words");
            for asked in [number.clone(), format!("{number} the"), format!("  item {number} ")] {
                assert_found_by_words(&mut stored, &asked, Some(item));
            }
            stored.assert_found(item, A_MOMENT);
        }
        // Both words are there, but no item has both; no item has this word; a word is not a piece.
        for asked in ["100 101", "the zebra", "ite", "the item 1"] {
            assert_found_by_words(&mut stored, asked, None);
        }
        for (how, asked) in [(Match::Prefix, "the it"), (Match::Substring, "tem")] {
            for (asker, events) in stored.ask_all(query(how, asked), A_MOMENT) {
                let [Event::Items(ItemsEvent::Found(found))] = events[..] else {
                    panic!("asked at {asker}: {events:?}")
                };
                assert!(found.best.is_none(), "{found:?}");
            }
        }
        assert_eq!(stored.memory.dropped(WORD_FULL), 0);
    }
}

/// Asserts that every member finds and fetches `item`, or nothing.
fn assert_found_by_words(stored: &mut Directory, asked: &str, item: Option<u32>) {
    for (asker, events) in stored.ask_all(query(Match::Words, asked), A_MOMENT * 3) {
        let Some(Event::Items(ItemsEvent::Found(found))) = events.first() else {
            panic!("{asked:?}, asked at {asker}: {events:?}")
        };
        assert_eq!(found.best.map(|hit| hit.name), item.map(name_of), "{asked:?} at {asker}");
        if item.is_some() {
            assert!(
                matches!(events[1..], [Event::Items(ItemsEvent::Fetched { .. })]),
                "{events:?}"
            );
        }
    }
}

/// All items have the word "item": an answer lists the best names that fit.
#[test]
fn a_word_of_all_names_gets_the_best_that_fit() {
    let mut stored = Directory::published(by_words(), 62);
    for (asker, events) in stored.ask_all(query(Match::Words, "item"), A_MOMENT) {
        let Some(Event::Items(ItemsEvent::Found(found))) = events.first() else {
            panic!("asked at {asker}: {events:?}")
        };
        // All names are equally long, so the first in byte order is the best.
        assert_eq!(found.best.map(|hit| hit.name), Some(name_of(0)), "asked at {asker}");
        assert!(found.hits > 10, "{found:?}");
    }
    assert_eq!(stored.memory.dropped(ANSWER_CUT), u64::from(NODES), "every answer lacks some");
}

/// The list of a popular word lacks most items. They are found by their other words.
#[test]
fn items_that_a_full_word_lacks_are_found_by_their_other_words() {
    let mut config = by_words();
    config.store.words = Some(WordLimits { references: 500, per_word: 6 });
    let mut stored = Directory::published(config, 63);
    assert!(stored.memory.dropped(WORD_FULL) > 100, "\"the\" and \"item\" are full");
    for keeper in stored.keepers_of_word("item") {
        assert_eq!(stored.known_under(keeper, "item").len(), 6);
    }
    for item in 0..ITEMS {
        let number = words_of(item).pop().expect("a name has words");
        // "item" is longer, so it is asked first, and has most of them not.
        assert_found_by_words(&mut stored, &format!("item {number}"), Some(item));
    }
}

/// Nothing is published again, so newcomers and successors answer only with references they received.
#[test]
fn references_by_word_survive_joins_departures_and_crashes() {
    let mut stored = Directory::published(by_words_once(), 64);
    for node in NODES..PLACES {
        join(&mut stored, node);
        stored.memory.run_for(NOTICED);
        for item in 0..ITEMS {
            let word = words_of(item).pop().expect("a name has words");
            let count = stored.live_holders(item).len().min(3);
            for keeper in stored.keepers_of_word(&word) {
                let known = stored.known_under(keeper, &word).len();
                assert_eq!(known, count, "{word:?} at {keeper:?}");
            }
        }
    }
    for node in NODES..PLACES {
        leave(&mut stored, node);
        stored.memory.run_for(NOTICED);
    }
    let item = 8;
    let word = words_of(item).pop().expect("a name has words");
    for _ in 0..2 {
        stored.memory.remove(stored.keepers_of_word(&word)[0].address.slot.into());
        for (asker, events) in stored.ask_all(query(Match::Words, &word), DEADLINE) {
            let [Event::Items(ItemsEvent::Found(found)), Event::Items(fetched)] = events[..] else {
                panic!("asked at {asker}: {events:?}")
            };
            assert_eq!(found.best.map(|hit| hit.name), Some(name_of(item)));
            assert!(matches!(fetched, ItemsEvent::Fetched { .. }), "asked at {asker}: {fetched:?}");
        }
    }
}

/// Every word of a query costs a lookup at most, and the query ends by its deadline.
#[test]
fn a_query_of_many_unknown_words_ends_by_its_deadline() {
    let mut stored = Directory::published(by_words_once(), 65);
    let asked = "a b c d e f g h i j k l m n o p";
    for (asker, events) in stored.ask_all(query(Match::Words, asked), DEADLINE + A_TICK) {
        let [Event::Items(ItemsEvent::Found(found))] = events[..] else {
            panic!("asked at {asker}: {events:?}")
        };
        assert!(found.best.is_none());
    }
    assert_eq!(stored.memory.requests_in_flight(), 0);
}

/// A directory of whole names drops publications and copies by word.
#[test]
fn references_by_word_are_refused_where_there_are_none() {
    let mut stored = Directory::published(published_once(), 66);
    let ring = stored.ring();
    let (victim, neighbor) = (ring[10], ring[9]);
    let (request, cookie, name) = (RequestId(1), Cookie(1), name_of(1));
    let publish = items::Message::PublishWord { request, cookie, word: 0, name };
    let hit = Hit { holder: neighbor, name };
    let copy = Message::Copy { hit, word: Some(0), copies: 3, lifetime_ms: 1_000 };
    for message in [Message::Items(publish), copy] {
        stored.memory.inject(neighbor, victim, &message);
        stored.memory.run_for(DELAY * 2);
    }
    assert_eq!(stored.memory.dropped(DropReason::NotForThisKind), 2);
    stored.assert_kept_exactly();
}

/// Without a valid cookie, no reference is kept. With one, a word gets no more than it may have.
#[test]
fn a_flood_of_publications_fills_a_word_and_no_more() {
    let mut small = by_words_once();
    small.store.words = Some(WordLimits { references: 600, per_word: 150 });
    let mut stored = Directory::published(small, 67);
    let victim = stored.keepers_of_word("zebra")[0];
    let flooder = stored.memory.peer(NODES);
    let publish = |number: u64, cookie: Cookie| {
        let name = text(&format!("zebra {number}"));
        let request = RequestId(number);
        Message::Items(items::Message::PublishWord { request, cookie, word: 0, name })
    };
    let flood = |stored: &mut Directory, cookie: Cookie| {
        let mut learnt = Cookie::default();
        for number in 0..500 {
            stored.memory.inject(flooder, victim, &publish(number, cookie));
            learnt = cookie_in_flight(stored, flooder).unwrap_or(learnt);
            stored.memory.run_for(DELAY);
        }
        learnt
    };
    let cookie = flood(&mut stored, Cookie(1));
    assert!(stored.known_under(victim, "zebra").is_empty());
    flood(&mut stored, cookie);
    assert_eq!(stored.known_under(victim, "zebra").len(), 150);
    assert!(stored.memory.dropped(WORD_FULL) >= 350);
    // All items are still found.
    for item in (0..ITEMS).step_by(5) {
        let number = words_of(item).pop().expect("a name has words");
        assert_found_by_words(&mut stored, &number, Some(item));
    }
}
