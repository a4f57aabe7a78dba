//! The C API: what `v4vsock.h` declares, over the crate `v4vsock`.
//!
//! Every function here is declared, with its documentation for C, in `include/v4vsock.h`, is listed in `v4vsock.map`, and has a line in
//! `man/v4vsock.3`; the tests hold the four together. Pointers are the caller's: each function says what they must point to, and checks
//! for null where C programmers expect it. A failed call returns -1 (or NULL), sets `errno`, and keeps a sentence for
//! `v4v_strerror`.
//!
//! | module | what |
//! |---|---|
//! | [`address`] | addresses and names |
//! | [`socket`] | connect, listen, accept |
//! | [`failure`] | errno, and the sentence |

pub mod address;
pub mod failure;
pub mod socket;
