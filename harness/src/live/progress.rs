//! The progress of a run: a line on the terminal, and the feed of a live page if there is one.
//!
//! **Invariant:** writes only to standard error, and only if that is a terminal; reads nothing of a run.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::io::{IsTerminal, stderr};
use std::sync::Arc;
use std::time::Duration;

use indicatif::{HumanCount, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

use super::feed::Feed;
use super::snapshot::Snapshot;
use super::sparkline::Sparkline;

/// Bars that show how a figure changed, one for each interval.
const BARS: usize = 6;

/// A progress line, redrawn in place.
#[derive(Debug)]
pub struct Progress {
    feed: Option<Arc<Feed>>,
    bar: ProgressBar,
    total: Duration,
    phase: Cell<&'static str>,
    /// Where `advance` moved the bar last: asking the bar costs as much as moving it.
    position_ms: Cell<u64>,
    /// The last figures: lookups per second, and the 99th percentile.
    lately: RefCell<[Sparkline; 2]>,
}

impl Progress {
    /// The line of a run that will take `total`. Shows nothing if `quiet` or if standard error is
    /// not a terminal.
    #[must_use]
    pub fn new(quiet: bool, total: Duration) -> Progress {
        let style = style("{prefix:<8} {bar:10} {seconds}  {wide_msg}").with_key(
            "seconds",
            |state: &ProgressState, line: &mut dyn fmt::Write| {
                // A line that cannot be drawn does not stop the run.
                let _ = line.write_str(&seconds(state.pos(), state.len().unwrap_or(0)));
            },
        );
        Progress::with_style(target(quiet), ms(total), style, total)
    }

    /// The line of so many runs, which [`count`](Progress::count) moves. Shows nothing if `quiet` or
    /// if standard error is not a terminal.
    #[must_use]
    pub fn of_runs(quiet: bool, runs: usize) -> Progress {
        Progress::of_runs_on(target(quiet), runs)
    }

    fn of_runs_on(target: ProgressDrawTarget, runs: usize) -> Progress {
        let progress = Progress::counting(target, "runs", runs);
        progress.count(0, 0);
        progress
    }

    /// The line of so many seeds that are shrunk, which [`shrunk`](Progress::shrunk) moves. Shows nothing if
    /// `quiet` or if standard error is not a terminal.
    #[must_use]
    pub fn of_shrinking(quiet: bool, seeds: usize) -> Progress {
        let progress = Progress::counting(target(quiet), "shrink", seeds);
        progress.shrunk(0, 0);
        progress
    }

    /// A line that counts up to `length`.
    fn counting(target: ProgressDrawTarget, prefix: &'static str, length: usize) -> Progress {
        let style = style("{prefix:<8} {bar:16} {pos}/{len}  {wide_msg}");
        let progress = Progress::with_style(target, length as u64, style, Duration::ZERO);
        progress.bar.set_prefix(prefix);
        progress
    }

    fn with_style(
        target: ProgressDrawTarget,
        length: u64,
        style: ProgressStyle,
        total: Duration,
    ) -> Progress {
        let bar = ProgressBar::with_draw_target(Some(length), target).with_style(style);
        let lately = RefCell::new([Sparkline::new(BARS), Sparkline::new(BARS)]);
        let (phase, position_ms) = (Cell::new(""), Cell::new(0));
        Progress { feed: None, bar, total, phase, position_ms, lately }
    }

    /// Feeds a live page, too.
    #[must_use]
    pub fn with_feed(mut self, feed: Option<Arc<Feed>>) -> Progress {
        self.feed = feed;
        self
    }

    /// The feed of a live page, if there is one.
    #[must_use]
    pub fn feed(&self) -> Option<&Arc<Feed>> {
        self.feed.as_ref()
    }

    /// Shows new figures. Meant to be called a few times a second.
    pub fn update(&self, snapshot: &Snapshot) {
        if let Some(feed) = &self.feed {
            feed.figures(
                snapshot.elapsed,
                snapshot.phase,
                snapshot.issued_per_s,
                snapshot.values(),
            );
        }
        if !self.bar.is_hidden() {
            let mut lately = self.lately.borrow_mut();
            lately[0].push(snapshot.lookups_per_s);
            lately[1].push(snapshot.p99.as_secs_f64());
            self.bar.set_message(message(snapshot, &lately));
        }
        self.advance(snapshot.phase, snapshot.elapsed);
    }

    /// Moves the bar only. Cheap enough for any loop.
    pub fn advance(&self, phase: &'static str, elapsed: Duration) {
        if self.phase.replace(phase) != phase {
            self.bar.set_prefix(phase);
        }
        // While the last lookups end, a run may take longer than planned. The bar stays full.
        let position_ms = ms(elapsed.min(self.total));
        if self.position_ms.replace(position_ms) != position_ms {
            self.bar.set_position(position_ms); // Reads the clock.
        }
    }

    /// Shows that `done` of the runs have ended and `failing` of them failed.
    pub fn count(&self, done: usize, failing: usize) {
        self.bar.set_message(format!("{failing} failing"));
        self.bar.set_position(done as u64);
    }

    /// Shows that `seeds` of the seeds are shrunk, in so many `runs`.
    pub fn shrunk(&self, seeds: usize, runs: u32) {
        self.bar.set_message(format!("{runs} runs"));
        self.bar.set_position(seeds as u64);
    }

    /// Hides the line while `print` runs.
    pub fn suspend(&self, print: impl FnOnce()) {
        self.bar.suspend(print);
    }

    /// Removes the line.
    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

/// A line whose run is over goes.
impl Drop for Progress {
    fn drop(&mut self) {
        self.finish();
    }
}

fn target(quiet: bool) -> ProgressDrawTarget {
    if !quiet && stderr().is_terminal() {
        ProgressDrawTarget::stderr()
    } else {
        ProgressDrawTarget::hidden()
    }
}

fn style(template: &str) -> ProgressStyle {
    let style = ProgressStyle::with_template(template).expect("the template is valid");
    style.progress_chars("██░")
}

/// `7/15 s`, from milliseconds.
fn seconds(elapsed_ms: u64, total_ms: u64) -> String {
    format!("{}/{} s", elapsed_ms / 1000, total_ms.div_ceil(1000))
}

fn message(snapshot: &Snapshot, [rates, p99s]: &[Sparkline; 2]) -> String {
    format!(
        "{} nodes  {}/s {rates}  p99 {:.2?} {p99s}",
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
    use std::io;
    use std::sync::{Arc, Mutex};

    use indicatif::TermLike;

    use super::*;

    #[test]
    fn shows_the_figures() {
        let snapshot = Snapshot {
            phase: "measure",
            live_nodes: 4096,
            lookups_per_s: 999.7,
            p99: Duration::from_micros(1250),
            elapsed: Duration::from_secs(7),
            ..Snapshot::default()
        };
        let mut lately = [Sparkline::new(BARS), Sparkline::new(BARS)];
        [500.0, 1000.0].into_iter().for_each(|rate| lately[0].push(rate));
        lately[1].push(1.25);
        assert_eq!(message(&snapshot, &lately), "4,096 nodes  1,000/s ▅█  p99 1.25ms █");
        assert_eq!(seconds(7_900, 15_000), "7/15 s");
    }

    /// A terminal that remembers what was written.
    #[derive(Clone, Debug, Default)]
    struct Screen(Arc<Mutex<String>>);

    impl TermLike for Screen {
        fn width(&self) -> u16 {
            80
        }

        fn move_cursor_up(&self, _: usize) -> io::Result<()> {
            Ok(())
        }

        fn move_cursor_down(&self, _: usize) -> io::Result<()> {
            Ok(())
        }

        fn move_cursor_right(&self, _: usize) -> io::Result<()> {
            Ok(())
        }

        fn move_cursor_left(&self, _: usize) -> io::Result<()> {
            Ok(())
        }

        fn write_line(&self, line: &str) -> io::Result<()> {
            self.write_str(line)
        }

        fn write_str(&self, text: &str) -> io::Result<()> {
            self.0.lock().expect("no panic").push_str(text);
            Ok(())
        }

        fn clear_line(&self) -> io::Result<()> {
            Ok(())
        }

        fn flush(&self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn runs_are_counted_as_runs() {
        let screen = Screen::default();
        let target = ProgressDrawTarget::term_like(Box::new(screen.clone()));
        let progress = Progress::of_runs_on(target, 5000);
        progress.count(2500, 7);
        progress.bar.force_draw();
        let shown = screen.0.lock().expect("no panic").clone();
        assert!(shown.contains("2500/5000") && shown.contains("7 failing"), "{shown}");
        assert!(!shown.contains(" s "), "{shown}");
    }

    #[test]
    fn is_silent_and_never_overflows() {
        let progress = Progress::new(true, Duration::from_secs(1));
        let elapsed = Duration::from_secs(9);
        let snapshot = Snapshot { phase: "drain", elapsed, ..Snapshot::default() };
        progress.update(&snapshot);
        assert!(progress.bar.is_hidden());
        assert_eq!((progress.bar.position(), progress.bar.prefix()), (1000, "drain".to_owned()));
        progress.finish();
    }
}
