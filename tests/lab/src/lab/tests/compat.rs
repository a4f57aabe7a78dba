//! A guest of 32 bits calls Argo (tests/lab/compat/guest.c).

use super::bed::Bed;
use crate::lab::domains::state;
use std::io;
use std::thread::sleep;
use std::time::{Duration, Instant};

const LIMIT: Duration = Duration::from_secs(60);

/// Its name for xl.
const NAME: &str = "compat";

/// How the guest begins its words on Xen's console.
const PREFIX: &str = "32-bit: ";

/// Only a guest with the CPU's virtualization can be of 32 bits: Xen is built without PV guests of that kind.
const CONFIG: &str = "name = \"compat\"\ntype = \"pvh\"\nnomigrate = 1\nmemory = 32\nvcpus = 1\n\
     kernel = \"/guest/compat\"\non_crash = \"preserve\"\non_poweroff = \"preserve\"\n";

/// Rings, short messages and one of several chunks do as they do for callers of 64 bits.
pub(super) fn caller_of_32_bits(bed: &mut Bed<'_>) -> io::Result<()> {
    let link = bed.link()?;
    let before = bed.console()?.len();
    link.dom0(
        &format!("cat > /tmp/{NAME}.cfg <<'END'\n{CONFIG}END\nxl create -q /tmp/{NAME}.cfg"),
        LIMIT,
    )?;
    let end = Instant::now() + LIMIT;
    let mut last = state(&link, NAME)?;
    // Neither off nor crashed.
    while !last.contains(['s', 'c']) && Instant::now() < end {
        sleep(Duration::from_millis(200));
        last = state(&link, NAME)?;
    }
    link.dom0(&format!("xl destroy {NAME}"), LIMIT)?;
    if last.contains('s') && !last.contains('c') {
        return Ok(());
    }
    let console = bed.console()?;
    let said = console.get(before..).unwrap_or_default();
    let said = said.get(said.find(PREFIX).unwrap_or_default()..);
    Err(io::Error::other(format!(
        "the guest of 32 bits ended as {last}:\n{}",
        said.unwrap_or_default()
    )))
}
