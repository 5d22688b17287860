//! Sections: tables of a scenario that belong together, with their keys, defaults and rules.
//!
//! Sections that every run has are fields of [`Scenario`]. A section of a system is stored here
//! without its type, so that `scenario` knows no system; [`Scenario::section`] gives it back typed.
//!
//! **Invariant:** a scenario holds the section of every registered system, whichever is chosen.

use core::any::Any;
use core::fmt::Debug;

use serde::de::DeserializeOwned;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use toml::Value;

use super::key::Key;
use super::tree::dotted;
use super::{Impossible, Scenario};

/// A table of the scenario, such as the parameters of one system.
///
/// ```
/// use hopwise_harness::Scenario;
/// use hopwise_harness::scenario::{Impossible, Key, Section, require};
/// use serde::{Deserialize, Serialize};
///
/// /// The parameters of grid nodes.
/// #[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
/// #[serde(default, deny_unknown_fields)]
/// struct Grid {
///     columns: u32,
/// }
///
/// impl Default for Grid {
///     fn default() -> Grid {
///         Grid { columns: 16 }
///     }
/// }
///
/// impl Section for Grid {
///     const NAME: &'static str = "grid";
///     const KEYS: &'static [Key] = &[
///         Key::table("grid", "Nodes on a grid."),
///         Key::integer("grid.columns", "a whole number from 1 to 256", "Nodes in a row."),
///     ];
///
///     fn check(&self, _all: &Scenario) -> Result<(), Impossible> {
///         require((1..=256).contains(&self.columns), "grid.columns")
///     }
/// }
/// ```
pub trait Section:
    Serialize + DeserializeOwned + Clone + PartialEq + Debug + Default + Send + Sync + 'static
{
    /// Its name: the table in TOML. Empty for `()`, the section of a system that has no keys.
    const NAME: &'static str;

    /// Its keys in the order of its fields: first the table itself, then those in it.
    const KEYS: &'static [Key];

    /// Groups of its keys of which at most one may be written.
    const ALTERNATIVES: &'static [&'static [&'static str]] = &[];

    /// Checks its values, alone and together with the rest of the scenario. A section of a system is
    /// checked only if that system is to run.
    ///
    /// # Errors
    ///
    /// The first invalid value.
    fn check(&self, all: &Scenario) -> Result<(), Impossible>;
}

/// The section of a system that has no keys.
impl Section for () {
    const NAME: &'static str = "";
    const KEYS: &'static [Key] = &[];

    fn check(&self, _all: &Scenario) -> Result<(), Impossible> {
        Ok(())
    }
}

/// A [`Section`] as a value, for reading and explaining scenarios.
#[derive(Clone, Copy, Debug)]
pub struct SectionType {
    pub(super) name: &'static str,
    pub(super) keys: &'static [Key],
    pub(super) alternatives: &'static [&'static [&'static str]],
    pub(super) default: fn() -> Box<dyn AnySection>,
    pub(super) read: fn(Value) -> Result<Box<dyn AnySection>, WrongType>,
}

impl SectionType {
    /// Creates the [`SectionType`] of `S`.
    #[must_use]
    pub const fn of<S: Section>() -> SectionType {
        SectionType {
            name: S::NAME,
            keys: S::KEYS,
            alternatives: S::ALTERNATIVES,
            default: || Box::new(S::default()),
            read: |value| Ok(Box::new(read::<S>(value)?)),
        }
    }
}

/// A value of the wrong type.
#[derive(Debug)]
pub(super) struct WrongType {
    /// Its dotted path within the value that was read.
    pub(super) path: String,
    pub(super) message: String,
}

/// Reads a typed value.
pub(super) fn read<T: DeserializeOwned>(value: Value) -> Result<T, WrongType> {
    serde_path_to_error::deserialize(value).map_err(|error| {
        let message = error.inner().message().to_owned();
        WrongType { path: dotted(error.path()), message }
    })
}

/// A section without its type.
pub(super) trait AnySection: Any + Debug + Send + Sync + erased_serde::Serialize {
    fn boxed_clone(&self) -> Box<dyn AnySection>;
    fn is_equal(&self, other: &dyn AnySection) -> bool;
    fn check(&self, all: &Scenario) -> Result<(), Impossible>;
}

erased_serde::serialize_trait_object!(AnySection);

impl<S: Section> AnySection for S {
    fn boxed_clone(&self) -> Box<dyn AnySection> {
        Box::new(self.clone())
    }

    fn is_equal(&self, other: &dyn AnySection) -> bool {
        let other: &dyn Any = other;
        other.downcast_ref::<S>() == Some(self)
    }

    fn check(&self, all: &Scenario) -> Result<(), Impossible> {
        Section::check(self, all)
    }
}

/// The sections of systems, by name, in the order in which their systems are registered;
/// [`Scenario::section`] gives them their types.
#[derive(Debug, Default)]
pub struct Sections(Vec<(&'static str, Box<dyn AnySection>)>);

impl Sections {
    /// Inserts the section of this name, or replaces it.
    pub(super) fn put(&mut self, name: &'static str, section: Box<dyn AnySection>) {
        match self.0.iter_mut().find(|(other, _)| *other == name) {
            Some((_, place)) => *place = section,
            None => self.0.push((name, section)),
        }
    }

    pub(super) fn named(&self, name: &str) -> Option<&dyn AnySection> {
        self.0.iter().find(|(other, _)| *other == name).map(|(_, section)| &**section)
    }

    fn of<S: Section>(&self) -> Option<&S> {
        let section: &dyn Any = self.named(S::NAME)?;
        section.downcast_ref()
    }

    fn of_mut<S: Section>(&mut self) -> Option<&mut S> {
        let section = self.0.iter_mut().find(|(name, _)| *name == S::NAME)?;
        let section: &mut dyn Any = &mut *section.1;
        section.downcast_mut()
    }
}

impl Clone for Sections {
    fn clone(&self) -> Sections {
        Sections(self.0.iter().map(|(name, section)| (*name, section.boxed_clone())).collect())
    }
}

impl PartialEq for Sections {
    fn eq(&self, other: &Sections) -> bool {
        let is_equal = |(name, section): &(&'static str, Box<dyn AnySection>)| {
            other.named(name).is_some_and(|other| section.is_equal(other))
        };
        self.0.len() == other.0.len() && self.0.iter().all(is_equal)
    }
}

impl Serialize for Sections {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut map = to.serialize_map(Some(self.0.len()))?;
        self.0.iter().try_for_each(|(name, section)| map.serialize_entry(name, section))?;
        map.end()
    }
}

impl Scenario {
    /// The section of a system.
    ///
    /// # Panics
    ///
    /// If no registered system has this section.
    #[must_use]
    pub fn section<S: Section>(&self) -> &S {
        self.sections.of().unwrap_or_else(|| unregistered::<S>())
    }

    /// The section of a system, to be changed. Nothing checks what is written into it.
    ///
    /// # Panics
    ///
    /// If no registered system has this section.
    #[must_use]
    pub fn section_mut<S: Section>(&mut self) -> &mut S {
        self.sections.of_mut().unwrap_or_else(|| unregistered::<S>())
    }
}

fn unregistered<S: Section>() -> ! {
    panic!("no registered system has a section [{}]", S::NAME)
}
