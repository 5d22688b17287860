//! The runs of a sweep: the product of the varied values, in order.
//!
//! **Invariant:** every scenario of a plan is valid, and no two are equal.

use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;

use crate::commands::parallel_runs::runs_alone;
use crate::scenario::{Scenario, ScenarioError};

/// The most runs in one sweep. Each creates a folder.
pub const RUNS_MAX: u64 = 100_000;
/// The most repeats.
pub const REPEATS_MAX: u32 = RUNS_MAX as u32;

/// A key and its values, written `KEY=VALUE,VALUE,…`. A comma within brackets, braces or quotes is
/// part of a value.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Vary {
    /// The dotted key, as for `--set`.
    pub key: String,
    /// At least one value, each as for `--set`.
    pub values: Vec<String>,
}

impl FromStr for Vary {
    type Err = String;

    fn from_str(text: &str) -> Result<Vary, String> {
        let example = "write KEY=VALUE,VALUE,..., such as ring.successors=4,8,16";
        let (key, list) = text.split_once('=').ok_or(example)?;
        let (key, values) = (key.trim().to_owned(), split(list));
        if key.is_empty() {
            return Err(format!("the key is missing: {example}"));
        }
        if values.iter().any(|value| value.is_empty()) {
            return Err(format!("a value of {key} is missing: {example}"));
        }
        Ok(Vary { key, values: values.into_iter().map(str::to_owned).collect() })
    }
}

/// The keys and values of a point of the sweep, in the order in which they are varied.
pub type Parameters = Vec<(String, String)>;

/// All runs of a sweep, point by point.
#[derive(Clone, PartialEq, Debug)]
pub struct Plan {
    /// The combinations of values. The last key changes fastest.
    pub points: Vec<Parameters>,
    /// Runs per point.
    pub repeat: u32,
    /// The runs.
    pub runs: Vec<Planned>,
}

/// One run.
#[derive(Clone, PartialEq, Debug)]
pub struct Planned {
    /// Index of its point.
    pub point: usize,
    /// Its scenario.
    pub scenario: Scenario,
    /// What distinguishes it: `nodes=64, seed=1`.
    pub label: String,
}

impl Plan {
    /// Plans every combination of the values in `vary`, `repeat` times with consecutive seeds.
    /// `load` loads the scenario with some values (dotted key, value) set.
    ///
    /// # Errors
    ///
    /// If any of the runs is invalid; see [`PlanError`].
    pub fn new(
        load: impl Fn(&[(String, String)]) -> Result<Scenario, ScenarioError>,
        vary: &[Vary],
        repeat: u32,
    ) -> Result<Plan, PlanError> {
        for (index, Vary { key, .. }) in vary.iter().enumerate() {
            if vary[..index].iter().any(|other| other.key == *key) {
                return Err(PlanError::VariedTwice { key: key.clone() });
            }
        }
        let lengths = vary.iter().map(|vary| vary.values.len() as u64);
        let runs = lengths.fold(u64::from(repeat), u64::saturating_mul);
        if runs > RUNS_MAX {
            return Err(PlanError::TooMany { runs });
        }
        let points = product(vary);
        let mut runs = Vec::new();
        for (point, parameters) in points.iter().enumerate() {
            let load = |values: &[_]| {
                load(values).map_err(|error| PlanError::Impossible { at: label(values), error })
            };
            let first = load(parameters)?.seed;
            for seed in first..first + u64::from(repeat) {
                let seeded = with_seed(parameters, seed);
                let mut scenario = load(&seeded)?;
                // Runs that share the host use one core each unless the scenario says otherwise.
                if !runs_alone(&scenario) && scenario.threads == 0 {
                    scenario.threads = 1;
                }
                runs.push(Planned { point, scenario, label: label(&seeded) });
            }
        }
        refuse_duplicates(&runs)?;
        Ok(Plan { points, repeat, runs })
    }

