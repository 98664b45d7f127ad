//! The decision itself.
//!
//! The strictest of all that is to be said of an action counts: what is denied, what the level rules out, what cannot be
//! told, what asks, what runs. No rule ever widens the walls.

use std::path::Path;

use codex_sandbox::{Confinement, shown};

use crate::{
    Access, Approval, Policy, RuleKind, RuleText, SandboxLevel,
    classes::Class,
    fetching,
    pattern::Fit,
    planning, remote,
    rules::Pattern,
    shell::{self, Reading, Simple},
    unasked::{exact_rule, unasked},
    uncover::{Uncovering, uncovering},
};

/// What is to happen with an action.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It runs, inside these walls.
    Allow(Confinement),
    /// A person decides.
    Ask(Box<Question>),
    /// It does not run.
    Refuse {
        /// Why, in a sentence the model can act on, without its full stop.
        reason: String,
    },
}

/// What a person is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// The walls that it runs inside if the answer is yes.
    pub confinement: Confinement,
    /// Why a person has to decide, in a sentence without its full stop.
    pub reason: String,
    /// The rule because of which it asks, if it is one.
    pub rule: Option<RuleText>,
    /// The rule that an answer "yes, always" would add: the exact command (`=…`). `None`: it cannot be remembered.
    pub remember: Option<String>,
    /// What the walls will not hold from then on: then it is them that are asked about, for the session, and not the
    /// action.
    pub not_held: &'static [&'static str],
}

/// A verdict, and how it came about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// `allow`, `ask` or `deny`.
    pub verdict: &'static str,
    /// The rule that decided, if one did.
    pub rule: Option<RuleText>,
    /// Why, in a sentence without its full stop.
    pub reason: String,
    /// The simple commands that were found, those inside of others too, each as its words. What is not known before
    /// it runs is `…`.
    pub commands: Vec<Vec<String>>,
    /// The walls that it runs inside, or would.
    pub confinement: Confinement,
}

/// What was decided, and by which rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judgement {
    /// What is to happen.
    pub verdict: Verdict,
    /// The rule that decided, if one did.
    pub rule: Option<RuleText>,
    /// Why, in a sentence without its full stop.
    pub reason: String,
}

impl Judgement {
    pub(crate) fn allow(confinement: Confinement, rule: Option<RuleText>, reason: &str) -> Self {
        Self { verdict: Verdict::Allow(confinement), rule, reason: reason.to_owned() }
    }

    pub(crate) fn ask(
        confinement: Confinement,
        reason: String,
        rule: Option<RuleText>,
        remember: Option<String>,
    ) -> Self {
        let (reason_asked, rule_asked) = (reason.clone(), rule.clone());
        let question = Question { confinement, reason: reason_asked, rule: rule_asked, remember, not_held: &[] };
        Self { verdict: Verdict::Ask(Box::new(question)), rule, reason }
    }

    pub(crate) fn refuse(reason: String, rule: Option<RuleText>) -> Self {
        Self { verdict: Verdict::Refuse { reason: reason.clone() }, rule, reason }
    }
}

/// Decides on an action. Whatever no rule speaks of is refused or asked about, never allowed.
pub fn decide(policy: &Policy, access: &Access) -> Verdict {
    judge(policy, access).verdict
}

/// As [`decide`], with the rule and the reason.
pub fn judge(policy: &Policy, access: &Access) -> Judgement {
    judge_read(policy, access, &read(access))
}

/// As [`decide`], with what it was decided by.
pub fn explain(policy: &Policy, access: &Access) -> Explanation {
    let reading = read(access);
    let Judgement { verdict, rule, reason } = judge_read(policy, access, &reading);
    let (verdict, confinement) = match verdict {
        Verdict::Allow(confinement) => ("allow", confinement),
        Verdict::Ask(question) => ("ask", question.confinement),
        Verdict::Refuse { .. } => ("deny", policy.confinement()),
    };
    let commands = reading.commands.iter().map(Simple::shown).collect();
    Explanation { verdict, rule, reason, commands, confinement }
}

