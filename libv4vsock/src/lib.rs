//! Sockets between the virtual machines of one host, with the API of [`std::net`].
//!
//! ```no_run
//! use std::io::{Read, Write};
//! use v4vsock::{V4vListener, V4vStream};
//!
//! // In the domain that owns the accelerator:
//! let listener = V4vListener::bind(5001)?;
//! std::thread::spawn(move || {
//!     let (mut stream, peer) = listener.accept()?;
//!     println!("{peer} calls");
//!     stream.write_all(b"hello")
//! });
//!
//! // In any other domain of the host:
//! let mut stream = V4vStream::connect("gpu:5001")?;
//! let mut text = String::new();
//! stream.read_to_string(&mut text)?;
//! # std::io::Result::Ok(())
//! ```
//!
//! The sockets are the guest kernel's where it has AF_V4V; elsewhere a domain is a process (or several) that the daemon
//! `v4vd` knows by the name in `V4V_DOMAIN`. `V4V_BACKEND` (`kernel`, `hosted`, `auto`) overrides the choice.
//!
//! Errors are [`io::Error`](std::io::Error)s of the kind that a TCP user expects; [`errno`] gives their number.

mod addr;
mod backend;
mod conn;
mod datagram;
pub mod descriptor;
mod error;
mod hosted;
mod kernel;
mod listener;
mod options;
mod seqpacket;
pub mod stat;
mod stream;
#[cfg(feature = "tokio")]
pub mod tokio;

pub use addr::{ParseAddrError, ToV4vAddr, V4vAddr};
pub use backend::{BACKEND_VAR, Backend, backend, local_domain, remember_environment};
pub use datagram::{DATAGRAM_MAX, V4vDatagram};
pub use error::errno;
pub use listener::{V4vListener, V4vSeqpacketListener};
pub use options::{RECEIVE_BUFFER_MAX, SocketOptions};
pub use seqpacket::{Packet, V4vSeqpacket};
pub use stream::V4vStream;
