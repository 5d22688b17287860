//! The part of the report on the health of the system.
//!
//! **Invariant:** what is as it should be takes one line at most.

use super::page::Page;
use crate::measure::outcome::{Deaths, Flaws, Health, Ownership, Tables, Times};
use crate::report::units::{count, micros, number};

/// A goodput below this share of the offered load is reported.
const GOODPUT_TO_REPORT: f64 = 0.99;

/// What became of the load, unless nearly all lookups were answered correctly.
pub(super) fn goodput(health: &Health, page: &mut Page) {
    if health.goodput_share().is_some_and(|share| share < GOODPUT_TO_REPORT) {
        let (correct, offered) = (health.goodput.correct_per_s, health.goodput.offered_per_s);
        let row = format!("{} correct per s of {} offered", number(correct), number(offered));
        page.row("goodput", row);
    }
}

/// The ring and its tables, and the detection of failures.
pub(super) fn ring(health: &Health, page: &mut Page) {
    if let Some(tables) = &health.tables {
        self::tables(tables, page);
    }
    let deaths = health.deaths.as_ref();
    let detection = deaths.filter(|it| it.detected > 0 || it.undetected > 0).map(detection);
    let spurious = health.spurious_retransmissions;
    let spurious = (spurious > 0).then(|| format!("{} spurious retransmissions", count(spurious)));
    let parts: Vec<String> = detection.into_iter().chain(spurious).collect();
    if !parts.is_empty() {
        page.row("detection", parts.join("; "));
    }
}

/// What is known of false deaths: `2 false deaths, 48.8 per million node-seconds, 1 refuted`; `None`
/// if there were none.
pub(super) fn false_deaths(health: &Health) -> Option<String> {
    let deaths = health.deaths.as_ref().filter(|deaths| deaths.false_deaths > 0)?;
    Some(format!(
        "{} false deaths, {} per million node-seconds, {} refuted",
        count(deaths.false_deaths),
        number(deaths.false_deaths_per_million_node_s),
        count(deaths.refuted),
    ))
}

fn tables(tables: &Tables, page: &mut Page) {
    let rings = tables.rings.map(|rings| match (rings.max, rings.last) {
        (1, 1) => "one ring".to_owned(),
        (max, 1) => format!("one ring at the end, at most {}", count(max)),
        (max, last) => format!("{} rings at the end, at most {}", count(last), count(max)),
    });
    let ownership = tables.ownership.as_ref().map(ownership);
    let mut parts: Vec<String> = rings.into_iter().chain(ownership).collect();
    let is_exact = is_exact(tables);
    if is_exact {
        parts.push("all tables exact".to_owned());
    }
    if !parts.is_empty() {
        page.row("ring", parts.join("; "));
    }
    if !is_exact {
        let of = |share: fn(&Flaws) -> f64| {
            let kinds =
                kinds(tables).map(|(name, flaws)| format!("{name} {}", percent(share(&flaws))));
            kinds.join(", ")
        };
        page.row("wrong entries", of(|flaws| flaws.wrong.mean));
        page.row("dead entries", of(|flaws| flaws.dead.mean));
    }
}

/// Whether the tables of a ring differed from those of the exact ring.
pub(super) fn is_flawed(health: &Health) -> bool {
    health.tables.as_ref().is_some_and(|tables| !is_exact(tables))
}

fn is_exact(tables: &Tables) -> bool {
    kinds(tables).iter().all(|(_, flaws)| flaws.wrong.max == 0.0)
}

fn kinds(tables: &Tables) -> [(&'static str, Flaws); 3] {
    [
        ("first successors", tables.first_successors),
        ("lists", tables.successors),
        ("fingers", tables.fingers),
    ]
}

/// `keys claimed by none 0.16 %, by several 0.02 %`.
fn ownership(ownership: &Ownership) -> String {
    let Ownership { none, one, two, more } = ownership;
    if one.worst == 1.0 {
        return "each key claimed by one member".to_owned();
    }
    let (none, several) = (percent(none.mean), percent(two.mean + more.mean));
    format!("keys claimed by none {none}, by several {several}")
}

/// `crashes after p50 610 ms  p99 1.40 s  max 1.50 s, 3 undetected`.
fn detection(deaths: &Deaths) -> String {
    let Times { p50, p99, max } = deaths.detection_us;
    let [p50, p99, max] = [p50, p99, max].map(micros);
    let detected = format!("crashes after p50 {p50}  p99 {p99}  max {max}");
    let undetected = format!("{} undetected", count(deaths.undetected));
    match (deaths.detected, deaths.undetected) {
        (_, 0) => detected,
        (0, _) => undetected,
        _ => format!("{detected}, {undetected}"),
    }
}

/// `0.28 %`. Only 0 is 0 %, and only 1 is 100 %.
fn percent(share: f64) -> String {
    let percent = match share {
        0.0 | 1.0 => share * 100.0,
        _ => (share * 100.0).clamp(0.01, 99.99),
    };
    format!("{percent:.2} %")
}
