//! The table of actions and their keys.

use super::{Binding, Context};

/// What a key does. In another context the same action may have other keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// Send what is written; while a turn runs it is told at once.
    Submit,
    /// Send it after the turn that runs.
    Queue,
    /// Take back the last of what waits, to change it.
    EditQueued,
    /// Stop the turn.
    Interrupt,
    /// Ask the model now, where a turn waits to ask it again; go on with a turn that was cut off.
    Again,
    /// Clear what is written; without it stop the turn; without one leave, when pressed twice.
    ClearOrQuit,
    /// Leave, if nothing is written.
    Quit,
    /// Go to the background; `fg` comes back.
    Suspend,
    /// The whole transcript.
    Transcript,
    /// Write in the editor of `$VISUAL` or `$EDITOR`.
    Editor,
    /// Next mode.
    Mode,
    /// Take the picture of the clipboard.
    PastePicture,
    /// Draw the screen again.
    Redraw,
    /// Keys and commands.
    Help,
    /// A page up.
    PageUp,
    /// A page down.
    PageDown,
    /// Begin a line.
    Newline,
    /// Search what was written before; again: further back.
    HistorySearch,
    /// A row up.
    Up,
    /// A row down.
    Down,
    /// Left.
    Left,
    /// Right.
    Right,
    /// To the beginning of a word.
    WordLeft,
    /// To the end of a word.
    WordRight,
    /// To the beginning of the line.
    LineBegin,
    /// To the end of the line.
    LineEnd,
    /// To the beginning.
    TextBegin,
    /// To the end.
    TextEnd,
    /// Delete the character before the cursor.
    DeleteBack,
    /// Delete the character at or behind the cursor.
    DeleteForward,
    /// Cut to the beginning of the word.
    KillWordBack,
    /// Cut to the end of the word.
    KillWord,
    /// Cut back to a space.
    KillBigWordBack,
    /// Cut to the beginning of the line; there, join it to the one before.
    KillToBegin,
    /// Cut to the end of the line.
    KillToEnd,
    /// Insert what was cut last.
    Yank,
    /// Instead of it what was cut before.
    YankEarlier,
    /// Exchange the characters around the cursor.
    Transpose,
    /// Undo.
    Undo,
    /// Do again what was undone.
    Redo,
    /// To the next word.
    WordNext,
    /// To the next word between spaces.
    BigWordNext,
    /// To the beginning of a word.
    WordBack,
    /// To the beginning of a word between spaces.
    BigWordBack,
    /// To the end of a word.
    WordEnd,
    /// To the end of a word between spaces.
    BigWordEnd,
    /// To the first character of the line that is no space.
    LineFirst,
    /// `gg`: to the first line, or to that of the number.
    Go,
    /// To a character of the line.
    Find,
    /// Back to a character of the line.
    FindBack,
    /// To just before a character of the line.
    Till,
    /// Back to just behind a character of the line.
    TillBack,
    /// The same search again.
    FindAgain,
    /// The same search the other way.
    FindReverse,
    /// Delete what the next motion goes over; `dd`: lines.
    Delete,
    /// Write in place of what the next motion goes over; `cc`: of lines.
    Change,
    /// Copy.
    Copy,
    /// Write in place of the rest of the line.
    ChangeToEnd,
    /// Copy the line.
    CopyLine,
    /// Write in place of the character at the cursor.
    Substitute,
    /// Write in place of the line.
    SubstituteLine,
    /// Put another character in place of the one at the cursor.
    Replace,
    /// Exchange capital and small letters.
    SwapCase,
    /// Join the next line to this one.
    Join,
    /// Insert what was deleted or copied, behind the cursor.
    PutAfter,
    /// Insert it before the cursor.
    PutBefore,
    /// Insert at the cursor.
    Insert,
    /// Insert at the first character of the line that is no space.
    InsertFirst,
    /// Insert behind the cursor.
    Append,
    /// Insert at the end of the line.
    AppendEnd,
    /// Begin a line below; in visual mode, to the other end.
    OpenBelow,
    /// Begin a line above.
    OpenAbove,
    /// Choose text.
    Visual,
    /// Choose lines.
    VisualLine,
    /// Leave what was begun: a mode, a number, an operator.
    Escape,
    /// Up half a page.
    HalfPageUp,
    /// Down half a page.
    HalfPageDown,
    /// Search.
    Search,
    /// To the next one found.
    SearchNext,
    /// To the one found before.
    SearchPrevious,
    /// To the next item.
    NextItem,
    /// To the item before.
    PreviousItem,
    /// Open or close the item.
    Expand,
    /// Leave it.
    Close,
    /// Take what is chosen.
    Accept,
    /// Complete what is written with this one.
    Complete,
    /// Yes.
    Yes,
    /// Yes, and for the rest of the session.
    YesForSession,
    /// Yes, and remember the rule, which is shown first.
    YesAlways,
    /// No.
    No,
    /// No, with a message for the model.
    NoWithMessage,
    /// Mark a part of the change as not wanted.
    Mark,
}

