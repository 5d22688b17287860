//! What a scenario asks its nodes for: it decides between systems of one name.
//!
//! **Invariant:** a scenario has one subject.

use super::{Items, Scenario, Section, Store};

/// What lookups ask for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Subject {
    /// The owners of keys, or what else a system answers without a section of the scenario.
    Keys,
    /// The items of the section `[items]`.
    Items,
    /// The values of the section `[store]`.
    Values,
}

impl Subject {
    /// All subjects. For a system that knows several, the first one is the default.
    pub const ALL: [Subject; 3] = [Subject::Keys, Subject::Items, Subject::Values];

    /// The subject of a workload of this name.
    #[must_use]
    pub fn of_workload(name: &str) -> Subject {
        match name {
            "items" => Subject::Items,
            "values" => Subject::Values,
            _ => Subject::Keys,
        }
    }

    /// The name of the section that it needs; `None`: it needs none.
    #[must_use]
    pub const fn section(self) -> Option<&'static str> {
        match self {
            Subject::Keys => None,
            Subject::Items => Some(Items::NAME),
            Subject::Values => Some(Store::NAME),
        }
    }
}

impl Scenario {
    /// What its lookups ask for.
    #[must_use]
    pub const fn subject(&self) -> Subject {
        match (&self.store, &self.items) {
            (Some(_), _) => Subject::Values,
            (None, Some(_)) => Subject::Items,
            (None, None) => Subject::Keys,
        }
    }

    /// Makes `subject` that of the scenario: drops the sections of the others, and adds its own if that
    /// is missing.
    pub fn set_subject(&mut self, subject: Subject) {
        if subject != Subject::Items {
            self.items = None;
        } else if self.items.is_none() {
            self.items = Some(Items::default());
        }
        if subject != Subject::Values {
            self.store = None;
        } else if self.store.is_none() {
            self.store = Some(Store::default());
        }
    }
}
