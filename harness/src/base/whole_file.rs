//! Files that are written whole or not at all.
//!
//! The text goes to a temporary file in the same folder, which then takes the name of the file. A
//! reader never sees a part of it, and a failure keeps what was there before.
//!
//! **Invariant:** a temporary file outlives neither its [`WholeFile`] nor a failure. One that a killed process left
//! behind stays until [`remove_left_over`] is called for its folder.

use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicU32, Ordering};

/// The beginning of the names of temporary files. The number of the process follows, and that of the file.
const PARTIAL: &str = ".partial-";
/// The most names that are tried for a temporary file. Killed processes may have left some.
const NAMES_MAX: u32 = 1000;

/// A file that will be written.
#[derive(Debug)]
pub(crate) struct WholeFile {
    path: PathBuf,
    file: File,
    /// `None` if the file is written in place.
    temporary: Option<PathBuf>,
}

impl WholeFile {
    /// Makes sure that the file at `path` can be written. Until [`commit`](WholeFile::commit), it
    /// stays as it is. A link, a device or a pipe is written in place.
    ///
    /// # Errors
    ///
    /// If it cannot be written. The message names the file.
    pub(crate) fn create(path: &Path) -> io::Result<WholeFile> {
        let opened = match fs::symlink_metadata(path) {
            Err(_) => open_temporary(path),
            Ok(found) if found.is_file() => open_like(path, found.permissions()),
            Ok(_) => {
                let file = OpenOptions::new().write(true).create(true).truncate(false).open(path);
                file.map(|file| (None, file))
            }
        };
        let (temporary, file) = opened.map_err(|cause| naming(path, &cause))?;
        Ok(WholeFile { path: path.to_owned(), file, temporary })
    }

    /// The open file, if it is written in place: a pipe can be opened only once. Otherwise nothing is
    /// kept, so that nothing is left if the process is killed before it writes.
    pub(crate) fn in_place(self) -> Option<WholeFile> {
        Some(self).filter(|file| file.temporary.is_none())
    }

    /// Writes `text`; [`commit`](WholeFile::commit) makes it the contents of the file.
    ///
    /// # Errors
    ///
    /// If it cannot be written. The message names the file.
    pub(crate) fn write_text(&mut self, text: &str) -> io::Result<()> {
        self.empty()?;
        self.write_all(text.as_bytes())
    }

    /// Removes what is in the file, if it is written in place.
    ///
    /// # Errors
    ///
    /// If it cannot be written. The message names the file.
    pub(crate) fn empty(&self) -> io::Result<()> {
        let is_old = self.temporary.is_none() && self.file.metadata().is_ok_and(|it| it.is_file());
        let emptied = if is_old { self.file.set_len(0) } else { Ok(()) };
        emptied.map_err(|cause| naming(&self.path, &cause))
    }

    /// Gives the file its new contents.
    ///
    /// # Errors
    ///
    /// If it cannot be replaced. The message names the file.
    pub(crate) fn commit(mut self) -> io::Result<()> {
        let Some(temporary) = &self.temporary else { return Ok(()) };
        fs::rename(temporary, &self.path).map_err(|cause| naming(&self.path, &cause))?;
        self.temporary = None;
        Ok(())
    }
}

impl Write for WholeFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes).map_err(|cause| naming(&self.path, &cause))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush().map_err(|cause| naming(&self.path, &cause))
    }
}

impl Drop for WholeFile {
    fn drop(&mut self) {
        if let Some(temporary) = &self.temporary {
            // If it cannot be removed, its name says that it is a rest.
            let _ = fs::remove_file(temporary);
        }
    }
}

/// Writes `text` to the file at `path`.
///
/// # Errors
///
/// If it cannot be written. The message names the file.
pub(crate) fn write_whole(path: &Path, text: &str) -> io::Result<()> {
    let mut file = WholeFile::create(path)?;
    file.write_text(text)?;
    file.commit()
}

