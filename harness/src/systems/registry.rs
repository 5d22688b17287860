//! The registry: the systems that a program can run, found by name.
//!
//! **Invariant:** a registry is a value that is handed down; there is no global one.

use std::fmt::Debug;
use std::marker::PhantomData;
use std::sync::atomic::AtomicU32;

use crate::engine;
use crate::live::Progress;
use crate::measure::growth::{Figure, Law};
use crate::measure::{EngineError, Measured, Observers};
use crate::plan::Model;
use crate::plug::{Checker, System};
use crate::scenario::{
    self, Named, Scenario, ScenarioError, Schema, SectionType, Subject, SystemSchema,
};
use crate::workload::Workload;

/// A [`System`] without its type: what a registry holds. Implemented by [`Registered`].
pub trait AnySystem: Debug + Send + Sync {
    /// What a scenario must know of it.
    fn schema(&self) -> SystemSchema;

    /// How its figures are expected to grow: [`System::GROWTH`].
    fn growth(&self) -> &'static [(Figure, Law)];

    /// The model of its figures, if it can be planned: [`System::model`].
    fn model(&self) -> Option<&'static dyn Model>;

    /// Runs a scenario with its nodes; see [`Registry::run`].
    ///
    /// # Errors
    ///
    /// As [`Registry::run`].
    fn run(
        &self,
        scenario: &Scenario,
        interrupts: &AtomicU32,
        progress: &Progress,
        observers: Observers<'_>,
    ) -> Result<Measured, EngineError>;
}

/// The system `S` as a value of a registry. [`systems!`](macro@crate::systems) makes a list of
/// these.
#[derive(Debug)]
pub struct Registered<S>(PhantomData<fn() -> S>);

impl<S: System> Registered<S> {
    /// The value.
    pub const ANY: &'static dyn AnySystem = &Registered::<S>(PhantomData);
}

impl<S: System> AnySystem for Registered<S> {
    fn schema(&self) -> SystemSchema {
        SystemSchema {
            name: S::NAME,
            section: SectionType::of::<S::Section>(),
            workload: S::Workload::NAME,
            has_server: S::HAS_SERVER,
            has_checker: S::Checker::EXISTS,
            can_lie: S::CAN_LIE,
        }
    }

    fn growth(&self) -> &'static [(Figure, Law)] {
        S::GROWTH
    }

    fn model(&self) -> Option<&'static dyn Model> {
        S::model()
    }

    fn run(
        &self,
        scenario: &Scenario,
        interrupts: &AtomicU32,
        progress: &Progress,
        observers: Observers<'_>,
    ) -> Result<Measured, EngineError> {
        engine::run::<S>(scenario, interrupts, progress, observers)
    }
}

/// A list of systems for [`Registry::with`], from their types.
///
/// ```
/// use hopwise_harness::systems::{Registry, RingSystem, Directory};
///
/// let registry = Registry::new(&[hopwise_harness::systems![RingSystem, Directory<RingSystem>]], &[]);
/// assert_eq!(registry.schema().system_names(), ["ring"]);
/// ```
#[macro_export]
macro_rules! systems {
    ($($system:ty),* $(,)?) => { &[$($crate::systems::Registered::<$system>::ANY),*] };
}

/// The systems that a program can run, and the scenarios that come with it.
#[derive(Clone, Debug)]
pub struct Registry {
    systems: Vec<&'static dyn AnySystem>,
    schema: Schema,
}

impl Registry {
    /// The systems and scenarios that come with Hopwise.
    #[must_use]
    pub fn built_in() -> Registry {
        Registry::new(&[super::BUILT_IN], &[&scenario::BUILT_IN])
    }

    /// The systems and scenarios that come with Hopwise, and these. The first of `systems` runs
    /// where a scenario names none. A scenario with the name of a built-in one replaces it.
    ///
    /// # Panics
    ///
    /// If a system or its section has a name that is taken.
    #[must_use]
    pub fn with(systems: &[&'static dyn AnySystem], scenarios: &[Named]) -> Registry {
        Registry::new(&[systems, super::BUILT_IN], &[scenarios, &scenario::BUILT_IN])
    }

    /// These systems, of which the first is the default, and these scenarios.
    ///
    /// # Panics
    ///
    /// If a system or its section has a name that is taken, or if there is no system.
    #[must_use]
    pub fn new(systems: &[&[&'static dyn AnySystem]], scenarios: &[&[Named]]) -> Registry {
        let systems = systems.concat();
        let schemas: Vec<SystemSchema> = systems.iter().map(|system| system.schema()).collect();
        let default = schemas.first().expect("a registry has at least one system").name;
        let schema = Schema::new(schemas, scenarios.concat(), default);
        Registry { systems, schema }
    }

    /// What scenarios of these systems may say.
    #[must_use]
    pub fn schema(&self) -> &Schema {
        &self.schema
    }

    /// Loads a scenario: [`Schema::load`].
    ///
    /// # Errors
    ///
    /// As [`Schema::load`].
    pub fn load(
        &self,
        source: &str,
        overrides: &[(String, String)],
    ) -> Result<Scenario, ScenarioError> {
        self.schema.load(source, overrides)
    }

    /// Reads a scenario from TOML text: [`Schema::from_toml`].
    ///
    /// # Errors
    ///
    /// As [`Schema::load`].
    pub fn from_toml(
        &self,
        text: &str,
        name: &str,
        overrides: &[(String, String)],
    ) -> Result<Scenario, ScenarioError> {
        self.schema.from_toml(text, name, overrides)
    }

    /// The system that `scenario` runs.
    ///
    /// # Panics
    ///
    /// If the scenario was loaded by another registry, which had other systems.
    #[must_use]
    pub fn system(&self, scenario: &Scenario) -> &'static dyn AnySystem {
        let schema = self.schema.system(scenario);
        self.find(schema.name, schema.subject()).expect("its schema comes from the same systems")
    }

    /// The system of this name whose questions are about `subject`.
    #[must_use]
    pub fn find(&self, name: &str, subject: Subject) -> Option<&'static dyn AnySystem> {
        let is_it = |system: &&&'static dyn AnySystem| {
            let schema = system.schema();
            (schema.name, schema.subject()) == (name, subject)
        };
        self.systems.iter().find(is_it).copied()
    }

    /// Runs `scenario` with nodes of its system, in its engine, from start to end or until
    /// `interrupts` is no longer 0.
    ///
    /// # Errors
    ///
    /// Why it could not run; see [`EngineError`].
    pub fn run(
        &self,
        scenario: &Scenario,
        interrupts: &AtomicU32,
        progress: &Progress,
    ) -> Result<Measured, EngineError> {
        self.run_observed(scenario, interrupts, progress, Observers::default())
    }

    /// As [`run`](Registry::run), while `observers` look on.
    ///
    /// # Errors
    ///
    /// Why it could not run; see [`EngineError`].
    pub fn run_observed(
        &self,
        scenario: &Scenario,
        interrupts: &AtomicU32,
        progress: &Progress,
        observers: Observers<'_>,
    ) -> Result<Measured, EngineError> {
        self.system(scenario).run(scenario, interrupts, progress, observers)
    }
}
