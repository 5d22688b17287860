//! Searches the states that can be reached.
//!
//! *Depth first* visits all of them, and remembers their digests; *breadth first* finds the shortest way to a
//! finding. A *walk* takes random steps to an end. Wherever nothing is in flight, and
//! after every excused step, the ring must heal: become exact in some rounds of stabilize.
//!
//! **Invariant:** everything follows from the setup and the seed. The number of states is bounded.

use std::collections::{HashSet, VecDeque};
use std::fmt::{self, Write};
use std::rc::Rc;

use hopwise_kernel::Rng;

use super::digest;
use super::network::Network;
use super::promise::Verdict;
use super::setup::Setup;
use super::state::{Action, State};

/// The most steps of a walk.
const STEPS_OF_A_WALK: u32 = 2_000;

/// In which order states are visited.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Order {
    DepthFirst,
    BreadthFirst,
}

/// What a search has seen.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Report {
    /// Distinct states.
    pub(crate) states: usize,
    /// Steps, also those that led to a known state.
    pub(crate) steps: u64,
    /// Steps of the longest way.
    pub(crate) depth: u32,
    /// Distinct states in which nothing is in flight.
    pub(crate) at_rest: usize,
    /// Steps after which the promise does not hold, without a violation.
    pub(crate) beyond_promise: u64,
    /// Joins given up, because a node on the way had failed.
    pub(crate) joins_given_up: u64,
    /// The most rounds in which a ring at rest became exact.
    pub(crate) rounds_to_exact: u32,
    /// Whether all states within the bounds of the setup were visited.
    pub(crate) is_complete: bool,
    /// The first violation.
    pub(crate) finding: Option<Finding>,
}

/// A violation, and the steps that lead to it.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Finding {
    pub(crate) broken: String,
    pub(crate) steps: usize,
    trace: String,
}

impl fmt::Debug for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} after {} steps:\n{}", self.broken, self.steps, self.trace)
    }
}

/// The way to a state: the last step, and the way before it.
#[derive(Debug)]
struct Way {
    before: Option<Rc<Way>>,
    action: Action,
    length: u32,
}

/// A running search.
#[derive(Debug)]
struct Search {
    setup: Setup,
    network: Network,
    at_rest: HashSet<u64>,
    /// States after which the promise does not hold.
    excused: HashSet<u64>,
    report: Report,
}

/// Visits all states of `setup`, at most `max_states`. Ends at the first violation.
pub(crate) fn explore(setup: Setup, order: Order, max_states: usize) -> Report {
    let mut search = Search::new(setup);
    let start = search.network.start();
    let mut seen = HashSet::from([digest::of_state(&start, true)]);
    let mut waiting: VecDeque<(State, Option<Rc<Way>>)> = VecDeque::from([(start, None)]);
    let next = |waiting: &mut VecDeque<_>| match order {
        Order::DepthFirst => waiting.pop_back(),
        Order::BreadthFirst => waiting.pop_front(),
    };
    search.report.is_complete = true;
    'all: while let Some((state, way)) = next(&mut waiting) {
        if state.is_at_rest() && !search.heals(&state, way.as_ref()) {
            break;
        }
        for action in state.actions() {
            let Some(after) = search.step(&state, way.as_ref(), action) else {
                if search.report.finding.is_some() {
                    break 'all;
                }
                continue;
            };
            if seen.insert(digest::of_state(&after, true)) {
                if seen.len() > max_states {
                    search.report.is_complete = false;
                    break 'all;
                }
                waiting.push_back((after, Some(longer(way.as_ref(), action))));
            }
        }
    }
    search.report.states = seen.len();
    search.end()
}

/// Walks from the start of `setup` to an end, once for each of `seeds`. Ends at the first violation.
pub(crate) fn walk(setup: Setup, seeds: std::ops::Range<u64>) -> Report {
    let mut search = Search::new(setup);
    let start = search.network.start();
    let mut seen = HashSet::new();
    for seed in seeds {
        let mut rng = Rng::new(seed, 0);
        let (mut state, mut way) = (start.clone(), None);
        for _ in 0..STEPS_OF_A_WALK {
            let mut actions = state.actions();
            let after = loop {
                if actions.is_empty() {
                    break None;
                }
                let action = actions.swap_remove(rng.below(actions.len() as u64) as usize);
                match search.step(&state, way.as_ref(), action) {
                    Some(after) => break Some((after, action)),
                    // A failure that need not be survived.
                    None if matches!(action, Action::Fail(_)) => {}
                    None => break None,
                }
            };
            let Some((after, action)) = after else { break };
            seen.insert(digest::of_state(&after, true));
            way = Some(longer(way.as_ref(), action));
            state = after;
        }
        if state.is_at_rest() {
            search.heals(&state, way.as_ref());
        }
        if search.report.finding.is_some() {
            break;
        }
    }
    search.report.states = seen.len();
    search.end()
}

