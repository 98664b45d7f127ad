//! A small program that uses the screen as the real one does, for tests in real terminals and to look at.
//!
//! What is typed is shown in the live area; Enter prints it above. Ctrl+P prints twenty rows, Ctrl+O and Ctrl+K make the
//! live area higher and lower, Ctrl+W makes its first row wide, Ctrl+E shows what came in, Ctrl+L wipes, Ctrl+Z stops,
//! Ctrl+X panics, Ctrl+B asks for the background, Ctrl+D ends. With `full` in the alternate buffer.

use std::{
    io,
    time::{Duration, Instant},
};

use codex_config::Environment;
use codex_tui::key::{KeyCode, KeyModifiers};
use codex_tui::{
    screen::{Capabilities, Input, Output, RawMode, Screen, inputs, size},
    text::{Live, Row, Size, Style},
};
use futures_util::StreamExt;

struct State {
    typed: String,
    printed: usize,
    extra: usize,
    is_wide: bool,
    /// What came in last, if it is shown.
    came: Option<String>,
}

impl State {
    fn live(&self, size: Size) -> Live {
        let Size { columns, rows } = size;
        let status = format!("status: 日本 {columns}x{rows}, printed {}", self.printed);
        let mut rows = vec![Row::new(&status, Style::plain().dim())];
        if self.is_wide {
            rows.push(Row::plain(&"w".repeat(columns)));
        }
        rows.extend((1..=self.extra).map(|number| Row::plain(&format!("live row {number}"))));
        rows.extend(self.came.iter().map(|came| Row::plain(&format!("came: {came}"))));
        rows.push(Row::plain(&format!("> {}", self.typed)));
        let cursor = Some((rows.len() - 1, rows.last().map_or(0, Row::width)));
        Live { rows, cursor }
    }

    fn print(&mut self, count: usize) -> Vec<Row> {
        let first = self.printed + 1;
        self.printed += count;
        (first..=self.printed).map(|number| Row::plain(&format!("printed row {number} of the transcript"))).collect()
    }

    /// Takes a key; `false` ends.
    fn key(&mut self, code: KeyCode, modifiers: KeyModifiers, terminal: &mut Terminal) -> io::Result<bool> {
        let letter = match code {
            KeyCode::Char(c) if modifiers.contains(KeyModifiers::CONTROL) => c,
            KeyCode::Char(c) if modifiers.is_empty() => {
                self.typed.push(c);
                return Ok(true);
            }
            KeyCode::Enter => {
                terminal.screen.print(vec![Row::plain(&std::mem::take(&mut self.typed))]);
                return Ok(true);
            }
            _ => return Ok(true),
        };
        match letter {
            'p' => terminal.screen.print(self.print(20)),
            'o' => self.extra += 1,
            'k' => self.extra = self.extra.saturating_sub(1),
            'w' => self.is_wide = !self.is_wide,
            'e' => self.came = Some(String::new()),
            'l' => terminal.screen.clear(),
            'b' => terminal.screen.ask_background(),
            'x' => panic!("as it was asked for"),
            'z' => {
                terminal.screen.finish(&[])?;
                terminal.raw.suspend()?;
                terminal.screen.resize(size());
            }
            'd' => return Ok(false),
            _ => {}
        }
        Ok(true)
    }
}

struct Terminal {
    screen: Screen<Output>,
    raw: RawMode,
}

async fn run(is_full: bool) -> io::Result<()> {
    let capabilities = Capabilities::of(&Environment::from_process());
    let raw = RawMode::enter(capabilities, false)?;
    let screen =
        if is_full { Screen::full(Output, size(), capabilities) } else { Screen::inline(Output, size(), capabilities) };
    let mut terminal = Terminal { screen, raw };
    let mut state = State { typed: String::new(), printed: 0, extra: 1, is_wide: false, came: None };
    let mut inputs = inputs();
    loop {
        let live = state.live(terminal.screen.size());
        terminal.screen.frame(&live, size())?;
        let settles_at = terminal.screen.settles_at();
        let until = settles_at.unwrap_or_else(|| Instant::now() + Duration::from_secs(3600));
        let input = tokio::select! {
            input = inputs.next() => input.unwrap_or(Input::Gone),
            () = tokio::time::sleep_until(until.into()) => continue,
        };
        if let Some(came) = &mut state.came {
            *came = format!("{input:?}");
        }
        match input {
            Input::Key(key) if !state.key(key.code, key.modifiers, &mut terminal)? => break,
            Input::Resize(size) => terminal.screen.resize(size),
            Input::Gone => break,
            _ => {}
        }
    }
    terminal.screen.finish(&[Row::plain("the end")])
}

fn main() -> io::Result<()> {
    let is_full = std::env::args().nth(1).is_some_and(|argument| argument == "full");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(run(is_full))
}
