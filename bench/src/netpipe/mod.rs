//! The NetPIPE sweep: ping-pong over message sizes, on any connected byte stream.
//!
//! The two ends may be two programs that know nothing of each other but the stream. The client says before each batch
//! what it is about to do, in a header of [`wire::REQUEST_BYTES`]; the server answers that it is ready, does its part
//! and waits for the next header. Closing the stream ends the session.
//!
//! ```text
//!   client                                    server
//!   Echo, 64 B, 10 000 rounds  ───────────►   prepares a buffer
//!                              ◄───────────   ready
//!   64 B ─► 64 B ◄─  (10 000 times)           sends back what it reads
//!   Drain, 64 B                ───────────►   …
//!                              ◄───────────   ready
//!   64 B, 64 B, 64 B, last     ───────────►   reads until the message marked as the last
//!                              ◄───────────   how many there were
//! ```

mod client;
mod plan;
mod server;
mod sweep;
pub mod wire;

pub use client::{Client, Streamed};
pub use plan::{Pace, Plan};
pub use server::serve;
pub(crate) use sweep::one_way;
pub use sweep::{Lane, Ping, client, sweep};
pub use wire::MAX_MESSAGE;
