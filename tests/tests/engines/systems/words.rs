//! A ring that keeps references under the words of names as well: what it finds, and what that costs.

use std::time::Duration;

use hopwise_harness::measure::Measured;

use super::run::{
    ITEMS, PEACE, RING, WORDS, assert_sums, messages_per_query, run_udp, simulate, success,
};

/// The shares of queries for words, and for other pieces of names, that obtained an item.
fn words_and_pieces(measured: &Measured) -> (f64, f64) {
    let (words, fuzzy) = (measured.metrics.items.words, measured.metrics.items.fuzzy);
    let pieces = (fuzzy.issued - words.issued, fuzzy.obtained - words.obtained);
    assert!(words.issued > 200 && pieces.0 > 400, "{words:?} of {fuzzy:?}");
    (success(words), pieces.1 as f64 / pieces.0 as f64)
}

fn dropped(measured: &Measured, reason: &str) -> u64 {
    measured.drops.iter().find(|(name, _)| *name == reason).map_or(0, |&(_, count)| count)
}

fn published(measured: &Measured) -> u64 {
    measured.traffic.iter().filter(|sent| sent.kind == "publish").map(|sent| sent.messages).sum()
}

#[test]
fn words_are_found_and_pieces_are_not() {
    let (names, words) = (simulate(&[RING, ITEMS, PEACE]), simulate(&[WORDS, ITEMS, PEACE]));
    for measured in [&names, &words] {
        assert_sums(measured, "ring");
        assert!(success(measured.metrics.items.exact) >= 0.999, "names are found in any case");
        assert_eq!(measured.metrics.items.transfers_failed, 0, "all holders are present");
    }
    let ((none, _), (found, pieces)) = (words_and_pieces(&names), words_and_pieces(&words));
    assert!(none < 0.06 && found >= 0.999 && pieces < 0.06, "{none}, {found}, {pieces}");
    assert_eq!((dropped(&words, "word_full"), dropped(&words, "index_full")), (0, 0));
    // A name has three words on average, so it is published four times as often.
    let times = published(&words) as f64 / published(&names) as f64;
    assert!((3.0..5.5).contains(&times), "{times} times the publications");
    assert!(words.state.bytes_per_node > names.state.bytes_per_node);
    // A query that finds nothing asks for each of its words: two at most.
    assert!(messages_per_query(&words) < 2.0 * messages_per_query(&names));
}

/// The list of each word has room for a few of its items only. Others are found by another word of theirs, or
/// not at all. What is left out is counted.
#[test]
fn popular_words_are_cut_and_the_cuts_are_counted() {
    let measured = simulate(&[WORDS, ITEMS, PEACE, "items.references_per_word = 4"]);
    assert_sums(&measured, "few references");
    assert!(dropped(&measured, "word_full") > 1000, "{:?}", measured.drops);
    let (found, _) = words_and_pieces(&measured);
    assert!((0.02..0.9).contains(&found), "{found}");
    assert!(success(measured.metrics.items.exact) >= 0.999, "names do not suffer");
}

#[test]
fn words_are_found_while_nodes_come_and_go() {
    let churn = "
        churn = { model = \"poisson\", joins_per_s = 2.0, departures_per_s = 2.0 }
    ";
    let measured = simulate(&[WORDS, ITEMS, PEACE, churn]);
    assert!(measured.membership.crashes > 0 && measured.membership.leaves > 0);
    assert_sums(&measured, "churn");
    let (found, _) = words_and_pieces(&measured);
    assert!(found > 0.9, "{found}");
}

#[test]
fn words_are_found_over_udp() {
    let load = "
        nodes = 64
        threads = 2
        workload = { lookups_per_s = 400.0 }
        phases = { warmup = \"3s\", measure = \"3s\" }
    ";
    let measured = run_udp(&[WORDS, ITEMS, load]);
    assert_sums(&measured, "udp");
    assert!(measured.measured >= Duration::from_secs(3));
    let items = &measured.metrics.items;
    assert!(items.words.issued > 100 && success(items.words) > 0.98, "{:?}", items.words);
}
