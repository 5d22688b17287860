//! One side of a comparison: the runs in a file or a folder, in groups of the same scenario.
//!
//! **Invariant:** reads files and writes none.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use crate::measure::outcome::{Outcome, OutcomeError};

/// Keys of a scenario that may differ between runs that are repeated.
const REPEATED: [&str; 3] = ["name", "seed", "threads"];

/// The runs of one side.
#[derive(Clone, Debug, Default)]
pub(super) struct Side {
    /// What it was read from.
    pub(super) name: String,
    pub(super) groups: Vec<Group>,
}

/// Runs of one scenario that differ only in the seed, or in nothing.
#[derive(Clone, Debug)]
pub(super) struct Group {
    /// The values of the scenario by key, but those that may differ.
    pub(super) scenario: BTreeMap<String, String>,
    pub(super) runs: Vec<Outcome>,
}

impl Side {
    /// Reads an outcome, or all outcomes in a folder and below it.
    ///
    /// # Errors
    ///
    /// If there is none, or one was written by another version of the program. The message says which.
    pub(super) fn read(path: &Path) -> Result<Side, String> {
        let mut files = Vec::new();
        let shown = path.display();
        if path.is_dir() {
            find_json(path, &mut files).map_err(|error| format!("{shown}: {error}"))?;
        } else {
            files.push(path.to_owned());
        }
        let mut runs = Vec::new();
        for file in &files {
            let text = fs::read_to_string(file).map_err(|error| {
                format!("{}: {error}: name an outcome or a folder", file.display())
            })?;
            match Outcome::from_json(&text) {
                Ok(outcome) => runs.push(outcome),
                // A folder has other documents, too.
                Err(OutcomeError::Malformed(_)) if path.is_dir() => {}
                Err(error) => return Err(format!("{}: {error}", file.display())),
            }
        }
        if runs.is_empty() {
            return Err(format!(
                "{shown}: no outcome of a run is here: name one, or a folder of runs"
            ));
        }
        Ok(Side::of(shown.to_string(), runs))
    }

    /// Groups these runs.
    pub(super) fn of(name: String, runs: Vec<Outcome>) -> Side {
        let mut groups: Vec<Group> = Vec::new();
        for run in runs {
            let scenario = values_of(&run.scenario);
            match groups.iter_mut().find(|it| it.scenario == scenario) {
                Some(group) => group.runs.push(run),
                None => groups.push(Group { scenario, runs: vec![run] }),
            }
        }
        groups.iter_mut().for_each(|group| group.runs.sort_by_key(|run| run.seed));
        Side { name, groups }
    }

    /// The keys in which its scenarios differ.
    pub(super) fn varied(&self) -> BTreeSet<&str> {
        self.groups.iter().flat_map(|group| self.groups[0].differing(group)).collect()
    }

    /// The builds and machines of its runs, each once.
    pub(super) fn origins(&self) -> BTreeSet<String> {
        self.groups.iter().flat_map(|group| &group.runs).map(origin).collect()
    }

    /// The machines of its runs.
    pub(super) fn machines(&self) -> BTreeSet<String> {
        let runs = self.groups.iter().flat_map(|group| &group.runs);
        runs.map(|run| format!("{:?}", run.machine)).collect()
    }
}

impl Group {
    /// The keys in which both scenarios differ.
    pub(super) fn differing<'a>(&'a self, other: &'a Group) -> Vec<&'a str> {
        let keys: BTreeSet<&String> = self.scenario.keys().chain(other.scenario.keys()).collect();
        let differ = |key: &&String| self.scenario.get(*key) != other.scenario.get(*key);
        keys.into_iter().filter(differ).map(String::as_str).collect()
    }

    /// The name of the scenario.
    pub(super) fn name(&self) -> String {
        let name = self.runs.first().and_then(|run| run.scenario.get("name"));
        name.and_then(toml::Value::as_str).unwrap_or("unnamed").to_owned()
    }

    pub(super) fn seeds(&self) -> Vec<u64> {
        self.runs.iter().map(|run| run.seed).collect()
    }

    /// Whether the runs are simulated.
    pub(super) fn is_simulated(&self) -> bool {
        self.runs.iter().all(|run| run.engine.trace_digest.is_some())
    }
}

/// The build and the machine of a run in one line.
fn origin(run: &Outcome) -> String {
    let commit = |commit: &str| match commit.split_once('+') {
        Some((commit, changes)) => format!("{}+{changes}", short(commit)),
        None => short(commit).to_owned(),
    };
    let (build, machine) = (&run.build, &run.machine);
    format!(
        "commit {}, {}, {}; {} cores, {}",
        commit(&build.commit),
        build.rustc.split(" (").next().unwrap_or_default(),
        build.profile,
        machine.cores,
        machine.cpu
    )
}

fn short(commit: &str) -> &str {
    commit.get(..12).unwrap_or(commit)
}

/// The values of a scenario by their keys, such as `ring.base`.
fn values_of(scenario: &toml::Table) -> BTreeMap<String, String> {
    fn visit(prefix: &str, table: &toml::Table, values: &mut BTreeMap<String, String>) {
        for (key, value) in table {
            let path = if prefix.is_empty() { key.clone() } else { format!("{prefix}.{key}") };
            match value {
                toml::Value::Table(table) => visit(&path, table, values),
                value => drop(values.insert(path, value.to_string())),
            }
        }
    }
    let mut values = BTreeMap::new();
    visit("", scenario, &mut values);
    REPEATED.iter().for_each(|key| drop(values.remove(*key)));
    values
}

/// The files in `folder` and below it whose names end in `.json`, in order.
fn find_json(folder: &Path, files: &mut Vec<PathBuf>) -> std::io::Result<()> {
    let entries: Result<Vec<_>, _> = fs::read_dir(folder)?.collect();
    let mut paths: Vec<PathBuf> = entries?.into_iter().map(|entry| entry.path()).collect();
    paths.sort();
    for path in paths {
        // A link to a folder could lead round in a circle.
        let is_link = path.symlink_metadata()?.is_symlink();
        if path.is_dir() && !is_link {
            find_json(&path, files)?;
        } else if path.extension().is_some_and(|it| it == "json") && path.is_file() {
            files.push(path);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::outcome::example;

    #[test]
    fn runs_that_differ_in_the_seed_alone_are_one_group() {
        let with = |seed, nodes: i64| {
            let mut run = example::outcome();
            run.seed = seed;
            run.scenario.insert("seed".to_owned(), toml::Value::Integer(seed as i64));
            run.scenario.insert("nodes".to_owned(), toml::Value::Integer(nodes));
            run
        };
        let runs = vec![with(2, 8), with(1, 8), with(1, 9)];
        let side = Side::of("here".to_owned(), runs);
        let seeds: Vec<Vec<u64>> = side.groups.iter().map(Group::seeds).collect();
        assert_eq!(seeds, [vec![1, 2], vec![1]]);
        assert_eq!(side.varied().into_iter().collect::<Vec<_>>(), ["nodes"]);
        assert_eq!(side.origins().len(), 1);
    }
}
