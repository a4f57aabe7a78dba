//! Guests, made and ended with xl in dom0.

use super::consoles::last_lines;
use super::link::{Link, Outcome};
use std::io;
use std::time::Duration;
use v4v_lab_agent::GUEST_PORT;

/// How long xl may take for one guest.
const XL: Duration = Duration::from_secs(90);

/// How long a guest may take to boot; 4 s when the machine has nothing else to do.
const BOOT: Duration = Duration::from_secs(120);

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
    /// Starts the guest with this place on the bridge (1 to 200) and waits for its agent.
    pub(crate) fn start(link: &Link, kind: Kind, place: u8) -> io::Result<Self> {
        let mut guest = Self::create(link, kind, place)?;
        guest.await_agent()?;
        Ok(guest)
    }

    /// Starts the guest only.
    pub(crate) fn create(link: &Link, kind: Kind, place: u8) -> io::Result<Self> {
        let name = format!("guest{place}");
        let address = format!("10.87.1.{place}");
        let config = config(kind, &name, &address, place);
        link.dom0(
            &format!("cat > /tmp/{name}.cfg <<'END'\n{config}END\nxl create -q /tmp/{name}.cfg"),
            XL,
        )?;
        let domain = link.dom0(&format!("xl domid {name}"), XL)?;
        let domain = domain
            .trim()
            .parse()
            .map_err(|_| io::Error::other(format!("no domain number: {domain}")))?;
        Ok(Self {
            link: link.clone(),
            name,
            domain,
            address,
        })
    }

    /// Waits for the guest's agent; where it does not come, the error shows the guest's console.
    pub(crate) fn await_agent(&mut self) -> io::Result<()> {
        let address = format!("{}:{GUEST_PORT}", self.address);
        let attached = self.link.attach(&self.name, &address, BOOT);
        attached.map_err(|error| io::Error::other(format!("{error}\n{}", self.console())))
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

    /// Ends the guest as pulling the plug would.
    pub(crate) fn destroy(self) -> io::Result<()> {
        self.link.dom0(&format!("xl destroy {}", self.name), XL)?;
        self.link.detach(&self.name)
    }
}

fn config(kind: Kind, name: &str, address: &str, place: u8) -> String {
    let kind = match kind {
        Kind::Pv => "type = \"pv\"",
        Kind::Pvh => "type = \"pvh\"\nnomigrate = 1",
    };
    format!(
        "name = \"{name}\"\n{kind}\ntsc_mode = \"native\"\nmemory = 192\nvcpus = 1\n\
         kernel = \"/guest/vmlinux\"\nramdisk = \"/guest/guest.cpio\"\n\
         extra = \"console=hvc0 quiet panic=-1 lab.name={name} lab.address={address}\"\n\
         vif = [\"mac=00:16:3e:57:00:{place:02x},script=vif-lab\"]\non_crash = \"preserve\"\non_reboot = \"destroy\"\n"
    )
}
