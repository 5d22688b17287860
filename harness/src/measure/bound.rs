//! What a value must be, as people write it after its name: `<50ms`, `>=99.9%`.
//!
//! **Invariant:** a bound is judged in the unit of its figure.

use std::fmt;

use crate::measure::outcome::Unit;
use crate::measure::quantity::Quantity;

/// A bound on a value.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Bound {
    relation: Relation,
    pub(crate) quantity: Quantity,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Relation {
    AtMost,
    AtLeast,
    Below,
    Above,
    Equal,
}

/// Those of two characters come first.
const RELATIONS: [(&str, Relation); 6] = [
    ("<=", Relation::AtMost),
    (">=", Relation::AtLeast),
    ("==", Relation::Equal),
    ("<", Relation::Below),
    (">", Relation::Above),
    ("=", Relation::Equal),
];

impl Bound {
    /// Splits `NAME<VALUE` into the name and the bound as text; `None` if there is no relation.
    pub(crate) fn split(text: &str) -> Option<(&str, &str)> {
        let (name, bound) = text.split_at(text.find(['<', '>', '='])?);
        Some((name.trim(), bound))
    }

    /// Reads a bound, which begins with its relation, on a value that is measured in `unit`.
    ///
    /// # Errors
    ///
    /// What is accepted, if it is something else.
    pub(crate) fn parse(text: &str, unit: Unit) -> Result<Bound, String> {
        let begins = RELATIONS.into_iter().find(|(sign, _)| text.starts_with(sign));
        let (sign, relation) =
            begins.ok_or_else(|| format!("{text:?} is not accepted: write <, >, <=, >= or ="))?;
        let quantity = Quantity::parse(&text[sign.len()..], unit)?;
        Ok(Bound { relation, quantity })
    }

    /// Whether `value` is within the bound.
    pub(crate) fn holds(&self, value: f64) -> bool {
        let bound = self.quantity.value;
        match self.relation {
            Relation::AtMost => value <= bound,
            Relation::AtLeast => value >= bound,
            Relation::Below => value < bound,
            Relation::Above => value > bound,
            Relation::Equal => value == bound,
        }
    }
}

/// `at most 50 ms`
impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = match self.relation {
            Relation::AtMost => "at most ",
            Relation::AtLeast => "at least ",
            Relation::Below => "less than ",
            Relation::Above => "more than ",
            Relation::Equal => "",
        };
        write!(f, "{word}{}", self.quantity)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_read_judged_and_written() {
        for (text, held, broken, written) in [
            ("<50ms", 0.049, 0.05, "less than 50 ms"),
            ("<= 50ms", 0.05, 0.051, "at most 50 ms"),
            (">50ms", 0.051, 0.05, "more than 50 ms"),
            (">=50ms", 0.05, 0.049, "at least 50 ms"),
            ("==50ms", 0.05, 0.051, "50 ms"),
            ("=50ms", 0.05, 0.049, "50 ms"),
        ] {
            let bound = Bound::parse(text, Unit::Seconds).expect(text);
            assert!(bound.holds(held) && !bound.holds(broken), "{text}");
            assert_eq!(bound.to_string(), written);
        }
        assert!(Bound::parse("50ms", Unit::Seconds).is_err());
        assert_eq!(Bound::split("p99 <= 50ms"), Some(("p99", "<= 50ms")));
        assert_eq!(Bound::split("p99"), None);
    }
}
