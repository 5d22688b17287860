//! The result on one screen: at most 80 columns, and 45 lines but for figures of absurd size.
//!
//! **Invariant:** plain text without escape sequences, the same for a terminal, a file or a pipe;
//! what is too long for a line goes on in the next, and nothing is cut.

use std::fmt::Display;

use super::units::{bytes, count, micros, number, share};
use crate::measure::outcome::{
    Asked, Check, Engine, Expectation, Hops, Items, KindRate, Lookups, Maintenance, Outcome,
    Regime, TransferLatency,
};
use crate::scenario::System;

/// No line is longer, unless a single word is.
const COLUMNS: usize = 80;
/// Where a line that is too long is best broken: between figures.
const JOINTS: [&str; 3] = ["  ", ", ", "; "];
/// What stands left of the figures.
const LABEL: usize = 14;
/// The longest bar.
const BAR: usize = 48;
/// Bars of the histogram; if there are more numbers of hops, they share bars.
const BARS: usize = 13;
/// The same where items take up some of the screen.
const BARS_BESIDE_ITEMS: usize = 9;
/// Kinds of message that are listed; the rest are summed up.
const KINDS: usize = 5;
/// Reasons for drops that are listed; the rest are summed up.
const DROPS: usize = 2;
/// Expectations that are listed, those that did not hold first.
const EXPECTATIONS: usize = 3;

/// The report of `outcome`, each line ended.
#[must_use]
pub fn text(outcome: &Outcome) -> String {
    let mut page = Page(String::new());
    heading(outcome, &mut page);
    page.blank();
    lookups(&outcome.lookups, &mut page);
    if let Some(items) = &outcome.items {
        self::items(items, &mut page);
    }
    page.blank();
    if outcome.lookups.issued > 0 {
        let bars = if outcome.items.is_some() { BARS_BESIDE_ITEMS } else { BARS };
        hops(&outcome.lookups.hops, bars, &mut page);
        page.blank();
        delays(outcome, &mut page);
        page.blank();
    }
    maintenance(&outcome.maintenance, &mut page);
    page.blank();
    nodes(outcome, &mut page);
    engine(outcome, &mut page);
    if let Some(check) = &outcome.check {
        self::check(check, &mut page);
    }
    if !outcome.expectations.is_empty() {
        page.blank();
        expectations(&outcome.expectations, &mut page);
    }
    page.0
}

/// What ran, when, where, and what it was built from.
fn heading(outcome: &Outcome, page: &mut Page) {
    let Outcome { scenario, machine, build, .. } = outcome;
    let word = |key| word(outcome, key);
    let nodes = scenario.get("nodes").and_then(toml::Value::as_integer).unwrap_or(0);
    page.line(&format!(
        "{}: {} over {}, {} nodes, seed {}, {} thread{}{}",
        word("name"),
        word("system"),
        word("engine"),
        count(nodes.unsigned_abs()),
        outcome.seed,
        outcome.engine.threads,
        if outcome.engine.threads == 1 { "" } else { "s" },
        if outcome.interrupted { "   INTERRUPTED" } else { "" },
    ));
    page.line(&format!(
        "{}, {}; {} cores, {}, Linux {}, {}",
        outcome.started_at,
        micros(outcome.wall_s * 1e6),
        machine.cores,
        bytes(machine.memory_bytes as f64),
        machine.kernel,
        machine.cpu,
    ));
    let (commit, changes) = match build.commit.split_once('+') {
        Some((commit, _)) => (commit, "+changes"),
        None => (build.commit.as_str(), ""),
    };
    // The compiler's own commit and date are for the document.
    let rustc = build.rustc.split(" (").next().unwrap_or_default();
    page.line(&format!("commit {commit:.12}{changes}, {rustc}, {}", build.profile));
}

/// What the scenario says at `key`.
fn word<'a>(outcome: &'a Outcome, key: &str) -> &'a str {
    outcome.scenario.get(key).and_then(toml::Value::as_str).unwrap_or("?")
}

