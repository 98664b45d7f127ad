//! What stands before the text of a Markdown file: keys and values between two lines `---`, as YAML.
//!
//! Files that were written for other programs are often no YAML, for a value holds `: ` or two lists in a row. Where all
//! lines are `key: value`, they are read as that then.

use serde_json::{Map, Value};

/// The keys, and what follows them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FrontMatter<'text> {
    /// By name.
    pub keys: Map<String, Value>,
    /// All of the file, if it has no keys.
    pub body: &'text str,
}

/// What is wrong with a file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {message}")]
pub struct Fault {
    /// Counted from 1.
    pub line: usize,
    /// A sentence without a full stop.
    pub message: String,
}

/// Parts `text`.
///
/// # Errors
/// The keys do not end, or are neither YAML nor lines `key: value`.
pub fn front_matter(text: &str) -> Result<FrontMatter<'_>, Fault> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut lines = text.split_inclusive('\n');
    if lines.next().map(str::trim_end) != Some("---") {
        return Ok(FrontMatter { keys: Map::new(), body: text });
    }
    let begin = text.find('\n').map_or(text.len(), |at| at + 1);
    let mut end = begin;
    for line in lines {
        if line.trim_end() == "---" {
            let yaml = text.get(begin..end).unwrap_or_default();
            let body = text.get(end + line.len()..).unwrap_or_default();
            return Ok(FrontMatter { keys: keys(yaml)?, body });
        }
        end += line.len();
    }
    Err(Fault { line: 1, message: "the line `---` is missing that ends the keys".into() })
}

fn keys(yaml: &str) -> Result<Map<String, Value>, Fault> {
    if yaml.lines().all(|line| line.trim().is_empty() || line.trim_start().starts_with('#')) {
        return Ok(Map::new());
    }
    let read = serde_saphyr::from_str::<Map<String, Value>>(yaml);
    read.or_else(|_| plain(yaml))
}

/// Lines `key: value`, of which one that is indented goes on with the one before.
fn plain(yaml: &str) -> Result<Map<String, Value>, Fault> {
    let mut keys: Map<String, Value> = Map::new();
    let mut last: Option<String> = None;
    for (number, line) in yaml.lines().enumerate() {
        let trimmed = line.trim();
        if trimmed.is_empty() || trimmed.starts_with('#') {
            continue;
        }
        if line.starts_with([' ', '\t'])
            && let Some(Value::String(text)) = last.as_ref().and_then(|key| keys.get_mut(key))
        {
            text.push_str(if text.is_empty() { "" } else { " " });
            text.push_str(trimmed);
            continue;
        }
        // The first of them is the one that opens the keys.
        let fault = |message: &str| Fault { line: number + 2, message: message.to_owned() };
        let (key, value) = trimmed.split_once(':').ok_or_else(|| fault("this is neither YAML nor `key: value`"))?;
        let key = key.trim();
        if key.is_empty() || key.contains(char::is_whitespace) {
            return Err(fault("this is neither YAML nor `key: value`"));
        }
        let value = value.trim();
        let bare = ['"', '\''].iter().find_map(|quote| value.strip_prefix(*quote)?.strip_suffix(*quote));
        keys.insert(key.to_owned(), Value::String(bare.unwrap_or(value).to_owned()));
        last = Some(key.to_owned());
    }
    Ok(keys)
}

/// A value as one line; empty for one that is not there.
pub fn line(value: Option<&Value>) -> String {
    let text = match value {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(items)) => {
            let items: Vec<String> = items.iter().map(|item| line(Some(item))).collect();
            format!("[{}]", items.join(", "))
        }
        Some(other) => other.to_string(),
    };
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn keys_are_yaml_or_plain_lines() {
        let table = [
            ("text\n", json!({}), "text\n"),
            ("---\n---\nbody", json!({}), "body"),
            ("---\r\ndescription: Say hello\r\n---\r\nbody", json!({ "description": "Say hello" }), "body"),
            (
                "---\ndescription: >\n  two\n  lines\nargument-hint: [file]\nn: 3\n---\nx",
                json!({ "description": "two lines\n", "argument-hint": ["file"], "n": 3 }),
                "x",
            ),
            (
                "---\nargument-hint: [file] [more]\ndescription: Use this when: it rains\n  or snows\n---\nx",
                json!({ "argument-hint": "[file] [more]", "description": "Use this when: it rains or snows" }),
                "x",
            ),
            ("--- no\nx", json!({}), "--- no\nx"),
        ];
        for (text, keys, body) in table {
            let found = front_matter(text).unwrap();
            assert_eq!(Value::Object(found.keys), keys, "{text}");
            assert_eq!(found.body, body, "{text}");
        }
    }

    #[test]
    fn what_is_wrong_says_where() {
        let table = [
            ("---\na: 1\nbody", 1, "ends the keys"),
            ("---\na: [\nb c d\n---\n", 3, "neither YAML"),
            ("---\n: : :\n- x: [\n---\n", 2, "neither YAML"),
        ];
        for (text, line, message) in table {
            let fault = front_matter(text).unwrap_err();
            assert!(fault.line == line && fault.message.contains(message), "{text}: {fault}");
        }
    }

    #[test]
    fn what_would_be_huge_is_no_yaml() {
        let mut yaml = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
        for level in 1..12 {
            let before = vec![format!("*a{}", level - 1); 9].join(", ");
            yaml.push_str(&format!("a{level}: &a{level} [{before}]\n"));
        }
        let text = format!("---\n{yaml}---\n");
        let found = front_matter(&text).unwrap();
        assert!(found.keys.values().all(Value::is_string), "{:?}", found.keys.values().next());
    }
}
