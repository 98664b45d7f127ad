//! What the agent may do, by which rules, and what was decided: the answer to `/permissions`.

use codex_protocol::{
    ApprovalPolicy, NetworkReach, PermissionDecision, PermissionRule, SandboxMode, ThreadPermissions,
};
use jiff::{Timestamp, tz::TimeZone};

use super::{
    Outcome, Overlay, Pager, PagerEntry,
    panel::{labelled, paragraph, row},
    picker::{Entry, More, MoreKey, Picker},
};
use crate::{intent::Intent, look::Look, text::Row, theme::Role};

/// What holds now, in the pager; from there the mode can be changed.
pub fn permissions(permissions: &ThreadPermissions, look: &Look) -> Box<dyn Overlay> {
    // The pager has a margin.
    let look = &Look { width: look.width.saturating_sub(2).max(1), ..*look };
    let mut entries = vec![section("Sandbox", walls(permissions, look), look)];
    for (kind, title) in [("deny", "Never runs"), ("ask", "Always asks"), ("allow", "Runs without a question")] {
        let rules: Vec<Row> =
            permissions.rules.iter().filter(|rule| rule.rule.kind == kind).map(|rule| rule_row(rule, look)).collect();
        if !rules.is_empty() {
            entries.push(section(title, rules, look));
        }
    }
    let granted = permissions.granted.iter().map(|granted| row(look, &[("  ", Role::Plain), (granted, Role::Command)]));
    let granted: Vec<Row> = granted.collect();
    if !granted.is_empty() {
        entries.push(section("Runs again in this session", granted, look));
    }
    let decisions: Vec<Row> = permissions.decisions.iter().flat_map(|decision| decision_rows(decision, look)).collect();
    if !decisions.is_empty() {
        entries.push(section("Decided last", decisions, look));
    }
    let mode = More::Modes(permissions.sandbox, permissions.approval_policy);
    let pager = Pager::new("Permissions", entries).more(MoreKey { key: "m", about: "change the mode", wants: mode });
    let is_any_remembered = permissions.rules.iter().any(|rule| rule.remembered);
    let forget = is_any_remembered.then_some(MoreKey { key: "f", about: "forget a rule", wants: More::Rules });
    Box::new(forget.into_iter().fold(pager, Pager::more))
}

/// The rules that are remembered; the one that is taken is forgotten.
pub fn remembered(permissions: ThreadPermissions) -> Box<dyn Overlay> {
    let remembered =
        permissions.rules.into_iter().filter(|rule| rule.remembered).map(|PermissionRule { rule, .. }| Entry {
            name: rule.text.clone(),
            about: rule.origin,
            is_on: None,
            value: rule.text,
        });
    let enter = |entry: &mut Entry<String>| Outcome::done(Intent::Forget(entry.value.clone()));
    Box::new(Picker::new("Forget which rule?", remembered.collect(), enter).empty("no rule is remembered"))
}

fn section(title: &str, rows: Vec<Row>, look: &Look) -> PagerEntry {
    let mut all = vec![Row::new(title, look.style(Role::Heading))];
    all.extend(rows);
    PagerEntry::rows(all)
}

fn walls(permissions: &ThreadPermissions, look: &Look) -> Vec<Row> {
    let level = match permissions.sandbox {
        SandboxMode::ReadOnly => "read-only",
        SandboxMode::WorkspaceWrite => "workspace-write",
        SandboxMode::DangerFullAccess => "danger-full-access: no walls",
    };
    let asks = match (permissions.approval_policy, permissions.full_auto) {
        (ApprovalPolicy::Untrusted, _) => "before every edit, and every command that no rule allows",
        (ApprovalPolicy::OnRequest, _) => "for what needs more than the sandbox gives",
        (ApprovalPolicy::Never, true) => "never; what would ask because of its class runs",
        (ApprovalPolicy::Never, false) => "never; what would ask is refused",
    };
    let network = match &permissions.network {
        NetworkReach::Off => "none".to_owned(),
        NetworkReach::Domains { domains } => domains.join(", "),
        NetworkReach::On => "all of it".to_owned(),
    };
    let is_open = permissions.sandbox == SandboxMode::DangerFullAccess;
    let mut rows = labelled("Level", level, if is_open { Role::Bad } else { Role::Plain }, look);
    rows.extend(labelled("Held by", &permissions.held_by, Role::Plain, look));
    rows.extend(labelled("Asks", asks, Role::Plain, look));
    let writes = if permissions.writable.is_empty() { "nothing".to_owned() } else { permissions.writable.join("\n") };
    rows.extend(labelled("Writes", &writes, Role::Path, look));
    if let Some(temp) = &permissions.temp {
        rows.extend(labelled("/tmp", temp, Role::Path, look));
    }
    rows.extend(labelled("Network", &network, Role::Plain, look));
    rows
}

fn rule_row(PermissionRule { rule, remembered }: &PermissionRule, look: &Look) -> Row {
    let mut said = row(look, &[("  ", Role::Plain), (&rule.text, Role::Command), ("  ", Role::Plain)]);
    said.push(look.span(&rule.origin, Role::Quiet));
    if *remembered {
        said.push(look.span(" (remembered)", Role::Quiet));
    }
    said
}

