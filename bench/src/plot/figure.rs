//! The picture: a headline, a panel for the latency, one for the throughput.

use super::axis::{self, Scale};
use super::grid::{self, FAINT, GRID};
use super::{Caption, FONT, failed, headline, palette};
use crate::sample::Sample;
use plotters::coord::Shift;
use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use std::collections::BTreeMap;
use std::io::Result;

const INK: RGBColor = RGBColor(40, 44, 52);
const SOFT_INK: RGBColor = RGBColor(96, 101, 110);

/// Pixels above the panels for the headline, and for a note below it.
const HEAD: u32 = 96;
const NOTE: u32 = 34;

/// Lines at sizes, at most; where there are more than half of that, only each fourth power of two is named.
const SIZE_LABELS: usize = 14;

/// Curves of more points than this show no marks at them.
const MARKED: usize = 16;

/// A curve: bytes against microseconds, or against megabytes per second.
type Curve = Vec<(f64, f64)>;

pub(super) type Area<B> = DrawingArea<B, Shift>;
pub(super) type Chart<'a, B> = ChartContext<'a, B, Cartesian2d<RangedCoordf64, RangedCoordf64>>;

pub(super) struct Figure<'a> {
    subject: &'a str,
    caption: Caption<'a>,
    samples: BTreeMap<(bool, usize, &'a str), Vec<&'a Sample>>,
    headline: String,
}

/// What differs between the two panels.
struct Panel {
    title: &'static str,
    /// What stands at the upright axis.
    axis: &'static str,
    unit: fn(f64) -> String,
    value: fn(&Sample) -> f64,
}

const LATENCY: Panel = Panel {
    title: "Latency",
    axis: "one way (lower is better)",
    unit: axis::time,
    value: |sample| sample.latency_us,
};

const THROUGHPUT: Panel = Panel {
    title: "Throughput",
    axis: "payload (higher is better)",
    unit: axis::speed,
    value: |sample| sample.mb_per_s,
};

impl<'a> Figure<'a> {
    pub(super) fn new(samples: &'a [Sample], subject: &'a str, caption: Caption<'a>) -> Self {
        let mut order: Vec<&str> = Vec::new();
        let mut curves: BTreeMap<_, Vec<&Sample>> = BTreeMap::new();
        for sample in samples {
            let path = sample.path.as_str();
            if !order.contains(&path) {
                order.push(path);
            }
            let place = order.iter().position(|other| *other == path).unwrap_or_default();
            // The subject sorts last, so it is drawn over the others.
            curves
                .entry((path == subject, place, path))
                .or_default()
                .push(sample);
        }
        Self {
            subject,
            caption,
            samples: curves,
            headline: headline::of(samples, subject, caption.elsewhere),
        }
    }

    /// Draws everything `scale` times as large.
    pub(super) fn draw<B: DrawingBackend>(&self, area: &Area<B>, scale: u32) -> Result<()> {
        area.fill(&WHITE).map_err(failed)?;
        let note = if self.caption.note.is_empty() { 0 } else { NOTE };
        let (head, body) = area.split_vertically((HEAD + note) * scale);
        self.head(&head, scale)?;
        let (left, right) = body.split_horizontally(body.dim_in_pixel().0 / 2);
        self.panel(&left, &LATENCY, scale)?;
        self.panel(&right, &THROUGHPUT, scale)?;
        area.present().map_err(failed)
    }

    fn head<B: DrawingBackend>(&self, area: &Area<B>, scale: u32) -> Result<()> {
        let centre = area.dim_in_pixel().0.cast_signed() / 2;
        let middle = Pos::new(HPos::Center, VPos::Top);
        let lines = [
            (self.caption.title, 32, 18, INK),
            (&self.headline, 22, 62, SOFT_INK),
            (self.caption.note, 22, 96, SOFT_INK),
        ];
        for (text, size, top, colour) in lines {
            let style = font(size, scale).color(&colour).pos(middle);
            area.draw_text(text, &style, (centre, top * scale.cast_signed()))
                .map_err(failed)?;
        }
        Ok(())
    }

