//! V4V: streams of libv4vsock, by whatever backend it finds, the kernel's or `v4vd`'s.

use super::Transport;
use std::io;
use v4vsock::{V4vListener, V4vStream};

/// Streams between two domains. Each end's process is a domain of its own, whose name is in `V4V_DOMAIN`.
#[derive(Debug)]
pub struct V4v;

impl Transport for V4v {
    type Stream = V4vStream;
    type Listener = V4vListener;

    fn listen(_tag: &str) -> io::Result<(V4vListener, String)> {
        let listener = V4vListener::bind(0)?;
        let address = listener.local_addr()?.to_string();
        Ok((listener, address))
    }

    fn accept(listener: V4vListener) -> io::Result<V4vStream> {
        listener.accept().map(|(stream, _)| stream)
    }

    fn connect(address: &str) -> io::Result<V4vStream> {
        V4vStream::connect(address)
    }
}
