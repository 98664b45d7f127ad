//! An answer of a server of tools: what must hold of any is said in `codex_mcp::fuzzing`.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| codex_mcp::fuzzing::message(input));