    /// The name of the first run's scenario.
    pub(super) fn name(&self) -> &str {
        self.runs.first().map_or("", |run| &run.scenario.name)
    }
}

/// Why a sweep cannot be planned. Exit status 2.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum PlanError {
    /// A key is varied twice.
    VariedTwice {
        /// The key.
        key: String,
    },
    /// The product is larger than [`RUNS_MAX`].
    TooMany {
        /// The number of runs.
        runs: u64,
    },
    /// Two runs are equal.
    Duplicate {
        /// The values of one run.
        one: String,
        /// The values of the other run.
        other: String,
    },
    /// A run has an invalid scenario.
    Impossible {
        /// Its values.
        at: String,
        /// The error in its scenario.
        error: ScenarioError,
    },
}

impl fmt::Display for PlanError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PlanError::VariedTwice { key } => {
                write!(f, "{key} is varied twice: write all its values in one --vary {key}=...")
            }
            PlanError::TooMany { runs } => write!(
                f,
                "the product of all --vary and --repeat is {runs} runs: write at most {RUNS_MAX}"
            ),
            PlanError::Duplicate { one, other } => {
                write!(f, "({one}) and ({other}) are the same run: write one of them")
            }
            PlanError::Impossible { at, error } if at.is_empty() => error.fmt(f),
            PlanError::Impossible { at, error } => write!(f, "{error} (in the run {at})"),
        }
    }
}

impl std::error::Error for PlanError {}

/// Splits at commas that are not within brackets, braces or quotes, and trims the parts.
fn split(list: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut start, mut depth) = (0, 0_i32);
    let (mut quote, mut escaped) = (None, false);
    for (index, c) in list.char_indices() {
        match (quote, c) {
            // Only double quotes have escapes, as in TOML.
            (Some('"'), _) if escaped => escaped = false,
            (Some('"'), '\\') => escaped = true,
            (Some(open), _) if c == open => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'') => quote = Some(c),
            (None, '[' | '{') => depth += 1,
            (None, ']' | '}') => depth -= 1,
            (None, ',') if depth <= 0 => {
                parts.push(list[start..index].trim());
                start = index + 1;
            }
            (None, _) => {}
        }
    }
    parts.push(list[start..].trim());
    parts
}

fn product(vary: &[Vary]) -> Vec<Parameters> {
    vary.iter().fold(vec![Parameters::new()], |points, Vary { key, values }| {
        let with_each = |point: Parameters| {
            values.iter().map(move |value| {
                let mut point = point.clone();
                point.push((key.clone(), value.clone()));
                point
            })
        };
        points.into_iter().flat_map(with_each).collect()
    })
}

fn with_seed(parameters: &Parameters, seed: u64) -> Parameters {
    let others = parameters.iter().filter(|(key, _)| key != "seed").cloned();
    others.chain([("seed".to_owned(), seed.to_string())]).collect()
}

fn refuse_duplicates(runs: &[Planned]) -> Result<(), PlanError> {
    let mut seen = HashMap::new();
    for run in runs {
        if let Some(one) = seen.insert(run.scenario.to_toml(), &run.label) {
            return Err(PlanError::Duplicate { one: one.clone(), other: run.label.clone() });
        }
    }
    Ok(())
}