fn read(access: &Access) -> Reading {
    let mut reading = access.command.as_deref().map(shell::read).unwrap_or_default();
    // Where no shell reads it, what is no command line is text; the look at its words still counts.
    reading.obscure = reading.obscure.filter(|reason| !access.typed || reason != shell::NOT_PARSED);
    reading
}

fn judge_read(policy: &Policy, access: &Access, reading: &Reading) -> Judgement {
    // Rules that cannot be read must not let anything pass.
    judge_with_rules(policy, access, reading).unwrap_or_else(|error| Judgement::refuse(error, None))
}

fn judge_with_rules(policy: &Policy, access: &Access, reading: &Reading) -> Result<Judgement, String> {
    if let Some(call) = &access.remote {
        return Ok(remote::judge(policy, call));
    }
    let denied = denied(policy, reading)?;
    if let Denied::By(rule, command) = denied {
        let reason = format!("`{command}` is denied by the rule `{}` ({})", rule.text, rule.origin);
        return Ok(Judgement::refuse(reason, Some(rule)));
    }
    if let Some(reason) = beyond_level(policy, access) {
        return Ok(Judgement::refuse(reason, None));
    }
    if let Some(fetch) = &access.fetch {
        return Ok(fetching::judge(policy, fetch));
    }
    if policy.is_planning {
        let always_asks = !matches!(denied, Denied::No) || asked_about(policy, access, reading)?.is_some();
        return planning::judge(policy, access, always_asks);
    }
    if access.read_only_program {
        let walls = policy.confinement_for_our_programs();
        return Ok(Judgement::allow(walls, None, "it is git, which only reads here"));
    }
    let nobody = policy.approval == Approval::Never;
    let unknown = match denied {
        Denied::Perhaps(reason) => Some(reason),
        Denied::By(..) | Denied::No => None,
    };
    if let (Some(reason), true) = (&unknown, nobody) {
        let reason = format!(
            "{reason}, so that it cannot be held against the rules that deny, and nobody can be asked. Write it out in plain \
             words"
        );
        return Ok(Judgement::refuse(reason, None));
    }
    let dangerous = asked_about(policy, access, reading)?;
    if let (Some((rule, what)), true, false) = (&dangerous, nobody, policy.full_auto) {
        let reason = format!("{what} always asks ({}), and nobody can be asked", origin(rule.as_ref()));
        return Ok(Judgement::refuse(reason, rule.clone()));
    }
    if access.outside_sandbox.is_some() && policy.level != SandboxLevel::DangerFullAccess {
        return Ok(leave_sandbox(policy, dangerous));
    }
    let (confinement, uncovered) = match uncovering(policy, access) {
        Uncovering::No => (policy.confinement(), None),
        Uncovering::Never(reason) => return Ok(Judgement::refuse(reason, None)),
        Uncovering::Yes(found) => {
            let walls = policy.confinement_without(&found.paths);
            return Ok(Judgement::allow(walls, None, "`--full-auto` says yes to what agents are told"));
        }
        Uncovering::Ask(found, reason, rule) => (policy.confinement_without(&found.paths), Some((reason, rule))),
    };
    // All that there is to say: one answer stands for it.
    let and = |reason: String| match &uncovered {
        Some((more, _)) => format!("{reason}; and {more}"),
        None => reason,
    };
    if let (Some((rule, what)), false) = (dangerous, nobody) {
        let reason = and(format!("{what} always asks ({})", origin(rule.as_ref())));
        return Ok(Judgement::ask(confinement, reason, rule.or(uncovered.map(|(_, rule)| rule)), None));
    }
    if let Some(reason) = unknown {
        let reason = and(format!("{reason}, so that it cannot be held against the rules that deny"));
        return Ok(Judgement::ask(confinement, reason, uncovered.map(|(_, rule)| rule), None));
    }
    if let Some((reason, rule)) = uncovered {
        return Ok(Judgement::ask(confinement, reason, Some(rule), None));
    }
    let changes = !access.writes.is_empty() || access.command.is_some();
    if policy.approval != Approval::Untrusted || !changes {
        return Ok(Judgement::allow(confinement, None, "nothing forbids it, and the sandbox holds it"));
    }
    Ok(match unasked(policy, access)? {
        Some(found) if found.reads_only => {
            let walls = policy.confinement_for_reading();
            Judgement::allow(walls, Some(found.rule), "it is on the list of what only reads")
        }
        Some(found) => Judgement::allow(confinement, Some(found.rule), "a rule allows it"),
        None => {
            let reason = "it is not on the list of what runs without asking".to_owned();
            Judgement::ask(confinement, reason, None, exact_rule(policy, access))
        }
    })
}

