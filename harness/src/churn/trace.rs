//! Churn as it was once recorded: a text file that tells who comes and goes, and when.
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
//! Times are seconds from the start of the warm-up. A node is any word. Who is up at time 0, or is
//! first told to go down, is there from the start. Lines are taken in the order of their times, those
//! of one time as they are written.
//!
//! **Invariant:** in a trace that loads, nodes go up and down by turns, and somebody is always up.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::time::Duration;

use crate::Scenario;
use crate::churn::Share;
use crate::scenario::ChurnModel;

/// Who comes and goes, and when. Nodes are numbered from 0, those of the start first.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Trace {
    /// In order of time.
    moves: Vec<Move>,
    members: usize,
}

/// One coming or going.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Move {
    /// When, after the start of the warm-up.
    pub at: Duration,
    /// Who.
    pub node: u32,
    /// Where to.
    pub to: State,
    line: usize,
}

/// Whether a node takes part.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum State {
    /// It does.
    Up,
    /// It does not.
    Down,
}

impl Trace {
    /// The trace that `scenario` is to follow, if it is one, dealt out among `directors`.
    ///
    /// # Errors
    ///
    /// The file cannot be read, is no trace, or does not fit the scenario: one message for whoever
    /// wrote it.
    pub fn of(scenario: &Scenario, directors: usize) -> Result<Option<Trace>, String> {
        let file = match (scenario.churn.model, &scenario.churn.file) {
            (ChurnModel::Trace, Some(file)) => file,
            _ => return Ok(None),
        };
        let text = fs::read_to_string(file).map_err(|why| {
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
        if let Some(line) = trace.first_without_anybody(directors) {
            return Err(format!(
                "{file}:{}: nobody is up among those nodes that one of {directors} threads has: \
                 write threads = 1, or keep more nodes up",
                line.max(1),
            ));
        }
        Ok(Some(trace))
    }

    /// Reads `text`, which is what `file` holds.
    ///
    /// # Errors
    ///
    /// The first line that cannot be, and what is accepted.
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
        let mut moves = Vec::new();
        let mut last: HashMap<&str, &Line<'_>> = HashMap::new();
        for line in &lines {
            let &Line { at, name, to, line: here } = line;
            match last.insert(name, line) {
                Some(before) if before.to == to => {
                    let found = format!("{name:?} is {} since line {}", to.name(), before.line);
                    return Err(wrong(file, here, &found));
                }
                None if line.is_of_the_start() && to == State::Up => {}
                _ => moves.push(Move { at, node: numbers[name], to, line: here }),
            }
        }
        let trace = Trace { moves, members };
        match trace.first_without_anybody(1) {
            Some(0) => Err(wrong(file, 1, "nobody is up at the start")),
            Some(line) => Err(wrong(file, line, "nobody is up any more")),
            None => Ok(trace),
        }
    }

    /// How many nodes are there from the start.
    #[must_use]
    pub fn members(&self) -> usize {
        self.members
    }

    /// The nodes of the start that fall to one of several directors.
    pub fn members_of(&self, share: Share) -> impl Iterator<Item = u32> {
        (share.index..self.members).step_by(share.of).map(|node| node as u32)
    }

    /// The moves of those nodes that fall to one of several directors, in order.
    pub fn moves_of(&self, share: Share) -> impl Iterator<Item = Move> {
        let is_mine = move |it: &Move| it.node as usize % share.of == share.index;
        self.moves.iter().copied().filter(is_mine)
    }

    /// Most nodes that are up at a time, of those that fall to any one of `directors`.
    #[must_use]
    pub fn most_up(&self, directors: usize) -> usize {
        let most = |share| self.counts(share).map(|(count, _)| count).max();
        shares(directors).filter_map(most).max().unwrap_or(0)
    }

    /// The line with which the last node goes that falls to one of `directors`; 0 if there was none.
    fn first_without_anybody(&self, directors: usize) -> Option<usize> {
        let first = |share| self.counts(share).find(|&(count, _)| count == 0);
        shares(directors).filter_map(first).map(|(_, line)| line).min()
    }

    /// How many nodes of a share are up after each line, and before the first.
    fn counts(&self, share: Share) -> impl Iterator<Item = (usize, usize)> {
        let start = share.part(self.members);
        let counted = self.moves_of(share).scan(start, |count, it| {
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

/// What one line says, and which it is.
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

    /// Whether, if it is a node's first line, the node is there from the start.
    fn is_of_the_start(&self) -> bool {
        self.to == State::Down || self.at.is_zero()
    }
}

/// The words of a line that are not a comment.
fn words_of(line: &str) -> Vec<&str> {
    line.split('#').next().unwrap_or("").split_whitespace().collect()
}

/// Numbers the nodes in order of their first lines, those of the start before the others; and says
/// how many those are.
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
         start of the warm-up, any word, up and down by turns, and somebody always up"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "# who comes and goes
        2    c  up      # a newcomer
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
    fn a_trace_gives_what_the_file_says_in_order_of_time() {
        let trace = parse(TRACE).expect("it is a trace");
        // a, d and b are there from the start; c is the fourth.
        assert_eq!(trace.members(), 3);
        let moves = |share| {
            let plain = |it: Move| (it.at.as_millis() as u64, it.node, it.to);
            trace.moves_of(share).map(plain).collect::<Vec<_>>()
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
        assert_eq!(moves(Share::WHOLE), all);
        assert_eq!((trace.most_up(1), trace.first_without_anybody(1)), (3, None));

        let halves = shares(2).map(|share| (trace.members_of(share).collect(), moves(share)));
        let (first, second): ((Vec<u32>, _), _) = {
            let halves: Vec<_> = halves.collect();
            (halves[0].clone(), halves[1].clone())
        };
        assert_eq!((first.0, second.0), (vec![0, 2], vec![1]));
        assert_eq!([first.1, second.1].concat().len(), all.len());
        assert_eq!(trace.most_up(2), 2);
        assert_eq!(trace.first_without_anybody(2), Some(6), "a goes before b is back");
    }

    #[test]
    fn a_wrong_line_is_named_with_what_is_accepted() {
        for (text, start) in [
            ("0 a up\n1 a sideways", "f.txt:2: \"1 a sideways\": write time node up|down"),
            ("0 a", "f.txt:1: \"0 a\": write"),
            ("0 a up now", "f.txt:1: \"0 a up now\": write"),
            ("-1 a up", "f.txt:1: \"-1 a up\": write"),
            ("nan a up", "f.txt:1: \"nan a up\": write"),
            ("0 a up\n#\n5 a up", "f.txt:3: \"a\" is up since line 1: write"),
            ("9 a down\n0 b up\n4 a down", "f.txt:1: \"a\" is down since line 3: write"),
            ("0 a up\n0 b up\n1 a down\n2 b down\n3 a up", "f.txt:4: nobody is up any more: write"),
            ("# nothing", "f.txt:1: nobody is up at the start: write"),
            ("5 a up", "f.txt:1: nobody is up at the start: write"),
        ] {
            let error = parse(text).expect_err(text);
            assert!(error.starts_with(start) && !error.contains('\n'), "{error}");
        }
    }
}
