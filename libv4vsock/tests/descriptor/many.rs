//! Many at once.

use crate::kernel::{descriptors, here, read, write};
use std::os::fd::{AsFd, OwnedFd};
use v4vsock::descriptor;

/// Connections at once.
const MANY: usize = 1500;

pub(crate) fn many_connections() {
    let (_, hard) =
        nix::sys::resource::getrlimit(nix::sys::resource::Resource::RLIMIT_NOFILE).expect("a limit");
    nix::sys::resource::setrlimit(nix::sys::resource::Resource::RLIMIT_NOFILE, hard, hard).expect("raised");
    let listener = descriptor::listen(5001, 512).expect("free");
    let before = descriptors();
    for round in 0..2 {
        let (mut callers, mut accepted): (Vec<OwnedFd>, Vec<OwnedFd>) = (Vec::new(), Vec::new());
        for n in 0..MANY {
            callers.push(descriptor::connect(here(5001), false).expect("connected").socket);
            write(&callers[n], &n.to_le_bytes());
            if n % 100 == 99 {
                while accepted.len() < callers.len() {
                    accepted.push(descriptor::accept(listener.as_fd(), false).expect("they wait").0);
                }
            }
        }
        let mut ports = Vec::new();
        for (n, socket) in accepted.iter().enumerate() {
            assert_eq!(read(socket, size_of::<usize>()), n.to_le_bytes());
            ports.push(
                descriptor::peer_addr(socket.as_fd())
                    .expect("asked")
                    .expect("known")
                    .port(),
            );
        }
        assert_eq!((callers.len(), accepted.len()), (MANY, MANY), "round {round}");
        assert_eq!(descriptors() - before, 2 * MANY);
        drop((callers, accepted));
        assert_eq!(descriptors(), before);
    }
}
