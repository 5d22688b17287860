//! Capacity planning: which parameters a system needs for a given load, and what they cost.
//!
//! ```text
//!   Conditions ─▶ Model ─▶ Axes × Evaluate ─▶ Grid ─▶ Pareto points ─▶ Choice
//!   (what is given)         (of one system)          Demands ─────────────┘
//! ```
//!
//! A system that can be planned gives a [`Model`]: the parameters that may vary, and an [`Estimate`] for each
//! combination. Everything else here knows no system.
//!
//! **Invariant:** nothing is run here; the same conditions give the same estimates.

pub mod arguments;
pub mod choice;
pub mod conditions;
pub mod demands;
pub mod grid;
pub mod model;
pub mod pareto;
pub mod paths;
pub mod sessions;

pub use self::choice::{Choice, Obstacle, Reason, Step, choose, steps};
pub use self::conditions::Conditions;
pub use self::demands::{Demand, Demands};
pub use self::grid::{Candidate, Correction, Grid};
pub use self::model::{Axis, Estimate, Evaluate, Model, Upkeep, Value};
pub use self::paths::Paths;
pub use self::sessions::Sessions;
