//! The `codex` command.

fn main() {}
