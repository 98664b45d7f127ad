//! What a review has found: the shape that the model answers in, held to it, sorted, and as text. Pure.

use std::path::Path;

use codex_protocol::{ReviewFinding, ReviewResult, ReviewSeverity, ReviewTestStatus, ReviewTests};
use serde_json::{Value, json};

/// Most findings that are taken; the most severe stay.
const MOST: usize = 100;

/// JSON Schema of the answer, in the form that vendors can hold a model to: every member is required.
pub(super) fn schema() -> Value {
    let or_null = |kind: &str| json!({ "type": [kind, "null"] });
    let finding = json!({
        "type": "object",
        "additionalProperties": false,
        "required": ["severity", "file", "line", "endLine", "title", "why", "suggestion"],
        "properties": {
            "severity": { "type": "string", "enum": ["critical", "high", "medium", "low"] },
            "file": or_null("string"),
            "line": or_null("integer"),
            "endLine": or_null("integer"),
            "title": { "type": "string" },
            "why": { "type": "string" },
            "suggestion": or_null("string"),
        },
    });
    json!({
        "type": "object",
        "additionalProperties": false,
        "required": ["summary", "findings"],
        "properties": {
            "summary": { "type": "string" },
            "findings": { "type": "array", "items": finding },
        },
    })
}

/// The summary and the findings of an answer, the most severe first. Paths below `workspace` become relative to it.
///
/// # Errors
/// What is wrong with it, in a sentence without its full stop.
pub(super) fn read(answer: &str, workspace: &Path) -> Result<(String, Vec<ReviewFinding>), String> {
    let value: Value = serde_json::from_str(unfenced(answer)).map_err(|error| format!("it is not JSON: {error}"))?;
    let summary = value["summary"].as_str().ok_or("`summary` is not a text")?.trim().to_owned();
    let found = value["findings"].as_array().ok_or("`findings` is not a list")?;
    let finding = |(at, value): (usize, &Value)| {
        finding(value, workspace).map_err(|error| format!("finding {}: {error}", at + 1))
    };
    let mut findings = found.iter().enumerate().map(finding).collect::<Result<Vec<_>, _>>()?;
    findings.sort_by(|one, other| key(one).cmp(&key(other)));
    findings.truncate(MOST);
    Ok((summary, findings))
}

fn key(finding: &ReviewFinding) -> (ReviewSeverity, Option<&str>, Option<u32>) {
    (finding.severity, finding.file.as_deref(), finding.line)
}

fn finding(value: &Value, workspace: &Path) -> Result<ReviewFinding, String> {
    let mut finding: ReviewFinding = serde_json::from_value(value.clone()).map_err(|error| error.to_string())?;
    if finding.title.trim().is_empty() || finding.why.trim().is_empty() {
        return Err("it has no title, or does not say why".into());
    }
    finding.file = finding.file.filter(|file| !file.trim().is_empty()).map(|file| {
        let inside = Path::new(&file).strip_prefix(workspace).ok().and_then(Path::to_str).map(str::to_owned);
        inside.unwrap_or_else(|| file.strip_prefix("./").unwrap_or(&file).to_owned())
    });
    let of_file = finding.file.is_some();
    finding.line = finding.line.filter(|line| of_file && *line > 0);
    finding.end_line = finding.end_line.filter(|end| finding.line.is_some_and(|line| *end > line));
    finding.suggestion = finding.suggestion.filter(|text| !text.trim().is_empty());
    Ok(finding)
}

/// `text` without the fence of a block of code around it, as some models put one around JSON.
fn unfenced(text: &str) -> &str {
    let text = text.trim();
    let inside = text.strip_prefix("```").and_then(|rest| rest.strip_suffix("```"));
    inside.map_or(text, |inside| inside.strip_prefix("json").unwrap_or(inside).trim())
}

/// A review as Markdown.
pub(super) fn text(result: &ReviewResult) -> String {
    let count = match result.findings.len() {
        0 => "nothing found".to_owned(),
        1 => "1 finding".to_owned(),
        count => format!("{count} findings"),
    };
    let mut parts = vec![format!("**Review of {}: {count}**", result.target)];
    parts.extend(Some(result.summary.clone()).filter(|summary| !summary.is_empty()));
    let findings: Vec<String> = result.findings.iter().enumerate().map(|(at, it)| one(at + 1, it)).collect();
    parts.extend(Some(findings.join("\n")).filter(|findings| !findings.is_empty()));
    parts.push(tests_line(&result.tests));
    parts.join("\n\n")
}

