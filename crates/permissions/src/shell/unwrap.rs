//! What a command runs besides itself: the program that a wrapper starts, the script that a shell is given.

use super::{
    HOLE, Input, Simple, code, is_name,
    simple::{GLOB, program},
    text::SPLIT,
    wrappers,
};

/// Shells, without directories.
pub(super) const SHELLS: &[&str] = &["ash", "bash", "dash", "fish", "ksh", "mksh", "rbash", "sh", "zsh"];

/// Keys of git's configuration whose value is a command end in one of these (git-config(1)).
const GIT_COMMAND_KEYS: &[&str] = &[
    "askpass",
    "clean",
    "cmd",
    "command",
    "driver",
    "editor",
    "external",
    "fsmonitor",
    "helper",
    "pager",
    "process",
    "program",
    "smudge",
    "textconv",
];

/// Commands that evaluate their arguments as expressions, substitutions in them included, even from single quotes.
const EVALUATES: &[&str] = &[
    "[", "declare", "export", "let", "local", "mapfile", "printf", "read", "readonly", "test", "typeset", "unset",
    "wait",
];

/// What a command runs besides itself.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Inner {
    /// A program with its arguments.
    Words(Vec<String>),
    /// The text of a script.
    Script(String),
    /// Something that is not known, and why.
    Obscure(String),
}

/// `text` as a script that can be parsed: what is not known in it is an expansion.
pub(super) fn as_script(text: &str) -> String {
    text.replace(HOLE, "${_}").replace(GLOB, "*").replace(SPLIT, " ")
}

/// What `command` runs besides itself.
pub(super) fn unwrap(command: &Simple, input: &Input) -> Vec<Inner> {
    let Some((first, arguments)) = command.words.split_first() else { return Vec::new() };
    if first.contains([HOLE, GLOB]) {
        let reason = format!("the program that `{}` names is not known before it runs", command.line());
        // It may also be nothing, or a wrapper.
        return vec![Inner::Obscure(reason), Inner::Words(arguments.to_vec())];
    }
    let name = program(first);
    match name.as_str() {
        shell if SHELLS.contains(&shell) => shell_script(arguments, input),
        // The grammar takes them for programs in some places.
        assignment if assignment.split_once('=').is_some_and(|(name, _)| is_name(name)) => vec![words(arguments)],
        "!" | "{" | "do" | "elif" | "else" | "if" | "then" | "until" | "while" => vec![words(arguments)],
        "eval" => vec![script_of(arguments)],
        "." | "source" => sourced(arguments, input),
        "trap" => arguments.iter().find(|word| !word.starts_with('-')).map(text).into_iter().collect(),
        "alias" => arguments.iter().filter_map(|word| word.split_once('=')).map(|(_, value)| text(value)).collect(),
        "find" | "fd" | "fdfind" => executed(arguments),
        "git" => git(arguments),
        "ssh" => ssh(arguments, input),
        "xargs" => xargs(arguments, input),
        "parallel" => parallel(arguments),
        "watch" => vec![script_of(arguments.get(watch_options(arguments)..).unwrap_or_default())],
        "tmux" | "wsl" | "cmd" | "powershell" | "pwsh" | "nix-shell" | "script" | "su" => scripts_in(arguments),
        "make" | "gmake" => {
            arguments.iter().filter_map(|word| word.split_once('=')).map(|(_, value)| text(value)).collect()
        }
        "command" if arguments.first().is_some_and(|word| matches!(word.as_str(), "-v" | "-V")) => Vec::new(),
        evaluates if EVALUATES.contains(&evaluates) => code_in(arguments),
        "hash" | "enable" => arguments.iter().filter(|word| word.contains('/')).map(|word| words([word])).collect(),
        _ => wrapped(&name, arguments).unwrap_or_else(|| code::scripts(&name, arguments, input)),
    }
}

fn text(text: impl AsRef<str>) -> Inner {
    Inner::Script(text.as_ref().to_owned())
}

