//! The scripted model, in a process of its own, so that neither its time nor its memory is anyone else's.
//!
//! It prints its base URL when it is ready, answers each line on its standard input with the requests since the last
//! one, and ends when its standard input does.
#![allow(clippy::disallowed_methods, reason = "a benchmark starts its own model server")]

use std::{
    io::{self, BufRead, BufReader, Write},
    os::unix::process::CommandExt,
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    time::Instant,
};

use codex_testkit::{Exchange, ModelServer, Script, Step};

use crate::{
    cases::{self, Case, Task},
    screens,
    turns::Request,
};

/// Is the model of the case named `name` until standard input ends.
///
/// # Errors
///
/// There is no such case, or nobody reads what is said.
pub(crate) fn serve(name: &str) -> Result<(), String> {
    let of_case = |case: &Case| match case.task {
        Task::Turn(script) | Task::Configured(script) | Task::Among(_, script) => script(),
        Task::List { .. } | Task::Resume(_) => cases::text(),
        Task::Version | Task::Sandbox(_) => Script::default(),
    };
    let of_screen = || screens::screen(name).map(|case| (case.script)());
    let mut script = cases::case(name).map(of_case).or_else(of_screen).ok_or("no such case")?;
    // A long answer takes longer to be put together than a quick client takes to read it.
    let is_long = |step: &Step| step.stream.is_some() || step.delta.is_some();
    script.steps = script.steps.into_iter().map(|step| if is_long(&step) { step.rendered() } else { step }).collect();
    let server = ModelServer::start_forgetful(script);
    say(&server.base_url())?;
    let mut told = 0;
    for line in io::stdin().lines() {
        line.map_err(|error| error.to_string())?;
        let exchanges = server.exchanges();
        let requests = as_requests(&exchanges[told..]);
        told = exchanges.len();
        say(&serde_json::to_string(&requests).map_err(|error| error.to_string())?)?;
    }
    Ok(())
}

fn say(line: &str) -> Result<(), String> {
    let mut stdout = io::stdout();
    writeln!(stdout, "{line}").and_then(|()| stdout.flush()).map_err(|error| error.to_string())
}

/// The exchanges of one run, as what the client did.
fn as_requests(exchanges: &[Exchange]) -> Vec<Request> {
    let between = |from: Instant, to: Instant| to.saturating_duration_since(from).as_nanos() as f64 / 1000.0;
    let before = std::iter::once(None).chain(exchanges.iter().map(|exchange| exchange.answered));
    exchanges
        .iter()
        .zip(before)
        .map(|(exchange, answered)| Request {
            after_us: answered.map(|answered| between(answered, exchange.arrived)),
            bytes: exchange.request_bytes,
        })
        .collect()
}

/// A model server that was started for a case.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: BufReader<ChildStdout>,
    /// The API's root.
    pub(crate) base_url: String,
}

impl Server {
    /// Starts `program`, which is this one, as the model of the case named `case`. When this returns, it answers.
    ///
    /// # Errors
    ///
    /// It cannot be started.
    pub(crate) fn start(program: &Path, case: &str) -> Result<Self, String> {
        let mut child = Command::new(program)
            .args(["serve", case])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // Ctrl-C is for the runner alone; this ends with it.
            .process_group(0)
            .spawn()
            .map_err(|error| format!("cannot start the model server: {error}"))?;
        let stdin = child.stdin.take();
        let stdout = child.stdout.take().ok_or("the model server has no output")?;
        let mut server = Self { child, stdin, stdout: BufReader::new(stdout), base_url: String::new() };
        server.base_url = server.line()?;
        Ok(server)
    }

    /// The requests since the last time this was asked.
    ///
    /// # Errors
    ///
    /// The server is no longer there.
    pub(crate) fn requests(&mut self) -> Result<Vec<Request>, String> {
        let stdin = self.stdin.as_mut().ok_or("the model server has no input")?;
        stdin.write_all(b"\n").map_err(|error| format!("the model server has gone: {error}"))?;
        let line = self.line()?;
        serde_json::from_str(&line).map_err(|error| format!("the model server said {line:?}: {error}"))
    }

    fn line(&mut self) -> Result<String, String> {
        let mut line = String::new();
        match self.stdout.read_line(&mut line) {
            Ok(0) => Err("the model server has ended".into()),
            Ok(_) => Ok(line.trim_end().to_owned()),
            Err(error) => Err(format!("the model server cannot be read: {error}")),
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // The end of its input is its end.
        self.stdin = None;
        let _ = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_clients_time_is_between_an_answer_and_the_next_request() {
        let start = Instant::now();
        let at = |milliseconds| start + Duration::from_millis(milliseconds);
        let exchange = |arrived, answered: Option<u64>, request_bytes| Exchange {
            arrived: at(arrived),
            answered: answered.map(at),
            request_bytes,
        };
        let requests = as_requests(&[exchange(0, Some(3), 10), exchange(7, None, 20), exchange(10, None, 30)]);
        let found: Vec<_> = requests.iter().map(|request| (request.after_us, request.bytes)).collect();
        assert_eq!(found, [(None, 10), (Some(4000.0), 20), (None, 30)]);
    }
}
