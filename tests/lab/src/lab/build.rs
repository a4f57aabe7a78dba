//! `cargo xtask lab build`: all that the lab boots.

use super::debian::install_programs;
use super::image::{self, Images};
use super::kernel::Kernel;
use super::module;
use super::programs;
use super::xen::{self, Mode, Whose};
use std::io;
use std::time::Instant;

/// What the machines boot.
pub(crate) struct Built {
    pub(crate) kernel: Kernel,
    pub(crate) images: Images,
}

/// Fetches and builds what is missing or has changed.
pub(crate) fn all() -> io::Result<Built> {
    install_programs()?;
    let kernel = Kernel::fetch()?;
    let folder = programs::build()?;
    let programs = programs::NAMES.map(|name| folder.join(name));
    let module = module::build(&kernel)?;
    let images = image::build(&kernel, &programs, &module)?;
    Ok(Built { kernel, images })
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
