//! An array that is as long as a `u32` counts, whose parts are made when they are first written to.
//!
//! Memory comes from `mmap`, which a signal handler may call, and never goes; a part is put in its place by one atomic exchange.

use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};

/// Bits of an index that choose the entry in a leaf, the leaf in a branch, and the branch.
const LEAF_BITS: u32 = 10;
const BRANCH_BITS: u32 = 11;
const ROOT_BITS: u32 = u32::BITS - LEAF_BITS - BRANCH_BITS;

const LEAF: usize = 1 << LEAF_BITS;
const BRANCH: usize = 1 << BRANCH_BITS;
const ROOT: usize = 1 << ROOT_BITS;

type Leaf<T> = [T; LEAF];
type Branch<T> = [AtomicPtr<Leaf<T>>; BRANCH];

/// Values for which all bytes zero is a value, that of an entry nobody wrote to, and which may be shared between threads.
///
/// # Safety
/// Implementors are such types.
pub(crate) unsafe trait Zeroed: Sync + 'static {}

// SAFETY: an atomic integer of zero is one, and it is Sync.
unsafe impl Zeroed for std::sync::atomic::AtomicU64 {}

pub(crate) struct Radix<T> {
    root: [AtomicPtr<Branch<T>>; ROOT],
}

impl<T: Zeroed> Radix<T> {
    pub(crate) const fn new() -> Self {
        Self {
            root: [const { AtomicPtr::new(ptr::null_mut()) }; ROOT],
        }
    }

    /// The entry, if its part was made.
    #[inline]
    pub(crate) fn get(&self, index: u32) -> Option<&'static T> {
        let (root, branch, leaf) = split(index);
        load(load(self.root.get(root)?)?.get(branch)?)?.get(leaf)
    }

    /// The entry; `None` only where there is no memory.
    pub(crate) fn get_or_make(&self, index: u32) -> Option<&'static T> {
        let (root, branch, leaf) = split(index);
        load_or_make(load_or_make(self.root.get(root)?)?.get(branch)?)?.get(leaf)
    }

    /// The index of the first entry from `from` to `last` that was made and `is` what is wanted.
    pub(crate) fn find(&self, from: u32, last: u32, is: impl Fn(&T) -> bool) -> Option<u32> {
        let mut index = from;
        while index <= last {
            let (root, branch, leaf) = split(index);
            let Some(branches) = load(self.root.get(root)?) else {
                index = next(index, LEAF_BITS + BRANCH_BITS)?;
                continue;
            };
            let Some(leaves) = load(branches.get(branch)?) else {
                index = next(index, LEAF_BITS)?;
                continue;
            };
            if is(leaves.get(leaf)?) {
                return Some(index);
            }
            index = index.checked_add(1)?;
        }
        None
    }
}

fn split(index: u32) -> (usize, usize, usize) {
    let index = index as usize;
    (
        index >> (LEAF_BITS + BRANCH_BITS),
        index >> LEAF_BITS & (BRANCH - 1),
        index & (LEAF - 1),
    )
}

/// The first index of the next part of 2^`bits`.
fn next(index: u32, bits: u32) -> Option<u32> {
    (index >> bits)
        .checked_add(1)?
        .checked_shl(bits)
        .filter(|n| *n > index)
}

#[inline]
fn load<P>(slot: &AtomicPtr<P>) -> Option<&'static P> {
    // SAFETY: a slot is null or points to a part that `load_or_make` mapped, aligned and zeroed, for ever.
    unsafe { slot.load(Ordering::Acquire).as_ref() }
}

fn load_or_make<P>(slot: &AtomicPtr<P>) -> Option<&'static P> {
    if let Some(part) = load(slot) {
        return Some(part);
    }
    let made = map::<P>()?;
    match slot.compare_exchange(ptr::null_mut(), made, Ordering::AcqRel, Ordering::Acquire) {
        Ok(_) => {}
        // SAFETY: somebody else was first; nobody knows of this mapping yet.
        Err(_) => unsafe {
            libc::munmap(made.cast(), size_of::<P>());
        },
    }
    load(slot)
}

/// Zeroed memory for a part, which is an array of atomics.
fn map<P>() -> Option<*mut P> {
    let (protection, flags) = (
        libc::PROT_READ | libc::PROT_WRITE,
        libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
    );
    // SAFETY: an anonymous mapping at an address of the kernel's choice touches nothing that is there.
    let memory = unsafe { libc::mmap(ptr::null_mut(), size_of::<P>(), protection, flags, -1, 0) };
    (memory != libc::MAP_FAILED).then_some(memory.cast())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicU64;

    #[test]
    fn entries_are_there_once_written_to() {
        static ARRAY: Radix<AtomicU64> = Radix::new();
        let far = [0, 1, 1023, 1024, 1 << 21, u32::MAX];
        for index in far {
            assert!(ARRAY.get(index).is_none_or(|e| e.load(Ordering::Relaxed) == 0));
            ARRAY
                .get_or_make(index)
                .expect("memory")
                .store(u64::from(index) + 1, Ordering::Relaxed);
        }
        for index in far {
            assert_eq!(
                ARRAY.get(index).expect("made").load(Ordering::Relaxed),
                u64::from(index) + 1
            );
        }
        let found = |from| ARRAY.find(from, u32::MAX, |e| e.load(Ordering::Relaxed) != 0);
        assert_eq!(
            (found(2), found(1025), found((1 << 21) + 1)),
            (Some(1023), Some(1 << 21), Some(u32::MAX))
        );
        assert_eq!(ARRAY.find(2, 1022, |e| e.load(Ordering::Relaxed) != 0), None);
    }
}