fn lookups(lookups: &Lookups, page: &mut Page) {
    let Lookups { issued, completed, correct, incorrect, failed, shed, .. } = *lookups;
    if issued == 0 {
        return page.row("lookups", "none was issued in the measured phase");
    }
    let shed = if shed > 0 { format!(", {} more were shed", count(shed)) } else { String::new() };
    page.row(
        "lookups",
        format!(
            "{} completed per s, {} messages each{shed}",
            number(lookups.per_s),
            number(lookups.messages.mean),
        ),
    );
    let row = |cells: [&str; 5]| cells.map(|cell| format!("{cell:>13}")).concat();
    page.row("", row(["issued", "completed", "correct", "incorrect", "failed"]));
    let counts = [issued, completed, correct, incorrect, failed].map(count);
    page.row("", row(counts.each_ref().map(String::as_str)));
    // An answer is right or wrong among answers; whether there is one, among all.
    let shares = [
        share(completed, issued),
        share(correct, completed),
        share(incorrect, completed),
        share(failed, issued),
    ];
    let [completed, correct, incorrect, failed] = shares.each_ref().map(String::as_str);
    page.row("", row(["", completed, correct, incorrect, failed]));
}

fn items(items: &Items, page: &mut Page) {
    let Items { exact, fuzzy, found_none, publishing, transfers } = items;
    let asked = |Asked { issued, correct, obtained }: Asked| {
        format!(
            "{} asked for, {} correct, {} obtained",
            count(issued),
            share(correct, issued),
            share(obtained, issued),
        )
    };
    page.row("exact", asked(*exact));
    page.row("fuzzy", asked(*fuzzy));
    page.row("found nothing", count(*found_none));
    page.row(
        "transfers",
        format!(
            "{} completed, {} in all; {} failed",
            count(transfers.completed),
            bytes(transfers.bytes as f64),
            count(transfers.failed),
        ),
    );
    let TransferLatency { p50, p99, max, .. } = transfers.latency_us;
    page.row("", format!("p50 {}  p99 {}  max {}", micros(p50), micros(p99), micros(max)));
    page.row("publishing", per_node_s(publishing.bytes_per_node_s, publishing.messages_per_node_s));
}

/// `1.87 KiB and 14.7 messages per node per second`.
fn per_node_s(of_bytes: f64, messages: f64) -> String {
    format!("{} and {} messages per node per second", bytes(of_bytes), number(messages))
}

fn hops(hops: &Hops, bars: usize, page: &mut Page) {
    let Hops { mean, p1, p50, p99, max, .. } = *hops;
    page.row("hops", format!("mean {}  p1 {p1}  p50 {p50}  p99 {p99}  max {max}", number(mean)));
    let per_bar = hops.histogram.len().div_ceil(bars).max(1);
    let all = hops.histogram.iter().sum();
    let bars: Vec<u64> = hops.histogram.chunks(per_bar).map(|chunk| chunk.iter().sum()).collect();
    let longest = bars.iter().copied().max().unwrap_or(0);
    for (first, &n) in (0..).step_by(per_bar).zip(&bars) {
        let label = match per_bar {
            1 => first.to_string(),
            _ => format!("{first}–{}", first + per_bar - 1),
        };
        page.row(&format!("{label:>12}"), format!("{} {}", bar(n, longest), share(n, all)));
    }
}

/// `n` as part of the longest bar, to an eighth of a character; never nothing for something.
fn bar(n: u64, longest: u64) -> String {
    const PARTS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    let eighths = (n as f64 / longest.max(1) as f64 * (8 * BAR) as f64).round() as usize;
    let eighths = eighths.max(usize::from(n > 0));
    "█".repeat(eighths / 8) + PARTS[eighths % 8]
}

