//! A terminal of tmux's, on a server of its own: for what a shell and a real terminal have a part in.
//!
//! Nothing waits a fixed time: each time the program writes something, tmux passes it on through a pipe, and what is on
//! the screen is looked at anew.
#![allow(clippy::disallowed_methods, reason = "the test kit looks at a terminal from outside")]
#![allow(clippy::unwrap_used, reason = "a terminal that cannot be had is a failed test")]

use std::{
    fs::File,
    io::Read,
    path::Path,
    process::{Command, Output},
    time::Instant,
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    fs::{CWD, FileType, Mode, OFlags},
};
use tempfile::TempDir;

use crate::WATCHDOG;

/// A terminal.
pub struct Tmux {
    directory: TempDir,
    /// What the terminal is given to show, as it comes.
    written: File,
}

impl Tmux {
    /// A shell with the prompt `$ ` and the `variables`, which are words of a shell, in a terminal of so many columns and rows.
    pub fn start(directory: &Path, variables: &str, size: (usize, usize)) -> Self {
        let shell = format!("PS1='$ ' {variables} exec bash --norc --noprofile -i");
        let terminal = Self::running(directory, &shell, size);
        // The shell may have written its prompt before it was listened to.
        terminal.keys(&["Enter"]);
        terminal.until_it("a prompt", |lines| lines.ends_with(&["$".into()]));
        terminal
    }

    /// What runs as a `command` of a shell, alone.
    pub fn running(directory: &Path, command: &str, (columns, rows): (usize, usize)) -> Self {
        let place = directory.to_string_lossy().into_owned();
        let directory = tempfile::tempdir().unwrap();
        let pipe = directory.path().join("written");
        rustix::fs::mknodat(CWD, &pipe, FileType::Fifo, Mode::RWXU, 0).unwrap();
        // For writing too, so that it has no end.
        let written = rustix::fs::open(&pipe, OFlags::RDWR | OFlags::NONBLOCK, Mode::empty()).unwrap().into();
        let terminal = Self { directory, written };
        let (columns, rows) = (columns.to_string(), rows.to_string());
        terminal.tmux(&["new-session", "-d", "-x", &columns, "-y", &rows, "-c", &place, command]);
        terminal.tmux(&["pipe-pane", &format!("cat > '{}'", pipe.display())]);
        terminal
    }

    /// Types `command` and sends it.
    pub fn enter(&self, command: &str) {
        self.keys(&["-l", command]);
        self.keys(&["Enter"]);
    }

    /// What a command of tmux's says.
    pub fn tmux(&self, arguments: &[&str]) -> String {
        let output = self.try_tmux(arguments);
        let output = output.unwrap_or_else(|error| panic!("tmux is needed for this test: {error}"));
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    fn try_tmux(&self, arguments: &[&str]) -> std::io::Result<Output> {
        let socket = self.directory.path().join("socket");
        Command::new("tmux").arg("-S").arg(socket).args(["-f", "/dev/null"]).args(arguments).output()
    }

    /// Presses keys, by tmux's names for them.
    pub fn keys(&self, keys: &[&str]) {
        self.tmux(&[&["send-keys"], keys].concat());
    }

    /// Changes the size of the terminal.
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
