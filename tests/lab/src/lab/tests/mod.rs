//! `cargo xtask lab test [NAME…]`: named tests on real Xen.

mod bed;
mod boots;
mod conformance;
mod emulator;
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
use std::time::{Duration, Instant};

/// By when the lab's part of `cargo xtask test --lab` is over, what it fetches and builds included. With its packages
/// fetched it took fifteen minutes on two cores.
const SUITE: Duration = Duration::from_secs(40 * 60);

#[derive(Args)]
pub(crate) struct Options {
    /// Only the tests whose name contains one of these
    names: Vec<String>,
}

/// A test and the hypervisors that it runs on.
struct Test {
    name: &'static str,
    on: &'static [Whose],
    /// Part of every `cargo xtask test`, on our hypervisor: quick, and with PV guests alone, of which the emulator has ended none.
    always: bool,
    run: fn(&mut Bed) -> io::Result<()>,
}

const BOTH: &[Whose] = &[Whose::Upstream, Whose::Ours];
const OURS: &[Whose] = &[Whose::Ours];

/// All tests, in the order in which they run on one machine.
#[rustfmt::skip]
const TESTS: &[Test] = &[
    Test { name: "boots", on: BOTH, always: false, run: boots::dom0_answers },
    Test { name: "two_pv_guests_boot", on: BOTH, always: true, run: boots::two_pv_guests },
    Test { name: "pvh_guest_boots", on: BOTH, always: false, run: boots::pvh_guest },
    Test { name: "argo_arguments_pv", on: BOTH, always: true, run: probe::arguments_in_dom0 },
    Test { name: "argo_abi_pvh", on: BOTH, always: false, run: probe::everything_in_a_pvh_guest },
    Test { name: "module_loads", on: BOTH, always: false, run: module::loads_and_unloads },
    Test { name: "stream_between_guests", on: BOTH, always: false, run: module::stream_between_guests },
    Test { name: "netpipe_smoke", on: BOTH, always: true, run: module::netpipe_smoke },
    Test { name: "conformance_pv_pv", on: BOTH, always: false, run: conformance::pv_pv },
    Test { name: "conformance_pvh_pv", on: BOTH, always: false, run: conformance::pvh_pv },
    Test { name: "receiver_never_reads", on: BOTH, always: true, run: faults::receiver_never_reads },
    Test { name: "receiver_destroyed", on: BOTH, always: true, run: faults::receiver_destroyed },
    Test { name: "unload_with_open_sockets", on: BOTH, always: true, run: faults::unload_with_open_sockets },
    Test { name: "hostile_guest", on: OURS, always: false, run: hostile::storm },
    Test { name: "argo_off", on: OURS, always: false, run: refusals::argo_off },
    Test { name: "wildcards_off", on: OURS, always: false, run: refusals::wildcards_off },
];

/// Runs the wanted tests, on one machine for each hypervisor. Whether all passed.
pub(crate) fn run(options: &Options) -> io::Result<bool> {
    let mut steps = Steps::default();
    let wanted = |name: &str, _: Whose, _: &Test| {
        options.names.is_empty() || options.names.iter().any(|part| name.contains(part.as_str()))
    };
    let plan = plan(wanted);
    if plan.is_empty() {
        let all: Vec<&str> = TESTS.iter().map(|test| test.name).collect();
        return Err(io::Error::other(format!(
            "no test has such a name; there are {}",
            all.join(", ")
        )));
    }
    let built = build::all()?;
    for (whose, tests) in plan {
        let hypervisor = xen::build(whose, Mode::Debug)?;
        play(&mut steps, &mut Bed::new(&built, whose, hypervisor), &tests, None);
    }
    Ok(steps.close())
}

/// The lab's part of `cargo xtask test`, with `all` that of `cargo xtask test --lab`: a step for what the machines boot, and one for each
/// test whose name is wanted.
pub(crate) fn suite(steps: &mut Steps, all: bool, wanted: impl Fn(&str) -> bool) {
    let end = Instant::now() + SUITE;
    let plan = plan(|name, whose, test| {
        (all || test.always && whose == Whose::Ours) && wanted(&format!("{STEP}{name}"))
    });
    if plan.is_empty() {
        return;
    }
    let mut ready = None;
    steps.check("lab: what the machines boot", || {
        let built = build::all()?;
        let hypervisors = plan.iter().map(|&(whose, _)| xen::build(whose, Mode::Debug));
        ready = Some((built, hypervisors.collect::<io::Result<Vec<_>>>()?));
        Ok(())
    });
    // Without machines there is nothing to test; the step above has failed.
    let Some((built, hypervisors)) = ready else {
        return;
    };
    for ((whose, tests), hypervisor) in plan.into_iter().zip(hypervisors) {
        play(steps, &mut Bed::new(&built, whose, hypervisor), &tests, Some(end));
    }
}

/// How the lab's tests are called among the steps of `cargo xtask test`.
const STEP: &str = "lab: ";

/// The wanted tests by hypervisor.
fn plan(wanted: impl Fn(&str, Whose, &Test) -> bool) -> Vec<(Whose, Vec<&'static Test>)> {
    let of = |whose: Whose| {
        let on = TESTS.iter().filter(move |test| test.on.contains(&whose));
        let tests: Vec<&Test> = on
            .filter(|test| wanted(&format!("{whose}/{}", test.name), whose, test))
            .collect();
        (whose, tests)
    };
    let all = BOTH.iter().map(|&whose| of(whose));
    all.filter(|(_, tests)| !tests.is_empty()).collect()
}

/// Plays tests on one machine. Those that would begin after `end` have failed.
fn play(steps: &mut Steps, bed: &mut Bed<'_>, tests: &[&Test], end: Option<Instant>) {
    for test in tests {
        let name = format!("{STEP}{}/{}", bed.whose(), test.name);
        steps.check(&name, || {
            if end.is_some_and(|end| Instant::now() > end) {
                return Err(io::Error::other(format!(
                    "not run: the lab's {} minutes are over",
                    SUITE.as_secs() / 60
                )));
            }
            bed.play(test.run)
        });
    }
}
