//! Where the prompt comes from: the command line, standard input, or both. A terminal is never read.

use std::{
    io::{self, IsTerminal},
    os::fd::{AsFd, OwnedFd},
    time::Duration,
};

use rustix::fs::FileType;
use tokio::{sync::mpsc, time::timeout};

use crate::{stdin, terminal};

/// After so long without a byte on a pipe the user is told what is waited for.
const SILENCE: Duration = Duration::from_secs(2);
/// After so many times [`SILENCE`] without a single byte a pipe beside a prompt is ignored: 30 s.
const GIVE_UP: u32 = 15;

/// Longest that a pipe is read only so that its writer does not break.
const LONGEST: Duration = Duration::from_secs(10);

/// Most that is taken from standard input, in bytes: no model reads as much.
const LARGEST: usize = 16 << 20;

/// What was typed of a prompt.
#[derive(Debug)]
pub struct PromptSource {
    /// The argument; `-` and nothing mean standard input.
    pub argument: Option<String>,
    /// Standard input is not to be read.
    pub no_stdin: bool,
    /// Saying nothing means to go on with what was cut off.
    pub may_go_on: bool,
}

/// What is to be done to have the whole prompt.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Plan {
    /// Nothing: this is it.
    Typed(String),
    /// This was typed; what is piped in belongs to it.
    Beside(String),
    /// All of it is piped in.
    Piped,
}

impl PromptSource {
    /// A prompt that is all there is.
    pub fn typed(prompt: &str) -> Self {
        Self { argument: Some(prompt.to_owned()), no_stdin: true, may_go_on: false }
    }

    /// Says what is wrong before anything is read.
    ///
    /// # Errors
    /// A sentence for the user when there can be no prompt, whatever standard input brings.
    pub fn check(&self) -> Result<(), String> {
        match self.goes_on() {
            true => Ok(()),
            false => self.plan(io::stdin().is_terminal()).map(drop),
        }
    }

    /// Whether nothing is said, and nothing can come. A pipe that stays empty is no such thing: what should have
    /// written the prompt may have failed.
    pub fn goes_on(&self) -> bool {
        let is_device = |stat: rustix::fs::Stat| FileType::from_raw_mode(stat.st_mode) == FileType::CharacterDevice;
        let unread = || self.no_stdin || rustix::fs::fstat(io::stdin()).is_ok_and(is_device);
        self.may_go_on && self.argument.is_none() && unread()
    }

    /// Lets whoever writes the prompt finish, when it is not needed any more: see [`discard`].
    pub async fn give_up(&self) {
        if !self.no_stdin {
            discard().await;
        }
    }

    fn plan(&self, terminal: bool) -> Result<Plan, String> {
        let unread = self.no_stdin || terminal;
        match self.argument.as_deref() {
            Some(typed) if typed != "-" && !unread => Ok(Plan::Beside(typed.to_owned())),
            Some(typed) if typed != "-" => Ok(Plan::Typed(whole(typed.to_owned())?)),
            _ if self.no_stdin => Err("no prompt: give one as an argument (--no-stdin was given)".into()),
            _ if terminal => Err("no prompt: give one as an argument, or pipe one in (a terminal is not read)".into()),
            _ => Ok(Plan::Piped),
        }
    }
}

/// The whole prompt. Waits for standard input where it is needed; dropping the future gives it up.
///
/// # Errors
/// A sentence for the user when there is none.
pub async fn read(source: PromptSource) -> Result<String, String> {
    let plan = source.plan(io::stdin().is_terminal())?;
    if let Plan::Typed(prompt) = plan {
        return Ok(prompt);
    }
    let input = io::stdin().as_fd().try_clone_to_owned().map_err(|error| unreadable(&error))?;
    let mut arrivals = Arrivals::of(input, SILENCE)?;
    gather(plan, async || arrivals.next().await, terminal::complain).await
}

