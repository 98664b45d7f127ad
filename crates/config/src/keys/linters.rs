//! The keys of linters, formatters and language servers: what looks at files after the model has changed them.

use super::{Key, Kind, key};

/// The longest that one of them may take, in seconds.
const MOST_SECONDS: i64 = 600;

const COMMAND: &str = "A list of words, of which `{files}` stands for all files, `{file}` for one at a time; or a line for the shell, \
    to which the files are `\"$@\"`";
const FILES: &str = "Patterns of the files that it is for: `*.py` anywhere, `src/**/*.ts` below the workspace";
const ENABLED: &str = "Whether it is used";

/// The keys of a table of `[linters]`.
pub const LINTER: &[Key] = &[
    key("command", Kind::TextOrTexts, COMMAND),
    key("files", Kind::Texts, FILES),
    key("timeout", Kind::Count(1, MOST_SECONDS), "Seconds that it may take; 10 if not set"),
    key(
        "pattern",
        Kind::Text,
        "Regular expression for its lines, with the groups `file`, `line`, `message`, and perhaps `column`, `severity`; \
         without it `file:line:column: message` and the JSON of well-known linters are understood",
    ),
    key("enabled", Kind::Flag, ENABLED),
];

/// The keys of a table of `[formatters]`.
pub const FORMATTER: &[Key] = &[
    key("command", Kind::TextOrTexts, COMMAND),
    key("files", Kind::Texts, FILES),
    key("timeout", Kind::Count(1, MOST_SECONDS), "Seconds that it may take; 10 if not set"),
    key("enabled", Kind::Flag, ENABLED),
];

/// The keys of `[lsp]`.
pub const LSP: &[Key] = &[
    key("enabled", Kind::Flag, "Start the language servers that are on `PATH` once the model edits such files")
        .default("true"),
    key("wait", Kind::Count(0, 120), "Seconds that a server which is ready may take to look at what was edited")
        .default("5"),
    key(
        "servers",
        Kind::Named(LANGUAGE_SERVER),
        "Language servers, by name; single keys of a known one may be set too",
    ),
];

/// The keys of a table of `[lsp.servers]`.
pub const LANGUAGE_SERVER: &[Key] = &[
    key("command", Kind::Texts, "Program and arguments; it speaks over its standard input and output"),
    key("files", Kind::Texts, FILES),
    key("root_markers", Kind::Texts, "Names of files that mark the root of a project that it is started in"),
    key("enabled", Kind::Flag, ENABLED),
];