fn words<'a>(words: impl IntoIterator<Item = &'a String>) -> Inner {
    Inner::Words(words.into_iter().cloned().collect())
}

fn script_of(arguments: &[String]) -> Inner {
    Inner::Script(arguments.join(" "))
}

fn wrapped(name: &str, arguments: &[String]) -> Option<Vec<Inner>> {
    let wrapper = wrappers::find(name)?;
    let options = arguments.get(..wrapper.options(arguments).min(arguments.len())).unwrap_or_default();
    let mut inner = vec![words(wrapper.rest(arguments))];
    match name {
        // `-S` splits a text into words.
        "env" => {
            // `-iS`: it may stand in a cluster, after letters without a value.
            let letter = |word: &str| {
                let cluster = word.strip_prefix('-').filter(|cluster| !cluster.starts_with('-'))?;
                let at = cluster.find(['u', 'C', 'S'])?;
                cluster[at..].strip_prefix('S').map(str::to_owned)
            };
            let split = options.iter().find_map(|word| letter(word).filter(|text| !text.is_empty()));
            let is_split = |word: &str| word == "--split-string" || letter(word).is_some();
            let after = options.windows(2).find(|pair| is_split(&pair[0]));
            let long = options.iter().find_map(|word| word.strip_prefix("--split-string="));
            let split = split.or(after.map(|pair| pair[1].clone())).or(long.map(str::to_owned));
            if let Some(split) = split {
                let rest = wrapper.rest(arguments).join(" ");
                inner = vec![Inner::Script(format!("env {split} {rest}"))];
            }
        }
        // A name or an architecture may stand before the program, and options after that.
        "coproc" | "setarch" => {
            let rest = wrapper.rest(arguments).iter().skip(1);
            inner.push(words(rest.skip_while(|word| word.starts_with('-'))));
        }
        // `flock FILE -c SCRIPT`.
        "flock" | "sg" | "runuser" | "npx" | "screen" => inner.extend(scripts_in(arguments)),
        _ => {}
    }
    Some(inner)
}

/// The scripts that follow an option like `-c` among `arguments`, and words that are whole lines.
fn scripts_in(arguments: &[String]) -> Vec<Inner> {
    let is_command_option = |word: &str| {
        ["-c", "/c", "/k", "--command", "-command", "--run", "--session-command"]
            .contains(&word.to_lowercase().as_str())
    };
    let mut inner: Vec<Inner> = arguments.iter().filter(|word| word.contains([' ', '\n', ';'])).map(text).collect();
    if let Some(at) = arguments.iter().position(|word| is_command_option(word)) {
        inner.push(script_of(&arguments[at + 1..]));
    }
    inner.extend(arguments.iter().filter_map(|word| word.strip_prefix("--command=")).map(text));
    inner
}

fn watch_options(arguments: &[String]) -> usize {
    let mut at = 0;
    while let Some(word) = arguments.get(at).filter(|word| word.starts_with('-')) {
        at += if ["-n", "--interval", "-q", "--equexit"].contains(&word.as_str()) { 2 } else { 1 };
    }
    at
}

/// The words with substitutions among `arguments`, as they are when they are evaluated once more.
fn code_in(arguments: &[String]) -> Vec<Inner> {
    let code = arguments.iter().filter(|word| word.contains("$(") || word.contains('`'));
    code.map(|word| Inner::Script(format!("echo \"{}\"", word.replace(['"', HOLE], " ")))).collect()
}

