//! Which V4V carries this process's sockets: the guest kernel's address family, or a daemon on a machine without Xen.

use crate::hosted::control::{connection, observer};
use crate::kernel;
use std::env;
use std::io;
use std::sync::OnceLock;
use v4v_hosted::paths::DOMAIN_VAR;
use v4v_hosted::wire::op;
use v4v_ring::DomId;

/// The variable that overrides the choice: `kernel`, `hosted` or `auto`.
pub const BACKEND_VAR: &str = "V4V_BACKEND";

/// What carries this process's sockets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backend {
    /// The guest kernel's address family AF_V4V.
    Kernel {
        /// The family's number, which the kernel module chose.
        family: i32,
    },
    /// The daemon `v4vd` and rings in shared memory.
    Hosted,
}

/// The backend of this process, chosen at its first use: the kernel's where the module is loaded, else hosted;
/// `V4V_BACKEND` overrides.
///
/// # Errors
/// `EAFNOSUPPORT` where `V4V_BACKEND=kernel` and no module is loaded; `InvalidInput` for another value.
pub fn backend() -> io::Result<Backend> {
    static CHOSEN: OnceLock<Backend> = OnceLock::new();
    if let Some(chosen) = CHOSEN.get() {
        return Ok(*chosen);
    }
    let wanted = env::var(BACKEND_VAR).unwrap_or_default();
    let chosen = choose(&wanted, kernel::family())?;
    Ok(*CHOSEN.get_or_init(|| chosen))
}

fn choose(wanted: &str, family: Option<i32>) -> io::Result<Backend> {
    match (wanted, family) {
        ("kernel" | "auto" | "", Some(family)) => Ok(Backend::Kernel { family }),
        ("hosted" | "auto" | "", _) => Ok(Backend::Hosted),
        ("kernel", None) => Err(crate::error::with_reason(
            libc::EAFNOSUPPORT,
            "V4V_BACKEND=kernel, but the kernel has no AF_V4V: load the module v4v, or use V4V_BACKEND=hosted with v4vd",
        )),
        (other, _) => Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            format!("{BACKEND_VAR}={other}: write kernel, hosted or auto"),
        )),
    }
}

/// The name of the domain that this process joins: `V4V_DOMAIN` as it was at first, else `p` and its process id.
pub(crate) fn domain_name() -> String {
    static GIVEN: OnceLock<Option<String>> = OnceLock::new();
    let read = || env::var(DOMAIN_VAR).ok().filter(|name| !name.is_empty());
    match GIVEN.get_or_init(read) {
        Some(name) => name.clone(),
        None => format!("p{}", std::process::id()),
    }
}

/// Reads the environment now, for a process that changes it before it first uses V4V: `V4V_BACKEND`, `V4V_DOMAIN` and `V4V_SOCKET` count
/// as they are at first.
pub fn remember_environment() {
    // What is wrong with it is said where a socket is asked for.
    let _ = backend();
    domain_name();
    let _ = v4v_hosted::paths::is_path_given();
}

/// The id of this process's domain.
///
/// # Errors
/// Where the backend cannot be reached.
pub fn local_domain() -> io::Result<u16> {
    match backend()? {
        Backend::Kernel { family } => kernel::local_domain(family),
        Backend::Hosted => Ok(connection()?.domain().0),
    }
}

/// A domain's id by its name.
pub(crate) fn resolve(name: &str) -> io::Result<DomId> {
    match backend()? {
        Backend::Kernel { .. } => kernel::resolve(name),
        Backend::Hosted => {
            let answer = observer()?.call(op::RESOLVE, [0; 4], name.as_bytes())?;
            let id = u16::try_from(answer.result).map_err(|_| io::Error::from_raw_os_error(libc::EPROTO))?;
            Ok(DomId(id))
        }
    }
}

/// A domain's name by its id.
pub(crate) fn domain_name_of(domain: DomId) -> io::Result<Option<String>> {
    match backend()? {
        Backend::Kernel { .. } => Ok(kernel::name_of(domain)),
        Backend::Hosted => match observer()?.call(op::NAME_OF, [domain.0.into(), 0, 0, 0], &[]) {
            Ok(answer) => Ok(String::from_utf8(answer.blob).ok()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_comes_first_where_it_is_there() {
        let kernel = Backend::Kernel { family: 41 };
        for (wanted, family, chosen) in [
            ("", Some(41), kernel),
            ("auto", None, Backend::Hosted),
            ("hosted", Some(41), Backend::Hosted),
            ("kernel", Some(41), kernel),
        ] {
            assert_eq!(
                choose(wanted, family).expect("possible"),
                chosen,
                "{wanted} {family:?}"
            );
        }
    }

    #[test]
    fn what_cannot_be_chosen_is_said() {
        let error = choose("kernel", None).expect_err("no module");
        assert_eq!(crate::error::errno(&error), Some(libc::EAFNOSUPPORT));
        assert!(error.to_string().contains("load the module"));
        assert_eq!(
            choose("tcp", None).expect_err("unknown").kind(),
            io::ErrorKind::InvalidInput
        );
    }
}
