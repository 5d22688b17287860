//! Files of host positions or of delays between hosts.
//!
//! Lines that are near each other often describe hosts that are near each other, and nodes with
//! neighbouring numbers are often neighbours. So hosts are dealt to nodes at random.
//!
//! **Invariant:** a file that loads has at least one host, and every delay is a number from 0.

use std::path::Path;

use hopwise_kernel::Rng;
use hopwise_kernel::base::rng::mix;

use super::hosts::Host;
use crate::base::text_file::read_text;
use crate::scenario::{DelayUnit, HostFile};

/// Positions of hosts.
#[derive(Clone, Debug)]
pub(super) struct Coordinates {
    hosts: Box<[Host]>,
    least_ns: u64,
}

impl Coordinates {
    /// Reads `file` and deals its hosts to nodes, as `seed` says.
    pub(super) fn load(file: &HostFile, seed: u64) -> Result<Coordinates, String> {
        let in_file = Coordinates::parse(&read(file, COORDINATES)?, file)?;
        let host = |host: usize| in_file.hosts[host];
        let hosts = dealt(in_file.count(), seed).into_iter().map(host).collect();
        Ok(Coordinates { hosts, ..in_file })
    }

    /// Parses `text`, the contents of `file`.
    pub(super) fn parse(text: &str, file: &HostFile) -> Result<Coordinates, String> {
        let place = |(line, words): (usize, Vec<&str>)| {
            let (x, y, height) = match words[..] {
                [x, y] => (x, y, "0"),
                [x, y, height] | [_, x, y, "h", height] => (x, y, height),
                _ => {
                    let found = format!("{:?}", words.join(" "));
                    return Err(wrong(file, line, &found, COORDINATES));
                }
            };
            let coordinate = |word| number(word, file, line, COORDINATES);
            let height = amount_ns(height, file, line, COORDINATES)? as f64;
            Ok(Host { x: coordinate(x)?, y: coordinate(y)?, height })
        };
        let hosts = rows(text).map(place).collect::<Result<Box<[Host]>, String>>()?;
        if hosts.is_empty() {
            return Err(empty(file, COORDINATES));
        }
        let least_ns = least_ns(&hosts);
        Ok(Coordinates { hosts, least_ns })
    }

    pub(super) fn count(&self) -> usize {
        self.hosts.len()
    }

    #[inline]
    pub(super) fn delay_ns(&self, from: u32, to: u32) -> u64 {
        let host = |node| &self.hosts[wrapped(node, self.hosts.len())];
        host(from).delay_to_ns(host(to)) as u64
    }

    /// Twice the least height, but at least 1 % of a typical delay.
    pub(super) fn least_ns(&self) -> u64 {
        self.least_ns
    }
}

/// Delays from every host to every host.
#[derive(Clone, Debug)]
pub(super) struct Matrix {
    /// Row by row.
    delays_ns: Box<[u64]>,
    count: usize,
    least_ns: u64,
}

impl Matrix {
    /// Reads `file` and deals its hosts to nodes, as `seed` says.
    pub(super) fn load(file: &HostFile, seed: u64) -> Result<Matrix, String> {
        let in_file = Matrix::parse(&read(file, MATRIX)?, file)?;
        let hosts = dealt(in_file.count, seed);
        let row = |from: usize| &in_file.delays_ns[from * in_file.count..][..in_file.count];
        let delays = hosts.iter().flat_map(|&from| hosts.iter().map(move |&to| row(from)[to]));
        Ok(Matrix { delays_ns: delays.collect(), ..in_file })
    }

    /// Parses `text`, the contents of `file`.
    pub(super) fn parse(text: &str, file: &HostFile) -> Result<Matrix, String> {
        let mut delays_ns = Vec::new();
        let (mut count, mut height, mut last_line) = (0, 0, 0);
        for (line, words) in rows(text) {
            if height == 0 {
                count = words.len();
            }
            if words.len() != count || height == count {
                let found = if height == count {
                    format!("row {} of a matrix with {count} columns", height + 1)
                } else {
                    format!("{} delays, where the first row has {count}", words.len())
                };
                return Err(wrong(file, line, &found, MATRIX));
            }
            for word in words {
                delays_ns.push(amount_ns(word, file, line, MATRIX)?);
            }
            (height, last_line) = (height + 1, line);
        }
        if count == 0 {
            return Err(empty(file, MATRIX));
        }
        if height < count {
            let found = format!("only {height} rows of {count} delays");
            return Err(wrong(file, last_line, &found, MATRIX));
        }
        let between = |&(index, delay): &(usize, &u64)| index % (count + 1) != 0 || *delay > 0;
        let stated = delays_ns.iter().enumerate().filter(between);
        let least_ns = stated.map(|(_, delay)| *delay).min().unwrap_or(0);
        Ok(Matrix { delays_ns: delays_ns.into(), count, least_ns })
    }

