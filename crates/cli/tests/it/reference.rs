//! What is made of the declarations of commands and flags: completion, the manual, the reference in `docs/`.

use std::{fs, io::Write as _, path::Path, process::Command, process::Output, process::Stdio};

use crate::support::codex;

fn run(arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = codex(Path::new("/nonexistent")).args(arguments).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

fn printed(arguments: &[&str]) -> String {
    let (code, stdout, stderr) = run(arguments);
    assert_eq!((code, stderr.as_str()), (Some(0), ""), "{arguments:?}");
    stdout
}

/// Lets a real bash read `script`.
#[allow(clippy::disallowed_methods, reason = "a test asks the shell that the script is for")]
fn bash(flags: &[&str], script: &str) -> Output {
    let mut bash = Command::new("bash");
    bash.args(flags).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = bash.spawn().unwrap();
    child.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

#[test]
fn the_reference_in_docs_is_current() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/command-line.md");
    let checked_in = fs::read_to_string(path).unwrap_or_default();
    let renew = "docs/command-line.md is out of date: `cargo run -- man --markdown > docs/command-line.md` renews it";
    assert!(checked_in == printed(&["man", "--markdown"]), "{renew}");
}

#[test]
fn bash_completes_commands_flags_and_values() {
    let script = printed(&["completion", "bash"]);
    let parsed = bash(&["-n"], &script);
    assert!(parsed.status.success() && parsed.stderr.is_empty(), "{parsed:?}");
    let table: [(&[&str], &[&str], &[&str]); 7] = [
        (&["codex", "ex"], &["exec"], &["sandbox"]),
        (&["codex", "--full"], &["--full-auto"], &[]),
        (&["codex", "exec", "--output-"], &["--output-schema", "--output-last-message"], &["--json"]),
        (&["codex", "exec", "res"], &["resume"], &[]),
        // Flags that are to come are refused, so none is offered.
        (&["codex", "exec", "--"], &["--max-turns", "--timeout"], &["--remote", "--resume", "--serve", "--alt-screen"]),
        (&["codex", "exec", "--sandbox", "re"], &["read-only"], &["workspace-write"]),
        (&["codex", "completion", ""], &["bash", "zsh", "fish", "powershell", "elvish"], &[]),
    ];
    for (words, expected, missing) in table {
        let quoted: Vec<String> = words.iter().map(|word| format!("'{word}'")).collect();
        let (current, previous) = (quoted.last().unwrap(), &quoted[quoted.len() - 2]);
        let ask = format!(
            "{script}\nCOMP_WORDS=({}); COMP_CWORD={}; COMPREPLY=()\n_codex codex {current} {previous}\n\
             printf '%s\\n' \"${{COMPREPLY[@]}}\"\n",
            quoted.join(" "),
            words.len() - 1,
        );
        let output = bash(&["--norc"], &ask);
        let found = String::from_utf8(output.stdout).unwrap();
        let found: Vec<&str> = found.lines().map(str::trim).collect();
        assert!(expected.iter().all(|word| found.contains(word)), "{words:?}: {found:?}");
        assert!(!missing.iter().any(|word| found.contains(word)), "{words:?}: {found:?}");
    }
}

#[test]
fn other_shells_get_a_script_of_their_own() {
    for (shell, sign) in [
        ("zsh", "#compdef codex"),
        ("fish", "complete -c codex"),
        ("powershell", "Register-ArgumentCompleter"),
        ("elvish", "edit:completion:arg-completer[codex]"),
    ] {
        let script = printed(&["completion", shell]);
        assert!(script.contains(sign) && script.contains("full-auto"), "{shell}");
    }
    let (code, stdout, stderr) = run(&["completion", "csh"]);
    assert_eq!((code, stdout.as_str()), (Some(2), ""));
    assert!(stderr.contains("[possible values: bash, elvish, fish, powershell, zsh]"), "{stderr}");
}

#[test]
fn the_manual_has_a_page_for_each_command() {
    let directory = tempfile::tempdir().unwrap();
    let out = directory.path().join("new/man1");
    printed(&["man", "--out", out.to_str().unwrap()]);
    let mut pages: Vec<String> =
        fs::read_dir(&out).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    pages.sort();
    let expected = ["codex.1", "codex-exec.1", "codex-exec-resume.1", "codex-permissions-why.1", "codex-man.1"];
    assert!(expected.iter().all(|page| pages.iter().any(|found| found == page)), "{pages:?}");
    // As many as the reference has sections.
    assert_eq!(pages.len(), printed(&["man", "--markdown"]).matches("\n## ").count());
    let page = fs::read_to_string(out.join("codex-exec-resume.1")).unwrap();
    for part in [
        ".TH codex-exec-resume 1",
        "\\fBcodex exec resume\\fR",
        ".SH \"MODEL AND IDENTITY\"",
        "\\-\\-last",
        ".SH EXAMPLES",
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
    assert_eq!(page, printed(&["man", "exec", "resume"]));
    assert!(printed(&["man"]).contains(".TH codex 1"));
    for (arguments, said) in [
        (&["man", "exek"][..], "`codex` has no command `exek`; it has exec, "),
        (&["man", "exec", "resume", "x"], "`codex exec resume` has no commands of its own"),
        (&["-m", "x", "man"], "take nothing before them"),
    ] {
        let (code, _, stderr) = run(arguments);
        assert!(code == Some(2) && stderr.contains(said), "{arguments:?}: {code:?} {stderr}");
    }
}

#[test]
fn help_groups_flags_as_the_guide_does_and_ends_with_examples() {
    for (arguments, first) in [
        (&["-h"][..], "codex exec \""),
        (&["exec", "-h"], "codex exec \""),
        (&["exec", "resume", "-h"], "codex exec resume --last"),
        (&["sandbox", "-h"], "codex sandbox -- "),
    ] {
        let help = printed(arguments);
        let order = [
            "\nAutomation and Safety:",
            "--full-auto",
            "--sandbox",
            "--ask-for-approval",
            "\nModel and Identity:",
            "--model",
            "--profile",
            "\nWorkspace and Files:",
            "--cd",
            "--add-dir",
            "--search",
            "\nOpen Source and Remote:",
            "--oss",
            "\nConfiguration:",
            "--config",
            "\nExamples:\n",
            first,
        ];
        let mut rest = help.as_str();
        for part in order {
            let Some((_, after)) = rest.split_once(part) else {
                panic!("{arguments:?}: no {part} in its place: {help}")
            };
            rest = after;
        }
    }
    // The long form says more.
    let (short, long) = (printed(&["exec", "-h"]), printed(&["exec", "--help"]));
    let more = "Of two settings for one key the later counts";
    assert!(!short.contains(more) && long.contains(more), "{long}");
}
