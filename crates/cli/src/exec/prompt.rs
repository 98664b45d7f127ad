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

/// Most that is taken from standard input, in bytes: no model reads as much.
const LARGEST: usize = 16 << 20;

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
                Some(bytes) => with_piped(argument, &lossy(&bytes)?),
                None => argument,
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
            let mut stdin = std::io::stdin().lock().take(LARGEST as u64 + 1);
            stdin.read_to_end(&mut bytes).map_err(|error| format!("cannot read standard input: {error}"))?;
            lossy(&bytes)?
        }
    };
    if prompt.trim().is_empty() {
        return Err("the prompt is empty: say what is to be done".into());
    }
    Ok(prompt)
}

fn with_piped(argument: String, text: &str) -> String {
    if text.trim().is_empty() { argument } else { format!("{argument}\n\n<stdin>\n{}\n</stdin>", text.trim_end()) }
}

fn lossy(bytes: &[u8]) -> Result<String, String> {
    if bytes.len() > LARGEST {
        return Err(format!("standard input has more than {} MiB: give the model a smaller part of it", LARGEST >> 20));
    }
    Ok(String::from_utf8_lossy(bytes).into_owned())
}

/// What is piped in, to its end or a little more than can be taken; `None` if not a byte comes for a long time.
fn piped() -> Option<Vec<u8>> {
    let (chunks, arrived) = mpsc::sync_channel(4);
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
            Ok(_) if text.len() > LARGEST => return Some(text),
            Ok(chunk) => text.extend(chunk),
            Err(RecvTimeoutError::Disconnected) => return Some(text),
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
