//! Named scenarios: TOML text that comes with a program.
//!
//! **Invariant:** the first line of each is a comment that says what it is for.

/// A scenario that comes with a program.
#[derive(Clone, Copy, Debug)]
pub struct Named {
    /// What to write to run it.
    pub name: &'static str,
    /// Its TOML text.
    pub source: &'static str,
}

impl Named {
    /// What it is for, in one line: the first comment of the text.
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

/// Those that come with Hopwise, in the order they are listed.
pub const BUILT_IN: [Named; 31] = named![
    "default",
    "steady",
    "churn-light",
    "churn-heavy",
    "crash-fifth",
    "crash-half",
    "flash-crowd",
    "partition",
    "saturate",
    "overload",
    "overload-per-node",
    "paths",
    "failures",
    "stabilization",
    "million",
    "dht-comparison",
    "check",
    "swarm",
    "malicious",
    "napster",
    "gnutella",
    "compare",
    "compare-storage",
    "store-churn",
    "store-crash",
    "ycsb-a",
    "ycsb-b",
    "ycsb-c",
    "ycsb-d",
    "ycsb-e",
    "ycsb-f",
];
