//! Everything that happened in a run, as a CSV file: who joined and departed, and each lookup of the
//! measured phase. Anybody can recompute the outcome from it; `results/recompute.py` does.
//!
//! | event | columns |
//! |---|---|
//! | `present`, `joined` | `time_ns`, `node`, `detail`: the host. `present`: a member at the start |
//! | `left`, `crashed` | `time_ns`, `node` |
//! | `phase` | `time_ns`: its start, `detail`: its name |
//! | `refused` | `time_ns`: the start of an interval, `count`: lookups due in it that were shed at once |
//! | `lookup` | `time_ns`: the answer or the end, `node`: the origin, `detail`: correct, incorrect, failed, shed or orphaned, and all others |
//! | `end` | `time_ns`: the end of the run, `count`: rows that are missing because the file was full |
//!
//! Times are nanoseconds since the start of the run. Rows are in the order in which they became known,
//! not in order of time. A name that ends in `.gz` is compressed.
//!
//! **Invariant:** the log changes nothing in a run, and holds at most a given number of rows.

use std::fmt;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use hopwise_kernel::{Id, Time};

use crate::base::hash::FixedHashMap;
use crate::base::whole_file::WholeFile;

/// The most rows of a file: some 4 GB.
pub const ROWS_MAX: u64 = 25_000_000;

const COLUMNS: [&str; 13] = [
    "event",
    "time_ns",
    "node",
    "detail",
    "key",
    "answer",
    "intended_ns",
    "issued_ns",
    "hops",
    "messages",
    "timeouts",
    "number",
    "count",
];

/// An open log.
pub struct EventLog {
    out: csv::Writer<Out>,
    rows: u64,
    rows_max: u64,
    missing: u64,
    error: Option<csv::Error>,
    /// Lookups by number whose costs are not known yet.
    waiting: FixedHashMap<u32, LoggedLookup>,
}

/// The file.
enum Out {
    Plain(BufWriter<WholeFile>),
    Compressed(GzEncoder<BufWriter<WholeFile>>),
}

/// A lookup that has ended.
#[derive(Clone, Debug)]
pub struct LoggedLookup {
    /// When it was due.
    pub intended: Time,
    /// When it was issued.
    pub issued: Time,
    /// When it was answered, or ended without an answer.
    pub ended: Time,
    /// Its origin.
    pub origin: Id,
    /// What was asked.
    pub key: String,
    /// What was answered.
    pub answer: String,
    /// Hops to the node that answered; `None` without an answer.
    pub hops: Option<u32>,
    /// Times that a contact did not answer in time, as far as the origin knows.
    pub timeouts: u32,
    /// `correct`, `incorrect`, `failed`, `shed` or `orphaned`.
    pub verdict: &'static str,
    /// Its number, under which its costs become known; 0 if they do not.
    pub number: u32,
}

impl EventLog {
    /// Creates the file, and writes at most `rows_max` rows. The file has its name once it is
    /// [finished](EventLog::finish).
    ///
    /// # Errors
    ///
    /// If it cannot be created.
    pub fn create(path: &Path, rows_max: u64) -> io::Result<EventLog> {
        let file = WholeFile::create(path)?;
        file.empty()?;
        let file = BufWriter::new(file);
        let is_compressed = path.extension().is_some_and(|it| it.eq_ignore_ascii_case("gz"));
        let out = match is_compressed {
            true => Out::Compressed(GzEncoder::new(file, Compression::fast())),
            false => Out::Plain(file),
        };
        let mut log = EventLog {
            out: csv::Writer::from_writer(out),
            rows: 0,
            rows_max,
            missing: 0,
            error: None,
            waiting: FixedHashMap::default(),
        };
        log.error = log.out.write_record(COLUMNS).err();
        Ok(log)
    }

    /// A node became a member, or was one from the start.
    pub fn joined(&mut self, at: Time, node: Id, host: u32, is_initial: bool) {
        let event = if is_initial { "present" } else { "joined" };
        self.write(event, at, [("node", &node.to_string()), ("detail", &host.to_string())]);
    }

    /// A member left, announced, or crashed.
    pub fn departed(&mut self, at: Time, node: Id, announced: bool) {
        self.write(if announced { "left" } else { "crashed" }, at, [("node", &node.to_string())]);
    }

    /// A phase started.
    pub fn phase(&mut self, at: Time, name: &str) {
        self.write("phase", at, [("detail", name)]);
    }

    /// So many lookups that were due in the interval from `at` on were refused at once.
    pub fn refused(&mut self, at: Time, count: u64) {
        self.write("refused", at, [("count", &count.to_string())]);
    }

    /// A lookup ended. If it has a number, its row is written when its costs are known.
    pub fn lookup(&mut self, lookup: LoggedLookup) {
        if lookup.number == 0 {
            self.write_lookup(&lookup, "");
        } else {
            self.waiting.insert(lookup.number, lookup);
        }
    }

    /// The messages of the lookup with this number, and how often one of its contacts did not answer in
    /// time, are known.
    pub fn costs(&mut self, number: u32, messages: u32, timeouts: u32) {
        if let Some(lookup) = self.waiting.remove(&number) {
            let timeouts = lookup.timeouts.max(timeouts);
            self.write_lookup(&LoggedLookup { timeouts, ..lookup }, &messages.to_string());
        }
    }

    /// Ends the log. Returns how many rows are missing because there were too many.
    ///
    /// # Errors
    ///
    /// If anything could not be written.
    pub fn finish(mut self, at: Time) -> io::Result<u64> {
        let missing = self.missing;
        self.rows_max = u64::MAX;
        self.write("end", at, [("count", &missing.to_string())]);
        if let Some(error) = self.error {
            return Err(error.into());
        }
        self.out.into_inner().map_err(csv::IntoInnerError::into_error)?.finish()?;
        Ok(missing)
    }

    fn write_lookup(&mut self, it: &LoggedLookup, messages: &str) {
        let hops = it.hops.map(|hops| hops.to_string()).unwrap_or_default();
        self.write(
            "lookup",
            it.ended,
            [
                ("node", &it.origin.to_string()),
                ("detail", it.verdict),
                ("key", &it.key),
                ("answer", &it.answer),
                ("intended_ns", &it.intended.as_ns().to_string()),
                ("issued_ns", &it.issued.as_ns().to_string()),
                ("hops", &hops),
                ("messages", messages),
                ("timeouts", &it.timeouts.to_string()),
                ("number", &it.number.to_string()),
            ],
        );
    }

    fn write<const N: usize>(&mut self, event: &str, at: Time, cells: [(&str, &str); N]) {
        if self.rows == self.rows_max {
            self.missing += 1;
            return;
        }
        self.rows += 1;
        let time = at.as_ns().to_string();
        let cell = |column: &&str| match *column {
            "event" => event,
            "time_ns" => time.as_str(),
            other => cells.iter().find(|(name, _)| *name == other).map_or("", |&(_, text)| text),
        };
        if let Err(error) = self.out.write_record(COLUMNS.iter().map(cell)) {
            self.error.get_or_insert(error);
        }
    }
}

impl Out {
    fn finish(self) -> io::Result<()> {
        let file = match self {
            Out::Plain(file) => file,
            Out::Compressed(stream) => stream.finish()?,
        };
        file.into_inner().map_err(io::IntoInnerError::into_error)?.commit()
    }
}

impl Write for Out {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Out::Plain(file) => file.write(bytes),
            Out::Compressed(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Out::Plain(file) => file.flush(),
            Out::Compressed(stream) => stream.flush(),
        }
    }
}

impl fmt::Debug for EventLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EventLog with {} rows", self.rows)
    }
}
