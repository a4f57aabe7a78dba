//! The emulated machine: QEMU without hardware help, Xen, and dom0 with the agent on the second serial port.

use super::consoles::tail;
use super::image::Images;
use super::kernel::Kernel;
use super::link::Link;
use super::store::fresh_folder;
use std::fs;
use std::io;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// How long QEMU may take to open its socket.
const START: Duration = Duration::from_secs(20);

/// How long Xen and dom0 may take to boot; 10 s when the machine has nothing else to do.
const BOOT: Duration = Duration::from_secs(180);

/// The emulated CPU. With SMAP or SMEP a PV dom0 dies at its first exception under QEMU's emulator; with RDTSCP PVH
/// guests loop; with XSAVE (and AVX, which needs it) programs die of faults now and then.
const CPU: &str = "max,-smap,-smep,-rdtscp,-xsave";

/// What the machine's clocks follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Clock {
    /// The host's time, on two CPUs.
    Host,
    /// Instructions: each takes a nanosecond, whatever else the host does. What a guest takes the time of it counts. With two CPUs they
    /// take turns, and one that spins lets the other go on at its every `pause`.
    Instructions {
        /// How many CPUs.
        cpus: u8,
    },
}

/// The files in the machine's folder that [`Plan::counter`] writes.
pub(crate) const COUNTS: &str = "counts";
pub(crate) const BLOCKS: &str = "blocks";

impl Clock {
    fn arguments(self) -> &'static [&'static str] {
        match self {
            Self::Host => &["-accel", "tcg,thread=multi"],
            Self::Instructions { .. } => &[
                "-accel",
                "tcg,thread=single",
                "-icount",
                "shift=0,sleep=off,align=off",
                "-seed",
                "1",
                "-rtc",
                "base=2026-01-01T00:00:00,clock=vm",
            ],
        }
    }

    fn cpus(self) -> u8 {
        match self {
            Self::Host => 2,
            Self::Instructions { cpus } => cpus,
        }
    }
}

/// What QEMU is worth to the kernel beside a session of builds, as `nice` counts. Its CPUs wait for each other, so on a busy
/// machine each waits for the other's turn too: beside six builds a message between guests on two CPUs took up to 40 ms instead
/// of 0.13 ms, and a thousand connections more than a minute instead of ten seconds.
const NICE: &str = "-10";

/// The files in the machine's folder that are its serial ports: the console, and the agent's.
const CONSOLE: &str = "xen.log";
const CONTROL: &str = "control";

/// MiB for a kernel without Xen.
const WITHOUT_XEN: u32 = 768;

/// What to boot.
pub(crate) struct Plan<'a> {
    /// A name for the folder of logs.
    pub(crate) name: &'a str,
    /// The hypervisor.
    pub(crate) xen: &'a Path,
    pub(crate) kernel: &'a Kernel,
    pub(crate) images: &'a Images,
    /// MiB for all.
    pub(crate) memory: u32,
    pub(crate) clock: Clock,
    /// QEMU's plugin that counts instructions, if any.
    pub(crate) counter: Option<&'a Path>,
    /// Xen's boot parameters beside the console's and dom0's memory.
    pub(crate) parameters: &'a str,
    /// A disk for dom0 (/dev/vda) and, by it, for guests; nobody writes to it.
    pub(crate) disk: Option<&'a Path>,
}

/// A machine that runs; dropping it ends it.
pub(crate) struct Machine {
    qemu: Child,
    folder: PathBuf,
    link: Link,
}

impl Machine {
    /// Boots Xen and waits for dom0's agent.
    pub(crate) fn boot(plan: &Plan<'_>) -> io::Result<Self> {
        let folder = fresh_folder(format!("runs/{}", plan.name))?;
        let mut qemu = emulator(&folder, plan.clock, plan.memory);
        load_xen(&mut qemu, plan);
        if let Some(counter) = plan.counter {
            let file = |name| folder.join(name).display().to_string();
            qemu.arg("-plugin").arg(format!(
                "{},counts={},blocks={}",
                counter.display(),
                file(COUNTS),
                file(BLOCKS)
            ));
        }
        if let Some(disk) = plan.disk {
            let disk = format!("file={},format=raw,readonly=on,if=virtio", disk.display());
            qemu.arg("-drive").arg(disk);
        }
        Self::start(qemu, folder)
    }

