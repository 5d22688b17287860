//! The figures that a feed tells every second, and how a page shows them.
//!
//! **Invariant:** plain data; a page knows no figure by its name.

use serde::Serialize;

/// A figure.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Figure {
    /// Its name.
    pub name: &'static str,
    /// Its unit; an empty one for a count.
    pub unit: &'static str,
}

/// A chart of some figures over time.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Chart {
    /// Its title.
    pub title: &'static str,
    /// The unit of its figures.
    pub unit: &'static str,
    /// Its curves: the name, the index of the figure, and the number of the colour.
    pub curves: &'static [(&'static str, usize, u8)],
}

/// What a page shows of the figures.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Layout {
    /// The figures, in the order of their values.
    pub figures: &'static [Figure],
    /// The charts.
    pub charts: &'static [Chart],
}

const fn figure(name: &'static str, unit: &'static str) -> Figure {
    Figure { name, unit }
}

/// The layout of a run; [`Snapshot`](crate::live::Snapshot) has its values.
pub const RUN: Layout = Layout {
    figures: &[
        figure("Live nodes", ""),
        figure("Lookups issued", "1/s"),
        figure("Answered", "1/s"),
        figure("Failed", "1/s"),
        figure("Median", "ms"),
        figure("99th percentile", "ms"),
        figure("Hops, mean", "hops"),
        figure("Maintenance per node", "B/s"),
    ],
    charts: &[
        Chart {
            title: "Lookups",
            unit: "1/s",
            curves: &[("issued", 1, 5), ("answered", 2, 0), ("failed", 3, 1)],
        },
        Chart {
            title: "Latency",
            unit: "ms",
            curves: &[("median", 4, 0), ("99th percentile", 5, 1)],
        },
        Chart { title: "Live nodes", unit: "", curves: &[("live", 0, 2)] },
        Chart { title: "Maintenance per node", unit: "B/s", curves: &[("sent", 7, 4)] },
    ],
};

/// The layout of a server.
pub const SERVER: Layout = Layout {
    figures: &[
        figure("Live nodes", ""),
        figure("Requests", "1/s"),
        figure("In progress", ""),
        figure("Connections", ""),
        figure("Items, with copies", ""),
        figure("Bytes of values", "B"),
        figure("Repairs", "1/s"),
        figure("Messages of nodes", "1/s"),
    ],
    charts: &[
        Chart { title: "Requests", unit: "1/s", curves: &[("answered", 1, 0)] },
        Chart { title: "Messages of nodes", unit: "1/s", curves: &[("received", 7, 4)] },
        Chart { title: "Live nodes", unit: "", curves: &[("live", 0, 2)] },
        Chart { title: "Copies sent to mend others", unit: "1/s", curves: &[("repairs", 6, 1)] },
    ],
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn charts_show_figures_of_their_unit() {
        for layout in [RUN, SERVER] {
            for chart in layout.charts {
                for &(name, index, _) in chart.curves {
                    assert_eq!(layout.figures[index].unit, chart.unit, "{name}");
                }
            }
        }
    }
}
