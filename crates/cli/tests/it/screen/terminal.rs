//! A terminal that a test looks at: the program runs in a real one, and what it writes goes into an emulator.
//!
//! Nothing waits a fixed time: a test waits for text to appear, and the watchdog fails it if that never happens.

use std::{
    fs::File,
    io::{Read, Write},
    os::fd::AsFd,
    process::{Child, ExitStatus, Stdio},
    time::Instant,
};

use codex_testkit::{
    WATCHDOG,
    emulators::{Alacritty, Emulator},
};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    process::{Pid, Signal, kill_process},
    termios::{Winsize, tcsetwinsize},
};

use crate::support::{self, Place};

/// Rows that are kept above the screen.
const SCROLLBACK: usize = 10_000;

/// A program in a terminal.
pub struct Terminal {
    child: Child,
    controller: File,
    emulator: vt100::Parser,
    /// The same on a terminal that wraps rows anew.
    wrapping: Alacritty,
    written: Vec<u8>,
    /// Whether it says what it is when it is asked, as terminals do (DA1).
    answers: bool,
}

impl Terminal {
    /// Starts the program with `arguments` in a terminal of `rows` and `columns`.
    pub fn start(place: &Place, arguments: &[&str], rows: u16, columns: u16) -> Self {
        Self::with(place, arguments, &[], (rows, columns))
    }

    /// As [`Terminal::start`] in 24 rows of 80 columns; waits until something can be typed.
    pub fn open(place: &Place, arguments: &[&str]) -> Self {
        let mut terminal = Self::start(place, arguments, 24, 80);
        terminal.until("Ask, or /help").until(" · approval ");
        terminal
    }

    /// As [`Terminal::start`], with these `variables` in its environment too.
    pub fn with(place: &Place, arguments: &[&str], variables: &[(&str, &str)], (rows, columns): (u16, u16)) -> Self {
        let (controller, terminal) = support::terminal();
        tcsetwinsize(&controller, winsize(rows, columns)).unwrap();
        let codex = place.codex(arguments);
        #[allow(clippy::disallowed_methods, reason = "the program under test is started by its test")]
        // The terminal must be the program's own, so that it is told of its size and its end.
        let mut command = std::process::Command::new("setsid");
        command.arg("--ctty").arg(codex.get_program()).args(codex.get_args());
        command.env_clear().envs(codex.get_envs().filter_map(|(name, value)| Some((name, value?))));
        command.env("TERM", "xterm-256color").envs(variables.iter().copied());
        command.current_dir(codex.get_current_dir().unwrap());
        command.stdin(Stdio::from(terminal.try_clone().unwrap()));
        command.stdout(Stdio::from(terminal.try_clone().unwrap())).stderr(Stdio::from(terminal));
        let child = command.spawn().unwrap();
        Self {
            child,
            controller,
            emulator: vt100::Parser::new(rows, columns, SCROLLBACK),
            wrapping: Alacritty::new((columns.into(), rows.into())),
            written: Vec::new(),
            answers: true,
        }
    }

    /// From now on, nothing is answered to what the program asks.
    pub fn answers_nothing(&mut self) {
        self.answers = false;
    }

    /// Types `keys`: text, or sequences as terminals send them.
    pub fn send(&mut self, keys: &str) {
        self.controller.write_all(keys.as_bytes()).unwrap();
    }

    /// Pastes `text`, of any length, as terminals mark it: what is shown meanwhile is taken in.
    pub fn paste(&mut self, text: &str) {
        let mut controller = self.controller.try_clone().unwrap();
        let text = format!("\x1b[200~{text}\x1b[201~");
        std::thread::spawn(move || controller.write_all(text.as_bytes()));
    }

    /// Waits until the screen holds `text`.
    pub fn until(&mut self, text: &str) -> &mut Self {
        self.until_it(&format!("`{text}`"), |screen| screen.contains(text))
    }

    /// Waits until `holds` is true of the screen.
    pub fn until_it(&mut self, what: &str, holds: impl Fn(&str) -> bool) -> &mut Self {
        // Where time is shown, something is written again and again.
        let end = Instant::now() + WATCHDOG;
        while !holds(&self.screen()) {
            assert!(self.read(), "the program ended, and the screen never held {what}:\n{}", self.all());
            assert!(Instant::now() < end, "the screen never held {what}:\n{}", self.all());
        }
        self
    }

