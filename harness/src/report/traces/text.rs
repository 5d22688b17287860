//! Traces for the terminal, in at most 80 columns.
//!
//! **Invariant:** a trace takes a bounded number of lines. What is left out is counted.

use console::Style;

use super::rows::{Resends, Row, rows};
use super::{distance, short};
use crate::measure::trace::{LookupTrace, StepKind, Traces};
use crate::report::units::{count, significant};

/// The most rows of a trace. Those on the way to the answer come first.
const ROWS_MAX: usize = 100;
/// The longest question.
const QUESTION_MAX: usize = 60;

/// Whether texts have the styles of a terminal.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Look {
    Plain,
    Styled,
}

/// The traces as text, with styles if standard output has them.
pub(crate) fn text(traces: &Traces) -> String {
    let texts: Vec<String> = traces.traces.iter().map(|it| one(it, Look::Styled)).collect();
    texts.join("\n")
}

/// A trace as plain text.
pub(crate) fn plain(trace: &LookupTrace) -> String {
    one(trace, Look::Plain)
}

fn one(trace: &LookupTrace, look: Look) -> String {
    let all = rows(trace);
    let shown = shown(&all);
    let has_waits = all.iter().any(|row| row.step.waited_ns > 0);
    let columns = Columns { trace, has_waits, look };
    let mut text = columns.head();
    let mut hidden = 0;
    for (row, is_shown) in all.iter().zip(shown) {
        if is_shown {
            text += &left_out(std::mem::take(&mut hidden));
            text += &columns.row(row);
        } else {
            hidden += 1;
        }
    }
    text += &left_out(hidden);
    if trace.is_cut {
        let kept = count(trace.steps.len() as u64);
        text += &format!("cut off: only the first {kept} steps were recorded\n");
    }
    text + &format!("\n{}\n", summary(trace))
}

/// Which rows are shown: the essential ones, and the first others.
fn shown(all: &[Row<'_>]) -> Vec<bool> {
    let essential = all.iter().filter(|row| row.is_essential()).count();
    let mut room = ROWS_MAX;
    let mut others = ROWS_MAX.saturating_sub(essential);
    let mut is_shown = |row: &Row<'_>| {
        let left = if row.is_essential() { &mut room } else { &mut others };
        let fits = *left > 0;
        *left -= usize::from(fits);
        fits
    };
    all.iter().map(&mut is_shown).collect()
}

fn left_out(rows: usize) -> String {
    match rows {
        0 => String::new(),
        1 => format!("{:>10}      1 row is left out\n", "…"),
        rows => format!("{:>10}      {} rows are left out\n", "…", count(rows as u64)),
    }
}

/// How the rows of a trace are written.
struct Columns<'a> {
    trace: &'a LookupTrace,
    has_waits: bool,
    look: Look,
}

impl Columns<'_> {
    fn head(&self) -> String {
        let LookupTrace { number, origin, intended_ns, question, key, .. } = self.trace;
        let what = match key {
            Some(key) => format!("key {}", short(key)),
            None if question.is_empty() => "not of the measured phase".to_owned(),
            None => question.chars().take(QUESTION_MAX).collect(),
        };
        let title = self.styled(Style::new().bold(), &format!("lookup {number}: {what}"));
        let due = format!("due at {:.3} s at {}", *intended_ns as f64 / 1e9, short(origin));
        let names = self.line("ms", "hop", "node", "what happened", "left", "waited ms");
        format!("{title}\n{due}\n\n{}\n", self.styled(Style::new().dim(), &names))
    }

    fn row(&self, row: &Row<'_>) -> String {
        let step = row.step;
        let since = ms(step.at_ns.saturating_sub(self.trace.intended_ns));
        let hop = row.hop.map(|hop| hop.to_string()).unwrap_or_default();
        let waited = if step.waited_ns > 0 { ms(step.waited_ns) } else { String::new() };
        let line = self.line(&since, &hop, short(&step.node), &what(row), &self.left(row), &waited);
        self.styled(style_of(row), &line) + "\n"
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
        let line = format!("{ms:>10} {hop:>3}  {node:8}  {what:<34} {left:>8} {waited:>10}");
        line.trim_end().to_owned()
    }

    fn styled(&self, style: Style, text: &str) -> String {
        match self.look {
            Look::Plain => text.to_owned(),
            Look::Styled => style.apply_to(text).to_string(),
        }
    }

    /// How far the key is from the node: for rows in which a lookup reaches a node.
    fn left(&self, row: &Row<'_>) -> String {
        let node = &row.step.node;
        let reaches = match row.step.kind {
            StepKind::Asked => true,
            StepKind::Received => row.hop.is_some() || *node != self.trace.origin,
            _ => false,
        };
        match (&self.trace.key, &self.trace.owner) {
            (_, Some(owner)) if reaches && owner == node => "owner".to_owned(),
            (Some(key), _) if reaches => distance(node, key).map(percent).unwrap_or_default(),
            _ => String::new(),
        }
    }
}

/// What happens in a row.
pub(crate) fn what(row: &Row<'_>) -> String {
    let step = row.step;
    let name = step.message.as_deref().unwrap_or("message").replace('_', " ");
    let peer = step.peer.as_deref().map(short).unwrap_or_default();
    match step.kind {
        StepKind::Asked => "asked".to_owned(),
        StepKind::Sent => match row.resends {
            Some(Resends::Again) => format!("AGAIN: {name} to {peer}"),
            Some(Resends::Elsewhere) => format!("DETOUR: {name} to {peer}"),
            None => format!("{name} to {peer}"),
        },
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
        _ if row.resends.is_some() => Style::new().yellow(),
        _ if row.is_essential() => Style::new(),
        _ => Style::new().dim(),
    }
}

/// What a lookup cost and how it ended.
pub(crate) fn summary(trace: &LookupTrace) -> String {
    let counted = |n: u32, one: &str, several: &str| {
        format!("{} {}", count(n.into()), if n == 1 { one } else { several })
    };
    let costs = [
        trace.hops.map(|hops| counted(hops, "hop", "hops")),
        Some(counted(trace.messages, "message", "messages")),
        Some(counted(trace.timeouts, "timeout", "timeouts")),
        trace.latency_ns().map(|latency| format!("{} ms", ms(latency))),
    ];
    let costs = costs.into_iter().flatten().collect::<Vec<_>>().join(", ");
    let verdict = trace.verdict.as_deref().unwrap_or("not judged: outside the measured phase");
    let owner = trace.owner.as_deref().map(|owner| format!("; the owner is {}", short(owner)));
    format!("{costs}; {verdict}{}", owner.unwrap_or_default())
}

fn ms(ns: u64) -> String {
    format!("{:.3}", ns as f64 / 1e6)
}

fn percent(share: f64) -> String {
    format!("{} %", significant(share * 100.0))
}
