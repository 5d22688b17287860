//! The folder of a result.
//!
//! **Invariant:** at any time, at most one run, campaign, sweep or comparison writes into a folder.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use crate::base::whole_file::{WholeFile, remove_left_over};

/// The parent of all folders that are not named by `--out`.
const RUNS: &str = "results/runs";
/// The most results with the same name and time.
const CLASHES_MAX: u32 = 10_000;

/// A folder that belongs to one result until this is dropped.
#[derive(Debug)]
pub(super) struct ResultFolder {
    path: PathBuf,
    is_new: bool,
    /// The system releases the lock when the file is closed, even if the process is killed.
    _locked: File,
}

impl ResultFolder {
    /// Opens the folder `out`, or a new one named after the start (RFC 3339) and `name`.
    ///
    /// # Errors
    ///
    /// If it cannot be written, or if another process writes into it. The message says what to write
    /// instead.
    pub(super) fn open(
        out: Option<&Path>,
        started_at: &str,
        name: &str,
    ) -> Result<ResultFolder, String> {
        match out {
            Some(path) => {
                let is_new = !path.exists();
                create(path, fs::create_dir_all(path))?;
                ResultFolder::lock(path.to_owned(), is_new)
            }
            None => {
                let stamp = started_at.replace(['-', ':'], "");
                ResultFolder::new_below(Path::new(RUNS), &format!("{stamp}-{name}"))
            }
        }
    }

    /// Its path.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Creates a folder in `parent` with this name, or with the first free number after it.
    fn new_below(parent: &Path, name: &str) -> Result<ResultFolder, String> {
        create(parent, fs::create_dir_all(parent))?;
        for nth in 1..=CLASHES_MAX {
            let path = match nth {
                1 => parent.join(name),
                _ => parent.join(format!("{name}-{nth}")),
            };
            match fs::create_dir(&path) {
                Err(why) if why.kind() == io::ErrorKind::AlreadyExists => {}
                created => {
                    create(&path, created)?;
                    return ResultFolder::lock(path, true);
                }
            }
        }
        let parent = parent.display();
        Err(format!("{parent} has {CLASHES_MAX} results named {name}: write --out DIR"))
    }

    fn lock(path: PathBuf, is_new: bool) -> Result<ResultFolder, String> {
        let locked = File::open(&path).map_err(|why| refused(&path, &why))?;
        match locked.try_lock() {
            Err(TryLockError::WouldBlock) => Err(format!(
                "another run is writing into the folder {}: wait until it has ended, or write --out \
                 DIR with another folder",
                path.display()
            )),
            // Not every file system has locks.
            Ok(()) | Err(TryLockError::Error(_)) => {
                let folder = ResultFolder { path, is_new, _locked: locked };
                remove_left_over(&folder.path);
                WholeFile::create(&folder.path.join("outcome.json"))
                    .map_err(|why| refused(&folder.path, &why))?;
                Ok(folder)
            }
        }
    }
}

impl Drop for ResultFolder {
    fn drop(&mut self) {
        if self.is_new {
            // Removes only an empty folder: one without a result.
            let _ = fs::remove_dir(&self.path);
        }
    }
}

fn create(path: &Path, created: io::Result<()>) -> Result<(), String> {
    created.map_err(|why| {
        let path = path.display();
        format!("cannot create the folder {path} ({why}): write --out DIR with another folder")
    })
}

fn refused(path: &Path, why: &io::Error) -> String {
    let path = path.display();
    format!("cannot write into the folder {path} ({why}): write --out DIR with another folder")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::thread;

    use super::*;

    fn parent(test: &str) -> PathBuf {
        std::env::temp_dir().join(format!("hopwise-folders-{test}-{}", std::process::id()))
    }

    #[test]
    fn concurrent_results_get_folders_of_their_own() {
        let parent = &parent("own");
        let open = || {
            let folder = ResultFolder::new_below(parent, "same").expect("it can be created");
            fs::write(folder.path().join("file"), "").expect("it can be written");
            folder.path().to_owned()
        };
        let paths: BTreeSet<PathBuf> = thread::scope(|scope| {
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(open)).collect();
            threads.into_iter().map(|thread| thread.join().expect("no panic")).collect()
        });
        assert_eq!(paths.len(), 8);
        fs::remove_dir_all(parent).expect("it is ours");
    }

    #[test]
    fn a_folder_belongs_to_one_result_at_a_time() {
        let path = parent("lock");
        let open = || ResultFolder::open(Some(&path), "", "");
        let first = open().expect("it is free");
        let error = open().expect_err("it is not").to_string();
        assert!(error.contains("another run") && error.contains("--out DIR"), "{error}");
        assert!(error.contains(path.to_str().expect("plain")), "{error}");
        drop(first);
        assert!(!path.exists(), "a folder without a result is removed");
        let again = open().expect("it is free again");
        fs::write(path.join("file"), "").expect("it can be written");
        drop(again);
        drop(open().expect("it is free again"));
        fs::remove_dir_all(path).expect("it is still there");
    }
}