    pub(super) fn count(&self) -> usize {
        self.count
    }

    #[inline]
    pub(super) fn delay_ns(&self, from: u32, to: u32) -> u64 {
        self.delays_ns[wrapped(from, self.count) * self.count + wrapped(to, self.count)]
    }

    /// The least delay between two hosts, or within one host where it is stated.
    pub(super) fn least_ns(&self) -> u64 {
        self.least_ns
    }
}

/// What is accepted. Follows "write" in messages.
const COORDINATES: &str =
    "a line per host: x y, x y height or id x y h height, numbers, the height not negative";
const MATRIX: &str =
    "a square matrix, a line per row, of delays that are numbers from 0, with blanks between them";

fn read(HostFile { file, .. }: &HostFile, accepted: &str) -> Result<String, String> {
    read_text(Path::new(file)).map_err(|why| {
        format!("network.latency.file = {file:?} cannot be read ({why}): write {accepted}")
    })
}

/// The words of each line that is not ignored, with the line number.
fn rows(text: &str) -> impl Iterator<Item = (usize, Vec<&str>)> {
    let lines = text.lines().enumerate();
    lines
        .map(|(index, line)| (index + 1, line.split_whitespace().collect::<Vec<_>>()))
        .filter(|(_, words)| words.first().is_some_and(|word| !word.starts_with('#')))
}

/// Parses a number and converts it to nanoseconds.
fn number(word: &str, file: &HostFile, line: usize, accepted: &str) -> Result<f64, String> {
    let unit_ns = match file.unit {
        DelayUnit::Us => 1e3,
        DelayUnit::Ms => 1e6,
        DelayUnit::S => 1e9,
    };
    let number_ns = word.parse::<f64>().ok().map(|number| number * unit_ns);
    number_ns
        .filter(|number_ns| number_ns.is_finite())
        .ok_or_else(|| wrong(file, line, &format!("{word:?}"), accepted))
}

/// Parses a number from 0 and converts it to whole nanoseconds.
fn amount_ns(word: &str, file: &HostFile, line: usize, accepted: &str) -> Result<u64, String> {
    let amount = number(word, file, line, accepted)?;
    if amount < 0.0 {
        return Err(wrong(file, line, &format!("{word:?} is negative"), accepted));
    }
    Ok(amount.round() as u64)
}

fn wrong(HostFile { file, .. }: &HostFile, line: usize, found: &str, accepted: &str) -> String {
    format!("{file}:{line}: {found}: write {accepted}")
}

fn empty(HostFile { file, .. }: &HostFile, accepted: &str) -> String {
    format!("{file}: no host: write {accepted}")
}

/// The numbers from 0 to `count` in an order that `seed` draws.
fn dealt(count: usize, seed: u64) -> Vec<usize> {
    let mut rng = Rng::light(mix(seed ^ SALT));
    let mut hosts: Vec<usize> = (0..count).collect();
    for left in (1..count).rev() {
        hosts.swap(left, rng.below(left as u64 + 1) as usize);
    }
    hosts
}

/// Separates these numbers from others drawn from the same seed.
const SALT: u64 = 0x6465_616c;

/// The host of a node.
#[inline]
fn wrapped(node: u32, count: usize) -> usize {
    let node = node as usize;
    if node < count { node } else { node % count }
}

