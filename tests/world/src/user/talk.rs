//! One end of a connection: sends its pattern, checks the peer's, closes.

use std::cell::RefCell;
use std::rc::Rc;

use v4v_ring::layout::{event, space};
use v4v_ring::{Addr, DomId};
use v4v_sock::limits::{CONN_RING_MIN, packet_max};
use v4v_sock::{Errno, Established, RecvFlags, SocketKind};

use super::{Turn, User};
use crate::facts::Trust;
use crate::home::Home;
use crate::machine::Flavour;
use crate::pattern::{Pattern, Way};
use crate::rng::Rng;
use crate::wait::On;
use crate::world::World;

/// Bytes after which an end gives up a hostile peer.
const ENOUGH: usize = 100_000;

/// How an end behaves.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Two threads, each for one direction; else one thread that polls.
    pub threads: bool,
    /// No shutdown: it closes when it has sent and read everything.
    pub lazy: bool,
    /// It aborts after so many bytes or packets.
    pub abort_after: Option<usize>,
}

/// An end of a connection.
#[derive(Debug)]
pub struct Talk {
    end: Option<Established<Home>>,
    plan: Plan,
    rng: Rng,
    /// The connector's address, and the listener's domain.
    ends: (Addr, DomId),
    output: Flow,
    input: Flow,
    saw_reset: bool,
}

/// One direction: bytes of a stream, or packets.
#[derive(Debug)]
struct Flow {
    pattern: Pattern,
    total: usize,
    done: usize,
    over: bool,
}

/// What one operation did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Did {
    Something,
    Blocked,
}

/// A thread of a [`Talk`].
struct Thread {
    talk: Rc<RefCell<Talk>>,
    role: Role,
    /// Directions that would have to wait: sending, receiving.
    blocked: [bool; 2],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Sends,
    Receives,
    Both,
}

impl Flow {
    fn new(pattern: Pattern, kind: SocketKind) -> Self {
        let total = if kind == SocketKind::Stream {
            pattern.stream_len()
        } else {
            pattern.packets()
        };
        Self {
            pattern,
            total,
            done: 0,
            over: false,
        }
    }
}

impl Talk {
    /// Lets the users of one end of a connection begin.
    pub fn begin(world: &World, home: &Home, end: Established<Home>, mine: Way, plan: Plan) {
        let (local, remote) = (end.conn.local(), end.conn.remote());
        let ends = if mine == Way::There {
            (local, remote.domain)
        } else {
            (remote, local.domain)
        };
        let theirs = if mine == Way::There { Way::Back } else { Way::There };
        let flow = |way| Flow::new(Pattern::new(ends.0, way), end.conn.kind());
        let (output, mut input) = (flow(mine), flow(theirs));
        input.over = plan.lazy && input.total == 0;
        let talk = Self {
            end: Some(end),
            plan,
            rng: world.rng(),
            ends,
            output,
            input,
            saw_reset: false,
        };
        let talk = Rc::new(RefCell::new(talk));
        let roles: &[Role] = if plan.threads {
            &[Role::Sends, Role::Receives]
        } else {
            &[Role::Both]
        };
        for role in roles {
            let talk = Rc::clone(&talk);
            world.add(
                home,
                Thread {
                    talk,
                    role: *role,
                    blocked: [false; 2],
                },
            );
        }
    }

    fn trust(&self, world: &World) -> Trust {
        world.facts.trust(self.ends.0, self.ends.1)
    }

    /// Gives the connection up where the plan says so.
    fn abort_if_due(&mut self, world: &World) {
        let done = self.output.done + self.input.done;
        let hopeless = self.trust(world) == Trust::Nothing && done > ENOUGH;
        if hopeless || self.plan.abort_after.is_some_and(|n| done >= n) {
            world.facts.disturb(self.ends.0);
            if let Some(end) = self.end.take()
                && self.rng.one_in(2)
            {
                end.conn.abort();
            }
        }
    }

