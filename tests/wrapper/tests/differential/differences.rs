//! Where a program sees something else than over TCP, hosted, and why. docs/WRAPPER.md says the same in words.

use v4v_wrapper_tests::script::{Call, Kind};

/// One of them.
pub(crate) struct Difference {
    pub(crate) why: &'static str,
    is: fn(Call, &str, &str) -> bool,
}

impl Difference {
    pub(crate) fn is_it(&self, call: Call, tcp: &str, v4v: &str) -> bool {
        (self.is)(call, tcp, v4v)
    }
}

const EPIPE: &str = "errno 32";
const EPIPE_OR_RESET: [&str; 2] = [EPIPE, "errno 104"];
const ENOTSOCK: &str = "errno 88";
const EISCONN: &str = "errno 106";
const EINVAL: &str = "errno 22";
const ECONNABORTED: &str = "errno 103";
const ENOTCONN: &str = "errno 107";

fn sends(call: Call) -> bool {
    matches!(call.kind, Kind::Send | Kind::SendMsg | Kind::SendTo)
}

/// The events of poll's answer, or of one epoll event.
fn events(answer: &str) -> Option<i32> {
    let inner = answer
        .strip_prefix("Some(")
        .or_else(|| answer.rsplit_once(", ").map(|(_, e)| e))?;
    inner.trim_end_matches([')', ']']).parse().ok()
}

const POLLOUT_AND_HUP: i32 = (libc::POLLOUT | libc::POLLHUP) as i32;
const POLLIN: i32 = libc::POLLIN as i32;

/// All of them.
pub(crate) const ALL: &[Difference] = &[
    Difference {
        why: "send and recv of a listener: ENOTSOCK, since its descriptor is an epoll set, where TCP says EPIPE or ENOTCONN",
        is: |call, tcp, v4v| {
            matches!(call.kind, Kind::Send | Kind::Recv)
                && [EPIPE, ENOTCONN].contains(&tcp)
                && v4v == ENOTSOCK
        },
    },
    Difference {
        why: "a write to a peer that reads no more: EPIPE at once, where TCP hears of it with the answer to the first",
        is: |call, tcp, v4v| {
            sends(call) && (tcp.starts_with("ok") || EPIPE_OR_RESET.contains(&tcp)) && v4v == EPIPE
        },
    },
    Difference {
        why: "a connection whose peer has closed polls as hung up, where TCP's is half closed until this side closes too",
        is: |call, tcp, v4v| {
            let (Some(tcp), Some(v4v)) = (events(tcp), events(v4v)) else {
                return false;
            };
            matches!(call.kind, Kind::Poll | Kind::EpollWait)
                && v4v & i32::from(libc::POLLHUP) != 0
                && tcp & v4v == tcp
        },
    },
    Difference {
        why: "a connection that both sides have shut down has a peer until it is closed, where TCP forgets it",
        is: |call, tcp, v4v| {
            matches!(call.kind, Kind::Shutdown | Kind::Peer) && tcp == ENOTCONN && v4v.starts_with("ok")
        },
    },
    Difference {
        why: "a connect after one that did not wait says that it is there, where TCP has forgotten after a shutdown that nobody was told",
        is: |call, tcp, v4v| call.kind == Kind::Connect && tcp == EISCONN && v4v == "ok",
    },
    Difference {
        why: "a socket whose connect was refused without waiting may listen or connect, where TCP's waits for another connect to hear of it",
        is: |call, tcp, v4v| match call.kind {
            Kind::Listen => tcp == EINVAL && v4v == "ok",
            Kind::Connect => tcp == ECONNABORTED,
            _ => false,
        },
    },
    Difference {
        why: "reading no bytes of a connection that is over gives none, where TCP says ENOTCONN",
        is: |call, tcp, v4v| {
            let reads = matches!(call.kind, Kind::Recv | Kind::RecvMsg | Kind::RecvFrom);
            reads && tcp == ENOTCONN && v4v.starts_with("ok 0")
        },
    },
    Difference {
        why: "a connection that was reset keeps its port, where TCP's may be bound to another",
        is: |call, tcp, v4v| call.kind == Kind::Bind && tcp == "ok" && v4v == EINVAL,
    },
    Difference {
        why: "a listener that was shut down polls readable, where TCP's polls as hung up",
        is: |call, tcp, v4v| {
            call.kind == Kind::Poll && events(tcp) == Some(POLLOUT_AND_HUP) && events(v4v) == Some(POLLIN)
        },
    },
];
