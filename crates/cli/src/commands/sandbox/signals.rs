//! Signals that ask `codex sandbox` to end: its command is ended first, and what that made is looked at.

use std::{fs, future::poll_fn, task::Poll};

use tokio::signal::unix::{Signal, SignalKind, signal};

/// Listens from the first question on, so that nothing of it delays a command's start.
#[derive(Default)]
pub(super) struct Signals(Vec<(SignalKind, Signal)>);

impl Signals {
    /// The number of the next one. What this program was started to ignore, as by nohup(1), stays ignored; a signal that
    /// cannot be listened to does what the system lets it do.
    pub(super) async fn next(&mut self) -> i32 {
        if self.0.is_empty() {
            let ignored = ignored();
            let kinds = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()];
            let heard = kinds.into_iter().filter(|kind| ignored >> (kind.as_raw_value() - 1) & 1 == 0);
            self.0 = heard.filter_map(|kind| Some((kind, signal(kind).ok()?))).collect();
        }
        let heard = poll_fn(|context| {
            let came =
                self.0.iter_mut().find_map(|(kind, signal)| signal.poll_recv(context).is_ready().then_some(*kind));
            came.map_or(Poll::Pending, Poll::Ready)
        });
        heard.await.as_raw_value()
    }
}

/// A bit for each signal that this program ignores (proc_pid_status(5)).
fn ignored() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or_default()
}
