//! Names, queries, hits and the index, each compared with the simplest implementation.
//!
//! **Invariant:** names come from a small alphabet, so that matches are frequent.

use std::cmp::Reverse;
use std::time::Duration;

use hopwise_kernel::items::index::MAX_LISTED_HOLDERS;
use hopwise_kernel::items::{
    Hit, HitList, Hits, Holdings, Index, IndexLimits, MAX_TEXT, Match, Names, Query, Signature,
    Text, TextError,
};
use hopwise_kernel::node::MAX_PAYLOAD;
use hopwise_kernel::{Address, Id, Peer, Rng, Time};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

fn text(from: &str) -> Text {
    Text::new(from.as_bytes()).expect("the text is short and not empty")
}

/// One to three words of one to three letters.
fn name() -> impl Strategy<Value = Text> {
    "[ab]{1,3}( [abc]{1,3}){0,2}".prop_map(|name| text(&name))
}

/// One of a few names, so that each has many holders.
fn common_name() -> impl Strategy<Value = Text> {
    select(vec!["a", "ab", "ab a", "b a", "aba", "abab bab"]).prop_map(text)
}

/// A longer name with any characters.
fn any_name() -> impl Strategy<Value = Text> {
    ".{1,31}"
        .prop_filter_map("31 bytes, not letters", |name: String| Text::new(name.as_bytes()).ok())
}

fn query() -> impl Strategy<Value = Query> {
    let how = select(Match::ALL.to_vec());
    (how, prop_oneof![2 => name(), 2 => common_name(), 1 => any_name()])
        .prop_map(|(how, text)| Query { how, text })
}

/// Implements the documentation of [`Query::score`] literally.
fn naive_score(query: &Query, name: &str) -> Option<u16> {
    let text = query.text.as_str();
    let fits = match query.how {
        Match::Exact => name == text,
        Match::Prefix => name.strip_prefix(text).is_some(),
        Match::Substring => name.contains(text),
        Match::Words => {
            let words: Vec<&str> = name.split(' ').collect();
            text.split(' ').filter(|word| !word.is_empty()).all(|word| words.contains(&word))
        }
    };
    fits.then(|| (1000 * text.len().min(name.len()) / name.len()) as u16)
}

fn peer(number: u8) -> Peer {
    // Some pairs of identifiers share an address.
    let id = Id::from_bytes([number; 20]);
    Peer { id, address: Address::new([127, 0, 0, 1], 4000, (number / 2).into()) }
}

