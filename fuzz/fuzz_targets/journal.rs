//! A journal of a session: what must hold of any is said in `codex_store::fuzzing`.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| codex_store::fuzzing::journal(input));
