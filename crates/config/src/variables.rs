//! The table of all environment variables that this program reads. `docs/environment.md` is written from it.
//!
//! [`Environment`](crate::Environment) takes no names but these: a variable that is not in the table cannot be read.
//! Names that the settings give (`api_key_env` and its like) are the exception, and are asked for by a call of their own.

/// An environment variable. Only this file makes one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Variable {
    name: &'static str,
    about: &'static str,
    sets: Option<&'static str>,
}

impl Variable {
    /// Its name; case counts.
    pub const fn name(self) -> &'static str {
        self.name
    }

    /// What it does: one sentence for people, without a full stop.
    pub const fn about(self) -> &'static str {
        self.about
    }

    /// The key of the settings that it sets, by its canonical name.
    pub const fn sets(self) -> Option<&'static str> {
        self.sets
    }
}

const fn variable(name: &'static str, about: &'static str) -> Variable {
    Variable { name, about, sets: None }
}

const fn setting(name: &'static str, sets: &'static str, about: &'static str) -> Variable {
    Variable { name, about, sets: Some(sets) }
}

/// Declares each variable, and the table of them: none is left out of it.
macro_rules! table {
    ($($constant:ident = $variable:expr;)*) => {
        $(
            #[doc = concat!("`$", stringify!($constant), "`.")]
            pub const $constant: Variable = $variable;
        )*
        /// All variables that this program reads itself, in the order of the documentation.
        pub const VARIABLES: &[Variable] = &[$($constant),*];
    };
}

table! {
    CODEX_HOME = variable("CODEX_HOME", "Directory of your settings and sessions, instead of `~/.codex`; an absolute path");
    CODEX_API_KEY = variable("CODEX_API_KEY", "API key of the provider `openai`; outranks the variable of `api_key_env`");
    CODEX_MODEL = setting("CODEX_MODEL", "model", "Model to use, as `--model` says it");
    CODEX_PROFILE =
        variable("CODEX_PROFILE", "Group of settings to use, as `--profile` names it; outranks `default_profile`");
    OPENAI_BASE_URL = setting("OPENAI_BASE_URL", "openai_base_url", "Address of the provider `openai`");
    CODEX_REMOTE_TOKEN = variable("CODEX_REMOTE_TOKEN", "Token of the server that `--remote` names");
    CODEX_INTERNAL_ORIGINATOR_OVERRIDE = variable(
        "CODEX_INTERNAL_ORIGINATOR_OVERRIDE",
        "Name that requests to providers carry, set by programs that start this one",
    );
    HOME = variable("HOME", "Your home directory: what `~/` means in settings, and where `.codex` lies");
    PATH = variable("PATH", "Where programs are looked for; git only where commands cannot write");
    VISUAL = variable("VISUAL", "Editor to open files in");
    EDITOR = variable("EDITOR", "Editor to open files in, where `VISUAL` names none");
    DBUS_SESSION_BUS_ADDRESS = variable("DBUS_SESSION_BUS_ADDRESS", "Where the keyring is reached, if `codex login` keeps a key there");
    LC_ALL = variable("LC_ALL", LOCALE);
    LC_CTYPE = variable("LC_CTYPE", LOCALE);
    LANG = variable("LANG", LOCALE);
    COLORTERM = variable("COLORTERM", "How many colours the terminal has");
    NO_COLOR = variable("NO_COLOR", "If it is set and not empty: no colours, unless `--color` asks for them");
    TERM = variable("TERM", "If it is `dumb`: no colours, unless `--color` asks for them");
    TERM_PROGRAM = variable("TERM_PROGRAM", TERMINAL);
    TMUX = variable("TMUX", TERMINAL);
    KITTY_WINDOW_ID = variable("KITTY_WINDOW_ID", "Whether the terminal is kitty, which shows pictures");
    XTERM_VERSION = variable("XTERM_VERSION", TERMINAL);
    WAYLAND_DISPLAY = variable("WAYLAND_DISPLAY", CLIPBOARD);
    DISPLAY = variable("DISPLAY", CLIPBOARD);
    XAUTHORITY = variable("XAUTHORITY", CLIPBOARD);
    XDG_RUNTIME_DIR = variable("XDG_RUNTIME_DIR", "Where `codex demo` makes its project, and `codex config edit` its copy");
    TMPDIR = variable("TMPDIR", "The same, if `XDG_RUNTIME_DIR` names no directory");
    XDG_CONFIG_HOME = variable("XDG_CONFIG_HOME", "Where git has its list of ignored files; hidden paths are added to it");
    OLLAMA_HOST = variable("OLLAMA_HOST", "Where `oss` finds Ollama, unless the settings say it: a host, a host and a port, or a URL");
    HTTPS_PROXY = variable("HTTPS_PROXY", "Proxy of requests to `https` addresses, if `https_proxy` names none");
    HTTP_PROXY = variable("HTTP_PROXY", "Proxy of requests to `http` addresses, if `http_proxy` names none");
    ALL_PROXY = variable("ALL_PROXY", "Proxy of requests, where none of the others names one");
    NO_PROXY = variable("NO_PROXY", "Hosts that are asked without a proxy, if `no_proxy` names none");
    HTTPS_PROXY_LOWER = variable("https_proxy", "Proxy of requests to `https` addresses");
    HTTP_PROXY_LOWER = variable("http_proxy", "Proxy of requests to `http` addresses");
    ALL_PROXY_LOWER = variable("all_proxy", "Proxy of requests, where `https_proxy` and `http_proxy` name none");
    NO_PROXY_LOWER = variable(
        "no_proxy",
        "Hosts that are asked without a proxy: names, which stand for what is below them too, and networks, with commas \
         between them, or `*`. This machine itself is always asked without one",
    );
    XDG_CACHE_HOME = variable("XDG_CACHE_HOME", "Caches in general; commands write to a copy");
    BUN_INSTALL = variable("BUN_INSTALL", "Where Bun keeps its cache; commands write to a copy");
    CARGO_HOME = variable("CARGO_HOME", "Where Cargo keeps its registry; commands write to a copy");
    RUSTUP_HOME = variable("RUSTUP_HOME", "Where rustup keeps toolchains; a language server of one is looked for there");
    GOPATH = variable("GOPATH", "Where Go keeps its modules; commands write to a copy");
    NPM_CONFIG_CACHE = variable("npm_config_cache", "Where npm keeps its cache; commands write to a copy");
    NUGET_PACKAGES = variable("NUGET_PACKAGES", "Where NuGet keeps its packages; commands write to a copy");
    PNPM_HOME = variable("PNPM_HOME", "Where pnpm keeps its store; commands write to a copy");
    PUB_CACHE = variable("PUB_CACHE", "Where Dart keeps its packages; commands write to a copy");
}

