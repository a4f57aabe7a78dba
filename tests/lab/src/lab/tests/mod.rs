//! `cargo xtask lab test [NAME…]`: named tests on real Xen.

mod bed;
mod boots;
mod compat;
mod complaints;
mod conformance;
mod emulator;
mod faults;
mod hostile;
mod module;
mod probe;
mod refusals;
mod suspend;
mod wrapper;

use super::build::{self, Built};
use super::kernel::Series;
use super::stack::Stack;
use super::xen::{self, Mode, Whose};
use crate::steps::Steps;
use bed::Bed;
use clap::Args;
use std::io;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// By when the lab's part of `cargo xtask test --lab` is over, what it fetches and builds included. With its packages
/// fetched its tests sum up to some twenty-five minutes on two idle cores.
const SUITE: Duration = Duration::from_secs(40 * 60);

#[derive(Args)]
pub(crate) struct Options {
    /// Only the tests whose name contains one of these
    names: Vec<String>,
    /// The guests' kernel
    #[arg(long, value_name = "SERIES", default_value_t = Series::BASE)]
    kernel: Series,
}

/// A test and what it runs on.
struct Test {
    name: &'static str,
    /// The hypervisors, with the usual kernel in the guests.
    on: &'static [Whose],
    /// What else `cargo xtask test --lab` runs it on.
    also: &'static [Stack],
    /// Part of every `cargo xtask test`, on our hypervisor: quick, and with PV guests alone, of which the emulator has ended none.
    always: bool,
    run: fn(&mut Bed) -> io::Result<()>,
}

const BOTH: &[Whose] = &[Whose::Upstream, Whose::Ours];
const OURS: &[Whose] = &[Whose::Ours];

/// The other kernel, for what its other interfaces, its preemption and its mitigations could break.
const NEW_KERNEL: &[Stack] = &[Stack {
    whose: Whose::Ours,
    kernel: Series::V6_12,
}];
const NOTHING: &[Stack] = &[];

/// What `cargo xtask test --lab` boots, in this order.
const STACKS: [Stack; 3] = [
    Stack::usual(Whose::Upstream),
    Stack::usual(Whose::Ours),
    NEW_KERNEL[0],
];

/// All tests, in the order in which they run on one machine.
#[rustfmt::skip]
const TESTS: &[Test] = &[
    Test { name: "boots", on: BOTH, also: NOTHING, always: false, run: boots::dom0_answers },
    Test { name: "two_pv_guests_boot", on: BOTH, also: NEW_KERNEL, always: true, run: boots::two_pv_guests },
    Test { name: "pvh_guest_boots", on: BOTH, also: NOTHING, always: false, run: boots::pvh_guest },
    Test { name: "argo_arguments_pv", on: BOTH, also: NOTHING, always: true, run: probe::arguments_in_dom0 },
    Test { name: "argo_abi_pvh", on: BOTH, also: NOTHING, always: false, run: probe::everything_in_a_pvh_guest },
    Test { name: "argo_of_32_bits", on: BOTH, also: NOTHING, always: false, run: compat::caller_of_32_bits },
    Test { name: "module_loads", on: BOTH, also: NEW_KERNEL, always: false, run: module::loads_and_unloads },
    Test { name: "stream_between_guests", on: BOTH, also: NOTHING, always: false, run: module::stream_between_guests },
    Test { name: "netpipe_smoke", on: BOTH, also: NEW_KERNEL, always: true, run: module::netpipe_smoke },
    Test { name: "conformance_pv_pv", on: BOTH, also: NEW_KERNEL, always: false, run: conformance::pv_pv },
    Test { name: "conformance_pvh_pv", on: BOTH, also: NOTHING, always: false, run: conformance::pvh_pv },
    Test { name: "receiver_never_reads", on: BOTH, also: NOTHING, always: true, run: faults::receiver_never_reads },
    Test { name: "receiver_destroyed", on: BOTH, also: NEW_KERNEL, always: true, run: faults::receiver_destroyed },
    Test { name: "unload_with_open_sockets", on: BOTH, also: NEW_KERNEL, always: true, run: faults::unload_with_open_sockets },
    Test { name: "family_in_use", on: OURS, also: NEW_KERNEL, always: true, run: refusals::family_in_use },
    Test { name: "unknown_domain", on: BOTH, also: NEW_KERNEL, always: true, run: refusals::unknown_domain },
    Test { name: "save_and_restore", on: OURS, also: NOTHING, always: false, run: suspend::save_and_restore },
    Test { name: "wrapper", on: OURS, also: NOTHING, always: false, run: wrapper::real_programs },
    Test { name: "hostile_guest", on: OURS, also: NOTHING, always: false, run: hostile::storm },
    Test { name: "argo_off", on: OURS, also: NOTHING, always: false, run: refusals::argo_off },
    Test { name: "wildcards_off", on: OURS, also: NOTHING, always: false, run: refusals::wildcards_off },
    Test { name: "ring_table_full", on: BOTH, also: NOTHING, always: false, run: refusals::ring_table_full },
    Test { name: "module_without_xen", on: OURS, also: NOTHING, always: false, run: refusals::without_xen },
];

