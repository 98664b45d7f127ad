//! Decisions, as tables.

use std::path::PathBuf;

use codex_sandbox::Network;

use super::*;

fn policy(level: SandboxLevel, approval: Approval) -> Policy {
    Policy {
        level,
        approval,
        may_leave: true,
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
fn where_nobody_may_leave_the_walls_nobody_is_asked_to() {
    use SandboxLevel::{DangerFullAccess, WorkspaceWrite};
    let leave = Access { command: Some("true".into()), outside_sandbox: Some("so".into()), ..Access::default() };
    let table = [
        (WorkspaceWrite, Approval::OnRequest, "refuse"),
        (WorkspaceWrite, Approval::Untrusted, "refuse"),
        (DangerFullAccess, Approval::OnRequest, "allow unconfined"),
    ];
    for (level, approval, expected) in table {
        let policy = Policy { may_leave: false, ..policy(level, approval) };
        let verdict = decide(&policy, &leave);
        assert_eq!(word(&verdict), expected, "{level:?} {approval:?}: {verdict:?}");
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

#[test]
fn what_is_typed_to_no_shell_need_not_be_a_command() {
    let policy = Policy {
        rules: rules(&[(RuleKind::Deny, &["rm".into()])]),
        ..policy(SandboxLevel::WorkspaceWrite, Approval::Never)
    };
    let table = [
        ("it's (ok\n", "python3", "allow"),
        ("it's (ok\n", "bash", "refuse"),
        ("it's (ok\n", "timeout 5 sudo -i", "refuse"),
        ("it's (ok\n", "$X", "refuse"),
        ("it's (rm x\n", "python3", "refuse"),
        ("rm x\n", "cat", "refuse"),
        ("yes\n", "bash", "allow"),
    ];
    for (text, to, expected) in table {
        let access = Access { typed: !crate::is_prompt(to), ..runs(text) };
        assert_eq!(word(&decide(&policy, &access)), expected, "{text} {to}");
    }
}

#[test]
fn instructions_change_only_when_somebody_agrees() {
    use Approval::{Never, OnRequest, Untrusted};
    let table = [
        ("/w/AGENTS.md", OnRequest, false, "ask"),
        ("/w/sub/claude.md", OnRequest, false, "ask"),
        ("/w/AGENTS.md", Untrusted, false, "ask"),
        ("/w/AGENTS.md", Never, false, "refuse"),
        ("/w/AGENTS.md", Never, true, "allow"),
        ("/w/AGENTS.md.txt", Never, false, "allow"),
        ("/elsewhere/AGENTS.md", OnRequest, false, "refuse"),
    ];
    for (path, approval, full_auto, expected) in table {
        let policy = Policy { full_auto, ..policy(SandboxLevel::WorkspaceWrite, approval) };
        let verdict = decide(&policy, &writes(path));
        assert_eq!(word(&verdict), expected, "{path}: {verdict:?}");
    }
    let full = policy(SandboxLevel::DangerFullAccess, OnRequest);
    assert_eq!(word(&decide(&full, &writes("/w/AGENTS.md"))), "allow unconfined");
}

#[test]
fn what_can_be_remembered_is_the_exact_command() {
    let untrusted = policy(SandboxLevel::WorkspaceWrite, Approval::Untrusted);
    let table = [
        ("cargo build", Some("=cargo build")),
        ("cargo build 2>&1", Some("=cargo build")),
        ("git commit -m 'a b'", Some("=git commit -m 'a b'")),
        ("git commit -m \"it's\"", Some("=git commit -m \"it's\"")),
        ("git diff --output=x", Some("=git diff --output=x")),
        ("python3 x.py", Some("=python3 x.py")),
        ("cargo build && cargo test", None),
        ("cargo build > f", None),
        ("./build", None),
        ("planted x", None),
        ("missing", None),
        ("bash", None),
        ("cd x", None),
        ("rm -rf x", None),
        ("cargo build $X", None),
    ];
    for (command, expected) in table {
        let Verdict::Ask(question) = decide(&untrusted, &runs(command)) else { panic!("{command}") };
        assert_eq!(question.remember.as_deref(), expected, "{command}");
        let Some(rule) = question.remember else { continue };
        let policy = Policy { rules: rules(&[(RuleKind::Allow, &[rule])]), ..untrusted.clone() };
        assert_eq!(word(&decide(&policy, &runs(command))), "allow", "{command}");
        assert_eq!(word(&decide(&policy, &runs(&format!("{command} x")))), "ask", "{command}");
    }
}

#[test]
fn a_question_names_its_rule_and_a_refusal_its_place() {
    let on_request = policy(SandboxLevel::WorkspaceWrite, Approval::OnRequest);
    let Verdict::Ask(question) = decide(&on_request, &runs("ls; git reset --hard")) else { panic!() };
    let class = RuleText { kind: RuleKind::Ask, text: "destructive-commands".into(), origin: "built-in".into() };
    assert_eq!((question.rule, question.confinement), (Some(class), on_request.confinement()));
    assert!(question.reason.contains("`git reset --hard`"), "{}", question.reason);
    let denies = Policy { rules: rules(&[(RuleKind::Deny, &["npm publish".into()])]), ..on_request };
    let leave = Access { outside_sandbox: Some("why".into()), ..runs("npm publish") };
    let Verdict::Refuse { reason } = decide(&denies, &leave) else { panic!() };
    assert_eq!(reason, "`npm publish` is denied by the rule `npm publish` (test)");
    let leave = Access { outside_sandbox: Some("why".into()), ..runs("rm -rf x") };
    let Verdict::Ask(question) = decide(&denies, &leave) else { panic!() };
    assert_eq!((question.confinement, question.remember), (Confinement::Unconfined, None));
    assert!(question.reason.contains("leave the sandbox") && question.reason.contains("`rm -rf x`"));
}

#[test]
fn what_is_thrown_away_touches_nothing() {
    use Approval::{Never, OnRequest, Untrusted};
    use SandboxLevel::{DangerFullAccess, ReadOnly, WorkspaceWrite};
    let leave = Access { outside_sandbox: Some("why".into()), ..runs("ls") };
    let uncovers = crate::Uncovers { paths: vec!["/w/AGENTS.md".into()], ..Default::default() };
    let uncovering = Access { uncovers: Some(uncovers), ..runs("git checkout x") };
    let table = [
        (WorkspaceWrite, OnRequest, runs("cargo test"), "allow"),
        (WorkspaceWrite, OnRequest, leave.clone(), "refuse"),
        (WorkspaceWrite, OnRequest, writes("/w/x"), "refuse"),
        (WorkspaceWrite, OnRequest, uncovering, "allow"),
        (WorkspaceWrite, Untrusted, runs("cargo test"), "ask"),
        (WorkspaceWrite, Untrusted, leave.clone(), "refuse"),
        (DangerFullAccess, Never, runs("cargo test"), "allow"),
        (DangerFullAccess, OnRequest, leave, "refuse"),
        (ReadOnly, OnRequest, runs("cargo test"), "refuse"),
    ];
    for (level, approval, access, expected) in table {
        let base = Policy {
            git: vec!["/w/.git".into(), "/main/.git".into()],
            caches: vec!["/c".into()],
            hidden: vec!["/w/.env".into()],
            ..policy(level, approval)
        };
        let verdict = decide(&base.thrown_away("/t".into()), &access);
        assert_eq!(word(&verdict), expected, "{level:?} {approval:?} {access:?}: {verdict:?}");
        if let Verdict::Allow(Confinement::Confined(walls)) = verdict {
            assert_eq!((&walls.writable[..], walls.temp), (&[PathBuf::from("/t")][..], Some("/t".into())));
            assert_eq!(walls.caches, ["/added", "/c", "/main/.git", "/w"].map(PathBuf::from));
            assert_eq!(walls.hidden, base.hidden);
            let network = if level == DangerFullAccess { Network::Host } else { Network::LoopbackOnly };
            assert_eq!(walls.network, network);
        }
    }
}

#[test]
fn programs_that_commands_could_have_changed_are_not_trusted() {
    let base = policy(SandboxLevel::WorkspaceWrite, Approval::Untrusted);
    let policy = Policy { caches: vec!["/home/me/go".into()], ..base };
    let table = [
        ("/usr/bin/ls", "allow"),
        ("/w/ls", "ask"),
        ("/added/bin/ls", "ask"),
        ("/w/home/temp/ls", "ask"),
        ("/tmp/ls", "ask"),
        ("/home/me/go/bin/ls", "ask"),
        ("/home/me/bin/ls", "allow"),
        ("bin/ls", "ask"),
    ];
    for (place, expected) in table {
        let access = Access { programs: [("ls".to_owned(), place.into())].into(), ..runs("ls") };
        assert_eq!(word(&decide(&policy, &access)), expected, "{place}");
    }
    let walls = decide(&policy, &runs("ls"));
    let Verdict::Allow(Confinement::Confined(walls)) = walls else { panic!("{walls:?}") };
    assert_eq!(walls.protected, walls.writable);
    assert_eq!((walls.writable, walls.temp), (policy.writable.clone(), Some(policy.temp.clone())));
}

#[test]
fn size_is_no_way_out() {
    let rules = rules(&[(RuleKind::Deny, &["rm".into()])]);
    let policy = Policy { rules, ..policy(SandboxLevel::WorkspaceWrite, Approval::Never) };
    let verdict = |command: &str| explain(&policy, &runs(command)).verdict;
    assert_eq!(verdict(&format!("{}rm x", "true;".repeat(1_000))), "deny");
    assert_eq!(verdict(&format!("{}rm x", "true;".repeat(10_000))), "deny");
    assert_eq!(verdict(&format!("{}ls", "true;".repeat(10_000))), "deny");
    assert_eq!(verdict(&format!("cat > f <<'E'\n{}\nE", "rm x\n".repeat(10_000))), "allow");
    assert_eq!(verdict(&format!("bash <<'E'\n{}\nE", "ls x\n".repeat(10_000))), "deny");
    let (open, close) = ("(".repeat(2_000), ")".repeat(2_000));
    assert_eq!(verdict(&format!("{open}ls{close}")), "deny");
    let nested = (0..8).fold("ls".to_owned(), |line, _| format!("bash -c {}", shlex::try_quote(&line).unwrap()));
    assert_eq!(verdict(&nested), "allow");
    let without = self::policy(SandboxLevel::WorkspaceWrite, Approval::OnRequest);
    let verdict = |command: &str| explain(&without, &runs(command)).verdict;
    assert_eq!(verdict(&format!(": {}; rm -rf d", "a ".repeat(5_000))), "ask");
    assert_eq!(verdict(&format!("{}rm -rf d", "true;".repeat(10_000))), "ask");
    assert_eq!(verdict(&format!("cat > f <<E\n{}$x\nE", "a b c d\n".repeat(3_000))), "allow");
}
