//! A terminal of tmux's, on a server of its own.

use std::{
    path::{Path, PathBuf},
    process::{Command, Output},
    time::{Duration, Instant},
};

use tempfile::TempDir;

/// Longer than a loaded machine takes for anything here.
const LIMIT: Duration = Duration::from_secs(60);

pub struct Terminal {
    directory: TempDir,
}

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

/// Waits for something that another process does.
pub fn until(mut is_so: impl FnMut() -> bool, told: impl FnOnce() -> String) {
    let end = Instant::now() + LIMIT;
    while !is_so() {
        assert!(Instant::now() < end, "{}", told());
        std::thread::yield_now();
    }
}

/// Whether a process is there, and no zombie.
pub fn runs(pid: &str) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    !status.is_empty() && !status.contains("State:\tZ")
}

impl Terminal {
    /// The program in a terminal of 80 columns and 24 rows, started by a shell that does `before` it. Nothing where
    /// there is no tmux.
    pub fn with_program(before: &str) -> Option<Self> {
        let terminal = Self::new(&format!("{before} exec {}", program().display()))?;
        terminal.wait(|lines| lines.last().is_some_and(|line| line == ">"));
        Some(terminal)
    }

    /// A shell there.
    pub fn with_shell() -> Option<Self> {
        let terminal = Self::new("PS1='$ ' RUST_BACKTRACE=0 exec bash --norc --noprofile -i")?;
        terminal.wait(|lines| lines == ["$"]);
        Some(terminal)
    }

    #[allow(clippy::print_stderr, reason = "whoever runs the tests is told what was not tested")]
    fn new(command: &str) -> Option<Self> {
        let terminal = Self { directory: tempfile::tempdir().unwrap() };
        let server = terminal.try_tmux(&["new-session", "-d", "-x", "80", "-y", "24", command]);
        let Ok(server) = server else {
            eprintln!("not tested: tmux is not installed");
            return None;
        };
        assert!(server.status.success(), "{server:?}");
        Some(terminal)
    }

    /// Starts the program in the shell.
    pub fn start(&self, argument: &str) {
        self.keys(&["-l", &format!("{} {argument}", program().display())]);
        self.keys(&["Enter"]);
        self.wait(|lines| lines.last().is_some_and(|line| line == ">"));
    }

    #[allow(clippy::disallowed_methods, reason = "a test looks at a terminal from outside")]
    fn try_tmux(&self, arguments: &[&str]) -> std::io::Result<Output> {
        let socket = self.directory.path().join("socket");
        Command::new("tmux").arg("-S").arg(socket).args(["-f", "/dev/null"]).args(arguments).output()
    }

    /// What a command of tmux says.
    pub fn tmux(&self, arguments: &[&str]) -> String {
        let output = self.try_tmux(arguments).unwrap();
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Presses keys, by tmux's names for them.
    pub fn keys(&self, keys: &[&str]) {
        self.tmux(&[&["send-keys"], keys].concat());
    }

    pub fn resize(&self, (columns, rows): (usize, usize)) {
        self.tmux(&["resize-window", "-x", &columns.to_string(), "-y", &rows.to_string()]);
    }

    /// All lines, those of the scrollback first, as they were before they were wrapped.
    pub fn lines(&self) -> Vec<String> {
        let text = self.tmux(&["capture-pane", "-p", "-J", "-S", "-"]);
        let mut lines: Vec<String> = text.lines().map(|line| line.trim_end().to_owned()).collect();
        lines.truncate(lines.iter().rposition(|line| !line.is_empty()).map_or(0, |last| last + 1));
        lines
    }

    /// Waits until the lines are so.
    pub fn wait(&self, are_so: impl Fn(&[String]) -> bool) {
        until(|| are_so(&self.lines()), || format!("{:#?}", self.lines()));
    }

    /// Whether the shell's terminal is in its usual mode, and reports nothing.
    pub fn is_cooked(&self) -> bool {
        self.keys(&["clear; stty -a", "Enter"]);
        self.wait(|lines| lines.iter().any(|line| line.contains("echoctl")) && lines.ends_with(&["$".into()]));
        let said = self.lines().join(" ");
        let reports = self.tmux(&["display-message", "-p", "#{cursor_flag}#{mouse_any_flag}#{alternate_on}"]);
        said.contains(" icanon") && said.contains(" echo ") && said.contains(" opost") && reports.trim() == "100"
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.try_tmux(&["kill-server"]);
    }
}
