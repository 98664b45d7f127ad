//! A file of settings: what must hold of any is said in `codex_config::fuzzing`.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| codex_config::fuzzing::layer(input));
