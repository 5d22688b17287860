//! Recorded churn, from a text file that says when each node comes up and goes down.
//!
//! ```text
//! # time node up|down
//! 0      alice  up
//! 0      bob    up
//! 12.5   alice  down
//! 13     carol  up
//! 60.25  alice  up
//! ```
//!
//! Times are seconds from the start of the warm-up. Any word names a node. A node is up from the
//! start if its first line is `up` at time 0 or `down` at any time. Lines are sorted by time; those
//! with the same time keep their order.
//!
//! **Invariant:** in a trace that loads, each node alternates between up and down, and at least one
//! node is always up.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::time::Duration;

use crate::Scenario;
use crate::base::text_file::read_text;
use crate::churn::Share;
use crate::scenario::ChurnModel;

/// The recorded transitions. Nodes are numbered from 0; those that are up at the start come first.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Trace {
    /// In order of time.
    transitions: Vec<Transition>,
    members: usize,
}

/// A node comes up or goes down.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Transition {
    /// When, from the start of the warm-up.
    pub at: Duration,
    /// The node.
    pub node: u32,
    /// Its new state.
    pub to: State,
    line: usize,
}

/// The state of a node.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum State {
    /// It takes part.
    Up,
    /// It does not take part.
    Down,
}

impl Trace {
    /// Loads the trace of `scenario`, if its churn follows one, for so many `directors`.
    ///
    /// # Errors
    ///
    /// If the file cannot be read, is not a trace, or does not fit the scenario. The message says
    /// what to write instead.
    pub fn of(scenario: &Scenario, directors: usize) -> Result<Option<Trace>, String> {
        let file = match (scenario.churn.model, &scenario.churn.file) {
            (ChurnModel::Trace, Some(file)) => file,
            _ => return Ok(None),
        };
        let text = read_text(Path::new(file)).map_err(|why| {
            format!("churn.file = {file:?} cannot be read ({why}): write the path of a trace")
        })?;
        let trace = Trace::parse(&text, file)?;
        let members = trace.members;
        if members != scenario.nodes as usize {
            return Err(format!(
                "{file}: {members} nodes are up at the start, but nodes = {}: write nodes = {members}",
                scenario.nodes,
            ));
        }
        if let Some(line) = trace.first_empty(directors) {
            return Err(format!(
                "{file}:{}: no node is up among those of one of {directors} threads: write threads = 1, \
                 or keep more nodes up",
                line.max(1),
            ));
        }
        Ok(Some(trace))
    }

    /// Parses `text`, the contents of `file`.
    ///
    /// # Errors
    ///
    /// Names the first invalid line and says what is accepted.
    pub fn parse(text: &str, file: &str) -> Result<Trace, String> {
        let mut lines = Vec::new();
        for (line, words) in (1..).zip(text.lines().map(words_of)) {
            if !words.is_empty() {
                let read = Line::read(&words, line);
                lines.push(
                    read.ok_or_else(|| wrong(file, line, &format!("{:?}", words.join(" "))))?,
                );
            }
        }
        lines.sort_by_key(|line| line.at);
        let (numbers, members) = number(&lines);
        let mut transitions = Vec::new();
        let mut last: HashMap<&str, &Line<'_>> = HashMap::new();
        for line in &lines {
            let &Line { at, name, to, line: here } = line;
            match last.insert(name, line) {
                Some(before) if before.to == to => {
                    let found = format!("{name:?} is {} since line {}", to.name(), before.line);
                    return Err(wrong(file, here, &found));
                }
                None if line.is_of_the_start() && to == State::Up => {}
                _ => transitions.push(Transition { at, node: numbers[name], to, line: here }),
            }
        }
        let trace = Trace { transitions, members };
        match trace.first_empty(1) {
            Some(0) => Err(wrong(file, 1, "no node is up at the start")),
            Some(line) => Err(wrong(file, line, "no node is up any more")),
            None => Ok(trace),
        }
    }

    /// The number of nodes that are up at the start.
    #[must_use]
    pub fn members(&self) -> usize {
        self.members
    }

    /// The nodes of a share that are up at the start.
    pub fn members_of(&self, share: Share) -> impl Iterator<Item = u32> {
        (share.index..self.members).step_by(share.of).map(|node| node as u32)
    }

    /// The transitions of the nodes of a share, in order.
    pub fn transitions_of(&self, share: Share) -> impl Iterator<Item = Transition> {
        let is_mine = move |it: &Transition| it.node as usize % share.of == share.index;
        self.transitions.iter().copied().filter(is_mine)
    }

    /// The largest number of nodes up at a time in any share of so many `directors`.
    #[must_use]
    pub fn most_up(&self, directors: usize) -> usize {
        let most = |share| self.counts(share).map(|(count, _)| count).max();
        shares(directors).filter_map(most).max().unwrap_or(0)
    }

    /// The first line after which no node is up in some share of so many `directors`; 0 if a share
    /// has none at the start.
    fn first_empty(&self, directors: usize) -> Option<usize> {
        let first = |share| self.counts(share).find(|&(count, _)| count == 0);
        shares(directors).filter_map(first).map(|(_, line)| line).min()
    }

