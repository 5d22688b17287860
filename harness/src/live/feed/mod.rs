//! A run as it happens, for viewers: its members, its figures, some of its messages, and the tables of a
//! small ring.
//!
//! ```text
//!   shards, each a Source ─┐
//!                          ├─▶ Feed ─▶ queues of texts, one for each viewer ─▶ pages
//!   the control thread ────┘    └◀─ Pace ◀───────────────────────────────────────┘
//! ```
//!
//! While nobody looks, only the members are kept.
//!
//! **Invariant:** a simulation waits for viewers, as they wish; nothing else does. Queues are bounded.

pub mod layout;
mod members;
mod pace;
mod source;
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
use self::pace::Pace;
pub use self::pace::{Command, Rate};
pub use self::source::Source;
pub use self::texts::{About, NodeTables};
use self::texts::{Figures, Frame, Hello};
pub use self::viewers::Viewer;
use self::viewers::Viewers;
use crate::base::wall_clock::WallClock;

/// The time between two frames.
const FRAME: Duration = Duration::from_millis(50);
/// Of a ring of so many nodes, all messages outside lookups and all tables are shown.
pub const SMALL: usize = 64;
/// Lookups that are shown per real second, at most about.
const LOOKUPS_PER_S: f64 = 40.0;
/// A simulation goes on at full speed when nobody has looked for this time.
const GRACE: Duration = Duration::from_secs(3);
/// Figures that a new viewer gets.
const FIGURES_KEPT: usize = 300;

/// See the [module](self).
#[derive(Debug)]
pub struct Feed {
    viewers: Viewers,
    /// The pace of a simulation; real nodes have none.
    pace: Option<Pace>,
    /// The messages that are told while somebody looks.
    choice: AtomicCell<Choice>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    about: About,
    classes: Vec<(&'static str, bool)>,
    is_ring: bool,
    has_begun: bool,
    members: Members,
    lookups_per_s: f64,
    /// The latest figures.
    figures: Vec<Figures>,
    frame: Frame,
    clock: WallClock,
    next_frame: Duration,
    frames: u64,
    /// When somebody looked last.
    seen_at: Duration,
    was_watched: bool,
}

impl Feed {
    /// A run that nobody looks at yet.
    #[must_use]
    pub fn new(about: About) -> Feed {
        let pace = about.is_simulated.then(Pace::default);
        let state = State {
            members: Members::of(about.nodes),
            lookups_per_s: about.lookups_per_s,
            about,
            classes: Vec::new(),
            is_ring: false,
            has_begun: false,
            figures: Vec::new(),
            frame: Frame::default(),
            clock: WallClock::start(),
            next_frame: Duration::ZERO,
            frames: 1,
            seen_at: Duration::ZERO,
            was_watched: false,
        };
        let (viewers, choice) = (Viewers::default(), AtomicCell::new(Choice::default()));
        Feed { viewers, pace, choice, state: Mutex::new(state) }
    }

    // ---- For the run

    /// Tells what kinds of messages there are, and whether nodes form a ring. Viewers get nothing before this.
    pub fn begin(&self, classes: &[Class], is_ring: bool) {
        let mut state = self.state.lock();
        state.classes = classes.iter().map(|class| (class.name, class.is_lookup)).collect();
        state.is_ring = is_ring;
        state.frame.clear();
        self.viewers.send(&self.hello(&state));
        state.has_begun = true;
    }

    fn hello(&self, state: &State) -> String {
        let hello = Hello {
            about: &state.about,
            classes: &state.classes,
            is_ring: state.is_ring,
            members: state.members.positions(),
            one_in: state.members.one_in(),
            command: self.pace.as_ref().map(Pace::command),
        };
        hello.text()
    }

    /// Whether anybody looks.
    #[must_use]
    pub fn is_watched(&self) -> bool {
        self.viewers.count() > 0
    }

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

    /// A node became a member.
    pub fn joined(&self, id: Id) {
        let (mut state, is_watched) = (self.state.lock(), self.is_watched());
        if state.members.insert(id) && is_watched {
            state.frame.joined.push(position(id));
        }
    }

    /// A member left, announced, or crashed.
    pub fn gone(&self, id: Id, announced: bool) {
        let (mut state, is_watched) = (self.state.lock(), self.is_watched());
        if state.members.remove(id) && is_watched {
            let list = if announced { &mut state.frame.left } else { &mut state.frame.crashed };
            list.push(position(id));
        }
    }

    /// Messages that were chosen.
    fn messages(&self, messages: Vec<Tapped>) {
        self.state.lock().frame.add_messages(messages);
    }

    /// The tables of some nodes.
    fn tables(&self, tables: Vec<NodeTables>) {
        self.state.lock().frame.tables.extend(tables);
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
        let mut state = self.state.lock();
        state.lookups_per_s = lookups_per_s;
        if self.is_watched() {
            self.viewers.send(&figures.text());
        }
        if state.figures.len() == FIGURES_KEPT {
            state.figures.remove(0);
        }
        state.figures.push(figures);
    }

    /// Sends a frame if one is due.
    pub fn turn(&self, now: Time, phase: &'static str) {
        if !self.is_watched() {
            return;
        }
        let mut state = self.state.lock();
        let elapsed = state.clock.elapsed();
        if elapsed < state.next_frame || !state.has_begun {
            return;
        }
        self.choose(&state);
        state.next_frame = elapsed + FRAME;
        state.frames += 1;
        (state.frame.at, state.frame.phase) = (now, phase);
        let text = state.frame.text();
        state.frame.clear();
        self.viewers.send(&text);
    }

