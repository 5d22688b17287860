//! One line on a terminal that says how far a run is.
//!
//! **Invariant:** writes to standard error only, and only if that is a terminal.

use std::io::{IsTerminal, stderr};
use std::time::Duration;

use indicatif::{HumanCount, ProgressBar, ProgressDrawTarget, ProgressStyle};

/// The line, redrawn in place.
#[derive(Debug)]
pub struct Progress(ProgressBar);

/// What the line shows.
#[derive(Clone, Copy, Debug)]
pub struct Snapshot<'a> {
    /// The phase the run is in.
    pub phase: &'a str,
    /// Live nodes.
    pub live_nodes: usize,
    /// Lookups completed per second, of late.
    pub lookups_per_s: f64,
    /// 99th percentile of their latencies.
    pub p99: Duration,
    /// Time since the run began.
    pub elapsed: Duration,
}

impl Progress {
    /// The line for a run that will take `total`; nothing at all if `quiet`, or if standard error
    /// is no terminal.
    #[must_use]
    pub fn new(quiet: bool, total: Duration) -> Progress {
        let shown = !quiet && stderr().is_terminal();
        let target =
            if shown { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let style = ProgressStyle::with_template("{prefix:<8} {bar:16} {wide_msg}");
        let style = style.expect("the template is valid").progress_chars("██░");
        Progress(ProgressBar::with_draw_target(Some(ms(total)), target).with_style(style))
    }

    /// Shows how things stand now. Cheap, but meant for some times a second.
    pub fn update(&self, snapshot: &Snapshot<'_>) {
        // A run may outlast its plan while the last lookups end: the bar then stays full.
        let total = self.0.length().unwrap_or(0);
        self.0.set_prefix(snapshot.phase.to_owned());
        self.0.set_message(message(snapshot, Duration::from_millis(total)));
        self.0.set_position(ms(snapshot.elapsed).min(total));
    }

    /// Shows that `done` runs of `of` have ended, `failing` of them in a failure.
    pub fn count(&self, done: usize, of: usize, failing: usize) {
        self.0.set_length(of as u64);
        self.0.set_prefix("runs");
        self.0.set_message(format!("{done}/{of}  {failing} failing"));
        self.0.set_position(done as u64);
    }

    /// Takes the line away while `print` prints, so that they do not run into each other.
    pub fn suspend(&self, print: impl FnOnce()) {
        self.0.suspend(print);
    }

    /// Removes the line: what follows is the report.
    pub fn finish(&self) {
        self.0.finish_and_clear();
    }
}

fn message(snapshot: &Snapshot<'_>, total: Duration) -> String {
    format!(
        "{:.0}/{:.0} s  {} nodes  {} lookups/s  p99 {:.2?}",
        snapshot.elapsed.as_secs_f64(),
        total.as_secs_f64(),
        HumanCount(snapshot.live_nodes as u64),
        HumanCount(snapshot.lookups_per_s.round() as u64),
        snapshot.p99,
    )
}

fn ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_how_things_stand() {
        let snapshot = Snapshot {
            phase: "measure",
            live_nodes: 4096,
            lookups_per_s: 999.7,
            p99: Duration::from_micros(1250),
            elapsed: Duration::from_secs(7),
        };
        let text = message(&snapshot, Duration::from_secs(15));
        assert_eq!(text, "7/15 s  4,096 nodes  1,000 lookups/s  p99 1.25ms");
    }

    #[test]
    fn is_silent_and_never_overflows() {
        let progress = Progress::new(true, Duration::from_secs(1));
        let elapsed = Duration::from_secs(9);
        let p99 = Duration::ZERO;
        let snapshot = Snapshot { phase: "drain", live_nodes: 0, lookups_per_s: 0.0, p99, elapsed };
        progress.update(&snapshot);
        assert!(progress.0.is_hidden());
        assert_eq!(progress.0.position(), 1000);
        progress.finish();
    }
}