/// See [`Coordinates::least_ns`]. A typical delay is twice the mean delay from a host to the centre
/// of all hosts.
fn least_ns(hosts: &[Host]) -> u64 {
    let mean = |part: fn(&Host) -> f64| hosts.iter().map(part).sum::<f64>() / hosts.len() as f64;
    let centre = Host { x: mean(|host| host.x), y: mean(|host| host.y), height: 0.0 };
    let from_centre = hosts.iter().map(|host| host.delay_to_ns(&centre));
    let typical_ns = 2.0 * from_centre.sum::<f64>() / hosts.len() as f64;
    let lowest = hosts.iter().map(|host| host.height).fold(f64::INFINITY, f64::min);
    (2.0 * lowest).max(0.01 * typical_ns) as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::Reuse;

    const MS: u64 = 1_000_000;

    fn in_unit(unit: DelayUnit) -> HostFile {
        HostFile { file: "f.txt".to_owned(), unit, reuse: Reuse::Never }
    }

    #[test]
    fn a_matrix_gives_what_the_file_says() {
        let text = "# one way\n0 2.5 4\n\n  1 0\t7.000001\n# and back\n3e0 12 0.5";
        let expected = [[0.0, 2.5, 4.0], [1.0, 0.0, 7.000_001], [3.0, 12.0, 0.5]];
        for (unit, unit_ns) in [(DelayUnit::Us, 1e3), (DelayUnit::Ms, 1e6), (DelayUnit::S, 1e9)] {
            let matrix = Matrix::parse(text, &in_unit(unit)).expect("it is a matrix");
            assert_eq!(matrix.count(), 3);
            for (from, row) in (0..).zip(expected) {
                for (to, delay) in (0..).zip(row) {
                    let delay_ns = f64::round(delay * unit_ns) as u64;
                    assert_eq!(matrix.delay_ns(from, to), delay_ns);
                    assert_eq!(matrix.delay_ns(from + 3, to + 300), delay_ns, "hosts come again");
                }
            }
        }
    }

    #[test]
    fn the_least_delay_of_a_matrix_ignores_what_is_not_stated() {
        let least_ms = |text| {
            let matrix = Matrix::parse(text, &in_unit(DelayUnit::Ms)).expect("it is a matrix");
            matrix.least_ns() / MS
        };
        assert_eq!(least_ms("0 5\n3 0"), 3);
        assert_eq!(least_ms("2 5\n3 0"), 2);
        assert_eq!(least_ms("2 0\n3 1"), 0);
        assert_eq!(least_ms("4"), 4);
        assert_eq!(least_ms("0"), 0);
    }

    #[test]
    fn coordinates_are_read_in_every_form() {
        let text = "# hosts\n0 0\n3 4 1\n\n17 -3 -4 h 2.5\n";
        let hosts = Coordinates::parse(text, &in_unit(DelayUnit::Ms)).expect("these are hosts");
        assert_eq!(hosts.count(), 3);
        for (from, to, expected_ms) in [(0, 0, 0.0), (0, 1, 6.0), (0, 2, 7.5), (1, 2, 13.5)] {
            assert_eq!(hosts.delay_ns(from, to), (expected_ms * 1e6) as u64);
            assert_eq!(hosts.delay_ns(to + 3, from), hosts.delay_ns(from, to));
        }
        // Their centre is host 0: 0, 6 and 7.5 ms away.
        assert_eq!(hosts.least_ns(), (0.01 * 2.0 * 4.5e6) as u64);
        let high = Coordinates::parse("0 0 2\n1 0 3", &in_unit(DelayUnit::Ms)).expect("two hosts");
        assert_eq!(high.least_ns(), 4 * MS);
    }

    #[test]
    fn a_wrong_line_is_named_with_what_is_accepted() {
        let complains = |error: String, start: &str, accepted: &str| {
            assert!(error.starts_with(start) && error.ends_with(accepted), "{error}");
        };
        for (text, start) in [
            ("0 1\n\n# ok\n-1 0", "f.txt:4: \"-1\" is negative: write a square matrix"),
            ("0 1\n1 x", "f.txt:2: \"x\": write a square"),
            ("0 nan\n1 0", "f.txt:1: \"nan\": write a square"),
            ("0 1 2\n1 0 2\n1 0", "f.txt:3: 2 delays, where the first row has 3: write"),
            ("0 1 2\n1 0 2\n", "f.txt:2: only 2 rows of 3 delays: write a square matrix"),
            ("0 1\n1 0\n\n1 1", "f.txt:4: row 3 of a matrix with 2 columns: write"),
            ("# nothing\n", "f.txt: no host: write a square"),
        ] {
            let error = Matrix::parse(text, &in_unit(DelayUnit::Ms)).expect_err(text);
            complains(error, start, MATRIX);
        }
        for (text, start) in [
            ("0 1\n3", "f.txt:2: \"3\": write a line per host"),
            ("1 0 1 k 3", "f.txt:1: \"1 0 1 k 3\": write a line per host"),
            ("0 1\n0 inf", "f.txt:2: \"inf\": write"),
            ("0 1 -2", "f.txt:1: \"-2\" is negative: write"),
            ("0 y", "f.txt:1: \"y\": write"),
            ("", "f.txt: no host: write"),
        ] {
            let error = Coordinates::parse(text, &in_unit(DelayUnit::Ms)).expect_err(text);
            complains(error, start, COORDINATES);
        }
    }
}
