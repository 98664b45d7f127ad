//! What a terminal can do, as far as its variables say it. Nothing is asked of the terminal itself.

use std::time::Duration;

use codex_config::{Environment, variables};

use crate::{picture::Protocol, text::ColorDepth};

/// What a terminal can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capabilities {
    /// How many colours it shows.
    pub colors: ColorDepth,
    /// Whether it wraps rows anew when it becomes narrower.
    pub reflows: bool,
    /// Whether it knows links (OSC 8), or at least ignores them.
    pub links: bool,
    /// Whether it takes xterm's wish for keys that say what was held.
    pub modified_keys: bool,
    /// How it is given pictures, if it is.
    pub pictures: Option<Protocol>,
    /// How long after a new size another one may already be in force.
    pub settles: Duration,
    /// Whether it is none: no movements, only lines.
    pub is_dumb: bool,
}

/// Terminals that show 24 bits, by the beginning of `TERM`, which do not always say so in `COLORTERM`.
const TRUE_COLORS: &[&str] = &["xterm-kitty", "alacritty", "foot", "xterm-ghostty", "wezterm", "contour"];
/// The same, by `TERM_PROGRAM`.
const TRUE_COLOR_PROGRAMS: &[&str] = &["iTerm.app", "WezTerm", "ghostty", "vscode"];
/// Terminals that cut rows or leave them when they become narrower, by the beginning of `TERM`.
const DO_NOT_REFLOW: &[&str] = &["linux", "st", "screen", "vt1", "vt2", "eterm", "cons"];
/// Terminals that show a link's sequence as text.
const SHOW_LINKS: &[&str] = &["linux", "eterm", "vt1", "vt2", "cons"];

/// A window that is drawn larger and smaller has a new size many times a second.
const SETTLES: Duration = Duration::from_millis(50);
/// tmux says nothing of a new size for a quarter of a second after the last one, but has it.
const SETTLES_IN_TMUX: Duration = Duration::from_millis(400);

impl Capabilities {
    /// Of the terminal that `environment` names.
    pub fn of(environment: &Environment) -> Self {
        let term = environment.get(variables::TERM).unwrap_or("dumb");
        let program = environment.get(variables::TERM_PROGRAM).unwrap_or_default();
        let is_tmux = environment.get_os(variables::TMUX).is_some();
        let is_xterm = environment.get_os(variables::XTERM_VERSION).is_some();
        let is_one_of = |names: &[&str]| names.iter().any(|name| term.starts_with(name));
        Self {
            colors: colors(environment, term, program),
            // tmux calls itself screen, and reflows.
            reflows: is_tmux || !(is_xterm || is_one_of(DO_NOT_REFLOW)),
            links: term != "dumb" && !is_one_of(SHOW_LINKS),
            modified_keys: is_tmux || is_xterm,
            pictures: None,
            settles: if is_tmux { SETTLES_IN_TMUX } else { SETTLES },
            is_dumb: term == "dumb",
        }
    }
}

fn colors(environment: &Environment, term: &str, program: &str) -> ColorDepth {
    if environment.get_os(variables::NO_COLOR).is_some() || term == "dumb" || term.starts_with("vt") {
        return ColorDepth::None;
    }
    let says_true = environment.get(variables::COLORTERM).is_some_and(|it| it == "truecolor" || it == "24bit");
    let is_true = TRUE_COLORS.iter().any(|name| term.starts_with(name)) || term.ends_with("-direct");
    if says_true || is_true || TRUE_COLOR_PROGRAMS.contains(&program) {
        ColorDepth::True
    } else if term.contains("256color") {
        ColorDepth::Indexed
    } else {
        ColorDepth::Ansi
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terminals_are_told_by_their_variables() {
        type Pairs = &'static [(&'static str, &'static str)];
        // Colours, then whether it reflows, links, takes the wish for keys.
        let table: &[(Pairs, ColorDepth, [bool; 3])] = &[
            (&[], ColorDepth::None, [true, false, false]),
            (&[("TERM", "dumb")], ColorDepth::None, [true, false, false]),
            (&[("TERM", "xterm-256color")], ColorDepth::Indexed, [true, true, false]),
            (&[("TERM", "xterm-256color"), ("COLORTERM", "truecolor")], ColorDepth::True, [true, true, false]),
            (&[("TERM", "xterm-256color"), ("NO_COLOR", "1")], ColorDepth::None, [true, true, false]),
            (&[("TERM", "xterm-256color"), ("NO_COLOR", "")], ColorDepth::Indexed, [true, true, false]),
            (&[("TERM", "xterm"), ("XTERM_VERSION", "XTerm(390)")], ColorDepth::Ansi, [false, true, true]),
            (&[("TERM", "screen-256color"), ("TMUX", "/tmp/t,1,0")], ColorDepth::Indexed, [true, true, true]),
            (&[("TERM", "screen")], ColorDepth::Ansi, [false, true, false]),
            (&[("TERM", "linux")], ColorDepth::Ansi, [false, false, false]),
            (&[("TERM", "xterm-kitty")], ColorDepth::True, [true, true, false]),
            (&[("TERM", "xterm-256color"), ("TERM_PROGRAM", "vscode")], ColorDepth::True, [true, true, false]),
            (&[("TERM", "st-256color")], ColorDepth::Indexed, [false, true, false]),
        ];
        for (pairs, colors, flags) in table {
            let terminal = Capabilities::of(&Environment::from_pairs(pairs.iter().copied()));
            let got = [terminal.reflows, terminal.links, terminal.modified_keys];
            assert_eq!((terminal.colors, got), (*colors, *flags), "{pairs:?}");
            assert_eq!(terminal.is_dumb, !pairs.iter().any(|(name, it)| *name == "TERM" && *it != "dumb"), "{pairs:?}");
        }
    }
}
