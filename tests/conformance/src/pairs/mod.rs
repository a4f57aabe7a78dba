//! The pairs, by subject. In each file a server function stands above its client function, and the table at the top says
//! what they expect.

mod backlog;
mod buffer;
mod clones;
mod close;
mod connect;
mod datagram;
mod datagram_limits;
mod descriptor;
mod epoll;
mod killed;
mod listener;
mod message;
mod nonblocking;
mod option;
mod order;
mod packet;
mod packet_state;
mod poll;
mod receive;
mod reset;
mod shutdown;
mod signal;
mod stream;
mod timeouts;
mod wake;

use crate::pair::Pair;

/// All pairs, in the order of the list.
pub fn all() -> impl Iterator<Item = &'static Pair> {
    const FILES: &[&[Pair]] = &[
        connect::PAIRS,
        listener::PAIRS,
        backlog::PAIRS,
        stream::PAIRS,
        buffer::PAIRS,
        receive::PAIRS,
        clones::PAIRS,
        close::PAIRS,
        shutdown::PAIRS,
        reset::PAIRS,
        killed::PAIRS,
        timeouts::PAIRS,
        nonblocking::PAIRS,
        wake::PAIRS,
        signal::PAIRS,
        poll::PAIRS,
        epoll::PAIRS,
        datagram::PAIRS,
        datagram_limits::PAIRS,
        packet::PAIRS,
        packet_state::PAIRS,
        option::PAIRS,
        message::PAIRS,
        descriptor::PAIRS,
        order::PAIRS,
    ];
    FILES.iter().copied().flatten()
}

/// The pair called `name`.
#[must_use]
pub fn by_name(name: &str) -> Option<&'static Pair> {
    all().find(|pair| pair.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn a_name_is_one_pair() {
        // The two sides find their parts by the name, so a second pair of one name would run the first one's.
        let mut names = BTreeSet::new();
        for pair in all() {
            assert!(names.insert(pair.name), "{} is there twice", pair.name);
        }
    }
}
