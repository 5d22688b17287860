//! A run as it happens, for viewers: its members, its figures, some of its messages, and the tables of a
//! small ring.
//!
//! ```text
//!   shards, each a ShardFeed ─┐
//!   directors ────────────────┼─▶ Feed ─▶ a queue of texts for each viewer ─▶ pages
//!   the control thread ───────┘    └◀─ Pace ◀────────────────────────────────────┘
//! ```
//!
//! While there are no viewers, only the members are kept.
//!
//! **Invariant:** only a simulation waits for viewers. Queues are bounded, and no text is made under the lock
//! that shards take.

pub mod layout;
mod members;
mod pace;
mod shard_feed;
mod texts;
mod viewers;

use std::time::Duration;

use crossbeam_utils::atomic::AtomicCell;
use hopwise_kernel::drive::Tapped;
use hopwise_kernel::drive::tap::Choice;
use hopwise_kernel::node::Class;
use hopwise_kernel::{Id, Time};
use parking_lot::Mutex;

use self::members::{Members, position};
pub use self::pace::{Command, Rate};
use self::pace::{Pace, Permit};
pub use self::shard_feed::ShardFeed;
pub use self::texts::{About, NodeTables, Verdict};
use self::texts::{Change, Figures, Frame, Hello};
use self::viewers::Viewers;
pub use self::viewers::{TimedOut, Viewer};
use crate::base::wall_clock::WallClock;

/// The time between two frames.
const FRAME: Duration = Duration::from_millis(50);
/// Rings of at most this many nodes show all tables, and all messages outside lookups.
const SMALL: usize = 64;
/// Lookups that are shown per real second, at most about.
const LOOKUPS_PER_S: f64 = 40.0;
/// Browsers come back after a few seconds when a connection is lost. A simulation that has had no viewer
/// for longer goes on at full speed.
const GRACE: Duration = Duration::from_secs(15);
/// Figures that a new viewer gets.
const FIGURES_KEPT: usize = 300;

/// See the [module](self).
#[derive(Debug)]
pub struct Feed {
    about: About,
    viewers: Viewers,
    /// The pace of a simulation; real nodes have none.
    pace: Option<Pace>,
    /// The messages that are told while there are viewers.
    choice: AtomicCell<Choice>,
    state: Mutex<State>,
    clock: WallClock,
}

#[derive(Debug)]
struct State {
    classes: Vec<(&'static str, bool)>,
    is_ring: bool,
    has_begun: bool,
    members: Members,
    lookups_per_s: f64,
    /// The latest figures.
    figures: Vec<Figures>,
    frame: Frame,
    next_frame: Duration,
    frames: u64,
    /// When there was a viewer last.
    watched_at: Option<Duration>,
}

impl Feed {
    /// A run without viewers.
    #[must_use]
    pub fn new(about: About) -> Feed {
        let state = State {
            classes: Vec::new(),
            is_ring: false,
            has_begun: false,
            members: Members::of(0),
            lookups_per_s: about.lookups_per_s,
            figures: Vec::new(),
            frame: Frame::default(),
            next_frame: Duration::ZERO,
            frames: 1,
            watched_at: None,
        };
        Feed {
            viewers: Viewers::default(),
            pace: about.is_simulated.then(Pace::default),
            choice: AtomicCell::new(Choice::default()),
            state: Mutex::new(state),
            clock: WallClock::start(),
            about,
        }
    }

    // ---- For the run

    /// Tells how many nodes there may be, before the first one is a member.
    pub fn expect(&self, nodes: usize) {
        self.state.lock().members = Members::of(nodes);
    }

    /// Tells what kinds of messages there are, and whether nodes form a ring. Viewers get nothing before this.
    pub fn begin(&self, classes: &[Class], is_ring: bool) {
        let mut state = self.state.lock();
        state.classes = classes.iter().map(|class| (class.name, class.is_lookup)).collect();
        (state.is_ring, state.has_begun) = (is_ring, true);
        // The first event has all members.
        state.frame.take();
        self.choose(&state);
        self.viewers.send(&self.hello(&state).text());
    }

    /// The number of viewers.
    #[must_use]
    pub fn viewers(&self) -> usize {
        self.viewers.count()
    }

    /// Whether there are viewers.
    #[must_use]
    pub fn is_watched(&self) -> bool {
        self.viewers() > 0
    }

    /// A node became a member.
    pub fn joined(&self, id: Id) {
        let mut state = self.state.lock();
        if state.members.insert(id) && self.is_watched() {
            state.frame.changes.push((Change::Joined, position(id)));
        }
    }

    /// A member left, announced, or crashed.
    pub fn gone(&self, id: Id, announced: bool) {
        let mut state = self.state.lock();
        if state.members.remove(id) && self.is_watched() {
            let change = if announced { Change::Left } else { Change::Crashed };
            state.frame.changes.push((change, position(id)));
        }
    }

