//! Guests that die of the emulator, not of anything of ours.
//!
//! QEMU 7.2's VMRUN now and then goes on in guest mode with the host's code segment, stack and instruction pointer (that behind
//! VMRUN), which ends in a triple fault: it was seen in one of seven runs of the hostile guests' test. Linux has no
//! such selector and no text there, so no other crash of a guest, whoever's fault it may be, is taken for this one.

/// Lines of Xen's dump of a virtual CPU's registers that are looked at.
const DUMP: usize = 8;

/// Xen's code segment, `__HYPERVISOR_CS` of its `arch/x86/include/asm/config.h`, and how the addresses of its text begin
/// (`XEN_VIRT_START`).
const IN_XEN: &str = "RIP:    e008:[<ffff82d0";

/// Whether Xen's log shows that the emulator ended a guest.
pub(super) fn ended_a_guest(log: &str) -> bool {
    let after = log.split("Triple fault").skip(1);
    after
        .map(|text| text.lines().take(DUMP).collect::<Vec<_>>().join("\n"))
        .any(|dump| dump.contains("hvm guest (d") && dump.contains(IN_XEN))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DUMP_OF_3: &str = "(XEN) d3v0 Triple fault - invoking HVM shutdown action 1
(XEN) *** Dumping Dom3 vcpu#0 state: ***
(XEN) ----[ Xen-4.17.5  x86_64  debug=y  Not tainted ]----
(XEN) CPU:    0
(XEN) RIP:    e008:[<ffff82d04020b6ab>]
(XEN) RFLAGS: 0000000000000246   CONTEXT: hvm guest (d3v0)
";

    #[test]
    fn only_a_guest_with_the_registers_of_xen_was_ended() {
        assert!(ended_a_guest(DUMP_OF_3));
        let of_its_own = DUMP_OF_3.replace("e008:[<ffff82d04020b6ab>]", "0010:[<ffffffff81000000>]");
        assert!(!ended_a_guest(&of_its_own));
        assert!(!ended_a_guest("(XEN) d3v0 something else"));
    }
}
