//! Markdown such as models write, made up, the same at each call; pure.

use std::fmt::Write;

use crate::marks::{BEGINS, ENDS, SENTENCE};

const WORDS: &[&str] = &[
    "the",
    "parser",
    "reads",
    "a",
    "token",
    "and",
    "gives",
    "back",
    "what",
    "it",
    "found",
    "because",
    "every",
    "caller",
    "checks",
    "its",
    "result",
    "before",
    "writing",
    "to",
    "disk",
    "**always**",
    "when",
    "`Config::load`",
    "fails",
    "we",
    "keep",
    "*old*",
    "values",
    "so",
    "that",
    "nothing",
    "is",
    "lost",
    "in",
    "between",
    "café",
    "naïve",
    "日本語",
    "—",
    "see",
    "[the guide](https://example.com/guide)",
    "for",
    "more",
    "about",
    "errors",
    "`None`",
    "and",
    "retries",
];

const CODE: &[(&str, &str)] = &[
    (
        "rust",
        "/// Counts the words of `text`.\npub fn count(text: &str) -> BTreeMap<String, usize> {\n    let mut found = \
         BTreeMap::new();\n    for word in text.split_whitespace() {\n        *found.entry(word.to_lowercase()).or_insert(0) \
         += 1; // one more\n    }\n    found\n}\n",
    ),
    (
        "python",
        "import json\n\ndef load(path: str) -> dict:\n    \"\"\"Reads settings.\"\"\"\n    with open(path) as file:\n        \
         settings = json.load(file)\n    return {key: value for key, value in settings.items() if value is not None}\n",
    ),
    (
        "typescript",
        "export async function fetchAll(urls: string[]): Promise<Response[]> {\n  const results = await \
         Promise.all(urls.map((url) => fetch(url)));\n  return results.filter((result) => result.ok);\n}\n",
    ),
    (
        "bash",
        "set -euo pipefail\nfor file in src/*.rs; do\n    wc -l \"$file\" | awk '{ print $1 }'\ndone | sort -n | tail -3\n",
    ),
    (
        "json",
        "{\n  \"name\": \"example\",\n  \"version\": \"1.2.3\",\n  \"scripts\": { \"test\": \"vitest run\", \"build\": null }\n}\n",
    ),
    ("", "error[E0308]: mismatched types\n  --> src/main.rs:4:18\n   |\n4  |     let x: u32 = \"a\";\n"),
];

/// About `bytes` bytes of Markdown, between a first line that says [`BEGINS`] and a last one that says [`ENDS`] and
/// `number`.
pub(crate) fn markdown(bytes: usize, number: usize) -> String {
    let mut text = format!("{BEGINS}.\n\n");
    let mut chance = Chance(7);
    let mut section = 0;
    while text.len() < bytes {
        section += 1;
        write_section(&mut text, &mut chance, section);
    }
    // Writing into a string cannot fail.
    let _ = write!(text, "{ENDS}{number}.");
    text
}

fn write_section(text: &mut String, chance: &mut Chance, section: usize) {
    let level = "#".repeat(1 + section % 3);
    let heading = chance.words(4);
    let (first, second) = (chance.sentences(4), chance.sentences(3));
    // Writing into a string cannot fail.
    let _ = write!(text, "{level} {section}. {heading}\n\n{first}\n\n{second}\n\n");
    match section % 5 {
        0 => write_table(text, chance),
        1 | 3 => {
            let (language, code) = CODE[chance.below(CODE.len())];
            let _ = write!(text, "```{language}\n{code}```\n\n");
        }
        2 => {
            for number in 1..=5 {
                let _ = writeln!(text, "- {}", chance.sentences(1));
                if number == 3 {
                    let _ = writeln!(text, "  - {}\n  - {}", chance.words(6), chance.words(5));
                }
            }
            text.push('\n');
        }
        _ => {
            for number in 1..=4 {
                let _ = writeln!(text, "{number}. {}", chance.sentences(1));
            }
            let _ = write!(text, "\n> {}\n\n", chance.sentences(2));
        }
    }
}

fn write_table(text: &mut String, chance: &mut Chance) {
    text.push_str("| name | what it does | cost |\n| --- | :-- | --: |\n");
    for _ in 0..5 {
        let _ = writeln!(text, "| {} | {} | {} |", chance.words(1), chance.words(4), chance.below(1000));
    }
    text.push('\n');
}

/// Numbers that look like chance and are none.
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % limit
    }

    fn words(&mut self, count: usize) -> String {
        (0..count).map(|_| WORDS[self.below(WORDS.len())]).collect::<Vec<_>>().join(" ")
    }

    fn sentences(&mut self, count: usize) -> String {
        let sentence = |_| {
            let length = 8 + self.below(14);
            format!("{SENTENCE}{}.", self.words(length))
        };
        (0..count).map(sentence).collect::<Vec<_>>().join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_has_what_models_write() {
        let text = markdown(100_000, 3);
        assert_eq!(text, markdown(100_000, 3));
        assert!((100_000..103_000).contains(&text.len()), "{}", text.len());
        for part in
            ["\n# ", "\n## ", "\n### ", "```rust\n", "```python\n", "\n- ", "\n  - ", "\n1. ", "| --- |", "\n> "]
        {
            assert!(text.contains(part), "no {part:?}");
        }
        assert!(text.starts_with(BEGINS) && text.ends_with(&format!("\n{ENDS}3.")));
        assert_eq!(text.matches(ENDS).count() + text.matches(BEGINS).count(), 2);
        assert_eq!(text.matches("```").count() % 2, 0, "a block of code is open");
    }
}
