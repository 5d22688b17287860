//! The schema of scenarios: all systems, all keys and the named scenarios.
//!
//! **Invariant:** a schema is passed as an argument; there is no global schema.

use std::borrow::Cow;

use super::impossible::{Verdict, require_that};
use super::key::{Key, last, listed, quoted};
use super::named::Named;
use super::section::SectionType;
use super::shortened::comparable;
use super::tree::{ends_in, index_of, without_indices, words};
use super::{
    Churn, Engine, Expect, GENERAL_KEYS, Items, Network, Phases, Scenario, Section, Store, Subject,
    Udp, Workload, fault, profile,
};

/// The description of a system for scenarios.
#[derive(Clone, Copy, Debug)]
pub struct SystemSchema {
    /// Its name: the value of `system`.
    pub name: &'static str,
    /// Its section.
    pub section: SectionType,
    /// The name of its workload. `items`: lookups ask for the items of the section `[items]`. `values`:
    /// they read and write the values of the section `[store]`. Systems may share a name if their
    /// [subjects](SystemSchema::subject) differ.
    pub workload: &'static str,
    /// Whether one of its nodes serves all others and shares no items.
    pub has_server: bool,
    /// Whether its invariant can be checked.
    pub has_checker: bool,
    /// Whether its nodes can be malicious.
    pub can_lie: bool,
}

impl SystemSchema {
    /// A system without anything special, for tests.
    #[cfg(test)]
    pub(crate) fn plain(
        name: &'static str,
        section: SectionType,
        workload: &'static str,
    ) -> SystemSchema {
        let (has_server, has_checker, can_lie) = (false, false, false);
        SystemSchema { name, section, workload, has_server, has_checker, can_lie }
    }

    /// What its nodes are asked for.
    #[must_use]
    pub fn subject(&self) -> Subject {
        Subject::of_workload(self.workload)
    }
}

/// All systems, sections and named scenarios.
#[derive(Clone, Debug)]
pub struct Schema {
    systems: Vec<SystemSchema>,
    /// The sections of the systems, each once.
    sections: Vec<SectionType>,
    named: Vec<Named>,
    default_system: &'static str,
}

/// The sections that every scenario has, before those of systems.
const BEFORE: &[SectionType] = &[SectionType::of::<Udp>()];
/// The sections that every scenario has, after those of systems.
const AFTER: &[SectionType] = &[
    SectionType::of::<Items>(),
    SectionType::of::<Store>(),
    SectionType::of::<Network>(),
    SectionType::of::<Churn>(),
    SectionType::of::<Workload>(),
    SectionType::of::<Phases>(),
    SectionType::of::<Expect>(),
];

impl Schema {
    /// Creates the schema of these systems and named scenarios. `default_system` runs if a scenario
    /// names no system. If two scenarios have the same name, the first one counts.
    ///
    /// # Panics
    ///
    /// If two systems, sections or shared keys have the same name, or if the default system is none
    /// of them.
    #[must_use]
    pub fn new(
        systems: Vec<SystemSchema>,
        named: Vec<Named>,
        default_system: &'static str,
    ) -> Schema {
        let mut sections: Vec<SectionType> = Vec::new();
        for (index, system) in systems.iter().enumerate() {
            let is_same = |other: &SystemSchema| {
                (other.name, other.subject()) == (system.name, system.subject())
            };
            assert!(!systems[..index].iter().any(is_same), "two systems are named {}", system.name);
            let section = system.section;
            match sections.iter().find(|other| other.name == section.name) {
                _ if section.name.is_empty() => {}
                Some(other) => assert!(
                    core::ptr::eq(other.keys, section.keys),
                    "two sections are named [{}]",
                    section.name
                ),
                None => sections.push(section),
            }
        }
        let schema = Schema { systems, sections, named, default_system };
        for section in &schema.sections {
            assert_consistent(section);
            let is_taken = |key: &Key| key.path == section.name;
            let count = schema.keys().filter(|key| is_taken(key)).count();
            assert!(count == 1, "another key has the name [{}]", section.name);
        }
        assert!(schema.has_system(default_system), "there is no system {default_system}");
        schema
    }