    fn panel<B: DrawingBackend>(&self, area: &Area<B>, panel: &Panel, scale: u32) -> Result<()> {
        let curves = self.curves(panel.value);
        let all = || curves.iter().flat_map(|(_, curve)| curve);
        let x = Scale::of(all().map(|p| p.0), 2.0);
        let y = Scale::of(all().map(|p| p.1), 10.0);
        let mut chart = ChartBuilder::on(area)
            .caption(panel.title, font(28, scale).color(&INK))
            .margin(18 * scale)
            .margin_right(34 * scale)
            .x_label_area_size(72 * scale)
            .y_label_area_size(124 * scale)
            .build_cartesian_2d(x.range(), y.range())
            .map_err(failed)?;
        grid::fine(&mut chart, &x, &y, scale)?;
        chart
            .configure_mesh()
            .x_labels(SIZE_LABELS)
            .y_labels(y.steps() + 1)
            .x_label_formatter(&|exponent| {
                let shown = x.steps() < SIZE_LABELS / 2 || exponent.round() % 4.0 == 0.0;
                if shown {
                    axis::size(x.value(*exponent))
                } else {
                    String::new()
                }
            })
            .y_label_formatter(&|exponent| (panel.unit)(y.value(*exponent)))
            .x_desc("message size")
            .y_desc(panel.axis)
            .label_style(font(20, scale).color(&INK))
            .axis_desc_style(font(22, scale).color(&SOFT_INK))
            .bold_line_style(GRID.stroke_width(scale))
            .light_line_style(TRANSPARENT)
            .axis_style(FAINT.stroke_width(scale))
            .draw()
            .map_err(failed)?;
        for (path, curve) in &curves {
            let points = curve.iter().map(|&(bytes, v)| (x.exponent(bytes), y.exponent(v)));
            self.curve(&mut chart, path, points.collect(), scale)?;
        }
        legend(&mut chart, scale)
    }

    fn curves(&self, value: fn(&Sample) -> f64) -> Vec<(&str, Curve)> {
        let point = |sample: &&Sample| (sample.bytes as f64, value(sample));
        self.samples
            .iter()
            .map(|((_, _, path), samples)| (*path, samples.iter().map(point).collect()))
            .collect()
    }

    fn curve<B: DrawingBackend>(
        &self,
        chart: &mut Chart<B>,
        path: &str,
        points: Curve,
        scale: u32,
    ) -> Result<()> {
        let width = scale * if path == self.subject { 4 } else { 2 };
        let style = palette::colour(path).stroke_width(width);
        let long = 36 * scale.cast_signed();
        // What was measured elsewhere is known at single sizes, and nothing of what lies between.
        let single = self.caption.elsewhere.iter().any(|other| other == path);
        // Piece by piece: at a sharp corner, a line in one piece grows a thorn.
        let pieces = points
            .windows(2)
            .filter(|_| !single)
            .map(|ends| PathElement::new(ends.to_vec(), style));
        chart
            .draw_series(pieces)
            .map_err(failed)?
            .label(palette::label(path))
            .legend(move |(x, y)| PathElement::new([(x, y), (x + long, y)], style));
        // Few points stand apart, and a lone one has no line at all; between many, dots round the line's corners.
        let radius = if points.len() <= MARKED {
            5 * scale
        } else {
            width / 2
        };
        let dots = points.into_iter().map(|p| Circle::new(p, radius, style.filled()));
        chart.draw_series(dots).map_err(failed).map(drop)
    }
}

fn font<'a>(size: u32, scale: u32) -> FontDesc<'a> {
    (FONT, size * scale).into_font()
}

/// In the upper left, which is free in either panel: latency and throughput both rise to the right.
fn legend<'a, B: DrawingBackend + 'a>(chart: &mut Chart<'a, B>, scale: u32) -> Result<()> {
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperLeft)
        .margin(20 * scale)
        .legend_area_size(48 * scale)
        .label_font(font(22, scale).color(&INK))
        .background_style(WHITE.mix(0.85))
        .border_style(GRID.stroke_width(scale))
        .draw()
        .map_err(failed)
}
