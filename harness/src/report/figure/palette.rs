//! Okabe and Ito's palette, which colour-blind readers can distinguish.
//!
//! **Invariant:** no two colours are the same.

use plotters::style::RGBColor;

pub(crate) const BLUE: RGBColor = RGBColor(0, 114, 178);
pub(crate) const ORANGE: RGBColor = RGBColor(213, 94, 0);
pub(crate) const GREEN: RGBColor = RGBColor(0, 158, 115);
pub(crate) const BLACK: RGBColor = RGBColor(0, 0, 0);

/// All colours, in the order in which curves take them.
pub(crate) const ALL: [RGBColor; 7] = [
    BLUE,
    ORANGE,
    GREEN,
    RGBColor(204, 121, 167),
    RGBColor(230, 159, 0),
    RGBColor(86, 180, 233),
    BLACK,
];