fn decision_rows(decision: &PermissionDecision, look: &Look) -> Vec<Row> {
    let (mark, role) = if decision.allowed { ("✓ ", Role::Good) } else { ("✗ ", Role::Bad) };
    let at = time(decision.at_ms);
    let mut rows = vec![row(
        look,
        &[("  ", Role::Plain), (mark, role), (&at, Role::Quiet), (" ", Role::Plain), (&decision.action, Role::Command)],
    )];
    let answer = match (&decision.by, &decision.answer) {
        (Some(by), Some(answer)) => format!("{answer} by {by}: "),
        (Some(by), None) => format!("{by}: "),
        (None, _) => String::new(),
    };
    let rule = decision.rule.as_ref();
    let rule = rule.map_or(String::new(), |rule| format!(" ({} {:?}, {})", rule.kind, rule.text, rule.origin));
    rows.extend(paragraph(&format!("{answer}{}{rule}", decision.reason), Role::Quiet, 4, look));
    rows
}

/// The time of day.
fn time(milliseconds: i64) -> String {
    let time = Timestamp::from_millisecond(milliseconds).unwrap_or_default();
    time.to_zoned(TimeZone::system()).strftime("%H:%M:%S").to_string()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{
        overlays::testing::{SIZES, press, said, screen},
        theme::Theme,
    };

    const EVIL: &str = "\u{1b}[2J\u{202e}";

    fn read(sandbox: &str, network: serde_json::Value) -> ThreadPermissions {
        let rule = |kind: &str, text: &str, remembered: bool| json!({ "kind": kind, "text": text, "origin": format!("/h/config.toml:3:1{EVIL}"), "remembered": remembered });
        serde_json::from_value(json!({
            "sandbox": sandbox, "heldBy": "namespaces, Landlock and seccomp", "approvalPolicy": "on-request",
            "fullAuto": false, "writable": ["/w/project", format!("/w/{EVIL}")], "temp": "/h/tmp/1", "network": network,
            "rules": [rule("deny", "curl", false), rule("ask", "rm", false), rule("allow", "=make all", true)],
            "granted": [format!("ls {EVIL}")],
            "decisions": [
                { "atMs": 0, "action": "rm -rf target", "allowed": false, "answer": "decline", "by": "user",
                  "rule": { "kind": "ask", "text": "rm", "origin": "built-in" }, "reason": "`rm` always asks" },
                { "atMs": 0, "action": "ls", "allowed": true, "answer": null, "by": null, "rule": null,
                  "reason": format!("it runs in the sandbox{EVIL}") },
            ],
        }))
        .unwrap()
    }

    #[test]
    fn everything_that_holds_is_said() {
        let look = Look { width: 80, theme: Theme::Ansi };
        let mut overlay = permissions(&read("workspace-write", json!({ "type": "off" })), &look);
        let shown = screen(&*overlay, (80, 60)).join("\n");
        for expected in [
            "    Level      workspace-write\n    Held by    namespaces, Landlock and seccomp\n",
            "    Asks       for what needs more than the sandbox gives\n    Writes     /w/project\n               /w/\\u{1b}[2J\\u{202e}\n",
            "    /tmp       /h/tmp/1\n    Network    none\n",
            "  Never runs\n    curl  /h/config.toml:3:1",
            "  Always asks\n    rm  ",
            "  Runs without a question\n    =make all  /h/config.toml:3:1\\u{1b}[2J\\u{202e} (remembered)\n",
            "  Runs again in this session\n    ls \\u{1b}",
            " rm -rf target\n      decline by user: `rm` always asks (ask \"rm\", built-in)\n",
        ] {
            assert!(shown.contains(expected), "{expected}\n{shown}");
        }
        SIZES.iter().for_each(|size| drop(screen(&*overlay, *size)));
        // What is remembered can be forgotten.
        let outcome = press(&mut *overlay, "f");
        assert_eq!(said(&outcome), "closes Fetch(Rules)");
        let mut rules = remembered(read("workspace-write", json!({ "type": "off" })));
        let shown = screen(&*rules, (80, 24)).join("\n");
        assert!(shown.contains("› =make all  /h/config.toml:3:1\\u{1b}") && !shown.contains("curl"), "{shown}");
        assert_eq!(said(&press(&mut *rules, "enter")), "closes Forget(\"=make all\")");
        // The mode can be changed from there; the one in force is marked.
        let mut outcome = press(&mut *overlay, "m");
        assert_eq!(said(&outcome), "closes open What the agent may do");
        let Some(crate::intent::Intent::Open(modes)) = outcome.intents.pop() else { panic!("{outcome:?}") };
        assert!(screen(&*modes, (80, 24)).join("\n").contains("› ● auto"));
    }

    #[test]
    fn what_has_no_walls_says_so() {
        let look = Look { width: 40, theme: Theme::Ansi };
        let open = read("danger-full-access", json!({ "type": "on" }));
        let shown = screen(&*permissions(&open, &look), (40, 80)).join("\n");
        assert!(shown.contains("danger-full-access: no walls") && shown.contains("all of it"), "{shown}");
        let domains = read("read-only", json!({ "type": "domains", "domains": ["a.example", "b.example"] }));
        let shown = screen(&*permissions(&domains, &look), (40, 80)).join("\n");
        assert!(shown.contains("read-only") && shown.contains("a.example, b.example"), "{shown}");
    }
}
