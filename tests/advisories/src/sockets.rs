//! Short ways to what the tests do all the time: connections between homes.

use v4v_ring::Addr;
use v4v_sock::connect::ConnOptions;
use v4v_sock::limits::CONN_RING_MIN;
use v4v_sock::{Connector, Errno, Established, Listener, RecvFlags, SocketKind};

use crate::Home;

/// A connection's end.
pub type Conn = Established<Home>;

/// The port that [`listen`] listens on.
const PORT: u32 = 5000;

/// Streams over rings of a page.
const OPTIONS: ConnOptions = ConnOptions {
    kind: SocketKind::Stream,
    ring_len: CONN_RING_MIN,
};

/// A listener for streams.
///
/// # Panics
/// Where the home has one.
#[must_use]
pub fn listen(home: &Home, backlog: usize) -> Listener<Home> {
    Listener::listen(home.clone(), PORT, backlog, OPTIONS).expect("a free port and a ring")
}

/// Starts to connect to `server`'s listener.
///
/// # Errors
/// Those of [`Connector::start`].
pub fn connect(client: &Home, server: &Home) -> Result<Connector<Home>, Errno> {
    Connector::start(client.clone(), Addr::new(server.guest.id, PORT), OPTIONS, None)
}

/// A connection: the connector's end, the listener's end. The listener is gone.
///
/// # Panics
/// Where the handshake fails.
#[must_use]
pub fn streams(client: &Home, server: &Home) -> (Conn, Conn) {
    let mut door = listen(server, 1);
    let mut guest = connect(client, server).expect("somebody listens");
    let there = door.accept().expect("a request came");
    (guest.progress().expect("it was accepted"), there)
}

/// Sends what fits; returns the bytes taken.
///
/// # Errors
/// Those of [`v4v_sock::TxHalf::send`].
pub fn send(conn: &mut Conn, bytes: &[u8]) -> Result<usize, Errno> {
    let mut payload = bytes;
    conn.tx.send(&conn.conn, &mut payload, bytes.len())
}

/// Receives at most `max` bytes; none at the end.
///
/// # Errors
/// Those of [`v4v_sock::RxHalf::recv`].
pub fn recv(conn: &mut Conn, max: usize) -> Result<Vec<u8>, Errno> {
    let mut buffer = vec![0; max];
    let got = conn
        .rx
        .recv(&conn.conn, &mut buffer.as_mut_slice(), max, RecvFlags::default())?;
    buffer.truncate(got.bytes);
    Ok(buffer)
}

/// Sends until the peer's ring is full; returns the bytes taken.
///
/// # Panics
/// Where sending ends for another reason.
pub fn fill(conn: &mut Conn) -> usize {
    let mut sent = 0;
    loop {
        match send(conn, &[7; 500]) {
            Ok(n) => sent += n,
            Err(e) => {
                assert_eq!(e, Errno::AGAIN);
                return sent;
            }
        }
    }
}
