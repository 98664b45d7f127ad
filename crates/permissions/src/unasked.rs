//! Which commands run without a question under `untrusted`: what the user allowed, and what is known to read only.
//!
//! It must find too little rather than too much: a line that is not plain is never among them, and a program that a
//! command could have changed is none that was allowed.

use std::path::Path;

use crate::{
    Access, Approval, Policy, RuleKind, RuleText, SandboxLevel, read_only,
    rules::{is_special, may_be_allowed},
    shell::{self, Plain},
};

/// Why a command runs without a question.
#[derive(Debug)]
pub(crate) struct Unasked {
    /// The rule: the user's, else one of the built-in list.
    pub(crate) rule: RuleText,
    /// Whether all of it only reads, so that it needs to write nothing.
    pub(crate) reads_only: bool,
}

/// The programs that `command` names by bare words, if it is a line that rules may allow. Sorted.
pub fn bare_programs(command: &str) -> Vec<String> {
    let mut programs: Vec<String> = Vec::new();
    for Plain { words, .. } in shell::plain(command).unwrap_or_default() {
        let inner = beyond_timers(&words).unwrap_or_default();
        programs.extend(words.iter().take(1).chain(inner.iter().take(1)).filter(|word| !word.contains('/')).cloned());
    }
    programs.sort_unstable();
    programs.dedup();
    programs
}

/// Why the command of `access` runs without a question, if it does.
///
/// # Errors
/// When the built-in list is broken.
pub(crate) fn unasked(policy: &Policy, access: &Access) -> Result<Option<Unasked>, String> {
    let Some(text) = &access.command else { return Ok(None) };
    let Some(commands) = shell::plain(text).filter(|_| text.len() <= shell::MOST_BYTES) else { return Ok(None) };
    let mut found: Option<Unasked> = None;
    for command in &commands {
        let Some(one) = segment(policy, access, &command.words)? else { return Ok(None) };
        found = Some(match found {
            // What the user allowed says more than what everybody may.
            Some(before) if one.reads_only => before,
            Some(before) => Unasked { reads_only: before.reads_only && one.reads_only, ..one },
            None => one,
        });
    }
    Ok(found)
}

/// Commands of git that are asked for what they print. Sorted.
const LOOKING: &[&str] = &[
    "blame",
    "describe",
    "diff",
    "grep",
    "log",
    "ls-files",
    "ls-tree",
    "merge-base",
    "rev-list",
    "rev-parse",
    "shortlog",
    "show",
    "status",
];

/// Whether git, in the command of `access` that a rule or the built-in list lets run, is to run nothing that a repository
/// names: all that git does in it is to look. Where it does more (`git commit`), hooks are a part of what was allowed.
pub fn disarms_git(policy: &Policy, access: &Access) -> bool {
    let Some(text) = access.command.as_ref().filter(|text| text.contains("git")) else { return false };
    if (policy.approval != Approval::Untrusted && !policy.is_planning)
        || !matches!(unasked(policy, access), Ok(Some(_)))
    {
        return false;
    }
    let commands = shell::plain(text).unwrap_or_default();
    let verbs = commands.iter().filter_map(|command| {
        let (program, arguments) = beyond_timers(&command.words)?.split_first()?;
        (program == "git").then(|| shell::beyond_git_options(arguments).first().map_or("", String::as_str))
    });
    let verbs: Vec<&str> = verbs.collect();
    !verbs.is_empty() && verbs.iter().all(|verb| LOOKING.contains(verb))
}

fn segment(policy: &Policy, access: &Access, words: &[String]) -> Result<Option<Unasked>, String> {
    let Some(inner) = beyond_timers(words) else { return Ok(None) };
    let trusted = [words, inner].iter().filter_map(|words| words.first()).all(|word| is_trusted(policy, access, word));
    if !trusted {
        return Ok(None);
    }
    // In plan mode it only counts whether it reads.
    let mut allowing =
        policy.rules.of(RuleKind::Allow).filter(|_| !policy.is_planning).filter_map(|(rule, pattern)| {
            let (written, of) = match pattern.allows(words) {
                Some(written) => (written, words),
                None => (pattern.allows(inner)?, inner),
            };
            // What was allowed word for word is what was meant.
            let exact = rule.text.trim_start().starts_with('=');
            Some((rule, exact || held(of, written)))
        });
    if let Some((rule, _)) = allowing.find(|(_, holds)| *holds) {
        return Ok(Some(Unasked { rule: rule.clone(), reads_only: false }));
    }
    Ok(read_only::listed(inner)?
        // Without walls, settings of a repository could start anything.
        .filter(|entry| !entry.repository || policy.level == SandboxLevel::WorkspaceWrite || policy.is_planning)
        .map(|entry| {
            let text = entry.text(inner.first().map(String::as_str).unwrap_or_default());
            Unasked { rule: RuleText { kind: RuleKind::Allow, text, origin: "built-in".into() }, reads_only: true }
        }))
}

