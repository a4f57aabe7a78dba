//! PNG files with smooth edges: drawn larger than they are, then averaged.

use super::failed;
use super::figure::Area;
use plotters::prelude::*;
use std::fs::File;
use std::io::{BufWriter, Error, Result};
use std::path::Path;

/// Pixels of the drawing to each side of a pixel of the file.
const SCALE: u32 = 3;

/// Bytes of a pixel: red, green, blue.
const PIXEL: usize = 3;

/// Draws with `draw`, which is told how much larger to draw, and writes the file.
pub(super) fn write(
    path: &Path,
    size: (u32, u32),
    draw: impl FnOnce(&Area<BitMapBackend>, u32) -> Result<()>,
) -> Result<()> {
    let large = (size.0 * SCALE, size.1 * SCALE);
    let mut pixels = vec![0; large.0 as usize * large.1 as usize * PIXEL];
    draw(
        &BitMapBackend::with_buffer(&mut pixels, large).into_drawing_area(),
        SCALE,
    )?;
    let small = averaged(&pixels, large.0 as usize);
    let mut encoder = png::Encoder::new(BufWriter::new(File::create(path)?), size.0, size.1);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_adaptive_filter(png::AdaptiveFilterType::Adaptive);
    let mut writer = encoder.write_header().map_err(Error::other)?;
    writer.write_image_data(&small).map_err(failed)?;
    writer.finish().map_err(failed)
}

/// Each square of `SCALE` pixels becomes their mean.
fn averaged(pixels: &[u8], width: usize) -> Vec<u8> {
    let scale = SCALE as usize;
    let mut small = Vec::with_capacity(pixels.len() / (scale * scale));
    for band in pixels.chunks_exact(width * PIXEL * scale) {
        for column in 0..width / scale {
            for colour in 0..PIXEL {
                let at = |row: usize, i: usize| band[(row * width + column * scale + i) * PIXEL + colour];
                let sum: u32 = (0..scale * scale)
                    .map(|i| u32::from(at(i / scale, i % scale)))
                    .sum();
                small.push((sum / (SCALE * SCALE)) as u8);
            }
        }
    }
    small
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_square_becomes_its_mean() {
        let mut pixels = vec![0; 6 * 3 * PIXEL];
        for row in pixels.chunks_mut(6 * PIXEL) {
            row[3 * PIXEL..].fill(90);
        }
        pixels[3 * PIXEL] = 180;
        assert_eq!(averaged(&pixels, 6), [0, 0, 0, 100, 90, 90]);
    }
}