/// What the names of the locale are read for.
const LOCALE: &str = "Whether the terminal takes UTF-8, for `codex doctor`";
/// What the names of terminals are read for.
const CLIPBOARD: &str = "Where the clipboard is, out of which Ctrl+V takes a picture";
const TERMINAL: &str = "Which terminal it is: its colours, and what becomes of its rows at another width";
/// Variables that a library reads, each with the part of this program that it is for.
pub const READ_BY_LIBRARIES: &[Variable] = &[
    variable("SSL_CERT_FILE", "Root certificates for `https`, in place of the system's"),
    variable("SSL_CERT_DIR", "Directories of root certificates for `https`, in place of the system's"),
    variable("NO_COLOR", "No colours in the text of `--help` and in errors about flags"),
    variable("CLICOLOR", "If it is `0`: the same"),
    variable("CLICOLOR_FORCE", "If it is set and not `0`: colours there, terminal or not"),
    variable("TERM", "Whether the terminal has colours for them; not if it is unset or `dumb`"),
    variable("CI", "If it is set: colours there, whatever `TERM` says"),
    variable("COLUMNS", "Width of the text of `--help`, if it is not written to a terminal"),
    variable("LINES", "Read with `COLUMNS`, and not used"),
    variable("RUST_BACKTRACE", "Whether the message of a crash says how it came to it"),
    variable("RUST_LIB_BACKTRACE", "The same for errors within libraries"),
    variable("RUST_MIN_STACK", "Size of the stacks of further threads, in bytes"),
    variable("TOKIO_UNSTABLE_SHARDED_BLOCKING_QUEUE", "How the runtime hands work to further threads"),
];

/// The variable of a name; `None` if this program does not read it.
pub fn find(name: &str) -> Option<Variable> {
    VARIABLES.iter().find(|variable| variable.name == name).copied()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::keys::KEYS;

    #[test]
    fn the_table_is_sound() {
        for table in [VARIABLES, READ_BY_LIBRARIES] {
            let names: BTreeSet<_> = table.iter().map(|variable| variable.name).collect();
            assert_eq!(names.len(), table.len(), "a variable is there twice");
            for Variable { name, about, sets } in table {
                assert!(!about.is_empty() && !about.ends_with('.') && !about.contains(['|', '\n']), "{name}");
                assert!(sets.is_none_or(|key| KEYS.iter().any(|it| it.name == key)), "{name} sets no key");
            }
        }
        assert_eq!(find("HOME"), Some(HOME));
        assert_eq!(find(""), None);
    }
}
