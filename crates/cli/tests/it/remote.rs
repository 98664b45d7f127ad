//! Sessions elsewhere: `codex serve` and `codex --remote`, over real sockets.

mod cuts;
mod faults;
mod sessions;

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::PathBuf,
    process::{Child, ChildStdout, Command, Output},
};

use rustix::process::{Pid, Signal, kill_process};

use crate::support::Place;

/// A server that runs, and ends with the test.
pub struct Served {
    child: Child,
    stdout: BufReader<ChildStdout>,
    pub url: String,
}

impl Served {
    /// The server of the place, on a port of its own.
    pub fn start(place: &Place, flags: &[&str]) -> Self {
        Self::at(place, "127.0.0.1:0", flags)
    }

    pub fn at(place: &Place, address: &str, flags: &[&str]) -> Self {
        let arguments = [&["serve", address], flags].concat();
        let mut child = place.codex(&arguments).spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        let Some(url) = line.strip_prefix("listening on ") else {
            let mut said = String::new();
            child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
            panic!("it does not listen: {line}{said}");
        };
        Self { url: url.trim().to_owned(), child, stdout }
    }

    /// `HOST:PORT`.
    pub fn address(&self) -> &str {
        self.url.strip_prefix("ws://").unwrap()
    }

    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Says to stop. Returns the exit code, and what it said beyond where it listens.
    pub fn stop(mut self) -> (Option<i32>, String) {
        kill_process(Pid::from_child(&self.child), Signal::TERM).unwrap();
        let mut said = String::new();
        self.stdout.read_to_string(&mut said).unwrap();
        self.child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        (self.child.wait().unwrap().code(), said)
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Another machine: a home of its own, and nothing of the server's.
pub struct Elsewhere {
    root: tempfile::TempDir,
}

impl Elsewhere {
    pub fn new() -> Self {
        Self { root: tempfile::Builder::new().prefix("codex-it-").tempdir_in("/var/tmp").unwrap() }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    pub fn codex(&self, arguments: &[&str]) -> Command {
        let home = self.path("home");
        std::fs::create_dir_all(&home).unwrap();
        let mut command = crate::support::codex(&home);
        command.args(arguments).current_dir(self.root.path());
        command
    }
}

/// The token of the place's server.
pub fn token(place: &Place) -> String {
    std::fs::read_to_string(place.home.join("serve/token")).unwrap().trim().to_owned()
}

/// What is answered to these bytes, until the connection ends.
pub fn said_to(address: &str, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    // Whoever is refused may not be read to the end.
    let _ = stream.write_all(bytes);
    let _ = stream.shutdown(std::net::Shutdown::Write);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

pub fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}