    /// Waits until `holds` is true of all [lines](Self::lines).
    pub fn until_lines(&mut self, what: &str, holds: impl Fn(&[String]) -> bool) {
        let end = Instant::now() + WATCHDOG;
        while !holds(&self.lines()) {
            assert!(self.read(), "the program ended, and there never was {what}:\n{}", self.lines().join("\n"));
            assert!(Instant::now() < end, "there never was {what}:\n{}", self.lines().join("\n"));
        }
    }

    /// Lines of the scrollback and the screen, on a terminal that wraps rows anew: as they were before that.
    pub fn lines(&mut self) -> Vec<String> {
        self.wrapping.lines()
    }

    /// Presses `key`, and waits until the screen holds `text`.
    pub fn press(&mut self, key: &str, text: &str) -> &mut Self {
        self.send(key);
        self.until(text)
    }

    /// Waits for a question, and gives the answer that is listed with these words.
    pub fn answer(&mut self, words: &str) {
        self.until(words);
        let chosen = |screen: &str| screen.lines().rfind(|row| row.starts_with("› ")).unwrap_or_default().to_owned();
        while !chosen(&self.screen()).contains(words) {
            let before = chosen(&self.screen());
            // Unlike letters, arrows are for the question from the beginning.
            self.send("\x1b[B");
            self.until_it("another answer", |screen| chosen(screen) != before);
        }
        self.send("\r");
        self.until_it("the end of the question", |screen| !screen.contains(words));
    }

    /// Waits until no turn runs.
    pub fn rest(&mut self) -> &mut Self {
        let busy = ["Working", "Stopping", "Starting", "? "];
        self.until_it("the end of the turn", |screen| {
            screen.contains("Ask, or /help") && !busy.iter().any(|word| screen.contains(word))
        })
    }

    /// All bytes that were written so far, as text.
    pub fn written(&self) -> String {
        String::from_utf8_lossy(&self.written).into_owned()
    }

    /// Changes the size of the terminal.
    pub fn resize(&mut self, rows: u16, columns: u16) {
        self.emulator.screen_mut().set_size(rows, columns);
        self.wrapping.resize((columns.into(), rows.into()));
        tcsetwinsize(&self.controller, winsize(rows, columns)).unwrap();
    }

    /// Sends a signal to the program.
    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// What is on the screen.
    pub fn screen(&self) -> String {
        self.emulator.screen().contents()
    }

    /// What is above the screen and on it.
    pub fn all(&mut self) -> String {
        let screen = self.emulator.screen_mut();
        screen.set_scrollback(usize::MAX);
        let (above, height) = (screen.scrollback(), usize::from(screen.size().0));
        let columns = screen.size().1;
        let mut rows = Vec::new();
        for scrolled in (1..=above).rev() {
            screen.set_scrollback(scrolled);
            rows.extend(screen.rows(0, columns).next());
        }
        screen.set_scrollback(0);
        rows.extend(screen.rows(0, columns).take(height));
        rows.iter().map(|row| row.trim_end().to_owned() + "\n").collect()
    }

    /// Waits until the program has ended.
    pub fn until_gone(&mut self) {
        while self.read() {}
    }

    /// Waits until the program has ended. Returns how, and all that it showed.
    pub fn end(mut self) -> (ExitStatus, String) {
        while self.read() {}
        (self.child.wait().unwrap(), self.all())
    }

    /// Takes in what the program has written. `false`: it will write nothing more.
    fn read(&mut self) -> bool {
        let time = Timespec { tv_sec: WATCHDOG.as_secs().try_into().unwrap(), tv_nsec: 0 };
        let mut ready = [PollFd::new(&self.controller, PollFlags::IN)];
        let count = poll(&mut ready, Some(&time)).unwrap();
        assert!(count > 0, "nothing more was shown:\n{}", self.all());
        let mut bytes = [0; 64 << 10];
        // Linux says EIO when nobody has the other side open any more.
        let count = self.controller.read(&mut bytes).unwrap_or_default();
        self.emulator.process(&bytes[..count]);
        self.wrapping.feed(&bytes[..count]);
        if self.answers && bytes[..count].windows(3).any(|bytes| bytes == b"\x1b[c") {
            // Who is gone needs no answer.
            let _ = self.controller.write_all(b"\x1b[?62;22c");
        }
        self.written.extend(&bytes[..count]);
        count > 0
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl AsFd for Terminal {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.controller.as_fd()
    }
}

fn winsize(rows: u16, columns: u16) -> Winsize {
    Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 }
}