fn delays(outcome: &Outcome, page: &mut Page) {
    let lookups = &outcome.lookups;
    let latency = &lookups.latency_us;
    page.row(
        "latency",
        format!(
            "p50 {}  p90 {}  p99 {}  p99.9 {}  max {}",
            micros(latency.p50),
            micros(latency.p90),
            micros(latency.p99),
            micros(latency.p99_9),
            micros(latency.max),
        ),
    );
    let timeouts = &lookups.timeouts;
    page.row(
        "timeouts",
        format!(
            "mean {:.4}  p1 {}  p50 {}  p99 {}  per lookup",
            timeouts.mean, timeouts.p1, timeouts.p50, timeouts.p99,
        ),
    );
    // In virtual time nothing is late.
    if outcome.simulated_s.is_none() {
        let lag = &lookups.lag_us;
        page.row(
            "issued late",
            format!("p50 {}  p99 {}  max {}", micros(lag.p50), micros(lag.p99), micros(lag.max)),
        );
    }
}

fn maintenance(maintenance: &Maintenance, page: &mut Page) {
    page.row(
        "maintenance",
        per_node_s(maintenance.bytes_per_node_s, maintenance.messages_per_node_s),
    );
    let mut kinds: Vec<(&str, KindRate)> =
        maintenance.by_kind.iter().map(|(kind, &rate)| (kind.as_str(), rate)).collect();
    kinds.sort_by(|(_, a), (_, b)| b.bytes_per_node_s.total_cmp(&a.bytes_per_node_s));
    if kinds.len() > KINDS + 1 {
        let rest = kinds.split_off(KINDS).into_iter().map(|(_, rate)| rate);
        kinds.extend(rest.reduce(sum).map(|rate| ("other kinds", rate)));
    }
    for pair in kinds.chunks(2) {
        let cells = pair.iter().map(|&(kind, rate)| {
            let sent = bytes(rate.bytes_per_node_s);
            format!("{kind:<15.15}{sent:>9} {:>6}", number(rate.messages_per_node_s))
        });
        page.row("", cells.collect::<Vec<_>>().join("   "));
    }
}

fn sum(a: KindRate, b: KindRate) -> KindRate {
    KindRate {
        bytes_per_node_s: a.bytes_per_node_s + b.bytes_per_node_s,
        messages_per_node_s: a.messages_per_node_s + b.messages_per_node_s,
    }
}

fn nodes(outcome: &Outcome, page: &mut Page) {
    let state = &outcome.state;
    let (mean, most) = (number(state.entries_mean), count(state.entries_max));
    let takes = bytes(state.bytes_per_node as f64);
    // References to items, too, are something that a node keeps about others.
    let keeps = match outcome.items {
        None => format!("knows {mean} peers, at most {most}; takes {takes}"),
        Some(_) => format!("keeps {mean} entries about others, at most {most}; takes {takes}"),
    };
    page.row("node", keeps);
    if let Some(load) = &outcome.load {
        page.row("busiest", format!("received {} messages", count(load.messages_max)));
    }
    if let Some(keys) = outcome.load.as_ref().and_then(|load| load.keys.as_ref()) {
        page.row(
            "keys",
            format!(
                "mean {}  p1 {}  p99 {}  max {}  per node",
                number(keys.keys_mean),
                count(keys.p1),
                count(keys.p99),
                count(keys.max),
            ),
        );
    }
    let membership = &outcome.membership;
    page.row(
        "membership",
        format!(
            "{} joined, {} left, {} crashed; {} live on average",
            count(membership.joins),
            count(membership.leaves),
            count(membership.crashes),
            number(membership.live_mean),
        ),
    );
    let regime = match outcome.regime {
        Regime::ExactDetection => "no live node was taken for dead",
        Regime::Suspicion => "live nodes may have been taken for dead",
    };
    // Peers of a central index keep nobody in their tables who could be taken for dead.
    if word(outcome, "system") != System::Central.name() {
        page.row("", regime);
    }
}