fn leave_sandbox(policy: &Policy, dangerous: Option<(Option<RuleText>, String)>) -> Judgement {
    match policy.approval {
        _ if !policy.may_leave => Judgement::refuse(
            "leaving the sandbox is not possible in this session, whoever is asked. Do it inside the sandbox, or say what \
             you could not do"
                .into(),
            None,
        ),
        Approval::Never => Judgement::refuse(
            "leaving the sandbox was not allowed: nobody can be asked. Do it inside the sandbox, or say what you could not do"
                .into(),
            None,
        ),
        Approval::Untrusted | Approval::OnRequest => {
            let mut reason = "it asks to leave the sandbox".to_owned();
            let rule = dangerous.and_then(|(rule, what)| {
                reason = format!("{reason}, and {what} always asks ({})", origin(rule.as_ref()));
                rule
            });
            Judgement::ask(Confinement::Unconfined, reason, rule, None)
        }
    }
}

fn origin(rule: Option<&RuleText>) -> String {
    rule.map_or_else(|| "built-in".to_owned(), |rule| format!("rule `{}`, {}", rule.text, rule.origin))
}

/// What the rules that deny say of a command.
enum Denied {
    No,
    /// This rule matches this command.
    By(RuleText, String),
    /// Nothing that was found is denied, but not all could be found: why.
    Perhaps(String),
}

fn denied(policy: &Policy, reading: &Reading) -> Result<Denied, String> {
    let mut unknown = None;
    for (rule, pattern) in policy.rules.of(RuleKind::Deny) {
        if let Some(command) = guessed(pattern, reading)? {
            return Ok(Denied::By(rule.clone(), command.line()));
        }
        for command in &reading.commands {
            match pattern.fit(command)? {
                Fit::Yes => return Ok(Denied::By(rule.clone(), command.line())),
                Fit::Maybe => {
                    unknown.get_or_insert_with(|| format!("`{}` may be what `{}` denies", command.line(), rule.text));
                }
                Fit::No => {}
            }
        }
        unknown = unknown.or_else(|| reading.obscure.clone());
    }
    Ok(unknown.map_or(Denied::No, Denied::Perhaps))
}

/// What of the raw text a rule matches.
fn guessed<'a>(pattern: &Pattern, reading: &'a Reading) -> Result<Option<&'a Simple>, String> {
    for guess in &reading.guesses {
        // Words of a class are often words of other things.
        if (guess.begins || !matches!(pattern, Pattern::Class(_))) && pattern.fit(&guess.command)? == Fit::Yes {
            return Ok(Some(&guess.command));
        }
    }
    Ok(None)
}

/// Why a person is always asked, if so: the rule, unless it is built in without one, and what it is about.
type Asked = Option<(Option<RuleText>, String)>;