proptest! {
    #[test]
    fn scores_are_as_documented(query in query(), name in prop_oneof![name(), any_name()]) {
        let score = query.score(name.as_bytes());
        prop_assert_eq!(score, naive_score(&query, name.as_str()));
        prop_assert!(score.is_none_or(|score| score <= 1000));
        let is_all = score == Some(1000) && query.how != Match::Words;
        prop_assert_eq!(is_all, name == query.text && query.how != Match::Words);
    }

    #[test]
    fn a_signature_rules_out_no_match(query in query(), name in prop_oneof![name(), any_name()]) {
        if query.score(name.as_bytes()).is_some() {
            prop_assert!(Signature::of(name.as_bytes()).may_match(query.signature()));
        }
    }

    /// A name matches every substring of itself.
    #[test]
    fn substrings_of_a_name_match_it(name in name(), from in 0..MAX_TEXT, to in 0..=MAX_TEXT) {
        let bytes = name.as_bytes();
        let (from, to) = (from % bytes.len(), to % (bytes.len() + 1));
        if let Ok(text) = Text::new(&bytes[from.min(to)..to]) {
            let query = Query { how: Match::Substring, text };
            prop_assert!(query.score(bytes).is_some());
            prop_assert!(Signature::of(bytes).may_match(query.signature()));
        }
    }

    #[test]
    fn text_errors_are_exact(bytes in vec(any::<u8>(), 0..40)) {
        match Text::new(&bytes) {
            Ok(text) => {
                prop_assert_eq!(text.as_bytes(), &bytes);
                prop_assert_eq!(text.as_str().as_bytes(), &bytes);
            }
            Err(TextError::Empty) => prop_assert!(bytes.is_empty()),
            Err(TextError::TooLong) => prop_assert!(bytes.len() > MAX_TEXT),
            Err(TextError::NotUtf8) => prop_assert!(std::str::from_utf8(&bytes).is_err()),
        }
    }

    #[test]
    fn texts_are_ordered_by_their_bytes(a in any_name(), b in any_name()) {
        prop_assert_eq!(a.cmp(&b), a.as_bytes().cmp(b.as_bytes()));
    }

    /// Accepted hits are read back, and hits are refused only if they do not fit.
    #[test]
    fn hits_are_read_back_equal(hits in vec((any::<u8>(), any_name()), 0..60)) {
        let hits: Vec<Hit> =
            hits.into_iter().map(|(number, name)| Hit { holder: peer(number), name }).collect();
        let mut list = HitList::default();
        let accepted: Vec<Hit> = hits.iter().copied().filter(|hit| list.push(hit)).collect();
        let bytes = list.hits().as_bytes();
        let parsed = Hits::parse(bytes).expect("a written list is valid");
        prop_assert!(parsed == list.hits());
        prop_assert!(parsed.iter().eq(accepted.iter().copied()));
        prop_assert_eq!(parsed.is_empty(), accepted.is_empty());
        if accepted.len() < hits.len() {
            prop_assert!(bytes.len() + 28 + 1 + MAX_TEXT > MAX_PAYLOAD);
        }
    }

    /// Any bytes are either refused or equal to the encoding of the hits they contain.
    #[test]
    fn any_bytes_are_refused_or_hits(
        length in 0..200_usize,
        pieces in vec((any::<[u8; 28]>(), 0..34_u8, vec(prop_oneof![9 => 32..127_u8, 1 => any::<u8>()], 33)), 0..5),
    ) {
        let mut bytes = Vec::new();
        for (holder, size, name) in pieces {
            bytes.extend(holder);
            bytes.push(size);
            bytes.extend(&name[..usize::from(size).min(name.len())]);
        }
        // Sometimes truncated.
        if length < bytes.len() && length % 2 == 0 {
            bytes.truncate(length);
        }
        if let Some(hits) = Hits::parse(&bytes) {
            let mut again = HitList::default();
            prop_assert!(hits.iter().all(|hit| again.push(&hit)));
            prop_assert_eq!(again.hits().as_bytes(), &bytes);
        }
    }

    #[test]
    fn holdings_give_their_best(names in vec(name(), 1..20), query in query()) {
        let all = std::sync::Arc::new(Names::new(names.iter().copied()));
        let holdings = Holdings::new(all, (0..names.len() as u32).collect());
        let scored = names.iter().filter_map(|name| Some((query.score(name.as_bytes())?, *name)));
        let best_score = scored.clone().map(|(score, _)| score).max();
        let first = scored.into_iter().find(|&(score, _)| Some(score) == best_score);
        prop_assert_eq!(holdings.best(&query), first.map(|(_, name)| name));
        prop_assert_eq!(holdings.holds(query.text), names.contains(&query.text));
    }
}

/// The longest list of hits exactly fills a payload.
#[test]
fn hits_end_with_the_payload() {
    let hit = Hit { holder: peer(1), name: text("abc") };
    let mut list = HitList::default();
    while list.push(&hit) {}
    assert_eq!(list.hits().iter().count(), MAX_PAYLOAD / (28 + 1 + 3));
    assert!(Hits::parse(list.hits().as_bytes()).is_some());
    let longer: Vec<u8> = list.hits().as_bytes().iter().copied().cycle().take(33 * 32).collect();
    assert!(longer.len() > MAX_PAYLOAD && Hits::parse(&longer).is_none());
}

/// An operation on an index.
#[derive(Clone, Debug)]
enum Step {
    Enter { holder: u8, name: Text, lifetime_s: u8 },
    Leave { holder: u8 },
    Pass { time_s: u8 },
    Find { query: Query },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        9 => (0..12_u8, prop_oneof![3 => common_name(), 1 => name()], 1..40_u8)
            .prop_map(|(holder, name, lifetime_s)| Step::Enter { holder, name, lifetime_s }),
        1 => (0..12_u8).prop_map(|holder| Step::Leave { holder }),
        2 => (0..20_u8).prop_map(|time_s| Step::Pass { time_s }),
        3 => query().prop_map(|query| Step::Find { query }),
    ]
}

/// A naive index, without regard to speed or memory.
struct Model {
    limits: IndexLimits,
    entries: Vec<Known>,
    clock: u64,
}

#[derive(Clone, Copy)]
struct Known {
    hit: Hit,
    expires: Time,
    /// The operation that last entered or renewed the entry, by number.
    touched: u64,
    /// The operation that inserted the entry or last changed its holder.
    appeared: u64,
}