    /// Sends something, or says that nothing more will come.
    fn send(&mut self, world: &World) -> Did {
        let Some(end) = &mut self.end else {
            return Did::Something;
        };
        let Flow {
            pattern, total, done, ..
        } = self.output;
        if done == total {
            return self.end_output(world);
        }
        let promised = self.rng.one_in(4) && end.poll().output && !world.facts.is_short();
        let stream = end.conn.kind() == SocketKind::Stream;
        let bytes = if stream {
            pattern.bytes(done, (total - done).min(1 + self.rng.below(3000)))
        } else {
            pattern.packet(done, packet_max(CONN_RING_MIN) as usize)
        };
        match end.tx.send(&end.conn, &mut &bytes[..], bytes.len()) {
            Ok(n) => {
                assert!(n <= bytes.len() && (n > 0 || !stream));
                self.output.done += if stream { n } else { 1 };
                Did::Something
            }
            Err(e) => {
                let trusted = self.trust(world) != Trust::Nothing;
                assert!(!(promised && trusted && e == Errno::AGAIN), "poll promised room");
                self.failed(world, e)
            }
        }
    }

    fn end_output(&mut self, world: &World) -> Did {
        let Some(end) = &mut self.end else {
            return Did::Something;
        };
        if self.plan.lazy {
            self.output.over = true;
            return Did::Something;
        }
        match end.tx.shutdown(&end.conn) {
            Ok(()) => {
                self.output.over = true;
                Did::Something
            }
            Err(e) => self.failed(world, e),
        }
    }

    /// Receives something and checks it.
    fn recv(&mut self, world: &World) -> Did {
        let trusted = self.trust(world) != Trust::Nothing;
        let Some(end) = &mut self.end else {
            return Did::Something;
        };
        let promised = self.rng.one_in(4) && end.poll().input;
        let max = 1 + self.rng.below(4000);
        let flags = RecvFlags {
            peek: self.rng.one_in(8),
        };
        let mut buffer = vec![0; max];
        match end.rx.recv(&end.conn, &mut buffer.as_mut_slice(), max, flags) {
            Ok(got) if got.bytes == 0 && !got.end => self.end_input(world),
            Ok(got) => {
                let Flow {
                    pattern, total, done, ..
                } = self.input;
                let stream = end.conn.kind() == SocketKind::Stream;
                let expected = if stream {
                    pattern.bytes(done, got.bytes)
                } else {
                    pattern.packet(done, packet_max(CONN_RING_MIN) as usize)
                };
                if trusted {
                    assert_eq!(got.full, expected.len());
                    assert!(
                        buffer[..got.bytes] == expected[..got.bytes.min(expected.len())],
                        "other bytes came"
                    );
                    assert!(
                        done + if stream { got.bytes } else { 1 } <= total,
                        "more came than was sent"
                    );
                }
                if !flags.peek {
                    self.input.done += if stream { got.bytes } else { 1 };
                    self.input.over = self.plan.lazy && self.input.done == total;
                }
                Did::Something
            }
            Err(e) => {
                assert!(!(promised && trusted && e == Errno::AGAIN), "poll promised data");
                self.failed(world, e)
            }
        }
    }

    /// The end of the peer's stream: nobody may take a reset for it.
    fn end_input(&mut self, world: &World) -> Did {
        let Flow { total, done, .. } = self.input;
        let whole = done == total;
        assert!(
            whole || self.saw_reset || self.trust(world) == Trust::Nothing,
            "the end after {done} of {total}"
        );
        self.input.over = true;
        Did::Something
    }

