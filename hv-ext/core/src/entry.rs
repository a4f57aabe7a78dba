//! The hypercall: arguments in, one number out.

use v4v_ring::DomId;

use crate::Hypervisor;
use crate::abi::{OP_CAPS, OP_NOTIFY, OP_READY_SETUP, OP_REGISTER, OP_RING_SETUP, OP_SENDV, OP_UNREGISTER};
use crate::errno::Errno;
use crate::host::Host;

/// A hypercall's arguments after the entry's checks: two handles, two 32-bit numbers.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Args {
    pub(crate) arg1: u64,
    pub(crate) arg2: u64,
    pub(crate) arg3: u32,
    pub(crate) arg4: u32,
}

impl Args {
    /// The first argument of an operation that takes no other.
    fn only(self) -> Result<u64, Errno> {
        if self.arg2 == 0 && self.arg3 == 0 && self.arg4 == 0 {
            Ok(self.arg1)
        } else {
            Err(Errno::INVAL)
        }
    }
}

impl<H: Host> Hypervisor<H> {
    /// Hypercall 39 (`argo_op`) by `caller`: what the guest gets back, a negative errno where it failed.
    ///
    /// `arg1` and `arg2` are handles, which only the [`Host`] understands; `arg3` and `arg4` are numbers.
    pub fn hypercall(&self, caller: DomId, cmd: u32, arg1: u64, arg2: u64, arg3: u64, arg4: u64) -> i64 {
        self.enter(caller, cmd, [arg1, arg2, arg3, arg4])
            .map_or_else(Errno::to_return, i64::from)
    }

    fn enter(&self, caller: DomId, cmd: u32, [arg1, arg2, arg3, arg4]: [u64; 4]) -> Result<u32, Errno> {
        let (Ok(arg3), Ok(arg4)) = (u32::try_from(arg3), u32::try_from(arg4)) else {
            return Err(Errno::INVAL);
        };
        if !self.params.enabled {
            return Err(Errno::OPNOTSUPP);
        }
        self.host.may_enable(caller)?;
        let args = Args {
            arg1,
            arg2,
            arg3,
            arg4,
        };
        match cmd {
            OP_REGISTER => self.register(caller, args),
            OP_UNREGISTER => self.unregister(caller, args.only()?),
            OP_SENDV => self.sendv(caller, args),
            OP_NOTIFY => self.notify(caller, args.only()?),
            OP_CAPS => self.caps(caller, args.only()?),
            OP_RING_SETUP => self.ring_setup(caller, args.only()?),
            OP_READY_SETUP => self.ready_setup(caller, args.only()?),
            _ => Err(Errno::OPNOTSUPP),
        }
    }

    /// Copies one structure of the ABI from the caller.
    pub(crate) fn fetch<const N: usize>(&self, caller: DomId, handle: u64) -> Result<[u8; N], Errno> {
        let mut bytes = [0; N];
        self.host.copy_from_caller(caller, handle, &mut bytes)?;
        Ok(bytes)
    }
}