/// What a shell runs that is called with `arguments` (bash(1), OPTIONS).
fn shell_script(arguments: &[String], input: &Input) -> Vec<Inner> {
    let (mut at, mut command, mut from_input) = (0, false, false);
    while let Some(word) = arguments.get(at).filter(|word| word.len() > 1 && word.starts_with(['-', '+'])) {
        at += 1;
        match word.as_str() {
            "--" => break,
            "--rcfile" | "--init-file" => at += 1,
            long if long.starts_with("--") => {
                // fish and others: `--command=SCRIPT`.
                if let Some(script) = long.strip_prefix("--command=") {
                    return vec![text(script)];
                }
                command |= long == "--command";
            }
            cluster => {
                command |= cluster.starts_with('-') && cluster.contains('c');
                from_input |= cluster.contains('s');
                at += cluster.matches(['o', 'O']).count();
            }
        }
    }
    let operands = arguments.get(at..).unwrap_or_default();
    match operands.split_first() {
        Some((script, parameters)) if command => {
            let mut inner = vec![text(script)];
            if script.contains('$') || script.contains(HOLE) {
                // `bash -c '"$@"' _ rm`: what is not known in the script may be its parameters.
                inner.extend((0..parameters.len().min(2)).map(|from| words(&parameters[from..])));
            }
            inner
        }
        Some((file, _))
            if !from_input && !["-", "/dev/stdin", "/proc/self/fd/0", "/dev/fd/0"].contains(&file.as_str()) =>
        {
            match file.contains(HOLE) {
                true => vec![Inner::Obscure("a shell is given a script that is not known before it runs".into())],
                false => Vec::new(),
            }
        }
        _ => from(input),
    }
}

/// What a shell runs that reads its script from standard input.
fn from(input: &Input) -> Vec<Inner> {
    match input {
        Input::None => Vec::new(),
        Input::Text(script) => vec![text(script)],
        Input::Unknown => vec![Inner::Obscure("what is piped into a shell is not known before it runs".into())],
    }
}

fn sourced(arguments: &[String], input: &Input) -> Vec<Inner> {
    match arguments.first() {
        Some(file) if ["/dev/stdin", "/dev/fd/0", "/proc/self/fd/0"].contains(&file.as_str()) => from(input),
        Some(file) if file.contains(HOLE) => {
            vec![Inner::Obscure("the script that is sourced is not known before it runs".into())]
        }
        _ => Vec::new(),
    }
}

/// The commands after `-exec` and the like (find(1)), up to `;` or `+`; `{}` is not known.
fn executed(arguments: &[String]) -> Vec<Inner> {
    const OPTIONS: &[&str] = &["-exec", "-execdir", "-ok", "-okdir", "-x", "-X", "--exec", "--exec-batch"];
    let mut inner = Vec::new();
    for (at, _) in arguments.iter().enumerate().filter(|(_, word)| OPTIONS.contains(&word.as_str())) {
        let rest = arguments[at + 1..].iter().take_while(|word| !matches!(word.as_str(), ";" | "+" | "\\;"));
        inner.push(Inner::Words(rest.map(|word| word.replace("{}", &HOLE.to_string())).collect()));
    }
    inner
}

/// What git runs because of its arguments: aliases and settings of `-c`, `rebase --exec` and the like.
fn git(arguments: &[String]) -> Vec<Inner> {
    let mut inner = Vec::new();
    for (at, word) in arguments.iter().enumerate() {
        let next = arguments.get(at + 1);
        match word.as_str() {
            "-c" => inner.extend(next.and_then(|setting| git_setting(setting, &arguments[at + 2..]))),
            "-x" | "--exec" | "--extcmd" | "--upload-pack" | "--receive-pack" | "--index-filter" | "--tree-filter"
            | "--env-filter" | "--msg-filter" | "--parent-filter" | "--commit-filter" | "--tag-name-filter" => {
                inner.extend(next.map(text));
            }
            "foreach" => {
                let rest = arguments[at + 1..].iter().skip_while(|word| word.starts_with('-'));
                inner.push(Inner::Script(rest.cloned().collect::<Vec<String>>().join(" ")));
            }
            "run" if at > 0 && arguments[at - 1] == "bisect" => inner.push(words(&arguments[at + 1..])),
            _ => {
                let value = ["--exec=", "--extcmd=", "--upload-pack=", "--receive-pack="];
                inner.extend(value.iter().find_map(|option| word.strip_prefix(option)).map(text));
                let glued = word.strip_prefix("-c").filter(|setting| setting.contains('='));
                inner.extend(glued.and_then(|setting| git_setting(setting, &arguments[at + 1..])));
            }
        }
    }
    inner
}

