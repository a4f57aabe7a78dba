//! The daemon's socket in the file system.

use std::fs::{self, Permissions};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, Backlog, SockFlag, SockType, UnixAddr, accept4, bind, connect, getsockopt, listen, socket,
    sockopt,
};

/// Waits for clients. Dropping it takes its file away.
#[derive(Debug)]
pub struct Listener {
    socket: OwnedFd,
    path: PathBuf,
}

impl Listener {
    /// Listens at `path`, in place of a dead daemon's file, for this daemon's user alone.
    ///
    /// # Errors
    /// `AddrInUse` where a daemon listens there already, or the file is something else; else the system's.
    pub fn bind(path: &Path) -> io::Result<Self> {
        make_way(path)?;
        let socket = seqpacket()?;
        crate::packet::refuse_descriptors(&socket);
        let address = UnixAddr::new(path)?;
        bind(socket.as_raw_fd(), &address).map_err(|e| say(path, "cannot bind", e.into()))?;
        let this = Self {
            socket,
            path: path.to_owned(),
        };
        this.open_to_all(false)?;
        listen(&this.socket, Backlog::MAXCONN)?;
        Ok(this)
    }

    /// Whether users beside root and the daemon's own may connect.
    ///
    /// # Errors
    /// The system's.
    pub fn open_to_all(&self, shared: bool) -> io::Result<()> {
        fs::set_permissions(
            &self.path,
            Permissions::from_mode(if shared { 0o666 } else { 0o600 }),
        )
    }

    /// The next client and its user, if one waits. The user is what the kernel says, not the client.
    ///
    /// # Errors
    /// The system's, `WouldBlock` where none waits.
    pub fn accept(&self) -> io::Result<(OwnedFd, u32)> {
        let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
        let raw = accept4(self.socket.as_raw_fd(), flags)?;
        // SAFETY: the kernel has just made this descriptor for this process, and nothing else knows of it.
        let client = unsafe { OwnedFd::from_raw_fd(raw) };
        let uid = getsockopt(&client, sockopt::PeerCredentials)?.uid();
        Ok((client, uid))
    }

    /// Where it listens.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        // It may have been taken away already.
        let _ = fs::remove_file(&self.path);
    }
}

fn seqpacket() -> nix::Result<OwnedFd> {
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    socket(AddressFamily::Unix, SockType::SeqPacket, flags, None)
}

/// Removes the file that a daemon without a chance to clean up has left.
fn make_way(path: &Path) -> io::Result<()> {
    let Ok(meta) = fs::symlink_metadata(path) else {
        return Ok(());
    };
    let in_use = |what: &str| {
        let why = format!(
            "{}: {what}: stop it, or choose another path with --socket",
            path.display()
        );
        io::Error::new(io::ErrorKind::AddrInUse, why)
    };
    if !meta.file_type().is_socket() {
        return Err(in_use("there is something else than a socket here"));
    }
    match connect(seqpacket()?.as_raw_fd(), &UnixAddr::new(path)?) {
        Err(Errno::ECONNREFUSED) => {
            fs::remove_file(path).map_err(|e| say(path, "cannot remove a dead daemon's socket", e))
        }
        // EAGAIN: its backlog is full, so somebody is there.
        Ok(()) | Err(Errno::EAGAIN) => Err(in_use("a v4vd listens here already")),
        Err(Errno::EPROTOTYPE) => Err(in_use("another program listens here")),
        Err(error) => Err(say(
            path,
            "cannot tell whether a v4vd listens there",
            error.into(),
        )),
    }
}

fn say(path: &Path, what: &str, error: io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {what}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(name: &str) -> PathBuf {
        std::env::temp_dir().join(format!("v4vd-listener-{name}-{}", std::process::id()))
    }

    #[test]
    fn a_second_daemon_is_refused_and_a_dead_one_replaced() {
        let path = path("twice");
        let first = Listener::bind(&path).expect("free");
        let refused = Listener::bind(&path).expect_err("taken");
        assert_eq!(refused.kind(), io::ErrorKind::AddrInUse);
        assert!(refused.to_string().contains("--socket"), "{refused}");
        let Listener { socket, .. } = &first;
        // As a killed daemon leaves it: the file is there, nobody listens.
        nix::sys::socket::shutdown(socket.as_raw_fd(), nix::sys::socket::Shutdown::Both).expect("shut");
        let dead = std::mem::ManuallyDrop::new(first);
        let second = Listener::bind(&path).expect("a dead daemon's place");
        assert_eq!(
            fs::metadata(second.path()).expect("a file").permissions().mode() & 0o777,
            0o600
        );
        drop(second);
        assert!(!path.exists() && !dead.path().exists());
    }

    #[test]
    fn a_file_that_is_no_socket_stays() {
        let path = path("file");
        fs::write(&path, "precious").expect("written");
        assert_eq!(
            Listener::bind(&path).expect_err("not ours").kind(),
            io::ErrorKind::AddrInUse
        );
        assert_eq!(fs::read_to_string(&path).expect("still there"), "precious");
        fs::remove_file(&path).expect("removed");
    }
}
