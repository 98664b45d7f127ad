//! A program in a terminal: waiting for what it shows, typing, and its end. Nothing waits longer than the limit.

use std::{
    error::Error,
    ffi::OsString,
    fs, io,
    process::{Child, Command},
    thread,
    time::{Duration, Instant},
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    process::{Pid, Signal, WaitOptions, kill_process, wait},
};

use crate::{cgroup::Group, terminal::Terminal, tree};

/// How long a program may take to go when it is asked to.
const PATIENCE: Duration = Duration::from_millis(500);

/// How often it is asked.
const REQUESTS: usize = 4;

/// What Ctrl-C types.
const INTERRUPT: &[u8] = b"\x03";

/// Why a scenario was not played to its end.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The program has not done what it should.
    Run(String),
    /// Measuring has failed.
    Measuring(Box<dyn Error>),
}

impl<E: Error + 'static> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::Measuring(Box::new(error))
    }
}

/// What has come of waiting.
enum Came {
    Output,
    Nothing,
}

/// A program that runs.
pub(crate) struct Session {
    /// When it was started.
    pub(crate) start: Instant,
    terminal: Terminal,
    child: Child,
    group: Option<Group>,
    deadline: Instant,
    seen: Instant,
}

impl Session {
    /// Starts `program` in a terminal.
    pub(crate) fn start(program: &OsString, arguments: &[OsString], deadline: Instant) -> Result<Self, Box<dyn Error>> {
        use std::os::unix::process::CommandExt;
        let (terminal, theirs) = Terminal::open()?;
        let ends = (theirs.try_clone()?, theirs.try_clone()?, theirs.try_clone()?);
        // A group of its own: what Ctrl-C ends before it listens is it, and not this process.
        let mut command = Command::new(program);
        command.args(arguments).stdin(ends.0).stdout(ends.1).stderr(ends.2).process_group(0);
        // What is started belongs to the control group, this process only until then.
        let group = Group::enter();
        let start = Instant::now();
        let child = command.spawn();
        if let Some(group) = &group {
            group.step_out();
        }
        drop(command);
        let child = child?;
        let pid = Pid::from_child(&child);
        Terminal::give_to(&theirs, pid)?;
        // Who wanted to use the terminal before it had the keyboard was stopped.
        let state = fs::read_to_string(format!("/proc/{}/stat", child.id())).unwrap_or_default();
        if state.rsplit(')').next().is_some_and(|rest| rest.starts_with(" T")) {
            kill_process(pid, Signal::CONT)?;
        }
        Ok(Self { start, terminal, child, group, deadline, seen: start })
    }

    /// Waits until the screen is as `condition` wants it; when that was.
    pub(crate) fn until(&mut self, what: &str, condition: impl Fn(&Terminal) -> bool) -> Result<Instant, Failure> {
        loop {
            if self.terminal.is_complete() && condition(&self.terminal) {
                return Ok(self.seen);
            }
            self.come(self.deadline).map_err(|failure| match failure {
                Failure::Run(reason) => Failure::Run(format!("{reason} before {what}")),
                other => other,
            })?;
            if Instant::now() >= self.deadline {
                return Err(Failure::Run(format!("not done within the limit: {what}")));
            }
        }
    }

    /// Shows what comes for so long.
    pub(crate) fn pass(&mut self, time: Duration) -> Result<(), Failure> {
        let end = Instant::now() + time;
        while Instant::now() < end {
            self.come(end)?;
        }
        Ok(())
    }

    /// Waits until nothing has come for so long.
    pub(crate) fn quiet(&mut self, time: Duration) -> Result<(), Failure> {
        while let Came::Output = self.come(Instant::now() + time)? {
            if Instant::now() >= self.deadline {
                return Err(Failure::Run("not done within the limit: it never rests".into()));
            }
        }
        Ok(())
    }

    /// Types.
    pub(crate) fn send(&self, keys: &str) -> Result<Instant, Failure> {
        let now = Instant::now();
        self.terminal.write(keys.as_bytes())?;
        Ok(now)
    }

    /// Microseconds of processor time until now, of the program and all that it has started.
    pub(crate) fn cpu_us(&self) -> i64 {
        self.group.as_ref().and_then(Group::cpu_us).unwrap_or_else(tree::living_cpu_us)
    }

    /// What is on the screen.
    pub(crate) fn contents(&self) -> String {
        self.terminal.contents()
    }

    /// Shows what comes next, unless `end` is earlier.
    fn come(&mut self, end: Instant) -> Result<Came, Failure> {
        let stdin = io::stdin();
        let left = end.saturating_duration_since(Instant::now());
        // Nothing is asked of standard input: that it has ended is always told.
        let mut both = [PollFd::new(&self.terminal.end, PollFlags::IN), PollFd::new(&stdin, PollFlags::empty())];
        poll(&mut both, Some(&Timespec::try_from(left).unwrap_or_default()))?;
        if !both[1].revents().is_empty() {
            return Err(Failure::Run("abandoned".into()));
        }
        if both[0].revents().is_empty() {
            return Ok(Came::Nothing);
        }
        let is_open = self.terminal.read()?;
        self.seen = Instant::now();
        if is_open { Ok(Came::Output) } else { Err(Failure::Run("the program has ended".into())) }
    }

    /// Asks the program to go, kills what has not gone, and says whether all processor time was counted, and how many
    /// processes have outlived the program. The terminal stays: with it, this process would go.
    pub(crate) fn end(&mut self) -> Result<(bool, usize), Box<dyn Error>> {
        for _ in 0..REQUESTS {
            if self.child.try_wait()?.is_some() || self.terminal.write(INTERRUPT).is_err() {
                break;
            }
            self.wait_a_while();
        }
        if self.child.try_wait()?.is_none() {
            kill_process(Pid::from_child(&self.child), Signal::KILL)?;
            self.child.wait()?;
        }
        let left_behind = kill_rest()?;
        let has_all_cpu = self.group.is_some();
        if let Some(group) = self.group.take() {
            group.leave();
        }
        Ok((has_all_cpu, left_behind))
    }

    /// Gives the program time to go, and reads what it writes meanwhile.
    fn wait_a_while(&mut self) {
        let end = Instant::now() + PATIENCE;
        while Instant::now() < end && matches!(self.child.try_wait(), Ok(None)) {
            // An error is the end of the terminal or of the user's patience.
            if self.come(end.min(Instant::now() + Duration::from_millis(20))).is_err() {
                thread::sleep(Duration::from_millis(20));
            }
        }
    }
}

/// Kills and counts what the program, which has ended, left behind.
fn kill_rest() -> Result<usize, Box<dyn Error>> {
    let mut count = 0;
    loop {
        for pid in tree::processes() {
            if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
                // Gone meanwhile, which is what is wanted.
                let _ = kill_process(pid, Signal::KILL);
            }
        }
        // Each that ends may leave children of its own to this process.
        match wait(WaitOptions::empty()) {
            Ok(_) => count += 1,
            Err(rustix::io::Errno::CHILD) => return Ok(count),
            Err(error) => return Err(error.into()),
        }
    }
}
