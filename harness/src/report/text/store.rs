//! The part of the report about values.
//!
//! **Invariant:** the same for every system that stores values.

use super::page::Page;
use crate::measure::outcome::{
    Durability, Failures, Operations, PerNode, Reads, Store, Upkeep, Writes,
};
use crate::report::units::{bytes, count, number};

/// Writes the operations, their verdicts, and if nodes are this run's own, what they store.
pub(super) fn store(store: &Store, has_nodes: bool, page: &mut Page) {
    reads(store, page);
    writes(store, page);
    if !has_nodes {
        let Durability { keys, lost, .. } = store.durability;
        let row = format!("{} of {} values missing or old", count(lost), count(keys));
        return page.row("at the end", row);
    }
    let Durability { keys, lost, excused, excused_expected } = store.durability;
    page.row(
        "at the end",
        format!(
            "{} of {} values lost, {} of them excused ({} expected)",
            count(lost),
            count(keys),
            count(excused),
            number(excused_expected),
        ),
    );
    let Upkeep { repairs_per_node_s, repair_bytes_per_node_s, digest_bytes_per_node_s } =
        store.upkeep;
    page.row(
        "repair",
        format!(
            "{} copies, {}, and {} of digests per node per second",
            number(repairs_per_node_s),
            bytes(repair_bytes_per_node_s),
            bytes(digest_bytes_per_node_s),
        ),
    );
    per_node("items", &store.items, page);
    per_node("requests", &store.requests, page);
}

fn reads(store: &Store, page: &mut Page) {
    let Operations { reads, modifications, .. } = store.operations;
    let Reads { found, absent, not_provided, stale, lost, phantom, excused, by_holders } =
        store.reads;
    if reads + modifications == 0 {
        return;
    }
    page.row(
        "reads",
        format!(
            "{} found, {} absent; {} stale, {} lost, {} phantom, {} excused",
            count(found),
            count(absent),
            count(stale),
            count(lost),
            count(phantom),
            count(excused),
        ),
    );
    if not_provided > 0 {
        let why = "found a reference to a value that was gone with its writer";
        page.row("", format!("{} {why}", count(not_provided)));
    }
    if by_holders > 0 {
        page.row("popular", format!("{} reads answered by holders", count(by_holders)));
    }
}

fn writes(store: &Store, page: &mut Page) {
    let Writes { acknowledged, condition_failed, unknown, conflicts } = store.writes;
    let Operations { writes, modifications, .. } = store.operations;
    if writes + modifications > 0 {
        page.row(
            "writes",
            format!(
                "{} acknowledged, {} overtaken, {} unknown, {} conflicts",
                count(acknowledged),
                count(condition_failed),
                count(unknown),
                count(conflicts),
            ),
        );
    }
    let Failures { unreachable, overloaded, full, refused } = store.failures;
    if unreachable + overloaded + full + refused > 0 {
        let parts = [
            (unreachable, "unreachable"),
            (overloaded, "overloaded"),
            (full, "full"),
            (refused, "otherwise"),
        ];
        let parts = parts.into_iter().filter(|&(part, _)| part > 0);
        let parts: Vec<_> = parts.map(|(part, why)| format!("{} {why}", count(part))).collect();
        page.row("refused", parts.join(", "));
    }
}

fn per_node(name: &str, each: &PerNode, page: &mut Page) {
    let &PerNode { mean, p50, p99, max, max_per_mean, .. } = each;
    page.row(
        name,
        format!(
            "mean {}  p50 {}  p99 {}  max {}, {} × the mean",
            number(mean),
            count(p50),
            count(p99),
            count(max),
            number(max_per_mean),
        ),
    );
}
