//! Series of measurements: what can be measured, and how samples of it become figures with their
//! spread.
//!
//! ```text
//! list ──► sample (process, readings) ──► rounds ──► summary ──► record, markdown
//! ```
//!
//! **Invariant:** a figure is printed only if the machine was otherwise idle while it was taken, or
//! if no load can change it.

pub mod binary;
pub mod list;
pub mod machine_load;
pub mod markdown;
pub mod process;
pub mod readings;
pub mod record;
pub mod rounds;
pub mod sample;
pub mod summary;

/// A command that is run several times, and the figures read from what it gives.
#[derive(Clone, Copy, Debug)]
pub struct Series {
    /// The name on the command line.
    pub name: &'static str,
    /// What is measured, in one line.
    pub about: &'static str,
    /// Where readings come from.
    pub source: Source,
    /// Rounds of one binary alone.
    pub rounds: u32,
    /// What is made of the readings.
    pub figures: Figures,
}

/// Where the readings of a series come from.
#[derive(Clone, Copy, Debug)]
pub enum Source {
    /// `hopwise run` with these arguments, and a seed for each round. Words are parted by spaces.
    Run(&'static str),
    /// `hopwise compare`.
    Compare,
    /// A criterion bench, with the benchmarks that this regular expression matches.
    Bench {
        /// Name of the bench.
        name: &'static str,
        /// Which benchmarks of it; an empty text matches all.
        filter: &'static str,
    },
    /// The program `instructions`, which needs valgrind.
    Instructions,
    /// The floors of the machine.
    Floors,
}

/// The figures of a series.
#[derive(Clone, Copy, Debug)]
pub enum Figures {
    /// These.
    Named(&'static [Figure]),
    /// Every reading is a figure of this kind.
    Each(Kind),
}

/// A number that is made of readings.
#[derive(Clone, Copy, Debug)]
pub struct Figure {
    /// Its name in tables.
    pub name: &'static str,
    /// Which readings it is made of.
    pub of: Quotient,
    /// What kind of number it is.
    pub kind: Kind,
}

/// A reading, or what it is per another one, times a factor.
#[derive(Clone, Copy, Debug)]
pub struct Quotient {
    /// The reading.
    pub reading: &'static str,
    /// The reading it is divided by.
    pub per: Option<&'static str>,
    /// What the result is multiplied by.
    pub factor: f64,
}

/// What a number means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kind {
    /// Unit.
    pub unit: &'static str,
    /// Which direction is an improvement.
    pub better: Better,
    /// Whether a new binary may be worse by no more than a limit.
    pub gate: bool,
    /// Whether load on the machine cannot change it.
    pub exact: bool,
}

/// Which direction is an improvement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Better {
    /// More is better.
    Higher,
    /// Less is better.
    Lower,
}

impl Series {
    /// Whether one of its figures is a gate.
    #[must_use]
    pub fn is_gate(&self) -> bool {
        match self.figures {
            Figures::Named(figures) => figures.iter().any(|figure| figure.kind.gate),
            Figures::Each(kind) => kind.gate,
        }
    }

    /// The kind of its figure with this name.
    #[must_use]
    pub fn kind_of(&self, figure: &str) -> Option<Kind> {
        match self.figures {
            Figures::Named(figures) => {
                figures.iter().find(|named| named.name == figure).map(|named| named.kind)
            }
            Figures::Each(kind) => Some(kind),
        }
    }
}

impl Source {
    /// The command as a reader would type it.
    #[must_use]
    pub fn command(&self) -> String {
        match self {
            Source::Run(arguments) => format!("hopwise run {arguments}"),
            Source::Compare => "hopwise compare".to_owned(),
            Source::Bench { name, filter } => {
                format!("cargo bench --bench {name} -- '{filter}'").replace(" -- ''", "")
            }
            Source::Instructions => "instructions".to_owned(),
            Source::Floors => "measure floors".to_owned(),
        }
    }
}
