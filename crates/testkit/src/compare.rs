//! Compares what was expected with what came, and says where they differ.

use serde_json::Value;
use similar::TextDiff;

/// The key of a pattern `{"$contains": "text"}`, which a string that contains the text fits.
const CONTAINS: &str = "$contains";

/// Whether `actual` has everything that `pattern` has: objects may have more keys, arrays must have the same length,
/// anything else must be equal. A pattern `{"$contains": "text"}` fits any string that contains the text.
pub fn is_subset(pattern: &Value, actual: &Value) -> bool {
    match (pattern, actual) {
        (Value::Object(pattern), Value::String(text)) if pattern.len() == 1 => {
            pattern.get(CONTAINS).and_then(Value::as_str).is_some_and(|part| text.contains(part))
        }
        (Value::Object(pattern), Value::Object(actual)) => {
            pattern.iter().all(|(key, value)| actual.get(key).is_some_and(|actual| is_subset(value, actual)))
        }
        (Value::Array(pattern), Value::Array(actual)) => {
            pattern.len() == actual.len() && pattern.iter().zip(actual).all(|(one, other)| is_subset(one, other))
        }
        _ => pattern == actual,
    }
}

/// A unified diff from `expected` to `actual`.
pub fn diff(expected: &str, actual: &str) -> String {
    TextDiff::from_lines(expected, actual).unified_diff().header("expected", "actual").to_string()
}

/// Whether `patterns` are found among the JSON lines of `output`, in order, other lines between them allowed.
///
/// # Errors
///
/// The first pattern that was not found, and the lines it was looked for in.
pub(crate) fn events_in_order(patterns: &[Value], output: &str) -> Result<(), String> {
    let mut lines = output.lines().filter(|line| !line.trim().is_empty());
    for (number, pattern) in patterns.iter().enumerate() {
        let looked_at = lines.clone();
        let found = lines.any(|line| serde_json::from_str(line).is_ok_and(|actual| is_subset(pattern, &actual)));
        if !found {
            let rest: String = looked_at.map(|line| format!("    {line}\n")).collect();
            return Err(format!(
                "event {number} was not found: {pattern}\n  among the lines after the last match:\n{rest}"
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn subsets() {
        for (pattern, actual, expected) in [
            (json!({}), json!({"a": 1}), true),
            (json!({"a": {"b": 1}}), json!({"a": {"b": 1, "c": 2}, "d": 3}), true),
            (json!({"a": 1}), json!({"a": 2}), false),
            (json!({"a": null}), json!({}), false),
            (json!([1]), json!([1, 2]), false),
            (json!([{"a": 1}]), json!([{"a": 1, "b": 2}]), true),
            (json!({"a": {"$contains": "mid"}}), json!({"a": "amidst"}), true),
            (json!({"a": {"$contains": "mid"}}), json!({"a": "other"}), false),
        ] {
            assert_eq!(is_subset(&pattern, &actual), expected, "{pattern} in {actual}");
        }
    }

    #[test]
    fn events_are_found_in_order_only() {
        let output = "{\"t\":1}\nnoise\n{\"t\":2}\n{\"t\":1}\n";
        for (wanted, found) in [(vec![1, 2], true), (vec![2, 1], true), (vec![1, 1], true), (vec![2, 2], false)] {
            let patterns: Vec<Value> = wanted.iter().map(|t| json!({"t": t})).collect();
            assert_eq!(events_in_order(&patterns, output).is_ok(), found, "{wanted:?}");
        }
    }
}
