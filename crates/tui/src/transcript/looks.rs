//! Commands and calls that only looked at something, in one quiet line for many.
//!
//! It must never take a command for a look that may do more: what is not plainly one of the table is not one, and what
//! failed is never one.

use codex_protocol::{CommandExecutionSource, CommandExecutionStatus, DynamicToolCallStatus, ThreadItem};
use serde_json::Value;

use crate::{
    look::Look,
    text::{Row, wrap},
    theme::Role,
};

/// What was done to what was looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Read,
    Listed,
    Searched,
    Git,
    /// Nothing to tell of: it only shapes what another shows.
    Shapes,
}

/// One look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Glance {
    kind: Kind,
    what: String,
}

/// Most names of one kind on the line.
const NAMES: usize = 6;

/// Most characters of a name.
const NAME: usize = 48;

/// Programs that only look, with the beginnings of options with which they do more.
const PROGRAMS: &[(&str, Kind, &[&str])] = &[
    ("cat", Kind::Read, &[]),
    ("cd", Kind::Shapes, &[]),
    ("cut", Kind::Shapes, &[]),
    ("egrep", Kind::Searched, &[]),
    ("fgrep", Kind::Searched, &[]),
    ("find", Kind::Listed, &["-exec", "-ok", "-delete", "-fprint", "-fls"]),
    ("grep", Kind::Searched, &[]),
    ("head", Kind::Read, &[]),
    ("ls", Kind::Listed, &[]),
    ("nl", Kind::Read, &[]),
    ("pwd", Kind::Shapes, &[]),
    ("rg", Kind::Searched, &["--pre", "--hostname-bin", "--search-zip", "-z"]),
    ("sed", Kind::Read, &[]),
    ("tail", Kind::Read, &[]),
    ("wc", Kind::Read, &[]),
];

/// What git does when it only looks.
const GIT: &[&str] = &["diff", "log", "show", "status"];

/// Options with which git does more.
const GIT_OPTIONS: &[&str] = &["--output", "--ext-diff", "--textconv"];

/// Options whose value is the next word, where that is no file.
const VALUES: &[(&str, &[&str])] = &[
    ("head", &["-n", "-c"]),
    ("tail", &["-n", "-c"]),
    ("rg", &["-g", "-t", "-T", "-A", "-B", "-C", "-m", "--glob", "--type", "--max-count"]),
    ("grep", &["-A", "-B", "-C", "-m"]),
];

/// What `item` only looked at, if it did only that, and succeeded.
pub fn glances(item: &ThreadItem) -> Option<Vec<Glance>> {
    match item {
        // Who typed a command wants to see what it says.
        ThreadItem::CommandExecution { source: CommandExecutionSource::UserShell, .. } => None,
        ThreadItem::CommandExecution { command, status: CommandExecutionStatus::Completed, .. } => of_command(command),
        ThreadItem::DynamicToolCall { tool, arguments, status, success, .. } => {
            let good = *status == DynamicToolCallStatus::Completed && *success != Some(false);
            let glance = of_tool(tool, arguments).filter(|_| good)?;
            Some(vec![glance])
        }
        _ => None,
    }
}

/// The looks of a run of items on one line, or as few as hold it.
pub fn rows(glances: &[Glance], look: &Look) -> Vec<Row> {
    let mut groups: Vec<(Kind, Vec<&str>)> = Vec::new();
    for Glance { kind, what } in glances {
        match groups.last_mut().filter(|(last, _)| last == kind) {
            Some((_, names)) if names.contains(&what.as_str()) => {}
            Some((_, names)) => names.push(what),
            None => groups.push((*kind, vec![what])),
        }
    }
    let told: Vec<String> = groups.iter().filter_map(|(kind, names)| group(*kind, names)).collect();
    if told.is_empty() {
        return Vec::new();
    }
    let row = Row::new(&format!("· {}", told.join(" · ")), look.style(Role::Quiet));
    wrap(&row, look.width, &Row::plain("  "))
}

