//! Random spellings of a denied command: it stays denied, however it is quoted, wrapped, split and placed. And any text at
//! all: it is read without a panic, within bounds.

use proptest::{
    prelude::*,
    test_runner::{Config, RngSeed},
};

use super::*;
use crate::Rules;

fn config(cases: u32) -> Config {
    Config { cases, rng_seed: RngSeed::Fixed(0x5eed), failure_persistence: None, ..Config::default() }
}

fn policy(deny: &[&str]) -> Policy {
    let rule = |text: &&str| RuleText { kind: RuleKind::Deny, text: (*text).into(), origin: "test".into() };
    Policy {
        level: SandboxLevel::WorkspaceWrite,
        approval: Approval::OnRequest,
        rules: Rules::new(deny.iter().map(rule).collect()).unwrap(),
        ..Policy::default()
    }
}

fn verdict(policy: &Policy, command: &str) -> &'static str {
    explain(policy, &Access { command: Some(command.into()), ..Access::default() }).verdict
}

/// A character of a word, quoted in one of the ways that shells know.
fn quoted(c: char, how: u8) -> String {
    let code = u32::from(c);
    match how % 10 {
        0 => format!("\\{c}"),
        1 => format!("'{c}'"),
        2 => format!("\"{c}\""),
        3 => format!("$'{c}'"),
        4 => format!("$'\\x{code:02x}'"),
        5 => format!("$'\\{code:03o}'"),
        6 => format!("''{c}"),
        7 => format!("$'\\u{code:04x}'"),
        _ => c.to_string(),
    }
}

/// A word, each of its characters quoted in some way.
fn word(text: &'static str) -> impl Strategy<Value = String> {
    proptest::collection::vec(any::<u8>(), text.len())
        .prop_map(move |ways| text.chars().zip(ways).map(|(c, how)| quoted(c, how)).collect())
}

/// The program, in some directory.
fn program() -> impl Strategy<Value = String> {
    let directory =
        prop_oneof![Just(""), Just("/bin/"), Just("./"), Just("/usr/bin/../bin/"), Just("//bin//"), Just("../x/")];
    (directory, word("rm")).prop_map(|(directory, word)| format!("{directory}{word}"))
}

/// What leads from a command to a line that runs it. The inner one is a simple command.
const WRAPPERS: &[fn(&str) -> String] = &[
    |inner| format!("env {inner}"),
    |inner| format!("env -i A=1 {inner}"),
    |inner| format!("command {inner}"),
    |inner| format!("nohup {inner}"),
    |inner| format!("timeout -k 1 5 {inner}"),
    |inner| format!("nice -n 3 {inner}"),
    |inner| format!("setsid {inner}"),
    |inner| format!("stdbuf -oL {inner}"),
    |inner| format!("xargs -0 {inner}"),
    |inner| format!("sudo -u me {inner}"),
    |inner| format!("busybox {inner}"),
    |inner| format!("find . -exec {inner} {{}} \\;"),
    |inner| format!("flock f {inner}"),
    |inner| format!("eval {}", shell_quoted(inner)),
    |inner| format!("bash -c {}", shell_quoted(inner)),
    |inner| format!("sh -ec {}", shell_quoted(inner)),
    |inner| format!("watch {}", shell_quoted(inner)),
    |inner| format!("ssh h {}", shell_quoted(inner)),
    |inner| format!("git -c alias.x={} x", shell_quoted(&format!("!{inner}"))),
];

/// What makes a larger line of a line.
const PLACES: &[fn(&str) -> String] = &[
    |inner| format!("true; {inner}"),
    |inner| format!("true && {inner}"),
    |inner| format!("false || {inner}"),
    |inner| format!("ls\n{inner}\nls"),
    |inner| format!("ls | {inner}"),
    |inner| format!("({inner} &)"),
    |inner| format!("({inner})"),
    |inner| format!("{{ {inner}\n}}"),
    |inner| format!("if ! {inner}\nthen ls; fi"),
    |inner| format!("echo \"$({inner})\""),
    |inner| format!("echo $({inner})"),
    |inner| format!("cat <({inner})"),
    |inner| format!("x=$({inner})"),
    |inner| format!("if true; then {inner}\nfi"),
    |inner| format!("while {inner}\ndo ls; done"),
    |inner| format!("for i in 1 2; do {inner}\ndone"),
    |inner| format!("case x in x) {inner}\n;; esac"),
    |inner| format!("f() {{ {inner}\n}}; f"),
    |inner| format!("cat > f <<'END'\nit's text\nEND\n{inner}"),
];

fn shell_quoted(text: &str) -> String {
    shlex::try_quote(text).unwrap().into_owned()
}

fn line() -> impl Strategy<Value = String> {
    let wrappers = proptest::collection::vec(0..WRAPPERS.len(), 0..4);
    let places = proptest::collection::vec(0..PLACES.len(), 0..3);
    (program(), word("-rf"), wrappers, any::<bool>(), places).prop_map(|(program, options, wrappers, more, places)| {
        let command = wrappers.into_iter().fold(format!("{program} {options} x"), |line, at| WRAPPERS[at](&line));
        let command = if more { format!("A=1 {command} > f") } else { command };
        places.into_iter().fold(command, |line, at| PLACES[at](&line))
    })
}

/// Pieces that lines are made of.
fn soup() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just(" "),
        Just("\n"),
        Just(";"),
        Just("|"),
        Just("&"),
        Just("&&"),
        Just("("),
        Just(")"),
        Just("{"),
        Just("}"),
        Just("'"),
        Just("\""),
        Just("`"),
        Just("$("),
        Just("${"),
        Just("$'"),
        Just("<<E"),
        Just("\nE\n"),
        Just("<<<"),
        Just("<("),
        Just(">"),
        Just("2>&1"),
        Just("\\"),
        Just("\\\n"),
        Just("if"),
        Just("then"),
        Just("fi"),
        Just("for"),
        Just("in"),
        Just("do"),
        Just("done"),
        Just("case"),
        Just("esac"),
        Just("rm"),
        Just("-rf"),
        Just("x="),
        Just("$x"),
        Just("bash -c"),
        Just("eval"),
        Just("xargs"),
        Just("#"),
        Just("[["),
        Just("]]"),
        Just("(("),
        Just("))"),
        Just("é"),
        Just("\u{0}"),
        Just("\u{1}"),
        Just("\u{2}"),
        Just("{a,b}"),
        Just("here_document_0"),
        Just("< here_document_1"),
    ];
    proptest::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(config(200))]

    #[test]
    fn a_denied_command_stays_denied(line in line()) {
        for deny in ["rm", "rm -rf", "destructive-commands"] {
            prop_assert_eq!(verdict(&policy(&[deny]), &line), "deny", "{}: {}", deny, line);
        }
    }

    #[test]
    fn what_is_dangerous_asks_without_a_rule(line in line()) {
        prop_assert_eq!(verdict(&policy(&[]), &line), "ask", "{}", line);
    }

    #[test]
    fn soup_is_read(line in soup()) {
        let found = explain(&policy(&["rm"]), &Access { command: Some(line), ..Access::default() });
        prop_assert!(found.commands.len() <= 2_000);
    }

    #[test]
    fn any_text_is_read(line in any::<String>()) {
        let found = explain(&policy(&["rm"]), &Access { command: Some(line), ..Access::default() });
        prop_assert!(found.commands.len() <= 2_000);
    }
}
