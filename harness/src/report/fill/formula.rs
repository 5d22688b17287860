//! Arithmetic with columns: `hops_mean * p / (1 - p)`.
//!
//! **Invariant:** a formula is read from left to right once for each row; only parentheses nest, and their depth is
//! bounded.

use super::joined::Row;

/// Parentheses within each other, at most.
const DEPTH_MAX: usize = 16;

/// Whether `text` is the name of a column only.
pub(super) fn is_column(text: &str) -> bool {
    text.starts_with(|it: char| it.is_alphabetic() || it == '_') && text.chars().all(is_of_name)
}

/// The value of a formula in a row; `None` if a column that it needs is empty there.
///
/// # Errors
///
/// If it is no formula, if a column is not there, or if the value is no number.
pub(super) fn value(text: &str, row: Row<'_>) -> Result<Option<f64>, String> {
    let mut reader = Reader { text, rest: text, row };
    let value = reader.sum(0)?;
    if !reader.rest.is_empty() {
        return Err(reader.wrong());
    }
    match value {
        Some(number) if !number.is_finite() => Err(format!("{text} is no number {}", row.name())),
        value => Ok(value),
    }
}

fn is_of_name(letter: char) -> bool {
    letter.is_alphanumeric() || matches!(letter, '_' | '.')
}

struct Reader<'t> {
    text: &'t str,
    rest: &'t str,
    row: Row<'t>,
}

type Value = Result<Option<f64>, String>;

impl Reader<'_> {
    fn sum(&mut self, depth: usize) -> Value {
        let mut sum = self.product(depth)?;
        while let Some(sign) = self.take(&['+', '-', '−']) {
            let other = self.product(depth)?;
            sum = sum.zip(other).map(|(a, b)| if sign == '+' { a + b } else { a - b });
        }
        Ok(sum)
    }

    fn product(&mut self, depth: usize) -> Value {
        let mut product = self.factor(depth)?;
        while let Some(sign) = self.take(&['*', '/', '·', '÷']) {
            let other = self.factor(depth)?;
            let is_ratio = matches!(sign, '/' | '÷');
            product = product.zip(other).map(|(a, b)| if is_ratio { a / b } else { a * b });
        }
        Ok(product)
    }

    /// A number, a column, or a sum in parentheses.
    fn factor(&mut self, depth: usize) -> Value {
        if self.take(&['(']).is_some() {
            if depth == DEPTH_MAX {
                return Err(format!("more than {DEPTH_MAX} parentheses within each other"));
            }
            let sum = self.sum(depth + 1)?;
            return self.take(&[')']).map(|_| sum).ok_or_else(|| self.wrong());
        }
        let end = self.rest.find(|it| !is_of_name(it)).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        if is_column(word) {
            self.rest = rest.trim_start();
            return self.row.number(word);
        }
        let number = word.parse().map_err(|_| self.wrong())?;
        self.rest = rest.trim_start();
        Ok(Some(number))
    }

    /// Takes one of these letters, if it comes next.
    fn take(&mut self, letters: &[char]) -> Option<char> {
        let letter = self.rest.chars().next().filter(|it| letters.contains(it))?;
        self.rest = self.rest[letter.len_utf8()..].trim_start();
        Some(letter)
    }

    fn wrong(&self) -> String {
        let at =
            if self.rest.is_empty() { "its end".to_owned() } else { format!("{:?}", self.rest) };
        format!(
            "{} is no formula at {at}: write columns and numbers with + - * / and parentheses",
            self.text
        )
    }
}
