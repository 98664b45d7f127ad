//! Any command line: no panic, and bounded work; what is denied by name as the whole line is denied.
//!
//! It must never run anything.

#![no_main]

use codex_permissions::{Access, Policy, RuleKind, RuleText, Rules, SandboxLevel, bare_programs, explain};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let line = String::from_utf8_lossy(input).into_owned();
    let rule = RuleText { kind: RuleKind::Deny, text: "rm".into(), origin: String::new() };
    let Ok(rules) = Rules::new(vec![rule]) else { return };
    let policy = Policy { level: SandboxLevel::WorkspaceWrite, rules, ..Policy::default() };
    bare_programs(&line);
    let verdict = |command: String| explain(&policy, &Access { command: Some(command), ..Access::default() });
    assert!(verdict(line.clone()).commands.len() <= 2_000);
    // What comes first on a line of its own runs whatever follows, but for an error of syntax, which asks.
    assert_ne!(verdict(format!("rm x\n{line}")).verdict, "allow");
});
