//! What Xen and the kernels say of themselves when something is wrong with them: no test passes over it.

use crate::lab::domains::Guest;
use crate::lab::link::Link;
use std::io;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(60);

/// Linux's words, for grep: of warnings, bugs, locks (lockdep) and sleeping where that is forbidden.
const OF_LINUX: &str = "WARNING:|BUG|Oops|Call Trace|while atomic|sleeping function|INFO: .* blocked for more than|unsafe locking";

/// Xen's words. The asterisks of its self-test's warning are not among them.
const OF_XEN: [&str; 5] = ["Assertion", "BUG at", "FATAL", "Panic on", "WARN at"];

/// An error with Xen's own complaints in a part of its console.
pub(super) fn of_xen(console: &str) -> io::Result<()> {
    let bad: Vec<&str> = console
        .lines()
        .filter(|line| OF_XEN.iter().any(|word| line.contains(word)))
        .collect();
    judge("Xen", &bad.join("\n"), || console.to_owned())
}

/// An error with the complaints of dom0's kernel, or of what guests wrote to their consoles, those too that are gone.
pub(super) fn of_dom0_and_consoles(link: &Link) -> io::Result<()> {
    let line = format!(
        "dmesg | grep -E '{OF_LINUX}'; for log in /var/log/xen/guest-*.log; do [ ! -e $log ] || grep -HE '{OF_LINUX}' $log; done; true"
    );
    judge("a kernel", &link.dom0(&line, LIMIT)?, || {
        link.dom0("dmesg | tail -n 60", LIMIT)
            .unwrap_or_else(|error| error.to_string())
    })
}

/// An error with the complaints of a guest's kernel.
pub(super) fn of_guest(guest: &Guest) -> io::Result<()> {
    let said = guest.sh(&format!("dmesg | grep -E '{OF_LINUX}' || true"), LIMIT)?;
    judge(&format!("{}'s kernel", guest.name), &said, || {
        guest
            .sh("dmesg | tail -n 60", LIMIT)
            .unwrap_or_else(|error| error.to_string())
    })
}

fn judge(who: &str, said: &str, more: impl FnOnce() -> String) -> io::Result<()> {
    if said.trim().is_empty() {
        return Ok(());
    }
    Err(io::Error::other(format!(
        "{who} complained:\n{}\n{}",
        said.trim_end(),
        more()
    )))
}
