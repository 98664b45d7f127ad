//! The terminal in the mode in which each key comes at once, and out of it again whatever happens.

use std::{
    io::{self, Write},
    panic,
    sync::{Mutex, Once, PoisonError},
};

use rustix::{
    process::{Signal, kill_current_process_group},
    stdio::stdin,
    termios::{OptionalActions, Termios, tcgetattr, tcsetattr},
};

use super::{Capabilities, Output, restore};
use crate::title;

/// Pastes in brackets, reports of the focus, keys that say what was held. The last is the protocol of kitty, pushed on
/// a stack of the terminal's; those that do not know it ignore it.
const ENTER: &[u8] = b"\x1b[?2004h\x1b[?1004h\x1b[>1u";
const LEAVE: &[u8] = b"\x1b[<u\x1b[?1004l\x1b[?2004l";
/// The same wish in xterm's way, which tmux has as well.
const ENTER_MODIFIED_KEYS: &[u8] = b"\x1b[>4;1m";
const LEAVE_MODIFIED_KEYS: &[u8] = b"\x1b[>4m";

/// The terminal as it was, while it is ours.
struct Before {
    mode: Termios,
    modified_keys: bool,
    title: bool,
}

static BEFORE: Mutex<Option<Before>> = Mutex::new(None);
static HOOK: Once = Once::new();

/// The terminal is ours as long as this lives.
#[derive(Debug)]
pub struct RawMode {
    modified_keys: bool,
    title: bool,
}

impl RawMode {
    /// Takes the terminal, with its title if `title` says so. A panic gives it back before it says what it has to say.
    ///
    /// # Errors
    /// When standard input is no terminal.
    pub fn enter(terminal: Capabilities, title: bool) -> io::Result<Self> {
        HOOK.call_once(|| {
            let before = panic::take_hook();
            panic::set_hook(Box::new(move |panic| {
                restore_terminal();
                before(panic);
            }));
        });
        let raw = Self { modified_keys: terminal.modified_keys, title };
        raw.enter_again()?;
        Ok(raw)
    }

    /// Takes the terminal again, if it was given back: by [`leave`](Self::leave), or by a panic that was caught. Says
    /// whether it was.
    ///
    /// # Errors
    /// When there is no terminal any more.
    pub fn enter_again(&self) -> io::Result<bool> {
        let mut before = BEFORE.lock().unwrap_or_else(PoisonError::into_inner);
        if before.is_some() {
            return Ok(false);
        }
        let mode = tcgetattr(stdin())?;
        let mut raw = mode.clone();
        raw.make_raw();
        tcsetattr(stdin(), OptionalActions::Now, &raw)?;
        *before = Some(Before { mode, modified_keys: self.modified_keys, title: self.title });
        drop(before);
        Output.write_all(ENTER)?;
        if self.modified_keys {
            Output.write_all(ENTER_MODIFIED_KEYS)?;
        }
        if self.title {
            Output.write_all(title::PUSH)?;
        }
        Ok(true)
    }

    /// Gives the terminal back, until it is taken again.
    pub fn leave(&self) {
        restore_terminal();
    }

    /// Stops the program as Ctrl+Z does with others, and goes on when it is continued. The live area has to be erased
    /// before.
    ///
    /// # Errors
    /// When there is no terminal any more.
    pub fn suspend(&self) -> io::Result<()> {
        self.leave();
        // With those that were started together with this one, as the terminal itself does it.
        kill_current_process_group(Signal::TSTP)?;
        self.enter_again()?;
        Ok(())
    }
}

impl Drop for RawMode {
    fn drop(&mut self) {
        restore_terminal();
    }
}

/// Gives the terminal back, if it is ours: its mode, and what of the screen was not finished.
pub fn restore_terminal() {
    // Not waited for: a panic may come while this is held.
    let Ok(mut before) = BEFORE.try_lock() else { return };
    let Some(Before { mode, modified_keys, title }) = before.take() else { return };
    let mut bytes = restore::bytes();
    if modified_keys {
        bytes.extend_from_slice(LEAVE_MODIFIED_KEYS);
    }
    if title {
        bytes.extend_from_slice(title::POP);
    }
    bytes.extend_from_slice(LEAVE);
    let _ = Output.write_all(&bytes);
    let _ = tcsetattr(stdin(), OptionalActions::Now, &mode);
}
