//! See `v4v_fuzz::hypercall_decode`.
#![cfg_attr(fuzzing, no_main)]

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|data: &[u8]| v4v_fuzz::hypercall_decode(data));

#[cfg(not(fuzzing))]
fn main() -> std::io::Result<()> {
    v4v_fuzz::run_on_files(v4v_fuzz::hypercall_decode)
}
