//! The named scenarios, embedded in the binary.
//!
//! **Invariant:** the first line of each file is a comment that says what it is for.

/// A scenario that comes with the binary.
#[derive(Clone, Copy, Debug)]
pub struct Named {
    /// What to write to run it.
    pub name: &'static str,
    /// Its TOML text.
    pub source: &'static str,
}

impl Named {
    /// What it is for, in one line: the file's first comment.
    #[must_use]
    pub fn description(&self) -> &'static str {
        self.source.lines().next().unwrap_or_default().trim_start_matches('#').trim()
    }
}

macro_rules! named {
    ($($name:literal),* $(,)?) => {
        [$(Named { name: $name, source: include_str!(concat!("../../scenarios/", $name, ".toml")) }),*]
    };
}

/// All of them, in the order they are listed.
pub const SCENARIOS: [Named; 17] = named![
    "default",
    "steady",
    "churn-light",
    "churn-heavy",
    "crash-fifth",
    "crash-half",
    "flash-crowd",
    "saturate",
    "paths",
    "failures",
    "stabilization",
    "million",
    "dht-comparison",
    "check",
    "napster",
    "gnutella",
    "compare",
];

/// The scenario of that name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Named> {
    SCENARIOS.iter().find(|scenario| scenario.name == name)
}

/// The name most like `name`.
#[must_use]
pub fn nearest(name: &str) -> &'static str {
    let likeness = |scenario: &&Named| strsim::jaro_winkler(name, scenario.name);
    SCENARIOS
        .iter()
        .max_by(|a, b| likeness(a).total_cmp(&likeness(b)))
        .map_or("", |scenario| scenario.name)
}
