//! A built `hopwise`, and the other programs of the same build.
//!
//! **Invariant:** the build's description comes from the program itself, not from its path.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

use hopwise_harness::measure::provenance::Build;
use serde_json::Value;

/// Arguments of a small run, which reports the binary's build.
const SMALL_RUN: [&str; 10] = [
    "run",
    "steady",
    "--engine",
    "sim",
    "--nodes",
    "64",
    "--duration",
    "1s",
    "--set",
    "phases.warmup=0s",
];

/// A built `hopwise`.
#[derive(Clone, Debug)]
pub struct Binary {
    /// Its path.
    pub path: PathBuf,
    /// Its build.
    pub build: Build,
}

impl Binary {
    /// Opens the binary at `path`. A small run reports its commit and writes its results to
    /// `folder`.
    ///
    /// # Errors
    ///
    /// If there is no binary, or it does not run.
    pub fn open(path: &Path, folder: &Path) -> Result<Binary, String> {
        let path =
            fs::canonicalize(path).map_err(|error| format!("{}: {error}", path.display()))?;
        let fault = |what: &str| format!("{}: {what}", path.display());
        let mut command = Command::new(&path);
        command.args(SMALL_RUN).args(["--quiet", "--json", "-", "--out"]).arg(folder);
        let output = command.output().map_err(|error| fault(&error.to_string()))?;
        let outcome: Value = serde_json::from_slice(&output.stdout)
            .map_err(|_| fault(String::from_utf8_lossy(&output.stderr).trim()))?;
        let build = serde_json::from_value(outcome["build"].clone())
            .map_err(|error| fault(&format!("its outcome does not name its build: {error}")))?;
        Ok(Binary { path, build })
    }

    /// Finds a program in the same folder.
    ///
    /// # Errors
    ///
    /// If there is no such program.
    pub fn beside(&self, name: &str) -> Result<PathBuf, String> {
        let path = self.path.with_file_name(name);
        let missing =
            || format!("{} is not there: `cargo build --release --workspace`", path.display());
        path.is_file().then(|| path.clone()).ok_or_else(missing)
    }

    /// Finds the most recently built bench of that name.
    ///
    /// # Errors
    ///
    /// If there is no such bench.
    pub fn bench(&self, name: &str) -> Result<PathBuf, String> {
        let folder = self.path.with_file_name("deps");
        let is_built = |path: &Path| {
            path.file_name()
                .and_then(|file| file.to_str())
                .is_some_and(|file| is_built_as(file, name))
        };
        let built_at = |path: &PathBuf| {
            path.metadata().and_then(|data| data.modified()).unwrap_or(SystemTime::UNIX_EPOCH)
        };
        let entries = fs::read_dir(&folder).into_iter().flatten().flatten();
        let builds = entries.map(|entry| entry.path()).filter(|path| is_built(path));
        builds.max_by_key(built_at).ok_or_else(|| {
            format!("bench {name} is not in {}: `cargo bench --no-run`", folder.display())
        })
    }
}

/// Whether `file` is Cargo's name for an executable of the target `name`: `name-` and 16 digits.
fn is_built_as(file: &str, name: &str) -> bool {
    let hash = file.strip_prefix(name).and_then(|rest| rest.strip_prefix('-'));
    hash.is_some_and(|hash| hash.len() == 16 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn executables_are_recognized_by_their_names() {
        assert!(is_built_as("next_hop-0593cb32d1b753c1", "next_hop"));
        for other in [
            "next_hop-0593cb32d1b753c1.d",
            "next_hop-0593cb32d1b753",
            "libnext_hop-0593cb32d1b753c1.rlib",
            "next_hop",
        ] {
            assert!(!is_built_as(other, "next_hop"), "{other}");
        }
    }

    #[test]
    fn a_missing_binary_is_refused_with_its_path() {
        let error = Binary::open(Path::new("/there/is/none"), Path::new("/there")).unwrap_err();
        assert!(error.starts_with("/there/is/none: "), "{error}");
    }
}
