//! What hooks say, as data.

use serde_json::json;

use super::*;

fn ran(status: i32, stdout: &str, stderr: &str) -> Ran {
    let end = End::Exited(Exit::Code(status));
    Ran { end, stdout: stdout.into(), stderr: stderr.into(), is_cut: false }
}

fn deny(why: &str) -> Option<Decision> {
    Some(Decision::Deny(why.into()))
}

#[test]
fn statuses_mean_what_they_are_documented_to() {
    let all = [
        Event::SessionStart,
        Event::SessionEnd,
        Event::UserPromptSubmit,
        Event::PreToolUse,
        Event::PermissionRequest,
        Event::PostToolUse,
        Event::PreCompact,
        Event::Stop,
        Event::SubagentStop,
        Event::Notification,
    ];
    for event in all {
        assert_eq!(Answer::of(event, &ran(0, "", "x"), true), Answer::default(), "{event:?}");
        let two = Answer::of(event, &ran(2, "", " why\n"), false);
        let blocks = guards(event) || matches!(event, Event::PostToolUse | Event::Stop | Event::SubagentStop);
        assert_eq!(two.decision.is_some(), blocks, "{event:?}");
        assert_eq!(two.failure.is_none(), blocks, "{event:?}: what cannot block is said to the user");
        let one = Answer::of(event, &ran(1, "", "oh"), false);
        assert_eq!((one.decision, one.failure.as_deref()), (None, Some("it ended with status 1: oh")), "{event:?}");
        let closed = Answer::of(event, &ran(1, "", "oh"), true);
        assert_eq!(closed.decision.is_some(), guards(event), "{event:?}");
        for end in [End::TimedOut, End::Cancelled, End::Exited(Exit::Signal(9))] {
            let lost = Answer::of(event, &Ran { end, ..ran(0, "", "") }, false);
            assert_eq!(lost.decision.is_some(), guards(event), "{event:?} {end:?}");
            assert!(lost.failure.is_some());
        }
    }
    assert_eq!(Answer::of(Event::PreToolUse, &ran(2, "{}", " why\n"), false).decision, deny("why"));
}

#[test]
fn json_says_more() {
    let read = |event, value: Value| Answer::of(event, &ran(0, &value.to_string(), ""), false);
    let own = |value: Value| json!({ "hookSpecificOutput": value });
    let decision = |word: &str| own(json!({ "permissionDecision": word, "permissionDecisionReason": "r" }));
    let pre = |value| read(Event::PreToolUse, value);
    assert_eq!(pre(decision("deny")).decision, deny("r"));
    assert_eq!(pre(decision("ask")).decision, Some(Decision::Ask("r".into())));
    assert_eq!(pre(decision("allow")).decision, Some(Decision::Allow("r".into())));
    assert_eq!(pre(json!({ "decision": "block", "reason": "r" })).decision, deny("r"));
    assert_eq!(pre(json!({ "decision": "approve" })).decision.map(|it| matches!(it, Decision::Allow(_))), Some(true));
    let unknown = pre(decision("perhaps"));
    assert!(matches!(unknown.decision, Some(Decision::Deny(_))) && unknown.failure.is_some(), "{unknown:?}");
    let rewritten = pre(own(json!({ "updatedInput": { "command": "ls" }, "additionalContext": "c" })));
    assert_eq!(rewritten.input, json!({ "command": "ls" }).as_object().cloned());
    assert_eq!((rewritten.context.as_deref(), rewritten.decision), (Some("c"), None));
    let stopped = pre(json!({ "continue": false, "stopReason": "enough", "systemMessage": "m" }));
    assert_eq!((stopped.stop.as_deref(), stopped.message.as_deref()), (Some("enough"), Some("m")));
    let asked = read(
        Event::PermissionRequest,
        own(json!({ "decision": { "behavior": "deny", "message": "no", "updatedInput": { "a": 1 } } })),
    );
    assert_eq!((asked.decision, asked.input), (deny("no"), json!({ "a": 1 }).as_object().cloned()));
    let prompt = read(Event::UserPromptSubmit, json!({ "decision": "approve" }));
    assert_eq!(prompt, Answer::default(), "nobody would be asked");
    let stop = read(Event::Stop, json!({ "decision": "block", "reason": "not yet" }));
    assert_eq!(stop.decision, deny("not yet"));
}

#[test]
fn plain_text_is_for_the_model_where_something_begins() {
    for (event, adds) in [(Event::SessionStart, true), (Event::UserPromptSubmit, true), (Event::PreToolUse, false)] {
        let said = Answer::of(event, &ran(0, " text\u{1b}[2J\n", ""), false);
        assert_eq!(said.context.as_deref(), adds.then_some("text[2J"), "{event:?}");
    }
    let begun = |event| Answer::of(event, &ran(0, "{ no", ""), false);
    assert!(matches!(begun(Event::PreToolUse).decision, Some(Decision::Deny(_))));
    assert_eq!(begun(Event::SessionStart).context.as_deref(), Some("{ no"));
    assert!(begun(Event::Stop).decision.is_none() && begun(Event::Stop).failure.is_some());
    let flood = Ran { is_cut: true, ..ran(0, "{\"decision\": \"app", "") };
    let flooded = Answer::of(Event::PreToolUse, &flood, false);
    assert!(flooded.failure.is_some_and(|why| why.contains("64 KiB")));
    let long = Answer::of(Event::UserPromptSubmit, &ran(0, &"x".repeat(60_000), ""), false);
    assert!(long.context.is_some_and(|text| text.len() < 12_000));
}

#[test]
fn the_strictest_counts() {
    let decided = |decision| Answer { decision: Some(decision), ..Answer::default() };
    let all = |answers: Vec<Answer>| {
        let mut verdict = Verdict::default();
        answers.into_iter().for_each(|answer| verdict.add(answer));
        verdict
    };
    let (allow, ask) = (|| decided(Decision::Allow("a".into())), || decided(Decision::Ask("b".into())));
    let no = |why: &str| decided(Decision::Deny(why.into()));
    assert_eq!(all(vec![allow(), ask()]).decision, Some(Decision::Ask("b".into())));
    assert_eq!(all(vec![ask(), allow()]).decision, Some(Decision::Ask("b".into())));
    assert_eq!(all(vec![no("c"), ask(), no("d")]).denied(), Some("c\nd"));
    let input = |text: &str| Answer { input: json!({ "command": text }).as_object().cloned(), ..Answer::default() };
    assert!(all(vec![input("x"), input("x")]).denied().is_none());
    assert!(all(vec![input("x"), input("y")]).denied().is_some_and(|why| why.contains("not alike")));
}
