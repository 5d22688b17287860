//! The report for the terminal: one screen of 80 columns and, unless figures are absurdly large, at
//! most 45 lines.
//!
//! **Invariant:** plain text without escape sequences, the same for a terminal, a file or a pipe.

mod health;
mod page;
mod store;
mod target;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use self::page::Page;
use super::units::{bytes, count, micros, number, share};
use crate::measure::outcome::{
    Adaptation, Asked, Check, Expectation, Hops, Items, KindRate, Lookups, Maintenance, Outcome,
    Regime, StepTimes, TransferLatency,
};

/// Length of the longest bar.
const BAR: usize = 48;
/// Bars of the histogram. If there are more hop counts, several share a bar.
const BARS: usize = 13;
/// The same if the report tells of a ring's flaws.
const BARS_BESIDE_FLAWS: usize = 10;
/// The same if the report has a section on items.
const BARS_BESIDE_ITEMS: usize = 9;
/// The same if the report has a section on values.
const BARS_BESIDE_VALUES: usize = 6;
/// The same if it has values and flaws.
const BARS_BESIDE_VALUES_AND_FLAWS: usize = 2;
/// The same if it has items and flaws.
const BARS_BESIDE_BOTH: usize = 3;
/// Message kinds that are listed; the rest are added up.
const KINDS: usize = 5;
/// Drop reasons, and kinds of disturbances, that are listed; the rest are added up.
const AMOUNTS: usize = 2;
/// Expectations that are listed; those that did not hold come first.
const EXPECTATIONS: usize = 3;

/// Writes the report of `outcome`. Every line ends with a newline.
#[must_use]
pub fn text(outcome: &Outcome) -> String {
    let mut page = Page::new();
    heading(outcome, &mut page);
    adapted(&outcome.adapted, &mut page);
    page.blank();
    lookups(outcome, &mut page);
    if let Some(health) = &outcome.health {
        health::goodput(health, &mut page);
    }
    if let Some(items) = &outcome.items {
        self::items(items, &mut page);
    }
    if let Some(store) = &outcome.store {
        self::store::store(store, outcome.target.is_none(), &mut page);
    }
    page.blank();
    if outcome.lookups.issued > 0 {
        let is_flawed = outcome.health.as_ref().is_some_and(health::is_flawed);
        let bars = match (outcome.items.is_some(), is_flawed) {
            (_, true) if outcome.store.is_some() => BARS_BESIDE_VALUES_AND_FLAWS,
            (_, false) if outcome.store.is_some() => BARS_BESIDE_VALUES,
            (false, false) => BARS,
            (false, true) => BARS_BESIDE_FLAWS,
            (true, false) => BARS_BESIDE_ITEMS,
            (true, true) => BARS_BESIDE_BOTH,
        };
        if outcome.target.is_none() {
            hops(&outcome.lookups.hops, bars, &mut page);
            page.blank();
        }
        delays(outcome, &mut page);
        page.blank();
    }
    if let Some(target) = &outcome.target {
        self::target::target(target, &mut page);
    } else {
        own_nodes(outcome, &mut page);
    }
    if !outcome.expectations.is_empty() {
        page.blank();
        expectations(&outcome.expectations, &mut page);
    }
    page.into_text()
}

/// What nodes of this run did.
fn own_nodes(outcome: &Outcome, page: &mut Page) {
    maintenance(&outcome.maintenance, page);
    page.blank();
    nodes(outcome, page);
    if let Some(health) = &outcome.health {
        health::ring(health, page);
    }
    engine(outcome, page);
    if let Some(check) = &outcome.check {
        self::check(check, page);
    }
}

/// The scenario, the time, the machine and the build.
fn heading(outcome: &Outcome, page: &mut Page) {
    let Outcome { scenario, machine, build, .. } = outcome;
    let word = |key| word(outcome, key);
    let nodes = scenario.get("nodes").and_then(toml::Value::as_integer).unwrap_or(0);
    let interrupted = if outcome.interrupted { "   INTERRUPTED" } else { "" };
    page.line(&match &outcome.target {
        Some(target) => {
            let seed = outcome.seed;
            format!("{}: {}, seed {seed}{interrupted}", word("name"), target::heading(target))
        }
        None => format!(
            "{}: {} over {}, {} nodes, seed {}, {} thread{}{interrupted}",
            word("name"),
            word("system"),
            word("engine"),
            count(nodes.unsigned_abs()),
            outcome.seed,
            outcome.engine.threads,
            if outcome.engine.threads == 1 { "" } else { "s" },
        ),
    });
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
    // The commit and date of the compiler are in the JSON document only.
    let rustc = build.rustc.split(" (").next().unwrap_or_default();
    let program = match build.program.as_str() {
        "hopwise" => String::new(),
        other => format!("{other} {}, hopwise ", build.version),
    };
    page.line(&format!("{program}commit {commit:.12}{changes}, {rustc}, {}", build.profile));
}