impl Model {
    fn insert(&mut self, now: Time, hit: &Hit, expires: Time) -> bool {
        self.expire(now);
        self.clock += 1;
        let clock = self.clock;
        let same = |known: &&mut Known| {
            known.hit.name == hit.name && known.hit.holder.address == hit.holder.address
        };
        if let Some(known) = self.entries.iter_mut().find(same) {
            if known.hit.holder != hit.holder {
                known.appeared = clock;
            }
            known.hit = *hit;
            known.expires = known.expires.max(expires);
            known.touched = clock;
            return true;
        }
        let of_name = self.entries.iter().filter(|known| known.hit.name == hit.name);
        if of_name.clone().count() >= self.limits.entries_per_name as usize {
            let nearest = of_name.min_by_key(|known| (known.expires, known.touched));
            let nearest = *nearest.expect("the limit is not zero");
            if expires < nearest.expires {
                return true;
            }
            self.entries.retain(|known| known.touched != nearest.touched);
        }
        let is_new = self.entries.iter().all(|known| known.hit.name != hit.name);
        if self.entries.len() >= self.limits.entries as usize
            || (is_new && self.names() >= self.limits.names as usize)
        {
            return false;
        }
        self.entries.push(Known { hit: *hit, expires, touched: clock, appeared: clock });
        true
    }

    fn expire(&mut self, now: Time) {
        self.entries.retain(|known| known.expires > now);
    }

    fn last_from(&self, address: Address) -> Option<Peer> {
        let from_it = self.entries.iter().filter(|known| known.hit.holder.address == address);
        from_it.max_by_key(|known| known.appeared).map(|known| known.hit.holder)
    }

    fn remove(&mut self, holder: Peer) -> usize {
        let before = self.entries.len();
        if self.last_from(holder.address) == Some(holder) {
            self.entries.retain(|known| known.hit.holder.address != holder.address);
        }
        before - self.entries.len()
    }

    fn names(&self) -> usize {
        let mut names: Vec<Text> = self.entries.iter().map(|known| known.hit.name).collect();
        names.sort();
        names.dedup();
        names.len()
    }

    /// All matches in order, with at most the shown number of holders per name. Unbounded in
    /// length.
    fn find(&self, now: Time, query: &Query) -> Vec<Hit> {
        let fits = |known: &&Known| {
            known.expires > now && naive_score(query, known.hit.name.as_str()).is_some()
        };
        let mut fitting: Vec<&Known> = self.entries.iter().filter(fits).collect();
        fitting.sort_by_key(|known| {
            let score = naive_score(query, known.hit.name.as_str());
            (Reverse(score), known.hit.name, Reverse(known.expires), Reverse(known.touched))
        });
        let mut hits: Vec<Hit> = Vec::new();
        for known in fitting {
            if hits.iter().filter(|hit| hit.name == known.hit.name).count() < MAX_LISTED_HOLDERS {
                hits.push(known.hit);
            }
        }
        hits
    }
}

