//! `v4v resolve`: names of domains.

use crate::output::output;
use clap::Args;
use std::io::{self, Write};
use v4vsock::{Backend, ToV4vAddr, V4vAddr, backend};

#[derive(Args)]
pub(crate) struct Options {
    /// A domain's name or number
    domain: String,
    /// Print a JSON object
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(options: &Options) -> io::Result<()> {
    let address: V4vAddr = (options.domain.as_str(), 0).to_v4v_addr()?;
    let name = address.domain_name()?;
    // Hosted, every domain has a name; a kernel knows only those that its administrator wrote down.
    if name.is_none() && backend()? == Backend::Hosted {
        let sentence = format!("no domain has the number {}", address.domain());
        return Err(io::Error::new(io::ErrorKind::NotFound, sentence));
    }
    if options.json {
        writeln!(
            output(),
            "{}",
            serde_json::json!({ "domain": address.domain(), "name": name })
        )
    } else {
        writeln!(
            output(),
            "{} {}",
            address.domain(),
            name.as_deref().unwrap_or("-")
        )
    }
}
