//! Where a command writes its result: a folder, a JSON file, standard output.
//!
//! **Invariant:** what cannot be written is found before the work begins.

use std::io;
use std::path::{Path, PathBuf};

use super::options::{JsonTarget, RunOptions};
use super::result_folder::ResultFolder;
use super::standard_output::StandardOutput;
use crate::base::whole_file::WholeFile;

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
        let has_text = !options.quiet && !matches!(json, Json::StandardOutput);
        Ok(Destination { folder, json, output: StandardOutput::default(), has_text })
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

/// Writes `text` to `open`, or else to the file at `path`.
fn write(path: &Path, open: Option<WholeFile>, text: &str) -> io::Result<()> {
    let mut file = open.map_or_else(|| WholeFile::create(path), Ok)?;
    file.write_text(text)?;
    file.commit()
}
