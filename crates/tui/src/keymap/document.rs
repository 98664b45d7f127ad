//! `docs/keys.md`, made of the table of keys.

use std::fmt::Write as _;

use super::{BINDINGS, Context};

const HEAD: &str = "\
# Keys

Made from the table in `crates/tui/src/keymap/table.rs`; `UPDATE=1 cargo test -p codex-tui keys_in_docs` renews it.

Any of them can be changed in `config.toml`: the name of an action, and a key, a list of keys, or `none`.

    [tui.keymap]
    transcript = \"ctrl+o\"
    newline = [\"shift+enter\", \"alt+enter\"]
    queue = \"tab\"
    suspend = \"none\"

Keys are written as `ctrl+r`, `alt+enter`, `shift+tab`, `f5`, `pageup`, `space`, `A`. An action or a key that there is not is an
error when the screen starts, and so is a key that would do two things in one place. Not every terminal can tell all keys
apart: `shift+enter` needs one that speaks the keyboard protocol of kitty; `ctrl+j` works everywhere.

`tui.vim = true`, or `/vim`, turns the keys of vi on. In insert mode the keys of \"Writing\" work, and `esc` leaves it. Where an
operator waits for a motion, `iw`, `aw`, and `i` or `a` with a quotation mark or a bracket are motions too; a number before a
command repeats it.
";

/// The whole page.
pub fn document() -> String {
    let mut page = HEAD.to_owned();
    for (context, title) in Context::ALL {
        let _ = write!(page, "\n## {title}\n\n| action | keys | what it does |\n|---|---|---|\n");
        for binding in BINDINGS.iter().filter(|binding| binding.context == context) {
            let keys: Vec<String> = binding.keys.iter().map(|key| format!("`{}`", key.replace('|', "\\|"))).collect();
            let _ = writeln!(page, "| `{}` | {} | {} |", binding.name, keys.join(" "), binding.about);
        }
    }
    page
}