/// Tests, and what to boot for them.
struct Ready {
    stack: Stack,
    built: Built,
    hypervisor: PathBuf,
    tests: Vec<&'static Test>,
}

impl Ready {
    /// Builds what is missing.
    fn new((stack, tests): (Stack, Vec<&'static Test>)) -> io::Result<Self> {
        Ok(Self {
            stack,
            built: build::with_guests(stack.kernel)?,
            hypervisor: xen::build(stack.whose, Mode::Debug)?,
            tests,
        })
    }

    /// Plays the tests on one machine. Those that would begin after `end` have failed.
    fn play(&self, steps: &mut Steps, end: Option<Instant>) {
        let mut bed = Bed::new(&self.built, self.stack, self.hypervisor.clone());
        for test in &self.tests {
            let name = format!("{STEP}{}/{}", self.stack, test.name);
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
}

/// Runs the wanted tests, on one machine for each hypervisor. Whether all passed.
pub(crate) fn run(options: &Options) -> io::Result<bool> {
    let mut steps = Steps::default();
    let stacks = [Whose::Upstream, Whose::Ours].map(|whose| Stack {
        whose,
        kernel: options.kernel,
    });
    let plan = plan(&stacks, |name, stack, test| {
        test.on.contains(&stack.whose)
            && (options.names.is_empty() || options.names.iter().any(|part| name.contains(part.as_str())))
    });
    if plan.is_empty() {
        let all: Vec<&str> = TESTS.iter().map(|test| test.name).collect();
        return Err(io::Error::other(format!(
            "no test has such a name; there are {}",
            all.join(", ")
        )));
    }
    for part in plan {
        Ready::new(part)?.play(&mut steps, None);
    }
    Ok(steps.close())
}

/// The lab's part of `cargo xtask test`, with `all` that of `cargo xtask test --lab`: a step for what the machines boot, and one for each
/// test whose name is wanted.
pub(crate) fn suite(steps: &mut Steps, all: bool, wanted: impl Fn(&str) -> bool) {
    let end = Instant::now() + SUITE;
    let plan = plan(&STACKS, |name, stack, test| {
        let belongs = if !all {
            test.always && stack == Stack::usual(Whose::Ours)
        } else if stack.is_usual() {
            test.on.contains(&stack.whose)
        } else {
            test.also.contains(&stack)
        };
        belongs && wanted(&format!("{STEP}{name}"))
    });
    if plan.is_empty() {
        return;
    }
    let mut ready = Vec::new();
    steps.check("lab: what the machines boot", || {
        ready = plan.into_iter().map(Ready::new).collect::<io::Result<_>>()?;
        Ok(())
    });
    // Without machines there is nothing to test; the step above has failed.
    for part in ready {
        part.play(steps, Some(end));
    }
}

/// How the lab's tests are called among the steps of `cargo xtask test`.
const STEP: &str = "lab: ";

/// The wanted tests by what they run on.
fn plan(stacks: &[Stack], wanted: impl Fn(&str, Stack, &Test) -> bool) -> Vec<(Stack, Vec<&'static Test>)> {
    let of = |&stack: &Stack| {
        let tests = TESTS.iter();
        let tests: Vec<&Test> = tests
            .filter(|test| wanted(&format!("{stack}/{}", test.name), stack, test))
            .collect();
        (stack, tests)
    };
    let all = stacks.iter().map(of);
    all.filter(|(_, tests)| !tests.is_empty()).collect()
}