/// Whether a command of these words, and all that it wraps, does no more than a rule of its first `written` words meant.
fn held(words: &[String], written: usize) -> bool {
    let no_guard = |words: &[String], written| matches!(read_only::guarded(words, written), Ok(None));
    let inner = shell::inside(words);
    no_guard(words, written) && inner.is_some_and(|inner| inner.iter().all(|command| no_guard(&command.words, 0)))
}

/// `words` without `time` and `timeout N` before them. Nothing if those are used in another way.
fn beyond_timers(mut words: &[String]) -> Option<&[String]> {
    loop {
        words = match words {
            [timer, rest @ ..] if timer == "time" && !rest.is_empty() => rest,
            [timer, limit, rest @ ..] if timer == "timeout" && is_duration(limit) && !rest.is_empty() => rest,
            [timer, ..] if timer == "time" || timer == "timeout" => return None,
            words => return Some(words),
        };
    }
}

fn is_duration(word: &str) -> bool {
    let number = word.strip_suffix(['s', 'm', 'h', 'd']).unwrap_or(word);
    !number.is_empty() && number.chars().all(|c| c.is_ascii_digit() || c == '.')
}

/// Whether `word` names a program that no command can have changed.
fn is_trusted(policy: &Policy, access: &Access, word: &str) -> bool {
    // `time` is a word of the shell's own.
    if word == "time" {
        return true;
    }
    let changeable = || {
        let own = policy.writable.iter().chain(&policy.caches).chain([&policy.temp]).map(std::path::PathBuf::as_path);
        own.chain(["/tmp", "/var/tmp", "/dev/shm", "/run"].map(Path::new)).filter(|root| !root.as_os_str().is_empty())
    };
    !word.contains('/')
        && !is_special(word)
        && access
            .programs
            .get(word)
            .is_some_and(|real| real.is_absolute() && !changeable().any(|root| real.starts_with(root)))
}

/// The rule that would let the command of `access` run without a question, if it is a plain command that one can name.
pub(crate) fn exact_rule(policy: &Policy, access: &Access) -> Option<String> {
    let text = access.command.as_ref()?;
    let commands = shell::plain(text)?;
    let [command] = commands.as_slice() else { return None };
    let words = &command.words;
    let usable = words.first().is_some_and(|word| is_trusted(policy, access, word)) && may_be_allowed(words).is_ok();
    let line = usable.then(|| shell::join(words))?;
    // It must come to mean the same when it is read again.
    let read = shell::plain(&line)?;
    matches!(read.as_slice(), [read] if read.words == *words).then(|| format!("={line}"))
}

/// The words of a rule that [`Question::remember`](crate::Question::remember) proposed.
pub fn rule_words(rule: &str) -> Option<Vec<String>> {
    shlex::split(rule.strip_prefix('=')?)
}

/// The rule for whatever begins with `words`.
pub fn prefix_rule(words: &[String]) -> Option<String> {
    shlex::try_join(words.iter().map(String::as_str)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn git_is_disarmed_where_nobody_looks_at_what_it_looks_at() {
        let rules = ["touch a", "git commit"].iter().map(|text| RuleText {
            kind: RuleKind::Allow,
            text: (*text).to_owned(),
            origin: "test".into(),
        });
        let policy = |approval| Policy {
            level: SandboxLevel::WorkspaceWrite,
            approval,
            rules: crate::Rules::new(rules.clone().collect()).unwrap(),
            ..Policy::default()
        };
        let access = |line: &str| Access {
            command: Some(line.into()),
            programs: ["git", "touch", "ls", "timeout"]
                .map(|name| (name.into(), format!("/usr/bin/{name}").into()))
                .into(),
            ..Access::default()
        };
        let table = [
            ("git status", true),
            ("timeout 5 git log -3", true),
            ("touch a && git diff", true),
            ("ls && git show | ls", true),
            // The hooks of a commit are a part of what was allowed.
            ("git commit -m x", false),
            ("git status && git commit -m x", false),
            // These are asked about.
            ("git --no-pager diff", false),
            ("git status > x", false),
            ("git grep x", false),
            ("ls .git", false),
            ("ls", false),
        ];
        for (line, expected) in table {
            assert_eq!(disarms_git(&policy(Approval::Untrusted), &access(line)), expected, "{line}");
            assert!(!disarms_git(&policy(Approval::OnRequest), &access(line)), "{line}");
        }
        assert!(LOOKING.is_sorted());
    }

    #[test]
    fn programs_that_are_looked_up() {
        let table: &[(&str, &[&str])] = &[
            ("git diff | head -5 && cargo test", &["cargo", "git", "head"]),
            ("timeout 10 cargo test", &["cargo", "timeout"]),
            ("./git diff", &[]),
            ("git $x", &[]),
            ("", &[]),
        ];
        for (line, expected) in table {
            assert_eq!(bare_programs(line), *expected, "{line}");
        }
    }
}