fn one(number: usize, finding: &ReviewFinding) -> String {
    let severity = match finding.severity {
        ReviewSeverity::Critical => "critical",
        ReviewSeverity::High => "high",
        ReviewSeverity::Medium => "medium",
        ReviewSeverity::Low => "low",
    };
    let place = finding.file.as_ref().map(|file| {
        let line = finding.line.map(|line| format!(":{line}")).unwrap_or_default();
        let end = finding.end_line.map(|end| format!("-{end}")).unwrap_or_default();
        format!(" `{file}{line}{end}`")
    });
    let within = |text: &str| text.trim().lines().map(|line| format!("   {}", line.trim_end())).collect::<Vec<_>>();
    let mut lines = vec![format!("{number}. **{severity}**{} {}", place.unwrap_or_default(), finding.title.trim())];
    lines.extend(within(&finding.why));
    lines.extend(finding.suggestion.iter().flat_map(|text| within(&format!("*Suggestion:* {text}"))));
    lines.join("\n")
}

/// What the tests say, in a line.
pub(super) fn tests_line(tests: &ReviewTests) -> String {
    let command = tests.command.as_ref().map(|command| format!(" (`{command}`)")).unwrap_or_default();
    let status = match tests.status {
        ReviewTestStatus::Passed => "passed",
        ReviewTestStatus::Failed => "failed",
        ReviewTestStatus::NotRun => "not run",
    };
    let detail = tests.detail.as_ref().map(|detail| format!(": {detail}")).unwrap_or_default();
    format!("Tests{command}: {status}{detail}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(findings: &str) -> String {
        format!(r#"{{"summary":" Fine. ","findings":[{findings}]}}"#)
    }

    const LOW: &str = r#"{"severity":"low","file":"b.rs","line":3,"endLine":3,"title":"t","why":"w","suggestion":""}"#;
    const HIGH: &str = r#"{"severity":"high","file":"/w/src/a.rs","line":9,"endLine":12,"title":"t","why":"w\nmore","suggestion":"s"}"#;
    const WHOLE: &str =
        r#"{"severity":"high","file":null,"line":4,"endLine":9,"title":"t","why":"w","suggestion":null}"#;

    #[test]
    fn findings_are_sorted_and_what_means_nothing_is_left_out() {
        let (summary, findings) = read(&answer(&[LOW, HIGH, WHOLE].join(",")), Path::new("/w")).unwrap();
        assert_eq!(summary, "Fine.");
        let places: Vec<_> = findings.iter().map(|it| (it.file.as_deref(), it.line, it.end_line)).collect();
        assert_eq!(places, [(None, None, None), (Some("src/a.rs"), Some(9), Some(12)), (Some("b.rs"), Some(3), None)]);
        assert_eq!(findings[2].suggestion, None);
        let fenced = format!("```json\n{}\n```", answer(LOW));
        assert_eq!(read(&fenced, Path::new("/w")).unwrap().1.len(), 1);
        let many = vec![LOW; 300].join(",");
        assert_eq!(read(&answer(&format!("{many},{HIGH}")), Path::new("/w")).unwrap().1.len(), MOST);
    }

    #[test]
    fn what_is_wrong_with_an_answer_is_said() {
        let table = [
            ("It looks good.", "it is not JSON"),
            ("{}", "`summary`"),
            (r#"{"summary":"x"}"#, "`findings`"),
            (&answer(&LOW.replace("low", "bad")), "finding 1"),
            (&answer(&LOW.replace(r#""t""#, r#""""#)), "no title"),
            (&answer(&LOW.replace('3', "-3")), "finding 1"),
            (&answer("7"), "finding 1"),
        ];
        for (text, expected) in table {
            let error = read(text, Path::new("/w")).unwrap_err();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }

    #[test]
    fn a_review_is_a_list_of_places() {
        let (summary, findings) = read(&answer(&[LOW, HIGH, WHOLE].join(",")), Path::new("/w")).unwrap();
        let tests = ReviewTests {
            status: ReviewTestStatus::Failed,
            command: Some("cargo test".into()),
            detail: Some("exit code 101".into()),
        };
        let mut result = ReviewResult { target: "the commit abc".into(), summary, findings, tests };
        let expected = "**Review of the commit abc: 3 findings**\n\nFine.\n\n1. **high** t\n   w\n\
            2. **high** `src/a.rs:9-12` t\n   w\n   more\n   *Suggestion:* s\n3. **low** `b.rs:3` t\n   w\n\n\
            Tests (`cargo test`): failed: exit code 101";
        assert_eq!(text(&result), expected);
        result.findings.clear();
        assert!(text(&result).starts_with("**Review of the commit abc: nothing found**\n\nFine.\n\nTests"));
    }

    /// Every member is required, and no other is allowed: vendors refuse another schema.
    #[test]
    fn the_schema_is_strict() {
        let schema = schema();
        for it in [&schema, &schema["properties"]["findings"]["items"]] {
            let names: Vec<&str> = it["properties"].as_object().unwrap().keys().map(String::as_str).collect();
            let required: Vec<&str> = it["required"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
            let (mut names, mut required) = (names, required);
            names.sort_unstable();
            required.sort_unstable();
            assert_eq!((names, it["additionalProperties"].as_bool()), (required, Some(false)));
        }
    }
}