fn engine(outcome: &Outcome, page: &mut Page) {
    let engine = &outcome.engine;
    let (messages, events) = (number(engine.messages_per_s), number(engine.events_per_s));
    match outcome.simulated_s {
        None => {
            let datagrams = count(engine.datagrams);
            page.row(
                "engine",
                format!("{messages} messages/s, {events} events/s, {datagrams} datagrams"),
            );
        }
        Some(simulated_s) => {
            page.row(
                "engine",
                format!(
                    "{} simulated in {}: {} times as fast as real time",
                    micros(simulated_s * 1e6),
                    micros(outcome.wall_s * 1e6),
                    number(simulated_s / outcome.wall_s.max(f64::MIN_POSITIVE)),
                ),
            );
            page.row("", format!("{events} events/s, {messages} messages per simulated second"));
        }
    }
    let digest = engine.trace_digest.as_ref().map_or(String::new(), |d| format!(", trace {d}"));
    page.row("", format!("{} at most in memory{digest}", bytes(engine.peak_rss_bytes as f64)));
    page.row("dropped", drops(engine));
}

fn check(check: &Check, page: &mut Page) {
    let Check { violations, beyond_promise, episodes, longest_s, .. } = *check;
    let healed = match episodes {
        0 => String::new(),
        _ => format!(", {} passed, at most {}", count(episodes), micros(longest_s * 1e6)),
    };
    let row = format!(
        "{} violations{healed}; {} by failures alone",
        count(violations),
        count(beyond_promise)
    );
    page.row("invariant", row);
}

/// `12 malformed, 3 shed, 1 other`.
fn drops(engine: &Engine) -> String {
    let mut drops: Vec<(&str, u64)> =
        engine.drops.iter().map(|(reason, &n)| (reason.as_str(), n)).filter(|d| d.1 > 0).collect();
    drops.sort_by_key(|&(_, n)| std::cmp::Reverse(n));
    if drops.len() > DROPS + 1 {
        let rest = drops.split_off(DROPS);
        drops.push(("other", rest.iter().map(|&(_, n)| n).sum()));
    }
    if drops.is_empty() {
        return "nothing".to_owned();
    }
    drops.iter().map(|(reason, n)| format!("{} {reason}", count(*n))).collect::<Vec<_>>().join(", ")
}

fn expectations(expectations: &[Expectation], page: &mut Page) {
    let (held, broken): (Vec<_>, Vec<_>) = expectations.iter().partition(|e| e.held);
    page.row("expectations", format!("{} of {} held", held.len(), expectations.len()));
    for expectation in broken.iter().chain(&held).take(EXPECTATIONS) {
        let Expectation { name, wanted, got, held } = expectation;
        let mark = if *held { "held" } else { "NOT HELD" };
        page.row(&format!("{mark:>12}"), format!("{name} {wanted}: {got}"));
    }
    if expectations.len() > EXPECTATIONS {
        page.row("", format!("and {} more", expectations.len() - EXPECTATIONS));
    }
}

/// The lines written so far.
struct Page(String);

impl Page {
    /// Adds figures under or beside their label.
    fn row(&mut self, label: &str, figures: impl Display) {
        self.wrapped(&format!("{label:<width$}{figures}", width = LABEL), LABEL);
    }

    /// Adds a line without a label.
    fn line(&mut self, line: &str) {
        self.wrapped(line, 0);
    }

    /// Adds a line; what does not fit goes on in further ones, `indent` columns in.
    fn wrapped(&mut self, line: &str, indent: usize) {
        let mut rest = line.trim_end().to_owned();
        while let Some(end) = break_of(&rest, indent) {
            self.0.push_str(rest[..end].trim_end());
            self.0.push('\n');
            rest = format!("{:indent$}{}", "", rest[end..].trim_start());
        }
        self.0.push_str(&rest);
        self.0.push('\n');
    }

    fn blank(&mut self) {
        self.0.push('\n');
    }
}

