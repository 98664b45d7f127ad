//! A git configuration without the settings that run programs, so that a repository of somebody else's making can be
//! used.
//!
//! Nothing is kept that git could read otherwise than it is read here: of each line either all is plain, as git itself
//! writes it, or it goes. So nothing here depends on how git takes odd ones.

use codex_sandbox::one_line;

/// `SECTION.KEY`, in lower case, whatever subsection stands between; git-config(1), and git-lfs-config(5) for `lfs`.
/// They run a program, or lead to files that name more. Sorted.
const RUNNING: &[&str] = &[
    "browser.path",
    "core.alternaterefscommand",
    "core.askpass",
    "core.gitproxy",
    "core.hookspath",
    "diff.external",
    "difftool.path",
    "filter.clean",
    "filter.process",
    "filter.smudge",
    "gui.tools",
    "imap.tunnel",
    "include.path",
    "includeif.path",
    "init.templatedir",
    "instaweb.httpd",
    "instaweb.modulepath",
    "lfs.clean",
    "lfs.path",
    "lfs.smudge",
    "man.path",
    "mergetool.path",
    "protocol.allow",
    "remote.receivepack",
    "remote.uploadpack",
    "remote.vcs",
    "sendemail.smtpserver",
    "svn.authorsprog",
];

/// Keys that end so name a program in every section that git, or a program around it, is known to read. Sorted.
const RUNNING_ENDS: &[&str] = &[
    "-options", "browser", "cmd", "command", "driver", "editor", "filter", "helper", "hook", "pager", "program",
    "textconv",
];

/// Values that switch something rather than name a program.
const SWITCHES: &[&str] = &["", "0", "1", "false", "no", "off", "on", "true", "yes"];

/// One setting of a configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Setting {
    /// In lower case.
    pub(crate) section: String,
    pub(crate) subsection: String,
    /// In lower case.
    pub(crate) key: String,
    /// Without quotes and escapes; `None` for a key alone, which means true.
    pub(crate) value: Option<String>,
}

impl Setting {
    /// Whether git, told so by a repository, runs a program that the setting names, or reads more settings.
    pub(crate) fn runs_code(&self) -> bool {
        let value = self.value.as_deref().unwrap_or("true");
        let is_switch = SWITCHES.contains(&value.to_ascii_lowercase().as_str());
        let name = format!("{}.{}", self.section, self.key);
        // A remote helper that runs its address.
        let external = |text: &str| text.starts_with("ext::");
        match (self.section.as_str(), self.key.as_str()) {
            // Options of git and of its commands may name programs too, as `rebase --exec` and `bisect run` do.
            ("alias", _) => !is_plain_word(value),
            ("core", "fsmonitor") | ("pager", _) => !is_switch,
            // Tools by a path: their file is read as a script.
            ("diff" | "merge", "tool" | "guitool") => value.contains('/'),
            ("submodule", "update") => value.trim_start().starts_with('!'),
            _ => {
                external(value)
                    || external(&self.subsection)
                    || RUNNING.contains(&name.as_str())
                    || RUNNING_ENDS.iter().any(|end| self.key.ends_with(end))
            }
        }
    }

    fn shown(&self) -> String {
        let dot = if self.subsection.is_empty() { "" } else { "." };
        let name = format!("{}{dot}{}.{}", self.section, self.subsection, self.key);
        self.value.as_ref().map_or_else(|| name.clone(), |value| format!("{name} = {value}"))
    }
}

/// What is left of a configuration, and what is not.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Sifted {
    pub(crate) kept: Vec<u8>,
    /// What was left out, to be shown.
    pub(crate) removed: Vec<String>,
}

/// Leaves out what is `unwanted`, and every line that git could read in another way than it is read here.
pub(crate) fn sift(configuration: &[u8], unwanted: impl Fn(&Setting) -> bool) -> Sifted {
    let mut sifted = Sifted { kept: Vec::new(), removed: Vec::new() };
    let mut section: Option<(String, String)> = None;
    for line in configuration.split_inclusive(|byte| *byte == b'\n') {
        let removed = match read(line, section.as_ref()) {
            Line::Empty => None,
            Line::Header(found) => {
                section = Some(found);
                None
            }
            Line::Setting(setting) => unwanted(&setting).then(|| shortened(&setting.shown())),
            Line::Odd { header } => {
                // What follows would belong to another section.
                section = section.filter(|_| !header);
                Some(format!("the line “{}”", shortened(String::from_utf8_lossy(line).trim())))
            }
        };
        match removed {
            None => sifted.kept.extend(line),
            Some(removed) => sifted.removed.push(removed),
        }
    }
    sifted
}

enum Line {
    /// Nothing, or a comment.
    Empty,
    /// Section and subsection.
    Header((String, String)),
    Setting(Setting),
    /// Not as git writes it; perhaps the header of a section.
    Odd {
        header: bool,
    },
}

