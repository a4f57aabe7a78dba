//! Requests and events.

use crate::bytes::Bytes;
use serde::{Deserialize, Serialize};

/// A message and the agent that it is for, or comes from.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Envelope<T> {
    /// [`DOM0`](crate::DOM0) or a guest's name.
    pub peer: String,
    /// The message.
    pub body: T,
}

/// What the host asks. Numbers (`id`) are the host's, one for each program.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Request {
    /// Start a program.
    Start {
        /// Its number from now on.
        id: u64,
        /// The program and its arguments.
        argv: Vec<String>,
        /// Seconds after which it and its children are killed.
        limit_s: u64,
        /// Whether it gets a terminal of its own.
        terminal: bool,
    },
    /// Give a program bytes to read.
    Input {
        /// The program.
        id: u64,
        /// The bytes.
        data: Bytes,
    },
    /// Let a program read the end of its input.
    EndInput {
        /// The program.
        id: u64,
    },
    /// Kill a program and its children.
    Kill {
        /// The program.
        id: u64,
    },
    /// dom0 only: find a guest's agent, and pass messages between it and the host from then on.
    Attach {
        /// The number of the answer.
        id: u64,
        /// The guest's name.
        name: String,
        /// Where its agent waits, `ADDRESS:PORT`.
        address: String,
        /// Seconds to keep trying.
        limit_s: u64,
    },
    /// dom0 only: forget a guest's agent.
    Detach {
        /// The guest's name.
        name: String,
    },
}

/// Where a program wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stream {
    /// Standard output.
    Out,
    /// Standard error.
    Err,
}

/// How a program ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Ending {
    /// By itself, with this code.
    Code(i32),
    /// By this signal.
    Signal(i32),
    /// It ran past its limit and was killed.
    Limit,
}

/// What the agents tell.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Event {
    /// The agent is there.
    Ready,
    /// A program wrote.
    Output {
        /// The program.
        id: u64,
        /// Where.
        stream: Stream,
        /// What.
        data: Bytes,
    },
    /// A program ended; nothing more comes from it.
    Ended {
        /// The program.
        id: u64,
        /// How.
        ending: Ending,
    },
    /// The guest's agent answered.
    Attached {
        /// The request.
        id: u64,
    },
    /// A request could not be done.
    Refused {
        /// The request.
        id: u64,
        /// Why.
        why: String,
    },
    /// The connection to the guest's agent ended.
    Lost,
}
