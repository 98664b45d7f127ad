//! The program in a shell, in a terminal of tmux's.

use std::ops::Deref;

use crate::support::Place;

/// A terminal with a shell in it.
pub struct Tmux(codex_testkit::tmux::Tmux);

impl Tmux {
    /// A shell in the workspace, in a terminal of `columns` and `rows`.
    pub fn start(place: &Place, columns: usize, rows: usize) -> Self {
        let codex = place.codex(&[]);
        let mut variables = String::from("PATH=/usr/local/bin:/usr/bin:/bin");
        for (name, value) in codex.get_envs().filter_map(|(name, value)| Some((name, value?))) {
            variables += &format!(" {}='{}'", name.display(), value.display());
        }
        variables += &format!(" CODEX='{}'", codex.get_program().display());
        Self(codex_testkit::tmux::Tmux::start(&place.workspace, &variables, (columns, rows)))
    }

    /// Starts the program in the shell, with these `arguments`, which need no quotes.
    pub fn codex(&self, arguments: &str) {
        self.enter(&format!("\"$CODEX\" {arguments}"));
    }
}

impl Deref for Tmux {
    type Target = codex_testkit::tmux::Tmux;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}
