//! Decisions, as tables.

use std::path::PathBuf;

use super::*;

fn policy(level: SandboxLevel, approval: Approval) -> Policy {
    Policy {
        level,
        approval,
        writable: vec!["/w".into(), "/added".into()],
        protected: vec!["/w/.git/hooks".into(), "/w/home".into()],
        temp: "/w/home/temp".into(),
        ..Policy::default()
    }
}

fn writes(path: &str) -> Access {
    Access { writes: vec![PathBuf::from(path)], ..Access::default() }
}

fn word(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Allow(Confinement::Unconfined) => "allow unconfined",
        Verdict::Allow(_) => "allow",
        Verdict::Ask(_) => "ask",
        Verdict::Refuse { .. } => "refuse",
    }
}

#[test]
fn what_is_hidden_is_neither_read_nor_written() {
    let hiding =
        |level| Policy { hidden: vec!["/w/.env".into(), "/home/me/.ssh".into()], ..policy(level, Approval::Never) };
    let reads = |path: &str| Access { reads: vec![path.into()], ..Access::default() };
    let table = [
        (reads("/home/me/.ssh/id"), "refuse"),
        (reads("/home/me/.ssh"), "refuse"),
        (reads("/home/me/.sshd"), "allow"),
        (reads("/w/.env"), "refuse"),
        (writes("/w/.env"), "refuse"),
        (writes("/w/.env.example"), "allow"),
    ];
    for (access, expected) in &table {
        let verdict = decide(&hiding(SandboxLevel::WorkspaceWrite), access);
        assert_eq!(word(&verdict), *expected, "{access:?}: {verdict:?}");
    }
    // Our own git does not see it either, nor do commands under a stricter level.
    let git = Access { read_only_program: true, ..Access::default() };
    for level in [SandboxLevel::ReadOnly, SandboxLevel::WorkspaceWrite] {
        let policy = hiding(level);
        let Verdict::Allow(Confinement::Confined(walls)) = decide(&policy, &git) else { panic!("not allowed") };
        assert_eq!(walls.hidden, policy.hidden);
    }
}

#[test]
fn verdicts() {
    use Approval::{Never, OnRequest, Untrusted};
    use SandboxLevel::{DangerFullAccess, ReadOnly, WorkspaceWrite};
    let run = Access { command: Some("true".into()), ..Access::default() };
    let leave = Access { outside_sandbox: Some("npm install".into()), ..run.clone() };
    let read = Access { reads: vec!["/etc/passwd".into()], ..Access::default() };
    let git = Access { read_only_program: true, ..Access::default() };
    let table: &[(SandboxLevel, Approval, &Access, &str)] = &[
        (WorkspaceWrite, Never, &run, "allow"),
        (WorkspaceWrite, OnRequest, &run, "allow"),
        (WorkspaceWrite, Untrusted, &run, "ask"),
        (WorkspaceWrite, Untrusted, &read, "allow"),
        (WorkspaceWrite, Never, &leave, "refuse"),
        (WorkspaceWrite, OnRequest, &leave, "ask"),
        (WorkspaceWrite, Never, &writes("/w/a"), "allow"),
        (WorkspaceWrite, Never, &writes("/added/a"), "allow"),
        (WorkspaceWrite, Never, &writes("/w/home/temp/a"), "allow"),
        (WorkspaceWrite, Never, &writes("/w-evil/a"), "refuse"),
        (WorkspaceWrite, Untrusted, &writes("/etc/passwd"), "refuse"),
        (ReadOnly, Never, &run, "refuse"),
        (ReadOnly, Untrusted, &writes("/w/a"), "refuse"),
        (ReadOnly, Never, &read, "allow"),
        (ReadOnly, Never, &git, "allow"),
        (DangerFullAccess, Never, &run, "allow unconfined"),
        (DangerFullAccess, Never, &leave, "allow unconfined"),
        (DangerFullAccess, Never, &writes("/etc/passwd"), "allow unconfined"),
    ];
    for (level, approval, access, expected) in table {
        let verdict = decide(&policy(*level, *approval), access);
        assert_eq!(word(&verdict), *expected, "{level:?} {approval:?} {access:?}: {verdict:?}");
    }
}

#[test]
fn our_own_git_stays_read_only_without_walls() {
    let git = Access { read_only_program: true, ..Access::default() };
    let policy = policy(SandboxLevel::DangerFullAccess, Approval::Never);
    assert_eq!(decide(&policy, &git), Verdict::Allow(Confinement::read_only(&policy.writable)));
}

/// A set of the data file.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Set {
    name: String,
    sandbox: SandboxLevel,
    approval: Approval,
    full_auto: bool,
    deny: Vec<String>,
    ask: Vec<String>,
    allow: Vec<String>,
    allowed: Vec<String>,
    unwritable: Vec<String>,
    asks: Vec<String>,
    denied: Vec<String>,
}

impl Default for Set {
    fn default() -> Self {
        Self {
            name: String::new(),
            sandbox: SandboxLevel::WorkspaceWrite,
            approval: Approval::OnRequest,
            full_auto: false,
            deny: Vec::new(),
            ask: Vec::new(),
            allow: Vec::new(),
            allowed: Vec::new(),
            unwritable: Vec::new(),
            asks: Vec::new(),
            denied: Vec::new(),
        }
    }
}

#[derive(serde::Deserialize)]
struct Sets {
    set: Vec<Set>,
}

/// Rules of one kind, from a test.
fn rules(rules: &[(RuleKind, &[String])]) -> crate::Rules {
    let of = |(kind, texts): &(RuleKind, &[String])| {
        let kind = *kind;
        texts.iter().map(move |text| RuleText { kind, text: text.clone(), origin: "test".into() }).collect::<Vec<_>>()
    };
    crate::Rules::new(rules.iter().flat_map(of).collect()).unwrap()
}

/// A command as the tool that runs it declares it: all programs are in `/usr/bin`, but for two.
fn runs(command: &str) -> Access {
    let place = |name: String| match name.as_str() {
        "missing" => None,
        "planted" => Some((name, "/w/bin/planted".into())),
        _ => Some((name.clone(), PathBuf::from("/usr/bin").join(name))),
    };
    Access {
        command: Some(command.into()),
        directory: Some("/w".into()),
        programs: crate::bare_programs(command).into_iter().filter_map(place).collect(),
        ..Access::default()
    }
}

#[test]
fn commands_get_the_verdicts_of_the_data_file() {
    let Sets { set: sets } = toml::from_str(include_str!("commands.toml")).unwrap();
    let mut count = 0;
    let mut wrong = Vec::new();
    for set in sets {
        let rules = rules(&[(RuleKind::Deny, &set.deny), (RuleKind::Ask, &set.ask), (RuleKind::Allow, &set.allow)]);
        let policy = Policy { rules, full_auto: set.full_auto, ..policy(set.sandbox, set.approval) };
        let expected =
            [("allow", &set.allowed), ("unwritable", &set.unwritable), ("ask", &set.asks), ("deny", &set.denied)];
        for (expected, commands) in expected {
            for command in commands {
                let found = explain(&policy, &runs(command));
                let unwritable = found.verdict == "allow" && found.confinement != policy.confinement();
                let verdict = if unwritable { "unwritable" } else { found.verdict };
                count += 1;
                if verdict != expected {
                    let Explanation { reason, commands, .. } = found;
                    wrong.push(format!("{}: {command:?}: {verdict}, not {expected}: {reason} {commands:?}", set.name));
                }
            }
        }
    }
    assert!(count > 600, "{count}");
    assert!(wrong.is_empty(), "{} of {count}:\n{}", wrong.len(), wrong.join("\n"));
}