/// Where to break a line that is too long, in bytes: at the last joint after the first `indent`
/// columns that lets its beginning fit, else at the last space, else nowhere.
fn break_of(line: &str, indent: usize) -> Option<usize> {
    let column = |n| line.char_indices().nth(n).map(|(at, _)| at);
    column(COLUMNS)?;
    // A space may hang over the edge: it is not written.
    let fitting = &line[..column(COLUMNS + 1).unwrap_or(line.len())];
    let start = column(indent)?;
    let last = |joint: &str| fitting[start..].rfind(joint).map(|at| start + at + joint.len());
    JOINTS.into_iter().filter_map(last).max().or_else(|| last(" ")).filter(|&end| end > start)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::outcome::{Keys, Load, example};

    fn assert_has(text: &str, line: &str) {
        assert!(text.lines().any(|l| l == line), "no line {line:?} in\n{text}");
    }

    fn assert_fits(text: &str) {
        assert!(text.lines().count() <= 45, "{} lines\n{text}", text.lines().count());
        assert_is_narrow(text);
    }

    fn assert_is_narrow(text: &str) {
        for line in text.lines() {
            assert!(line.chars().count() <= COLUMNS, "{line}");
            assert!(!line.ends_with(' '), "{line:?}");
        }
    }

    #[test]
    fn says_what_matters() {
        let text = text(&example::outcome());
        for line in [
            "default: ring over udp, 4,096 nodes, seed 1, 2 threads",
            "commit d2250302f2b1, rustc 1.95.0, release",
            "                     issued    completed      correct    incorrect       failed",
            "                     10,001       10,000        9,999            1            1",
            "                                 99.99 %      99.99 %       0.01 %       0.01 %",
            "hops          mean 6.00  p1 2  p50 6  p99 10  max 12",
            "           0  ▏ 0.02 %",
            "           6  ████████████████████████████████████████████████ 22.57 %",
            "node          knows 27.3 peers, at most 29; takes 1.46 KiB",
            "membership    41 joined, 19 left, 22 crashed; 4,096 live on average",
            "              live nodes may have been taken for dead",
            "              23.0 MiB at most in memory",
            "dropped       12 malformed, 3 shed",
            "expectations  2 of 2 held",
            "        held  lookups.correct ≥ 99.9 %: 99.99 %",
        ] {
            assert_has(&text, line);
        }
        assert!(text.contains("other kinds") && !text.contains("INTERRUPTED"));
        assert_fits(&text);
    }

    #[test]
    fn tells_of_items_where_there_are_any() {
        let load = Some(Load { messages_max: 1234, keys: None });
        let items = Some(example::items());
        let mut outcome = Outcome { items, load, ..example::outcome() };
        let text = super::text(&outcome);
        let regime = "              live nodes may have been taken for dead";
        assert_has(&text, regime);
        outcome.scenario.insert("system".into(), "central".into());
        assert!(!super::text(&outcome).contains(regime), "peers hold nobody who could be");
        for line in [
            "exact         2,501 asked for, 95.96 % correct, 95.96 % obtained",
            "fuzzy         7,500 asked for, 100.00 % correct, 100.00 % obtained",
            "found nothing 51",
            "publishing    90.1 B and 1.00 messages per node per second",
            "transfers     9,900 completed, 9.67 MiB in all; 50 failed",
            "              p50 105 µs  p99 119 µs  max 119 µs",
            "node          keeps 27.3 entries about others, at most 29; takes 1.46 KiB",
            "busiest       received 1,234 messages",
        ] {
            assert_has(&text, line);
        }
        assert_fits(&text);
    }

    #[test]
    fn says_what_went_wrong_first() {
        let mut outcome = example::outcome();
        outcome.interrupted = true;
        outcome.expectations.push(example::expectation("hops.max", "≤ 9", "12", false));
        let text = text(&outcome);
        assert_has(&text, "default: ring over udp, 4,096 nodes, seed 1, 2 threads   INTERRUPTED");
        assert_has(&text, "expectations  2 of 3 held");
        let (broken, held) = (text.find("NOT HELD  hops.max ≤ 9: 12"), text.find("  held  "));
        assert!(broken.is_some() && broken < held);
    }

    #[test]
    fn cuts_nothing_whatever_came() {
        let mut outcome = example::outcome();
        outcome.machine.cpu = "Processor With A Very Long Marketing Name ".repeat(4);
        outcome.lookups.latency_us.max = 59_999.0;
        outcome.simulated_s = Some(86_400.0);
        let check = Check { beyond_promise: 9_000, episodes: 9_000, ..Check::default() };
        outcome.check = Some(Check { violations: 9_000, longest_s: 86_399.9, ..check });
        let keys = Some(Keys { keys_mean: 1e6, p1: 1 << 40, p99: 1 << 50, max: u64::MAX });
        outcome.load = Some(Load { messages_max: u64::MAX, keys });
        let most = Asked { issued: 1 << 50, correct: 1 << 50, obtained: 1 << 49 };
        let mut items = Items { exact: most, fuzzy: most, ..example::items() };
        items.transfers.completed = 1 << 50;
        items.transfers.bytes = 1 << 60;
        outcome.items = Some(items);
        outcome.lookups.issued = 10_000_000_000;
        outcome.lookups.shed = 77;
        outcome.lookups.hops = Hops::new(&[1; 256]);
        outcome.engine.trace_digest = Some("0123456789abcdef0123".into());
        for reason in ["unknown-kind", "truncated", "foreign-version"] {
            outcome.engine.drops.insert(reason.into(), 1 << 40);
        }
        let more = example::expectation("state.entries_max", "≤ 24", "29", false);
        outcome.expectations.extend(std::iter::repeat_n(more, 9));
        let text = text(&outcome);
        assert_is_narrow(&text);
        assert!(
            text.contains("\ninvariant     9,000 violations, 9,000 passed, at most "),
            "{text}"
        );
        assert!(text.contains("\n        0–28  █"), "{text}");
        assert!(!text.contains('…'), "{text}");
    }

    #[test]
    fn a_simulation_tells_of_its_own_time() {
        let mut outcome = example::outcome();
        (outcome.simulated_s, outcome.wall_s) = (Some(60.0), 7.5);
        outcome.engine.trace_digest = Some("9f0f7276039b2c55".into());
        let text = text(&outcome);
        for line in [
            "engine        60.0 s simulated in 7.50 s: 8.00 times as fast as real time",
            "              315,290 events/s, 298,000 messages per simulated second",
            "              23.0 MiB at most in memory, trace 9f0f7276039b2c55",
        ] {
            assert_has(&text, line);
        }
        assert!(!text.contains("datagrams") && !text.contains("issued late"), "{text}");
        assert_fits(&text);
    }

    #[test]
    fn what_is_too_long_for_a_line_goes_on_in_the_next() {
        let mut page = Page(String::new());
        page.row("label", format!("{}, 20 ms", "0123456 ".repeat(8) + "9"));
        page.row("label", "x".repeat(COLUMNS));
        let lines: Vec<&str> = page.0.lines().collect();
        let first = format!("label         {}9,", "0123456 ".repeat(8));
        let long = format!("label         {}", "x".repeat(COLUMNS));
        assert_eq!(lines, [first.as_str(), "              20 ms", long.as_str()]);
    }

    #[test]
    fn an_empty_run_has_a_report_too() {
        let mut outcome = example::outcome();
        outcome.lookups = Lookups::new(
            &crate::measure::metrics::Metrics::new(),
            std::time::Duration::from_secs(1),
        );
        outcome.scenario.clear();
        outcome.engine.drops.clear();
        outcome.expectations.clear();
        let text = text(&outcome);
        assert!(text.starts_with("?: ? over ?, 0 nodes"), "{text}");
        assert_has(&text, "lookups       none was issued in the measured phase");
        assert_has(&text, "dropped       nothing");
        assert_fits(&text);
    }
}