/// Removes the temporary files in `folder` that killed processes have left there.
///
/// Removes a file only if no process with the number in its name runs here, and no process holds its lock. (The process
/// may run in another container, where it has another number.) On a file system without locks, removes nothing.
pub(crate) fn remove_left_over(folder: &Path) {
    // What cannot be listed or removed stays, as it would without this.
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let Some(process) = process_of(&entry.file_name()) else { continue };
        let is_running =
            process == process::id() || Path::new(&format!("/proc/{process}")).exists();
        if !is_running && File::open(entry.path()).is_ok_and(|file| file.try_lock().is_ok()) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// The number of the process whose temporary file has this name; `None` if it is another file.
fn process_of(name: &OsStr) -> Option<u32> {
    let (process, nth) = name.to_str()?.strip_prefix(PARTIAL)?.split_once('-')?;
    nth.parse::<u32>().ok()?;
    process.parse().ok()
}

/// Creates a file that can take the place of the file at `path`, which has these permissions and must
/// be writable.
fn open_like(path: &Path, permissions: Permissions) -> io::Result<(Option<PathBuf>, File)> {
    OpenOptions::new().append(true).open(path)?;
    let opened = open_temporary(path)?;
    // Without them, the file is as any new one.
    let _ = opened.1.set_permissions(permissions);
    Ok(opened)
}

/// Creates a file with a name of its own in the folder of `path`.
fn open_temporary(path: &Path) -> io::Result<(Option<PathBuf>, File)> {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    if path.file_name().is_none() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    for _ in 0..NAMES_MAX {
        let nth = COUNT.fetch_add(1, Ordering::Relaxed);
        let temporary = path.with_file_name(format!("{PARTIAL}{}-{nth}", process::id()));
        match File::create_new(&temporary) {
            Err(why) if why.kind() == io::ErrorKind::AlreadyExists => {}
            opened => {
                return opened.map(|file| {
                    // The lock says that the file is in use. It ends with the process.
                    let _ = file.try_lock();
                    (Some(temporary), file)
                });
            }
        }
    }
    Err(io::Error::other("its folder is full of temporary files: remove .partial-*"))
}

fn naming(path: &Path, cause: &io::Error) -> io::Error {
    io::Error::new(cause.kind(), format!("cannot write {}: {cause}", path.display()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    /// Runs `test` with an empty folder, and returns the names that it leaves there.
    fn names_left(name: &str, test: impl FnOnce(&Path)) -> Vec<String> {
        let folder = std::env::temp_dir().join(format!("hopwise-whole-{name}-{}", process::id()));
        fs::create_dir(&folder).expect("the folder is new");
        test(&folder);
        let entries = fs::read_dir(&folder).expect("the folder is there");
        let name = |entry: io::Result<fs::DirEntry>| entry.expect("an entry").file_name();
        let mut names: Vec<_> =
            entries.map(|entry| name(entry).into_string().expect("a plain name")).collect();
        names.sort();
        fs::remove_dir_all(folder).expect("it is ours");
        names
    }

    #[test]
    fn a_file_keeps_its_contents_until_the_new_ones_are_whole() {
        let left = names_left("keeps", |folder| {
            let path = folder.join("file");
            let read = || fs::read_to_string(&path).expect("it is there");
            write_whole(&path, "before").expect("it can be written");
            fs::set_permissions(&path, Permissions::from_mode(0o600)).expect("it is ours");
            let mut given_up = WholeFile::create(&path).expect("it can be written");
            given_up.write_text("a part").expect("it can be written");
            assert_eq!(read(), "before");
            drop(given_up);
            assert_eq!(read(), "before");
            write_whole(&path, "after").expect("it can be written");
            assert_eq!(read(), "after");
            let mode = fs::metadata(&path).expect("it is there").permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "permissions stay");
        });
        assert_eq!(left, ["file"], "no temporary file is left");
    }

    #[test]
    fn only_what_processes_left_that_are_gone_is_removed() {
        let left = names_left("left-over", |folder| {
            // No process has this number: it is above the highest of Linux.
            let gone = u32::MAX;
            for name in [&*format!(".partial-{gone}-0"), ".partial-1-0", ".partial-x-0", "file"] {
                fs::write(folder.join(name), "").expect("it can be written");
            }
            let elsewhere = File::create(folder.join(format!(".partial-{gone}-1")));
            let elsewhere = elsewhere.expect("it can be written");
            elsewhere.try_lock().expect("nobody else has it");
            let own = WholeFile::create(&folder.join("own")).expect("it can be written");
            remove_left_over(folder);
            assert!(!folder.join(format!(".partial-{gone}-0")).exists());
            own.commit().expect("it is still there");
            drop(elsewhere);
            remove_left_over(folder);
            remove_left_over(&folder.join("missing"));
        });
        assert_eq!(left, [".partial-1-0", ".partial-x-0", "file", "own"]);
    }

    #[test]
    fn links_and_devices_stay_what_they_are() {
        let left = names_left("links", |folder| {
            let (file, link) = (folder.join("file"), folder.join("link"));
            fs::write(&file, "something longer").expect("it can be written");
            symlink("file", &link).expect("it can be linked");
            write_whole(&link, "short").expect("it can be written");
            assert_eq!(fs::read_to_string(file).expect("it is there"), "short");
            assert!(fs::symlink_metadata(link).expect("it is there").is_symlink());
        });
        assert_eq!(left, ["file", "link"]);
        write_whole(Path::new("/dev/null"), "gone").expect("it takes everything");
        let full = write_whole(Path::new("/dev/full"), "text").expect_err("it is full");
        assert!(full.to_string().starts_with("cannot write /dev/full: "), "{full}");
    }

    #[test]
    fn what_cannot_be_written_is_named_before_anything_is_written() {
        let left = names_left("refused", |folder| {
            for path in [folder.join("missing").join("file"), folder.to_owned(), "/".into()] {
                let error = WholeFile::create(&path).expect_err("it is no file").to_string();
                let start = format!("cannot write {}: ", path.display());
                assert!(error.starts_with(&start), "{error}");
            }
        });
        assert_eq!(left, Vec::<String>::new());
    }
}
