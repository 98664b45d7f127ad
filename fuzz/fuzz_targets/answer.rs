//! The answer of a server in any of the three formats: what must hold of any is said in `codex_model::fuzzing`.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| codex_model::fuzzing::answer(input));
