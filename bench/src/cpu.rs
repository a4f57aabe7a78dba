//! Where things run: the CPUs that this process may use, and pinning to one of them.

use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;
use std::{fs, io};

/// The CPUs on which this thread may run, ascending.
#[must_use]
pub fn allowed() -> Vec<usize> {
    let set = sched_getaffinity(Pid::from_raw(0)).unwrap_or_default();
    (0..CpuSet::count())
        .filter(|&cpu| set.is_set(cpu).unwrap_or(false))
        .collect()
}

/// Pins the calling thread, and those that it will start, to one CPU.
///
/// # Errors
/// `EINVAL` where there is no such CPU or this process may not use it.
pub fn pin(cpu: usize) -> io::Result<()> {
    let mut set = CpuSet::new();
    set.set(cpu)?;
    sched_setaffinity(Pid::from_raw(0), &set).map_err(|errno| {
        io::Error::new(
            io::Error::from(errno).kind(),
            format!("cannot pin to CPU {cpu}: {errno}"),
        )
    })
}

/// `count` CPUs, one from each physical core while there are enough cores: hyper-threads share a cache and would
/// flatter a transfer between them. Fewer where the machine has fewer.
#[must_use]
pub fn apart(count: usize) -> Vec<usize> {
    let mut cores = Vec::new();
    let (mut first, mut rest) = (Vec::new(), Vec::new());
    for cpu in allowed() {
        let core = siblings(cpu);
        if cores.contains(&core) {
            rest.push(cpu)
        } else {
            first.push(cpu)
        }
        cores.push(core);
    }
    first.append(&mut rest);
    first.truncate(count);
    first
}

/// The CPUs of the same core, as sysfs names them; unknown ones are taken for cores of their own.
fn siblings(cpu: usize) -> String {
    fs::read_to_string(format!(
        "/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list"
    ))
    .unwrap_or_else(|_| cpu.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pinned_thread_may_use_its_cpu_only() {
        let all = allowed();
        assert!(!all.is_empty());
        let last = *all.last().expect("at least the one that runs this");
        let seen = std::thread::spawn(move || pin(last).map(|()| allowed()))
            .join()
            .expect("no panic");
        assert_eq!(seen.expect("it is allowed"), [last]);
    }

    #[test]
    fn pinning_to_a_cpu_that_is_not_there_names_it() {
        let error = std::thread::spawn(|| pin(CpuSet::count() - 1))
            .join()
            .expect("no panic")
            .expect_err("no such CPU");
        assert!(
            error.to_string().contains(&(CpuSet::count() - 1).to_string()),
            "{error}"
        );
    }

    #[test]
    fn cpus_apart_are_distinct() {
        let mut cpus = apart(64);
        assert_eq!(cpus.len(), allowed().len().min(64));
        cpus.sort_unstable();
        cpus.dedup();
        assert_eq!(cpus.len(), allowed().len().min(64));
    }
}
