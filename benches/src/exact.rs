//! The exact figures: one simulated scenario per system, which gives the same figures on any machine, compared with
//! those in `results/baseline/`.
//!
//! **Invariant:** the baseline is written only with `--save`.

use std::fs;
use std::path::{Path, PathBuf};

use hopwise_harness::app::Program;
use hopwise_harness::commands::options::Exit;

/// The scenarios. Their names are those of the folders of the baseline.
const SCENARIOS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios");
/// The folder of the baseline.
pub const BASELINE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../results/baseline");

/// Runs all scenarios, and compares their figures with the baseline, or writes it anew with `save`. Returns the exit
/// status of `hopwise diff`.
///
/// # Errors
///
/// If a scenario cannot be run, or a file cannot be written.
pub fn check(save: bool) -> Result<Exit, String> {
    let folder = std::env::temp_dir().join(format!("hopwise-exact-{}", std::process::id()));
    let result = run_all(&folder).and_then(|names| {
        if save { keep(&folder, &names).map(|()| Exit::Success) } else { Ok(compare(&folder)) }
    });
    // Also after a failure.
    drop(fs::remove_dir_all(&folder));
    result
}

/// Runs each scenario, with its results in a folder of its own. Returns the names.
fn run_all(folder: &Path) -> Result<Vec<String>, String> {
    let mut files: Vec<PathBuf> = fs::read_dir(SCENARIOS)
        .and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect())
        .map_err(|error| format!("{SCENARIOS}: {error}"))?;
    files.sort();
    let mut names = Vec::new();
    for file in files {
        let name = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let out = folder.join(&name);
        let arguments = ["hopwise".as_ref(), "run".as_ref(), file.as_os_str(), "--quiet".as_ref()];
        let arguments = arguments.into_iter().chain(["--out".as_ref(), out.as_os_str()]);
        let exit = program().run(arguments.map(Into::into));
        if exit != Exit::Success {
            return Err(format!("{}: the run ended with status {}", file.display(), exit as i32));
        }
        names.push(name);
    }
    Ok(names)
}

fn compare(folder: &Path) -> Exit {
    let arguments = ["hopwise", "diff", BASELINE].map(Into::into).into_iter();
    let exact = ["--exact", "--tolerance", "0"].map(Into::into);
    program().run(arguments.chain([folder.as_os_str().to_owned()]).chain(exact))
}

/// Makes the outcomes of these scenarios the baseline.
fn keep(folder: &Path, names: &[String]) -> Result<(), String> {
    for name in names {
        let to = Path::new(BASELINE).join(name);
        let copied = fs::create_dir_all(&to).and_then(|()| {
            fs::copy(folder.join(name).join("outcome.json"), to.join("outcome.json"))
        });
        copied.map_err(|error| format!("{}: {error}", to.display()))?;
    }
    Ok(())
}

fn program() -> Program {
    Program::new("hopwise", env!("CARGO_PKG_VERSION"))
}
