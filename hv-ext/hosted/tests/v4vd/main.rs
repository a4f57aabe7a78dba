//! The daemon as its clients see it: the real program, raw requests.

mod broker;
mod client;
mod daemon;
mod lookup;
mod policy;
mod process;
mod protocol;
mod rings;

use client::Client;
use daemon::Daemon;
