//! Guests, made and ended with xl in dom0.

use super::consoles::last_lines;
use super::link::{Link, Outcome};
use std::io;
use std::time::{Duration, Instant};
use v4v_lab_agent::GUEST_PORT;

/// What a guest has of the machine.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Size {
    /// Virtual CPUs.
    pub(crate) vcpus: u8,
    /// MiB: the image is unpacked into them, and the conformance pairs open many connections.
    pub(crate) memory: u32,
    /// With the machine's disk ([`Plan::disk`](super::machine::Plan::disk)), to read.
    pub(crate) disk: bool,
}

impl Size {
    /// What does for most tests.
    pub(crate) const USUAL: Self = Self {
        vcpus: 1,
        memory: 512,
        disk: false,
    };
}

/// Where dom0 keeps a guest that is saved.
const SAVED: &str = "/tmp/saved";

/// How long xl may take for one guest.
const XL: Duration = Duration::from_secs(90);

/// How long a guest may take to boot; 4 s when the machine has nothing else to do.
const BOOT: Duration = Duration::from_secs(120);

/// How often within that time xl is asked whether the guest is still alive.
const LOOK: Duration = Duration::from_secs(10);

/// How a guest is virtualised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Paravirtualised: it knows machine frames and calls Xen for page tables.
    Pv,
    /// Hardware-virtualised without emulated devices: its frames are its own.
    Pvh,
}

/// A guest that runs its agent. A clone is the same guest.
#[derive(Clone)]
pub(crate) struct Guest {
    link: Link,
    /// Its name, for xl and for the agents.
    pub(crate) name: String,
    /// Its number in Xen.
    pub(crate) domain: u16,
    /// Its address on the bridge.
    pub(crate) address: String,
}

impl Guest {
    /// Starts the guest with this place on the bridge (1 to 200) and waits for its agent. Under QEMU's emulator a kernel now and
    /// then dies while it boots, before anything of ours runs in it: such a guest gets a second chance, and a line that says so.
    pub(crate) fn start(link: &Link, kind: Kind, place: u8) -> io::Result<Self> {
        Self::start_with(link, kind, place, Size::USUAL)
    }

    /// As [`start`](Self::start), of another size.
    pub(crate) fn start_with(link: &Link, kind: Kind, place: u8, size: Size) -> io::Result<Self> {
        let first = Self::create(link, kind, place, size)?;
        match first.await_agent() {
            Ok(()) => Ok(first),
            Err(error) => {
                println!("{kind:?} {} did not boot, once more: {error}", first.name);
                first.destroy()?;
                let second = Self::create(link, kind, place, size)?;
                second.await_agent()?;
                Ok(second)
            }
        }
    }

    fn create(link: &Link, kind: Kind, place: u8, size: Size) -> io::Result<Self> {
        let name = format!("guest{place}");
        let address = format!("10.87.1.{place}");
        let config = config(kind, &name, &address, place, size);
        link.dom0(
            &format!("cat > /tmp/{name}.cfg <<'END'\n{config}END\nxl create -q /tmp/{name}.cfg"),
            XL,
        )?;
        let domain = number(link, &name)?;
        Ok(Self {
            link: link.clone(),
            name,
            domain,
            address,
        })
    }

    /// Waits for the guest's agent; where it does not come, the error shows the guest's console.
    fn await_agent(&self) -> io::Result<()> {
        let address = format!("{}:{GUEST_PORT}", self.address);
        let end = Instant::now() + BOOT;
        loop {
            let Err(error) = self.link.attach(&self.name, &address, LOOK) else {
                return Ok(());
            };
            if self.has_crashed()? || Instant::now() > end {
                return Err(io::Error::other(format!("{error}\n{}", self.console())));
            }
        }
    }

    /// Whether Xen has stopped the guest for a fault of its own.
    fn has_crashed(&self) -> io::Result<bool> {
        Ok(state(&self.link, &self.name)?.contains('c'))
    }

    /// Runs a program in the guest to its end.
    pub(crate) fn run(&self, argv: &[&str], limit: Duration) -> io::Result<Outcome> {
        self.link.run(&self.name, argv, limit)
    }

    /// Runs a shell's command line; anything but success is an error that shows its output.
    pub(crate) fn sh(&self, line: &str, limit: Duration) -> io::Result<String> {
        self.run(&["sh", "-c", line], limit)?.success(line)
    }

    /// The last lines of its console, as dom0 logged them.
    pub(crate) fn console(&self) -> String {
        let log = format!("/var/log/xen/guest-{}.log", self.name);
        let text = self
            .link
            .dom0(&format!("tail -n 60 {log}"), XL)
            .unwrap_or_else(|error| error.to_string());
        last_lines(&format!("{}'s console", self.name), &text)
    }

    /// Suspends the guest, copies it, and lets the same domain go on.
    pub(crate) fn checkpoint(&self) -> io::Result<()> {
        self.link
            .dom0(&format!("xl save -c {} {SAVED} >&2 && rm {SAVED}", self.name), XL)
            .map(|_| ())
    }

    /// Suspends the guest, copies it, and ends its domain.
    pub(crate) fn save(&self) -> io::Result<()> {
        self.link
            .dom0(&format!("xl save {} {SAVED} >&2", self.name), XL)
            .map(|_| ())
    }

    /// Brings back the guest that was saved last: a new domain, with another number.
    pub(crate) fn restore(&mut self) -> io::Result<()> {
        self.link
            .dom0(&format!("xl restore {SAVED} >&2 && rm {SAVED}"), XL)?;
        self.domain = number(&self.link, &self.name)?;
        Ok(())
    }

    /// Ends the guest as pulling the plug would.
    pub(crate) fn destroy(self) -> io::Result<()> {
        self.link.dom0(&format!("xl destroy {}", self.name), XL)?;
        self.link.detach(&self.name)
    }
}

/// What state a guest is in: a letter or a dash for each of running, blocked, paused, shut down, crashed, dying.
pub(crate) fn state(link: &Link, name: &str) -> io::Result<String> {
    let row = link.dom0(&format!("xl list {name} | tail -n 1"), XL)?;
    // Name, ID, Mem, VCPUs, State, Time(s).
    Ok(row.split_whitespace().nth(4).unwrap_or_default().to_owned())
}

/// The number that Xen gave the guest.
fn number(link: &Link, name: &str) -> io::Result<u16> {
    let said = link.dom0(&format!("xl domid {name}"), XL)?;
    said.trim()
        .parse()
        .map_err(|_| io::Error::other(format!("no domain number: {said}")))
}

fn config(kind: Kind, name: &str, address: &str, place: u8, size: Size) -> String {
    let Size { vcpus, memory, disk } = size;
    let disk = if disk {
        "disk = [\"vdev=xvda,format=raw,access=ro,script=block-lab,target=/dev/vda\"]\n"
    } else {
        ""
    };
    let kind = match kind {
        Kind::Pv => "type = \"pv\"",
        Kind::Pvh => "type = \"pvh\"\nnomigrate = 1",
    };
    format!(
        "name = \"{name}\"\n{kind}\ntsc_mode = \"native\"\nmemory = {memory}\nvcpus = {vcpus}\n\
         kernel = \"/guest/vmlinux\"\nramdisk = \"/guest/guest.cpio\"\n\
         extra = \"console=hvc0 loglevel=5 panic=-1 lab.name={name} lab.address={address}\"\n\
         vif = [\"mac=00:16:3e:57:00:{place:02x},script=vif-lab\"]\n{disk}on_crash = \"preserve\"\non_reboot = \"destroy\"\n"
    )
}
