//! Latency and throughput over message size, with logarithmic axes, as SVG and as PNG.

mod axis;
mod palette;

use crate::sample::Sample;
use axis::Scale;
use plotters::coord::Shift;
use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;
use plotters::style::{FontStyle, register_font};
use std::collections::BTreeMap;
use std::fmt::Display;
use std::io::{Error, Result};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// Width and height of the picture in pixels: two panels side by side.
const SIZE: (u32, u32) = (1800, 800);

const FONT: &str = "sans-serif";
const INK: RGBColor = RGBColor(40, 44, 52);
const FAINT: RGBColor = RGBColor(150, 154, 160);
const GRID: RGBColor = RGBColor(214, 217, 221);
const FINE_GRID: RGBColor = RGBColor(238, 240, 242);

/// Writes `<stem>.svg` and `<stem>.png` into `folder`, which is made if it is not there, and returns their paths. `subject` is
/// drawn on top and in a stronger line.
///
/// # Errors
/// Where the files cannot be written; `InvalidInput` without any sample.
pub fn write(samples: &[Sample], subject: &str, folder: &Path, stem: &str) -> Result<[PathBuf; 2]> {
    if samples.is_empty() {
        return Err(Error::new(
            std::io::ErrorKind::InvalidInput,
            "nothing was measured, so there is nothing to plot",
        ));
    }
    font()?;
    std::fs::create_dir_all(folder)?;
    let files = ["svg", "png"].map(|kind| folder.join(format!("{stem}.{kind}")));
    let figure = Figure::new(samples, subject);
    figure.draw(&SVGBackend::new(&files[0], SIZE).into_drawing_area())?;
    figure.draw(&BitMapBackend::new(&files[1], SIZE).into_drawing_area())?;
    Ok(files)
}

/// The PNG's letters come with the program, so that it needs no font of the system.
fn font() -> Result<()> {
    static DONE: OnceLock<bool> = OnceLock::new();
    let font = epaint_default_fonts::UBUNTU_LIGHT;
    let done = DONE.get_or_init(|| register_font(FONT, FontStyle::Normal, font).is_ok());
    if *done {
        Ok(())
    } else {
        Err(Error::other("the built-in font is damaged"))
    }
}

/// A curve: bytes against microseconds, or against megabytes per second.
type Curve = Vec<(f64, f64)>;

struct Figure<'a> {
    subject: &'a str,
    samples: BTreeMap<(bool, usize, &'a str), Vec<&'a Sample>>,
}

impl<'a> Figure<'a> {
    fn new(samples: &'a [Sample], subject: &'a str) -> Self {
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
            samples: curves,
        }
    }

    fn draw<B: DrawingBackend>(&self, area: &DrawingArea<B, Shift>) -> Result<()> {
        area.fill(&WHITE).map_err(failed)?;
        let (left, right) = area.split_horizontally(SIZE.0 / 2);
        self.panel(&left, "Latency (one way)", axis::time, |sample| sample.latency_us)?;
        self.panel(&right, "Throughput", axis::speed, |sample| sample.mb_per_s)?;
        area.present().map_err(failed)
    }

    fn panel<B: DrawingBackend>(
        &self,
        area: &DrawingArea<B, Shift>,
        title: &str,
        unit: fn(f64) -> String,
        value: fn(&Sample) -> f64,
    ) -> Result<()> {
        let curves = self.curves(value);
        let all = || curves.iter().flat_map(|(_, curve)| curve);
        let (x, y) = (
            Scale::of(all().map(|p| p.0), 2.0),
            Scale::of(all().map(|p| p.1), 10.0),
        );
        let mut chart = ChartBuilder::on(area)
            .caption(title, (FONT, 34).into_font().color(&INK))
            .margin(18)
            .margin_right(34)
            .x_label_area_size(72)
            .y_label_area_size(104)
            .build_cartesian_2d(x.range(), y.range())
            .map_err(failed)?;
        fine_grid(&mut chart, &x, &y)?;
        chart
            .configure_mesh()
            .x_labels(14)
            .y_labels(y.steps() + 1)
            .x_label_formatter(&|exponent| axis::size(x.value(*exponent)))
            .y_label_formatter(&|exponent| unit(y.value(*exponent)))
            .x_desc("message size")
            .label_style((FONT, 20).into_font().color(&INK))
            .axis_desc_style((FONT, 22).into_font().color(&INK))
            .bold_line_style(GRID)
            .light_line_style(TRANSPARENT)
            .axis_style(FAINT)
            .draw()
            .map_err(failed)?;
        for (path, curve) in &curves {
            let points = curve.iter().map(|&(bytes, v)| (x.exponent(bytes), y.exponent(v)));
            self.curve(&mut chart, path, points.collect())?;
        }
        legend(&mut chart)
    }

    fn curves(&self, value: fn(&Sample) -> f64) -> Vec<(&str, Curve)> {
        let point = |sample: &&Sample| (sample.bytes as f64, value(sample));
        self.samples
            .iter()
            .map(|((_, _, path), samples)| (*path, samples.iter().map(point).collect()))
            .collect()
    }

    fn curve<B: DrawingBackend>(&self, chart: &mut Chart<B>, path: &str, points: Curve) -> Result<()> {
        let width = if path == self.subject { 4 } else { 2 };
        let style = palette::colour(path).stroke_width(width);
        chart
            .draw_series(LineSeries::new(points.clone(), style))
            .map_err(failed)?
            .label(path)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 36, y)], style));
        // Few points stand apart, and a lone one has no line at all.
        if points.len() <= 16 {
            chart
                .draw_series(points.into_iter().map(|p| Circle::new(p, 5, style.filled())))
                .map_err(failed)?;
        }
        Ok(())
    }
}

type Chart<'a, B> = ChartContext<'a, B, Cartesian2d<RangedCoordf64, RangedCoordf64>>;

fn fine_grid<'a, B: DrawingBackend + 'a>(chart: &mut Chart<'a, B>, x: &Scale, y: &Scale) -> Result<()> {
    let (across, up) = (x.range(), y.range());
    let lines = y.between().map(|at| [(across.start, at), (across.end, at)]);
    let lines = lines.chain(x.between().map(|at| [(at, up.start), (at, up.end)]));
    chart
        .draw_series(lines.map(|line| PathElement::new(line, FINE_GRID)))
        .map_err(failed)?;
    Ok(())
}

/// In the upper left, which is free in either panel: latency and throughput both rise to the right.
fn legend<'a, B: DrawingBackend + 'a>(chart: &mut Chart<'a, B>) -> Result<()> {
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperLeft)
        .margin(20)
        .legend_area_size(48)
        .label_font((FONT, 24).into_font().color(&INK))
        .background_style(WHITE.mix(0.85))
        .border_style(GRID)
        .draw()
        .map_err(failed)
}

fn failed(error: impl Display) -> Error {
    Error::other(format!("cannot draw: {error}"))
}
