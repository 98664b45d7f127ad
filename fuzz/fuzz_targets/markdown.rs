//! Markdown as it arrives: what must hold of any is said in `codex_tui::fuzzing`.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| codex_tui::fuzzing::markdown(input));