fn limits() -> impl Strategy<Value = IndexLimits> {
    // The last needs links of four bytes.
    let few = |most: u32| prop_oneof![4 => 1..most, 3 => Just(1000), 1 => Just(100_000)];
    (few(8), few(20), few(5)).prop_map(|(names, entries, entries_per_name)| IndexLimits {
        names,
        entries,
        entries_per_name,
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    #[test]
    fn an_index_is_a_list_of_entries(limits in limits(), steps in vec(step(), 0..120), seed: u64) {
        let mut index = Index::new(limits, &mut Rng::new(seed, 0));
        let mut model = Model { limits, entries: Vec::new(), clock: 0 };
        let (mut now, room_bytes) = (Time::ZERO, index.heap_bytes());
        for step in steps {
            match step {
                Step::Enter { holder, name, lifetime_s } => {
                    let hit = Hit { holder: peer(holder), name };
                    let expires = now + Duration::from_secs(lifetime_s.into());
                    let entered = index.insert(now, &hit, expires);
                    prop_assert_eq!(entered, model.insert(now, &hit, expires));
                }
                Step::Leave { holder } => {
                    let known = model.last_from(peer(holder).address) == Some(peer(holder));
                    prop_assert_eq!(index.knows(peer(holder)), known);
                    prop_assert_eq!(index.remove(peer(holder)), model.remove(peer(holder)));
                }
                Step::Pass { time_s } => now = now + Duration::from_secs(time_s.into()),
                Step::Find { query } => {
                    // Expired entries are not shown, even if still stored.
                    let mut found = HitList::default();
                    index.find(now, &query, &mut found);
                    let (all, found) = (model.find(now, &query), found.hits());
                    let count = found.iter().count();
                    prop_assert!(found.iter().eq(all.iter().take(count).copied()));
                    let is_cut = found.as_bytes().len() + 28 + 1 + MAX_TEXT > MAX_PAYLOAD;
                    prop_assert!(is_cut || count == all.len(), "{count} of {}", all.len());
                    index.expire(now);
                    model.expire(now);
                }
            }
            let live = |known: &&Known| known.expires > now;
            let mut known: Vec<(Hit, Time)> =
                model.entries.iter().filter(live).map(|it| (it.hit, it.expires)).collect();
            let mut listed: Vec<(Hit, Time)> =
                (0..index.slots()).filter_map(|place| index.at(now, place)).collect();
            for entries in [&mut known, &mut listed] {
                entries.sort_by_key(|(hit, expires)| (*expires, hit.name, hit.holder.address));
            }
            prop_assert!(known == listed, "{} known, {} listed", known.len(), listed.len());
            prop_assert_eq!(index.len(), model.entries.len());
            prop_assert_eq!(index.names(), model.names());
            prop_assert_eq!(index.is_empty(), model.entries.is_empty());
            let first = model.entries.iter().map(|known| known.expires).min();
            prop_assert_eq!(index.next_expiry(), first.unwrap_or(Time::NEVER));
        }
        prop_assert!(index.heap_bytes() == room_bytes, "it uses no more memory than at first");
    }
}

proptest! {
    /// An exact index finds exact names as any other does, and nothing else. It takes less memory.
    #[test]
    fn an_exact_index_finds_exact_names(limits in limits(), steps in vec(step(), 0..120), seed: u64) {
        let mut index = Index::new(limits, &mut Rng::new(seed, 0));
        let mut exact = Index::exact(limits, &mut Rng::new(seed, 0));
        let (mut now, room_bytes) = (Time::ZERO, exact.heap_bytes());
        prop_assert!(room_bytes < index.heap_bytes());
        for step in steps {
            match step {
                Step::Enter { holder, name, lifetime_s } => {
                    let hit = Hit { holder: peer(holder), name };
                    let expires = now + Duration::from_secs(lifetime_s.into());
                    let entered = exact.insert(now, &hit, expires);
                    prop_assert_eq!(entered, index.insert(now, &hit, expires));
                }
                Step::Leave { holder } => prop_assert_eq!(exact.remove(peer(holder)), 0),
                Step::Pass { time_s } => now = now + Duration::from_secs(time_s.into()),
                Step::Find { query } => {
                    let find = |index: &Index, query: &Query| {
                        let mut found = HitList::default();
                        index.find(now, query, &mut found);
                        found.hits().as_bytes().to_vec()
                    };
                    let name = query.exact();
                    prop_assert_eq!(find(&exact, &name), find(&index, &name));
                    prop_assert!(query.how.is_exact() || find(&exact, &query).is_empty());
                }
            }
            prop_assert_eq!((exact.len(), exact.names()), (index.len(), index.names()));
        }
        prop_assert!(exact.heap_bytes() == room_bytes, "it uses no more memory than at first");
    }
}

/// Long churn of names neither grows the index nor changes its results.
#[test]
fn an_index_forgets_without_a_trace() {
    const LIVE: u64 = 64;
    let limits = IndexLimits { names: LIVE as u32, entries: LIVE as u32, entries_per_name: 4 };
    let mut index = Index::new(limits, &mut Rng::new(1, 0));
    let room_bytes = index.heap_bytes();
    for round in 0..20_000_u64 {
        let now = Time::from_ns(round);
        let hit = Hit { holder: peer(round as u8), name: text(&format!("item {round}")) };
        assert!(index.insert(now, &hit, Time::from_ns(round + LIVE)), "round {round}");
        let mut found = HitList::default();
        index.find(now, &Query { how: Match::Words, text: text("item") }, &mut found);
        let shown = found.hits().iter().next().expect("some entries are live");
        assert!(shown.name.as_str() > "item ", "{:?}", shown.name);
    }
    assert_eq!(index.names() as u64, LIVE);
    assert!(index.heap_bytes() == room_bytes, "it uses no more memory than at first");
}
