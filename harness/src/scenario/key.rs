//! The keys of a scenario: where each stands, what may be written there and what it means.
//!
//! Reading, error messages and `explain` all work from these entries, so that they agree.
//!
//! **Invariant:** a key has an entry if and only if some section has a field for it.

use std::borrow::Cow;
use std::time::Duration;

/// One key.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// Dotted, with the name of the section, without the index of a list: `fault.at`.
    pub path: &'static str,
    /// What type of value it takes.
    pub kind: Kind,
    /// What it sets.
    pub meaning: &'static str,
    /// The condition under which this key may be written, if there is one.
    pub detail_of: Option<Choice>,
    /// Which values are accepted, to follow "write", where the kind alone does not say.
    accepted: &'static str,
}

/// The type of a value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// A table of further keys.
    Table,
    /// A table of further keys, or this word instead.
    TableOr(&'static str),
    /// Any number of tables.
    Tables,
    /// One of these words.
    Word(&'static [&'static str]),
    /// Text.
    Text,
    /// The path of a file. One written in a scenario file is relative to that file.
    Path,
    /// `true` or `false`.
    Boolean,
    /// A whole number; `1e6` is one.
    Integer,
    /// Any number.
    Number,
    /// A list of numbers.
    Numbers,
    /// A number, or a multiple such as `"3x"`.
    Rate,
    /// A duration with its unit.
    Duration,
    /// A duration with its unit, or this word instead.
    DurationOr(&'static str),
}

/// The condition of a detail: the key beside it has one of these words.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Choice {
    /// The last word of the other key's path: `model`.
    pub name: &'static str,
    /// The words with which the detail may be written.
    pub words: &'static [&'static str],
}

/// What [`Key::duration`] accepts, unless the key is narrower.
pub const DURATION: &str = "a duration such as \"500ms\", \"30s\" or \"1h\"";
/// What a duration that cannot be zero accepts.
pub const DURATION_ABOVE_ZERO: &str = "a duration above zero such as \"500ms\", \"30s\" or \"1h\"";
/// What a period accepts: [`PERIOD_MIN`] or more.
pub const PERIOD: &str = "a duration, at least \"1ms\", such as \"500ms\", \"30s\" or \"1h\"";
/// What a period that can be off accepts: [`PERIOD_MIN`] or more.
pub const PERIOD_OR_OFF: &str =
    "\"off\" or a duration, at least \"1ms\", such as \"500ms\" or \"1s\"";
/// The shortest period. With a shorter one, nodes do nothing else.
pub const PERIOD_MIN: Duration = Duration::from_millis(1);
/// What a share accepts.
pub const SHARE: &str = "a number from 0 to 1";

impl Key {
    /// A key whose value is a table of further keys: a section, for one.
    #[must_use]
    pub const fn table(path: &'static str, meaning: &'static str) -> Key {
        Key::new(path, Kind::Table, "a table", meaning)
    }

    /// A key that takes one of `words`.
    #[must_use]
    pub const fn word(
        path: &'static str,
        words: &'static [&'static str],
        meaning: &'static str,
    ) -> Key {
        Key::new(path, Kind::Word(words), "", meaning)
    }

    /// A key that takes text: `accepted` says which.
    #[must_use]
    pub const fn text(path: &'static str, accepted: &'static str, meaning: &'static str) -> Key {
        Key::new(path, Kind::Text, accepted, meaning)
    }

    /// A key that takes the path of a file: `accepted` says of what.
    #[must_use]
    pub const fn path(path: &'static str, accepted: &'static str, meaning: &'static str) -> Key {
        Key::new(path, Kind::Path, accepted, meaning)
    }

    /// A key that takes `true` or `false`.
    #[must_use]
    pub const fn boolean(path: &'static str, meaning: &'static str) -> Key {
        Key::new(path, Kind::Boolean, "true or false", meaning)
    }

    /// A key that takes a whole number: `accepted` says which.
    #[must_use]
    pub const fn integer(path: &'static str, accepted: &'static str, meaning: &'static str) -> Key {
        Key::new(path, Kind::Integer, accepted, meaning)
    }

    /// A key that takes a number: `accepted` says which.
    #[must_use]
    pub const fn number(path: &'static str, accepted: &'static str, meaning: &'static str) -> Key {
        Key::new(path, Kind::Number, accepted, meaning)
    }

    /// A key that takes a number from 0 to 1.
    #[must_use]
    pub const fn share(path: &'static str, meaning: &'static str) -> Key {
        Key::number(path, SHARE, meaning)
    }

    /// A key that takes a duration: `accepted` says which; [`DURATION`] is any.
    #[must_use]
    pub const fn duration(
        path: &'static str,
        accepted: &'static str,
        meaning: &'static str,
    ) -> Key {
        Key::new(path, Kind::Duration, accepted, meaning)
    }

    /// A key of any kind: `accepted` says which values it takes.
    #[must_use]
    pub const fn new(
        path: &'static str,
        kind: Kind,
        accepted: &'static str,
        meaning: &'static str,
    ) -> Key {
        Key { path, kind, meaning, detail_of: None, accepted }
    }

    /// The same key as a detail: it may be written only while the key `name` beside it is one of
    /// `words`.
    #[must_use]
    pub const fn only_with(self, name: &'static str, words: &'static [&'static str]) -> Key {
        Key { detail_of: Some(Choice { name, words }), ..self }
    }

    /// What may be written, to follow "write".
    #[must_use]
    pub fn accepted(&self) -> Cow<'static, str> {
        match self.kind {
            Kind::Word(words) => quoted(words).into(),
            _ => self.accepted.into(),
        }
    }

    /// The last word of its path.
    #[must_use]
    pub fn name(&self) -> &'static str {
        last(self.path)
    }
}

/// The last word of a dotted path.
pub(super) fn last(path: &str) -> &str {
    path.rsplit('.').next().unwrap_or(path)
}

/// `"udp", "sim" or "both"`.
pub(crate) fn quoted(words: &[&str]) -> String {
    listed(words.iter().map(|word| format!("{word:?}")))
}

/// `one, two or three`.
pub(super) fn listed(words: impl IntoIterator<Item = String>) -> String {
    let mut words: Vec<String> = words.into_iter().collect();
    match (words.pop(), words.is_empty()) {
        (None, _) => String::new(),
        (Some(only), true) => only,
        (Some(last), false) => format!("{} or {last}", words.join(", ")),
    }
}
