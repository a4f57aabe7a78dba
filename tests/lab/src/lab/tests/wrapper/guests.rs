//! Two guests with a whole Debian each: the disk below, what is written in memory above.

use crate::lab::domains::{Guest, Kind, Size};
use crate::lab::link::{Link, Program};
use std::io;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(120);

/// Where the Debian is in a guest.
pub(super) const ROOT: &str = "/debian";

/// A thousand connections have rings of 256 KiB.
const SIZE: Size = Size {
    memory: 1100,
    disk: true,
    ..Size::USUAL
};

/// Mounts it, with what the programs want to find in it.
const MOUNT: &str = "set -e
mkdir -p /disk /above /debian
mount -t squashfs -o ro /dev/xvda /disk
mount -t tmpfs above /above
mkdir /above/upper /above/work
mount -t overlay -o lowerdir=/disk,upperdir=/above/upper,workdir=/above/work overlay /debian
mount -t proc proc /debian/proc
mount -t sysfs sys /debian/sys
mount -t tmpfs run /debian/run
mkdir -p /debian/run/sshd /debian/run/postgresql
chmod 777 /debian/run/postgresql /debian/tmp
mount --bind /dev /debian/dev
mkdir -p /dev/shm
mount -t tmpfs shm /dev/shm
chmod 1777 /dev/shm
mount --bind /dev/shm /debian/dev/shm
mount --bind /dev/pts /debian/dev/pts
cp /bin/v4v /bin/libv4vsock_preload.so /debian/usr/local/bin/
hostname > /debian/etc/hostname
insmod /lib/v4v.ko";

/// Ends what runs there.
const KILL_ALL: &str = "for p in /proc/[0-9]*; do [ \"$(readlink $p/root)\" != /debian ] || kill -9 ${p#/proc/}; done 2>/dev/null; true";

/// The guests.
pub(super) struct Pair {
    link: Link,
    pub(super) client: Guest,
    pub(super) server: Guest,
}

impl Pair {
    pub(super) fn start(link: &Link) -> io::Result<Self> {
        let start = |place| Guest::start_with(link, Kind::Pv, place, SIZE);
        let (client, server) = (start(1)?, start(2)?);
        let both = [&client, &server];
        let hosts: String = both
            .iter()
            .map(|guest| format!("{} {}\\n", guest.address, guest.name))
            .collect();
        for guest in both {
            guest.sh(MOUNT, LIMIT)?;
            guest.sh(
                &format!("printf '127.0.0.1 localhost\\n{hosts}' > {ROOT}/etc/hosts"),
                LIMIT,
            )?;
        }
        table(link, both)?;
        Ok(Self {
            link: link.clone(),
            client,
            server,
        })
    }

    /// Starts a shell's lines inside the server's Debian.
    pub(super) fn serve(&self, script: &str, limit: Duration) -> io::Result<Program> {
        self.link
            .start(&self.server.name, &["chroot", ROOT, "bash", "-c", script], limit)
    }

    /// Starts a shell's lines inside the client's Debian.
    pub(super) fn start_client(&self, script: &str, limit: Duration) -> io::Result<Program> {
        self.link
            .start(&self.client.name, &["chroot", ROOT, "bash", "-c", script], limit)
    }

    /// Runs a shell's lines inside the client's Debian, to their end.
    pub(super) fn call(&self, script: &str, limit: Duration) -> io::Result<String> {
        self.client
            .run(&["chroot", ROOT, "bash", "-c", script], limit)?
            .success("the client")
    }

    /// Ends all that runs in either Debian.
    pub(super) fn clear(&self) -> io::Result<()> {
        for guest in [&self.client, &self.server] {
            guest.sh(KILL_ALL, LIMIT)?;
        }
        Ok(())
    }

    pub(super) fn consoles(&self) -> String {
        format!("{}\n{}", self.client.console(), self.server.console())
    }
}

/// Writes the host's table, by which the wrapper finds the domain behind an address.
fn table(link: &Link, guests: [&Guest; 2]) -> io::Result<()> {
    for guest in guests {
        let key = format!("/v4v/peers/{}", guest.domain);
        let address = &guest.address;
        link.dom0(
            &format!("xenstore-write {key} {address} && xenstore-chmod {key} r0"),
            LIMIT,
        )?;
    }
    link.dom0("xenstore-chmod /v4v r0 && xenstore-chmod /v4v/peers r0", LIMIT)
        .map(drop)
}