/// The values of the scenario that were changed because they did not fit.
fn adapted(adapted: &[Adaptation], page: &mut Page) {
    if adapted.is_empty() {
        return;
    }
    let texts = adapted
        .iter()
        .map(|Adaptation { key, from, to, .. }| format!("{key} = {to} instead of {from}"));
    page.row("adapted", texts.collect::<Vec<_>>().join("; "));
}

/// The text value of the scenario's `key`.
fn word<'a>(outcome: &'a Outcome, key: &str) -> &'a str {
    outcome.scenario.get(key).and_then(toml::Value::as_str).unwrap_or("?")
}

fn lookups(outcome: &Outcome, page: &mut Page) {
    let Outcome { lookups, interrupted, .. } = outcome;
    let Lookups { issued, completed, correct, incorrect, failed, shed, orphaned, .. } = *lookups;
    if issued == 0 {
        return page.row("lookups", "none was issued in the measured phase");
    }
    let per_s = number(lookups.per_s);
    match outcome.target {
        Some(_) => page.row("operations", format!("{per_s} completed per s")),
        None => {
            let messages = number(lookups.messages.mean);
            page.row("lookups", format!("{per_s} completed per s, {messages} messages each"));
        }
    }
    let row = |cells: [&str; 5]| cells.map(|cell| format!("{cell:>13}")).concat();
    page.row("", row(["issued", "completed", "correct", "incorrect", "failed"]));
    let counts = [issued, completed, correct, incorrect, failed].map(count);
    page.row("", row(counts.each_ref().map(String::as_str)));
    // Correct and incorrect are fractions of the answers, the others of what was to be answered.
    let shares = [
        share(completed, lookups.counted()),
        share(correct, completed),
        share(incorrect, completed),
        share(failed, lookups.counted()),
    ];
    let [completed, correct, incorrect, failed] = shares.each_ref().map(String::as_str);
    page.row("", row(["", completed, correct, incorrect, failed]));
    if let Some(capacity) = lookups.capacity_per_s {
        let row =
            format!("{} lookups per s, of a closed loop before the warm-up", number(capacity));
        page.row("capacity", row);
    }
    // No other share is of these.
    for (name, part, what) in [
        ("shed", shed, "refused at their origin"),
        (
            "orphaned",
            orphaned,
            if *interrupted {
                "whose origin left or crashed, or the run ended first"
            } else {
                "whose origin left or crashed first"
            },
        ),
    ] {
        if part > 0 {
            page.row(name, format!("{} {what}: {} of issued", count(part), share(part, issued)));
        }
    }
    let part = lookups.under_suspicion;
    if part > 0 {
        let row = format!(
            "{} answered for a silent predecessor: {} of completed",
            count(part),
            share(part, lookups.completed),
        );
        page.row("suspicion", row);
    }
}

