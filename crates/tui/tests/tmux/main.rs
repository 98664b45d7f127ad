//! The screen in a real terminal: tmux, which wraps rows anew and keeps a scrollback. It shows the program of
//! `examples/screen.rs`; what counts is what is in the scrollback and on the screen together.
#![allow(clippy::unwrap_used, reason = "in a test, a panic is the report")]

use std::path::{Path, PathBuf};

use codex_testkit::tmux::Tmux;
use codex_tui::text::{Row, truncate};

/// The example program, which is built with the tests.
fn program() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let built = test.parent().and_then(Path::parent).unwrap().join("examples/screen");
    assert!(
        built.exists(),
        "{} is not built: use `cargo test -p codex-tui`, without `--test`, or `cargo build -p codex-tui --example screen`",
        built.display()
    );
    built
}

/// A shell.
fn shell() -> Tmux {
    Tmux::start(Path::new("/"), "RUST_BACKTRACE=0", (80, 24))
}

/// The program in it, with an argument.
fn start(argument: &str) -> Tmux {
    let terminal = shell();
    terminal.enter(&format!("clear; {} {argument}", program().display()));
    terminal.until_it("the program", |lines| lines.last().is_some_and(|line| line == ">"));
    terminal
}

/// The program in the place of the shell, and nothing else on the screen.
fn alone() -> Tmux {
    let terminal = Tmux::running(Path::new("/"), &format!("exec {}", program().display()), (80, 24));
    terminal.until_it("the program", |lines| lines.last().is_some_and(|line| line == ">"));
    terminal
}

/// Whether the shell's terminal is in its usual mode, and reports nothing.
fn is_cooked(terminal: &Tmux) -> bool {
    terminal.enter("clear; stty -a");
    terminal.until_it("its modes", |lines| {
        lines.iter().any(|line| line.contains("echoctl")) && lines.ends_with(&["$".into()])
    });
    let said = terminal.lines().join(" ");
    let reports = terminal.tmux(&["display-message", "-p", "#{cursor_flag}#{mouse_any_flag}#{alternate_on}"]);
    said.contains(" icanon") && said.contains(" echo ") && said.contains(" opost") && reports.trim() == "100"
}

/// Whether a process is there, and no zombie.
fn runs(pid: &str) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    !status.is_empty() && !status.contains("State:\tZ")
}

/// What the program shows: its status, a row that is as wide as the screen if there is one, more rows, what is typed.
fn live(size: (usize, usize), printed: usize, wide: bool, extra: usize, typed: &str) -> Vec<String> {
    let mut rows = vec![format!("status: 日本 {}x{}, printed {printed}", size.0, size.1)];
    rows.extend(wide.then(|| "w".repeat(size.0)));
    rows.extend((1..=extra).map(|number| format!("live row {number}")));
    rows.push(format!("> {typed}").trim_end().to_owned());
    rows.iter().map(|row| truncate(&Row::plain(row), size.0).text()).collect()
}

fn printed(count: usize) -> impl Iterator<Item = String> {
    (1..=count).map(|number| format!("printed row {number} of the transcript"))
}

/// Sizes one after another, each drawn before the next comes, or not.
struct Storm {
    sizes: &'static [(usize, usize)],
    waits: bool,
}

#[test]
fn nothing_is_lost_or_twice_whatever_the_size() {
    let storms = [
        Storm { sizes: &[(40, 12), (20, 12), (120, 40), (33, 9), (200, 60), (80, 24)], waits: true },
        Storm { sizes: &[(40, 12), (20, 12), (120, 40), (33, 9), (200, 60), (80, 24)], waits: false },
        Storm {
            sizes: &[(79, 24), (78, 24), (77, 24), (76, 23), (75, 22), (74, 21), (60, 15), (50, 14)],
            waits: false,
        },
    ];
    for Storm { sizes, waits } in storms {
        let terminal = alone();
        terminal.keys(&["C-p", "C-p", "C-w", "C-o"]);
        let mut count = 40;
        let shown = |size, count| live(size, count, true, 2, "");
        // tmux does not tell of a size at once when a pane is young; what was drawn meanwhile could not be found.
        terminal.resize((81, 24));
        terminal.until_it("what is expected", |lines| lines.ends_with(&shown((81, 24), count)));
        for &size in sizes {
            terminal.resize(size);
            terminal.keys(&["C-p"]);
            count += 20;
            if waits {
                terminal.until_it("what is expected", |lines| lines.ends_with(&shown(size, count)));
            }
        }
        let last = *sizes.last().unwrap();
        terminal.until_it("what is expected", |lines| lines.ends_with(&shown(last, count)));
        let expected: Vec<String> = printed(count).chain(shown(last, count)).collect();
        let lines = terminal.lines();
        let wrong = lines.iter().zip(&expected).position(|(is, should)| is != should);
        let wrong = wrong.map(|at| lines[at..].iter().take(5).collect::<Vec<_>>());
        assert_eq!((wrong, lines.len()), (None, expected.len()), "{sizes:?}");
    }
}

