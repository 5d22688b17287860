//! The part of the report about servers that run elsewhere.
//!
//! **Invariant:** says nothing of nodes, which are not seen.

use super::page::Page;
use crate::measure::outcome::Target;
use crate::report::units::count;

/// Addresses that are listed.
const ADDRESSES: usize = 3;
/// Errors that are listed.
const ERRORS: usize = 3;

/// `127.0.0.1:7379, 50 connections`
pub(super) fn heading(target: &Target) -> String {
    let shown: Vec<&str> = target.addresses.iter().map(String::as_str).take(ADDRESSES).collect();
    let more = match target.addresses.len().saturating_sub(ADDRESSES) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!("clients of {}{more}", shown.join(", "))
}

/// Writes how the connections fared.
pub(super) fn target(target: &Target, page: &mut Page) {
    page.row(
        "connections",
        format!(
            "{}; {} broke, {} attempts failed",
            count(target.connections),
            count(target.broken),
            count(target.failed_connects),
        ),
    );
    let mut errors: Vec<(&str, u64)> =
        target.errors.iter().map(|(name, &count)| (name.as_str(), count)).collect();
    errors.sort_by_key(|&(_, count)| std::cmp::Reverse(count));
    let rest: u64 = errors.iter().skip(ERRORS).map(|&(_, count)| count).sum();
    errors.truncate(ERRORS);
    errors.extend((rest > 0).then_some(("others", rest)));
    if !errors.is_empty() {
        let texts: Vec<String> =
            errors.into_iter().map(|(name, n)| format!("{} {name}", count(n))).collect();
        page.row("errors", texts.join(", "));
    }
    page.row("keys", format!("{}0 and on", target.key_prefix));
}
