//! The lines behind the curves.

use super::axis::Scale;
use super::failed;
use super::figure::Chart;
use plotters::prelude::*;
use std::io::Result;

/// Axes.
pub(super) const FAINT: RGBColor = RGBColor(150, 154, 160);
/// Lines at labels.
pub(super) const GRID: RGBColor = RGBColor(214, 217, 221);
/// Lines between labels.
const FINE_GRID: RGBColor = RGBColor(238, 240, 242);

/// Lines between the powers of the axes' bases.
pub(super) fn fine<'a, B: DrawingBackend + 'a>(
    chart: &mut Chart<'a, B>,
    x: &Scale,
    y: &Scale,
    scale: u32,
) -> Result<()> {
    let (across, up) = (x.range(), y.range());
    let lines = y.between().map(|at| [(across.start, at), (across.end, at)]);
    let lines = lines.chain(x.between().map(|at| [(at, up.start), (at, up.end)]));
    let style = FINE_GRID.stroke_width(scale);
    chart
        .draw_series(lines.map(|line| PathElement::new(line, style)))
        .map_err(failed)?;
    Ok(())
}