#[test]
fn rows_that_a_low_screen_pushes_out_are_taken_back() {
    let terminal = alone();
    terminal.keys(&["C-p", "C-o", "C-o", "C-o", "C-o", "C-o", "C-o"]);
    terminal.until_it("what is expected", |lines| lines.ends_with(&live((80, 24), 20, false, 7, "")));
    terminal.resize((80, 4));
    terminal.until_it("what is expected", |lines| lines.ends_with(&live((80, 4), 20, false, 7, "")[5..]));
    terminal.resize((80, 24));
    let shown = live((80, 24), 20, false, 7, "");
    terminal.until_it("what is expected", |lines| lines.ends_with(&shown));
    assert_eq!(terminal.lines(), printed(20).chain(shown).collect::<Vec<_>>());
}

#[test]
fn keys_and_pastes_come_as_they_were_made() {
    let terminal = alone();
    terminal.keys(&["C-e"]);
    let table = [
        ("S-Left", "came: Key(Key { code: Left, modifiers: KeyModifiers(SHIFT) })"),
        ("M-x", "came: Key(Key { code: Char('x'), modifiers: KeyModifiers(ALT) })"),
        ("Escape", "came: Key(Key { code: Esc, modifiers: KeyModifiers(0x0) })"),
        ("F5", "came: Key(Key { code: F(5), modifiers: KeyModifiers(0x0) })"),
        ("BTab", "came: Key(Key { code: Tab, modifiers: KeyModifiers(SHIFT) })"),
    ];
    for (key, expected) in table {
        terminal.keys(&[key]);
        terminal.until_it("what is expected", |lines| lines.iter().any(|line| line == expected));
    }
    terminal.tmux(&["set-buffer", "one\ntwo"]);
    terminal.tmux(&["paste-buffer", "-p"]);
    terminal.until_it("what is expected", |lines| lines.iter().any(|line| line == "came: Paste(\"one\\ntwo\")"));
}

#[test]
fn a_shell_gets_its_terminal_back() {
    let terminal = start("");
    terminal.keys(&["hello"]);
    terminal.until_it("what is expected", |lines| lines.ends_with(&["> hello".into()]));
    terminal.keys(&["C-z"]);
    terminal.until_it("what is expected", |lines| {
        lines.iter().any(|line| line.contains("Stopped")) && lines.ends_with(&["$".into()])
    });
    assert!(!terminal.lines().iter().any(|line| line.contains("live row")), "{:#?}", terminal.lines());
    terminal.keys(&["fg", "Enter"]);
    terminal.until_it("what is expected", |lines| lines.ends_with(&["> hello".into()]));
    terminal.keys(&["C-d"]);
    terminal.until_it("what is expected", |lines| lines.ends_with(&["the end".into(), "$".into()]));
    assert!(!terminal.lines().iter().any(|line| line.contains("live row")), "{:#?}", terminal.lines());
    assert!(is_cooked(&terminal));
}

#[test]
fn a_panic_gives_the_terminal_back_before_it_is_told() {
    let terminal = start("");
    terminal.keys(&["C-x"]);
    terminal.until_it("what is expected", |lines| {
        lines.iter().any(|line| line == "as it was asked for") && lines.ends_with(&["$".into()])
    });
    assert!(!terminal.lines().iter().any(|line| line.contains("live row")), "{:#?}", terminal.lines());
    assert!(is_cooked(&terminal));
}

#[test]
fn the_alternate_buffer_is_left_as_it_was_entered() {
    let terminal = start("full");
    assert_eq!(terminal.tmux(&["display-message", "-p", "#{alternate_on} #{mouse_standard_flag}"]).trim(), "1 1");
    terminal.resize((40, 12));
    terminal.until_it("what is expected", |lines| lines.ends_with(&live((40, 12), 0, false, 1, "")));
    assert_eq!(terminal.lines(), live((40, 12), 0, false, 1, ""));
    terminal.keys(&["C-d"]);
    terminal.until_it("what is expected", |lines| lines.ends_with(&["the end".into(), "$".into()]));
    assert_eq!(terminal.tmux(&["display-message", "-p", "#{alternate_on} #{mouse_standard_flag}"]).trim(), "0 0");
    assert!(is_cooked(&terminal));
}

#[test]
fn the_end_of_the_terminal_is_the_end_of_the_program() {
    // The signal is not what ends it.
    let terminal = shell();
    terminal.enter(&format!("trap '' HUP; exec {}", program().display()));
    terminal.until_it("the program", |lines| lines.last().is_some_and(|line| line == ">"));
    let pid = terminal.tmux(&["display-message", "-p", "#{pane_pid}"]).trim().to_owned();
    assert!(runs(&pid));
    terminal.tmux(&["kill-server"]);
    let end = std::time::Instant::now() + codex_testkit::WATCHDOG;
    while runs(&pid) {
        assert!(std::time::Instant::now() < end, "process {pid} still runs");
        std::thread::yield_now();
    }
}