    /// The run has ended. No viewer gets anything after this.
    pub fn end(&self, verdict: &str) {
        let mut state = self.state.lock();
        let text = state.frame.text();
        state.frame.clear();
        self.viewers.send(&text);
        self.viewers.send(&texts::end(verdict));
        self.viewers.close();
    }

    // ---- For simulations

    /// Waits until somebody looks.
    pub fn wait_for_viewer(&self, is_over: impl Fn() -> bool) {
        while !self.is_watched() && !is_over() {
            self.viewers.wait(FRAME);
        }
    }

    /// Waits until the time after `now` may begin, at the pace that viewers have chosen.
    pub fn hold(&self, now: Time, phase: &'static str, is_over: impl Fn() -> bool) {
        let Some(pace) = self.pace.as_ref().filter(|pace| !pace.is_fastest()) else { return };
        while self.is_paced() && !is_over() {
            let Some(wait) = pace.wait(now) else { return };
            self.turn(now, phase);
            pace.sleep(wait.min(FRAME));
        }
        pace.restart();
    }

    /// Whether somebody looks, or did so until now.
    fn is_paced(&self) -> bool {
        let mut state = self.state.lock();
        let elapsed = state.clock.elapsed();
        if self.is_watched() {
            (state.seen_at, state.was_watched) = (elapsed, true);
        }
        state.was_watched && elapsed < state.seen_at + GRACE
    }

    // ---- For viewers

    /// Starts to look. The first texts tell all that a page must know.
    #[must_use]
    pub fn view(&self) -> Viewer<'_> {
        let state = self.state.lock();
        self.choose(&state);
        let mut first = Vec::new();
        if state.has_begun {
            first.push(self.hello(&state));
            first.extend(state.figures.iter().map(Figures::text));
        }
        self.viewers.add(first)
    }

    /// Does what a viewer asks for. Returns whether the run has a pace.
    pub fn command(&self, command: Command) -> bool {
        let Some(pace) = &self.pace else { return false };
        pace.obey(command);
        self.viewers.send(&texts::pace(pace.command()));
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn about(nodes: u32, is_simulated: bool) -> About {
        let (title, layout) = ("a <run>".to_owned(), layout::RUN);
        let (words, nodes, lookups_per_s) = (Vec::new(), nodes.into(), 1000.0);
        About { title, words, nodes, is_simulated, lookups_per_s, layout }
    }

    fn at(ms: u64) -> Time {
        Time::from_ns(ms * 1_000_000)
    }

    fn tell(feed: &Feed, s: u64) {
        feed.figures(Duration::from_secs(s), "measure", 1000.0, vec![Some(1.0), None]);
    }

    #[test]
    fn a_viewer_first_gets_what_was_before() {
        let feed = Feed::new(about(8, false));
        let early = feed.view();
        feed.joined(Id::ZERO);
        feed.turn(at(0), "bring-up");
        feed.begin(&[], true);
        let hello = early.next(FRAME).expect("a text").expect("open");
        assert!(hello.starts_with("event: hello\n"), "nothing comes before it: {hello}");
        drop(early);
        tell(&feed, 1);
        assert_eq!(feed.choice(), Choice::default());
        let viewer = feed.view();
        assert_eq!(feed.choice(), Choice { lookups: Some(5), others: true });
        let hello = viewer.next(FRAME).expect("a text").expect("open");
        assert!(hello.starts_with("event: hello\ndata: {") && hello.ends_with("}\n\n"), "{hello}");
        assert!(hello.contains(r#""members":[0]"#), "{hello}");
        let figures = viewer.next(FRAME).expect("a text").expect("open");
        assert!(figures.starts_with("event: figures\n"), "{figures}");
        feed.gone(Id::ZERO, false);
        feed.turn(at(5), "measure");
        let frame = viewer.next(FRAME).expect("a text").expect("open");
        assert!(frame.contains(r#""crashed":[0]"#), "{frame}");
        feed.end("held");
        assert!(viewer.next(FRAME).expect("a text").is_some(), "the last frame");
        assert!(viewer.next(FRAME).expect("a text").expect("open").starts_with("event: end\n"));
        assert!(viewer.next(FRAME).expect("no waiting").is_none(), "closed");
        drop(viewer);
        assert!(!feed.is_watched());
    }

    #[test]
    fn a_slow_viewer_is_cut_off_and_delays_nobody() {
        let feed = Feed::new(about(8, false));
        feed.begin(&[], true);
        let slow = feed.view();
        for s in 0..10_000 {
            tell(&feed, s);
        }
        let mut texts = 0;
        while let Ok(Some(_)) = slow.next(FRAME) {
            texts += 1;
        }
        assert!(texts < 1000, "{texts}");
        assert!(feed.state.lock().figures.len() <= FIGURES_KEPT);
    }

    #[test]
    fn a_paused_simulation_goes_on_by_steps() {
        let feed = Feed::new(about(8, true));
        let _viewer = feed.view();
        assert!(feed.command(Command::Pause));
        assert!(feed.command(Command::Step { ms: 10.0 }));
        let never = || false;
        feed.hold(at(0), "measure", never);
        feed.hold(at(9), "measure", never);
        let ends = WallClock::start();
        feed.hold(at(10), "measure", || ends.elapsed() > Duration::from_millis(120));
        assert!(ends.elapsed() > Duration::from_millis(100), "it waited");
    }

    #[test]
    fn nobody_holds_a_simulation_that_nobody_looks_at() {
        let feed = Feed::new(about(8, true));
        feed.command(Command::Pause);
        feed.hold(at(0), "measure", || panic!("it waits"));
    }
}