/// Reads what is on its way through a pipe and forgets it: a program that ends before it has read its prompt breaks
/// the one that writes it, unless that one is prepared for it, and few are. Ends soon, whatever comes.
async fn discard() {
    let input = io::stdin();
    let kind = rustix::fs::fstat(&input).map(|stat| FileType::from_raw_mode(stat.st_mode));
    if !matches!(kind, Ok(FileType::Fifo | FileType::Socket)) {
        return;
    }
    let Ok(Ok(mut arrivals)) = input.as_fd().try_clone_to_owned().map(|input| Arrivals::of(input, SILENCE)) else {
        return;
    };
    // Who dribbles for ever is left alone as well.
    let _ = timeout(LONGEST, forget(async || arrivals.next().await)).await;
}

/// Takes what `next` brings until there is no more, or too much.
async fn forget(mut next: impl AsyncFnMut() -> Arrival) {
    let mut left = LARGEST;
    while let Arrival::Bytes(bytes) = next().await
        && bytes.len() <= left
    {
        left -= bytes.len();
    }
}

/// The prompt, of what `next` brings until it says that there is no more; `say` tells the user what is waited for.
async fn gather(
    plan: Plan,
    mut next: impl AsyncFnMut() -> Arrival,
    mut say: impl FnMut(&str),
) -> Result<String, String> {
    let (typed, waiting) = match plan {
        Plan::Typed(prompt) => return whole(prompt),
        Plan::Beside(typed) => {
            (Some(typed), "waiting for the end of standard input (skip it with --no-stdin, or </dev/null)")
        }
        Plan::Piped => (None, "waiting for the prompt on standard input, to its end"),
    };
    let mut piped = Vec::new();
    let mut silences = 0;
    loop {
        match next().await {
            Arrival::Bytes(bytes) => piped.extend(bytes),
            Arrival::End => break,
            Arrival::Broken(error) if piped.is_empty() && typed.is_some() => {
                say(&format!("{}: it is ignored", unreadable(&error)));
                break;
            }
            Arrival::Broken(error) => return Err(unreadable(&error)),
            Arrival::Silence => {
                silences += 1;
                if silences == 1 {
                    say(waiting);
                }
                if silences >= GIVE_UP && piped.is_empty() && typed.is_some() {
                    say("nothing came on standard input: the pipe was ignored");
                    break;
                }
            }
        }
        if piped.len() > LARGEST {
            let limit = LARGEST >> 20;
            return Err(format!("standard input has more than {limit} MiB: give the model a smaller part of it"));
        }
    }
    let piped = String::from_utf8_lossy(&piped);
    whole(match typed {
        Some(typed) if piped.trim().is_empty() => typed,
        Some(typed) => format!("{typed}\n\n<stdin>\n{}\n</stdin>", piped.trim_end()),
        None => piped.into_owned(),
    })
}

fn whole(prompt: String) -> Result<String, String> {
    match prompt.trim().is_empty() {
        true => Err("the prompt is empty: say what is to be done".into()),
        false => Ok(prompt),
    }
}

fn unreadable(error: &io::Error) -> String {
    format!("cannot read standard input: {error}")
}

/// What came of waiting for standard input.
#[derive(Debug)]
enum Arrival {
    Bytes(Vec<u8>),
    /// Everybody who could write has closed it.
    End,
    /// It cannot be read.
    Broken(io::Error),
    /// Nothing came for a while.
    Silence,
}

/// Standard input as it arrives.
struct Arrivals {
    pieces: mpsc::Receiver<io::Result<Vec<u8>>>,
    silence: Duration,
}

impl Arrivals {
    fn of(stdin: OwnedFd, silence: Duration) -> Result<Self, String> {
        stdin::pieces(stdin).map(|pieces| Self { pieces, silence }).map_err(|error| unreadable(&error))
    }

    async fn next(&mut self) -> Arrival {
        match timeout(self.silence, self.pieces.recv()).await {
            Ok(Some(Ok(bytes))) => Arrival::Bytes(bytes),
            Ok(Some(Err(error))) => Arrival::Broken(error),
            Ok(None) => Arrival::End,
            Err(_) => Arrival::Silence,
        }
    }
}

#[cfg(test)]
#[path = "prompt_tests.rs"]
mod tests;
