//! A guest of 32 bits calls Argo (tests/lab/compat/guest.c): its words are on Xen's console.

use super::bed::Bed;
use std::io;
use std::thread::sleep;
use std::time::{Duration, Instant};

const LIMIT: Duration = Duration::from_secs(90);

/// How the guest begins each of its lines, its verdict, and its last word.
const PREFIX: &str = "32-bit: ";
const GOOD: &str = "32-bit: all as expected";
const LAST: &str = "32-bit: end";

/// It ends of itself. Only a guest with the CPU's virtualization can be of 32 bits: Xen is built without PV guests of that kind.
const CONFIG: &str = "name = \"compat\"\ntype = \"pvh\"\nnomigrate = 1\nmemory = 32\nvcpus = 1\n\
     kernel = \"/guest/compat\"\non_crash = \"destroy\"\non_poweroff = \"destroy\"\n";

/// Rings, short messages and one of several chunks do as they do for callers of 64 bits.
pub(super) fn caller_of_32_bits(bed: &mut Bed<'_>) -> io::Result<()> {
    let link = bed.link()?;
    let before = bed.console()?.len();
    link.dom0(
        &format!("cat > /tmp/compat.cfg <<'END'\n{CONFIG}END\nxl create -q /tmp/compat.cfg"),
        LIMIT,
    )?;
    let end = Instant::now() + LIMIT;
    loop {
        let console = bed.console()?;
        let said = console.get(before..).unwrap_or_default();
        if said.contains(LAST) || Instant::now() > end {
            return judge(said);
        }
        sleep(Duration::from_millis(200));
    }
}

fn judge(said: &str) -> io::Result<()> {
    if said.contains(GOOD) {
        return Ok(());
    }
    let from = said.find(PREFIX).unwrap_or_default();
    Err(io::Error::other(format!(
        "the guest of 32 bits said:\n{}",
        said.get(from..).unwrap_or_default()
    )))
}