impl Search {
    fn new(setup: Setup) -> Search {
        let network = Network::new(setup);
        let (at_rest, excused) = (HashSet::new(), HashSet::new());
        Search { setup, network, at_rest, excused, report: Report::default() }
    }

    /// The state after a step, from which the search goes on.
    fn step(&mut self, state: &State, way: Option<&Rc<Way>>, action: Action) -> Option<State> {
        let (after, verdict) = self.network.step(state, action)?;
        self.report.steps += 1;
        self.report.depth = self.report.depth.max(way.map_or(0, |way| way.length) + 1);
        match verdict {
            Verdict::Kept => Some(after),
            Verdict::BeyondPromise => {
                self.report.beyond_promise += 1;
                if self.excused.insert(digest::of_state(&after, false)) {
                    self.heal(&after, true, Some(&longer(way, action)));
                }
                None
            }
            Verdict::Broken(broken) => {
                self.find(broken, Some(&longer(way, action)));
                None
            }
        }
    }

    /// Whether the ring heals from this state, in which nothing is in flight.
    fn heals(&mut self, state: &State, way: Option<&Rc<Way>>) -> bool {
        if self.at_rest.insert(digest::of_state(state, false)) {
            self.heal(state, false, way);
        }
        self.report.finding.is_none()
    }

    fn heal(&mut self, state: &State, is_excused: bool, way: Option<&Rc<Way>>) {
        match self.network.heal(state, is_excused) {
            Ok(rounds) => self.report.rounds_to_exact = self.report.rounds_to_exact.max(rounds),
            Err(broken) => self.find(broken, way),
        }
    }

    fn find(&mut self, broken: String, way: Option<&Rc<Way>>) {
        let mut actions = Vec::new();
        let mut at = way;
        while let Some(way) = at {
            actions.push(way.action);
            at = way.before.as_ref();
        }
        actions.reverse();
        let trace = trace(self.setup, &actions);
        self.report.is_complete = false;
        self.report.finding = Some(Finding { broken, steps: actions.len(), trace });
    }

    fn end(mut self) -> Report {
        self.report.at_rest = self.at_rest.len();
        self.report.joins_given_up = self.network.joins_given_up;
        self.report
    }
}

fn longer(before: Option<&Rc<Way>>, action: Action) -> Rc<Way> {
    let length = before.map_or(0, |it| it.length) + 1;
    Rc::new(Way { before: before.cloned(), action, length })
}

/// The steps in words, with the tables of all members after each.
fn trace(setup: Setup, actions: &[Action]) -> String {
    let mut network = Network::new(setup);
    let mut state = network.start();
    let mut text = String::new();
    for &action in actions {
        let step = describe(&state, action);
        let Some((after, _)) = network.step(&state, action) else { break };
        state = after;
        let _ = writeln!(text, "  {step:<60} {}", tables(&state));
    }
    text
}

fn describe(state: &State, action: Action) -> String {
    match action {
        Action::Deliver(index) | Action::Repeat(index) => {
            let it = &state.flying[index];
            let again = if matches!(action, Action::Repeat(_)) { " (stays in flight)" } else { "" };
            let content = match &it.message {
                super::state::Message::NeighborsReply { predecessor, successors, .. } => {
                    let list: Vec<u16> = successors.iter().map(|it| it.address.slot).collect();
                    let predecessor = predecessor.map(|it| it.address.slot);
                    format!("NeighborsReply(before {predecessor:?}, after {list:?})")
                }
                other => {
                    let text = format!("{other:?}");
                    text.split([' ', '{']).next().unwrap_or_default().to_owned()
                }
            };
            format!("{content} from {} arrives at {}{again}", it.from, it.to)
        }
        Action::Expire { place, index } => {
            let request = state.places[place].as_ref().map(|it| it.requests[index].request);
            request.map_or_else(String::new, |it| {
                let kind = format!("{:?}", it.kind);
                let kind: String = kind.chars().take(28).collect();
                format!("{place} gives up {kind} to {}", it.to.address.slot)
            })
        }
        Action::Round(place) => format!("{place} begins a round"),
        Action::Join { place, via } => format!("{place} joins through {via}"),
        Action::Fail(place) => format!("{place} fails"),
    }
}

/// The predecessor and list of each member.
fn tables(state: &State) -> String {
    let one = |(at, place): (usize, &super::state::Place)| {
        let list: Vec<String> =
            place.node.successors().iter().map(|it| it.address.slot.to_string()).collect();
        let before = place.node.predecessor();
        let before = before.map_or("-".to_owned(), |it| it.address.slot.to_string());
        format!("{before}<{at}>{}", list.join(","))
    };
    state.members().map(one).collect::<Vec<_>>().join("  ")
}