fn git_setting(setting: &str, rest: &[String]) -> Option<Inner> {
    let (key, value) = setting.split_once('=')?;
    let key = key.to_lowercase();
    if let Some(script) = value.strip_prefix('!') {
        return Some(text(script));
    }
    if let Some(alias) = key.strip_prefix("alias.") {
        let after = rest.iter().skip_while(|word| word.to_lowercase() != alias).skip(1).cloned();
        let value = value.split_whitespace().map(str::to_owned);
        return Some(Inner::Words(std::iter::once("git".to_owned()).chain(value).chain(after).collect()));
    }
    GIT_COMMAND_KEYS.iter().any(|end| key.ends_with(end)).then(|| text(value))
}

/// The command that runs on another host (ssh(1)).
fn ssh(arguments: &[String], input: &Input) -> Vec<Inner> {
    const VALUES: &str = "BbcDEeFIiJLlmOopPQRSWw";
    let mut at = 0;
    while let Some(option) = arguments.get(at).and_then(|word| word.strip_prefix('-')) {
        let value = option.find(|letter| VALUES.contains(letter)).is_some_and(|at| at + 1 == option.len());
        at += 1 + usize::from(value);
    }
    let proxy = arguments.iter().filter_map(|word| word.split_once("Command=")).map(|(_, script)| text(script));
    let mut inner: Vec<Inner> = proxy.collect();
    match arguments.get(at + 1..) {
        Some(remote) if !remote.is_empty() => inner.push(script_of(remote)),
        _ => inner.extend(from(input)),
    }
    inner
}

/// What xargs runs: its words, and what it reads after them or in place of `-I`.
fn xargs(arguments: &[String], input: &Input) -> Vec<Inner> {
    let Some(wrapper) = wrappers::find("xargs") else { return Vec::new() };
    let rest = wrapper.rest(arguments);
    if rest.is_empty() {
        return Vec::new();
    }
    let options = &arguments[..arguments.len() - rest.len()];
    let mut replaced = None;
    for (at, option) in options.iter().enumerate() {
        if let Some(value) = option.strip_prefix("-I").or_else(|| option.strip_prefix("--replace=")) {
            replaced = if value.is_empty() { options.get(at + 1).cloned() } else { Some(value.to_owned()) };
        } else if option == "-i" || option == "--replace" {
            replaced = Some("{}".to_owned());
        }
    }
    let read: Vec<String> = match input {
        Input::Text(text) => shlex::split(text).unwrap_or_else(|| text.split_whitespace().map(str::to_owned).collect()),
        Input::None | Input::Unknown => vec![HOLE.to_string()],
    };
    vec![Inner::Words(match replaced {
        Some(mark) => rest.iter().map(|word| word.replace(&mark, &read.join(" "))).collect(),
        None => rest.iter().cloned().chain(read).collect(),
    })]
}

/// What GNU parallel runs: its words as one line, or the lines after `:::`.
fn parallel(arguments: &[String]) -> Vec<Inner> {
    let start = arguments.iter().position(|word| !word.starts_with('-')).unwrap_or(arguments.len());
    let is_separator = |word: &String| word.starts_with(":::");
    let separator = arguments.iter().position(is_separator).unwrap_or(arguments.len());
    let mut inner: Vec<Inner> =
        arguments.get(separator..).unwrap_or_default().iter().filter(|word| !is_separator(word)).map(text).collect();
    // Options with values are not told from the command: it is looked for at each of the first words.
    for from in start..separator.min(start + 3) {
        inner.push(Inner::Script(format!("{} ${{_}}", arguments[from..separator].join(" "))));
    }
    inner
}