fn items(items: &Items, page: &mut Page) {
    let Items { exact, fuzzy, words, found_none, publishing, transfers } = items;
    let asked = |Asked { issued, correct, obtained }: Asked| {
        format!(
            "{} queries, {} correct, {} obtained",
            count(issued),
            share(correct, issued),
            share(obtained, issued),
        )
    };
    page.row("exact", asked(*exact));
    page.row("fuzzy", asked(*fuzzy));
    let words = if words.issued > 0 {
        let obtained = share(words.obtained, words.issued);
        format!("; words: {} queries, {obtained} obtained", count(words.issued))
    } else {
        String::new()
    };
    page.row("no match", format!("{}{words}", count(*found_none)));
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

/// A bar for `n`, to an eighth of a character. It is empty only if `n` is 0.
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
    if outcome.target.is_none() {
        let timeouts = &lookups.timeouts;
        page.row(
            "timeouts",
            format!(
                "mean {:.4}  p1 {}  p50 {}  p99 {}  per lookup",
                timeouts.mean, timeouts.p1, timeouts.p50, timeouts.p99,
            ),
        );
    }
    // In simulated time lookups are never issued late.
    if outcome.simulated_s.is_none() {
        let lag = &lookups.lag_us;
        page.row(
            "issue lag",
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
    let memory = bytes(state.bytes_per_node as f64);
    // References to items and values count as entries as well.
    let tables = match (&outcome.items, &outcome.store) {
        (None, None) => format!("{mean} peers known, at most {most}; {memory} of memory"),
        _ => format!("{mean} entries, at most {most}; {memory} of memory"),
    };
    page.row("node", tables);
    if let Some(load) = &outcome.load {
        page.row("busiest node", format!("received {} messages", count(load.messages_max)));
    }
    if let Some(keys) = outcome.load.as_ref().and_then(|load| load.keys.as_ref()) {
        page.row(
            "keys",
            format!(
                "mean {}  p1 {}  p50 {}  p99 {}  max {}, {} × the mean",
                number(keys.keys_mean),
                count(keys.p1),
                count(keys.p50),
                count(keys.p99),
                count(keys.max),
                number(keys.max_per_mean),
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
        Regime::ExactDetection => "no live node was declared dead",
        Regime::Suspicion => "live nodes may have been declared dead",
    };
    // Peers of a central index have no tables of peers.
    if !outcome.has_server {
        let counted = outcome.health.as_ref().and_then(health::false_deaths);
        page.row("", counted.unwrap_or_else(|| regime.to_owned()));
    }
    if let Some(steps) = &membership.join_us {
        let steps = steps.steps().map(|(name, StepTimes { p50, p99, .. })| {
            format!("{name} p50 {} p99 {}", micros(p50), micros(p99))
        });
        page.row("joins took", steps.collect::<Vec<_>>().join(", "));
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
            page.row("", format!("{events} events/s, {messages} messages/s"));
        }
    }
    let digest = engine.trace_digest.as_ref().map(|digest| format!("trace digest {digest}"));
    let cpu_us = outcome.health.as_ref().and_then(|health| health.cpu_us_per_lookup);
    let cpu = cpu_us.map(|us| format!("{} of CPU per lookup", micros(us)));
    let memory = engine.peak_rss_bytes.map(|peak| format!("{} peak memory", bytes(peak as f64)));
    let row: Vec<String> = [memory, cpu, digest].into_iter().flatten().collect();
    if !row.is_empty() {
        page.row("", row.join(", "));
    }
    page.row("dropped", amounts(&engine.drops).unwrap_or_else(|| "nothing".to_owned()));
    if let Some(strikes) = amounts(&engine.disturbances) {
        page.row("disturbed", strikes);
    }
}

fn check(check: &Check, page: &mut Page) {
    let Check { violations, beyond_promise, episodes, longest_s, .. } = *check;
    let repaired = match episodes {
        0 => String::new(),
        _ => format!(", {} breaks repaired, longest {}", count(episodes), micros(longest_s * 1e6)),
    };
    let row = format!(
        "{} violations{repaired}; {} explained by node failures",
        count(violations),
        count(beyond_promise)
    );
    page.row("invariant", row);
}

/// `12 malformed, 3 shed, 1 other`.
fn amounts(of: &BTreeMap<String, u64>) -> Option<String> {
    let mut amounts: Vec<(&str, u64)> =
        of.iter().map(|(name, &n)| (name.as_str(), n)).filter(|it| it.1 > 0).collect();
    amounts.sort_by_key(|&(_, n)| std::cmp::Reverse(n));
    if amounts.len() > AMOUNTS + 1 {
        let rest = amounts.split_off(AMOUNTS);
        amounts.push(("other", rest.iter().map(|&(_, n)| n).sum()));
    }
    let text = |(name, n): &(&str, u64)| format!("{} {name}", count(*n));
    (!amounts.is_empty()).then(|| amounts.iter().map(text).collect::<Vec<_>>().join(", "))
}

fn expectations(expectations: &[Expectation], page: &mut Page) {
    let (held, broken): (Vec<_>, Vec<_>) = expectations.iter().partition(|e| e.held);
    page.row("expectations", format!("{} of {} held", held.len(), expectations.len()));
    for expectation in broken.iter().chain(&held).take(EXPECTATIONS) {
        let Expectation { name, wanted, got, held } = expectation;
        let mark = match (held, expectation.was_measured()) {
            (true, _) => "held",
            (false, true) => "NOT HELD",
            (false, false) => "NOT MEASURED",
        };
        page.row(&format!("{mark:>12}"), format!("{name} {wanted}: {got}"));
    }
    if expectations.len() > EXPECTATIONS {
        page.row("", format!("and {} more", expectations.len() - EXPECTATIONS));
    }
}
