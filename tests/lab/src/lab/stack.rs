//! Which hypervisor, and which kernel in the guests: what a machine is put together of.

use super::kernel::Series;
use super::xen::Whose;
use std::fmt;

/// A hypervisor and the guests' kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stack {
    pub(crate) whose: Whose,
    pub(crate) kernel: Series,
}

impl Stack {
    /// The hypervisor with the usual kernel.
    pub(crate) const fn usual(whose: Whose) -> Self {
        Self {
            whose,
            kernel: Series::BASE,
        }
    }

    pub(crate) fn is_usual(self) -> bool {
        self == Self::usual(self.whose)
    }
}

impl fmt::Display for Stack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.whose)?;
        if self.kernel != Series::BASE {
            write!(f, "-linux-{}", self.kernel)?;
        }
        Ok(())
    }
}
