//! Serves a script until it is stopped: `cargo run -p codex-testkit --example serve -- SCRIPT.json`. Says the address that a
//! provider is configured with, in a line of its own.

#![allow(clippy::print_stdout, reason = "the address is what it is there for")]

use std::{error::Error, fs, thread};

use codex_testkit::ModelServer;

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args_os().nth(1).ok_or("which script? name its file")?;
    let server = ModelServer::from_json(serde_json::from_slice(&fs::read(path)?)?);
    println!("{}", server.base_url());
    loop {
        thread::park();
    }
}