    /// The number of nodes of a share that are up: at the start, and after each of its lines.
    fn counts(&self, share: Share) -> impl Iterator<Item = (usize, usize)> {
        let start = share.part(self.members);
        let counted = self.transitions_of(share).scan(start, |count, it| {
            match it.to {
                State::Up => *count += 1,
                State::Down => *count -= 1,
            }
            Some((*count, it.line))
        });
        std::iter::once((start, 0)).chain(counted)
    }
}

impl State {
    const fn name(self) -> &'static str {
        match self {
            State::Up => "up",
            State::Down => "down",
        }
    }
}

/// A line of the file.
struct Line<'a> {
    at: Duration,
    name: &'a str,
    to: State,
    line: usize,
}

impl<'a> Line<'a> {
    fn read(words: &[&'a str], line: usize) -> Option<Line<'a>> {
        let &[at, name, to] = words else { return None };
        let at = at.parse().ok().and_then(|at_s| Duration::try_from_secs_f64(at_s).ok())?;
        let to = [State::Up, State::Down].into_iter().find(|state| state.name() == to)?;
        Some(Line { at, name, to, line })
    }

    /// Whether the node is up from the start if this is its first line.
    fn is_of_the_start(&self) -> bool {
        self.to == State::Down || self.at.is_zero()
    }
}

/// The words of a line before any comment.
fn words_of(line: &str) -> Vec<&str> {
    line.split('#').next().unwrap_or("").split_whitespace().collect()
}

/// Numbers the nodes in the order of their first lines, those up at the start before the others.
/// Returns the numbers and how many are up at the start.
fn number<'a>(lines: &[Line<'a>]) -> (HashMap<&'a str, u32>, usize) {
    let mut seen = HashSet::new();
    let firsts: Vec<&Line<'_>> = lines.iter().filter(|line| seen.insert(line.name)).collect();
    let (start, later): (Vec<&Line<'a>>, Vec<&Line<'a>>) =
        firsts.into_iter().partition(|line| line.is_of_the_start());
    let members = start.len();
    (start.into_iter().chain(later).map(|line| line.name).zip(0..).collect(), members)
}

fn shares(of: usize) -> impl Iterator<Item = Share> {
    (0..of).map(move |index| Share { index, of })
}

fn wrong(file: &str, line: usize, found: &str) -> String {
    format!(
        "{file}:{line}: {found}: write time node up|down, such as 12.5 alice down: seconds from the \
         start of the warm-up, and any word; each node alternates, and one is always up"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "# a comment
        2    c  up      # a new node
        0    a  up
        1.5  b  down

        3    a  down
        3    b  up
        0.25 d  down
        2    d  up
    ";

    fn parse(text: &str) -> Result<Trace, String> {
        Trace::parse(text, "f.txt")
    }

    #[test]
    fn transitions_are_in_order_of_time() {
        let trace = parse(TRACE).expect("it is a trace");
        // a, d and b are up at the start; c is the fourth.
        assert_eq!(trace.members(), 3);
        let transitions = |share| {
            let plain = |it: Transition| (it.at.as_millis() as u64, it.node, it.to);
            trace.transitions_of(share).map(plain).collect::<Vec<_>>()
        };
        let (up, down) = (State::Up, State::Down);
        let all = [
            (250, 1, down),
            (1500, 2, down),
            (2000, 3, up),
            (2000, 1, up),
            (3000, 0, down),
            (3000, 2, up),
        ];
        assert_eq!(transitions(Share::WHOLE), all);
        assert_eq!((trace.most_up(1), trace.first_empty(1)), (3, None));

        let halves = shares(2).map(|share| (trace.members_of(share).collect(), transitions(share)));
        let (first, second): ((Vec<u32>, _), _) = {
            let halves: Vec<_> = halves.collect();
            (halves[0].clone(), halves[1].clone())
        };
        assert_eq!((first.0, second.0), (vec![0, 2], vec![1]));
        assert_eq!([first.1, second.1].concat().len(), all.len());
        assert_eq!(trace.most_up(2), 2);
        assert_eq!(trace.first_empty(2), Some(6), "a goes before b is back");
    }

    #[test]
    fn an_invalid_line_is_named() {
        for (text, start) in [
            ("0 a up\n1 a sideways", "f.txt:2: \"1 a sideways\": write time node up|down"),
            ("0 a", "f.txt:1: \"0 a\": write"),
            ("0 a up now", "f.txt:1: \"0 a up now\": write"),
            ("-1 a up", "f.txt:1: \"-1 a up\": write"),
            ("nan a up", "f.txt:1: \"nan a up\": write"),
            ("0 a up\n#\n5 a up", "f.txt:3: \"a\" is up since line 1: write"),
            ("9 a down\n0 b up\n4 a down", "f.txt:1: \"a\" is down since line 3: write"),
            (
                "0 a up\n0 b up\n1 a down\n2 b down\n3 a up",
                "f.txt:4: no node is up any more: write",
            ),
            ("# nothing", "f.txt:1: no node is up at the start: write"),
            ("5 a up", "f.txt:1: no node is up at the start: write"),
        ] {
            let error = parse(text).expect_err(text);
            assert!(error.starts_with(start) && !error.contains('\n'), "{error}");
        }
    }
}