fn read(line: &[u8], section: Option<&(String, String)>) -> Line {
    let odd = Line::Odd { header: line.contains(&b'[') };
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let Ok(line) = std::str::from_utf8(line) else { return odd };
    if line.contains(|letter: char| letter.is_control() && letter != '\t') {
        return odd;
    }
    let text = line.trim_matches([' ', '\t']);
    if text.is_empty() || text.starts_with(['#', ';']) {
        return Line::Empty;
    }
    if let Some(inside) = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        return header(inside).map_or(odd, Line::Header);
    }
    let setting = section.and_then(|(section, subsection)| {
        let (key, value) = text.split_once('=').map_or((text, None), |(key, value)| (key, Some(value)));
        let key = key.trim_end_matches([' ', '\t']);
        let plain = key.starts_with(|letter: char| letter.is_ascii_alphabetic())
            && key.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '-');
        let value = value.map_or(Some(None), |value| plain_value(value).map(Some)).filter(|_| plain)?;
        let (section, subsection, key) = (section.clone(), subsection.clone(), key.to_ascii_lowercase());
        Some(Setting { section, subsection, key, value })
    });
    setting.map_or(odd, Line::Setting)
}

fn is_plain_word(text: &str) -> bool {
    text.starts_with(|letter: char| letter.is_ascii_alphanumeric())
        && text.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '-')
}

/// `NAME` or `NAME "SUBSECTION"`, or, as it was once written, `NAME.SUBSECTION`.
fn header(inside: &str) -> Option<(String, String)> {
    let (name, subsection) = match inside.split_once(" \"") {
        Some((name, rest)) => (name, unquoted(rest.strip_suffix('"')?)?),
        None => match inside.split_once('.') {
            Some((name, rest)) => (name, rest.to_ascii_lowercase()),
            None => (inside, String::new()),
        },
    };
    let plain = |text: &str, more: &str| {
        text.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '-' || more.contains(letter))
    };
    let old = !inside.contains('"');
    (!name.is_empty() && plain(name, "") && (!old || plain(&subsection, ".")))
        .then(|| (name.to_ascii_lowercase(), subsection))
}

/// The inside of quotes, if it ends where the quotes do.
fn unquoted(inside: &str) -> Option<String> {
    let mut plain = String::new();
    let mut letters = inside.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '"' => return None,
            '\\' => plain.push(letters.next()?),
            other => plain.push(other),
        }
    }
    Some(plain)
}

/// A value that ends with its line.
fn plain_value(value: &str) -> Option<String> {
    let mut plain = String::new();
    let mut quoted = false;
    let mut letters = value.trim_matches([' ', '\t']).chars();
    while let Some(letter) = letters.next() {
        match letter {
            '"' => quoted = !quoted,
            '#' | ';' if !quoted => break,
            '\\' => match letters.next()? {
                'n' => plain.push('\n'),
                't' => plain.push('\t'),
                escaped @ ('"' | '\\') => plain.push(escaped),
                _ => return None,
            },
            other => plain.push(other),
        }
    }
    (!quoted).then(|| plain.trim_end_matches([' ', '\t']).to_owned())
}