    /// The figures of the last second, in the order of the layout, and how many lookups per second there are
    /// to choose from.
    pub fn figures(
        &self,
        at: Duration,
        phase: &'static str,
        lookups_per_s: f64,
        values: Vec<Option<f64>>,
    ) {
        let figures = Figures { at: at.as_secs_f64(), phase, values };
        let text = self.is_watched().then(|| figures.text());
        let mut state = self.state.lock();
        state.lookups_per_s = lookups_per_s;
        if state.figures.len() == FIGURES_KEPT {
            state.figures.remove(0);
        }
        state.figures.push(figures);
        if let Some(text) = text.filter(|_| state.has_begun) {
            self.viewers.send(&text);
        }
    }

    /// Sends a frame if one is due.
    pub fn turn(&self, now: Time, phase: &'static str) {
        if !self.is_watched() {
            return;
        }
        let mut state = self.state.lock();
        let elapsed = self.clock.elapsed();
        if elapsed < state.next_frame || !state.has_begun {
            return;
        }
        self.choose(&state);
        state.next_frame = elapsed + FRAME;
        state.frames += 1;
        (state.frame.at, state.frame.phase) = (now, phase);
        let frame = state.frame.take();
        drop(state);
        self.viewers.send(&frame.text());
    }

    /// The run has ended. Viewers get nothing after this.
    pub fn end(&self, verdict: &Verdict) {
        let frame = self.state.lock().frame.take();
        self.viewers.send(&frame.text());
        self.viewers.send(&texts::end(verdict));
        self.viewers.close();
    }

    // ---- For shards

    /// The messages that should be told now.
    fn choice(&self) -> Choice {
        if self.is_watched() { self.choice.load() } else { Choice::default() }
    }

    /// Chooses the messages for the next frames.
    fn choose(&self, state: &State) {
        let times = self.pace.as_ref().map_or(1.0, Pace::times);
        let ratio = (times * state.lookups_per_s / LOOKUPS_PER_S).max(1.0);
        let others = state.members.count() <= SMALL;
        self.choice.store(Choice { lookups: Some(ratio.log2().ceil() as u8), others });
    }

    /// The number of the next frame, if it should tell the tables of all nodes.
    fn frame_with_tables(&self) -> Option<u64> {
        let state = self.state.lock();
        let is_shown = state.is_ring && state.members.count() <= SMALL;
        is_shown.then_some(state.frames)
    }

    /// Messages that were chosen.
    fn messages(&self, messages: Vec<Tapped>) {
        self.state.lock().frame.add_messages(messages);
    }

    /// The tables of some nodes.
    fn tables(&self, tables: Vec<NodeTables>) {
        self.state.lock().frame.tables.extend(tables);
    }

    // ---- For simulations

    /// Waits for the first viewer.
    pub fn wait_for_viewer(&self, is_over: impl Fn() -> bool) {
        while !self.is_watched() && !is_over() {
            self.viewers.wait(FRAME);
        }
    }

    /// Waits until the run, which has come to `now`, may go on to `next`, when its next event is due. Returns
    /// the real time that this took.
    pub fn hold(
        &self,
        now: Time,
        next: Time,
        phase: &'static str,
        is_over: impl Fn() -> bool,
    ) -> Duration {
        let Some(pace) = self.pace.as_ref().filter(|pace| !pace.is_fastest()) else {
            return Duration::ZERO;
        };
        let begun = self.clock.elapsed();
        while self.is_paced() && !is_over() {
            let Permit::Wait { real, reached } = pace.permit(now, next) else {
                return self.clock.elapsed() - begun;
            };
            self.turn(reached, phase);
            pace.sleep(real.min(FRAME));
        }
        pace.restart();
        self.clock.elapsed() - begun
    }

    /// Whether there are viewers, or were until now.
    fn is_paced(&self) -> bool {
        let mut state = self.state.lock();
        let elapsed = self.clock.elapsed();
        if self.is_watched() {
            state.watched_at = Some(elapsed);
        }
        state.watched_at.is_some_and(|at| elapsed < at + GRACE)
    }

    // ---- For viewers

    /// Adds a viewer. Its first texts tell all that a page must know.
    #[must_use]
    pub fn view(&self) -> Viewer<'_> {
        let state = self.state.lock();
        self.choose(&state);
        let mut viewer = self.viewers.add();
        let first = state.has_begun.then(|| (self.hello(&state), state.figures.clone()));
        drop(state);
        if let Some((hello, figures)) = first {
            viewer.begin_with([hello.text()]);
            viewer.begin_with(figures.iter().map(Figures::text));
        }
        viewer
    }