fn group(kind: Kind, names: &[&str]) -> Option<String> {
    let verb = match kind {
        Kind::Read => "Read",
        Kind::Listed => "Listed",
        Kind::Searched => "Searched",
        Kind::Git => "Looked at",
        Kind::Shapes => return None,
    };
    let mut text = format!("{verb} {}", names.iter().take(NAMES).copied().collect::<Vec<_>>().join(", "));
    if names.len() > NAMES {
        text.push_str(&format!(" and {} more", names.len() - NAMES));
    }
    Some(text)
}

fn of_tool(tool: &str, arguments: &Value) -> Option<Glance> {
    let argument = |name: &str| arguments.get(name).and_then(Value::as_str);
    let (kind, what) = match tool {
        "read_file" | "view_image" => (Kind::Read, file_name(argument("path")?)),
        "list_dir" => (Kind::Listed, argument("path").map_or("here".into(), short)),
        "search_files" => (Kind::Searched, format!("`{}`", short(argument("pattern")?))),
        "git_read" => (Kind::Git, format!("git {}", short(argument("operation")?))),
        _ => return None,
    };
    Some(Glance { kind, what })
}

fn of_command(command: &str) -> Option<Vec<Glance>> {
    let mut glances = Vec::new();
    for (piped, words) in simple_commands(command)? {
        let glance = of_words(&words)?;
        // Behind a pipe it reads nothing of its own.
        if !piped && glance.kind != Kind::Shapes {
            glances.push(glance);
        }
    }
    (!glances.is_empty()).then_some(glances)
}

fn of_words(words: &[String]) -> Option<Glance> {
    let (program, arguments) = words.split_first()?;
    if program == "git" {
        let operation = arguments.first().filter(|word| GIT.contains(&word.as_str()))?;
        let more = arguments.iter().any(|word| GIT_OPTIONS.iter().any(|option| word.starts_with(option)));
        return (!more).then(|| Glance { kind: Kind::Git, what: format!("git {operation}") });
    }
    let (_, kind, options) = PROGRAMS.iter().find(|(name, ..)| name == program)?;
    if arguments.iter().any(|word| options.iter().any(|option| word.starts_with(option))) {
        return None;
    }
    if program == "sed" && !prints_lines(arguments) {
        return None;
    }
    let values = VALUES.iter().find(|(name, _)| name == program).map_or(&[][..], |(_, values)| *values);
    let mut plain = Vec::new();
    let mut before = "";
    for word in arguments {
        if !word.starts_with('-') && !values.contains(&before) {
            plain.push(word.as_str());
        }
        before = word;
    }
    let what = match kind {
        Kind::Searched => format!("`{}`", short(plain.first()?)),
        Kind::Listed => plain.first().map_or("here".into(), |word| short(word)),
        _ => {
            let names: Vec<String> =
                plain.iter().skip(usize::from(program == "sed")).map(|word| file_name(word)).collect();
            names.join(", ")
        }
    };
    Some(Glance { kind: *kind, what })
}

/// Whether sed only prints lines by their numbers: `-n 1,20p`.
fn prints_lines(arguments: &[String]) -> bool {
    let [option, script, files @ ..] = arguments else { return false };
    let numbers = script.strip_suffix('p').unwrap_or_default();
    let plain =
        !numbers.is_empty() && numbers.bytes().all(|byte| byte.is_ascii_digit() || byte == b',' || byte == b'$');
    option == "-n" && plain && files.iter().all(|file| !file.starts_with('-'))
}

