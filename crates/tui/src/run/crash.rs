//! A crash says where the session is. The terminal has been given back by then.

use std::{
    io::{self, Write},
    panic,
    sync::{Mutex, PoisonError},
};

/// The session that is open.
static SESSION: Mutex<Option<String>> = Mutex::new(None);

/// Which session a crash would leave.
pub fn remember(session: Option<String>) {
    *SESSION.lock().unwrap_or_else(PoisonError::into_inner) = session;
}

/// From now on, a panic says how to go on.
pub fn install() {
    let before = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        before(info);
        let session = SESSION.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(id) = session {
            let _ =
                writeln!(io::stderr(), "codex has crashed; the session is kept, go on with it: codex --resume {id}");
        }
    }));
}
