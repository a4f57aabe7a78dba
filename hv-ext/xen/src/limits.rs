//! The maxima of this crate, with their reasons. Those of the core are in its own `limits`.

/// Pages that all rings of one domain may take together, unless the boot parameter says otherwise: what upstream allows
/// (128 rings of 4096 pages). They bound the hypervisor's own memory for them (8 bytes a page) and the time that a
/// dying domain takes to give them back. A page counts as often as it was given.
pub(crate) const MAX_PAGES_DEFAULT: u32 = 128 * 4096;
/// Bytes of a panic's message that are printed.
pub(crate) const PANIC_MESSAGE: usize = 256;