const fn bind(
    context: Context,
    action: Action,
    name: &'static str,
    keys: &'static [&'static str],
    about: &'static str,
) -> Binding {
    Binding { context, action, name, keys, about }
}

/// All, in the order of the documentation.
pub const BINDINGS: &[Binding] = &[
    bind(
        Context::Global,
        Action::Submit,
        "submit",
        &["enter"],
        "Send what is written; while a turn runs it is told at once",
    ),
    bind(Context::Global, Action::Queue, "queue", &["tab", "alt+enter"], "Send it after the turn that runs"),
    bind(
        Context::Global,
        Action::EditQueued,
        "edit-queued",
        &["alt+up"],
        "Take back the last of what waits, to change it",
    ),
    bind(Context::Global, Action::Interrupt, "interrupt", &["esc"], "Stop the turn"),
    bind(
        Context::Global,
        Action::Again,
        "again",
        &["alt+r"],
        "Ask the model now, where a turn waits to ask it again; go on with a turn that was cut off",
    ),
    bind(
        Context::Global,
        Action::ClearOrQuit,
        "clear-or-quit",
        &["ctrl+c"],
        "Clear what is written; without it stop the turn; without one leave, when pressed twice",
    ),
    bind(Context::Global, Action::Quit, "quit", &["ctrl+d"], "Leave, if nothing is written"),
    bind(Context::Global, Action::Suspend, "suspend", &["ctrl+z"], "Go to the background; `fg` comes back"),
    bind(Context::Global, Action::Transcript, "transcript", &["ctrl+t"], "The whole transcript"),
    bind(Context::Global, Action::Editor, "editor", &["ctrl+g"], "Write in the editor of `$VISUAL` or `$EDITOR`"),
    bind(Context::Global, Action::Mode, "mode", &["shift+tab"], "Plan mode, and out of it"),
    bind(Context::Global, Action::PastePicture, "paste-picture", &["ctrl+v"], "Take the picture of the clipboard"),
    bind(Context::Global, Action::Redraw, "redraw", &["ctrl+l"], "Draw the screen again"),
    bind(Context::Global, Action::Help, "help", &["f1"], "Keys and commands"),
    bind(Context::Global, Action::PageUp, "scroll-up", &["pageup"], "Scroll up, on the full screen"),
    bind(Context::Global, Action::PageDown, "scroll-down", &["pagedown"], "Scroll down, on the full screen"),
    bind(Context::Composer, Action::Newline, "newline", &["shift+enter", "ctrl+j"], "Begin a line"),
    bind(
        Context::Composer,
        Action::HistorySearch,
        "history-search",
        &["ctrl+r"],
        "Search what was written before; again: further back",
    ),
    bind(Context::Composer, Action::Up, "up", &["up", "ctrl+p"], "Up a row; in the first row, what was written before"),
    bind(
        Context::Composer,
        Action::Down,
        "down",
        &["down", "ctrl+n"],
        "Down a row; in the last row, what was written after",
    ),
    bind(Context::Composer, Action::Left, "left", &["left", "ctrl+b"], "Left"),
    bind(Context::Composer, Action::Right, "right", &["right", "ctrl+f"], "Right"),
    bind(
        Context::Composer,
        Action::WordLeft,
        "word-left",
        &["alt+b", "alt+left", "ctrl+left"],
        "To the beginning of a word",
    ),
    bind(
        Context::Composer,
        Action::WordRight,
        "word-right",
        &["alt+f", "alt+right", "ctrl+right"],
        "To the end of a word",
    ),
    bind(Context::Composer, Action::LineBegin, "line-begin", &["ctrl+a", "home"], "To the beginning of the line"),
    bind(Context::Composer, Action::LineEnd, "line-end", &["ctrl+e", "end"], "To the end of the line"),
    bind(Context::Composer, Action::TextBegin, "text-begin", &["alt+<", "ctrl+home"], "To the beginning of the text"),
    bind(Context::Composer, Action::TextEnd, "text-end", &["alt+>", "ctrl+end"], "To the end of the text"),
    bind(
        Context::Composer,
        Action::DeleteBack,
        "delete-back",
        &["backspace", "shift+backspace", "ctrl+h"],
        "Delete the character before the cursor",
    ),
    bind(
        Context::Composer,
        Action::DeleteForward,
        "delete-forward",
        &["delete", "ctrl+d"],
        "Delete the character behind the cursor",
    ),
    bind(
        Context::Composer,
        Action::KillWordBack,
        "kill-word-back",
        &["alt+backspace", "ctrl+backspace"],
        "Cut to the beginning of the word",
    ),
    bind(
        Context::Composer,
        Action::KillWord,
        "kill-word",
        &["alt+d", "alt+delete", "ctrl+delete"],
        "Cut to the end of the word",
    ),
    bind(Context::Composer, Action::KillBigWordBack, "kill-to-space", &["ctrl+w"], "Cut back to a space"),
    bind(
        Context::Composer,
        Action::KillToBegin,
        "kill-to-begin",
        &["ctrl+u"],
        "Cut to the beginning of the line; there, join it to the one before",
    ),
    bind(
        Context::Composer,
        Action::KillToEnd,
        "kill-to-end",
        &["ctrl+k"],
        "Cut to the end of the line; there, join the next one to it",
    ),
    bind(Context::Composer, Action::Yank, "yank", &["ctrl+y"], "Insert what was cut last"),
    bind(Context::Composer, Action::YankEarlier, "yank-earlier", &["alt+y"], "Instead of it what was cut before"),
    bind(Context::Composer, Action::Transpose, "transpose", &["alt+t"], "Exchange the characters around the cursor"),
    bind(
        Context::Composer,
        Action::Undo,
        "undo",
        &["ctrl+_", "ctrl+/", "ctrl+7", "ctrl+shift+_", "ctrl+shift+-"],
        "Undo",
    ),
    bind(
        Context::Composer,
        Action::Redo,
        "redo",
        &["alt+_", "ctrl+alt+_", "ctrl+alt+7", "ctrl+shift+z"],
        "Do again what was undone",
    ),
    bind(Context::VimNormal, Action::Left, "vim-left", &["h", "left", "backspace", "ctrl+h"], "Left"),
    bind(Context::VimNormal, Action::Right, "vim-right", &["l", "right", "space"], "Right"),
    bind(
        Context::VimNormal,
        Action::Up,
        "vim-up",
        &["k", "up", "ctrl+p"],
        "Up a row; in the first row, what was written before",
    ),
    bind(
        Context::VimNormal,
        Action::Down,
        "vim-down",
        &["j", "down", "ctrl+n"],
        "Down a row; in the last row, what was written after",
    ),
    bind(Context::VimNormal, Action::WordNext, "vim-word", &["w", "ctrl+right"], "To the next word"),
    bind(Context::VimNormal, Action::BigWordNext, "vim-big-word", &["W"], "To the next word between spaces"),
    bind(Context::VimNormal, Action::WordBack, "vim-back", &["b", "ctrl+left"], "To the beginning of a word"),
    bind(Context::VimNormal, Action::BigWordBack, "vim-big-back", &["B"], "To the beginning of a word between spaces"),
    bind(Context::VimNormal, Action::WordEnd, "vim-end", &["e"], "To the end of a word"),
    bind(Context::VimNormal, Action::BigWordEnd, "vim-big-end", &["E"], "To the end of a word between spaces"),
    bind(Context::VimNormal, Action::LineBegin, "vim-line-begin", &["0", "home"], "To the beginning of the line"),
    bind(
        Context::VimNormal,
        Action::LineFirst,
        "vim-line-first",
        &["^"],
        "To the first character of the line that is no space",
    ),
    bind(Context::VimNormal, Action::LineEnd, "vim-line-end", &["$", "end"], "To the end of the line"),
    bind(Context::VimNormal, Action::Go, "vim-go", &["g"], "`gg`: to the first line, or to that of the number"),
    bind(Context::VimNormal, Action::TextEnd, "vim-last-line", &["G"], "To the last line, or to that of the number"),
    bind(Context::VimNormal, Action::Find, "vim-find", &["f"], "To a character of the line"),
    bind(Context::VimNormal, Action::FindBack, "vim-find-back", &["F"], "Back to a character of the line"),
    bind(Context::VimNormal, Action::Till, "vim-till", &["t"], "To just before a character of the line"),
    bind(Context::VimNormal, Action::TillBack, "vim-till-back", &["T"], "Back to just behind a character of the line"),
    bind(Context::VimNormal, Action::FindAgain, "vim-find-again", &[";"], "The same search again"),
    bind(Context::VimNormal, Action::FindReverse, "vim-find-reverse", &[","], "The same search the other way"),
    bind(
        Context::VimNormal,
        Action::Delete,
        "vim-delete",
        &["d"],
        "Delete what the next motion goes over; `dd`: lines",
    ),
    bind(
        Context::VimNormal,
        Action::Change,
        "vim-change",
        &["c"],
        "Write in place of what the next motion goes over; `cc`: of lines",
    ),
    bind(Context::VimNormal, Action::Copy, "vim-copy", &["y"], "Copy what the next motion goes over; `yy`: lines"),
    bind(
        Context::VimNormal,
        Action::DeleteForward,
        "vim-delete-character",
        &["x", "delete"],
        "Delete the character at the cursor",
    ),
    bind(Context::VimNormal, Action::DeleteBack, "vim-delete-before", &["X"], "Delete the character before the cursor"),
    bind(Context::VimNormal, Action::KillToEnd, "vim-delete-to-end", &["D"], "Delete to the end of the line"),
    bind(
        Context::VimNormal,
        Action::ChangeToEnd,
        "vim-change-to-end",
        &["C"],
        "Write in place of the rest of the line",
    ),
    bind(Context::VimNormal, Action::CopyLine, "vim-copy-line", &["Y"], "Copy the line"),
    bind(
        Context::VimNormal,
        Action::Substitute,
        "vim-substitute",
        &["s"],
        "Write in place of the character at the cursor",
    ),
    bind(Context::VimNormal, Action::SubstituteLine, "vim-substitute-line", &["S"], "Write in place of the line"),
    bind(
        Context::VimNormal,
        Action::Replace,
        "vim-replace",
        &["r"],
        "Put another character in place of the one at the cursor",
    ),
    bind(Context::VimNormal, Action::SwapCase, "vim-case", &["~"], "Exchange capital and small letters"),
    bind(Context::VimNormal, Action::Join, "vim-join", &["J"], "Join the next line to this one"),
    bind(
        Context::VimNormal,
        Action::PutAfter,
        "vim-put",
        &["p"],
        "Insert what was deleted or copied, behind the cursor",
    ),
    bind(Context::VimNormal, Action::PutBefore, "vim-put-before", &["P"], "Insert it before the cursor"),
    bind(Context::VimNormal, Action::Undo, "vim-undo", &["u"], "Undo"),
    bind(Context::VimNormal, Action::Redo, "vim-redo", &["ctrl+r"], "Do again what was undone"),
    bind(Context::VimNormal, Action::Insert, "vim-insert", &["i", "insert"], "Insert at the cursor"),
    bind(
        Context::VimNormal,
        Action::InsertFirst,
        "vim-insert-first",
        &["I"],
        "Insert at the first character of the line that is no space",
    ),
    bind(Context::VimNormal, Action::Append, "vim-append", &["a"], "Insert behind the cursor"),
    bind(Context::VimNormal, Action::AppendEnd, "vim-append-end", &["A"], "Insert at the end of the line"),
    bind(
        Context::VimNormal,
        Action::OpenBelow,
        "vim-open-below",
        &["o"],
        "Begin a line below; in visual mode, to the other end",
    ),
    bind(Context::VimNormal, Action::OpenAbove, "vim-open-above", &["O"], "Begin a line above"),
    bind(Context::VimNormal, Action::HistorySearch, "vim-search", &["/"], "Search what was written before"),
    bind(Context::VimNormal, Action::Visual, "vim-visual", &["v"], "Choose text"),
    bind(Context::VimNormal, Action::VisualLine, "vim-visual-line", &["V"], "Choose lines"),
    bind(
        Context::VimNormal,
        Action::Escape,
        "vim-escape",
        &["esc", "ctrl+["],
        "Leave what was begun: a mode, a number, an operator",
    ),
    bind(Context::Pager, Action::Up, "pager-up", &["up", "k", "ctrl+p"], "Up a row"),
    bind(Context::Pager, Action::Down, "pager-down", &["down", "j", "ctrl+n"], "Down a row"),
    bind(Context::Pager, Action::PageUp, "pager-page-up", &["pageup", "b", "ctrl+b"], "Up a page"),
    bind(Context::Pager, Action::PageDown, "pager-page-down", &["pagedown", "space", "ctrl+f"], "Down a page"),
    bind(Context::Pager, Action::HalfPageUp, "pager-half-up", &["u", "ctrl+u"], "Up half a page"),
    bind(Context::Pager, Action::HalfPageDown, "pager-half-down", &["d", "ctrl+d"], "Down half a page"),
    bind(Context::Pager, Action::TextBegin, "pager-top", &["g", "home"], "To the top"),
    bind(Context::Pager, Action::TextEnd, "pager-bottom", &["G", "end"], "To the bottom"),
    bind(Context::Pager, Action::Search, "pager-search", &["/"], "Search"),
    bind(Context::Pager, Action::SearchNext, "pager-next", &["n"], "To the next one found"),
    bind(Context::Pager, Action::SearchPrevious, "pager-previous", &["N"], "To the one found before"),
    bind(Context::Pager, Action::NextItem, "pager-next-item", &["tab"], "To the next item"),
    bind(Context::Pager, Action::PreviousItem, "pager-previous-item", &["shift+tab"], "To the item before"),
    bind(Context::Pager, Action::Expand, "pager-expand", &["enter"], "Open or close the item"),
    bind(Context::Pager, Action::Copy, "pager-copy", &["y"], "Copy the item"),
    bind(Context::Pager, Action::Close, "pager-close", &["esc", "q", "ctrl+c", "ctrl+t"], "Close"),
    bind(Context::Picker, Action::Up, "list-up", &["up", "ctrl+p"], "Up"),
    bind(Context::Picker, Action::Down, "list-down", &["down", "ctrl+n"], "Down"),
    bind(Context::Picker, Action::PageUp, "list-page-up", &["pageup"], "Up a page"),
    bind(Context::Picker, Action::PageDown, "list-page-down", &["pagedown"], "Down a page"),
    bind(Context::Picker, Action::TextBegin, "list-first", &["home"], "To the first"),
    bind(Context::Picker, Action::TextEnd, "list-last", &["end"], "To the last"),
    bind(Context::Picker, Action::Accept, "list-accept", &["enter"], "Take this one"),
    bind(Context::Picker, Action::Complete, "list-complete", &["tab"], "Complete what is written with this one"),
    bind(Context::Picker, Action::Close, "list-close", &["esc", "ctrl+c"], "Close"),
    bind(Context::Approval, Action::Yes, "answer-yes", &["y"], "Yes"),
    bind(Context::Approval, Action::YesForSession, "answer-session", &["s"], "Yes, and for the rest of the session"),
    bind(
        Context::Approval,
        Action::YesAlways,
        "answer-always",
        &["a"],
        "Yes, and remember the rule, which is shown first",
    ),
    bind(Context::Approval, Action::No, "answer-no", &["n"], "No"),
    bind(Context::Approval, Action::NoWithMessage, "answer-message", &["m", "tab"], "No, with a message for the model"),
    bind(Context::Approval, Action::Close, "answer-stop", &["esc", "ctrl+c"], "No, and stop the turn"),
    bind(Context::Approval, Action::Mark, "answer-mark", &["space"], "Mark a part of the change as not wanted"),
    bind(Context::Approval, Action::Up, "answer-up", &["up", "k"], "Up"),
    bind(Context::Approval, Action::Down, "answer-down", &["down", "j"], "Down"),
    bind(Context::Approval, Action::PageUp, "answer-page-up", &["pageup"], "Up a page"),
    bind(Context::Approval, Action::PageDown, "answer-page-down", &["pagedown"], "Down a page"),
    bind(Context::Approval, Action::Left, "answer-less", &["left", "h"], "A shorter rule"),
    bind(Context::Approval, Action::Right, "answer-more", &["right", "l"], "A longer rule"),
    bind(Context::Approval, Action::Accept, "answer-accept", &["enter"], "Take the answer that is chosen"),
];
