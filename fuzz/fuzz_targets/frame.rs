//! A message of a client: what must hold of any is said in `codex_server::fuzzing`.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| codex_server::fuzzing::frame(input));