/// The words of the commands of a line, each with whether it stands behind a pipe; nothing where the line has more than
/// words, quotes, `|` and `&&`.
fn simple_commands(line: &str) -> Option<Vec<(bool, Vec<String>)>> {
    let (mut commands, mut words, mut word) = (Vec::new(), Vec::new(), None::<String>);
    let mut piped = false;
    let line = line.trim().replace(" 2>/dev/null", " ").replace(" 2>&1", " ");
    let mut rest = line.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            ' ' | '\t' => words.extend(word.take()),
            '\'' | '"' => {
                let quoted = word.get_or_insert_default();
                loop {
                    match rest.next()? {
                        end if end == c => break,
                        '$' | '`' | '\\' | '!' if c == '"' => return None,
                        other => quoted.push(other),
                    }
                }
            }
            '|' | '&' => {
                let both = rest.next_if_eq(&c).is_some();
                if both != (c == '&') {
                    return None;
                }
                words.extend(word.take());
                commands.push((piped, std::mem::take(&mut words)));
                piped = c == '|';
            }
            _ if c.is_alphanumeric() || "-_./,:=+@%^~*?[]{}".contains(c) => word.get_or_insert_default().push(c),
            _ => return None,
        }
    }
    words.extend(word.take());
    commands.push((piped, words));
    commands.iter().all(|(_, words)| !words.is_empty()).then_some(commands)
}

fn file_name(path: &str) -> String {
    short(path.trim_end_matches('/').rsplit('/').next().unwrap_or(path))
}

fn short(text: &str) -> String {
    match text.char_indices().nth(NAME) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::theme::Theme;

    fn told(commands: &[&str]) -> Option<String> {
        let glances: Option<Vec<Vec<Glance>>> = commands.iter().map(|command| of_command(command)).collect();
        let rows = rows(&glances?.concat(), &Look { width: 200, theme: Theme::Ansi });
        Some(rows.iter().map(Row::text).collect())
    }

    #[test]
    fn what_only_looks_is_told_in_short() {
        let table: &[(&[&str], &str)] = &[
            (&["cat src/a.rs"], "· Read a.rs"),
            (&["cat a.rs", "cat a.rs b.rs"], "· Read a.rs, a.rs, b.rs"),
            (&["ls", "ls -la src", "rg -n foo src"], "· Listed here, src · Searched `foo`"),
            (&["sed -n '1,20p' a.rs"], "· Read a.rs"),
            (&["cd x && rg \"a b\" | head -n 3"], "· Searched `a b`"),
            (&["git status", "git diff --stat"], "· Looked at git status, git diff"),
            (&["grep -A 3 foo a.rs 2>/dev/null"], "· Searched `foo`"),
            (&["head -n 5 a.rs 2>&1"], "· Read a.rs"),
            (&["find . -name '*.rs'"], "· Listed ."),
        ];
        for (commands, expected) in table {
            assert_eq!(told(commands).as_deref(), Some(*expected), "{commands:?}");
        }
        let many: Vec<String> = (0..9).map(|at| format!("cat {at}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        assert_eq!(told(&many).unwrap(), "· Read 0, 1, 2, 3, 4, 5 and 3 more");
    }

    #[test]
    fn what_may_do_more_is_no_look() {
        for command in [
            "cat a; rm b",
            "cat a & rm b",
            "cat a || rm b",
            "cat a > b",
            "cat <(rm b)",
            "cat $(rm b)",
            "cat `rm b`",
            "cat \"$(rm b)\"",
            "cat \"`rm b`\"",
            "cat a\nrm b",
            "cat a 2>/dev/null;rm b",
            "find . -delete",
            "find . -exec rm {} +",
            "find . -fprintf x %p",
            "rg --pre ./x foo",
            "sed -i s/a/b/ x",
            "sed -n 'w x' y",
            "sed -n 1p -i x",
            "git push",
            "git -c core.pager=x log",
            "git diff --output=x",
            "git log --ext-diff",
            "X=1 cat a",
            "cargo test",
            "cat a | sh",
            "cat a |",
            "cat 'a",
            "cd x",
            "",
        ] {
            assert_eq!(told(&[command]), None, "{command}");
        }
    }

    #[test]
    fn what_the_user_typed_is_shown() {
        let item = ThreadItem::CommandExecution {
            id: "1".into(),
            command: "ls".into(),
            cwd: "/w".into(),
            source: CommandExecutionSource::UserShell,
            status: CommandExecutionStatus::Completed,
            command_actions: Vec::new(),
            aggregated_output: Some("a\n".into()),
            exit_code: Some(0),
            duration_ms: None,
        };
        assert_eq!(glances(&item), None);
    }
}
