//! `cargo xtask lab build`: all that the lab boots.

use super::debian::install_programs;
use super::image::{self, Images, Kernels};
use super::kernel::{Kernel, Series};
use super::module;
use super::programs;
use super::xen::{self, Mode, Whose};
use std::io;
use std::path::PathBuf;
use std::time::Instant;

/// What the machines boot.
pub(crate) struct Built {
    /// dom0's kernel.
    pub(crate) kernel: Kernel,
    /// The guests'.
    pub(crate) guests: Kernel,
    pub(crate) images: Images,
}

/// Fetches and builds what is missing or has changed, with the usual kernel in the guests.
pub(crate) fn all() -> io::Result<Built> {
    with_guests(Series::BASE)
}

/// As [`all`], with another kernel in the guests.
pub(crate) fn with_guests(series: Series) -> io::Result<Built> {
    install_programs()?;
    let kernel = Kernel::fetch(Series::BASE)?;
    let guests = Kernel::fetch(series)?;
    let folder = programs::build()?;
    let mut programs: Vec<PathBuf> = programs::NAMES.iter().map(|name| folder.join(name)).collect();
    programs.push(programs::wrapper()?);
    let module = module::build(&guests)?;
    let kernels = Kernels {
        dom0: &kernel,
        guests: &guests,
    };
    let images = image::build(&kernels, &programs, &module)?;
    Ok(Built {
        kernel,
        guests,
        images,
    })
}

/// Builds what the tests boot, and says how long it took.
pub(crate) fn run() -> io::Result<bool> {
    let start = Instant::now();
    all()?;
    for whose in [Whose::Upstream, Whose::Ours] {
        xen::build(whose, Mode::Debug)?;
    }
    eprintln!("lab: built, {:.1} s", start.elapsed().as_secs_f32());
    Ok(true)
}
