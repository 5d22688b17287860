//! Where a command writes its result: a folder, a JSON file, standard output.
//!
//! **Invariant:** what cannot be written is found before the work begins.

use std::io;
use std::path::{Path, PathBuf};

use super::options::{JsonTarget, RunOptions};
use super::result_folder::ResultFolder;
use super::standard_output::StandardOutput;
use crate::base::whole_file::WholeFile;
use crate::report::files;

/// The open destination of one result.
#[derive(Debug)]
pub(super) struct Destination {
    folder: ResultFolder,
    json: Json,
    output: StandardOutput,
    /// Whether reports and lines go to standard output.
    has_text: bool,
}

/// Where the JSON document goes.
#[derive(Debug)]
enum Json {
    /// Only into the folder.
    Nowhere,
    StandardOutput,
    /// A file, already open if it is written in place.
    File(PathBuf, Option<WholeFile>),
}

impl Destination {
    /// Opens what `options` ask for. A folder that they do not name is named after the start (RFC
    /// 3339) and `name`.
    ///
    /// # Errors
    ///
    /// If the result could not be written. The message says what to write instead.
    pub(super) fn open(
        options: &RunOptions,
        started_at: &str,
        name: &str,
    ) -> Result<Destination, String> {
        let folder = ResultFolder::open(options.out.as_deref(), started_at, name)?;
        let json = match &options.json {
            None => Json::Nowhere,
            Some(JsonTarget::Stdout) => Json::StandardOutput,
            Some(JsonTarget::File(path)) => {
                let file = WholeFile::create(path)
                    .map_err(|error| format!("--json: {error}: write another file, or -"))?;
                Json::File(path.clone(), file.in_place())
            }
        };
        if let Json::File(path, _) = &json {
            let files = files::all_names().filter(|name| *name != files::OUTCOME);
            let mut files = files.map(|name| folder.path().join(name));
            if let Some(other) = files.find(|other| is_same_file(other, path)) {
                let other = other.display();
                return Err(format!("--json: {other} is written, too: write another file, or -"));
            }
        }
        let has_text = !options.quiet && !matches!(json, Json::StandardOutput);
        Ok(Destination { folder, json, output: StandardOutput::default(), has_text })
    }

    /// Checks that `events` is a file of its own, and not standard output.
    ///
    /// # Errors
    ///
    /// If it is another file of the result. The message says what to write instead.
    pub(super) fn check_apart(&self, events: &Path) -> Result<(), String> {
        if events == Path::new("-") {
            return Err("--events -: standard output is for the report: write a file".to_owned());
        }
        let others = files::all_names().map(|name| self.folder.path().join(name));
        let json = match &self.json {
            Json::File(path, _) => Some(path.clone()),
            Json::Nowhere | Json::StandardOutput => None,
        };
        match others.chain(json).find(|other| is_same_file(other, events)) {
            Some(other) => Err(format!(
                "--events {}: {} is written, too: write another file",
                events.display(),
                other.display()
            )),
            None => Ok(()),
        }
    }

    /// The folder of the result.
    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Whether reports and lines go to standard output.
    pub(super) fn has_text(&self) -> bool {
        self.has_text
    }

    /// Writes `text` to standard output, if reports go there.
    pub(super) fn say(&self, text: &str) {
        if self.has_text {
            self.output.write(text);
        }
    }

    /// Writes the document `json` and the last `text` of the report, once the folder has its files.
    ///
    /// # Errors
    ///
    /// If one of them, or an earlier text, cannot be written.
    pub(super) fn finish(self, json: &str, text: &str) -> Result<(), String> {
        self.say(text);
        match self.json {
            Json::Nowhere => {}
            Json::StandardOutput => self.output.write(json),
            Json::File(path, open) => {
                write(&path, open, json).map_err(|error| error.to_string())?;
            }
        }
        self.output.end()
    }
}

/// Whether both paths lead to one file, which may not be there yet. Devices are never the same.
fn is_same_file(a: &Path, b: &Path) -> bool {
    let place = |path: &Path| {
        let found = path.canonicalize().or_else(|_| {
            let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
            let folder = folder.unwrap_or(Path::new(".")).canonicalize()?;
            Ok::<PathBuf, io::Error>(folder.join(path.file_name().unwrap_or_default()))
        });
        found.ok().filter(|place| !place.exists() || place.is_file())
    };
    place(a).is_some_and(|a| place(b) == Some(a))
}

/// Writes `text` to `open`, or else to the file at `path`.
fn write(path: &Path, open: Option<WholeFile>, text: &str) -> io::Result<()> {
    let mut file = open.map_or_else(|| WholeFile::create(path), Ok)?;
    file.write_text(text)?;
    file.commit()
}