/// `nodes=64, ring.successors=4`.
pub(super) fn label(parameters: &[(String, String)]) -> String {
    let pairs = parameters.iter().map(|(key, value)| format!("{key}={value}"));
    pairs.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::systems::Registry;

    fn vary(text: &str) -> Vary {
        text.parse().expect(text)
    }

    fn plan(varied: &[&str], repeat: u32) -> Result<Plan, PlanError> {
        let varied: Vec<Vary> = varied.iter().map(|text| vary(text)).collect();
        let registry = Registry::built_in();
        Plan::new(|values| registry.from_toml("nodes = 64", "test", values), &varied, repeat)
    }

    #[test]
    fn commas_split_but_not_inside_a_value() {
        for (text, key, values) in [
            ("ring.successors=4,8,16", "ring.successors", &["4", "8", "16"][..]),
            ("nodes = 1000 , 4000", "nodes", &["1000", "4000"]),
            ("a={x=1,y=[2,3]},{x=2,y=[]}", "a", &["{x=1,y=[2,3]}", "{x=2,y=[]}"]),
            ("a='x,y','z'", "a", &["'x,y'", "'z'"]),
            (r#"a="x\",y",z"#, "a", &[r#""x\",y""#, "z"]),
            (r"a='x\',y", "a", &[r"'x\'", "y"]),
            ("a=[{b='}]',c=1},2],3", "a", &["[{b='}]',c=1},2]", "3"]),
        ] {
            let Vary { key: found, values: split } = vary(text);
            assert_eq!(
                (found.as_str(), split),
                (key, values.iter().map(|v| (*v).into()).collect())
            );
        }
        for text in ["nodes=", "nodes=,", "nodes=4,,8", "nodes=4,"] {
            let error = text.parse::<Vary>().expect_err(text);
            assert!(error.starts_with("a value of nodes is missing: write"), "{error}");
        }
        assert!("nodes".parse::<Vary>().is_err_and(|error| error.starts_with("write KEY=VALUE")));
    }

    #[test]
    fn the_last_key_changes_fastest_and_repeats_faster_still() {
        let plan = plan(&["nodes=64,128", "ring.successors=4,8"], 2).expect("all can be run");
        let labels: Vec<&str> = plan.runs.iter().map(|run| run.label.as_str()).collect();
        assert_eq!(
            labels,
            [
                "nodes=64, ring.successors=4, seed=1",
                "nodes=64, ring.successors=4, seed=2",
                "nodes=64, ring.successors=8, seed=1",
                "nodes=64, ring.successors=8, seed=2",
                "nodes=128, ring.successors=4, seed=1",
                "nodes=128, ring.successors=4, seed=2",
                "nodes=128, ring.successors=8, seed=1",
                "nodes=128, ring.successors=8, seed=2",
            ]
        );
        for run in &plan.runs {
            let values = plan.points[run.point].clone();
            let values = with_seed(&values, run.scenario.seed);
            let registry = Registry::built_in();
            assert_eq!(Ok(&run.scenario), registry.from_toml("", "test", &values).as_ref());
        }
    }

    #[test]
    fn without_vary_there_is_one_point_and_seeds_can_vary() {
        let seeds = |plan: Plan| plan.runs.iter().map(|run| run.scenario.seed).collect::<Vec<_>>();
        assert_eq!(seeds(plan(&[], 3).expect("it can be run")), [1, 2, 3]);
        assert_eq!(seeds(plan(&["seed=1,10"], 2).expect("they can be run")), [1, 2, 10, 11]);
    }

    #[test]
    fn invalid_plans_are_refused() {
        for (varied, repeat, expected) in [
            (&["nodes=64", "nodes=128"][..], 1, "nodes is varied twice: write"),
            (&["ring.sucessors=4"], 1, "there is no such key: the nearest is ring.successors"),
            (&["nodes=64,sixty"], 1, "nodes = \"sixty\" is not accepted: write a whole number"),
            (&["nodes=64,0x40"], 1, "(nodes=64, seed=1) and (nodes=0x40, seed=1) are the same"),
            (&["seed=1,2"], 2, "are the same run"),
            (
                &["nodes=64,8", "ring.successors=4,16"],
                1,
                "(in the run nodes=8, ring.successors=16)",
            ),
            (&["nodes=64,65"], 50_001, "is 100002 runs: write at most 100000"),
            (&["seed=9223372036854775807"], 2, "seed = \"9223372036854775808\" is not accepted"),
            (&["phases.measure=1s", "phases.lookups=5"], 1, "contradicts"),
        ] {
            let error = plan(varied, repeat).expect_err(expected).to_string();
            assert!(error.contains(expected) && !error.contains('\n'), "{error}");
        }
    }
}
