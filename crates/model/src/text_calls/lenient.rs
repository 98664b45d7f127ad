//! Reads JSON as models write it: with trailing commas, single quotes, bare keys, missing ends.
//!
//! What is JSON is read as JSON; only what is not is read leniently. Brackets that were left open are closed, and it is told
//! that they were: the rest may be missing. Strings are not closed: what stood in the rest of one is not known.

use serde_json::{Map, Number, Value};

/// Deepest nesting that is read, as that of JSON.
const DEEPEST: usize = 127;

/// Most bytes of a value.
const LONGEST: usize = 1 << 20;

/// What no value begins with, but a closing tag or fence does: brackets before it were left open.
const LEFT_OPEN: &str = "<`";

/// A value, and where the text goes on after it, in bytes.
#[derive(Debug, PartialEq)]
pub(super) struct Read {
    pub(super) value: Value,
    pub(super) end: usize,
    /// Whether all its brackets were closed where it was written.
    pub(super) is_whole: bool,
}

/// The value that `text` begins with, after blanks.
///
/// # Errors
/// There is none, it breaks off within a string, or it is longer than [`LONGEST`]: how many bytes were looked at.
pub(super) fn read(text: &str) -> Result<Read, usize> {
    let text = &text[..text.floor_char_boundary(LONGEST)];
    let mut strict = serde_json::Deserializer::from_str(text).into_iter::<Value>();
    if let Some(Ok(value)) = strict.next() {
        return Ok(Read { value, end: strict.byte_offset(), is_whole: true });
    }
    let mut reader = Reader { text, at: 0, is_whole: true };
    let value = reader.value(0).ok_or(reader.at)?;
    Ok(Read { value, end: reader.at, is_whole: reader.is_whole })
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    is_whole: bool,
}

