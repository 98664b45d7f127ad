//! Where the prompt comes from: the command line, standard input, or both.

use std::{
    io::{IsTerminal, Read},
    sync::mpsc::{self, RecvTimeoutError},
    time::{Duration, Instant},
};

use crate::terminal;

/// After so much silence on a pipe the user is told what is waited for.
const SILENCE: Duration = Duration::from_secs(2);
/// A pipe that has not brought a byte by then is ignored.
const GIVE_UP: Duration = Duration::from_secs(30);

/// What was typed of a prompt.
#[derive(Debug)]
pub struct PromptSource {
    /// The argument; `-` and nothing mean standard input.
    pub argument: Option<String>,
    /// Standard input is not to be read.
    pub no_stdin: bool,
}

/// The whole prompt.
///
/// # Errors
/// A sentence for the user when there is none.
pub fn read(source: PromptSource) -> Result<String, String> {
    let prompt = match source.argument {
        Some(argument) if argument != "-" => {
            let piped = if source.no_stdin || std::io::stdin().is_terminal() { None } else { piped() };
            match piped {
                Some(text) if !text.trim().is_empty() => {
                    format!("{argument}\n\n<stdin>\n{}\n</stdin>", text.trim_end())
                }
                _ => argument,
            }
        }
        argument => {
            if source.no_stdin {
                return Err("no prompt: give one as an argument (--no-stdin was given)".into());
            }
            if argument.is_none() && std::io::stdin().is_terminal() {
                return Err("no prompt: give one as an argument, or pipe one in".into());
            }
            let mut bytes = Vec::new();
            std::io::stdin().read_to_end(&mut bytes).map_err(|error| format!("cannot read standard input: {error}"))?;
            String::from_utf8_lossy(&bytes).into_owned()
        }
    };
    if prompt.trim().is_empty() {
        return Err("the prompt is empty: say what is to be done".into());
    }
    Ok(prompt)
}

/// What is piped in, to its end; `None` if not a byte comes for a long time.
fn piped() -> Option<String> {
    let (chunks, arrived) = mpsc::channel();
    // A thread of its own: nothing interrupts a read, and a pipe may never end. It dies with the process.
    std::thread::spawn(move || {
        let mut buffer = vec![0; 64 * 1024];
        let mut stdin = std::io::stdin().lock();
        while let Ok(count @ 1..) = stdin.read(&mut buffer) {
            if chunks.send(buffer[..count].to_vec()).is_err() {
                break;
            }
        }
    });
    let began = Instant::now();
    let mut text = Vec::new();
    let mut told = false;
    loop {
        match arrived.recv_timeout(SILENCE) {
            Ok(chunk) => text.extend(chunk),
            Err(RecvTimeoutError::Disconnected) => return Some(String::from_utf8_lossy(&text).into_owned()),
            Err(RecvTimeoutError::Timeout) if text.is_empty() && began.elapsed() >= GIVE_UP => {
                terminal::complain("nothing came on standard input: it is ignored");
                return None;
            }
            Err(RecvTimeoutError::Timeout) => {
                if !told {
                    terminal::complain(
                        "waiting for the end of standard input (skip it with --no-stdin, or </dev/null)",
                    );
                }
                told = true;
            }
        }
    }
}
