//! What the person looks at: a terminal that is drawn on, or lines of text for one that cannot be, and for screen readers.

use std::{
    io::{self, Write},
    pin::Pin,
    time::Instant,
};

use futures_util::{Stream, StreamExt, stream};
use tokio::sync::mpsc;

use crate::{
    app::{App, AppEvent},
    screen::{Input, Output, RawMode, Screen},
    text::Row,
    title,
};

/// What happens at the terminal.
pub type Inputs = Pin<Box<dyn Stream<Item = AppEvent>>>;

/// What the person looks at.
pub enum Face {
    /// A terminal that is drawn on.
    Drawn {
        /// Writes to it.
        screen: Box<Screen<Output>>,
        /// Its mode, given back at the end.
        raw: RawMode,
        /// What its title says, if that is ours; empty while it does not say it.
        title: Option<String>,
    },
    /// Lines.
    Lines {
        /// The overlay that was written last, as it was.
        shown: Vec<Row>,
        /// Whether a line is being waited for, and that has been said.
        prompted: bool,
    },
}

impl Face {
    /// What happens at it.
    pub fn inputs(&self) -> Inputs {
        match self {
            Self::Drawn { .. } => Box::pin(crate::screen::inputs().map(AppEvent::Input)),
            Self::Lines { .. } => Box::pin(lines()),
        }
    }

    /// Shows what is finished and what is going on. Whether there is more to be shown right away.
    ///
    /// # Errors
    /// When the terminal cannot be written to.
    pub fn show(&mut self, app: &mut App) -> io::Result<bool> {
        match self {
            Self::Drawn { screen, .. } => {
                // It may have another size already, and the signal be still on its way. What that has left in the
                // scrollback was there before what is finished by now.
                if crate::screen::size() != screen.size() {
                    self.resize(app);
                }
                let Self::Drawn { screen, title, .. } = self else { return Ok(false) };
                // Behind a page nothing is printed; what waits takes less room before it is rows.
                let finished = if app.is_page() { Vec::new() } else { app.finished() };
                screen.print(finished);
                if let Some(shown) = title {
                    let wanted = title::of(app);
                    if *shown != wanted {
                        screen.send(&title::sequence(&wanted));
                        *shown = wanted;
                    }
                }
                screen.page(app.is_page());
                let live = app.live(Instant::now());
                screen.frame(&live, crate::screen::size())?;
                // Rows take a while to make, and a write as long as the terminal takes to read it.
                if crate::screen::size() != screen.size() {
                    self.resize(app);
                }
                Ok(app.is_behind() && !app.is_page())
            }
            Self::Lines { shown, prompted } => {
                let mut text: String = app.finished().iter().map(|row| row.text() + "\n").collect();
                let (overlay, is_read) = app.overlay_rows();
                if overlay != *shown {
                    text.extend(overlay.iter().map(|row| row.text() + "\n"));
                    *shown = if is_read { Vec::new() } else { overlay };
                    *prompted = false;
                }
                *prompted &= text.is_empty();
                if !*prompted && !app.is_behind() && app.waits_for_a_line() {
                    text += "> ";
                    *prompted = true;
                }
                let mut out = io::stdout();
                out.write_all(text.as_bytes())?;
                out.flush()?;
                Ok(app.is_behind())
            }
        }
    }

    /// When it has to be shown again, because nothing was drawn.
    pub fn settles_at(&self) -> Option<Instant> {
        match self {
            Self::Drawn { screen, .. } => screen.settles_at(),
            Self::Lines { .. } => None,
        }
    }

    /// The terminal has another size, of which `app` has not been told.
    pub fn resize(&mut self, app: &mut App) {
        let Self::Drawn { screen, .. } = self else { return };
        screen.resize(crate::screen::size());
        // What a lower screen has pushed out stays where it is, and so it is finished.
        let left = screen.left_behind();
        screen.print(app.left_behind(left));
    }

    /// Asks which background it has.
    pub fn ask_background(&mut self) {
        if let Self::Drawn { screen, .. } = self {
            screen.ask_background();
        }
    }

    /// It has answered.
    pub fn answered(&mut self) {
        if let Self::Drawn { screen, .. } = self {
            screen.answered();
        }
    }

    /// Whether an answer of it is on its way.
    pub fn is_asked(&self) -> bool {
        matches!(self, Self::Drawn { screen, .. } if screen.is_asked())
    }

    /// Sends a sequence to it.
    pub fn send(&mut self, bytes: &[u8]) {
        if let Self::Drawn { screen, .. } = self {
            screen.send(bytes);
        }
    }

    /// Clears what is visible.
    pub fn clear(&mut self) {
        if let Self::Drawn { screen, .. } = self {
            screen.clear();
        }
    }

    /// Runs `work` while the terminal is as it was before.
    ///
    /// # Errors
    /// When the terminal cannot be given back or taken again.
    pub fn lend<T>(&mut self, work: impl FnOnce() -> T) -> io::Result<T> {
        let Self::Drawn { screen, raw, title } = self else { return Ok(work()) };
        forget(title);
        screen.finish(&[])?;
        raw.leave();
        let done = work();
        raw.enter_again()?;
        screen.resize(crate::screen::size());
        Ok(done)
    }

    /// Gives the terminal to the shell until it is brought to the foreground.
    ///
    /// # Errors
    /// As [`Self::lend`].
    pub fn suspend(&mut self) -> io::Result<()> {
        let Self::Drawn { screen, raw, title } = self else { return Ok(()) };
        forget(title);
        screen.finish(&[])?;
        raw.suspend()?;
        screen.resize(crate::screen::size());
        Ok(())
    }

    /// Writes the rest of what is finished, and takes away what is not.
    ///
    /// # Errors
    /// When the terminal cannot be written to.
    pub fn leave(&mut self, app: &mut App) -> io::Result<()> {
        let mut rest = app.finished();
        while app.is_behind() {
            rest.extend(app.finished());
        }
        match self {
            Self::Drawn { screen, .. } => {
                screen.print(rest);
                if app.feed.has_begun() {
                    // What the shell says next stands apart.
                    screen.print(vec![Row::empty()]);
                }
                screen.finish(&app.last_rows())
            }
            Self::Lines { prompted, .. } => {
                // The line that was waited for is left unfinished.
                let begin = if *prompted { "\n" } else { "" };
                let text: String =
                    std::iter::once(begin.to_owned()).chain(rest.iter().map(|row| row.text() + "\n")).collect();
                io::stdout().write_all(text.as_bytes())
            }
        }
    }
}

impl Face {
    /// Gives the terminal back for good.
    pub fn give_back(&self) {
        if let Self::Drawn { raw, .. } = self {
            raw.leave();
        }
    }
}

/// Whoever has the terminal meanwhile has its title too.
fn forget(title: &mut Option<String>) {
    if let Some(shown) = title {
        shown.clear();
    }
}

/// Lines that are typed, and the end of them.
fn lines() -> impl Stream<Item = AppEvent> {
    let (sender, receiver) = mpsc::unbounded_channel();
    // A thread of its own: reading a line cannot be given up.
    std::thread::spawn(move || {
        for line in io::stdin().lines() {
            let Ok(line) = line else { break };
            if sender.send(AppEvent::Line(line)).is_err() {
                return;
            }
        }
        let _ = sender.send(AppEvent::Input(Input::Gone));
    });
    stream::unfold(receiver, async |mut receiver| receiver.recv().await.map(|event| (event, receiver)))
}