    fn hello(&self, state: &State) -> Hello<'_> {
        Hello {
            about: &self.about,
            small: SMALL,
            classes: state.classes.clone(),
            is_ring: state.is_ring,
            members: state.members.positions(),
            one_in: state.members.one_in(),
            command: self.pace.as_ref().map(Pace::command),
        }
    }

    /// Does what a viewer asks for. Returns whether the run has a pace.
    pub fn command(&self, command: Command) -> bool {
        let Some(pace) = &self.pace else { return false };
        // One after the other, and all viewers get them in this order.
        let _state = self.state.lock();
        pace.obey(command);
        self.viewers.send(&texts::pace(command));
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn about(is_simulated: bool) -> About {
        let (title, words) = ("a <run>".to_owned(), Vec::new());
        About { title, words, is_simulated, lookups_per_s: 1000.0, layout: layout::RUN }
    }

    fn feed(is_simulated: bool) -> Feed {
        let feed = Feed::new(about(is_simulated));
        feed.begin(&[], true);
        feed
    }

    fn at(ms: u64) -> Time {
        Time::from_ns(ms * 1_000_000)
    }

    fn tell(feed: &Feed, s: u64) {
        feed.figures(Duration::from_secs(s), "measure", 1000.0, vec![Some(1.0), None]);
    }

    fn next(viewer: &mut Viewer<'_>) -> String {
        viewer.next(FRAME).expect("a text").expect("open").as_ref().to_owned()
    }

    #[test]
    fn a_viewer_gets_nothing_before_the_run_has_begun() {
        let feed = Feed::new(about(false));
        let mut early = feed.view();
        feed.turn(at(0), "bring-up");
        tell(&feed, 1);
        feed.joined(Id::ZERO);
        feed.begin(&[], true);
        let hello = next(&mut early);
        assert!(hello.starts_with("event: hello\n"), "{hello}");
        assert!(hello.contains(r#""members":[0]"#), "{hello}");
        feed.turn(at(1), "warmup");
        let frame = next(&mut early);
        assert!(frame.contains(r#""changes":[]"#), "{frame}");
    }

    #[test]
    fn a_viewer_first_gets_what_was_before() {
        let feed = feed(false);
        feed.joined(Id::ZERO);
        tell(&feed, 1);
        assert_eq!(feed.choice(), Choice::default());
        let mut viewer = feed.view();
        assert_eq!(feed.choice(), Choice { lookups: Some(5), others: true });
        feed.gone(Id::ZERO, false);
        feed.turn(at(5), "measure");
        let hello = next(&mut viewer);
        assert!(hello.starts_with("event: hello\ndata: {") && hello.ends_with("}\n\n"), "{hello}");
        assert!(hello.contains(r#""members":[0]"#), "{hello}");
        assert!(next(&mut viewer).starts_with("event: figures\n"));
        let frame = next(&mut viewer);
        assert!(frame.contains(r#""changes":[["crashed",0]]"#), "{frame}");
        feed.end(&Verdict { text: "held".to_owned(), is_good: true });
        assert!(next(&mut viewer).starts_with("event: frame\n"), "the last frame");
        assert!(next(&mut viewer).starts_with("event: end\n"));
        assert!(viewer.next(FRAME).expect("no waiting").is_none(), "closed");
        drop(viewer);
        assert!(!feed.is_watched());
    }

    #[test]
    fn a_node_that_leaves_and_returns_within_a_frame_stays() {
        let feed = feed(false);
        feed.joined(Id::ZERO);
        let mut viewer = feed.view();
        feed.gone(Id::ZERO, true);
        feed.joined(Id::ZERO);
        feed.turn(at(5), "measure");
        next(&mut viewer);
        let frame = next(&mut viewer);
        assert!(frame.contains(r#""changes":[["left",0],["joined",0]]"#), "{frame}");
    }

    #[test]
    fn a_slow_viewer_is_cut_off_and_delays_nothing() {
        let feed = feed(false);
        let mut slow = feed.view();
        (0..10_000).for_each(|s| tell(&feed, s));
        let mut texts = 0;
        while let Ok(Some(_)) = slow.next(FRAME) {
            texts += 1;
        }
        assert!(texts < 1000, "{texts}");
        assert!(feed.state.lock().figures.len() <= FIGURES_KEPT);
    }

    #[test]
    fn a_paused_simulation_goes_on_by_steps() {
        let feed = feed(true);
        let _viewer = feed.view();
        assert!(feed.command(Command::Pause));
        assert!(feed.command(Command::Step { ms: 10.0 }));
        let never = || false;
        feed.hold(at(0), at(3), "measure", never);
        feed.hold(at(3), at(9), "measure", never);
        let ends = WallClock::start();
        let is_over = || ends.elapsed() > Duration::from_millis(120);
        let held = feed.hold(at(9), at(11), "measure", is_over);
        assert!(held > Duration::from_millis(100), "it waited");
    }

    #[test]
    fn a_simulation_without_viewers_never_waits() {
        let feed = feed(true);
        feed.command(Command::Pause);
        feed.hold(at(0), at(1), "measure", || panic!("it waits"));
    }
}
