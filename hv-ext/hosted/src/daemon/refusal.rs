//! Why a request fails.

/// An errno for programs and a sentence for people, which names the cause and the cure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The positive number, as Linux has it.
    pub errno: i32,
    /// May be empty.
    pub sentence: String,
}

impl Refusal {
    /// From its parts.
    pub fn new(errno: i32, sentence: impl Into<String>) -> Self {
        Self {
            errno,
            sentence: sentence.into(),
        }
    }

    /// The number as the hypervisor's core has it.
    #[must_use]
    pub fn core_errno(&self) -> v4v_hv::Errno {
        // Linux's numbers are all below 4096.
        v4v_hv::Errno::from_code(u16::try_from(self.errno).unwrap_or_default())
    }
}
