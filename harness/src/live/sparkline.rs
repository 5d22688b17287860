//! A line of small bars: how a figure changed lately.
//!
//! **Invariant:** takes constant memory.

use std::collections::VecDeque;
use std::fmt;

/// The bars, from the lowest to the highest.
const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// The last values of a figure. Displays as one bar each, as high as its share of the highest.
#[derive(Clone, Debug)]
pub(super) struct Sparkline {
    values: VecDeque<f64>,
    most: usize,
}

impl Sparkline {
    /// A line of at most `most` bars.
    pub(super) fn new(most: usize) -> Sparkline {
        Sparkline { values: VecDeque::with_capacity(most), most }
    }

    /// Adds a value, which pushes out the oldest one if there is no room.
    pub(super) fn push(&mut self, value: f64) {
        if self.values.len() == self.most {
            self.values.pop_front();
        }
        self.values.push_back(value);
    }
}

impl fmt::Display for Sparkline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let highest = self.values.iter().copied().fold(0.0, f64::max);
        let bar = |value: f64| match highest > 0.0 {
            true => BARS[(value / highest * (BARS.len() - 1) as f64).round() as usize],
            false => BARS[0],
        };
        write!(f, "{}", self.values.iter().map(|&value| bar(value)).collect::<String>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_are_shares_of_the_highest_of_the_last_values() {
        let mut line = Sparkline::new(4);
        assert_eq!(line.to_string(), "");
        line.push(0.0);
        assert_eq!(line.to_string(), "▁");
        [100.0, 7.0, 0.0, 3.5, 1.0].into_iter().for_each(|value| line.push(value));
        assert_eq!(line.to_string(), "█▁▅▂");
    }
}