/// Something of a file, for people: one line that drives no terminal.
fn shortened(text: &str) -> String {
    const MOST: usize = 200;
    let short = one_line(&text.chars().take(MOST).collect::<String>());
    if text.chars().nth(MOST).is_some() { short + "…" } else { short }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sifted(text: &str) -> (String, Vec<String>) {
        let Sifted { kept, removed } = sift(text.as_bytes(), Setting::runs_code);
        (String::from_utf8(kept).unwrap(), removed)
    }

    #[test]
    fn tables_are_sorted() {
        assert!(RUNNING.is_sorted() && RUNNING_ENDS.is_sorted() && SWITCHES.is_sorted());
    }

    #[test]
    fn what_git_writes_by_itself_stays() {
        let text = "[core]\n\trepositoryformatversion = 0\n\tfilemode = true\n\tbare = false\n\tlogallrefupdates = true\n\
            [remote \"origin\"]\n\turl = git@example.org:a/b.git\n\tfetch = +refs/heads/*:refs/remotes/origin/*\n\
            [branch \"a.b\"]\n\tremote = origin\n\tmerge = refs/heads/a.b\n\n# x \\\n[user]\r\n\tname = \"A # B\\\"\"\r\n\
            \temail = a@b.c ; mine\n[submodule \"m\"]\n\tactive = true\n\turl = ../m\n\tupdate = rebase\n\
            [pull]\n\trebase\n[alias]\n\tco = checkout\n[core]\n\tfsmonitor = true\n[pager]\n\tlog = false\n\
            [merge]\n\ttool = vimdiff\n[filter \"lfs\"]\n\trequired = true\n[a.b]\n\tc = 1";
        assert_eq!(sifted(text), (text.to_owned(), Vec::new()));
    }

    #[test]
    fn what_runs_code_goes() {
        let cases = [
            ("core", "fsmonitor = /w/evil", true),
            ("core", "fsmonitor=.git/evil", true),
            ("CORE", "HooksPath = hooks", true),
            ("core", "sshCommand = x", true),
            ("core", "pager = x", true),
            ("core", "editor = x", true),
            ("alias", "st = !evil", true),
            ("alias", "st = \"!evil\"", true),
            ("alias", "st = --exec-path=/w status", true),
            ("alias", "ci = grep -O/x/evil.sh y", true),
            ("alias", "ci = bisect run x", true),
            ("alias", "ci = submodule foreach x", true),
            ("alias", "ci = \"rebase -x x\"", true),
            ("alias", "ci = difftool -y -x x", true),
            ("alias \"ci\"", "command = rebase -x x", true),
            ("alias", "ci = commit", false),
            ("alias", "cp = cherry-pick", false),
            ("svn", "authorsProg = x", true),
            ("annex", "ssh-options = -oProxyCommand=x", true),
            ("remote \"o\"", "annex-rsync-options = -e x", true),
            ("alias \"st\"", "command = !evil", true),
            ("credential", "helper = x", true),
            ("credential \"https://a\"", "helper = x", true),
            ("gpg", "program = x", true),
            ("gpg \"ssh\"", "defaultKeyCommand = x", true),
            ("filter \"x\"", "smudge = x", true),
            ("diff \"x\"", "textconv = x", true),
            ("diff", "external = x", true),
            ("merge \"x\"", "driver = x", true),
            ("merge", "tool = ../../x", true),
            ("mergetool \"x\"", "cmd = x", true),
            ("include", "path = x", true),
            ("includeIf \"gitdir:/\"", "path = x", true),
            ("pager", "status = x", true),
            ("sequence", "editor = x", true),
            ("submodule \"m\"", "update = !x", true),
            ("remote \"o\"", "uploadpack = x", true),
            ("remote \"o\"", "url = ext::sh -c x", true),
            ("url \"ext::sh -c x \"", "insteadOf = https://", true),
            ("protocol \"ext\"", "allow = always", true),
            ("trailer \"x\"", "command = x", true),
            ("hook \"x\"", "command = x", true),
            ("interactive", "diffFilter = x", true),
            ("tar \"x\"", "command = x", true),
            ("user", "name = x", false),
            ("http", "proxy = x", false),
        ];
        for (section, setting, goes) in cases {
            let text = format!("[{section}]\n\t{setting}\n[user]\n\tname = n\n");
            let (kept, removed) = sifted(&text);
            assert_eq!((kept != text, removed.len()), (goes, usize::from(goes)), "{text}: {removed:?}");
            assert!(kept.ends_with("[user]\n\tname = n\n"), "{kept}");
        }
    }

    /// Each is harmless to one reader and not to another.
    #[test]
    fn what_could_be_read_in_two_ways_goes() {
        let cases = [
            ("[core]\n\tx = a # \\\n\tfsmonitor = evil\n", "[core]\n\tx = a # \\\n"),
            ("[core]\n\tx = a \\\n\tfsmonitor = evil\n", "[core]\n"),
            ("[core]\n\tx = \"a\n\tfsmonitor = \"evil\n", "[core]\n"),
            ("[core] fsmonitor = evil\n\tbare = true\n", ""),
            ("\u{feff}[core]\n\tfsmonitor = evil\n", ""),
            ("[x]\n[core] # [y]\n\thooksPath = evil\n", "[x]\n"),
            ("[core\n]\n\tbare = true\n", ""),
            ("[user]\n\t\u{a0}[core]\n\tfsmonitor = evil\n", "[user]\n"),
            ("[user]\n\u{b}name = x\n\tname = y\n", "[user]\n\tname = y\n"),
            ("[core \"a\"b\"]\n\tx = y\n", ""),
            ("name = x\n[user]\n", "[user]\n"),
            ("[user]\n\tname = x\r\r\n", "[user]\n"),
        ];
        for (text, expected) in cases {
            let (kept, removed) = sifted(text);
            assert_eq!(kept, expected, "{text:?}");
            assert!(!removed.is_empty(), "{text:?}");
        }
        let bytes = b"[core]\n\tx = \xff\n";
        assert_eq!(sift(bytes, Setting::runs_code).kept, b"[core]\n");
    }

    #[test]
    fn what_is_left_holds_nothing_unwanted() {
        let text = "[core]\n\tx = \\\n[alias]\n\tz = !evil\n\ty = \"\\\n!evil\"\n[a]b=c\n[core]\n\tpager=evil\n";
        let (kept, removed) = sifted(text);
        assert_eq!(sifted(&kept), (kept.clone(), Vec::new()));
        assert!(removed.iter().any(|line| line == "core.pager = evil"), "{removed:?}");
    }
}