    /// What an error means to this end.
    fn failed(&mut self, world: &World, e: Errno) -> Did {
        if e == Errno::AGAIN {
            return Did::Blocked;
        }
        if world.facts.passes(e) {
            return Did::Something;
        }
        match self.trust(world) {
            Trust::Whole => panic!("{e:?} on a connection that nobody disturbs: {self:?}"),
            Trust::Prefix => {
                assert!(
                    matches!(e, Errno::CONNRESET | Errno::PIPE | Errno::NOTCONN),
                    "{e:?}"
                );
                assert!(!(self.saw_reset && e == Errno::CONNRESET), "a reset is told once");
                self.saw_reset |= e == Errno::CONNRESET;
                self.output.over = true;
            }
            Trust::Nothing => self.end = None,
        }
        Did::Something
    }

    /// Closes. Where that has to wait for FIN's room, `Blocked`.
    fn close(&mut self) -> Did {
        match self.end.as_mut().map(Established::close) {
            Some(Err(Errno::AGAIN)) => Did::Blocked,
            _ => {
                self.end = None;
                Did::Something
            }
        }
    }

    /// Arms what would wake the directions asked for; `None` where one of them can go on.
    fn arm(&mut self, sending: bool, receiving: bool, polls: bool) -> Option<Vec<On>> {
        let end = self.end.as_mut()?;
        let own = end.conn.ring().platform().own(end.conn.ring().id());
        let machine = end.conn.ring().platform().machine();
        let hosted = machine.flavour() == Flavour::Hosted;
        if polls && hosted {
            machine
                .signals
                .with_bell(own, |bell| (bell.lit, bell.roomy) = (false, false));
        }
        let mut on = Vec::new();
        if receiving {
            let word = end
                .rx
                .before_sleep(&end.conn, if polls { event::POLLS } else { event::SLEEPS })?;
            on.push(On::data(end.conn.ring(), word));
        }
        if sending {
            let word = end
                .tx
                .before_sleep(&end.conn, if polls { space::POLLS } else { space::SLEEPS })?;
            on.push(On::space(&end.tx, word));
        }
        Some(if polls && hosted { vec![On::Bell(own)] } else { on })
    }
}

impl Thread {
    /// Closes where both directions are over; another thread may have done it.
    fn close(&mut self, talk: &mut Talk) -> Turn {
        if talk.close() == Did::Something {
            return Turn::Done;
        }
        talk.arm(true, false, self.role == Role::Both)
            .map_or(Turn::Again, Turn::Sleep)
    }

    fn wait(&mut self, talk: &mut Talk) -> Turn {
        let sending = self.role != Role::Receives && !talk.output.over;
        let receiving = self.role != Role::Sends && !talk.input.over;
        self.blocked = [false; 2];
        talk.arm(sending, receiving, self.role == Role::Both)
            .map_or(Turn::Again, Turn::Sleep)
    }
}

impl User for Thread {
    fn step(&mut self, world: &Rc<World>) -> Turn {
        let talk = Rc::clone(&self.talk);
        let talk = &mut *talk.borrow_mut();
        talk.abort_if_due(world);
        if talk.end.is_none() {
            return Turn::Done;
        }
        if talk.output.over && talk.input.over {
            return self.close(talk);
        }
        let sends = self.role != Role::Receives && !talk.output.over;
        let receives = self.role != Role::Sends && !talk.input.over;
        match [sends, receives] {
            [false, false] => return Turn::Done,
            [true, _] if !self.blocked[0] && (!receives || self.blocked[1] || talk.rng.one_in(2)) => {
                self.blocked[0] = talk.send(world) == Did::Blocked;
            }
            [_, true] if !self.blocked[1] => self.blocked[1] = talk.recv(world) == Did::Blocked,
            _ => return self.wait(talk),
        }
        Turn::Again
    }

    fn time_passes(&mut self, world: &World) -> bool {
        let mut talk = self.talk.borrow_mut();
        let silent = world.may_be_silent(talk.ends.0, talk.ends.1);
        if silent {
            talk.end = None;
        }
        silent
    }

    fn is_over(&self) -> bool {
        self.talk.borrow().end.is_none()
    }

    fn name(&self) -> String {
        format!("{:?} of {:?}", self.role, self.talk)
    }
}