    /// Boots a guest's kernel and archive on the machine itself, without Xen; its agent is in dom0's place.
    pub(crate) fn boot_without_xen(name: &str, kernel: &Kernel, archive: &Path) -> io::Result<Self> {
        let folder = fresh_folder(format!("runs/{name}"))?;
        let mut qemu = emulator(&folder, Clock::Host, WITHOUT_XEN);
        qemu.arg("-kernel")
            .arg(&kernel.bootable)
            .arg("-initrd")
            .arg(archive)
            .args(["-append", "console=ttyS0 quiet panic=-1 lab.port=/dev/ttyS1"]);
        Self::start(qemu, folder)
    }

    fn start(mut qemu: Command, folder: PathBuf) -> io::Result<Self> {
        let mut qemu = qemu.spawn().map_err(|e| {
            io::Error::other(format!(
                "cannot start qemu-system-x86_64: {e}; cargo xtask lab build installs it"
            ))
        })?;
        let link = connect(&folder.join(CONTROL), &mut qemu).and_then(|stream| {
            let link = Link::new(stream)?;
            put_first(&qemu);
            link.await_ready(BOOT)?;
            Ok(link)
        });
        match link {
            Ok(link) => Ok(Self { qemu, folder, link }),
            Err(error) => {
                end(&mut qemu);
                Err(io::Error::other(format!(
                    "{error}\n{}",
                    tail(&folder.join(CONSOLE))
                )))
            }
        }
    }

    /// The way to dom0's agent and through it to the guests'.
    pub(crate) fn link(&self) -> &Link {
        &self.link
    }

    /// Where its files are.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// What Xen and dom0 (without Xen, the kernel) wrote to the console so far.
    pub(crate) fn console(&self) -> PathBuf {
        self.folder.join(CONSOLE)
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        end(&mut self.qemu);
    }
}

/// The emulator with its two serial ports, a console and the agent's, and nothing loaded.
fn emulator(folder: &Path, clock: Clock, memory: u32) -> Command {
    // However this process ends, the kernel ends QEMU with it.
    let mut command = Command::new("setpriv");
    // A session of its own is a group of its own to the scheduler, see `put_first`.
    command.args(["--pdeathsig", "KILL", "setsid", "qemu-system-x86_64"]);
    command
        .args(clock.arguments())
        .args(["-smp", &clock.cpus().to_string()])
        .args(["-cpu", CPU, "-m", &memory.to_string()])
        .args([
            "-display",
            "none",
            "-monitor",
            "none",
            "-no-reboot",
            "-net",
            "none",
        ])
        .arg("-serial")
        .arg(format!("file:{}", folder.join(CONSOLE).display()))
        .arg("-serial")
        .arg(format!(
            "unix:{},server=on,wait=off",
            folder.join(CONTROL).display()
        ));
    let errors = fs::File::create(folder.join("qemu.log")).map_or_else(|_| Stdio::null(), Stdio::from);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(errors);
    command
}

fn load_xen(qemu: &mut Command, plan: &Plan<'_>) {
    qemu.arg("-kernel")
        .arg(plan.xen)
        .arg("-append")
        .arg(format!(
            "console=com1 com1=115200 dom0_mem=1024M {}",
            plan.parameters
        ))
        .arg("-initrd")
        .arg(format!(
            "{} console=hvc0 quiet panic=-1,{}",
            plan.kernel.image.display(),
            plan.images.dom0.display()
        ));
}

fn connect(socket: &Path, qemu: &mut Child) -> io::Result<UnixStream> {
    let end = Instant::now() + START;
    loop {
        if let Some(status) = qemu.try_wait()? {
            return Err(io::Error::other(format!(
                "QEMU ended at once, {status}; its words are in qemu.log"
            )));
        }
        match UnixStream::connect(socket) {
            Err(_) if Instant::now() < end => sleep(Duration::from_millis(20)),
            result => return result,
        }
    }
}

/// Gives QEMU's session its worth. Not every user may do that, and not every kernel knows such groups: then it is slower.
fn put_first(qemu: &Child) {
    let _ = fs::write(format!("/proc/{}/autogroup", qemu.id()), NICE);
}

fn end(qemu: &mut Child) {
    // It may have ended by itself.
    let _ = qemu.kill();
    let _ = qemu.wait();
}
