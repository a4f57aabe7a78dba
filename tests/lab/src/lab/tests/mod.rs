//! `cargo xtask lab test [NAME…]`: named tests on real Xen.

mod bed;
mod boots;
mod conformance;
mod faults;
mod hostile;
mod module;
mod probe;
mod refusals;

use super::build;
use super::xen::{self, Mode, Whose};
use crate::steps::Steps;
use bed::Bed;
use clap::Args;
use std::io;

#[derive(Args)]
pub(crate) struct Options {
    /// Only the tests whose name contains one of these
    names: Vec<String>,
}

/// A test and the hypervisors that it runs on.
struct Test {
    name: &'static str,
    on: &'static [Whose],
    run: fn(&mut Bed) -> io::Result<()>,
}

const BOTH: &[Whose] = &[Whose::Upstream, Whose::Ours];
const OURS: &[Whose] = &[Whose::Ours];

/// All tests, in the order in which they run on one machine.
#[rustfmt::skip]
const TESTS: &[Test] = &[
    Test { name: "boots", on: BOTH, run: boots::dom0_answers },
    Test { name: "two_pv_guests_boot", on: BOTH, run: boots::two_pv_guests },
    Test { name: "pvh_guest_boots", on: BOTH, run: boots::pvh_guest },
    Test { name: "argo_arguments_pv", on: BOTH, run: probe::arguments_in_dom0 },
    Test { name: "argo_abi_pvh", on: BOTH, run: probe::everything_in_a_pvh_guest },
    Test { name: "module_loads", on: BOTH, run: module::loads_and_unloads },
    Test { name: "stream_between_guests", on: BOTH, run: module::stream_between_guests },
    Test { name: "netpipe_smoke", on: BOTH, run: module::netpipe_smoke },
    Test { name: "conformance_pv_pv", on: OURS, run: conformance::pv_pv },
    Test { name: "conformance_pvh_pv", on: OURS, run: conformance::pvh_pv },
    Test { name: "receiver_never_reads", on: BOTH, run: faults::receiver_never_reads },
    Test { name: "receiver_destroyed", on: BOTH, run: faults::receiver_destroyed },
    Test { name: "unload_with_open_sockets", on: BOTH, run: faults::unload_with_open_sockets },
    Test { name: "hostile_guest", on: OURS, run: hostile::storm },
    Test { name: "argo_off", on: OURS, run: refusals::argo_off },
    Test { name: "wildcards_off", on: OURS, run: refusals::wildcards_off },
];

/// Runs the wanted tests, on one machine for each hypervisor. Whether all passed.
pub(crate) fn run(options: &Options) -> io::Result<bool> {
    if !BOTH
        .iter()
        .any(|&whose| TESTS.iter().any(|test| is_wanted(options, whose, test)))
    {
        let all: Vec<&str> = TESTS.iter().map(|test| test.name).collect();
        return Err(io::Error::other(format!(
            "no test has such a name; there are {}",
            all.join(", ")
        )));
    }
    let built = build::all()?;
    let mut steps = Steps::default();
    for &whose in BOTH {
        let wanted: Vec<&Test> = TESTS
            .iter()
            .filter(|test| is_wanted(options, whose, test))
            .collect();
        if wanted.is_empty() {
            continue;
        }
        let hypervisor = xen::build(whose, Mode::Debug)?;
        let mut bed = Bed::new(&built, whose, hypervisor);
        for test in wanted {
            steps.check(&format!("{whose}/{}", test.name), || bed.play(test.run));
        }
    }
    Ok(steps.close())
}

fn is_wanted(options: &Options, whose: Whose, test: &Test) -> bool {
    let full = format!("{whose}/{}", test.name);
    let named = options.names.is_empty() || options.names.iter().any(|part| full.contains(part.as_str()));
    named && test.on.contains(&whose)
}
