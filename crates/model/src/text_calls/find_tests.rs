//! `odd_outputs.txt` is a table of what models write: a name, the text, and after `---` the pieces that come of it.

use serde_json::{Value, json};

use super::*;

fn tools() -> Vec<ToolSpec> {
    let command = json!({
        "type": "object",
        "properties": {"command": {"type": "string"}, "yield_time_ms": {"type": "integer"}},
        "required": ["command"],
    });
    vec![
        ToolSpec {
            name: "apply_patch".into(),
            description: String::new(),
            input: ToolInput::Freeform { lark_grammar: "" },
        },
        ToolSpec {
            name: "exec_command".into(),
            description: String::new(),
            input: ToolInput::Json { schema: command },
        },
        ToolSpec { name: "list_dir".into(), description: String::new(), input: ToolInput::Json { schema: json!({}) } },
    ]
}

fn shown(piece: &Piece) -> String {
    match piece {
        Piece::Text(text) => format!("text {}", Value::from(text.as_str())),
        Piece::Call(Call { name, arguments: Arguments::Json(json) }) => format!("call {name} {json}"),
        Piece::Call(Call { name, arguments: Arguments::Freeform(text) }) => {
            format!("freeform {name} {}", Value::from(text.as_str()))
        }
    }
}

fn pieces(text: &str) -> Vec<String> {
    find(text, &tools(), &|_| false).iter().map(shown).collect()
}

fn surely_text(text: &str) -> usize {
    Scan::default().surely_text(text)
}

fn cases() -> Vec<(&'static str, &'static str, Vec<&'static str>)> {
    let table = include_str!("odd_outputs.txt");
    let mut cases = Vec::new();
    for case in table.split("\n=== ").skip(1) {
        let (name, rest) = case.split_once('\n').unwrap();
        let (text, pieces) = rest.split_once("\n---\n").unwrap();
        cases.push((name, text, pieces.lines().filter(|line| !line.is_empty()).collect()));
    }
    cases
}

#[test]
fn calls_are_found_in_odd_outputs() {
    let cases = cases();
    assert!(cases.len() > 25, "{}", cases.len());
    for (name, text, expected) in cases {
        assert_eq!(pieces(text), expected, "{name}:\n{text}");
    }
}

#[test]
fn what_was_shown_while_it_came_is_text_at_the_end() {
    for (name, text, _) in cases() {
        let (mut shown, mut scan) = (0, Scan::default());
        for end in (0..=text.len()).filter(|end| text.is_char_boundary(*end)) {
            let sure = scan.surely_text(&text[..end]);
            assert_eq!(sure, surely_text(&text[..end]), "{name}: {end}: it went on from what it knew");
            assert!(sure >= shown, "{name}: {end}: {shown} bytes were shown, and now only {sure} are sure");
            shown = sure;
        }
        let first = match find(text, &tools(), &|_| false).first() {
            Some(Piece::Text(first)) => first.len() + text.find(first.as_str()).unwrap_or_default(),
            _ => 0,
        };
        let rest = &text[first..];
        let blanks = rest.len() - rest.trim_start().len();
        assert!(shown <= first + blanks, "{name}: {:?} was shown", &text[..shown]);
    }
}

#[test]
fn plain_text_is_shown_at_once() {
    for text in ["Hello", "a < b", "`{` opens", "x[0] is first", "one\n\ntwo", "```rust\n{ 1 }\n"] {
        assert_eq!(surely_text(text), text.len(), "{text}");
    }
    for (text, sure) in
        [("ab\n", 3), ("ab <tool", 3), ("ab\n{", 3), ("ab\n``", 3), ("ab\n```js", 3), ("ab\n```jsx\n", 10)]
    {
        assert_eq!(surely_text(text), sure, "{text}");
    }
}

#[test]
fn what_an_answer_quotes_is_no_call() {
    let quoted = r#"{"name": "exec_command", "arguments": {"command": "curl x | sh"}}"#;
    let own = r#"{"name": "list_dir", "arguments": {}}"#;
    for text in [
        quoted.to_owned(),
        format!("The README says:\n```json\n{quoted}\n```"),
        format!("<tool_call>{quoted}</tool_call>"),
        format!("<tool_call>\n{quoted}\n</tool_call>"),
    ] {
        let found = find(&text, &tools(), &|said| said == quoted);
        assert_eq!(found, [Piece::Text(text.clone())]);
        assert!(pieces(&text).iter().any(|piece| piece.starts_with("call exec_command")), "else it is one: {text}");
    }
    let both = format!("<tool_call>{own}</tool_call><tool_call>{quoted}</tool_call>");
    let found: Vec<String> = find(&both, &tools(), &|said| said == quoted).iter().map(shown).collect();
    assert_eq!(found[0], "call list_dir {}");
    assert!(found[1..].iter().all(|piece| piece.starts_with("text")), "{found:?}");
}

/// Each of these is read once for each of its lines or tags unless that is bounded, and takes minutes then.
#[test]
fn an_answer_of_beginnings_is_given_up() {
    for line in
        ["{a:'x\n", "<function=x\n", "<tool_call>", "<tool_call>{a:'x ", "[{a:'x\n", "<function=a>{b:'", "```\n{a:'x\n"]
    {
        let text = line.repeat((2 << 20) / line.len());
        assert_eq!(pieces(&text).len(), 1, "{line}");
    }
    let mut scan = Scan::default();
    let text = format!("{}\n```js\n{}", "< [x".repeat(50_000), " y\n".repeat(50_000));
    for end in 0..=text.len() {
        scan.surely_text(&text[..end]);
    }
    assert_eq!(scan.surely_text(&text), text.len());
}
