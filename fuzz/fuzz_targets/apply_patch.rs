//! Any file and any patch: no panic, and no line changed that the patch does not speak of.
//!
//! It must never touch the disk. Input: the file, a byte 0x1e (record separator), the patch; its first and last line are
//! added, as few inputs have them.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let at = input.iter().position(|byte| *byte == 0x1e).unwrap_or(input.len());
    let (content, patch) = (&input[..at], input.get(at + 1..).unwrap_or_default());
    let patch = String::from_utf8_lossy(patch);
    codex_tools::check_patch(content, &format!("*** Begin Patch\n*** Update File: f\n{patch}\n*** End Patch"));
});
