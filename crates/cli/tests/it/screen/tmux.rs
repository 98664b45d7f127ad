//! A shell in a terminal of tmux's, on a server of its own: for what a shell and a real terminal have a part in.
//!
//! Nothing waits a fixed time: each time the program writes something, tmux passes it on through a pipe, and what is on
//! the screen is looked at anew.

use std::{
    fs::File,
    io::Read,
    process::{Command, Output},
    time::Instant,
};

use codex_testkit::WATCHDOG;
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    fs::{CWD, FileType, Mode, OFlags},
};
use tempfile::TempDir;

use crate::support::Place;

/// A terminal with a shell in it.
pub struct Tmux {
    directory: TempDir,
    /// What the terminal is given to show, as it comes.
    written: File,
}

impl Tmux {
    /// A shell in the workspace, in a terminal of `columns` and `rows`.
    pub fn start(place: &Place, columns: u16, rows: u16) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let pipe = directory.path().join("written");
        rustix::fs::mknodat(CWD, &pipe, FileType::Fifo, Mode::RWXU, 0).unwrap();
        // For writing too, so that it has no end.
        let written = rustix::fs::open(&pipe, OFlags::RDWR | OFlags::NONBLOCK, Mode::empty()).unwrap().into();
        let terminal = Self { directory, written };
        let codex = place.codex(&[]);
        let mut shell = String::from("PS1='$ ' PATH=/usr/local/bin:/usr/bin:/bin");
        for (name, value) in codex.get_envs().filter_map(|(name, value)| Some((name, value?))) {
            shell += &format!(" {}='{}'", name.display(), value.display());
        }
        shell += &format!(" CODEX='{}' exec bash --norc --noprofile -i", codex.get_program().display());
        let (columns, rows) = (columns.to_string(), rows.to_string());
        let directory = place.workspace.to_str().unwrap();
        let size = ["-x", &columns, "-y", &rows, "-c", directory];
        terminal.tmux(&[&["new-session", "-d"], &size[..], &[shell.as_str()]].concat());
        terminal.tmux(&["pipe-pane", &format!("cat > '{}'", pipe.display())]);
        // The shell may have written its prompt before.
        terminal.keys(&["Enter"]);
        terminal.until_it("a prompt", |lines| lines.ends_with(&["$".into()]));
        terminal
    }

    /// Starts the program in the shell, with these `arguments`, which need no quotes.
    pub fn codex(&self, arguments: &str) {
        self.keys(&["-l", &format!("\"$CODEX\" {arguments}")]);
        self.keys(&["Enter"]);
    }

    /// What a command of tmux's says.
    pub fn tmux(&self, arguments: &[&str]) -> String {
        let output = self.try_tmux(arguments);
        let output = output.unwrap_or_else(|error| panic!("tmux is needed for this test: {error}"));
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    #[allow(clippy::disallowed_methods, reason = "a test looks at a terminal from outside")]
    fn try_tmux(&self, arguments: &[&str]) -> std::io::Result<Output> {
        let socket = self.directory.path().join("socket");
        Command::new("tmux").arg("-S").arg(socket).args(["-f", "/dev/null"]).args(arguments).output()
    }

    /// Presses keys, by tmux's names for them.
    pub fn keys(&self, keys: &[&str]) {
        self.tmux(&[&["send-keys"], keys].concat());
    }

    /// Changes the size of the terminal.
    pub fn resize(&self, columns: u16, rows: u16) {
        self.tmux(&["resize-window", "-x", &columns.to_string(), "-y", &rows.to_string()]);
    }

    /// All lines, those of the scrollback first, as they were before they were wrapped.
    pub fn lines(&self) -> Vec<String> {
        let text = self.tmux(&["capture-pane", "-p", "-J", "-S", "-"]);
        let mut lines: Vec<String> = text.lines().map(|line| line.trim_end().to_owned()).collect();
        lines.truncate(lines.iter().rposition(|line| !line.is_empty()).map_or(0, |last| last + 1));
        lines
    }

    /// Waits until some line holds `text`.
    pub fn until(&self, text: &str) {
        self.until_it(&format!("`{text}`"), |lines| lines.iter().any(|line| line.contains(text)));
    }

    /// Waits until `holds` is true of the lines.
    pub fn until_it(&self, what: &str, holds: impl Fn(&[String]) -> bool) {
        let time = Timespec { tv_sec: WATCHDOG.as_secs().try_into().unwrap(), tv_nsec: 0 };
        // Where time is shown, something is written again and again.
        let end = Instant::now() + WATCHDOG;
        loop {
            // What was written before it was looked at is seen; what comes later wakes.
            let _ = (&self.written).read(&mut [0; 64 << 10]);
            let lines = self.lines();
            if holds(&lines) {
                return;
            }
            let mut ready = [PollFd::new(&self.written, PollFlags::IN)];
            let count = poll(&mut ready, Some(&time)).unwrap();
            assert!(count > 0 && Instant::now() < end, "there never was {what}:\n{}", self.lines().join("\n"));
        }
    }
}

impl Drop for Tmux {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.try_tmux(&["kill-server"]);
    }
}
