//! Latency and throughput over message size, with logarithmic axes, as SVG and as PNG.

mod axis;
mod figure;
mod grid;
mod headline;
mod palette;
mod raster;

use crate::sample::Sample;
use figure::Figure;
use plotters::prelude::*;
use plotters::style::{FontStyle, register_font};
use std::fmt::Display;
use std::io::{Error, ErrorKind, Result};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// Width and height of the picture in pixels: two panels side by side.
const SIZE: (u32, u32) = (1800, 860);

const FONT: &str = "sans-serif";

/// What stands above the curves beside the sentence about the subject.
#[derive(Clone, Copy, Debug)]
pub struct Caption<'a> {
    /// What was measured.
    pub title: &'a str,
    /// A further line; none where it is empty.
    pub note: &'a str,
    /// Paths that were measured on another machine: the sentence does not compare them with the subject.
    pub elsewhere: &'a [String],
}

impl Default for Caption<'_> {
    fn default() -> Self {
        Self {
            title: "Ping-pong between two processes over message size",
            note: "",
            elsewhere: &[],
        }
    }
}

/// Writes `<stem>.svg` and `<stem>.png` into `folder`, which is made if it is not there, and returns their paths. `subject` is
/// drawn on top and in a stronger line.
///
/// # Errors
/// Where the files cannot be written; `InvalidInput` without any sample.
pub fn write(
    samples: &[Sample],
    subject: &str,
    caption: Caption<'_>,
    folder: &Path,
    stem: &str,
) -> Result<[PathBuf; 2]> {
    if samples.is_empty() {
        return Err(Error::new(
            ErrorKind::InvalidInput,
            "nothing was measured, so there is nothing to plot",
        ));
    }
    font()?;
    std::fs::create_dir_all(folder)?;
    let [svg, png] = ["svg", "png"].map(|kind| folder.join(format!("{stem}.{kind}")));
    let figure = Figure::new(samples, subject, caption);
    figure.draw(&SVGBackend::new(&svg, SIZE).into_drawing_area(), 1)?;
    raster::write(&png, SIZE, |area, scale| figure.draw(area, scale))?;
    Ok([svg, png])
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

fn failed(error: impl Display) -> Error {
    Error::other(format!("cannot draw: {error}"))
}