fn asked_about(policy: &Policy, access: &Access, reading: &Reading) -> Result<Asked, String> {
    if policy.level == SandboxLevel::WorkspaceWrite
        && let Some(path) = access.writes.iter().find(|path| instructs(path))
    {
        let text = INSTRUCTIONS.join(", ");
        let rule = RuleText { kind: RuleKind::Ask, text, origin: "built-in".to_owned() };
        return Ok(Some((Some(rule), format!("a change of {}, which tells agents what to do,", shown(path)))));
    }
    for (rule, pattern) in policy.rules.of(RuleKind::Ask) {
        for command in &reading.commands {
            if pattern.fit(command)? > Fit::No {
                return Ok(Some((Some(rule.clone()), format!("`{}`", command.line()))));
            }
        }
        if let Some(command) = guessed(pattern, reading)? {
            return Ok(Some((Some(rule.clone()), format!("`{}`", command.line()))));
        }
    }
    if reading.too_long {
        return Ok(Some((None, "what is too long to be checked".to_owned())));
    }
    for class in Class::all() {
        let pattern = Pattern::Class(class);
        let found = match guessed(&pattern, reading)? {
            Some(command) => Some(command),
            None => in_class(class, reading)?,
        };
        if let Some(command) = found {
            let rule = RuleText { kind: RuleKind::Ask, text: class.name().to_owned(), origin: "built-in".to_owned() };
            return Ok(Some((Some(rule), format!("`{}`", command.line()))));
        }
    }
    Ok(None)
}

fn in_class(class: Class, reading: &Reading) -> Result<Option<&Simple>, String> {
    for command in &reading.commands {
        if class.contains(command)? {
            return Ok(Some(command));
        }
    }
    Ok(None)
}

/// Files that tell agents what to do, wherever they lie: commands cannot write them, and a patch always asks.
const INSTRUCTIONS: &[&str] = &["AGENTS.md", "CLAUDE.md"];

pub(crate) fn instructs(path: &Path) -> bool {
    path.file_name().is_some_and(|name| INSTRUCTIONS.iter().any(|known| name.eq_ignore_ascii_case(known)))
}

/// Why the level of the sandbox rules the action out, if it does.
fn beyond_level(policy: &Policy, access: &Access) -> Option<String> {
    // The tools see to it too, and do not even say what is there; this holds for those that forget to.
    let hidden = |path: &&std::path::PathBuf| policy.hidden.iter().any(|hidden| path.starts_with(hidden));
    if let Some(path) = access.reads.iter().chain(&access.writes).find(hidden) {
        return Some(format!("{} is hidden: it may hold secrets, or an ignore file names it", shown(path)));
    }
    if policy.thrown_away && (access.outside_sandbox.is_some() || !access.writes.is_empty()) {
        return Some(
            "this is a review, which leaves everything as it is: commands run on a copy that is thrown away".into(),
        );
    }
    match policy.level {
        SandboxLevel::DangerFullAccess => None,
        SandboxLevel::ReadOnly if policy.is_planning => None,
        SandboxLevel::ReadOnly if access.command.is_some() => {
            Some("the sandbox is read-only: no commands run. Use the reading tools".into())
        }
        SandboxLevel::ReadOnly if !access.writes.is_empty() => {
            Some("the sandbox is read-only: nothing can be written".into())
        }
        SandboxLevel::ReadOnly => None,
        SandboxLevel::WorkspaceWrite => access.writes.iter().find_map(|path| unwritable(policy, path)),
    }
}

/// Which names below the roots are protected is `workspace::is_protected`'s to say, and asked by the tool that writes, of
/// each path, when it reads its arguments and again before it writes: one rule, which no second one can contradict.
fn unwritable(policy: &Policy, path: &Path) -> Option<String> {
    let writable = policy.writable.iter().chain([&policy.temp]);
    let inside = writable.into_iter().any(|root| path.starts_with(root));
    (!inside).then(|| format!("{} is outside the directories that may be written", shown(path)))
}

#[cfg(test)]
#[path = "random_tests.rs"]
mod random;
#[cfg(test)]
#[path = "decide_tests.rs"]
mod tests;
