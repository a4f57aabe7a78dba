//! The C API as a C programmer has it: installed, found by pkg-config, compiled without a warning, run against a real `v4vd`.

mod examples;
mod install;
mod library;
mod manual;

use install::Installed;