    /// The scenario in which every key has its default.
    #[must_use]
    pub fn default_scenario(&self) -> Scenario {
        let mut scenario = Scenario::general(self.default_system);
        for section in &self.sections {
            scenario.sections.put(section.name, (section.default)());
        }
        scenario.set_subject(self.first_subject(&scenario.system));
        scenario
    }

    /// The system that `scenario` runs.
    ///
    /// # Panics
    ///
    /// If the scenario was made by another schema.
    #[must_use]
    pub fn system(&self, scenario: &Scenario) -> &SystemSchema {
        let wanted = (scenario.system.as_str(), scenario.subject());
        let is_it = |system: &&SystemSchema| (system.name, system.subject()) == wanted;
        self.systems.iter().find(is_it).expect("a loaded scenario names a system of its schema")
    }

    /// The names of all systems, each once.
    #[must_use]
    pub fn system_names(&self) -> Vec<&'static str> {
        let mut names = Vec::new();
        for system in &self.systems {
            if !names.contains(&system.name) {
                names.push(system.name);
            }
        }
        names
    }

    /// Whether there is a system of this name whose questions are about `subject`.
    #[must_use]
    pub fn knows(&self, system: &str, subject: Subject) -> bool {
        self.systems.iter().any(|it| (it.name, it.subject()) == (system, subject))
    }

    /// The subject of the questions to the system of this name if the scenario does not say.
    pub(super) fn first_subject(&self, system: &str) -> Subject {
        let known = Subject::ALL.into_iter().find(|&subject| self.knows(system, subject));
        known.unwrap_or(Subject::Keys)
    }

    /// Whether there is a system of this name.
    #[must_use]
    pub fn has_system(&self, name: &str) -> bool {
        self.systems.iter().any(|system| system.name == name)
    }

    /// The named scenarios, in listing order. If several have the same name, only the first.
    pub fn named(&self) -> impl Iterator<Item = &Named> {
        let is_first = |(index, named): &(usize, &Named)| {
            !self.named[..*index].iter().any(|other| other.name == named.name)
        };
        self.named.iter().enumerate().filter(is_first).map(|(_, named)| named)
    }

    /// The scenario of that name; if there is none, the only one of that name in any case.
    #[must_use]
    pub fn find_named(&self, name: &str) -> Option<&Named> {
        let exact = self.named.iter().find(|scenario| scenario.name == name);
        exact.or_else(|| {
            let is_it = |scenario: &&Named| scenario.name.eq_ignore_ascii_case(name);
            only(self.named().filter(is_it))
        })
    }

    /// All keys, tables included, in the order in which a scenario is written.
    pub fn keys(&self) -> impl Iterator<Item = &'static Key> {
        let sections = self.all_sections().flat_map(|section| section.keys);
        GENERAL_KEYS.iter().chain(sections).chain(fault::KEYS)
    }

    /// The key at a dotted path without indices.
    #[must_use]
    pub fn find_key(&self, path: &str) -> Option<&'static Key> {
        self.keys().find(|key| key.path == path)
    }

    /// The path that the user means by `written`: itself if it is a key, or else the only key that is
    /// written like it in another case. Indices stay. If there is none, `written`.
    #[must_use]
    pub fn meant<'w>(&self, written: &'w str) -> Cow<'w, str> {
        let path = without_indices(written);
        if self.find_key(&path).is_some() {
            return written.into();
        }
        let found = only(self.keys().filter(|key| key.path.eq_ignore_ascii_case(&path)));
        found.map_or(written.into(), |key| {
            let mut names = words(key.path);
            let is_index = |word: &str| index_of(word).is_some();
            let word = |word| if is_index(word) { word } else { names.next().unwrap_or(word) };
            words(written).map(word).collect::<Vec<_>>().join(".").into()
        })
    }

    /// The known key that is most similar to `path`. Compares whole paths and last words. A key
    /// that ends in `path` wins.
    #[must_use]
    pub fn nearest_key(&self, path: &str) -> &'static str {
        let path = &*comparable(path);
        let likeness = |key: &Key| {
            let whole = strsim::normalized_damerau_levenshtein(path, key.path);
            let word = strsim::normalized_damerau_levenshtein(last(path), key.name());
            if ends_in(key.path, path) { 1.0 } else { whole.max(0.9 * word) }
        };
        self.keys().max_by(|a, b| likeness(a).total_cmp(&likeness(b))).map_or("", |key| key.path)
    }

    /// What may be written at `key`, to follow "write".
    #[must_use]
    pub fn accepted(&self, key: &Key) -> Cow<'static, str> {
        match key.path {
            "system" => quoted(&self.system_names()).into(),
            "check" => {
                let checked = self.systems.iter().filter(|system| system.has_checker);
                let mut names: Vec<&str> = checked.map(|system| system.name).collect();
                names.dedup();
                let systems = listed(names.iter().map(|name| format!("system = {name:?}")));
                format!("true (only with {systems} and engine = \"sim\") or false").into()
            }
            _ => key.accepted(),
        }
    }

    /// The keys that exclude the key at `path`.
    pub(super) fn alternatives_of(&self, path: &str) -> impl Iterator<Item = &'static str> {
        let groups = self.all_sections().flat_map(|section| section.alternatives);
        let groups = groups.chain(fault::ALTERNATIVES).filter(|group| group.contains(&path));
        let others: Vec<&str> = groups.flat_map(|group| group.iter().copied()).collect();
        others.into_iter().filter(move |other| *other != path)
    }

    /// The section of a system, by its name.
    pub(super) fn system_section(&self, name: &str) -> Option<&SectionType> {
        self.sections.iter().find(|section| section.name == name)
    }

    /// Finds the first impossible value.
    pub(super) fn check(&self, scenario: &Scenario) -> Verdict {
        let system = self.system(scenario);
        scenario.check_general()?;
        require_that(!system.has_server || scenario.nodes >= 2, "nodes", || {
            "a whole number from 2 to 16777216: the server and at least one node that asks it"
                .to_owned()
        })?;
        let can_be_checked = scenario.engine == Engine::Sim && system.has_checker;
        require_that(can_be_checked || scenario.check != Some(true), "check", || {
            self.find_key("check").map_or_else(String::new, |key| self.accepted(key).into_owned())
        })?;
        scenario.udp.check(scenario)?;
        if let Some(section) = scenario.sections.named(system.section.name) {
            section.check(scenario)?;
        }
        if let Some(items) = &scenario.items {
            items.check_replicas(scenario.nodes, system.has_server)?;
            items.check(scenario)?;
        }
        if let Some(store) = &scenario.store {
            store.check(scenario)?;
        }
        scenario.network.check(scenario)?;
        scenario.churn.check(scenario)?;
        scenario.workload.check(scenario)?;
        profile::check(scenario)?;
        scenario.phases.check(scenario)?;
        scenario.expect.check(scenario)?;
        fault::check(scenario, system.has_server, system.can_lie)
    }

    fn all_sections(&self) -> impl Iterator<Item = &SectionType> {
        BEFORE.iter().chain(&self.sections).chain(AFTER)
    }
}

/// The only item; `None` if there are none or several.
fn only<T>(mut items: impl Iterator<Item = T>) -> Option<T> {
    items.next().filter(|_| items.next().is_none())
}

/// Requires that the keys of a section are below it.
fn assert_consistent(section: &SectionType) {
    let name = section.name;
    assert!(
        section.keys.first().is_some_and(|key| key.path == name),
        "[{name}] lacks its first key"
    );
    for key in &section.keys[1..] {
        let is_below = key.path.strip_prefix(name).is_some_and(|rest| rest.starts_with('.'));
        assert!(is_below, "{} is not in the section [{name}]", key.path);
    }
}
