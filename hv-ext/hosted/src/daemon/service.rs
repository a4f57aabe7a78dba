//! A client's requests, each with its answer.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use v4v_hv::RingId;

use super::admission::Standing;
use super::machine::Hv;
use super::membership::{self, Membership};
use super::refusal::Refusal;
use super::ring::Ring;
use super::rings::Caller;
use super::{broker, hypercalls, lookup};
use crate::doorbell::Face;
use crate::names::ListenerName;
use crate::wire::{Request, op};

/// Descriptors that go with an answer.
#[derive(Debug)]
pub enum Gift {
    /// None.
    Nothing,
    /// A ring for its owner, of this name: memory, face, button.
    Own(RingId, Ring, Face),
    /// A ring for its partner: memory, button.
    Partner(Ring),
    /// A listening socket of this name.
    Listener(ListenerName, OwnedFd),
    /// A connected socket.
    Caller(OwnedFd),
}

impl Gift {
    /// The descriptors, in their order.
    #[must_use]
    pub fn fds(&self) -> Vec<BorrowedFd<'_>> {
        match self {
            Self::Nothing => Vec::new(),
            Self::Own(_, ring, face) => vec![ring.memory(), face.as_fd(), ring.button()],
            Self::Partner(ring) => vec![ring.memory(), ring.button()],
            Self::Listener(_, socket) | Self::Caller(socket) => vec![socket.as_fd()],
        }
    }
}

/// A successful answer.
#[derive(Debug)]
pub struct Answer {
    /// The operation's result, not negative.
    pub result: i64,
    /// What comes with it.
    pub blob: Vec<u8>,
    /// Descriptors that come with it.
    pub gift: Gift,
}

impl Answer {
    fn number(result: i64) -> Self {
        Self {
            result,
            blob: Vec::new(),
            gift: Gift::Nothing,
        }
    }

    fn bytes(blob: Vec<u8>) -> Self {
        Self {
            result: 0,
            blob,
            gift: Gift::Nothing,
        }
    }
}

/// A client as the requests see it.
#[derive(Debug)]
pub struct Session {
    caller: Caller,
    membership: Option<Membership>,
}

impl Session {
    /// A process that has said nothing yet.
    #[must_use]
    pub fn new(caller: Caller) -> Self {
        Self {
            caller,
            membership: None,
        }
    }

    /// Who it is.
    #[must_use]
    pub fn caller(&self) -> Caller {
        self.caller
    }

    /// Does what a request asks.
    ///
    /// # Errors
    /// The operation's. `ENOTCONN`: no HELLO came before; `ENODEV`: it joined no domain; `EOPNOTSUPP`: no such operation.
    pub fn serve(&mut self, hv: &Hv, request: &Request, blob: &[u8]) -> Result<Answer, Refusal> {
        let Request { op, args, .. } = *request;
        let Some(membership) = self.membership else {
            return self.hello(hv, request, blob);
        };
        match op {
            op::RESOLVE => lookup::resolve(hv, blob).map(Answer::number),
            op::NAME_OF => lookup::name_of(hv, args[0]).map(Answer::bytes),
            op::LIST_DOMAINS => Ok(Answer::bytes(lookup::domains(hv, args[0]))),
            op::LIST_RINGS => lookup::rings(hv, self.caller, args[0], args[1]).map(Answer::bytes),
            op::HELLO => Err(Refusal::new(libc::EISCONN, "this process has said hello already")),
            _ => {
                let Membership::Domain(domain) = membership else {
                    return Err(Refusal::new(
                        libc::ENODEV,
                        "this process joined no domain: it may only look things up",
                    ));
                };
                match op {
                    op::ATTACH => hypercalls::attach(hv, self.caller, domain, args),
                    op::LISTEN => broker::listen(hv, self.caller, domain, args),
                    op::CONNECT => broker::connect(hv, domain, args),
                    op if op < op::HELLO => hypercalls::hypercall(hv, self.caller, domain, request, blob),
                    _ => Err(Refusal::new(
                        libc::EOPNOTSUPP,
                        format!("v4vd knows no operation {op:#x}"),
                    )),
                }
            }
        }
    }

    fn hello(&mut self, hv: &Hv, request: &Request, blob: &[u8]) -> Result<Answer, Refusal> {
        if request.op != op::HELLO {
            return Err(Refusal::new(libc::ENOTCONN, "the first request is hello"));
        }
        let membership = membership::hello(hv, self.caller, request.args, blob)?;
        self.membership = Some(membership);
        Ok(Answer::number(membership.result()))
    }

    /// Takes back what could not be sent: nobody has a ring or a listener whose owner never got it. (An attached ring stays the attacher's; one
    /// that cannot use it ends its own.)
    pub fn take_back(&self, hv: &Hv, gift: &Gift) {
        match (gift, self.membership) {
            (Gift::Own(ring, ..), Some(Membership::Domain(domain))) => {
                hypercalls::unregister(hv, self.caller, domain, *ring);
            }
            (Gift::Listener(name, _), _) => hv.host().listeners_mut().remove(name),
            _ => {}
        }
    }

    /// Ends it: its rings go, and with the last process of a domain the domain.
    pub fn end(self, hv: &Hv) {
        if let Some(Membership::Domain(domain)) = self.membership {
            membership::leave(hv, self.caller.client, domain);
        }
    }
}

/// What a client hears that may not do anything here.
#[must_use]
pub fn farewell(hv: &Hv, standing: Standing, uid: u32, no_room: Refusal) -> Option<Refusal> {
    match standing {
        Standing::Guest => None,
        Standing::TurnedAway => Some(no_room),
        Standing::Stranger => {
            // No name is open to this user, so none has to be known.
            let refusal = hv.host().policy().may_join("?", uid).err();
            let sentence = format!(
                "v4vd's policy lets uid {uid} into no domain: ask for a [domain.NAME] table with `uid = {uid}` in it"
            );
            refusal.map(|r| Refusal { sentence, ..r })
        }
    }
}