impl Reader<'_> {
    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn take(&mut self, wanted: char) -> bool {
        let is_next = self.peek() == Some(wanted);
        if is_next {
            self.at += wanted.len_utf8();
        }
        is_next
    }

    /// Blanks and comments to the end of a line.
    fn skip(&mut self) {
        loop {
            self.at += self.rest().len() - self.rest().trim_start().len();
            if !self.rest().starts_with("//") {
                return;
            }
            self.at += self.rest().find('\n').unwrap_or(self.rest().len());
        }
    }

    fn value(&mut self, depth: usize) -> Option<Value> {
        self.skip();
        match self.peek()? {
            _ if depth > DEEPEST => None,
            '{' => self.object(depth),
            '[' => self.array(depth),
            quote @ ('"' | '\'') => self.string(quote).map(Value::String),
            _ => self.word(),
        }
    }

    fn object(&mut self, depth: usize) -> Option<Value> {
        let mut object = Map::new();
        self.at += 1;
        while !self.is_over('}') {
            let key = self.key()?;
            self.skip();
            if !self.take(':') {
                return None;
            }
            let value = self.value(depth + 1)?;
            object.insert(key, value);
        }
        Some(Value::Object(object))
    }

    fn array(&mut self, depth: usize) -> Option<Value> {
        let mut elements = Vec::new();
        self.at += 1;
        while !self.is_over(']') {
            elements.push(self.value(depth + 1)?);
        }
        Some(Value::Array(elements))
    }

    /// Whether what `close` closes ends here, closed or left open. Commas before are passed over.
    fn is_over(&mut self, close: char) -> bool {
        loop {
            self.skip();
            match self.peek() {
                next if next.is_none_or(|next| LEFT_OPEN.contains(next)) => {
                    self.is_whole = false;
                    return true;
                }
                Some(',') => self.at += 1,
                Some(next) if next == close => {
                    self.at += 1;
                    return true;
                }
                _ => return false,
            }
        }
    }

    fn key(&mut self) -> Option<String> {
        if let Some(quote @ ('"' | '\'')) = self.peek() {
            return self.string(quote);
        }
        let length = self.rest().find(|c: char| !c.is_alphanumeric() && c != '_' && c != '-')?;
        let key = self.rest()[..length].to_owned();
        self.at += length;
        (length > 0).then_some(key)
    }

    /// A string. A quote within it that nothing of JSON's follows is a part of it.
    fn string(&mut self, quote: char) -> Option<String> {
        let mut text = String::new();
        self.at += 1;
        loop {
            let next = self.peek()?;
            self.at += next.len_utf8();
            match next {
                '\\' => self.escape(&mut text)?,
                _ if next == quote && self.ends_string() => return Some(text),
                other => text.push(other),
            }
        }
    }

    fn ends_string(&self) -> bool {
        self.rest().trim_start().chars().next().is_none_or(|next| ",:}]".contains(next))
    }

    /// What follows a backslash. One that begins no escape of JSON's is meant as it stands.
    fn escape(&mut self, text: &mut String) -> Option<()> {
        let next = self.peek()?;
        self.at += next.len_utf8();
        match next {
            'n' => text.push('\n'),
            't' => text.push('\t'),
            'r' => text.push('\r'),
            'b' => text.push('\u{8}'),
            'f' => text.push('\u{c}'),
            '"' | '\'' | '\\' | '/' => text.push(next),
            'u' => text.push(self.unicode()?),
            other => text.extend(['\\', other]),
        }
        Some(())
    }

    /// A character by its number in UTF-16, of which large ones have two halves.
    fn unicode(&mut self) -> Option<char> {
        let first = self.hexadecimal()?;
        if !(0xD800..0xDC00).contains(&first) || !self.rest().starts_with("\\u") {
            return Some(char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER));
        }
        self.at += 2;
        let second = self.hexadecimal()?;
        let both = 0x10000 + ((first - 0xD800) << 10) + second.wrapping_sub(0xDC00);
        Some(char::from_u32(both).unwrap_or(char::REPLACEMENT_CHARACTER))
    }

    fn hexadecimal(&mut self) -> Option<u32> {
        let number = u32::from_str_radix(self.rest().get(..4)?, 16).ok()?;
        self.at += 4;
        Some(number)
    }

    /// A number, or a word of JSON or Python.
    fn word(&mut self) -> Option<Value> {
        let length = self.rest().find(|c: char| !c.is_alphanumeric() && !"+-._".contains(c));
        let word = &self.rest()[..length.unwrap_or(self.rest().len())];
        let value = match word {
            "true" | "True" => Value::Bool(true),
            "false" | "False" => Value::Bool(false),
            "null" | "None" | "undefined" => Value::Null,
            number => Value::Number(number.parse::<Number>().ok()?),
        };
        self.at += word.len();
        Some(value)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_models_write() {
        let table = [
            (r#"{"a": 1} rest"#, Some((json!({"a": 1}), " rest"))),
            (r#"{"a": [1, 2,], }"#, Some((json!({"a": [1, 2]}), ""))),
            ("{'a': 'it is \\'so\\'', b: True, c: None}", Some((json!({"a": "it is 'so'", "b": true, "c": null}), ""))),
            ("{\"a\": \"two\nlines\"}", Some((json!({"a": "two\nlines"}), ""))),
            (r#"{"a": "\d+ \$HOME \u00e9 \ud83d\ude00"}"#, Some((json!({"a": "\\d+ \\$HOME é 😀"}), ""))),
            (r#"{"a": "echo "hi" there"}"#, Some((json!({"a": "echo \"hi\" there"}), ""))),
            (r#"{"a": {"b": [1, {"c": "d""#, Some((json!({"a": {"b": [1, {"c": "d"}]}}), ""))),
            ("{\"a\": 1, // why\n \"b\": -2.5e3}", Some((json!({"a": 1, "b": -2500.0}), ""))),
            ("{\"a\": [1\n</tool_call>", Some((json!({"a": [1]}), "</tool_call>"))),
            (r#"{"a": "1" "b": 2}"#, None),
            (r#"{"a": "never ended}"#, None),
            (r#"{"a": oops}"#, None),
            (r#"{"a" 1}"#, None),
            ("", None),
            ("plain words", None),
        ];
        for (text, expected) in table {
            let got = read(text).ok().map(|read| (read.value, &text[read.end..]));
            assert_eq!(got, expected, "{text}");
        }
        read(&"[".repeat(10_000)).expect_err("too deep");
        assert_eq!(read(&format!("{{a: 'x{}", "y".repeat(2 * LONGEST))), Err(LONGEST), "too long");
    }

    #[test]
    fn what_was_left_open_is_told() {
        for (text, is_whole) in [
            (r#"{"a": [1]}"#, true),
            ("{'a': [1,],}", true),
            ("{'a': [1,],", false),
            ("{'a': [1</x>", false),
            (r#"{"a": "b""#, false),
            (r#"[{"a": 1}"#, false),
        ] {
            assert_eq!(read(text).unwrap().is_whole, is_whole, "{text}");
        }
    }
}
