//! See `v4v_fuzz::ring_take`.
#![cfg_attr(fuzzing, no_main)]

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|data: &[u8]| v4v_fuzz::ring_take(data));

#[cfg(not(fuzzing))]
fn main() -> std::io::Result<()> {
    v4v_fuzz::run_on_files(v4v_fuzz::ring_take)
}
