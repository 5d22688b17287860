//! Series of measurements: their definitions, and the way from samples to figures with their
//! spread.
//!
//! ```text
//! list ──► sample (process, readings) ──► rounds ──► summary ──► record, markdown
//! ```
//!
//! **Invariant:** a figure is printed only if the machine was otherwise idle during the
//! measurement, or if load cannot change it.

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

/// A command to run several times, and the figures to compute from its results.
#[derive(Clone, Copy, Debug)]
pub struct Series {
    /// The name on the command line.
    pub name: &'static str,
    /// One-line description.
    pub about: &'static str,
    /// Source of the readings.
    pub source: Source,
    /// Default number of rounds of a single binary.
    pub rounds: u32,
    /// Figures to compute from the readings.
    pub figures: Figures,
}

/// The source of a series' readings.
#[derive(Clone, Copy, Debug)]
pub enum Source {
    /// `hopwise run` with these arguments, separated by spaces, and a seed for each round.
    Run(&'static str),
    /// `hopwise compare`.
    Compare,
    /// A criterion bench, with the benchmarks that this regular expression matches.
    Bench {
        /// Name of the bench.
        name: &'static str,
        /// Regular expression for its benchmarks. An empty one matches all.
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
    /// The figures in this list.
    Named(&'static [Figure]),
    /// Every reading is a figure of this kind.
    Each(Kind),
}

/// A number computed from readings.
#[derive(Clone, Copy, Debug)]
pub struct Figure {
    /// Its name in tables.
    pub name: &'static str,
    /// Readings from which it is computed.
    pub of: Quotient,
    /// Kind of number.
    pub kind: Kind,
}

/// A reading, optionally divided by another one, times a factor.
#[derive(Clone, Copy, Debug)]
pub struct Quotient {
    /// The reading.
    pub reading: &'static str,
    /// The divisor.
    pub per: Option<&'static str>,
    /// The factor.
    pub factor: f64,
}

/// Properties of a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kind {
    /// Unit.
    pub unit: &'static str,
    /// Direction of improvement.
    pub better: Better,
    /// Whether it is a gate: a new binary may be worse only by a limit.
    pub gate: bool,
    /// Whether it is independent of load on the machine.
    pub exact: bool,
}

/// Direction of improvement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Better {
    /// Higher is better.
    Higher,
    /// Lower is better.
    Lower,
}

impl Series {
    /// Whether any figure of the series is a gate.
    #[must_use]
    pub fn is_gate(&self) -> bool {
        match self.figures {
            Figures::Named(figures) => figures.iter().any(|figure| figure.kind.gate),
            Figures::Each(kind) => kind.gate,
        }
    }

    /// The kind of the figure with this name.
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
    /// The command as typed in a shell.
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
