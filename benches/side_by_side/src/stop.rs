//! Ctrl-C: what runs is given up, what was laid out is removed, nothing is reported.

use std::{
    io,
    process::ChildStdin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use tokio::signal::unix::{SignalKind, signal};

/// Whether the user wants to stop. The signal itself only ends the measuring; everything else ends by itself then, the
/// usual way.
#[derive(Debug, Default)]
pub(crate) struct Stop {
    is_asked: AtomicBool,
    /// The input of the measuring program, which ends when this does.
    held: Mutex<Option<ChildStdin>>,
}

impl Stop {
    /// Listens for interrupts and requests to end from now on.
    ///
    /// # Errors
    ///
    /// Signals cannot be listened for.
    pub(crate) fn listen() -> io::Result<Arc<Self>> {
        let stop = Arc::new(Self::default());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (mut interrupt, mut end) = {
            let _entered = runtime.enter();
            (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?)
        };
        let asked = Arc::clone(&stop);
        thread::spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    _ = interrupt.recv() => {}
                    _ = end.recv() => {}
                }
            });
            asked.is_asked.store(true, Ordering::SeqCst);
            asked.release();
        });
        Ok(stop)
    }

    /// Keeps `stdin` open until it is released or the user wants to stop.
    pub(crate) fn hold(&self, stdin: Option<ChildStdin>) {
        *self.held.lock().unwrap_or_else(PoisonError::into_inner) = stdin;
        // The signal may have come before there was something to release.
        if self.is_asked.load(Ordering::SeqCst) {
            self.release();
        }
    }

    /// Closes what is held.
    pub(crate) fn release(&self) {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).take();
    }

    /// Fails if the user wants to stop.
    pub(crate) fn check(&self) -> Result<(), String> {
        if self.is_asked.load(Ordering::SeqCst) { Err("interrupted".into()) } else { Ok(()) }
    }
}
