//! Charts: what they show, before anything draws them. A page draws them with `page/assets/page.js`, a paper's
//! figure with [`paper`](super::paper).
//!
//! **Invariant:** plain data that knows no result.

use serde::Serialize;

/// Places that each have a label on their axis, at most.
const TICKS_MAX: usize = 10;
/// An axis is logarithmic if its greatest place is at least this many times its least one.
const LOG_SPAN: f64 = 8.0;

/// A chart.
#[derive(Clone, PartialEq, Debug, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub(crate) enum Chart {
    /// Curves, bars and points over two axes.
    Curves(Curves),
    /// A figure for each combination of two values.
    Heat(Heat),
}

/// Curves, bars and points over two axes.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub(crate) struct Curves {
    /// Its name in links and files: lowercase letters, digits and hyphens.
    pub(crate) id: String,
    pub(crate) title: String,
    /// A sentence on how to read it.
    #[serde(skip)]
    pub(crate) note: String,
    pub(crate) x: Axis,
    pub(crate) y: Axis,
    pub(crate) series: Vec<Series>,
    pub(crate) marks: Vec<Mark>,
}

impl Curves {
    /// A chart without a note and marks.
    pub(crate) fn new(
        id: impl Into<String>,
        title: impl Into<String>,
        x: Axis,
        y: Axis,
        series: Vec<Series>,
    ) -> Curves {
        let (id, title) = (id.into(), title.into());
        Curves { id, title, note: String::new(), x, y, series, marks: Vec::new() }
    }
}

/// A figure for each combination of two values.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub(crate) struct Heat {
    /// As [`Curves::id`].
    pub(crate) id: String,
    pub(crate) title: String,
    #[serde(skip)]
    pub(crate) note: String,
    pub(crate) x: Values,
    pub(crate) y: Values,
    /// The figure.
    pub(crate) value: Quantity,
    /// Row by row: for each value of `y`, one figure for each value of `x`.
    pub(crate) cells: Vec<Vec<Option<f64>>>,
}

/// The values along a side of a [`Heat`] chart.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub(crate) struct Values {
    pub(crate) label: String,
    pub(crate) unit: &'static str,
    pub(crate) values: Vec<String>,
}

/// What numbers mean.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub(crate) struct Quantity {
    pub(crate) label: String,
    pub(crate) unit: &'static str,
}

/// An axis.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub(crate) struct Axis {
    #[serde(flatten)]
    pub(crate) quantity: Quantity,
    pub(crate) scale: Scale,
    /// The values that have a label; empty if any may have one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) ticks: Vec<f64>,
    /// What the places 1, 2, … stand for; empty if places are numbers.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) names: Vec<String>,
}

impl Axis {
    pub(crate) fn new(label: impl Into<String>, unit: &'static str, scale: Scale) -> Axis {
        Axis {
            quantity: Quantity { label: label.into(), unit },
            scale,
            ticks: Vec::new(),
            names: Vec::new(),
        }
    }

    /// An axis on which these places lie: logarithmic if they span much. Few have a label each.
    pub(crate) fn over(label: impl Into<String>, unit: &'static str, places: &[f64]) -> Axis {
        let least = places.iter().copied().fold(f64::MAX, f64::min);
        let most = places.iter().copied().fold(f64::MIN, f64::max);
        let is_log = least > 0.0 && most / least >= LOG_SPAN;
        let ticks = if places.len() <= TICKS_MAX { places.to_vec() } else { Vec::new() };
        let scale = if is_log { Scale::Log } else { Scale::Linear };
        Axis { ticks, ..Axis::new(label, unit, scale) }
    }

    /// The time since the start of a run.
    pub(crate) fn time() -> Axis {
        Axis::new("Time", "s", Scale::Linear)
    }
}

/// How values become places on an axis.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Scale {
    Linear,
    Log,
    /// Quantiles q as 1/(1 − q), on a logarithmic axis whose labels are percentiles.
    Nines,
}

/// One curve.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub(crate) struct Series {
    pub(crate) name: String,
    pub(crate) style: Style,
    pub(crate) dashed: bool,
    /// An index into the palette.
    pub(crate) color: usize,
    pub(crate) x: Vec<f64>,
    /// As many as `x`; `None`: there is no value.
    pub(crate) y: Vec<Option<f64>>,
    /// The ends of the confidence interval of each value, if there is one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) low: Vec<Option<f64>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) high: Vec<Option<f64>>,
}

impl Series {
    /// A series of these points. JSON has no infinite numbers, so they are left out.
    pub(crate) fn new(
        name: impl Into<String>,
        style: Style,
        color: usize,
        points: impl IntoIterator<Item = (f64, Option<f64>)>,
    ) -> Series {
        let points = points.into_iter().filter(|(x, _)| x.is_finite());
        let (x, y) = points.map(|(x, y)| (x, y.filter(|it| it.is_finite()))).unzip();
        let (low, high) = (Vec::new(), Vec::new());
        Series { name: name.into(), style, dashed: false, color, x, y, low, high }
    }

    /// The same, dashed: what theory says.
    pub(crate) fn dashed(self) -> Series {
        Series { dashed: true, ..self }
    }

    /// Whether it has a value.
    pub(crate) fn has_values(&self) -> bool {
        self.y.iter().any(Option::is_some)
    }
}

/// How a series is drawn.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Style {
    Line,
    /// Each value holds until the next one.
    Steps,
    Bars,
    Points,
}

/// Something that happened at a place of the x axis.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub(crate) struct Mark {
    pub(crate) x: f64,
    /// Its end, if it lasted.
    pub(crate) to: Option<f64>,
    pub(crate) label: String,
}

impl Chart {
    pub(crate) fn id(&self) -> &str {
        match self {
            Chart::Curves(it) => &it.id,
            Chart::Heat(it) => &it.id,
        }
    }

    pub(crate) fn title(&self) -> &str {
        match self {
            Chart::Curves(it) => &it.title,
            Chart::Heat(it) => &it.title,
        }
    }

    pub(crate) fn note(&self) -> &str {
        match self {
            Chart::Curves(it) => &it.note,
            Chart::Heat(it) => &it.note,
        }
    }

    /// Whether there is anything to see.
    pub(crate) fn has_values(&self) -> bool {
        match self {
            Chart::Curves(it) => it.series.iter().any(Series::has_values),
            Chart::Heat(it) => it.cells.iter().flatten().any(Option::is_some),
        }
    }
}
