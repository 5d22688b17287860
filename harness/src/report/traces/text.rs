//! Traces for the terminal, in at most 80 columns.
//!
//! **Invariant:** a trace takes a bounded number of lines. What is left out is counted.

use console::{Style, style};

use super::rows::{Row, rows};
use super::{distance, short};
use crate::measure::trace::{LookupTrace, StepKind, Traces};
use crate::report::units::{count, significant};

/// The most rows of a trace. Those on the way to the answer come first.
const ROWS_MAX: usize = 120;
/// The longest question.
const QUESTION_MAX: usize = 60;

/// The traces as text.
pub(crate) fn text(traces: &Traces) -> String {
    traces.traces.iter().map(one).collect::<Vec<_>>().join("\n")
}

fn one(trace: &LookupTrace) -> String {
    let all = rows(trace);
    let shown = shown(&all);
    let has_waits = all.iter().any(|row| row.step.waited_ns > 0);
    let columns = Columns { trace, has_waits };
    let mut text = format!("{}\n\n{}\n", columns.title(), style(columns.head()).dim());
    for row in &shown {
        text += &format!("{}\n", style_of(row).apply_to(columns.row(row).trim_end()));
    }
    let hidden = all.len() - shown.len();
    if hidden > 0 {
        text += &format!("… and {} more rows off the way to the answer\n", count(hidden as u64));
    }
    if trace.is_cut {
        let kept = count(trace.steps.len() as u64);
        text += &format!("Cut off: only the first {kept} steps were recorded.\n");
    }
    text + &format!("\n{}\n", summary(trace))
}

/// The rows that are shown: the essential ones, and the first others.
fn shown<'r, 'a>(all: &'r [Row<'a>]) -> Vec<&'r Row<'a>> {
    let essential = all.iter().filter(|row| row.is_essential()).count();
    let mut room = ROWS_MAX.saturating_sub(essential);
    let fits = |row: &&Row<'a>| {
        let is_other = !row.is_essential();
        let fits = !is_other || room > 0;
        room -= usize::from(is_other && fits);
        fits
    };
    all.iter().filter(fits).take(ROWS_MAX).collect()
}

/// How the rows of a trace are written.
struct Columns<'a> {
    trace: &'a LookupTrace,
    has_waits: bool,
}

impl Columns<'_> {
    fn title(&self) -> String {
        let LookupTrace { number, origin, intended_ns, question, key, .. } = self.trace;
        let what = match key {
            Some(key) => format!("key {}", short(key)),
            None => question.chars().take(QUESTION_MAX).collect(),
        };
        let at_s = *intended_ns as f64 / 1e9;
        let title = format!("lookup {number}: {what}");
        format!("{}\ndue at {at_s:.3} s at {}", style(title).bold(), short(origin))
    }

    fn head(&self) -> String {
        self.line("ms", "hop", "node", "what happened", "left", "waited ms").trim_end().to_owned()
    }

    fn row(&self, row: &Row<'_>) -> String {
        let step = row.step;
        let since = ms(step.at_ns.saturating_sub(self.trace.intended_ns));
        let hop = row.hop.map(|hop| hop.to_string()).unwrap_or_default();
        let waited = if step.waited_ns > 0 { ms(step.waited_ns) } else { String::new() };
        self.line(&since, &hop, short(&step.node), &what(row), &self.left(row), &waited)
    }

    fn line(
        &self,
        ms: &str,
        hop: &str,
        node: &str,
        what: &str,
        left: &str,
        waited: &str,
    ) -> String {
        let left = if self.trace.key.is_some() { left } else { "" };
        let waited = if self.has_waits { waited } else { "" };
        format!("{ms:>10} {hop:>3}  {node:8}  {what:<34} {left:>8} {waited:>10}")
    }

    /// How far the key is from the node: for rows in which a lookup reaches a node.
    fn left(&self, row: &Row<'_>) -> String {
        let node = &row.step.node;
        let reaches = matches!(row.step.kind, StepKind::Asked | StepKind::Received);
        match (&self.trace.key, &self.trace.owner) {
            (_, Some(owner)) if reaches && owner == node => "owner".to_owned(),
            (Some(key), _) if reaches => distance(node, key).map(percent).unwrap_or_default(),
            _ => String::new(),
        }
    }
}

fn what(row: &Row<'_>) -> String {
    let step = row.step;
    let name = step.message.as_deref().unwrap_or("message").replace('_', " ");
    let peer = step.peer.as_deref().map(short).unwrap_or_default();
    match step.kind {
        StepKind::Asked => "asked".to_owned(),
        StepKind::Sent if row.is_detour => format!("DETOUR: {name} to {peer}"),
        StepKind::Sent => format!("{name} to {peer}"),
        StepKind::Received => format!("{name} from {peer}"),
        StepKind::Lost => format!("LOST: {name} to {peer}"),
        StepKind::NodeGone => format!("GONE: {name} from {peer}"),
        StepKind::QueueFull => format!("QUEUE FULL: {name} from {peer}"),
        StepKind::WaitedTooLong => format!("TOO OLD: {name} from {peer}"),
        StepKind::TimedOut => format!("TIMEOUT: {peer} is silent"),
        StepKind::Answered => "answered".to_owned(),
        StepKind::Refused => "REFUSED: no room".to_owned(),
        StepKind::Failed => "FAILED: no answer".to_owned(),
    }
}

fn style_of(row: &Row<'_>) -> Style {
    match row.step.kind {
        kind if kind.is_trouble() => Style::new().red(),
        _ if row.is_detour => Style::new().yellow(),
        _ if row.is_essential() => Style::new(),
        _ => Style::new().dim(),
    }
}

/// What it cost and how it ended.
pub(super) fn summary(trace: &LookupTrace) -> String {
    let counted = |n: u32, one: &str, several: &str| {
        format!("{} {}", count(n.into()), if n == 1 { one } else { several })
    };
    let hops = trace.hops.map(|hops| counted(hops, "hop", "hops"));
    let latency = trace.latency_ns().map(|latency| format!("{} ms", ms(latency)));
    let costs = [
        hops,
        Some(counted(trace.messages, "message", "messages")),
        Some(counted(trace.timeouts, "timeout", "timeouts")),
        latency,
    ];
    let verdict = trace.verdict.as_deref().unwrap_or("not judged: not in the measured phase");
    let owner = trace.owner.as_deref().map(|owner| format!("; the owner is {}", short(owner)));
    let costs = costs.into_iter().flatten().collect::<Vec<_>>().join(", ");
    format!("{costs}; {verdict}{}", owner.unwrap_or_default())
}

fn ms(ns: u64) -> String {
    format!("{:.3}", ns as f64 / 1e6)
}

fn percent(share: f64) -> String {
    format!("{} %", significant(share * 100.0))
}
